"""What Organizations and Account say, page by page, and what they refuse."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from responder.aws.faults import AwsRefused, AwsUnavailable
from responder.aws.organization import QUOTAS, OrganizationDirectory, active_accounts
from responder.aws.pace import Pace
from responder.domain.enrichment.context import AccountContext, SecurityContact

MANAGER, ACCOUNT = "999999999999", "444455556666"
CONTACT = {"Name": "Zoë", "EmailAddress": "zoe@example.com", "PhoneNumber": "+1-555-0142", "Title": "Lead"}


@dataclass
class World:
    organizations: Any
    account: Any
    counted: dict[str, int] = field(default_factory=dict)

    def read(self, account: str = ACCOUNT, *, caller: str = MANAGER) -> AccountContext:
        directory = OrganizationDirectory(
            self.organizations.client,
            self.account.client,
            caller=caller,
            pace=Pace(QUOTAS, clock=lambda: datetime(2026, 3, 2, tzinfo=UTC), sleep=lambda _: None),
            count=lambda name, number: self.counted.update({name: number}),
        )
        context = directory.read(account, lambda ou: {"ou-ab12-workload": "Workloads", "ou-ab12-prod1234": "Prod"}[ou])
        self.organizations.assert_no_pending_responses()
        self.account.assert_no_pending_responses()
        return context

    def described(self, account: str = ACCOUNT, **changes: Any) -> None:
        answer = {
            "Id": account,
            "Arn": f"arn:aws:organizations::{MANAGER}:account/o-a1b2c3d4e5/{account}",
            "Name": "Payments Production",
            "State": "ACTIVE",
            "Paths": [f"o-a1b2c3d4e5/r-ab12/ou-ab12-workload/ou-ab12-prod1234/{account}/"],
        } | changes
        given = {name: value for name, value in answer.items() if value is not None}
        self.organizations.add_response("describe_account", {"Account": given}, {"AccountId": account})

    def tagged(self, account: str = ACCOUNT, **tags: str) -> None:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.organizations.add_response("list_tags_for_resource", {"Tags": pairs}, {"ResourceId": account})

    def contact(self, account: str | None = ACCOUNT) -> None:
        asked = {"AlternateContactType": "SECURITY"} | ({"AccountId": account} if account else {})
        self.account.add_response("get_alternate_contact", {"AlternateContact": CONTACT}, asked)


@pytest.fixture
def world() -> Iterator[World]:
    with Stubber(boto3.client("organizations")) as organizations, Stubber(boto3.client("account")) as account:
        yield World(organizations, account)


def test_everything_is_read(world: World) -> None:
    world.described()
    world.tagged(Environment="PROD")
    world.contact()

    assert world.read() == AccountContext(
        ACCOUNT,
        "Payments Production",
        "ACTIVE",
        ("Root", "Workloads", "Prod"),
        {"Environment": "PROD"},
        SecurityContact("Zoë", "zoe@example.com", "+1-555-0142", "Lead"),
    )
    assert world.counted == {}


def test_tags_are_read_to_the_last_page(world: World) -> None:
    world.described()
    for page, token in ((1, None), (2, "second"), (3, "third")):
        answer = {"Tags": [{"Key": f"tag {page}", "Value": "x"}]}
        following = {1: "second", 2: "third"}.get(page)
        world.organizations.add_response(
            "list_tags_for_resource",
            answer | ({"NextToken": following} if following else {}),
            {"ResourceId": ACCOUNT} | ({"NextToken": token} if token else {}),
        )
    world.contact()

    assert world.read().tags == {"tag 1": "x", "tag 2": "x", "tag 3": "x"}


def test_without_paths_the_parents_are_walked(world: World) -> None:
    world.described(Paths=None)
    for child, kind, parent in (
        (ACCOUNT, "ORGANIZATIONAL_UNIT", "ou-ab12-prod1234"),
        ("ou-ab12-prod1234", "ORGANIZATIONAL_UNIT", "ou-ab12-workload"),
        ("ou-ab12-workload", "ROOT", "r-ab12"),
    ):
        world.organizations.add_response(
            "list_parents", {"Parents": [{"Id": parent, "Type": kind}]}, {"ChildId": child}
        )
    world.tagged()
    world.contact()

    assert world.read().ou_path == ("Root", "Workloads", "Prod")


def test_an_account_directly_under_the_root(world: World) -> None:
    world.described(Paths=[f"o-a1b2c3d4e5/r-ab12/{ACCOUNT}/"])
    world.tagged()
    world.contact()

    context = world.read()

    assert (context.ou_path, context.ou_name) == (("Root",), "ROOT")


def test_a_closed_account_says_so(world: World) -> None:
    world.described(State="CLOSED")
    world.tagged()
    world.contact()

    assert world.read().state == "CLOSED"


@pytest.mark.parametrize("code", ["AccountNotFoundException", "AWSOrganizationsNotInUseException"])
def test_an_account_outside_the_organization_is_unknown(world: World, code: str) -> None:
    world.organizations.add_client_error("describe_account", code)

    assert world.read() == AccountContext(ACCOUNT)
    assert world.counted == {"AccountsUnknown": 1}


def test_what_is_no_account_id_is_not_asked_for(world: World) -> None:
    assert world.read("vendor-1") == AccountContext("vendor-1")


def test_an_account_without_organization_still_has_its_own_contact(world: World) -> None:
    world.organizations.add_client_error("describe_account", "AWSOrganizationsNotInUseException")
    world.contact(account=None)

    contact = world.read(caller=ACCOUNT).contact

    assert contact is not None
    assert contact.name == "Zoë"


def test_the_management_account_must_not_name_itself(world: World) -> None:
    world.described(MANAGER, Paths=[f"o-a1b2c3d4e5/r-ab12/{MANAGER}/"])
    world.tagged(MANAGER)
    world.contact(account=None)

    assert world.read(MANAGER).contact is not None


def test_no_contact_is_no_fault(world: World) -> None:
    world.described()
    world.tagged()
    world.account.add_client_error("get_alternate_contact", "ResourceNotFoundException", http_status_code=404)

    assert world.read().contact is None
    assert world.counted == {}


def test_a_contact_that_may_not_be_read_is_counted(world: World) -> None:
    world.described()
    world.tagged(Owner="payments")
    world.account.add_client_error("get_alternate_contact", "AccessDeniedException", http_status_code=403)

    context = world.read()

    assert (context.name, context.tags, context.contact) == ("Payments Production", {"Owner": "payments"}, None)
    assert world.counted == {"ContactsUnreadable": 1}


def test_tags_that_may_not_be_read_are_counted(world: World) -> None:
    world.described()
    world.organizations.add_client_error("list_tags_for_resource", "AccessDeniedException")
    world.contact()

    context = world.read()

    assert (context.tags, context.contact is None) == ({}, False)
    assert world.counted == {"TagsUnreadable": 1}


def test_who_may_not_even_describe_the_account_gets_no_context(world: World) -> None:
    world.organizations.add_client_error("describe_account", "AccessDeniedException")

    with pytest.raises(AwsRefused, match="could not describe an account: AccessDeniedException"):
        world.read()


def test_a_throttled_part_is_no_missing_part(world: World) -> None:
    world.described()
    world.tagged()
    for _ in range(5):  # botocore's own attempts
        world.account.add_client_error("get_alternate_contact", "TooManyRequestsException", http_status_code=429)

    with pytest.raises(AwsUnavailable):
        world.read()


def test_active_accounts_are_listed_to_the_last_page() -> None:
    pages = [
        ([("111111111111", "ACTIVE"), ("222222222222", "SUSPENDED")], None, "second"),
        ([], "second", "third"),  # Organizations may give an empty page before the last
        ([("333333333333", "PENDING_CLOSURE"), ("444444444444", "ACTIVE")], "third", None),
    ]
    with Stubber(boto3.client("organizations")) as organizations:
        for accounts, token, following in pages:
            organizations.add_response(
                "list_accounts",
                {"Accounts": [{"Id": id_, "Name": f"Account {id_[0]}", "State": state} for id_, state in accounts]}
                | ({"NextToken": following} if following else {}),
                {"NextToken": token} if token else {},
            )
        pace = Pace(QUOTAS, clock=lambda: datetime(2026, 3, 2, tzinfo=UTC), sleep=lambda _: None)

        assert active_accounts(organizations.client, pace=pace) == {
            "111111111111": "Account 1",
            "444444444444": "Account 4",
        }
        organizations.assert_no_pending_responses()

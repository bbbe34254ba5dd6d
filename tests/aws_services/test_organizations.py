"""Organizations and Account Management: what members, the management account and delegated administrators are told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from moto.organizations.models import organizations_backends

from sandbox.aws_services import account_management, organizations

from .conftest import HUB, MEMBER, ClientOf
from .refusals import refused

MANAGEMENT, LONER = HUB, "333333333333"
DELEGATE = "444444444444"
PATHS = re.compile(r"^(o-[a-z0-9]{10,32}/r-[0-9a-z]{4,32}(/ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})*(/\d{12})*)/")


@pytest.fixture
def organization(aws: None) -> organizations.OrganizationsBackend:
    founded = organizations.create_organization(
        MANAGEMENT, "aws", organization_id="o-sandbox0001", account_name="Boss", email="boss@example.com"
    )
    prod = founded.add_unit("Prod", parent_id=founded.organization.root_id)
    tags = {f"key-{number:02d}": "ü" for number in range(45)}
    for account_id, name in ((MEMBER, "Payments"), (DELEGATE, "Security")):
        founded.put_account(account_id, name=name, email="a@example.com", parent_id=prod, state="SUSPENDED", tags=tags)
    founded.delegate(DELEGATE, ["securityhub.amazonaws.com", account_management.SERVICE_PRINCIPAL])
    contact = {"name": "Ann", "email": "ann@example.com", "phone": "+1555", "title": "CISO"}
    for account_id in (MEMBER, MANAGEMENT):
        account_management.put_security_contact(account_id, "aws", **contact)
    return founded


@pytest.fixture
def management(client_of: ClientOf, organization: organizations.OrganizationsBackend) -> Any:
    return client_of("organizations", MANAGEMENT)


def test_an_account_has_a_state_and_a_path_and_no_status(management: Any) -> None:
    account = management.describe_account(AccountId=MEMBER)["Account"]
    assert (account["Id"], account["Name"], account["State"]) == (MEMBER, "Payments", "SUSPENDED")
    assert "Status" not in account
    (path,) = account["Paths"]
    assert PATHS.fullmatch(path)
    organization_id, root_id, unit_id, account_id = path.rstrip("/").split("/")
    assert (organization_id, account_id) == ("o-sandbox0001", MEMBER)
    assert management.list_roots()["Roots"][0]["Id"] == root_id
    unit = management.describe_organizational_unit(OrganizationalUnitId=unit_id)["OrganizationalUnit"]
    assert (unit["Name"], unit["Path"]) == ("Prod", f"o-sandbox0001/{root_id}/{unit_id}/")
    assert management.list_parents(ChildId=MEMBER)["Parents"] == [{"Id": unit_id, "Type": "ORGANIZATIONAL_UNIT"}]


def test_the_management_account_is_a_member_under_the_root(management: Any) -> None:
    account = management.describe_account(AccountId=MANAGEMENT)["Account"]
    root_id = management.list_roots()["Roots"][0]["Id"]
    assert (account["Name"], account["State"]) == ("Boss", "ACTIVE")
    assert account["Paths"] == [f"o-sandbox0001/{root_id}/{MANAGEMENT}/"]
    assert management.list_parents(ChildId=MANAGEMENT)["Parents"] == [{"Id": root_id, "Type": "ROOT"}]
    described = management.describe_organization()["Organization"]
    assert (described["Id"], described["MasterAccountId"]) == ("o-sandbox0001", MANAGEMENT)


def test_tags_and_accounts_come_in_pages(management: Any, organization: organizations.OrganizationsBackend) -> None:
    pages = list(management.get_paginator("list_tags_for_resource").paginate(ResourceId=MEMBER))
    assert [len(page["Tags"]) for page in pages] == [20, 20, 5]
    assert len({tag["Key"] for page in pages for tag in page["Tags"]}) == 45
    for number in range(30):
        organization.put_account(
            f"{500000000000 + number}",
            name="n",
            email="a@example.com",
            parent_id=organization.organization.root_id,
            state="ACTIVE",
            tags={},
        )
    accounts = list(management.get_paginator("list_accounts").paginate())
    assert [len(page["Accounts"]) for page in accounts] == [20, 13]
    with refused("InvalidInputException"):
        management.list_tags_for_resource(ResourceId=MEMBER, NextToken="nobody's")


def test_what_is_not_there(management: Any) -> None:
    with refused("AccountNotFoundException"):
        management.describe_account(AccountId=LONER)
    with refused("InvalidInputException"):
        management.describe_account(AccountId="12")
    with refused("ChildNotFoundException"):
        management.list_parents(ChildId=LONER)
    with refused("TargetNotFoundException"):
        management.list_tags_for_resource(ResourceId=LONER)
    with refused("OrganizationalUnitNotFoundException"):
        management.describe_organizational_unit(OrganizationalUnitId="ou-abcd-12345678")


def test_who_may_ask(client_of: ClientOf, organization: organizations.OrganizationsBackend) -> None:
    member, delegate, loner = (client_of("organizations", account) for account in (MEMBER, DELEGATE, LONER))
    for call in (
        lambda client: client.describe_account(AccountId=MEMBER),
        lambda client: client.list_tags_for_resource(ResourceId=MEMBER),
        lambda client: client.list_accounts(),
    ):
        call(delegate)
        with refused("AccessDeniedException"):
            call(member)
        with refused("AWSOrganizationsNotInUseException"):
            call(loner)
    assert member.describe_organization()["Organization"]["Id"] == "o-sandbox0001"
    with refused("AWSOrganizationsNotInUseException"):
        loner.describe_organization()
    with refused("AccessDeniedException"):  # reading is all that is delegated
        delegate.tag_resource(ResourceId=MEMBER, Tags=[{"Key": "a", "Value": "b"}])


def test_contacts_of_members(client_of: ClientOf, organization: organizations.OrganizationsBackend) -> None:
    for asking in (MANAGEMENT, DELEGATE):
        client = client_of("account", asking)
        contact = client.get_alternate_contact(AccountId=MEMBER, AlternateContactType="SECURITY")["AlternateContact"]
        assert contact == {
            "Name": "Ann",
            "EmailAddress": "ann@example.com",
            "PhoneNumber": "+1555",
            "Title": "CISO",
            "AlternateContactType": "SECURITY",
        }
        with refused("ResourceNotFoundException", 404):
            client.get_alternate_contact(AccountId=DELEGATE, AlternateContactType="SECURITY")
        with refused("AccessDeniedException", 403) as refusal:
            client.get_alternate_contact(AccountId=LONER, AlternateContactType="SECURITY")
        assert "not a member" in refusal.message
        with refused("ValidationException"):
            client.get_alternate_contact(AccountId=MEMBER, AlternateContactType="WEDDINGS")
    member = client_of("account", MEMBER)
    for named in (MANAGEMENT, DELEGATE, MEMBER):
        with refused("AccessDeniedException", 403):
            member.get_alternate_contact(AccountId=named, AlternateContactType="SECURITY")
    assert member.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]["Name"] == "Ann"


def test_the_management_account_leaves_its_own_id_out(
    client_of: ClientOf, organization: organizations.OrganizationsBackend
) -> None:
    for asking in (MANAGEMENT, DELEGATE):
        with refused("AccessDeniedException", 403) as refusal:
            client_of("account", asking).get_alternate_contact(AccountId=MANAGEMENT, AlternateContactType="SECURITY")
        assert "standalone context" in refusal.message
    own = client_of("account", MANAGEMENT).get_alternate_contact(AlternateContactType="SECURITY")
    assert own["AlternateContact"]["Name"] == "Ann"


def test_an_account_without_an_organization_has_its_own_contacts_only(client_of: ClientOf) -> None:
    client = client_of("account", LONER)
    client.put_alternate_contact(
        AlternateContactType="SECURITY", Name="B", EmailAddress="b@example.com", PhoneNumber="1", Title="t"
    )
    assert client.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]["Name"] == "B"
    with refused("AccessDeniedException", 403):
        client.get_alternate_contact(AccountId=LONER, AlternateContactType="SECURITY")


def test_a_reset_forgets_who_was_whose_member(organization: organizations.OrganizationsBackend) -> None:
    assert organizations.organization_of(MEMBER, "aws") is organization
    organization.reset()
    assert organizations_backends.master_accounts == {}
    assert organizations.organization_of(MEMBER, "aws") is None

"""The organization of the sandbox: its document, and what is there once a sandbox is open."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.organization import ORGANIZATION_ID, SAMPLE, Organization, OrganizationError, sample
from sandbox.stacks import Templates
from sandbox.world import Sandbox

from .conftest import HUB, HUB_TEMPLATE, MEMBER, MEMBER_TEMPLATE, event

HUB_ACCOUNT = HUB.partition("/")[0]
CONTACT = {"name": "Ann", "email": "ann@example.com", "phone": "+1555", "title": "CISO"}

ORGANIZATION_TEMPLATE = """
Parameters:
  HubAccountId: {Type: String}
  HubStackName: {Type: String}
  OrganizationId: {Type: String}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: reader
      AssumeRolePolicyDocument: {}
Outputs:
  ReaderArn: {Value: !GetAtt Role.Arn}
  Told: {Value: !Sub "${HubAccountId} ${HubStackName} ${OrganizationId}"}
"""

ASKING = """
import os
import boto3
def lambda_handler(event, context):
    key = boto3.client("sts").assume_role(RoleArn=os.environ["READER"], RoleSessionName="test")["Credentials"]
    client = boto3.client(
        "organizations",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
    )
    return client.describe_account(AccountId=event["account"])["Account"]["Name"]
"""


def account(account_id: str = MEMBER, **members: Any) -> dict[str, Any]:
    return {"id": account_id, "name": f"Account {account_id}", "ou_path": ["Root", "Prod"]} | members


def small(folder: Path, handler: str = "def lambda_handler(e, c): pass", **options: Any) -> Sandbox:
    code = folder / "functions" / "act"
    code.mkdir(parents=True)
    (code / "app.py").write_text(handler)
    hub = HUB_TEMPLATE.replace("Parameters:", "Parameters:\n  ReaderArn: {Type: String, Default: none}", 1)
    hub = hub.replace("BATCH: !Ref Batch", "BATCH: !Ref Batch\n          READER: !Ref ReaderArn")
    texts = {"template": hub, "member": MEMBER_TEMPLATE, "organization": ORGANIZATION_TEMPLATE}
    paths = {}
    for name, text in texts.items():
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(text)
    templates = Templates(hub=paths["template"], member=paths["member"], organization=paths["organization"])
    return Sandbox(HUB, templates=templates, **options)


def refusal(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    code: str = error.value.response["Error"]["Code"]
    return code


# The document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "must be an object, not a list"),
        ({}, "accounts: is missing"),
        ({"accounts": {}}, "accounts: must be a list, not an object"),
        ({"accounts": [], "ous": []}, "ous: is not known; known are accounts, management_account"),
        ({"accounts": [], "management_account": 5}, "management_account: must be text of 12 digits, not 5"),
        ({"accounts": ["x"]}, "accounts[0]: must be an object, not text"),
        ({"accounts": [account(), account("123")]}, 'accounts[1].id: must be text of 12 digits, not "123"'),
        ({"accounts": [account(444455556666)]}, "accounts[0].id: must be text of 12 digits, not 444455556666"),  # type: ignore[arg-type]
        ({"accounts": [account(), account()]}, f"accounts[1].id: {MEMBER} is already that of accounts[0]"),
        ({"accounts": [{"id": MEMBER, "ou_path": ["Root"]}]}, "accounts[0].name: is missing"),
        ({"accounts": [account(name="")]}, 'accounts[0].name: must be text that is not empty, not ""'),
        ({"accounts": [account(ou_path=[])]}, 'accounts[0].ou_path: must be a list that begins with "Root", not []'),
        ({"accounts": [account(ou_path=["Prod"])]}, 'accounts[0].ou_path: must be a list that begins with "Root"'),
        ({"accounts": [account(ou_path="Root")]}, 'accounts[0].ou_path: must be a list that begins with "Root"'),
        ({"accounts": [account(ou_path=["Root", 1])]}, "accounts[0].ou_path[1]: must be text that is not empty, not 1"),
        ({"accounts": [account(tags=[])]}, "accounts[0].tags: must be an object, not a list"),
        ({"accounts": [account(tags={"Owner": None})]}, "accounts[0].tags.Owner: must be text, not null"),
        ({"accounts": [account(state="GONE")]}, "accounts[0].state: must be one of PENDING_ACTIVATION, ACTIVE"),
        ({"accounts": [account(email="a@example.com")]}, "accounts[0].email: is not known"),
        (
            {"accounts": [account(security_contact={"name": "Ann"})]},
            "accounts[0].security_contact.email: is missing",
        ),
        (
            {"accounts": [account(security_contact=CONTACT | {"fax": "1"})]},
            "accounts[0].security_contact.fax: is not known; known are name, email, phone, title",
        ),
        (
            {"accounts": [account(security_contact=CONTACT | {"phone": 1555})]},
            "accounts[0].security_contact.phone: must be text that is not empty, not 1555",
        ),
    ],
)
def test_what_is_wrong_with_a_document_and_where(document: Any, message: str) -> None:
    with pytest.raises(OrganizationError) as error:
        Organization.of(document)
    assert str(error.value).startswith(message)


def test_the_management_account_is_the_one_named_or_a_free_one() -> None:
    named = Organization.of({"accounts": [account()], "management_account": MEMBER})
    assert ([found.id for found in named.accounts], named.management_account) == ([MEMBER], MEMBER)
    free = Organization.of({"accounts": [account("999999999999")]}, taken=["999999999998"])
    assert free.management_account == "999999999997"
    assert [(found.id, found.name) for found in free.accounts][1:] == [("999999999997", "Management")]


def test_the_sample_shows_all_that_a_document_can_say() -> None:
    found = {account.id: account for account in Organization.of(sample()).accounts}
    assert {"111122223333", "444455556666", "777788889999"} < found.keys()
    assert found["444455556666"].tags["Environment"] == "PROD"
    assert {"ACTIVE", "SUSPENDED"} == {account.state for account in found.values()}
    assert any(account.ou_path == ("Root",) for account in found.values())
    assert any(len(account.ou_path) > 3 for account in found.values())
    assert any(account.security_contact is None for account in found.values())
    assert not SAMPLE.read_text("utf-8").isascii()


# What is there


def test_accounts_are_where_the_document_puts_them(tmp_path: Path) -> None:
    listed = [
        account(ou_path=["Root", "A", "Same"], tags={"Owner": "Zürich"}, security_contact=CONTACT),
        account("777788889999", ou_path=["Root", "B", "Same"], state="SUSPENDED"),
        account(HUB_ACCOUNT, ou_path=["Root"]),
    ]
    with small(tmp_path, organization={"accounts": listed, "management_account": "123412341234"}) as sandbox:
        client = sandbox.client("organizations", "123412341234")

        def names_upwards(child: str) -> list[str]:
            (parent,) = client.list_parents(ChildId=child)["Parents"]
            if parent["Type"] == "ROOT":
                return ["Root"]
            unit = client.describe_organizational_unit(OrganizationalUnitId=parent["Id"])["OrganizationalUnit"]
            return [*names_upwards(parent["Id"]), unit["Name"]]

        assert [names_upwards(found["id"]) for found in listed] == [found["ou_path"] for found in listed]
        units = [client.describe_account(AccountId=a["id"])["Account"]["Paths"][0].split("/")[3] for a in listed[:2]]
        assert units[0] != units[1]  # namesakes in different places
        assert client.list_tags_for_resource(ResourceId=MEMBER)["Tags"] == [{"Key": "Owner", "Value": "Zürich"}]
        assert client.describe_account(AccountId="777788889999")["Account"]["State"] == "SUSPENDED"
        assert client.describe_account(AccountId="123412341234")["Account"]["Name"] == "Management"
        contact = sandbox.client("account", "123412341234").get_alternate_contact(
            AccountId=MEMBER, AlternateContactType="SECURITY"
        )["AlternateContact"]
        assert contact["EmailAddress"] == "ann@example.com"
        assert refusal(sandbox.client("organizations").describe_account, AccountId=MEMBER) == "AccessDeniedException"


def test_the_organizations_stack_comes_first_and_the_hub_is_offered_its_outputs(tmp_path: Path) -> None:
    with small(tmp_path, ASKING) as sandbox:
        stack = sandbox.topology.organization
        assert stack is not None
        assert stack.place == ("999999999999", "eu-west-1")
        assert stack.outputs["Told"] == f"{HUB_ACCOUNT} hub {ORGANIZATION_ID}"
        described = sandbox.client("organizations", "999999999999").describe_organization()["Organization"]
        assert described["Id"] == ORGANIZATION_ID
        assert sandbox.function("act").resource.environment["READER"] == stack.outputs["ReaderArn"]
        invocation = sandbox.invoke("act", {"account": MEMBER})
        assert invocation.response == "Payments Production", invocation.error


def test_a_delegated_administrator_reads_without_a_role(tmp_path: Path) -> None:
    with small(tmp_path, delegated_administrator=HUB_ACCOUNT) as sandbox:
        named = sandbox.client("organizations").describe_account(AccountId=MEMBER)["Account"]["Name"]
        assert named == "Payments Production"
        contact = sandbox.client("account").get_alternate_contact(AccountId=MEMBER, AlternateContactType="SECURITY")
        assert contact["AlternateContact"]["Name"] == "Zoë Nuñez"
    with (
        pytest.raises(OrganizationError, match="no member"),
        small(tmp_path / "b", delegated_administrator="123412341234"),
    ):
        pass


def test_one_after_the_other_and_a_thousand_accounts_are_there_at_once(tmp_path: Path) -> None:
    listed = [
        account(
            f"{200000000000 + number}",
            ou_path=["Root", f"{number % 7}", f"{number % 50}"],
            tags={f"tag-{tag}": "x" for tag in range(10)},
            security_contact=CONTACT,
        )
        for number in range(1000)
    ]
    with small(tmp_path / "warm"):
        pass
    sandbox = small(tmp_path / "big", organization={"accounts": listed})
    began = time.perf_counter()
    with sandbox:
        assert time.perf_counter() - began < 2
        client = sandbox.client("organizations", "999999999999")
        assert client.describe_account(AccountId=listed[-1]["id"])["Account"]["Name"] == listed[-1]["name"]
        assert refusal(client.describe_account, AccountId=MEMBER) == "AccountNotFoundException"


def test_in_another_partition(tmp_path: Path) -> None:
    sandbox = small(tmp_path, organization={"accounts": [account()]})
    sandbox.hub = sandbox.hub._replace(region="cn-north-1")
    with sandbox:
        client = sandbox.client("organizations", "999999999999")
        described = client.describe_account(AccountId=MEMBER)["Account"]
        assert described["Arn"].startswith("arn:aws-cn:organizations::999999999999:account/")


def test_the_repositorys_own_templates_deploy_with_it() -> None:
    with Sandbox(HUB) as sandbox:
        assert sandbox.topology.organization is not None
        assert sandbox.deliver([event()])[0].status == "unmatched"
    document = json.loads(SAMPLE.read_text("utf-8")) | {"management_account": HUB_ACCOUNT}
    with Sandbox(HUB, organization=document) as sandbox:  # the hub may be in the management account
        assert sandbox.topology.organization is not None
        assert sandbox.topology.organization.place == sandbox.hub

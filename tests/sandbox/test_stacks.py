"""The repository's own templates: what they deploy is what events meet."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.stacks import Templates
from sandbox.world import Sandbox

HUB, MEMBER = "111122223333", "444455556666"


@pytest.fixture(scope="class")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(f"{HUB}/eu-west-1") as sandbox:
        yield sandbox


def event(source: str, detail_type: str, detail: dict[str, Any], account: str = HUB, region: str = "eu-west-1") -> Any:
    return {"source": source, "detail-type": detail_type, "detail": detail, "account": account, "region": region}


def guardduty(severity: float, account: str = HUB, region: str = "eu-west-1") -> Any:
    return event("aws.guardduty", "GuardDuty Finding", {"severity": severity, "type": "Recon:EC2/X"}, account, region)


def config(rule: str, account: str = MEMBER) -> Any:
    detail = {"configRuleName": rule, "newEvaluationResult": {"complianceType": "NON_COMPLIANT"}}
    return event("aws.config", "Config Rules Compliance Change", detail, account)


def root_call(**detail: Any) -> Any:
    detail = {"eventType": "AwsApiCall", "userIdentity": {"type": "Root"}} | detail
    return event("aws.iam", "AWS API Call via CloudTrail", detail, MEMBER, "us-east-1")


def security_hub(account: str, region: str) -> Any:
    finding = {"Id": f"{account}-{region}", "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/x"}
    return event("aws.securityhub", "Security Hub Findings - Imported", {"findings": [finding]}, account, region)


class TestOneWorld:
    @pytest.mark.parametrize(
        ("given", "forwarded_by", "rules"),
        [
            (root_call(), ["ForwardRootActivityRule"], ["RootActivityRule"]),
            (root_call(readOnly=True), ["ForwardRootActivityRule"], ["RootActivityRule"]),
            (root_call(userIdentity={"type": "Root", "invokedBy": "backup.amazonaws.com"}), [], []),
            (root_call(userIdentity={"type": "IAMUser"}), [], []),
            (root_call(eventType="AwsServiceEvent"), [], []),
            (guardduty(7), ["ForwardGuardDutyFindingsRule"], ["GuardDutyFindingRule"]),
            (guardduty(7.0), ["ForwardGuardDutyFindingsRule"], ["GuardDutyFindingRule"]),
            (guardduty(6.9), ["ForwardGuardDutyFindingsRule"], []),
            (guardduty(8, region="ap-south-1"), ["ForwardGuardDutyFindingsRule"], ["GuardDutyFindingRule"]),
            (guardduty(8, MEMBER), [], []),  # the administrator has it too, and forwards it
            (config("s3-bucket-public-read-prohibited"), ["ForwardConfigComplianceRule"], ["ConfigComplianceRule"]),
            (
                config("securityhub-s3-bucket-public-write-prohibited-4d2b"),
                ["ForwardConfigComplianceRule"],
                ["ConfigComplianceRule"],
            ),
            (config("s3-bucket-versioning-enabled"), ["ForwardConfigComplianceRule"], []),
            (security_hub(HUB, "eu-west-1"), ["ForwardSecurityHubFindingsRule"], ["CollectSignalsRule"]),
            (security_hub(HUB, "us-east-1"), [], []),
            (security_hub(MEMBER, "eu-west-1"), [], []),
        ],
    )
    def test_routes(self, sandbox: Sandbox, given: Any, forwarded_by: list[str], rules: list[str]) -> None:
        (entry,) = sandbox.deliver([given])
        assert list(entry.forwarded_by) == forwarded_by
        assert list(entry.rules) == rules

    def test_names_of_functions_and_environment_as_deployed(self, sandbox: Sandbox) -> None:
        resource = sandbox.function("open_incident").resource
        assert resource.folder.name == "open_incident"
        assert resource.timeout_seconds == 30
        assert resource.environment["RESPONSE_PLAN_ARN"] == f"arn:aws:ssm-incidents::{HUB}:response-plan/hub"
        assert resource.environment["GUARDDUTY_MINIMUM_SEVERITY"] == "7.0"
        rules = "s3-bucket-public-read-prohibited,s3-bucket-public-write-prohibited"
        assert resource.environment["CONFIG_RULE_NAMES"] == rules

    def test_tables_have_their_time_to_live(self, sandbox: Sandbox) -> None:
        table = sandbox.function("open_incident").resource.environment["INCIDENTS_TABLE"]
        described = sandbox.client("dynamodb").describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}

    def test_a_client_of_any_account_sees_that_account_only(self, sandbox: Sandbox) -> None:
        assert sandbox.client("sts", MEMBER).get_caller_identity()["Account"] == MEMBER
        assert sandbox.client("sqs", MEMBER, "sa-east-1").list_queues().get("QueueUrls", []) == []
        queues = [*sandbox.topology.hub.queues, *sandbox.topology.member(HUB, "eu-west-1").queues]
        urls = sandbox.client("sqs").list_queues()["QueueUrls"]
        assert sorted(urls) == sorted(queue.url for queue in queues)

    def test_a_member_stack_is_quick_to_deploy(self, sandbox: Sandbox) -> None:
        events = [json.loads(json.dumps(root_call())) | {"account": f"{300000000000 + n}"} for n in range(30)]
        assert {entry.status for entry in sandbox.deliver(events)} <= {"handled", "rejected"}
        assert sum(1 for _ in sandbox.topology.stacks()) > 30


def test_parameters_are_resolved_as_cloudformation_does() -> None:
    hub = {"GuardDutyMinimumSeverity": "4", "ConfigRuleNames": "a-rule,another-rule", "OrganizationId": ""}
    with Sandbox(f"{HUB}/eu-west-1", parameters={"hub": hub}) as sandbox:
        entries = sandbox.deliver([guardduty(4), guardduty(3.9), config("my-another-rule"), config("s3-bucket")])
        assert [bool(entry.rules) for entry in entries] == [True, False, True, False]


def test_a_given_key_and_a_permissions_boundary_take_effect() -> None:
    key = f"arn:aws:kms:eu-west-1:{HUB}:key/0f5d1cbb-6a4d-5e0f-d3e0-e0b8c81e728d"
    boundary = f"arn:aws:iam::{HUB}:policy/boundary"
    given = {"KmsKeyArn": key, "PermissionsBoundaryArn": boundary}
    with Sandbox(f"{HUB}/eu-west-1", parameters={"hub": given}) as sandbox:
        (entry,) = sandbox.deliver([guardduty(8)])
        assert entry.status in {"handled", "rejected"}
        queues = [queue.url for queue in sandbox.topology.hub.queues if queue.name == "OpenIncidentQueue"]
        read = sandbox.client("sqs").get_queue_attributes(QueueUrl=queues[0], AttributeNames=["KmsMasterKeyId"])
        assert read["Attributes"] == {"KmsMasterKeyId": key}
        assert sandbox.client("kms").list_keys()["Keys"] == []
        role = sandbox.function("open_incident").resource.role_arn.rpartition("/")[2]
        attached = sandbox.client("iam").get_role(RoleName=role)["Role"]["PermissionsBoundary"]
        assert attached["PermissionsBoundaryArn"] == boundary


def test_another_guardduty_administrator() -> None:
    member = {"GuardDutyAdministratorAccountId": MEMBER}
    with Sandbox(f"{HUB}/eu-west-1", parameters={"member": member}) as sandbox:
        entries = sandbox.deliver([guardduty(8, MEMBER), guardduty(8, HUB)])
        assert [bool(entry.rules) for entry in entries] == [True, False]


def test_the_hub_may_be_anywhere() -> None:
    with Sandbox("777788889999/ap-southeast-2") as sandbox:
        (entry,) = sandbox.deliver([guardduty(8, "777788889999", "eu-north-1")])
        assert list(entry.rules) == ["GuardDutyFindingRule"]
        assert sandbox.report()["hub"] == "777788889999/ap-southeast-2"


def test_nothing_of_the_templates_is_named_in_the_sandbox() -> None:
    """The wiring has one description: the templates."""
    names = set()
    templates = Templates()
    for path in (templates.hub, templates.member, templates.organization):
        assert path is not None
        text = path.read_text()
        resources = text[text.index("\nResources:") : text.index("\nOutputs:")]
        names |= {line.strip(" :") for line in resources.splitlines() if line[:3].strip() and line[:2] == "  "}
    names |= {"open_incident"}
    assert len(names) > 20
    paths = Path(Templates().hub.parent, "sandbox").glob("*.py")
    # Which sample event suits which function, how many events each rule and function has to do with, and where SAM puts
    # what it builds, is no wiring.
    others = ("sam_local.py", "costs.py", "built.py")
    code = "\n".join(path.read_text() for path in paths if path.name not in others)
    assert [name for name in names if f'"{name}"' in code or f"'{name}'" in code] == []

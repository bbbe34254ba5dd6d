"""IAM's rules as they are applied here, and the ARNs that calls are said to be about."""

from typing import Any

import pytest

from tests.permissions.authorization import ANY, Call, World, requests_of
from tests.permissions.policies import Statement, arn_matches, condition_holds, refusal
from tests.permissions.reference import resource_types

QUEUE = "arn:aws:sqs:eu-west-1:111122223333:inbox"
TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/incidents"


@pytest.mark.parametrize(
    ("pattern", "arn", "matches"),
    [
        ("*", QUEUE, True),
        (QUEUE, QUEUE, True),
        (QUEUE, f"{QUEUE}-2", False),
        (f"{QUEUE}*", f"{QUEUE}-2", True),
        ("arn:aws:sqs:*:111122223333:inbox", QUEUE, True),
        ("arn:aws:sqs:eu-west-?:111122223333:in*x", QUEUE, True),
        ("arn:aws:sqs:eu-west-?:111122223333:in?x", QUEUE, False),
        ("arn:aws:sqs:eu-west-1:444455556666:inbox", QUEUE, False),
        ("arn:aws:sqs:eu-west-1:111122223333:INBOX", QUEUE, False),
        ("arn:aws:sqs:*:inbox", QUEUE, False),
        ("arn:aws:s3:::logs", QUEUE, False),
        (f"{TABLE}/stream/*", f"{TABLE}/stream/2026-03-01T00:00:00.000", True),
        (f"{TABLE}/stream/*", TABLE, False),
        ("arn:aws:logs:eu-west-1:1:log-group:a:*", "arn:aws:logs:eu-west-1:1:log-group:a:log-stream:b", True),
        ("arn:aws:logs:eu-west-1:1:log-group:a", "arn:aws:logs:eu-west-1:1:log-group:a:log-stream:b", False),
        ("arn:aws:sqs:eu-west-1:111122223333:in.ox", QUEUE, False),
    ],
)
def test_a_resource_pattern_matches_by_segments(pattern: str, arn: str, matches: bool) -> None:
    assert arn_matches(pattern, arn) == matches


STATUS = "securityhub:ASFFSyntaxPath/Workflow.Status"


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({}, {}, True),
        ({"StringEquals": {STATUS: "RESOLVED"}}, {STATUS: ("RESOLVED",)}, True),
        ({"StringEquals": {STATUS: "RESOLVED"}}, {STATUS.upper(): ("RESOLVED",)}, True),
        ({"StringEquals": {STATUS: "RESOLVED"}}, {STATUS: ("resolved",)}, False),
        ({"StringEquals": {STATUS: ["NEW", "RESOLVED"]}}, {STATUS: ("RESOLVED",)}, True),
        ({"StringEquals": {STATUS: "RESOLVED"}}, {}, False),
        ({"StringNotEquals": {STATUS: "RESOLVED"}}, {STATUS: ("RESOLVED",)}, False),
        ({"StringNotEquals": {STATUS: "RESOLVED"}}, {STATUS: ("NEW",)}, True),
        ({"StringNotEquals": {STATUS: ["NEW", "RESOLVED"]}}, {STATUS: ("NEW",)}, False),
        ({"StringNotEquals": {STATUS: "RESOLVED"}}, {}, True),
        ({"Null": {STATUS: False}}, {STATUS: ("NEW",)}, True),
        ({"Null": {STATUS: "false"}}, {}, False),
        ({"Null": {STATUS: True}}, {}, True),
        ({"ForAnyValue:StringEquals": {"account:AlternateContactTypes": "SECURITY"}}, {}, False),
        (
            {"ForAnyValue:StringEquals": {"account:AlternateContactTypes": ["SECURITY"]}},
            {"account:AlternateContactTypes": ("BILLING", "SECURITY")},
            True,
        ),
        (
            {"StringEquals": {STATUS: "NEW"}, "Null": {"aws:CalledViaFirst": True}},
            {STATUS: ("NEW",), "aws:CalledViaFirst": ("ssm-incidents.amazonaws.com",)},
            False,
        ),
    ],
    ids=str,
)
def test_a_condition_holds_as_the_request_says(
    condition: dict[str, Any], context: dict[str, tuple[str, ...]], holds: bool
) -> None:
    assert condition_holds(condition, context) == holds


@pytest.mark.parametrize(
    "condition", [{"StringLike": {STATUS: "R*"}}, {"StringEquals": {"dynamodb:LeadingKeys": "a"}}], ids=str
)
def test_operators_and_keys_that_are_not_known_are_not_guessed(condition: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not known here|no rule is known here"):
        condition_holds(condition, {})


def test_a_statement_with_elements_that_are_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="NotAction"):
        Statement.of({"Effect": "Allow", "NotAction": "sqs:*", "Resource": "*"})


SEND = Statement("Send", True, ("sqs:SendMessage",), (QUEUE,))
NEVER = Statement("Never", False, ("sqs:*",), ("*",), {"Null": {STATUS: False}})


def test_what_no_statement_allows_is_refused_and_a_deny_outdoes_what_allows_it() -> None:
    assert refusal([SEND], "sqs:SendMessage", QUEUE, {}) is None
    assert refusal([SEND], "sqs:ReceiveMessage", QUEUE, {}) == "no statement allows it"
    assert refusal([SEND], "sqs:SendMessage", f"{QUEUE}-2", {}) == "no statement allows it"
    assert refusal([SEND, NEVER], "sqs:SendMessage", QUEUE, {}) is None
    assert refusal([SEND, NEVER], "sqs:SendMessage", QUEUE, {STATUS: ("NEW",)}) == "Never denies it"
    assert refusal([NEVER, SEND], "sqs:SendMessage", QUEUE, {STATUS: ("NEW",)}) == "Never denies it"


PRODUCT = "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"
WORLD = World("o-a1b2c3d4e5", "999999999999", {"all": "arn:aws:config:eu-west-1:111122223333:config-aggregator/x1"})
RECORD = "arn:aws:ssm-incidents::111122223333:incident-record/security/7a1b"


def requests(name: str, **parameters: Any) -> set[tuple[str, str]]:
    service, operation = name.split(":")
    call = Call("act", "role", "111122223333", "eu-west-1", service, operation, parameters)
    return {(request.action, request.resource) for request in requests_of(call, WORLD)}


@pytest.mark.parametrize(
    ("name", "parameters", "resources"),
    [
        (
            "account:GetAlternateContact",
            {"AlternateContactType": "SECURITY"},
            ["arn:aws:account::111122223333:account"],
        ),
        (
            "account:GetAlternateContact",
            {"AlternateContactType": "SECURITY", "AccountId": "444455556666"},
            ["arn:aws:account::999999999999:account/o-a1b2c3d4e5/444455556666"],
        ),
        (
            "config:SelectAggregateResourceConfig",
            {"ConfigurationAggregatorName": "all"},
            ["arn:aws:config:eu-west-1:111122223333:config-aggregator/x1"],
        ),
        ("dynamodb:BatchGetItem", {"RequestItems": {"incidents": {}}}, [TABLE]),
        ("dynamodb:Query", {"TableName": "incidents"}, [TABLE]),
        (
            "organizations:ListParents",
            {"ChildId": "ou-ab12-prod1234"},
            ["arn:aws:organizations::999999999999:ou/o-a1b2c3d4e5/ou-ab12-prod1234"],
        ),
        (
            "organizations:DescribeAccount",
            {"AccountId": "444455556666"},
            ["arn:aws:organizations::999999999999:account/o-a1b2c3d4e5/444455556666"],
        ),
        ("securityhub:GetFindings", {}, ["arn:aws:securityhub:eu-west-1:111122223333:hub/default"]),
        (
            "securityhub:BatchImportFindings",
            {
                "Findings": [{"ProductArn": "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"}]
                * 2
            },
            ["arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"],
        ),
        ("sqs:SendMessage", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/inbox"}, [QUEUE]),
        (
            "ssm-incidents:UpdateRelatedItems",
            {"incidentRecordArn": RECORD},
            [RECORD, "arn:aws:ssm-incidents::111122223333:response-plan/security"],
        ),
        ("ssm:UpdateOpsItem", {"OpsItemId": "oi-1"}, ["arn:aws:ssm:eu-west-1:111122223333:opsitem/oi-1"]),
        ("ssm:CreateOpsItem", {}, [ANY]),
    ],
    ids=str,
)
def test_a_call_is_about_these_resources_of_the_types_that_aws_says(
    name: str, parameters: dict[str, Any], resources: list[str]
) -> None:
    assert requests(name, **parameters) == {(name, resource) for resource in resources}
    for resource in resources:
        forms = [form for forms in resource_types(name).values() for form in forms]
        assert any(form.fullmatch(resource) for form in forms) if forms else resource == ANY


def test_a_transaction_needs_the_actions_of_its_parts() -> None:
    writes = [{"Put": {"TableName": "incidents"}}, {"ConditionCheck": {"TableName": "others"}}]
    others = TABLE.replace("incidents", "others")

    assert requests("dynamodb:TransactWriteItems", TransactItems=writes) == {
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:ConditionCheckItem", others),
    }


def test_an_update_of_findings_has_a_condition_key_for_each_field() -> None:
    parameters = {"FindingIdentifiers": [], "Note": {"Text": "x", "UpdatedBy": "y"}, "Workflow": {"Status": "RESOLVED"}}
    call = Call("act", "role", "111122223333", "eu-west-1", "securityhub", "BatchUpdateFindings", parameters)
    (request,) = requests_of(call, WORLD)

    assert dict(request.context) == {
        "securityhub:ASFFSyntaxPath/Note.Text": ("x",),
        "securityhub:ASFFSyntaxPath/Note.UpdatedBy": ("y",),
        STATUS: ("RESOLVED",),
    }


def test_an_operation_that_is_not_known_must_be_looked_up() -> None:
    with pytest.raises(LookupError, match=r"act calls sqs:PurgeQueue: say in tests\.permissions\.authorization"):
        requests("sqs:PurgeQueue", QueueUrl="https://sqs.eu-west-1.amazonaws.com/111122223333/inbox")

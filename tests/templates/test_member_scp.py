"""The service control policy beside the member template: it keeps what the template's stacks need to be heard."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.permissions.reference import may_be_about
from tests.templates.test_templates import TEMPLATES, resources, transformed

LARGEST = 5120
"""Characters. Source: AWS Organizations quotas."""
KEPT = 24
"""Of a stack's name and of a logical id, in a generated name of at most 64 characters; 12 random ones end it."""

MEMBER = transformed(TEMPLATES["member"])
TEXT = (TEMPLATES["member"].parent / "member-scp.json").read_text()
POLICY = json.loads(TEXT)
SET = "security-responder-member"
EXECUTION_ROLE = "arn:aws:iam::444455556666:role/stacksets-exec-0123456789abcdef0123456789abcdef"
ADMINISTRATOR = "arn:aws:iam::444455556666:role/Admin"


def stacks() -> list[str]:
    """Names of member stacks: of the set of the README, and of the configuration of SAM."""
    return [f"StackSet-{SET}-0f0e0d0c-1111-2222-3333-444455556666", SET]


def generated(stack: str, logical_id: str) -> str:
    """A name as CloudFormation generates it."""
    return f"{stack[:KEPT]}-{logical_id[:KEPT]}-1A2B3C4D5E6F"


def denied(action: str, resource: str, principal: str) -> bool:
    return any(
        action in statement["Action"]
        and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        and not any(fnmatchcase(principal, pattern) for pattern in excepted(statement))
        for statement in POLICY["Statement"]
    )


def excepted(statement: dict[str, Any]) -> list[str]:
    found: list[str] = statement.get("Condition", {"ArnNotLike": {"aws:PrincipalArn": []}})["ArnNotLike"][
        "aws:PrincipalArn"
    ]
    return found


def kept() -> list[tuple[str, str]]:
    """Calls that would silence a member, and the ARN that each is about."""
    here = "eu-west-1:444455556666"
    calls = []
    for stack in stacks():
        for rule in resources(MEMBER, "AWS::Events::Rule"):
            for call in ("DeleteRule", "DisableRule", "PutRule", "PutTargets", "RemoveTargets"):
                calls.append((f"events:{call}", f"arn:aws:events:{here}:rule/{generated(stack, rule)}"))
        for schedule in resources(MEMBER, "AWS::Scheduler::Schedule"):
            for call in ("DeleteSchedule", "UpdateSchedule"):
                name = generated(stack, schedule)
                calls.append((f"scheduler:{call}", f"arn:aws:scheduler:{here}:schedule/default/{name}"))
        for role in resources(MEMBER, "AWS::IAM::Role"):
            for call in ("DeleteRole", "DeleteRolePolicy", "PutRolePolicy", "UpdateAssumeRolePolicy"):
                calls.append((f"iam:{call}", f"arn:aws:iam::444455556666:role/{generated(stack, role)}"))
        arn = f"arn:aws:cloudformation:{here}:stack/{stack}/0f0e0d0c-1111-2222-3333-444455556666"
        calls += [("cloudformation:DeleteStack", arn), ("cloudformation:UpdateStack", arn)]
    return calls


def test_nobody_silences_a_member_but_the_role_of_the_stack_set() -> None:
    calls = kept()

    assert len(calls) == 2 * (6 * 5 + 2 + 2 * 4) + 4
    assert [call for call in calls if not denied(*call, ADMINISTRATOR)] == []
    assert [call for call in calls if denied(*call, EXECUTION_ROLE)] == []


def test_stacks_of_others_are_theirs() -> None:
    for name in ("audit-ForwardRole-1A2B3C4D5E6F", "StackSet-network-ForwardRole-1A2B3C4D5E6F"):
        assert not denied("iam:CreateRole", f"arn:aws:iam::444455556666:role/{name}", ADMINISTRATOR)
    rule = "arn:aws:events:eu-west-1:444455556666:rule/audit-ForwardGuardDutyFindings-1A2B3C4D5E6F"
    assert not denied("events:PutRule", rule, ADMINISTRATOR)


def test_nobody_makes_himself_that_role() -> None:
    for call in ("CreateRole", "UpdateAssumeRolePolicy", "PutRolePolicy"):
        for principal in (ADMINISTRATOR, EXECUTION_ROLE):
            assert denied(f"iam:{call}", EXECUTION_ROLE, principal)


@pytest.mark.parametrize("action", ["organizations:LeaveOrganization", "account:CloseAccount"])
def test_nobody_takes_an_account_out_of_the_organization(action: str) -> None:
    assert denied(action, "*", ADMINISTRATOR)


def test_the_rest_is_let_alone() -> None:
    others = [
        ("events:PutRule", "arn:aws:events:eu-west-1:444455556666:rule/nightly-report"),
        ("events:PutEvents", "arn:aws:events:eu-west-1:444455556666:event-bus/default"),
        ("scheduler:DeleteSchedule", "arn:aws:scheduler:eu-west-1:444455556666:schedule/default/nightly"),
        ("iam:DeleteRole", "arn:aws:iam::444455556666:role/build"),
        ("cloudformation:DeleteStack", "arn:aws:cloudformation:eu-west-1:444455556666:stack/shop/0f0e"),
    ]
    assert [call for call in others if denied(*call, ADMINISTRATOR)] == []


def test_it_denies_only_actions_that_there_are_on_resources_that_they_are_about() -> None:
    for statement in POLICY["Statement"]:
        assert statement["Effect"] == "Deny"
        for action in statement["Action"]:
            for pattern in statement["Resource"]:
                assert may_be_about(action, pattern), (action, pattern)


def test_organizations_takes_it() -> None:
    assert len(TEXT) <= LARGEST  # the command line sends it as it is

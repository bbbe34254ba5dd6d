"""parliament on every statement of every policy: of roles, whom they trust, queues, topics, the key and the bus."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.linting import parliament_report
from tests.linting.conftest import TEMPLATES, Forms
from tests.linting.findings import Finding, unexplained
from tests.linting.forms import ARNS
from tests.linting.reviewed import PARLIAMENT


def policies(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    """The statements of each policy in a part of a template, and where it is."""
    if isinstance(value, dict) and "Statement" in value:
        listed = value["Statement"]
        yield path, listed if isinstance(listed, list) else [listed]
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from policies(member, path if name in ("Properties", "PolicyDocument") else (*path, name))
    elif isinstance(value, list):
        for member in value:
            yield from policies(member, path)


def with_its_resource(statement: dict[str, Any], kind: str, logical_id: str) -> dict[str, Any]:
    """The statement, about the role or key that it is attached to: there, none or a star stands for it."""
    attached = kind == "AWS::KMS::Key" or (statement.get("Action") == "sts:AssumeRole" and "Resource" not in statement)
    return statement | {"Resource": ARNS[kind].format(logical_id)} if attached else statement


def statements(all_forms: Forms) -> dict[str, dict[str, Any]]:
    """Every statement, by the type and logical id of its resource, where it is in it, and its Sid or number."""
    found: dict[str, dict[str, Any]] = {}
    for form in all_forms.values():
        for logical_id, resource in form["Resources"].items():
            for path, listed in policies(resource, (resource["Type"], logical_id)):
                names = [statement.get("Sid", str(number)) for number, statement in enumerate(listed)]
                assert len(set(names)) == len(names), path
                for name, statement in zip(names, listed, strict=True):
                    where = ".".join((*path, name))
                    whole = with_its_resource(statement, resource["Type"], logical_id)
                    found.setdefault(f"{where}#{json.dumps(whole, sort_keys=True)}", whole)
    return found


def reported(linters: Path, given: dict[str, dict[str, Any]]) -> set[Finding]:
    """What parliament says of the statements."""
    command = [str(linters / "python"), "-W", "ignore", str(Path(parliament_report.__file__))]
    ran = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return {
        Finding(issue, name.partition("#")[0], detail)
        for name, found in json.loads(ran.stdout).items()
        for issue, detail in found
    }


def test_the_statements_have_no_finding_without_a_reason_and_no_reason_without_a_finding(
    all_forms: Forms, linters: Path
) -> None:
    assert unexplained(reported(linters, statements(all_forms)), PARLIAMENT) == []


def test_the_service_control_policy_has_no_finding(linters: Path) -> None:
    policy = json.loads((TEMPLATES["member"].parent / "member-scp.json").read_text())

    assert reported(linters, {statement["Sid"]: statement for statement in policy["Statement"]}) == set()


def test_no_policy_is_left_out(all_forms: Forms) -> None:
    holders = {name.split(".")[0] for name in statements(all_forms)}

    assert holders == {
        "AWS::Events::EventBusPolicy",
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
    texts = json.dumps(list(all_forms.values())).count('"Effect": ')
    assert texts == sum(
        len(listed)
        for form in all_forms.values()
        for resource in form["Resources"].values()
        for _, listed in policies(resource, ())
    )


def test_what_parliament_finds_is_heard_of(linters: Path) -> None:
    table = ARNS["AWS::DynamoDB::Table"].format("incidents")
    given = {
        "Typo": {"Effect": "Allow", "Action": "dynamodb:GetItems", "Resource": table},
        "Star": {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"},
        "Mismatch": {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": table},
        "Fine": {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": table},
    }

    assert {(found.where, found.rule) for found in reported(linters, given)} == {
        ("Typo", "UNKNOWN_ACTION"),
        ("Star", "RESOURCE_STAR"),
        ("Mismatch", "RESOURCE_MISMATCH"),
    }

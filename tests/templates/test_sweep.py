"""The sweep's section of the hub's template: there only if asked for, and within its own limits."""

import json
from typing import Any

import pytest

from responder.domain.deletion.sweep import read_part
from responder.domain.event import parse_event
from tests.templates.test_templates import LONGEST_CALL, TEMPLATES, referred, resources, statements, transformed


@pytest.fixture(scope="module")
def hub() -> dict[str, Any]:
    return transformed(TEMPLATES["hub"])


def test_nothing_of_the_sweep_is_there_unless_it_is_asked_for(hub: dict[str, Any]) -> None:
    own = {name: resource for name, resource in hub["Resources"].items() if name.startswith("SweepDeleted")}

    assert hub["Parameters"]["SweepMode"]["Default"] == "Off"
    assert len(own) > 12
    assert {resource.get("Condition") for resource in own.values()} == {"Sweeps"}


@pytest.mark.parametrize(("for_good", "dry_run"), [(1, False), (2, True)], ids=["Resolve", "DryRun"])
def test_the_schedule_sends_an_event_that_begins_a_sweep(hub: dict[str, Any], for_good: int, dry_run: bool) -> None:
    schedule = resources(hub, "AWS::Scheduler::Schedule")["SweepDeletedSchedule"]
    text, chosen = schedule["Target"]["Input"]["Fn::Sub"]
    condition = chosen["DryRun"]["Fn::If"]
    for name, value in {
        "${DryRun}": condition[for_good],
        "${AWS::AccountId}": "123456789012",
        "${AWS::Region}": "eu-west-1",
        "<aws.scheduler.execution-id>": "d32c5kddcf5bb8c3",
        "<aws.scheduler.scheduled-time>": "2026-03-10T03:00:00Z",
    }.items():
        text = text.replace(name, value)

    part = read_part(parse_event(text))

    assert condition[0] == "SweepsForGood"
    assert (part.sweep, part.number, part.dry_run) == ("d32c5kddcf5bb8c3", 1, dry_run)
    assert "${" not in text


def test_the_schedule_may_send_to_the_sweeps_queues_and_do_nothing_else(hub: dict[str, Any]) -> None:
    schedule = resources(hub, "AWS::Scheduler::Schedule")["SweepDeletedSchedule"]
    role = resources(hub, "AWS::IAM::Role")[str(referred(schedule["Target"]["RoleArn"]))]
    (statement,) = statements({"Resources": role["Policies"]})

    assert statement["Action"] == "sqs:SendMessage"
    targets = [referred(schedule["Target"]["Arn"]), referred(schedule["Target"]["DeadLetterConfig"]["Arn"])]
    assert [referred(resource) for resource in statement["Resource"]] == targets


def test_a_dry_run_has_no_permission_to_resolve_nor_to_remember_what_it_resolved(hub: dict[str, Any]) -> None:
    policies = resources(hub, "AWS::IAM::Role")["SweepDeletedRole"]["Policies"]
    listed = policies[0]["PolicyDocument"]["Statement"]
    plain = [statement for statement in listed if statement.get("Effect") == "Allow"]

    needed_to_resolve = ["dynamodb:UpdateItem", "securityhub:BatchUpdateFindings"]
    assert [action for action in needed_to_resolve if action in json.dumps(plain)] == []
    conditional = [statement["Fn::If"] for statement in listed if "Fn::If" in statement]
    assert {condition for condition, _, _ in conditional} == {"SweepsForGood"}
    assert sorted(statement["Action"] for _, statement, _ in conditional) == needed_to_resolve


def test_a_page_that_begins_at_the_last_moment_has_its_time(hub: dict[str, Any]) -> None:
    function = resources(hub, "AWS::Lambda::Function")["SweepDeletedFunction"]
    variables = function["Environment"]["Variables"]

    assert (
        int(variables["TIME_LIMIT_SECONDS"]) + int(variables["PAGE_LIMIT_SECONDS"]) + LONGEST_CALL < function["Timeout"]
    )


def test_parts_that_follow_each_other_are_no_loop_to_be_stopped(hub: dict[str, Any]) -> None:
    function = resources(hub, "AWS::Lambda::Function")["SweepDeletedFunction"]

    assert function["RecursiveLoop"] == "Allow"

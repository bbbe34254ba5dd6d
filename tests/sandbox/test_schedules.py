"""Schedules of the templates: what they put on a queue or a bus when somebody lets them fire, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli import main
from sandbox.moto_gaps import DeploymentError
from sandbox.world import Sandbox, UnknownScheduleError

from .conftest import HUB, MEMBER_TEMPLATE, SCHEDULED, BuildWorld, event, finding, instance, open_world

PRINTING = """
def lambda_handler(batch, context):
    for record in batch["Records"]:
        print(record["body"].replace("\\n", " "))
"""

FAILING = """
def lambda_handler(batch, context):
    raise ValueError("no sweep today")
"""

Output = pytest.CaptureFixture[str]


def bodies(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [record for invocation in sandbox.function("act").invocations for record in invocation.log_records]


def test_a_schedule_fires_with_its_context_filled_in(build_world: BuildWorld) -> None:
    sandbox = build_world(PRINTING, hub=SCHEDULED)
    sandbox.deliver([event(source="test.nobodys", time="2026-03-01T10:00:00.750Z")])
    (schedule,) = sandbox.topology.hub.schedules
    assert sandbox.run_schedule("Nightly")
    (body,) = bodies(sandbox)
    assert body["time"] == "2026-03-01T10:00:00Z"
    assert body["attempt"] == 1
    assert body["account"] == "111122223333"
    assert body["schedule"] == schedule.arn
    assert schedule.arn == f"arn:aws:scheduler:eu-west-1:111122223333:schedule/default/{schedule.deployed_name}"
    assert len(body["id"]) == 16


def test_it_fires_again_under_its_name_and_each_run_is_another_one(build_world: BuildWorld) -> None:
    sandbox = build_world(PRINTING, hub=SCHEDULED)
    for name in ("Nightly", sandbox.schedule("Nightly").deployed_name):
        sandbox.run_schedule(name)
    first, second = bodies(sandbox)
    assert first["id"] != second["id"]
    assert sandbox.report()["events"] == []


def test_it_fires_after_all_that_is_known_was_last_seen(tmp_path: Path) -> None:
    known, recorded = finding(UpdatedAt="2026-03-02T00:00:00Z"), instance(captured="2026-03-03T00:00:00Z")
    small = open_world(tmp_path, PRINTING, hub=SCHEDULED)
    with Sandbox(HUB, templates=small._templates, findings=[known], resources=[recorded]) as sandbox:
        sandbox.run_schedule("Nightly")
        assert bodies(sandbox)[0]["time"] == "2026-03-03T00:00:00Z"


def test_what_it_sends_may_die_as_any_message(build_world: BuildWorld) -> None:
    sandbox = build_world(FAILING, hub=SCHEDULED)
    sandbox.run_schedule("Nightly")
    (letter,) = sandbox.report()["dead_letters"]
    assert letter["queue"] == "DeadLetters"
    assert letter["reason"] == "received 3 times without success: ValueError: no sweep today"
    assert json.loads(letter["body"])["attempt"] == 1


def test_a_schedule_whose_condition_is_false_does_not_exist(build_world: BuildWorld) -> None:
    sandbox = build_world(PRINTING, hub=SCHEDULED, Nightlies="no")
    with pytest.raises(UnknownScheduleError, match="no schedule Nightly is deployed; deployed are: none"):
        sandbox.run_schedule("Nightly")


def test_an_unknown_schedule_is_told_with_those_that_there_are(build_world: BuildWorld) -> None:
    with pytest.raises(UnknownScheduleError, match="no schedule Weekly is deployed; deployed are: Nightly"):
        build_world(PRINTING, hub=SCHEDULED).run_schedule("Weekly")


@pytest.mark.parametrize(
    ("part", "replacement", "complaint"),
    [
        ("Arn: !GetAtt Queue.Arn\n        Role", "Arn: !Ref Topic\n        Role", "only at an SQS queue of the same"),
        (
            "Arn: !GetAtt Queue.Arn\n        Role",
            "Arn: arn:aws:sqs:eu-west-1:111122223333:x\n        Role",
            "not let a",
        ),
        ("RetryPolicy: {MaximumRetryAttempts: 3}", "SqsParameters: {MessageGroupId: g}", "does not know SqsParameters"),
        ("MaximumRetryAttempts: 3", "MaximumRetryAttempts: 300", "less than or equal to 185"),
        ("State: DISABLED", "State: OFF", "State"),
        ("State: DISABLED", "GroupName: mine", "group of schedules"),
        ('FlexibleTimeWindow: {Mode: "OFF"}', "Description: x", "FlexibleTimeWindow"),
        ("!Ref When", "hourly", "refuses the expression hourly"),
        ("Input: !Sub", "Ignored: !Sub", "Ignored"),
    ],
)
def test_what_is_not_deployed_is_told(build_world: BuildWorld, part: str, replacement: str, complaint: str) -> None:
    assert part in SCHEDULED
    with pytest.raises(DeploymentError, match=complaint) as refusal:
        build_world(hub=SCHEDULED.replace(part, replacement))
    assert "Nightly: " in str(refusal.value)


@pytest.mark.parametrize("when", ["rate(1 hour)", "rate(5 minutes)", "cron(0 4 ? * SUN *)", "at(2026-03-01T04:00:00)"])
def test_expressions_that_scheduler_takes(build_world: BuildWorld, when: str) -> None:
    assert build_world(hub=SCHEDULED, When=when).schedule("Nightly")


# Schedules that put events

PUTTING = """
  Greeting:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(1 hour)
      FlexibleTimeWindow: {Mode: "OFF"}
      Target:
        Arn: arn:aws:scheduler:::aws-sdk:eventbridge:putEvents
        RoleArn: !Sub arn:aws:iam::${AWS::AccountId}:role/greeter
        Input: '{"Entries": [{"Source": "test.app", "DetailType": "Test", "Detail": "{\\"n\\": 1}"}]}'
"""


def test_a_members_schedule_puts_its_events_on_the_default_bus_of_every_member(build_world: BuildWorld) -> None:
    sandbox = build_world(PRINTING, hub=SCHEDULED, member=MEMBER_TEMPLATE + PUTTING)
    sandbox.deliver([event(source="test.nobodys", account="444455556666", time="2026-03-01T10:00:00.750Z")])

    ids = sandbox.run_schedule("Greeting")

    assert len(set(ids)) == 2
    assert {(body["account"], body["region"], body["source"], body["time"]) for body in bodies(sandbox)} == {
        ("111122223333", "eu-west-1", "test.app", "2026-03-01T10:00:00Z"),
        ("444455556666", "eu-west-1", "test.app", "2026-03-01T10:00:00Z"),
    }
    assert [body["detail"] for body in bodies(sandbox)] == [{"n": 1}] * 2
    assert {body["id"] for body in bodies(sandbox)} == set(ids)


@pytest.mark.parametrize(
    ("part", "replacement", "complaint"),
    [
        ('"Source": "test.app", ', "", "entry 0 has no Source"),
        ("test.app", "aws.app", "a source that only AWS may put"),
        ('"DetailType"', '"EventBusName": "x", "DetailType"', "does not know EventBusName"),
        (r'"{\"n\": 1}"', '"[]"', "a Detail that is no JSON object"),
        ('"Entries"', '"Events"', "Entries"),
        ("Input: '{", "Input: '", "is not JSON"),
    ],
)
def test_what_put_events_would_refuse_is_told(
    build_world: BuildWorld, part: str, replacement: str, complaint: str
) -> None:
    assert part in PUTTING
    sandbox = build_world(hub=SCHEDULED, member=MEMBER_TEMPLATE + PUTTING.replace(part, replacement))
    with pytest.raises(DeploymentError, match=complaint):
        sandbox.run_schedule("Greeting")


# The command


@pytest.fixture
def scheduled_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command deploys the repository's own templates; here it finds small ones."""
    small = open_world(tmp_path, PRINTING, hub=SCHEDULED)
    monkeypatch.setattr("sandbox.world.Templates", lambda: small._templates)


@pytest.mark.usefixtures("scheduled_templates")
def test_the_command_lets_schedules_fire_after_the_events(capsys: Output, tmp_path: Path) -> None:
    events = tmp_path / "e.json"
    events.write_text(json.dumps(event(time="2026-03-01T10:00:00Z", account="111122223333")))
    assert main(["run", str(events), "--hub", HUB, "--schedule", "Nightly", "--schedule", "Nightly"]) == 0
    assert "1 handled · 2 schedule runs · 0 incidents" in capsys.readouterr().out


@pytest.mark.usefixtures("scheduled_templates")
def test_the_command_lets_schedules_fire_without_events(capsys: Output) -> None:
    assert main(["run", "/dev/null", "--schedule", "Nightly", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == []


@pytest.mark.usefixtures("scheduled_templates")
def test_the_command_tells_which_schedules_there_are(capsys: Output) -> None:
    assert main(["run", "/dev/null", "--schedule", "Weekly", "--json"]) == 2
    output = capsys.readouterr()
    assert (output.out, output.err) == (
        "",
        "responder: no schedule Weekly is deployed; deployed are: Nightly\n",
    )

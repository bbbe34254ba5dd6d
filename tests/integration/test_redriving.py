"""Dead letters sent again, the README's ways of it: they end as if nothing had been in their way."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox import redriving
from sandbox.cli import main
from sandbox.faults import Fault, Faults
from sandbox.redriving import redrive, rules_of
from sandbox.world import Sandbox
from tests.conftest import EVENTS, Sample

HUB, HOME = "111122223333", "eu-west-1"
PARAMETERS = {"hub": {"IncidentBackend": "OpsCenter"}}
ELSEWHERE = f"arn:aws:events:{HOME}:{HUB}:event-bus/gone"

Event = dict[str, Any]


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redriving, "WAIT_SECONDS", 0)


@pytest.fixture
def world() -> Iterator[Sandbox]:
    with new_world() as sandbox:
        yield sandbox


def new_world() -> Sandbox:
    return Sandbox(hub=f"{HUB}/{HOME}", parameters=PARAMETERS)


def samples() -> list[Event]:
    """Those of one day: dead letters are kept for 14."""
    return [json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))]


def what_people_see(sandbox: Sandbox) -> dict[str, Any]:
    report = sandbox.report()
    incidents = [
        {name: incident[name] for name in ("key", "title", "impact", "status", "timeline")}
        for incident in report["incidents"]
    ]
    return {
        "incidents": sorted(incidents, key=lambda incident: incident["key"]),
        "findings": {
            finding["Id"]: (finding.get("UserDefinedFields"), finding["Workflow"], finding.get("Note", {}).get("Text"))
            for finding in report["findings"]
        },
        "dead letters": report["dead_letters"],
    }


def cut_off(sandbox: Sandbox, place: tuple[str, str]) -> list[Any]:
    """Let the rules of a member stack lead to a bus that is not there; gives those that did not."""
    rules = sandbox.topology.member(*place).buses["default"].rules
    before = list(rules)
    rules[:] = [
        replace(rule, targets=tuple(replace(target, arn=ELSEWHERE) for target in rule.targets)) for rule in before
    ]
    return before


def forwarding_queue(sandbox: Sandbox, place: tuple[str, str]) -> str:
    (url,) = (queue.url for queue in sandbox.topology.member(*place).queues if queue.name == "ForwardDeadLetterQueue")
    return url


def sent_again(sandbox: Sandbox, place: tuple[str, str], **how: Any) -> list[str]:
    """What `responder redrive` tells of the member's dead letters."""
    sandbox.clock.follow(sandbox.clock.now + timedelta(seconds=1))
    rules = rules_of(sandbox.client("events"), sandbox.topology.hub.outputs["SecurityBusArn"])
    source = sandbox.client("sqs", *place)
    done = redrive(source, forwarding_queue(sandbox, place), sandbox.client("sqs"), rules, **how)
    told = [str(redriven) for redriven in done]
    sandbox.settle()
    return told


def places(events: list[Event]) -> list[tuple[str, str]]:
    return sorted({(event["account"], event["region"]) for event in events})


def test_events_that_never_reached_the_hub_end_as_if_they_had() -> None:
    events = samples()
    with new_world() as undisturbed:
        undisturbed.deliver(events)
        wanted = what_people_see(undisturbed)
    with new_world() as world:
        rules = {place: cut_off(world, place) for place in places(events)}
        world.deliver(events)
        assert world.report()["incidents"] == []
        assert {letter.queue for letter in world.dead_letters()} == {"ForwardDeadLetterQueue"}
        for place, before in rules.items():
            world.topology.member(*place).buses["default"].rules[:] = before

        for place in rules:
            sent_again(world, place)

        assert what_people_see(world) == wanted
    assert len(wanted["incidents"]) >= 12
    assert wanted["dead letters"] == []


def test_looking_changes_nothing_and_tells_where_events_would_go(world: Sandbox, sample: Sample) -> None:
    event = sample("root-console-sign-in-without-mfa")
    place = (event["account"], event["region"])
    cut_off(world, place)
    world.deliver([event])

    (told,) = sent_again(world, place, look=True)

    assert event["id"] in told
    assert "RESOURCE_NOT_FOUND" in told
    assert "RootActivityRule" in told
    assert [letter.queue for letter in world.dead_letters()] == ["ForwardDeadLetterQueue"]
    assert sent_again(world, place) == [told]  # nothing has hidden it
    assert [incident["key"] for incident in world.report()["incidents"]] == [f"root/{event['account']}"]


def test_what_no_rule_wants_goes_and_what_nobody_can_read_stays(world: Sandbox, sample: Sample) -> None:
    place = ("444455556666", HOME)
    unwanted = sample("guardduty-medium-opens-nothing")
    encrypted = unwanted | {"source": "aws.events", "detail-type": "Encrypted Events", "detail": {"kms-key-arn": "k"}}
    source, url = world.client("sqs", *place), forwarding_queue(world, place)
    for body in (json.dumps(unwanted), json.dumps(encrypted), "[1]", "no JSON"):
        source.send_message(QueueUrl=url, MessageBody=body)

    told = sent_again(world, place)

    assert ["left" in line for line in told] == [False, True, True, True]
    assert "no rule of the hub wants it" in told[0]
    assert [letter.body for letter in world.dead_letters()] == [json.dumps(encrypted), "[1]", "no JSON"]


def test_what_the_hub_refuses_stays_in_the_dead_letter_queue(world: Sandbox, sample: Sample) -> None:
    event = sample("root-console-sign-in-without-mfa")
    place = (event["account"], event["region"])
    cut_off(world, place)
    world.deliver([event])
    bus = world.topology.hub.outputs["SecurityBusArn"]
    rules = [
        replace(rule, targets=tuple(replace(target, arn=f"{target.arn}-gone") for target in rule.targets))
        for rule in rules_of(world.client("events"), bus)
    ]
    source = world.client("sqs", *place)
    url = forwarding_queue(world, place)

    with pytest.raises(ClientError):
        list(redrive(source, url, world.client("sqs"), rules))

    assert len(sent_again(world, place)) == 1
    assert world.report()["dead_letters"] == []
    assert len(world.report()["incidents"]) == 1


def test_the_command_works_with_the_profiles_of_both_accounts(
    world: Sandbox, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = sample("root-console-sign-in-without-mfa")
    place = (event["account"], event["region"])
    cut_off(world, place)
    world.deliver([event])
    keys = {
        profile: world.accounts.credentials(f"arn:aws:iam::{account}:role/sandbox")
        for profile, account in (("member", event["account"]), ("hub", HUB))
    }
    lines = [
        f"[{profile}]\n" + "\n".join(f"{name.lower()} = {value}" for name, value in key.items())
        for profile, key in keys.items()
    ]
    (tmp_path / "credentials").write_text("\n".join(lines))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    bus = world.topology.hub.outputs["SecurityBusArn"]
    words = ["redrive", forwarding_queue(world, place), "--bus", bus, "--profile", "member", "--hub-profile", "hub"]

    assert main(words) == 0
    world.settle()

    assert event["id"] in capsys.readouterr().out
    assert world.report()["dead_letters"] == []
    assert [incident["key"] for incident in world.report()["incidents"]] == [f"root/{event['account']}"]
    assert main([*words[:-1], "absent"]) == 2
    assert "absent" in capsys.readouterr().err


def test_a_function_handles_a_dead_letter_that_it_is_invoked_with(world: Sandbox, sample: Sample) -> None:
    event = sample("root-console-sign-in-without-mfa")
    world.calls.faults = Faults([Fault.parse("dynamodb:*=1:AccessDeniedException")], seed=1)
    world.deliver([event])
    (letter,) = world.dead_letters()
    assert letter.queue == "OpenIncidentDeadLetterQueue"
    assert world.report()["incidents"] == []
    world.calls.faults = Faults([], seed=1)

    world.invoke("open_incident", json.loads(letter.body))

    (incident,) = world.report()["incidents"]
    assert (incident["key"], incident["impact"]) == (f"root/{event['account']}", 1)


def test_what_failed_too_often_is_handled_when_it_is_moved_to_its_queue_again(world: Sandbox, sample: Sample) -> None:
    """As `aws sqs start-message-move-task` does it; twice, since it may."""
    event = sample("root-console-sign-in-without-mfa")
    world.calls.faults = Faults([Fault.parse("dynamodb:*=1:AccessDeniedException")], seed=1)
    world.deliver([event])
    (letter,) = world.dead_letters()
    world.calls.faults = Faults([], seed=1)

    for _ in range(2):
        world.send(letter.queue.replace("DeadLetterQueue", "Queue"), letter.body, letter.attributes)
        world.settle()

    (incident,) = world.report()["incidents"]
    assert incident["key"] == f"root/{event['account']}"
    assert len(incident["timeline"]) == 1
    assert len(world.dead_letters()) == 1  # the one that was moved here by copying

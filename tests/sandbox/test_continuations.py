"""Work that goes on by messages that functions send themselves: whose it is, what dies of it, and where it ends."""

import json
import textwrap
from datetime import datetime
from typing import Any

import pytest

from sandbox import ledger
from sandbox.faults import Fault
from sandbox.world import Sandbox

from .conftest import HUB_TEMPLATE, SCHEDULED, BuildWorld, event, open_world

# Does a piece of the work that an event's detail asks for, and sends itself the rest: the event with one piece less.
CONTINUING = textwrap.dedent(
    """
    import json, os
    import boto3
    def lambda_handler(batch, context):
        sqs = boto3.client("sqs")
        for record in batch["Records"]:
            event = json.loads(record["body"])
            left = event["detail"].get("pieces", 0)
            if left == event["detail"].get("fail_at"):
                raise ValueError(f"piece {left} fails")
            for _ in range(event["detail"].get("times", 1) if left else 0):
                rest = event | {"detail": event["detail"] | {"pieces": left - 1}}
                if event["detail"].get("anonymous"):
                    rest.pop("id", None)
                url = sqs.get_queue_url(QueueName=record["eventSourceARN"].rsplit(":", 1)[1])["QueueUrl"]
                sqs.send_message(
                    QueueUrl=url, MessageBody=json.dumps(rest), DelaySeconds=event["detail"].get("delay", 0))
            outcome = "continued" if left else "done"
            print(json.dumps({"event_id": event.get("id", "e-1"), "outcome": outcome, "left": left}))
    """
)

ALONE = {"Batch": "1"}
ALLOWED = HUB_TEMPLATE.replace("      Timeout: 10", "      RecursiveLoop: Allow\n      Timeout: 10")


def pieces(sandbox: Sandbox) -> list[int]:
    """What was left to do at each invocation that returned."""
    invocations = sandbox.function("act").invocations
    return [record["left"] for invocation in invocations for record in invocation.log_records]


def starts(sandbox: Sandbox) -> list[datetime]:
    return [invocation.started for invocation in sandbox.function("act").invocations]


def outcomes(entry: Any) -> list[str]:
    return [outcome.outcome for outcome in entry.outcomes]


def test_work_goes_on_until_it_is_done(build_world: BuildWorld) -> None:
    sandbox = build_world(CONTINUING)
    (entry,) = sandbox.deliver([event(detail={"pieces": 3})])
    assert pieces(sandbox) == [3, 2, 1, 0]
    assert (entry.status, outcomes(entry)) == ("handled", ["continued", "done"])
    assert sandbox.report()["api_calls"]["sqs:SendMessage"] == 3


def test_it_goes_on_when_its_delay_is_over_and_other_events_come_in_between(build_world: BuildWorld) -> None:
    sandbox = build_world(CONTINUING)
    sandbox.deliver([event("1", detail={"pieces": 1, "delay": 900}), event("2", time="2026-03-01T10:05:00Z")])
    assert pieces(sandbox) == [1, 0, 0]
    first, _, last = starts(sandbox)
    assert (last - first).total_seconds() == pytest.approx(900, abs=0.5)


@pytest.mark.parametrize("anonymous", [False, True])
def test_what_dies_of_it_fails_the_event_that_it_goes_back_to(build_world: BuildWorld, anonymous: bool) -> None:
    sandbox = build_world(CONTINUING)
    (entry,) = sandbox.deliver([event(detail={"pieces": 2, "fail_at": 0, "anonymous": anonymous})])
    reason = "received 3 times without success: ValueError: piece 0 fails"
    assert (entry.status, entry.reason) == ("failed", reason)
    (letter,) = sandbox.report()["dead_letters"]
    assert (letter["queue"], letter["reason"]) == ("DeadLetters", reason)
    assert json.loads(letter["body"])["detail"]["pieces"] == 0


def test_in_a_batch_it_goes_back_to_the_message_of_its_event(build_world: BuildWorld) -> None:
    sandbox = build_world(CONTINUING)
    bystander, culprit = sandbox.deliver([event("1"), event("2", detail={"pieces": 1, "fail_at": 0})])
    assert (bystander.status, culprit.status) == ("handled", "failed")


def test_an_anonymous_rest_tells_its_outcome_by_the_event_id_that_it_logs(build_world: BuildWorld) -> None:
    (entry,) = build_world(CONTINUING).deliver([event(detail={"pieces": 1, "anonymous": True})])
    assert outcomes(entry) == ["continued", "done"]


def test_a_schedules_work_goes_on_and_may_die_too(build_world: BuildWorld) -> None:
    """It is no event's: what became of it is in the dead letters."""
    detail = '"detail": {"pieces": 2, "fail_at": 0}, "account":'
    sandbox = build_world(CONTINUING, hub=SCHEDULED.replace('"account":', detail))
    sandbox.run_schedule("Nightly")
    assert pieces(sandbox) == [2, 1]
    (letter,) = sandbox.report()["dead_letters"]
    assert letter["reason"] == "received 3 times without success: ValueError: piece 0 fails"


def test_a_message_whose_answer_is_lost_is_sent_and_sent_again(tmp_path: Any) -> None:
    small = open_world(tmp_path, CONTINUING)
    faults = [Fault.parse("sqs:SendMessage=0.5:LostResponse")]
    with Sandbox(small.hub, templates=small._templates, faults=faults, seed=1) as sandbox:
        (entry,) = sandbox.deliver([event(detail={"pieces": 3})])
        assert entry.status == "handled"
        assert pieces(sandbox).count(0) > 1


# Loops


def test_lambda_stops_a_function_that_invokes_itself_over_and_over(build_world: BuildWorld) -> None:
    sandbox = build_world(CONTINUING, **ALONE)
    (entry,) = sandbox.deliver([event(detail={"pieces": 16})])
    assert pieces(sandbox) == list(range(16, 0, -1))
    assert entry.status == "failed"
    assert "3 times without success: a loop: Lambda stops act after 16 invocations" in str(entry.reason)
    (letter,) = sandbox.report()["dead_letters"]
    assert letter["reason"] == entry.reason


def test_sixteen_invocations_are_no_loop(build_world: BuildWorld) -> None:
    (entry,) = build_world(CONTINUING, **ALONE).deliver([event(detail={"pieces": 15})])
    assert entry.status == "handled"


def test_redeliveries_are_no_loop(build_world: BuildWorld) -> None:
    hub = HUB_TEMPLATE.replace("maxReceiveCount: 3", "maxReceiveCount: 30")
    sandbox = build_world("def lambda_handler(batch, context): raise ValueError", hub=hub)
    (entry,) = sandbox.deliver([event()])
    assert len(sandbox.function("act").invocations) == 30
    assert entry.reason == "received 30 times without success: ValueError: "


def test_a_function_that_may_go_on_does(build_world: BuildWorld) -> None:
    sandbox = build_world(CONTINUING, hub=ALLOWED)
    (entry,) = sandbox.deliver([event(detail={"pieces": 50})])
    assert (entry.status, len(pieces(sandbox))) == ("handled", 51)


@pytest.mark.parametrize("times", [1, 2])
def test_a_loop_without_end_ends(build_world: BuildWorld, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    monkeypatch.setattr(ledger, "MAXIMUM_MESSAGES_SENT", 40)
    sandbox = build_world(CONTINUING, hub=ALLOWED)
    (entry,) = sandbox.deliver([event(detail={"pieces": 10**9, "times": times})])
    assert "a loop: functions sent 40 messages that followed from one, and more" in str(entry.reason)
    letters = sandbox.report()["dead_letters"]
    assert letters
    assert {letter["reason"] for letter in letters} == {entry.reason}


def test_a_loop_ends_without_a_dead_letter_queue_too(build_world: BuildWorld) -> None:
    redrive = "      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadLetters.Arn, maxReceiveCount: 3}\n"
    sandbox = build_world(CONTINUING, hub=HUB_TEMPLATE.replace(redrive, ""))
    (entry,) = sandbox.deliver([event(detail={"pieces": 10**9})])
    assert "received 100 times without success in Queue: a loop: Lambda stops act" in str(entry.reason)

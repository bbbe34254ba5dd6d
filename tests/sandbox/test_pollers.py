"""Queues, batches, partial failures, redelivery and dead letters, as Lambda's poller and SQS do it."""

import json
import textwrap
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.repeats import Repeats
from sandbox.world import Sandbox

from .conftest import HUB_TEMPLATE, BuildWorld, event

# Does with each event what its detail says, and logs the batches that it sees.
ACTING = textwrap.dedent(
    """
    import json, os
    import boto3
    def lambda_handler(batch, context):
        failed = []
        ids = []
        for record in batch["Records"]:
            event = json.loads(record["body"])
            ids.append(event["id"])
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            match event["detail"].get("do"):
                case "fail":
                    failed.append(record["messageId"])
                case "fail twice" if receives <= 2:
                    failed.append(record["messageId"])
                case "raise":
                    raise ValueError(f"no {event['id']}")
                case "reject":
                    reason = event["detail"]["reason"]
                    boto3.client("sqs").send_message(
                        QueueUrl=os.environ["DEAD_LETTER_QUEUE_URL"], MessageBody=record["body"],
                        MessageAttributes={"RejectionReason": {"DataType": "String", "StringValue": reason}})
                    print(json.dumps({"event_id": event["id"], "outcome": "rejected", "reason": reason}))
                case _:
                    print(json.dumps({"event_id": event["id"], "outcome": "opened", "incident_key": "k"}))
        print(json.dumps({"batch": ids}))
        return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}
    """
)


def batches(sandbox: Sandbox) -> list[list[str]]:
    """The ids of the events of each invocation that returned."""
    invocations = sandbox.function("act").invocations
    return [record["batch"] for invocation in invocations for record in invocation.log_records if "batch" in record]


def starts(sandbox: Sandbox) -> list[datetime]:
    return [invocation.started for invocation in sandbox.function("act").invocations]


def at(seconds: float) -> str:
    return f"2026-03-01T10:{int(seconds) // 60:02}:{seconds % 60:06.3f}Z"


class TestBatches:
    def test_events_of_a_moment_share_a_batch(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING)
        sandbox.deliver([event("1"), event("2"), event("3", time=at(5)), event("4", time=at(600))])
        assert batches(sandbox) == [["1", "2"], ["3"], ["4"]]

    def test_a_full_batch_goes_at_once(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING, Batch="2")
        sandbox.deliver(event(str(n)) for n in range(5))
        assert batches(sandbox) == [["0", "1"], ["2", "3"], ["4"]]

    def test_late_events_arrive_together_whatever_their_own_time(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING, Batch="3")
        late = [event(str(n), time=f"2026-02-{10 - n:02}T00:00:00Z") for n in range(6)]
        sandbox.deliver([event("first", time=at(0)), *late])
        assert batches(sandbox) == [["first", "0", "1"], ["2", "3", "4"], ["5"]]

    def test_events_arrive_when_they_are_said_to_whatever_their_own_time(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING)
        moments = {"late": 60, "in time": 0, "ahead of its time": 30}
        events = [event("late"), event("in time"), event("ahead of its time", time=at(900))]
        begin = datetime(2026, 3, 1, 10, tzinfo=UTC)
        sandbox.deliver(events, arrival=lambda e: begin + timedelta(seconds=moments[e["id"]]))
        assert batches(sandbox) == [["in time"], ["ahead of its time"], ["late"]]
        assert [round((start - begin).total_seconds()) for start in starts(sandbox)] == [0, 30, 60]

    def test_a_window_gathers(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING, Window="30")
        sandbox.deliver([event(str(n), time=at(n * 12)) for n in range(5)])
        assert batches(sandbox) == [["0", "1", "2"], ["3", "4"]]
        assert [start.strftime("%M:%S") for start in starts(sandbox)] == ["00:30", "01:06"]

    def test_a_batch_may_be_larger_than_a_receive(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING, Window="5", Batch="100")
        sandbox.deliver(event(str(n)) for n in range(25))
        assert [len(batch) for batch in batches(sandbox)] == [25]

    def test_an_invocation_carries_six_megabytes(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING, Batch="10")
        sandbox.deliver(event(str(n), detail={"a": "x" * 1_000_000}) for n in range(8))
        assert batches(sandbox) == [["0", "1", "2", "3", "4", "5"], ["6", "7"]]

    def test_the_record(self, build_world: BuildWorld) -> None:
        sandbox = build_world("def lambda_handler(event, context):\n    print(__import__('json').dumps(event))")
        sandbox.deliver([event(detail={"text": "ü"})])
        (record,) = sandbox.function("act").invocations[0].log_records[0]["Records"]
        assert json.loads(record["body"]) == event(detail={"text": "ü"})
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"].startswith("arn:aws:sqs:eu-west-1:111122223333:hub-Queue-")
        assert record["awsRegion"] == "eu-west-1"
        assert record["attributes"]["ApproximateReceiveCount"] == "1"
        assert record["attributes"]["SentTimestamp"] == "1772359200000"
        assert record["messageAttributes"] == {}

    def test_messages_that_no_filter_wants_are_deleted(self, build_world: BuildWorld) -> None:
        pattern = '{"body": {"detail": {"wanted": [true]}}}'
        hub = HUB_TEMPLATE.replace(
            "FunctionResponseTypes:",
            f"FilterCriteria: {{Filters: [{{Pattern: '{pattern}'}}]}}\n            FunctionResponseTypes:",
        )
        sandbox = build_world(ACTING, hub=hub)
        wanted, unwanted = sandbox.deliver([event("1", detail={"wanted": True}), event("2")])
        assert batches(sandbox) == [["1"]]
        assert (wanted.status, list(wanted.functions)) == ("handled", ["act"])
        assert (unwanted.status, list(unwanted.functions)) == ("handled", [])


class TestFailures:
    def test_what_is_reported_comes_again_alone_after_the_visibility_time_out(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING)
        entries = sandbox.deliver([event("1"), event("2", detail={"do": "fail twice"}), event("3")])
        assert batches(sandbox) == [["1", "2", "3"], ["2"], ["2"]]
        first, second, third = starts(sandbox)
        assert (second - first).total_seconds() == pytest.approx(60, abs=0.1)
        assert (third - second).total_seconds() == pytest.approx(60, abs=0.1)
        assert [entry.status for entry in entries] == ["handled"] * 3

    def test_an_exception_fails_the_whole_batch_until_it_is_dead(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING)
        bystander, culprit = sandbox.deliver([event("1"), event("2", detail={"do": "raise"})])
        assert len(sandbox.function("act").invocations) == 3
        reason = "received 3 times without success: ValueError: no 2"
        assert (bystander.status, bystander.reason) == ("failed", reason)
        assert (culprit.status, culprit.reason) == ("failed", reason)
        letters = sandbox.report()["dead_letters"]
        assert [(letter["queue"], letter["reason"]) for letter in letters] == [("DeadLetters", reason)] * 2
        assert [json.loads(letter["body"])["id"] for letter in letters] == ["1", "2"]

    def test_other_events_go_on_in_between(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING)
        events = [event("bad", detail={"do": "fail"})] + [event(str(n), time=at(n * 50)) for n in range(1, 4)]
        statuses = [entry.status for entry in sandbox.deliver(events)]
        assert batches(sandbox) == [["bad"], ["1"], ["bad"], ["2"], ["bad"], ["3"]]
        assert statuses == ["failed", "handled", "handled", "handled"]

    def test_a_rejected_record_is_told_with_its_reason_and_body(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING)
        bad = event("1", detail={"do": "reject", "reason": "detail.x: is missing"})
        rejected, handled = sandbox.deliver([bad, event("2")])
        assert (rejected.status, rejected.reason) == ("rejected", "detail.x: is missing")
        assert handled.status == "handled"
        (letter,) = sandbox.report()["dead_letters"]
        assert (letter["queue"], letter["reason"]) == ("DeadLetters", "detail.x: is missing")
        assert json.loads(letter["body"]) == bad

    def test_events_of_one_id_are_told_apart(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING)
        events = [event("same", detail={"do": "reject", "reason": f"reason {n}"}) for n in range(2)] + [event("same")]
        entries = sandbox.deliver(events)
        assert [(entry.status, entry.reason) for entry in entries] == [
            ("rejected", "reason 0"),
            ("rejected", "reason 1"),
            ("handled", None),
        ]

    def test_the_worst_delivery_counts(self, build_world: BuildWorld) -> None:
        second = HUB_TEMPLATE.replace(
            "      Targets: [{Id: Queue, Arn: !GetAtt Queue.Arn}]",
            "      Targets: [{Id: Queue, Arn: !GetAtt Queue.Arn}, {Id: Unread, Arn: !GetAtt Unread.Arn}]",
        ).replace("  Topic:", "  Unread: {Type: AWS::SQS::Queue}\n  Topic:")
        (entry,) = build_world(ACTING, hub=second).deliver([event()])
        assert (entry.status, entry.reason) == ("failed", "left in Unread, which no function reads")

    def test_without_a_dead_letter_queue_it_ends_all_the_same(self, build_world: BuildWorld) -> None:
        redrive = "      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadLetters.Arn, maxReceiveCount: 3}\n"
        sandbox = build_world(ACTING, hub=HUB_TEMPLATE.replace(redrive, ""))
        (entry,) = sandbox.deliver([event(detail={"do": "raise"})])
        assert entry.reason == "received 100 times without success in Queue: ValueError: no e-1"
        assert sandbox.report()["dead_letters"] == []

    def test_a_message_expires_when_its_retention_ends(self, build_world: BuildWorld) -> None:
        hub = HUB_TEMPLATE.replace(
            "VisibilityTimeout: 60", "VisibilityTimeout: 43200\n      MessageRetentionPeriod: 60"
        )
        (entry,) = build_world(ACTING, hub=hub).deliver([event(detail={"do": "fail"})])
        assert entry.status == "failed"
        assert "not handled within the retention period in Queue" in str(entry.reason)

    def test_a_raw_message_can_be_put_on_a_queue(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING)
        sandbox.send("Queue", "not JSON")
        sandbox.settle()
        (letter,) = sandbox.report()["dead_letters"]
        assert letter["body"] == "not JSON"
        assert letter["reason"].startswith("received 3 times without success: JSONDecodeError")


class TestRepeats:
    def test_what_was_handled_comes_again_and_is_never_dead_for_that(self, build_world: BuildWorld) -> None:
        sandbox = build_world(ACTING, repeats=Repeats(queues=1))
        entries = sandbox.deliver([event("1"), event("2")])
        assert batches(sandbox) == [["1", "2"]] * 3
        first, second, _ = starts(sandbox)
        assert (second - first).total_seconds() == pytest.approx(60, abs=0.1)
        assert [entry.status for entry in entries] == ["handled"] * 2
        assert sandbox.report()["dead_letters"] == []

    def test_what_fails_when_it_comes_again_has_failed(self, build_world: BuildWorld) -> None:
        fails_later = ACTING.replace("if receives <= 2", "if receives >= 2")
        sandbox = build_world(fails_later, repeats=Repeats(queues=1))
        (entry,) = sandbox.deliver([event("1", detail={"do": "fail twice"})])
        assert (entry.status, len(sandbox.report()["dead_letters"])) == ("failed", 1)

    def test_the_seed_decides_which(self) -> None:
        def struck(seed: int) -> list[bool]:
            repeats = Repeats(queues=0.5, seed=seed)
            return [repeats.of_queue("Queue") for _ in range(20)]

        assert struck(1) == struck(1) != struck(2)
        assert 0 < sum(struck(1)) < 20


ANSWERING = """
import json
def lambda_handler(batch, context):
    return json.loads(batch["Records"][0]["body"])["detail"]["answer"]
"""


def test_answers_to_report_batch_item_failures(build_world: BuildWorld) -> None:
    sandbox = build_world(ANSWERING)
    successes: list[Any] = [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}]
    failures: list[Any] = [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": 5}]},
        {"batchItemFailures": [{"id": "x"}]},
        {"batchItemFailures": [None]},
        {"batchItemFailures": ["x"]},
        {"batchItemFailures": [{"itemIdentifier": "of no message"}]},
        {"batchItemFailures": "x"},
        "ok",
        ["x"],
        True,
    ]
    for answer in successes:
        entries = sandbox.deliver([event("1", detail={"answer": answer}), event("2", detail={"answer": answer})])
        assert {entry.status for entry in entries} == {"handled"}, answer
    for answer in failures:
        entries = sandbox.deliver([event("1", detail={"answer": answer}), event("2", detail={"answer": answer})])
        assert {entry.status for entry in entries} == {"failed"}, answer


def test_without_it_any_answer_is_a_success(build_world: BuildWorld) -> None:
    hub = HUB_TEMPLATE.replace("            FunctionResponseTypes: [ReportBatchItemFailures]\n", "")
    sandbox = build_world(ANSWERING, hub=hub)
    for answer in ("ok", {"batchItemFailures": [{"itemIdentifier": "x"}]}, 5):
        assert sandbox.deliver([event(detail={"answer": answer})])[0].status == "handled"


def test_functions_that_never_end_well_never_keep_a_run_from_ending(build_world: BuildWorld) -> None:
    sandbox = build_world("import time\ndef lambda_handler(event, context): time.sleep(1000)")
    entries: list[Any] = sandbox.deliver(event(str(n), time=at(n)) for n in range(30))
    assert {entry.reason for entry in entries} == {
        "received 3 times without success: Task timed out after 10.00 seconds"
    }


def test_a_batch_is_redelivered_at_every_millisecond_of_a_second(build_world: BuildWorld) -> None:
    """moto keeps time in floats; a rounding error must neither stop the clock nor lose a message."""
    sandbox = build_world(ACTING)
    events = [
        event(str(n), time=f"2026-03-01T10:00:00.{n:03}Z", detail={"do": "fail twice"}) for n in range(0, 1000, 29)
    ]
    assert {entry.status for entry in sandbox.deliver(events)} == {"handled"}

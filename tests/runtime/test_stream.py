"""The inbox of a stream's function: which records are handled, set aside and reported, and what is said of each."""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics

from responder.domain.faults import Permanent, Rejected, Retryable
from responder.runtime.settling import Handle, one_by_one
from responder.runtime.stream import StreamInbox
from tests.functions.invocation import CONTEXT, forget_logger, log, metrics

FIRST_NUMBER = 49590338271490256608559692538361571095921575989136588898


def number(position: int) -> str:
    return str(FIRST_NUMBER + position)


def stream(*names: str) -> dict[str, Any]:
    """A batch in which each row is written, one after the other. The name says what shall become of it."""
    return {"Records": [record(name, position) for position, name in enumerate(names)]}


def record(name: str, position: int = 0) -> dict[str, Any]:
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": 1772359200,
        "Keys": {"name": {"S": name}},
        "NewImage": {"name": {"S": name}, "counted": {"N": "1"}},
        "SequenceNumber": number(position),
        "SizeBytes": 26,
        "StreamViewType": "NEW_IMAGE",
    }
    return {
        "eventID": f"record-{position}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": change,
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:111122223333:table/rows/stream/2026-03-01T10:00:00.000",
    }


def removal(position: int = 0) -> dict[str, Any]:
    removed = record("gone", position) | {"eventName": "REMOVE"}
    del removed["dynamodb"]["NewImage"]
    return removed


def failed(*positions: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": number(position)} for position in positions]}


class Letters:
    """A dead-letter queue that fails as it is told."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, str]] = []
        self.failure: Exception | None = None

    def set_aside(self, body: str, *, event_id: str, reason: str) -> None:
        if self.failure:
            raise self.failure
        self.kept.append((body, event_id, reason))


class World:
    """An inbox, what its handler was given, what it logged and what it set aside."""

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.letters = Letters()
        self._log = io.StringIO()
        self._logger = Logger(service="stream", stream=self._log)

    def receive(self, payload: Any, handle: Handle[str] | None = None) -> dict[str, Any]:
        inbox = StreamInbox(
            handle or self.handle,
            read=read,
            dead_letters=self.letters,
            logger=self._logger,
            metrics=Metrics(namespace="SecurityResponder", service="stream"),
        )
        return inbox.receive(payload, CONTEXT)

    def handle(self, names: Sequence[str]) -> list[Mapping[str, Any] | Exception]:
        self.given.append(list(names))
        return [outcome(name) for name in names]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return log(self._log.getvalue())

    @property
    def told(self) -> list[tuple[str, str]]:
        """The event and the outcome of each line."""
        return [(line["event_id"], line["outcome"]) for line in self.lines]


def read(image: Mapping[str, Any]) -> str:
    name = str(image["name"]["S"])
    if name == "unreadable":
        raise Rejected("name", "is 'unreadable'")
    if name == "reader's bug":
        raise KeyError(name)
    return name


def outcome(name: str) -> Mapping[str, Any] | Exception:
    match name:
        case "throttled":
            return Retryable("slow down")
        case "forbidden":
            return Permanent("AccessDenied")
        case "senseless":
            return Rejected("name", "makes no sense")
        case "handler's bug":
            return ZeroDivisionError("division by zero")
    return {"outcome": "counted", "incident_key": f"threat/{name}"}


@pytest.fixture
def world() -> Iterator[World]:
    forget_logger("stream")
    yield World()
    forget_logger("stream")


def test_the_rows_of_a_batch_are_handled_at_once_in_their_order(world: World) -> None:
    assert world.receive(stream("c", "a", "b")) == failed()
    assert world.given == [["c", "a", "b"]]
    assert world.told == [("record-0", "counted"), ("record-1", "counted"), ("record-2", "counted")]


def test_of_several_failures_the_first_is_reported(world: World) -> None:
    assert world.receive(stream("a", "b", "throttled", "c", "forbidden")) == failed(2)
    assert [outcome for _, outcome in world.told] == ["counted", "counted", "failed", "counted", "failed"]


def test_the_first_failure_is_reported_whoever_found_it(world: World) -> None:
    assert world.receive(stream("a", "reader's bug", "throttled")) == failed(1)
    assert world.given == [["a", "throttled"]]
    assert world.told == [("record-0", "counted"), ("record-1", "failed"), ("record-2", "failed")]


def test_a_row_that_cannot_be_read_is_set_aside_and_stops_no_other(world: World) -> None:
    batch = stream("a", "unreadable", "b")

    assert world.receive(batch) == failed()
    assert world.given == [["a", "b"]]
    ((body, event_id, reason),) = world.letters.kept
    assert (json.loads(body), event_id, reason) == (batch["Records"][1], "record-1", "name: is 'unreadable'")
    assert world.told == [("record-0", "counted"), ("record-1", "rejected"), ("record-2", "counted")]


def test_what_the_handler_rejects_is_set_aside_too(world: World) -> None:
    assert world.receive(stream("a", "senseless", "b", "throttled")) == failed(3)
    assert [letter[1:] for letter in world.letters.kept] == [("record-1", "name: makes no sense")]


@pytest.mark.parametrize("failure", [Retryable("slow down"), Permanent("NonExistentQueue"), OSError("no socket")])
def test_what_cannot_be_set_aside_has_failed(world: World, failure: Exception) -> None:
    world.letters.failure = failure

    assert world.receive(stream("a", "unreadable", "b")) == failed(1)
    assert world.told == [("record-0", "counted"), ("record-1", "failed"), ("record-2", "counted")]
    assert world.lines[1]["reason"] == str(failure)


def test_what_the_handler_raises_holds_for_all_that_are_left(world: World) -> None:
    def handle(names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        yield {"outcome": "counted"}
        raise Retryable("the table is throttled")

    assert world.receive(stream("a", "unreadable", "b", "c"), handle) == failed(2)
    assert [outcome for _, outcome in world.told] == ["counted", "rejected", "failed", "failed"]
    assert {line["reason"] for line in world.lines[2:]} == {"the table is throttled"}


def test_what_the_handler_says_nothing_of_has_failed(world: World) -> None:
    assert world.receive(stream("a", "b", "c"), lambda names: [{"outcome": "counted"}]) == failed(1)
    assert [outcome for _, outcome in world.told] == ["counted", "failed", "failed"]


def test_one_by_one_each_is_settled_before_the_next_is_taken(world: World) -> None:
    seen: list[tuple[str, int]] = []

    def handle(name: str) -> Mapping[str, Any]:
        seen.append((name, len(world.lines)))
        if isinstance(result := outcome(name), Exception):
            raise result
        return result

    assert world.receive(stream("a", "throttled", "b"), one_by_one(handle)) == failed(1)
    assert seen == [("a", 0), ("throttled", 1), ("b", 2)]


def test_a_removal_is_ignored(world: World) -> None:
    assert world.receive({"Records": [record("a"), removal(1), record("b", 2)]}) == failed()
    assert world.given == [["a", "b"]]
    assert world.told == [("record-0", "counted"), ("record-1", "ignored"), ("record-2", "counted")]


def test_a_batch_without_rows_does_not_trouble_the_handler(world: World) -> None:
    assert world.receive({"Records": [removal(0), record("unreadable", 1)]}) == failed()
    assert world.given == []


@pytest.mark.parametrize(
    ("name", "answer", "outcome"),
    [("a", failed(), "counted"), ("throttled", failed(0), "failed"), ("unreadable", failed(), "rejected")],
)
def test_a_single_record_is_a_batch_of_one(world: World, name: str, answer: dict[str, Any], outcome: str) -> None:
    assert world.receive(record(name)) == answer
    assert world.told == [("record-0", outcome)]


def test_each_record_makes_one_line_that_tells_of_it(world: World) -> None:
    world.receive(stream("a", "senseless", "throttled"))

    names = ("level", "message", "event_id", "correlation_id", "outcome", "field", "reason", "function_request_id")
    request = CONTEXT.aws_request_id
    assert [tuple(line.get(name) for name in names) for line in world.lines] == [
        ("INFO", "event handled", "record-0", "threat/a", "counted", None, None, request),
        ("WARNING", "event rejected", "record-1", None, "rejected", "name", "name: makes no sense", request),
        ("ERROR", "event failed", "record-2", None, "failed", None, "slow down", request),
    ]


def test_a_bug_is_logged_with_its_trace_and_a_known_failure_without(world: World) -> None:
    world.receive(stream("throttled", "handler's bug"))

    assert ["exception" in line for line in world.lines] == [False, True]


@pytest.mark.parametrize("outcomes", [[{"outcome": "done"}, None], [{"outcome": "done"}]], ids=["none", "too few"])
def test_a_handler_that_gives_no_outcome_has_failed(world: World, outcomes: list[Any]) -> None:
    assert world.receive(stream("a", "b"), lambda _: outcomes) == failed(1)
    assert [line["outcome"] for line in world.lines] == ["done", "failed"]


@pytest.mark.parametrize("name", ['x"}\n{"level":"CRITICAL"', "x\r\nEND RequestId: 1", "\x1b[2J\x00"])
def test_nobody_writes_lines_of_their_own(world: World, name: str) -> None:
    world.receive({"Records": [record(name) | {"eventID": name}, removal(1)]})

    assert [line["event_id"] for line in world.lines] == [
        " ".join(re.sub(r"[\x00-\x1f]", " ", name).split()),
        "record-1",
    ]


def test_a_record_without_an_id_is_told_of(world: World) -> None:
    nameless = record("unreadable")
    del nameless["eventID"]

    assert world.receive(nameless) == failed()
    assert (world.told, world.letters.kept[0][1]) == ([("unknown", "rejected")], "unknown")


def test_records_are_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.receive({"Records": [*stream("a", "unreadable", "senseless", "throttled")["Records"], removal(4)]})

    assert metrics(capsys.readouterr().out) == {"EventsReceived": 5, "EventsRejected": 2, "EventsFailed": 1}


def test_more_records_are_counted_than_powertools_keeps(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.receive(stream(*["a"] * 200))

    assert metrics(capsys.readouterr().out) == {"EventsReceived": 200}


def altered(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """A batch whose second record was changed."""
    batch = stream("a", "b")
    change(batch["Records"][1])
    return batch


UNNUMBERED = "SequenceNumber: is None, not a number's text"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "Records: is missing"),
        ([], "Records: is missing"),
        ("Records", "Records: is missing"),
        ({"id": "e-1", "source": "aws.config"}, "Records: is missing"),
        ({"Records": []}, "Records: is not a list of at least one record"),
        ({"Records": record("a")}, "Records: is not a list of at least one record"),
        ({"Records": ["a"]}, "Records.0.eventSource: is None, not 'aws:dynamodb'"),
        (
            altered(lambda raw: raw.update(eventSource="aws:sqs")),
            "Records.1.eventSource: is 'aws:sqs', not 'aws:dynamodb'",
        ),
        ({"eventSource": "aws:kinesis"}, "eventSource: is 'aws:kinesis', not 'aws:dynamodb'"),
        ({"eventSource": "aws:dynamodb"}, f"dynamodb.{UNNUMBERED}"),
        (altered(lambda raw: raw.pop("dynamodb")), f"Records.1.dynamodb.{UNNUMBERED}"),
        (altered(lambda raw: raw["dynamodb"].pop("SequenceNumber")), f"Records.1.dynamodb.{UNNUMBERED}"),
        (
            altered(lambda raw: raw["dynamodb"].update(SequenceNumber="")),
            "Records.1.dynamodb.SequenceNumber: is '', not a number's text",
        ),
    ],
)
def test_a_payload_of_another_kind_is_refused_with_what_is_wrong(
    world: World, payload: Any, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - its whole text is compared
        world.receive(payload)

    assert str(refused.value) == reason
    assert [(line["level"], line["reason"]) for line in world.lines] == [("ERROR", reason)]
    assert (world.given, world.letters.kept, metrics(capsys.readouterr().out)) == ([], [], {})


@pytest.mark.parametrize("member", ["reason", "resource"])
def test_no_text_makes_a_log_line_long_or_many(world: World, member: str) -> None:
    told = {"outcome": "counted", member: "a\n\ud800" + "b" * 200_000}

    world.receive(stream("a"), lambda names: [told])

    (line,) = world.lines
    assert (line["outcome"], line[member]) == ("counted", "a " + "b" * 1097 + "…")


@pytest.mark.parametrize(("claimed", "shown"), [({"password": "x"}, "unknown"), ("a\ud800\u2028b", "a b")])
def test_an_odd_id_of_a_record_is_fit_to_read(world: World, claimed: Any, shown: str) -> None:
    world.receive({"Records": [record("senseless") | {"eventID": claimed}]})

    assert world.told == [(shown, "rejected")]
    assert [event_id for _, event_id, _ in world.letters.kept] == [shown]

"""The function as Lambda calls it: batches and single events, good and bad."""

import json
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest

from responder.runtime.settings import InvalidSetting
from tests.conftest import MALFORMED_EVENTS, REPOSITORY, Sample
from tests.functions.invocation import CONTEXT, batch, cold_start, forget_logger, log, metrics, set_aside
from tests.incident_world import World, function_environment, private_world


@pytest.fixture
def world() -> Iterator[World]:
    with private_world() as world:
        yield world


@pytest.fixture
def rejected_queue(world: World) -> str:
    return str(boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"])


@pytest.fixture
def environment(world: World, rejected_queue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    topic = boto3.client("sns").create_topic(Name="notifications")["TopicArn"]
    variables = function_environment(topic=topic, dead_letters=rejected_queue, plan=world.plan)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield variables
    forget_logger("open_incident")


@pytest.fixture
def app(environment: dict[str, str]) -> ModuleType:
    return cold_start("open_incident")


def test_a_single_event_opens_an_incident_and_reports_it(app: ModuleType, world: World, sample: Sample) -> None:
    report = app.lambda_handler(sample("root-console-sign-in-without-mfa"), CONTEXT)

    assert report == {
        "outcome": "opened",
        "incident_key": "root/444455556666",
        "incident": world.the_incident()["arn"],
    }


def test_every_sample_event_can_be_invoked_with(app: ModuleType, sample: Sample) -> None:
    paths = (REPOSITORY / "events").glob("*.json")
    others = ("deleted-", "deletion-", "finding-", "heartbeat")
    names = sorted(path.stem for path in paths if not path.stem.startswith(others))
    outcomes = {name: app.lambda_handler(sample(name), CONTEXT)["outcome"] for name in names}

    assert len(names) >= 20
    assert {name for name, outcome in outcomes.items() if outcome in ("ignored", "waiting")} == {
        name for name in names if name.endswith("-opens-nothing")
    }
    assert set(outcomes.values()) == {"opened", "updated", "ignored", "waiting"}


def test_a_batch_is_taken_in_record_by_record(
    app: ModuleType, world: World, sample: Sample, rejected_queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good, other = sample("root-api-call"), sample("guardduty-critical")
    bad = sample("guardduty-high-1-found", severity="8")

    answer = app.lambda_handler(batch(good, "{nonsense", bad, good, other), CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert len(world.incidents()) == 2
    assert set_aside(rejected_queue) == [
        ("unknown", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("e1a00001-0000-4000-8000-000000000001", "detail.severity: is '8', not number"),
    ]
    assert metrics(capsys.readouterr().out) == {
        "EventsReceived": 5,
        "EventsRejected": 2,
        "IncidentsOpened": 2,
        "EventsDuplicate": 1,
        "IncidentsStartedThisMonth": 1 + 2,
    }


def test_only_what_failed_is_delivered_again_and_into_the_same_incident(
    app: ModuleType, world: World, sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    app.lambda_handler(sample("root-api-call"), CONTEXT)
    records = batch(sample("root-console-sign-in-without-mfa"), sample("guardduty-critical"))
    app.clients.get("ssm-incidents").meta.events.register(
        "before-call.ssm-incidents.UpdateIncidentRecord", throttled_once := _ThrottledOnce()
    )

    first = app.lambda_handler(records, CONTEXT)
    assert first == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert throttled_once.calls == 1
    again = app.lambda_handler({"Records": records["Records"][:1]}, CONTEXT)

    assert again == {"batchItemFailures": []}
    assert sorted(incident["impact"] for incident in world.incidents()) == [1, 1]
    lines = [line for line in log(capsys.readouterr().out) if line.get("outcome") == "failed"]
    assert [(line["event_id"], "ThrottlingException" in line["reason"]) for line in lines] == [
        ("e0c6e9f4-7d30-4b8c-9e5f-2c3d4e5f6a03", True)
    ]


class _ThrottledOnce:
    """AWS throttles an operation until botocore's own retries give up, once."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, **_: Any) -> tuple[Any, dict[str, Any]] | None:
        self.calls += 1
        if self.calls > 1:
            return None
        error = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}, "ResponseMetadata": {}}
        return SimpleNamespace(status_code=400), error


def test_a_single_event_that_fails_is_left_to_lambdas_own_retries(app: ModuleType, sample: Sample) -> None:
    app.clients.get("dynamodb").meta.events.register("before-call.dynamodb.BatchGetItem", _ThrottledOnce())

    with pytest.raises(Exception, match="ThrottlingException"):
        app.lambda_handler(sample("root-api-call"), CONTEXT)


def test_an_event_stays_queued_when_it_cannot_be_set_aside(
    app: ModuleType, rejected_queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=rejected_queue)

    assert app.lambda_handler(batch("nonsense"), CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    output = capsys.readouterr().out
    assert [line["outcome"] for line in log(output) if "outcome" in line] == ["failed"]
    assert metrics(output) == {"EventsReceived": 1, "EventsFailed": 1}


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_a_time_at_which_aws_saw_nothing_is_rejected(app: ModuleType, sample: Sample, time: str) -> None:
    report = app.lambda_handler(sample("root-api-call", eventTime=time), CONTEXT)

    assert (report["outcome"], report["field"]) == ("rejected", "detail.eventTime")


MALFORMED = sorted(MALFORMED_EVENTS.glob("*.json"))


@pytest.mark.parametrize("path", MALFORMED, ids=[path.stem for path in MALFORMED])
def test_malformed_events_are_rejected_with_the_field_alone_and_in_a_batch(
    app: ModuleType, world: World, sample: Sample, rejected_queue: str, path: Any
) -> None:
    body = path.read_text()
    expected = json.loads((MALFORMED_EVENTS.parent / "events_reasons.json").read_text())[path.stem]

    alone = app.lambda_handler(json.loads(body), CONTEXT)
    among = app.lambda_handler(batch(sample("root-api-call"), body, sample("guardduty-critical")), CONTEXT)

    assert (alone["outcome"], alone["reason"]) == ("rejected", expected)
    assert among == {"batchItemFailures": []}
    assert [reason for _, reason in set_aside(rejected_queue)] == [expected, expected]
    assert len(world.incidents()) == 2


MESSAGE = {"eventSource": "aws:sqs", "messageId": "message-0", "body": "{}"}
NO_EVENTS = [
    *(None, [], "text", 7, {}, {"Records": []}, {"Records": [{"s3": {}}]}),
    *({"Records": [MESSAGE | {name: None}]} for name in MESSAGE),
]


@pytest.mark.parametrize("payload", NO_EVENTS, ids=repr)
def test_a_payload_that_is_no_event_is_rejected(app: ModuleType, rejected_queue: str, payload: Any) -> None:
    assert app.lambda_handler(payload, CONTEXT)["outcome"] == "rejected"
    assert len(set_aside(rejected_queue)) == 1


def test_an_event_of_a_megabyte_is_taken_in(app: ModuleType, world: World, sample: Sample) -> None:
    event = sample("guardduty-critical", description="d" * 500_000)
    event["detail"]["service"]["additionalInfo"] = {"value": "v" * 500_000}

    assert app.lambda_handler(batch(event), CONTEXT) == {"batchItemFailures": []}
    assert world.the_incident()["impact"] == 1


def test_logs_tell_event_and_incident_of_each_record(
    app: ModuleType, world: World, sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    app.lambda_handler(batch(sample("root-api-call", userAgent='x"}\n{"level":"CRITICAL"')), CONTEXT)

    (line,) = [line for line in log(capsys.readouterr().out) if "outcome" in line]
    assert {name: line[name] for name in ("service", "event_id", "correlation_id", "outcome")} == {
        "service": "open_incident",
        "event_id": "e0e80b16-9f52-4dae-b071-4e5f6a7b8c05",
        "correlation_id": "root/444455556666",
        "outcome": "opened",
    }


@pytest.mark.parametrize(
    ("claimed", "shown"),
    [("a\ud800b", "a b"), ("a\nb\u2028", "a b"), ("x" * 300, "x" * 255 + "…"), ("\u2028", "unknown"), (5, "unknown")],
    ids=["surrogate", "lines", "long", "nothing", "number"],
)
def test_an_odd_id_of_a_rejected_event_is_the_same_and_fit_to_read_in_log_and_queue(
    app: ModuleType, rejected_queue: str, capsys: pytest.CaptureFixture[str], claimed: Any, shown: str
) -> None:
    assert app.lambda_handler(batch({"id": claimed}), CONTEXT) == {"batchItemFailures": []}

    output = capsys.readouterr().out
    assert output.isascii()
    assert [line["event_id"] for line in log(output) if "outcome" in line] == [shown]
    assert [event_id for event_id, _ in set_aside(rejected_queue)] == [shown]


def test_whatever_is_in_an_event_its_log_line_is_one_line_of_ascii_and_short(
    app: ModuleType, sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    event = sample("config-public-read-1-turned-non-compliant", resourceId="a\u2028\u202e\x85" + "é" * 700)

    app.lambda_handler(batch(event), CONTEXT)

    output = capsys.readouterr().out
    assert output.isascii()
    (line,) = [line for line in log(output) if "outcome" in line]
    assert (line["outcome"], len(line["incident_key"]) <= 1024) == ("opened", True)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("RESPONSE_PLAN_ARN", "", "RESPONSE_PLAN_ARN is not set"),
        ("RESPONSE_PLAN_ARN", "plan", "RESPONSE_PLAN_ARN is not an ARN"),
        ("GUARDDUTY_MINIMUM_SEVERITY", "high", "GUARDDUTY_MINIMUM_SEVERITY is not a number"),
        ("GUARDDUTY_MINIMUM_SEVERITY", "11", "GUARDDUTY_MINIMUM_SEVERITY is 11, not between 1 and 10"),
        ("CONFIG_RULE_NAMES", " , ", "CONFIG_RULE_NAMES names nothing"),
        ("DEAD_LETTER_QUEUE_URL", "queue", "DEAD_LETTER_QUEUE_URL is not a URL"),
        ("CLAIM_LEASE_SECONDS", "0", "CLAIM_LEASE_SECONDS is 0, not between 1 and 900"),
        ("INCIDENTS_TABLE", " ", "INCIDENTS_TABLE is not set"),
    ],
)
def test_a_wrong_setting_fails_at_cold_start_with_its_name(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidSetting, match=message):
        cold_start("open_incident")

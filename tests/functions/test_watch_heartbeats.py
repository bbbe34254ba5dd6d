"""The function as Lambda calls it, with a table, a topic and accounts that are given."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
import time_machine
from moto import mock_aws

from responder.runtime.settings import InvalidSetting
from tests import heartbeat_world
from tests.functions.invocation import CONTEXT, batch, cold_start, forget_logger, log, metrics, set_aside
from tests.tables import create_keyed_tables

HUB, MEMBER, REGION = "111122223333", "444455556666", "eu-west-1"
RULES = (
    "ForwardRootActivityRule",
    "ForwardConfigComplianceRule",
    "ForwardDeletedItemsRule",
    "ForwardDeletionCallsRule",
)

Output = pytest.CaptureFixture[str]


@pytest.fixture
def clock() -> Iterator[Any]:
    with mock_aws(), time_machine.travel("2026-03-10T03:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def queue(clock: Any) -> str:
    return str(boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"])


@pytest.fixture
def app(queue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    create_keyed_tables(boto3.client("dynamodb"), heartbeat_world.TABLE)
    topic = boto3.client("sns").create_topic(Name="notifications")["TopicArn"]
    variables = heartbeat_world.watcher_environment(
        hub=HUB, member=MEMBER, region=REGION, dead_letters=queue, topic=topic
    )
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield cold_start("watch_heartbeats")
    forget_logger("watch_heartbeats")


def event(kind: str, time: str, **detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": f"{kind}-{time}",
        "source": "security-responder",
        "detail-type": kind,
        "account": MEMBER,
        "region": REGION,
        "time": time,
        "resources": [],
        "detail": detail,
    }


def test_a_batch_of_heartbeats_and_a_check(app: ModuleType, capsys: Output) -> None:
    beats = [event("Heartbeat", "2026-03-10T02:59:00Z", rule=rule) for rule in RULES]

    answer = app.lambda_handler(batch(*beats, event("Heartbeat Check", "2026-03-10T03:00:00Z")), CONTEXT)

    assert answer == {"batchItemFailures": []}
    output = capsys.readouterr().out
    assert [line["outcome"] for line in log(output) if "outcome" in line] == ["heard"] * 4 + ["checked"]
    counted = metrics(output)
    assert (counted["EventsReceived"], counted["SilentMembers"]) == (5, 0)  # nothing of it is written too


def test_silence_is_counted_and_told(app: ModuleType, clock: Any, capsys: Output) -> None:
    beats = [event("Heartbeat", "2026-03-10T02:59:00Z", rule=rule) for rule in RULES]
    app.lambda_handler(batch(*beats), CONTEXT)
    app.lambda_handler(event("Heartbeat Check", "2026-03-10T03:00:00Z"), CONTEXT)
    clock.move_to("2026-03-10T04:00:00Z")
    # The hub's own member stack, which is expected too, has four hours yet.

    report = app.lambda_handler(event("Heartbeat Check", "2026-03-10T04:00:00Z"), CONTEXT)

    assert (report["outcome"], report["members"], report["silent_members"]) == ("checked", 2, 1)
    assert report["silent"] == [f"{MEMBER}/{REGION}/{rule}" for rule in sorted(RULES)]
    assert metrics(capsys.readouterr().out)["SilentMembers"] == 1


def test_nonsense_is_set_aside_with_its_reason(app: ModuleType, queue: str) -> None:
    nonsense = event("Heartbeat", "2026-03-10T03:00:00Z")

    assert app.lambda_handler(batch(nonsense), CONTEXT) == {"batchItemFailures": []}
    assert set_aside(queue) == [(nonsense["id"], "detail.rule: is missing")]


@pytest.mark.parametrize("name", ["EXPECTED_REGIONS", "HEARTBEATS_TABLE", "SILENT_AFTER_SECONDS", "GRACE_SECONDS"])
def test_a_missing_setting_fails_at_cold_start_with_its_name(
    app: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(InvalidSetting, match=name):
        cold_start("watch_heartbeats")

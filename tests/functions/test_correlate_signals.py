"""The function as Lambda calls it, with what the stream tells once findings have been collected."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
import time_machine
from botocore.exceptions import ClientError
from moto import mock_aws

from responder.runtime.settings import InvalidSetting
from sandbox import moto_gaps
from sandbox.aws_services import config_aggregator, install, security_hub
from sandbox.streams import Stream
from tests.conftest import EVENTS
from tests.correlation_world import (
    collector_environment,
    correlator_environment,
    create_signals_table,
    rules_file,
)
from tests.functions.invocation import CONTEXT, batch, cold_start, forget_logger, log, metrics, set_aside

HUB, REGION = "123456789012", "eu-west-1"
PRODUCT = f"arn:aws:securityhub:{REGION}:{HUB}:product/{HUB}/default"
BACKDOOR, EXPOSED = "backdoor-with-critical-cves", "exposed-instance-under-attack"
INSTANCE = "aws/777788889999/eu-west-1/AWS::EC2::Instance/i-0bacd004000000001"

Record = dict[str, Any]


@dataclass
class World:
    """An account with findings coming in, and its correlator."""

    stream: Stream
    queue: str
    rules: Path
    clock: time_machine.Traveller
    patch: pytest.MonkeyPatch
    taken: int = 0

    def start(self, aggregator: str = "") -> ModuleType:
        """The function in a new container, whose waits pass the world's time."""
        self._set(correlator_environment(hub=HUB, dead_letters=self.queue, rules=self.rules, aggregator=aggregator))
        app = cold_start("correlate_signals")
        app.correlator._imports._pace._sleep = self.clock.shift
        if app.correlator._relations is not None:
            app.correlator._relations._pace._sleep = self.clock.shift
        return app

    def collect(self, *events: Any) -> None:
        """Collect the findings of these events."""
        self._set(collector_environment(hub=HUB, dead_letters=self.queue, rules=self.rules))
        assert cold_start("collect_signals").lambda_handler(batch(*events), CONTEXT) == {"batchItemFailures": []}

    def records(self) -> list[Record]:
        """What the stream tells of signals since this was last asked, as the event source mapping filters it."""
        told = [json.loads(record.text) for record in self.stream.records(self.taken)]
        self.taken += len(told)
        return [record for record in told if record["dynamodb"]["Keys"]["row"]["S"].startswith("o#")]

    def signals(self, threat: str) -> list[Record]:
        """What the stream tells of the findings of a sample threat."""
        self.collect(*events_of(threat))
        return self.records()

    def threats(self) -> list[dict[str, Any]]:
        """The correlated findings that Security Hub has."""
        return [found for found in security_hub.findings(HUB, REGION) if found["ProductArn"] == PRODUCT]

    def _set(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self.patch.setenv(name, value)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    install()
    moto_gaps.install()
    with mock_aws(), time_machine.travel("2026-03-16T12:00:00Z", tick=False) as clock:
        queue = str(boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"])
        stream = Stream(create_signals_table(boto3.client("dynamodb")), "SignalsTable")
        yield World(stream, queue, rules_file(tmp_path), clock, monkeypatch)
    for function in ("collect_signals", "correlate_signals"):
        forget_logger(function)


def events_of(threat: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((EVENTS / "threats" / threat).glob("*.json"))]


def told(output: str) -> list[dict[str, Any]]:
    """The lines of the log that say what became of something."""
    return [line for line in log(output) if "outcome" in line]


def of_rule(records: list[Record], rule: str) -> list[Record]:
    return [record for record in records if record["dynamodb"]["NewImage"]["rule"]["S"] == rule]


def test_a_threat_becomes_one_finding_of_its_rule(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    records = world.signals(BACKDOOR)
    app = world.start()
    capsys.readouterr()

    assert app.lambda_handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}

    (threat,) = world.threats()
    assert (threat["GeneratorId"], threat["Severity"]["Label"]) == (BACKDOOR, "CRITICAL")
    assert (threat["AwsAccountId"], threat["ProductFields"]["responder/Resource"]) == (HUB, INSTANCE)
    evidence = {event["detail"]["findings"][0]["Id"] for event in events_of(BACKDOOR)}
    assert {related["Id"] for related in threat["RelatedFindings"]} == evidence
    output = capsys.readouterr().out
    lines = [line for line in told(output) if line["rule"] == BACKDOOR]
    assert [(line["outcome"], line["resource"]) for line in lines] == [("fired", INSTANCE)] * 4
    assert {line["finding_id"] for line in lines} == evidence
    assert {line["event_id"] for line in told(output)} == {record["eventID"] for record in records}
    counted = metrics(output)
    assert (counted["EventsReceived"], counted["ThreatsFound"]) == (len(records), 1)


def test_record_by_record_it_is_the_same_finding(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    records = of_rule(world.signals(BACKDOOR), BACKDOOR)
    app = world.start()
    capsys.readouterr()

    answers = [app.lambda_handler(record, CONTEXT) for record in records]

    assert answers == [{"batchItemFailures": []}] * 4
    outcomes = [line["outcome"] for line in told(capsys.readouterr().out)]
    assert outcomes == ["fired", "waiting", "waiting", "waiting"], "the first one finds the others in the table"
    assert [threat["GeneratorId"] for threat in world.threats()] == [BACKDOOR]


def test_delivered_again_to_another_container_it_changes_nothing(world: World) -> None:
    records = world.signals(BACKDOOR)
    world.start().lambda_handler({"Records": records}, CONTEXT)
    before = world.threats()
    world.clock.shift(600)

    assert world.start().lambda_handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert world.threats() == before


def test_a_poison_record_is_set_aside_with_its_reason_and_the_others_are_correlated(world: World) -> None:
    records = world.signals(BACKDOOR)
    poison = json.loads(json.dumps(records[0])) | {"eventID": "p01501"}
    del poison["dynamodb"]["NewImage"]["time"]

    answer = world.start().lambda_handler({"Records": [poison, *records]}, CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert set_aside(world.queue) == [("p01501", "no row of a signal: KeyError: 'time'")]
    assert len(world.threats()) == 1


def test_what_holds_no_signal_is_ignored(world: World) -> None:
    removed, *records = world.signals(BACKDOOR)
    row = removed["dynamodb"].pop("NewImage")
    removed["eventName"] = "REMOVE"
    of_old = json.loads(json.dumps(records[0]))
    of_old["dynamodb"]["NewImage"] = row | {"rule": {"S": "a-rule-of-last-year"}}

    assert world.start().lambda_handler({"Records": [removed, of_old]}, CONTEXT) == {"batchItemFailures": []}
    assert set_aside(world.queue) == []
    assert world.threats() == []


def test_a_failing_import_is_delivered_again_from_its_first_record_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, records = world.signals("near-misses")[:1], of_rule(world.signals(BACKDOOR), BACKDOOR)
    app = world.start()
    client = app.correlator._imports._client
    imports = client.batch_import_findings

    def throttled(**request: Any) -> Any:
        raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow down"}}, "Import")

    monkeypatch.setattr(client, "batch_import_findings", throttled)
    first = records[0]["dynamodb"]["SequenceNumber"]
    assert app.lambda_handler({"Records": [*before, *records]}, CONTEXT) == {
        "batchItemFailures": [{"itemIdentifier": first}]
    }
    assert world.threats() == []

    monkeypatch.setattr(client, "batch_import_findings", imports)
    assert app.lambda_handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert [threat["GeneratorId"] for threat in world.threats()] == [BACKDOOR]


def test_a_finding_that_security_hub_refuses_is_no_obstacle(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    records = of_rule(world.signals(BACKDOOR), BACKDOOR) + world.signals("leaked-access-key-in-use")
    app = world.start()
    client = app.correlator._imports._client
    imports = client.batch_import_findings

    def picky(Findings: list[dict[str, Any]]) -> Any:  # noqa: N803 - as boto3 has it
        refused = [finding for finding in Findings if finding["GeneratorId"] == BACKDOOR]
        taken = [finding for finding in Findings if finding not in refused]
        answer = imports(Findings=taken) if taken else {"SuccessCount": 0}
        reason = {"ErrorCode": "InvalidInput", "ErrorMessage": "data.Title is odd"}
        failed = [{"Id": finding["Id"]} | reason for finding in refused]
        return answer | {"FailedCount": len(failed), "FailedFindings": failed}

    monkeypatch.setattr(client, "batch_import_findings", picky)

    assert app.lambda_handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert [threat["GeneratorId"] for threat in world.threats()] == ["leaked-access-key-in-use"]
    reason = "could not import a finding: InvalidInput: data.Title is odd"
    assert sorted(set_aside(world.queue)) == sorted((record["eventID"], reason) for record in records[:4])


@pytest.fixture
def aggregator() -> str:
    items = json.loads((EVENTS / "world" / "resources.json").read_text())["configurationItems"]
    config_aggregator.create_organization_aggregator(HUB, REGION, "organization")
    for item in items:
        config_aggregator.put_item(HUB, REGION, item)
    return "organization"


def test_with_an_aggregator_related_resources_count_too(world: World, aggregator: str) -> None:
    records = world.signals(EXPOSED)
    assert world.start().lambda_handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert world.threats() == []

    assert world.start(aggregator).lambda_handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert [threat["GeneratorId"] for threat in world.threats()] == [EXPOSED]


def test_an_aggregator_that_is_gone_holds_nothing_up(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    records = world.signals(EXPOSED) + world.signals(BACKDOOR)
    app = world.start("no-such-aggregator")
    capsys.readouterr()

    assert app.lambda_handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert [threat["GeneratorId"] for threat in world.threats()] == [BACKDOOR]
    assert metrics(capsys.readouterr().out)["RelationsRefused"] >= 1


def test_what_is_no_batch_of_a_stream_fails_as_a_whole(world: World) -> None:
    with pytest.raises(ValueError, match="eventSource: is 'aws:sqs'"):
        world.start().lambda_handler(batch({}), CONTEXT)


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_REGION", "DEAD_LETTER_QUEUE_URL", "EXPECTED_SHARDS", "HUB_ACCOUNT_ID", "RELATIONS_MAX_AGE_SECONDS"),
        *("RULES_FILE", "SIGNALS_TABLE", "TIME_LIMIT_SECONDS"),
    ],
)
def test_a_missing_setting_fails_at_cold_start_with_its_name(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world.start()
    monkeypatch.delenv(name)

    with pytest.raises(InvalidSetting, match=name):
        cold_start("correlate_signals")


def test_rules_that_cannot_be_read_fail_at_cold_start(world: World) -> None:
    world.rules.write_text('{"format": 2, "rules": []}')

    with pytest.raises(ValueError, match="no correlation rules of format 1"):
        world.start()

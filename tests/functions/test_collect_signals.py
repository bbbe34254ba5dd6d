"""The function as Lambda calls it, with the shipped rules and an empty table."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
import time_machine
from botocore.exceptions import ClientError
from moto import mock_aws

from responder.runtime.settings import InvalidSetting
from tests.conftest import EVENTS
from tests.correlation_world import TABLE, collector_environment, create_signals_table, rules_file
from tests.functions.invocation import CONTEXT, batch, cold_start, forget_logger, log, metrics, set_aside

HUB = "123456789012"
BACKDOOR = "backdoor-with-critical-cves"
INSTANCE = "aws/777788889999/eu-west-1/AWS::EC2::Instance/i-0bacd004000000001"

Event = dict[str, Any]


@pytest.fixture
def queue() -> Iterator[str]:
    with mock_aws(), time_machine.travel("2026-03-16T12:00:00Z", tick=False):
        yield str(boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"])


@pytest.fixture
def environment(queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    create_signals_table(boto3.client("dynamodb"))
    variables = collector_environment(hub=HUB, dead_letters=queue, rules=rules_file(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield variables
    forget_logger("collect_signals")


@pytest.fixture
def app(environment: dict[str, str]) -> ModuleType:
    return cold_start("collect_signals")


def backdoor(**changes: Any) -> Event:
    """GuardDuty's finding of a backdoor, with members of it replaced."""
    return threat("4-backdoor", **changes)


def cve(**changes: Any) -> Event:
    """Inspector's finding of a critical CVE, likewise."""
    return threat("1-critical-vulnerability", **changes)


def threat(name: str, **changes: Any) -> Event:
    event: Event = json.loads((EVENTS / "threats" / BACKDOOR / f"{name}.json").read_text())
    finding(event).update(changes)
    return event


def finding(event: Event) -> dict[str, Any]:
    (found,) = event["detail"]["findings"]
    assert isinstance(found, dict)
    return found


def rows(rule: str = BACKDOOR) -> list[dict[str, str]]:
    """The signals that a rule has got, in the order of their legs and times."""
    items = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    signals = [
        {name: next(iter(value.values())) for name, value in item.items()}
        for item in items
        if item["row"]["S"].startswith("o#") and item["rule"]["S"] == rule
    ]
    return sorted(signals, key=lambda row: (row["row"], row["pair"]))


def test_what_a_finding_says_is_a_row_of_its_rule_and_resource(app: ModuleType) -> None:
    event = backdoor()

    assert app.lambda_handler(event, CONTEXT) == {
        "outcome": "collected",
        "finding_id": finding(event)["Id"],
        "findings": 1,
    }
    (row,) = rows()
    assert (row["pair"], row["leg"], row["value"]) == (f"{BACKDOOR}/{INSTANCE}", "backdoor", "")
    assert (row["finding_id"], row["title"]) == (finding(event)["Id"], finding(event)["Title"])
    assert json.loads(row["mention"]) == finding(event)["Resources"][0]


def test_in_a_batch_the_good_are_collected_and_the_bad_set_aside_with_their_reason(
    app: ModuleType, queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = cve(AwsAccountId="")

    answer = app.lambda_handler(batch(backdoor(), "{nonsense", bad, backdoor(), cve()), CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert [row["leg"] for row in rows()] == ["backdoor", "critical-cves"]
    assert sorted(set_aside(queue)) == [
        (bad["id"], "detail.findings.0.AwsAccountId: is '', not of at least 1 characters"),
        ("unknown", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ]
    output = capsys.readouterr().out
    counted = metrics(output)
    assert (counted["EventsReceived"], counted["EventsRejected"], counted["FindingsCollected"]) == (5, 2, 2)
    lines = [line for line in log(output) if "outcome" in line]
    assert [line["outcome"] for line in lines] == ["collected", "rejected", "rejected", "collected", "collected"]
    assert (lines[0]["event_id"], lines[0]["finding_id"]) == (backdoor()["id"], finding(backdoor())["Id"])


def test_delivered_again_it_is_known_and_nothing_is_written(app: ModuleType) -> None:
    app.lambda_handler(batch(cve()), CONTEXT)
    before = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]

    assert app.lambda_handler(cve(), CONTEXT)["outcome"] == "known"
    assert boto3.client("dynamodb").scan(TableName=TABLE)["Items"] == before


def test_a_replay_tells_of_its_signals_again(app: ModuleType) -> None:
    app.lambda_handler(cve(), CONTEXT)
    (before,) = rows()

    assert app.lambda_handler(cve() | {"replay-name": "march"}, CONTEXT)["outcome"] == "collected"
    (after,) = rows()
    assert after == before | {"replay": "march"}


def test_what_was_settled_since_says_nothing_any_more(app: ModuleType) -> None:
    app.lambda_handler(cve(), CONTEXT)
    resolved = cve(Workflow={"Status": "RESOLVED"}) | {"time": "2026-03-05T08:00:00Z"}

    assert app.lambda_handler(resolved, CONTEXT)["outcome"] == "noted"


def test_what_can_concern_no_rule_is_not_kept(app: ModuleType) -> None:
    other = cve(ProductArn="arn:aws:securityhub:eu-west-1::product/aws/firewall-manager")

    assert app.lambda_handler(other, CONTEXT)["outcome"] == "irrelevant"
    assert boto3.client("dynamodb").scan(TableName=TABLE)["Items"] == []


def test_only_what_failed_is_delivered_again(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app.collector._store._client
    put = client.put_item

    def throttled(**request: Any) -> Any:
        if request["Item"]["finding_id"]["S"] == finding(cve())["Id"]:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "PutItem")
        return put(**request)

    monkeypatch.setattr(client, "put_item", throttled)
    both = batch(backdoor(), cve())
    assert app.lambda_handler(both, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}

    monkeypatch.setattr(client, "put_item", put)
    assert app.lambda_handler(batch(cve()), CONTEXT) == {"batchItemFailures": []}
    assert [row["leg"] for row in rows()] == ["backdoor", "critical-cves"]


NOWHERE: dict[str, Any] = {
    "without Resources": {"Resources": None},
    "with a list of none": {"Resources": []},
    "with a text for Resources": {"Resources": "i-0bacd004000000001"},
    "with resources that are texts": {"Resources": ["i-0bacd004000000001"]},
    "with resources without an id": {"Resources": [{"Type": "AwsEc2Instance"}]},
    "about something else": {"Resources": [{"Type": "Other", "Id": "feature-store"}]},
    "without Vulnerabilities": {"Vulnerabilities": None},
    "with a list of no Vulnerabilities": {"Vulnerabilities": []},
    "with Vulnerabilities without an id": {"Vulnerabilities": [{"VulnerablePackages": []}, {"Id": ""}, {"Id": 7}]},
    "with a text for Vulnerabilities": {"Vulnerabilities": "CVE-2022-22965"},
    "with a weakness that is no CVE": {"Vulnerabilities": [{"Id": "GHSA-36p3-wjmg-h94x"}]},
}


@pytest.mark.parametrize("changes", NOWHERE.values(), ids=NOWHERE)
def test_a_finding_that_does_not_say_what_or_where_is_noted(app: ModuleType, changes: dict[str, Any]) -> None:
    event = cve(**changes)
    missing = [name for name, value in changes.items() if value is None]
    for name in missing:
        del finding(event)[name]

    assert app.lambda_handler(event, CONTEXT)["outcome"] == "noted"
    assert rows() == []


def test_a_finding_of_32_resources_is_a_signal_of_each(app: ModuleType) -> None:
    arn = "arn:aws:ec2:eu-west-1:777788889999:instance/i-0bacd0040000000{:02}"
    event = backdoor(Resources=[{"Type": "AwsEc2Instance", "Id": arn.format(number)} for number in range(32)])

    assert app.lambda_handler(event, CONTEXT)["outcome"] == "collected"
    assert len({row["pair"] for row in rows()}) == len(rows()) == 32


def test_of_several_vulnerabilities_as_many_are_kept_as_the_rule_counts(app: ModuleType) -> None:
    ids = ["GHSA-36p3-wjmg-h94x", "CVE-2026-5", "CVE-2026-3", "CVE-2026-3", "CVE-2026-4", "CVE-2026-2"]

    app.lambda_handler(cve(Vulnerabilities=[{"Id": id_} for id_ in ids]), CONTEXT)

    assert sorted(row["value"] for row in rows()) == ["CVE-2026-2", "CVE-2026-3", "CVE-2026-4"]


def test_the_same_finding_from_two_accounts_and_regions_is_one(app: ModuleType) -> None:
    """The member's own event comes too, and that of the linked Region, each with an envelope of its own."""
    elsewhere = {"account": "777788889999", "region": "eu-central-1", "id": "7b4ea700-0002-4000-8000-00000000000f"}

    answers = [app.lambda_handler(event, CONTEXT) for event in (cve(), cve() | elsewhere | later(cve()))]

    assert [answer["outcome"] for answer in answers] == ["collected", "collected"]
    one, other = rows()
    assert one["resource"] == other["resource"] == INSTANCE
    assert (one["time"], one["finding_id"], one["value"]) == (other["time"], other["finding_id"], other["value"])


def later(event: Event) -> dict[str, str]:
    return {"time": event["time"].replace("06:02:", "06:03:")}


def test_of_a_finding_of_240_kb_the_signal_stays_small(app: ModuleType) -> None:
    event = cve(Title="CVE " * 64)
    found = finding(event)
    found["Resources"][0]["Details"] = {"Other": {f"detail-{n:03}": "é" * 512 for n in range(180)}}
    found["Vulnerabilities"] *= 30
    assert 200_000 < len(json.dumps(found, ensure_ascii=False).encode()) < 240 * 1024

    assert app.lambda_handler(batch(event), CONTEXT) == {"batchItemFailures": []}

    (row,) = rows()
    assert json.loads(row["mention"])["Id"].endswith(":instance/i-0bacd004000000001")
    items = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert max(len(json.dumps(item)) for item in items) < 4_000


@pytest.mark.parametrize("name", ["DEAD_LETTER_QUEUE_URL", "HUB_ACCOUNT_ID", "RULES_FILE", "SIGNALS_TABLE"])
def test_a_missing_setting_fails_at_cold_start_with_its_name(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(InvalidSetting, match=name):
        cold_start("collect_signals")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Expecting value"),
        ("[]", "no correlation rules of format 1"),
        ('{"format": 2, "rules": []}', "no correlation rules of format 1"),
    ],
)
def test_rules_that_cannot_be_read_fail_at_cold_start(environment: dict[str, str], text: str, told: str) -> None:
    Path(environment["RULES_FILE"]).write_text(text)

    with pytest.raises(ValueError, match=told):
        cold_start("collect_signals")

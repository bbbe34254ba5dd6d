"""What a run reports: every event once, the same each time, and what became of it."""

import json
import textwrap
from typing import Any

import pytest

from sandbox.printing import print_report
from sandbox.report import is_clean

from .conftest import MEMBER, BuildWorld, event

FINDING: dict[str, Any] = {
    "SchemaVersion": "2018-10-08",
    "Id": "finding-1",
    "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
    "GeneratorId": "rule-1",
    "AwsAccountId": MEMBER,
    "Region": "eu-west-1",
    "Types": ["Software and Configuration Checks"],
    "CreatedAt": "2026-03-01T10:00:00.000Z",
    "UpdatedAt": "2026-03-01T10:00:00.000Z",
    "Severity": {"Label": "HIGH"},
    "Title": "A finding",
    "Description": "Of something",
    "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::bucket"}],
    "Workflow": {"Status": "NEW"},
    "RecordState": "ACTIVE",
}

UPDATING = textwrap.dedent(
    """
    import json
    import boto3
    hub = boto3.client("securityhub")
    def lambda_handler(batch, context):
        for record in batch["Records"]:
            event = json.loads(record["body"])
            for finding in event["detail"].get("findings", []):
                if UNLESS_DONE and finding.get("Workflow", {}).get("Status") == "RESOLVED":
                    continue
                identifier = {"Id": finding["Id"], "ProductArn": finding["ProductArn"]}
                hub.batch_update_findings(FindingIdentifiers=[identifier], Workflow={"Status": "RESOLVED"})
            print(json.dumps({"event_id": event["id"], "outcome": "updated"}))
    """
)


def imported(*findings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    detail_type = "Security Hub Findings - Imported"
    return event(
        source="aws.securityhub", detail={"findings": list(findings)}, **{"detail-type": detail_type}, **changes
    )


def test_an_entry_for_every_element_whatever_it_is(build_world: BuildWorld) -> None:
    sandbox = build_world()
    sandbox.deliver([event(), 5, event("2", source="aws.ec2"), {"source": "x", "detail-type": "y", "account": "1"}])
    assert sandbox.report()["events"] == [
        {
            "id": "e-1",
            "source": "test.app",
            "detail_type": "Test",
            "account": MEMBER,
            "region": "eu-west-1",
            "rules": ["Everything"],
            "functions": ["act"],
            "status": "handled",
            "reason": None,
        },
        {
            "id": None,
            "source": None,
            "detail_type": None,
            "account": None,
            "region": None,
            "rules": [],
            "functions": [],
            "status": "rejected",
            "reason": "a JSON number is no event",
        },
        {
            "id": "2",
            "source": "aws.ec2",
            "detail_type": "Test",
            "account": MEMBER,
            "region": "eu-west-1",
            "rules": [],
            "functions": [],
            "status": "unmatched",
            "reason": "no rule of its account's default bus forwards it",
        },
        {
            "id": None,
            "source": "x",
            "detail_type": "y",
            "account": "1",
            "region": None,
            "rules": [],
            "functions": [],
            "status": "rejected",
            "reason": "EventBridge event without detail",
        },
    ]


def test_one_entry_however_often_it_is_delivered_and_in_any_order(build_world: BuildWorld) -> None:
    sandbox = build_world("def lambda_handler(event, context): print({'n': len(event['Records'])})")
    sandbox.deliver([event(str(n)) for n in range(6)], duplicate=3, shuffle=5)
    assert [entry["id"] for entry in sandbox.report()["events"]] == [str(n) for n in range(6)]
    counts = [invocation.log for invocation in sandbox.function("act").invocations]
    assert counts == ["{'n': 10}\n", "{'n': 8}\n"]


def test_a_seed_is_an_order(build_world: BuildWorld) -> None:
    handler = "import json\ndef lambda_handler(b, c): print([json.loads(r['body'])['id'] for r in b['Records']])"
    orders = []
    for seed in (None, 1, 1, 2):
        sandbox = build_world(handler)
        sandbox.deliver([event(str(n)) for n in range(9)], shuffle=seed)
        orders.append(sandbox.function("act").invocations[0].log)
        sandbox.close()
    assert orders[1] == orders[2]
    assert len(set(orders)) == 3


def test_two_equal_runs_report_the_same(build_world: BuildWorld) -> None:
    reports = []
    for _ in range(2):
        sandbox = build_world(f"UNLESS_DONE = True\n{UPDATING}")
        sandbox.deliver([imported(FINDING), {"source": "test.app", "detail-type": "x", "detail": {}}, FINDING, [None]])
        reports.append(sandbox.report() | {"duration_ms": 0})
        sandbox.close()
    assert json.dumps(reports[0]) == json.dumps(reports[1])


def test_a_finding_that_arrives_is_in_security_hub_from_then_on(build_world: BuildWorld) -> None:
    sandbox = build_world()
    sandbox.deliver([imported(FINDING, FINDING | {"Id": "finding-2"}, account=MEMBER)])
    findings = sandbox.client("securityhub").get_findings(Filters={})["Findings"]
    assert [finding["Id"] for finding in findings] == ["finding-1", "finding-2"]
    assert sandbox.report()["findings"] == findings


def test_what_is_no_finding_is_in_no_security_hub(build_world: BuildWorld) -> None:
    sandbox = build_world()
    rubbish: list[Any] = [None, "x", [None], [{}], [{"Id": 5, "ProductArn": None}], {}]
    for findings in rubbish:
        sandbox.deliver([imported() | {"detail": {"findings": findings}}])
    assert sandbox.report()["findings"] == []


def test_findings_of_any_shape(build_world: BuildWorld, capsys: pytest.CaptureFixture[str]) -> None:
    rubbish = [5, "x", None, [], {}, [5], {"Status": 5}]
    sandbox = build_world(f"UNLESS_DONE = True\n{UPDATING}")
    for number, value in enumerate(rubbish):
        names = ("Workflow", "Severity", "Resources", "Note", "UpdatedAt", "RecordState", "Title", "AwsAccountId")
        odd = {"Id": str(number), "ProductArn": "x"} | dict.fromkeys(names, value)
        for _ in range(2):
            (entry,) = sandbox.deliver([imported(odd)])
            assert entry.status in ("handled", "failed")
    print_report(sandbox.report(), sandbox.ledger.entries, sandbox.changed_findings)
    assert "Changed findings" in capsys.readouterr().out or not sandbox.changed_findings


def test_an_update_raises_its_event_once_more(build_world: BuildWorld) -> None:
    sandbox = build_world(f"UNLESS_DONE = True\n{UPDATING}")
    (entry,) = sandbox.deliver([imported(FINDING, account="111122223333")])
    assert entry.status == "handled"
    report = sandbox.report()
    assert report["api_calls"] == {"securityhub:BatchUpdateFindings": 1}
    assert len(sandbox.function("act").invocations) == 2
    assert [finding["Workflow"] for finding in report["findings"]] == [{"Status": "RESOLVED"}]
    assert list(entry.rules) == ["Everything"]
    assert list(sandbox.changed_findings) == [(FINDING["ProductArn"], "finding-1")]
    assert len(report["events"]) == 1


def test_a_loop_ends_and_is_called_one(build_world: BuildWorld) -> None:
    sandbox = build_world(f"UNLESS_DONE = False\n{UPDATING}")
    looping, other = sandbox.deliver([imported(FINDING), event("2", time="2026-03-02T10:00:00Z")])
    assert (looping.status, other.status) == ("failed", "handled")
    assert str(looping.reason).startswith("a loop: 20 events followed from it")
    assert not is_clean(sandbox.report())


def test_a_loop_that_branches_ends_too(build_world: BuildWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.world.MAXIMUM_RAISED", 100)
    both = [{"Id": f"finding-{n}", "ProductArn": FINDING["ProductArn"]} for n in (1, 2)]
    sandbox = build_world(f"UNLESS_DONE = False\n{UPDATING.replace('[identifier]', str(both))}")
    (entry,) = sandbox.deliver([imported(FINDING, FINDING | {"Id": "finding-2"})])
    assert str(entry.reason).startswith("a loop: 100 events followed from it, and still more")


def test_notifications_name_the_topic_by_its_logical_id(build_world: BuildWorld) -> None:
    handler = """
import os, boto3
def lambda_handler(event, context):
    boto3.client("sns").publish(TopicArn=os.environ["TOPIC_ARN"], Subject="s", Message="m")
"""
    sandbox = build_world(handler)
    sandbox.invoke("act", {})
    assert sandbox.report()["notifications"] == [{"topic": "Topic", "subject": "s", "message": "m"}]


def test_incidents_with_key_timeline_and_related_items(build_world: BuildWorld) -> None:
    handler = """
import datetime, json, boto3
def lambda_handler(event, context):
    incidents = boto3.client("ssm-incidents")
    template = {"title": "Security incident", "impact": 3}
    plan = incidents.create_response_plan(name="plan", clientToken="c", incidentTemplate=template)["arn"]
    arn = incidents.start_incident(
        responsePlanArn=plan, title="T", impact=2, clientToken="c",
        triggerDetails={"source": "responder", "timestamp": datetime.datetime.now(datetime.timezone.utc),
                        "rawData": json.dumps({"incident_key": event["key"]}) if event["key"] else "no JSON"},
        relatedItems=[{"identifier": {"type": "OTHER", "value": {"url": "https://example.org"}}, "title": "L"}],
    )["incidentRecordArn"]
    for seconds in (20, 10):
        time = datetime.datetime(2026, 3, 1, 10, 0, seconds, tzinfo=datetime.timezone.utc)
        incidents.create_timeline_event(
            clientToken=str(seconds), incidentRecordArn=arn, eventTime=time, eventType="Custom Event",
            eventData=json.dumps(str(seconds)))
    return arn
"""
    sandbox = build_world(handler)
    arn = sandbox.invoke("act", {"key": "root/444455556666"}).response
    (incident,) = sandbox.report()["incidents"]
    assert incident.pop("related_items")[0].items() >= {"title": "L"}.items()
    assert incident == {
        "backend": "IncidentManager",
        "key": "root/444455556666",
        "title": "T",
        "impact": 2,
        "status": "OPEN",
        "arn": arn,
        "timeline": [
            {"time": "2026-03-01T10:00:10Z", "type": "Custom Event", "data": '"10"'},
            {"time": "2026-03-01T10:00:20Z", "type": "Custom Event", "data": '"20"'},
        ],
    }
    sandbox.client("ssm-incidents").update_incident_record(arn=arn, status="RESOLVED")
    assert sandbox.report()["incidents"][0]["status"] == "RESOLVED"


def test_a_missing_time_is_the_clocks(build_world: BuildWorld) -> None:
    first, second = build_world().deliver([event(), event("2") | {"time": None}])
    assert first.event is not None
    assert second.event is not None
    assert second.event["time"] == first.event["time"]


def test_odd_times_move_no_clock(build_world: BuildWorld) -> None:
    sandbox = build_world()
    sandbox.deliver([event()])
    for time in ("yesterday", "2026-13-45T99:00:00Z", "9999-12-31T23:59:59Z", ""):
        before = sandbox.clock.now
        (entry,) = sandbox.deliver([event("2", time=time)])
        assert entry.status == "handled"
        assert (sandbox.clock.now - before).total_seconds() < 1

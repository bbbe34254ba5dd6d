"""The sample events through the deployed topology: the templates' rules and queues, the real handlers."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.world import Sandbox
from tests.conftest import EVENTS, MALFORMED_EVENTS, REPOSITORY
from tests.correlated_findings import BACKDOOR, INSTANCE, correlation, cve, event_of
from tests.incident_world import BACKENDS

HUB = "111122223333/eu-west-1"
NAMES = sorted(path.stem for path in EVENTS.glob("*.json"))
SAMPLES = {name: json.loads((EVENTS / f"{name}.json").read_text()) for name in NAMES}
MALFORMED = {path.stem: json.loads(path.read_text()) for path in sorted(MALFORMED_EVENTS.glob("*.json"))}
REASONS = json.loads((REPOSITORY / "tests" / "events_reasons.json").read_text())

Report = dict[str, Any]


def run(events: list[dict[str, Any]], *, backend: str = "IncidentManager", **how: Any) -> Report:
    with Sandbox(hub=HUB, parameters={"hub": {"IncidentBackend": backend}}) as sandbox:
        sandbox.deliver(events, **how)
        return sandbox.report()


def what_people_see(report: Report) -> list[tuple[Any, ...]]:
    """The incidents, less what no event decides (their ARNs)."""
    return sorted(
        (
            incident["key"],
            incident["title"],
            incident["impact"],
            incident["status"],
            tuple(sorted((entry["time"], entry["data"]) for entry in incident["timeline"])),
            tuple(sorted(json.dumps(item["identifier"], sort_keys=True) for item in incident["related_items"])),
        )
        for incident in report["incidents"]
    )


@pytest.fixture(scope="module")
def once() -> Callable[[str], Report]:
    """The report of one plain run over events/, by backend."""
    reports: dict[str, Report] = {}

    def report(backend: str) -> Report:
        if backend not in reports:
            reports[backend] = run(list(SAMPLES.values()), backend=backend)
        return reports[backend]

    return report


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_sample_event_does_what_its_name_says(once: Callable[[str], Report], backend: str) -> None:
    report = once(backend)
    status = dict(zip(NAMES, [event["status"] for event in report["events"]], strict=True))

    assert {name for name, state in status.items() if state == "unmatched"} == {
        "config-other-rule-opens-nothing",
        "deleted-database-2-call-only-starts",
        "deletion-refused-resolves-nothing",
        "deletion-scheduled-resolves-nothing",
        "guardduty-medium-opens-nothing",
        "root-call-made-by-aws-service-opens-nothing",
        "root-service-event-opens-nothing",
    }
    assert set(status.values()) == {"handled", "unmatched"}
    assert report["dead_letters"] == []
    assert {incident["backend"] for incident in report["incidents"]} == {backend}


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_incident_per_cause_with_its_impact_and_its_whole_timeline(
    once: Callable[[str], Report], backend: str
) -> None:
    prod, dev = "444455556666", "777788889999"
    bucket = "AWS::S3::Bucket"
    found = {
        incident["key"]: (incident["impact"], len(incident["timeline"])) for incident in once(backend)["incidents"]
    }

    assert len(once(backend)["incidents"]) == len(found)
    assert found == {
        f"root/{prod}": (1, 5),
        f"root/{dev}": (2, 1),
        "root/111122223333": (2, 1),
        f"guardduty/{prod}/eu-west-1/54c1f2a3b4d5e6f708192a3b4c5d6e7f": (2, 3),
        f"guardduty/{prod}/eu-west-1/66d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6": (2, 1),
        f"guardduty/{prod}/eu-west-1/78e3f4a5b6c7d8e9f0a1b2c3d4e5f607": (1, 1),
        f"guardduty/{prod}/eu-west-1/8af4a5b6c7d8e9f0a1b2c3d4e5f60718": (1, 1),
        "guardduty/111122223333/eu-west-1/9ba5b6c7d8e9f0a1b2c3d4e5f6071829": (5, 1),
        f"config/{prod}/eu-west-1/s3-bucket-public-read-prohibited/{bucket}/acme-press-kit": (3, 2),
        f"config/{dev}/eu-central-1/s3-bucket-public-read-prohibited/{bucket}/acme-dev-builds": (3, 2),
        f"config/{dev}/us-east-1/s3-bucket-public-write-prohibited/{bucket}/acme-dev-uploads": (2, 1),
        f"correlated/backdoor-with-critical-cves/{INSTANCE}": (1, 5),
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_people_are_told_of_every_opened_incident_once(once: Callable[[str], Report], backend: str) -> None:
    report = once(backend)

    subjects = [notification["subject"] for notification in report["notifications"]]

    assert all(subject.startswith("Incident: ") and subject.isascii() and len(subject) < 100 for subject in subjects)
    assert {notification["topic"] for notification in report["notifications"]} == {"NotificationTopic"}
    assert len(report["notifications"]) == len(report["incidents"])
    for incident in report["incidents"]:
        assert sum(incident["arn"] in notification["message"] for notification in report["notifications"]) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_three_deliveries_in_any_order_yield_the_same_incidents_as_one(
    once: Callable[[str], Report], backend: str, seed: int
) -> None:
    report = run(list(SAMPLES.values()), backend=backend, duplicate=3, shuffle=seed)

    assert what_people_see(report) == what_people_see(once(backend))
    assert report["dead_letters"] == []


def opens_an_incident(name: str) -> bool:
    kind = name.partition("-")[0]
    return kind not in ("deleted", "deletion", "finding", "heartbeat") and not re.search(
        "opens-nothing$|2-turned|3-archived", name
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_sample_event_alone_ends_well(name: str) -> None:
    report = run([SAMPLES[name]])

    assert [event["status"] for event in report["events"]] in (["handled"], ["unmatched"])
    assert bool(report["incidents"]) == opens_an_incident(name)


def test_malformed_events_on_the_queue_are_rejected_with_the_field_and_stop_nobody() -> None:
    with Sandbox(hub=HUB) as sandbox:
        for event in MALFORMED.values():
            sandbox.send("OpenIncidentQueue", json.dumps(event))
        sandbox.send("OpenIncidentQueue", "{nonsense")
        sandbox.deliver([SAMPLES["root-api-call"]])
        report = sandbox.report()

    reasons = [letter["reason"] for letter in report["dead_letters"] if not letter["reason"].startswith("not JSON")]
    assert sorted(reasons) == sorted(REASONS.values())
    assert len(report["dead_letters"]) == len(MALFORMED) + 1
    assert {letter["queue"] for letter in report["dead_letters"]} == {"OpenIncidentDeadLetterQueue"}
    assert {letter["body"] for letter in report["dead_letters"]} >= {json.dumps(event) for event in MALFORMED.values()}
    assert [incident["key"] for incident in report["incidents"]] == ["root/444455556666"]


def test_a_strict_pattern_keeps_out_what_the_handler_would_reject() -> None:
    event = MALFORMED["guardduty-severity-as-text"]

    assert [entry["status"] for entry in run([event])["events"]] == ["unmatched"]


def test_root_activity_opens_incidents_from_every_account_and_odd_ones(once: Callable[[str], Report]) -> None:
    events = []
    for account, region in (("000011112222", "eu-north-1"), ("12345", "mars-1"), ("************", "...")):
        event = json.loads(json.dumps(SAMPLES["root-api-call"]))
        event |= {"account": account, "region": region, "id": f"odd-{account}"}
        event["detail"] |= {"eventID": f"odd-{account}", "awsRegion": region, "recipientAccountId": account}
        event["detail"]["userIdentity"]["accountId"] = account
        events.append(event)

    report = run(events)

    assert sorted(incident["key"] for incident in report["incidents"]) == [
        "root/************",
        "root/000011112222",
        "root/12345",
    ]


def test_findings_and_config_changes_of_other_administrators_are_not_forwarded_twice() -> None:
    copy = SAMPLES["guardduty-critical"] | {"account": "444455556666", "id": "the member's own copy"}

    report = run([SAMPLES["guardduty-critical"], copy])

    assert [event["status"] for event in report["events"]] == ["handled", "unmatched"]
    assert len(report["incidents"]) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_resolved_incident_is_respected(backend: str) -> None:
    first, repeat = SAMPLES["guardduty-high-1-found"], SAMPLES["guardduty-high-2-repeated-six-hours-later"]
    with Sandbox(hub=HUB, parameters={"hub": {"IncidentBackend": backend}}) as sandbox:
        sandbox.deliver([first])
        (incident,) = sandbox.report()["incidents"]
        resolve(sandbox, incident["arn"])
        sandbox.deliver([first, SAMPLES["guardduty-high-3-archived"]])
        assert what_people_see(sandbox.report()) == [
            (*seen[:3], "RESOLVED", *seen[4:]) for seen in what_people_see({"incidents": [incident]})
        ]
        sandbox.deliver([repeat])  # activity from after the resolution
        report = sandbox.report()

    assert [incident["status"] for incident in report["incidents"]] == ["RESOLVED", "OPEN"]
    assert len({incident["key"] for incident in report["incidents"]}) == 1


FOUND = (BACKDOOR, cve(1), cve(2), cve(3))
LATER = replace(cve(4), observed_at=datetime(2026, 3, 2, 9, tzinfo=UTC))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_correlated_finding_opens_an_incident_that_shows_its_evidence(backend: str) -> None:
    with Sandbox(hub=HUB, parameters={"hub": {"IncidentBackend": backend}}) as sandbox:
        sandbox.deliver([event_of(correlation(*FOUND))])
        (first,) = sandbox.report()["incidents"]
        sandbox.deliver([event_of(correlation(*FOUND, LATER, version=2), id="2")], duplicate=3)
        report = sandbox.report()

    assert (first["key"], first["impact"]) == (f"correlated/backdoor-with-critical-cves/{INSTANCE}", 1)
    assert first["title"] == (
        "EC2 instance with three or more critical vulnerabilities behaves like one with a backdoor"
        f" on {INSTANCE.id} in account {INSTANCE.account} (eu-west-1)"
    )
    told = {entry["data"].splitlines()[0] for entry in first["timeline"]}
    assert told == {correlation().title, *(contribution.title for contribution in FOUND)}
    items = json.dumps(first["related_items"])
    assert all(contribution.key.id.rpartition("/")[2] in items for contribution in FOUND)
    assert f"instance/{INSTANCE.id}" in items

    (after,) = report["incidents"]
    assert {(entry["time"], entry["data"]) for entry in after["timeline"]} >= {
        (entry["time"], entry["data"]) for entry in first["timeline"]
    }
    assert len(after["timeline"]) == len(first["timeline"]) + 1
    assert len(after["related_items"]) == len(first["related_items"]) + 1
    assert (after["title"], after["impact"], len(report["notifications"])) == (first["title"], 1, 1)
    assert {event["status"] for event in report["events"]} == {"handled"}
    assert report["dead_letters"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"RecordState": "ARCHIVED"},
        {"Workflow": {"Status": "SUPPRESSED"}},
        {"ProductFields": {"responder/Resource": str(INSTANCE)}},
        {"ProductArn": "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default"},
        {
            "ProductArn": "arn:aws:securityhub:eu-west-1:444455556666:product/444455556666/default",
            "AwsAccountId": "444455556666",
        },
        {"ProductArn": "arn:aws:securityhub:eu-west-1::product/acme/scanner"},
    ],
    ids=str,
)
def test_settled_correlated_findings_and_what_others_make_look_like_one_open_nothing(changes: dict[str, Any]) -> None:
    report = run([event_of(correlation(), **changes)])

    assert (report["incidents"], report["dead_letters"]) == ([], [])
    (event,) = [event for event in report["events"] if event["id"] == event_of(correlation())["id"]]
    assert "CorrelatedFindingRule" not in json.dumps(event["rules"])


def test_a_correlated_finding_gets_the_context_of_the_resources_account_and_goes_with_the_resource() -> None:
    ended = SAMPLES["deleted-instances-2-call"]
    detail = json.loads(json.dumps(ended["detail"]).replace("i-0de1e7ed000000001", INSTANCE.id))
    event = event_of(correlation())
    event["detail"]["findings"][0]["Resources"][0]["Id"] = INSTANCE.id
    with Sandbox(hub=HUB) as sandbox:
        sandbox.deliver([event])
        (enriched,) = sandbox.report()["findings"]
        sandbox.deliver([ended | {"detail": detail, "time": "2026-03-02T20:00:00Z"}])
        (resolved,) = sandbox.report()["findings"]

    assert enriched["UserDefinedFields"]["AccountName"] == "Payments Production"
    assert (enriched["AwsAccountId"], enriched["Workflow"]["Status"]) == ("111122223333", "NEW")
    assert resolved["Workflow"]["Status"] == "RESOLVED"
    assert resolved["Note"]["UpdatedBy"] == "DeletedResourceFindingResolver"


@pytest.mark.parametrize("plan", ["999988887777:response-plan/theirs", "111122223333:response-plan/deleted"])
def test_a_response_plan_that_is_not_there_ends_in_notified_incidents_and_no_endless_retry(plan: str) -> None:
    parameters = {"CreateResponsePlan": "false", "ResponsePlanArn": f"arn:aws:ssm-incidents::{plan}"}
    story = [SAMPLES["root-console-sign-in-without-mfa"], SAMPLES["root-api-call"], SAMPLES["guardduty-critical"]]
    with Sandbox(hub=HUB, parameters={"hub": parameters}) as sandbox:
        sandbox.deliver(story, duplicate=2)
        report = sandbox.report()

    assert (report["incidents"], report["dead_letters"]) == ([], [])
    assert [event["status"] for event in report["events"]] == ["handled"] * 3
    assert [notification["subject"][:32] for notification in report["notifications"]] == [
        "NOT OPENED: Root console sign-in",
        "NOT OPENED: GuardDuty Critical 9",
    ]
    told = report["notifications"][0]["message"]
    assert "ResourceNotFoundException" in told
    assert SAMPLES["root-console-sign-in-without-mfa"]["detail"]["eventID"] in told


def resolve(sandbox: Sandbox, arn: str) -> None:
    """A person resolves an incident or OpsItem."""
    if ":ssm-incidents:" in arn:
        sandbox.client("ssm-incidents").update_incident_record(arn=arn, status="RESOLVED")
    else:
        sandbox.client("ssm").update_ops_item(OpsItemId=arn.rpartition("/")[2], Status="Resolved")

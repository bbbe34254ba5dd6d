"""Findings through the deployed topology: member rule, security bus, queue, enrich_findings, Security Hub."""

import json
from collections.abc import Iterable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.organization import sample as sample_organization
from sandbox.world import Sandbox
from tests.conftest import EVENTS, Sample
from tests.finding_changes import counted_changes

HUB = "111122223333/eu-west-1"
PARAMETERS = {"hub": {"IncidentBackend": "OpsCenter"}}
FINDING_SAMPLES = sorted(path.stem for path in EVENTS.glob("finding-*.json"))

Report = dict[str, Any]


def run(events: Iterable[Any], *, how: dict[str, Any] | None = None, **world: Any) -> Report:
    with Sandbox(hub=HUB, parameters=PARAMETERS, **world) as sandbox:
        sandbox.deliver(events, **how or {})
        return sandbox.report()


def finding_of(report: Report, event: dict[str, Any], number: int = 0) -> dict[str, Any]:
    wanted = event["detail"]["findings"][number]["Id"]
    (finding,) = [finding for finding in report["findings"] if finding["Id"] == wanted]
    return dict(finding)


def calls(report: Report, *services: str) -> int:
    return sum(count for call, count in report["api_calls"].items() if call.partition(":")[0] in services)


def what_matters(report: Report) -> dict[str, Any]:
    """The findings, less when their notes were written."""
    findings = {finding["Id"]: deepcopy(finding) for finding in report["findings"]}
    for finding in findings.values():
        finding.get("Note", {}).pop("UpdatedAt", None)
    return findings


def test_the_samples_show_what_becomes_of_findings() -> None:
    samples = {name: json.loads((EVENTS / f"{name}.json").read_text()) for name in FINDING_SAMPLES}
    report = run(samples.values())

    status = dict(zip(samples, [event["status"] for event in report["events"]], strict=True))
    assert set(status.values()) == {"handled"}
    new = finding_of(report, samples["finding-control-failed"])
    assert new["UserDefinedFields"]["OUPath"] == "Root/Workloads/Prod"
    assert new["UserDefinedFields"]["Environment"] == "PROD"
    noted = finding_of(report, samples["finding-with-an-analysts-note"])
    text = samples["finding-with-an-analysts-note"]["detail"]["findings"][0]["Note"]["Text"]
    assert noted["Note"]["Text"].startswith(f"{text}\n[Security responder: ")
    assert (noted["UserDefinedFields"]["Environment"], noted["UserDefinedFields"]["tag:Environment"]) == (
        "bastion hosts",
        "PROD",
    )
    unknown = finding_of(report, samples["finding-of-an-unknown-account"])
    assert "not known to the organization" in unknown["Note"]["Text"]
    suppressed = finding_of(report, samples["finding-suppressed-is-left-alone"])
    assert "UserDefinedFields" not in suppressed
    both = samples["finding-several-in-one-event"]
    assert [finding_of(report, both, number)["UserDefinedFields"]["OUName"] for number in (0, 1)] == ["Prod", "Test"]


def test_our_own_update_does_not_loop_also_while_it_is_not_visible(sample: Sample) -> None:
    event = sample("finding-control-failed")

    for delay in (timedelta(0), timedelta(minutes=5)):
        report = run([event], updates_visible_after=delay)
        assert report["api_calls"]["securityhub:BatchUpdateFindings"] == 1
        assert "securityhub:GetFindings" not in report["api_calls"]
        assert finding_of(report, event)["UserDefinedFields"]["findingEnriched"] == "true"


def test_a_finding_that_was_enriched_is_refreshed_only_when_its_accounts_context_has_changed(sample: Sample) -> None:
    event = sample("finding-control-failed")
    enriched = finding_of(run([event]), event)
    again = deepcopy(event)
    again["detail"]["findings"] = [enriched]
    again["time"] = "2026-03-02T16:00:00Z"
    changed = sample_organization()
    changed["accounts"][1]["tags"] = {"Environment": "PROD", "Owner": "somebody else"}

    unchanged = run([again], findings=[enriched])
    refreshed = run([again], findings=[enriched], organization=changed)

    assert calls(unchanged, "securityhub") == 0
    assert finding_of(refreshed, event)["UserDefinedFields"]["Owner"] == "somebody else"
    assert "CostCenter" not in finding_of(refreshed, event)["UserDefinedFields"]
    assert refreshed["api_calls"]["securityhub:BatchUpdateFindings"] == 1


def test_what_an_analyst_did_since_an_old_event_survives(sample: Sample) -> None:
    event = sample("finding-control-failed")
    now = deepcopy(event["detail"]["findings"][0])
    now["Note"] = {"Text": "False alarm, see SEC-1.", "UpdatedBy": "kim", "UpdatedAt": "2026-03-02T14:02:50.000Z"}
    later = sample("finding-in-another-region")
    later["time"] = "2026-03-02T15:00:00Z"  # so that the first, delivered after it, is an hour old

    report = run([later, event], findings=[now])

    assert finding_of(report, event)["Note"]["Text"].startswith("False alarm, see SEC-1.\n[Security responder: ")
    assert report["api_calls"]["securityhub:GetFindings"] == 1


def test_a_finding_without_account_is_rejected_with_its_reason(sample: Sample) -> None:
    event = sample("finding-control-failed")
    del event["detail"]["findings"][0]["AwsAccountId"]

    report = run([event])

    (told,) = report["events"]
    assert (told["status"], told["reason"]) == ("rejected", "detail.findings.0.AwsAccountId: is missing")
    letters = [letter["queue"] for letter in report["dead_letters"]]
    assert sorted(letters) == ["CollectSignalsDeadLetterQueue", "EnrichFindingsDeadLetterQueue"]


def test_a_delegated_administrator_asks_without_a_role(sample: Sample) -> None:
    event = sample("finding-control-failed")
    parameters = {"hub": {**PARAMETERS["hub"], "OrganizationRoleArn": ""}}
    with Sandbox(hub=HUB, parameters=parameters, delegated_administrator="111122223333") as sandbox:
        sandbox.deliver([event])
        report = sandbox.report()

    assert finding_of(report, event)["UserDefinedFields"]["AccountName"] == "Payments Production"
    assert "sts:AssumeRole" not in report["api_calls"]


ACCOUNTS = [f"{number:012d}" for number in range(200_000_000_001, 200_000_000_021)]


def burst_organization() -> dict[str, Any]:
    return {
        "accounts": [
            {
                "id": account,
                "name": f"Account {number}",
                "ou_path": ["Root", "Workloads", f"Team {number % 4}"],
                "tags": {"Environment": "PROD" if number % 2 else "DEV", "Owner": f"team {number % 4}"},
                "security_contact": {
                    "name": f"Contact {number}",
                    "email": f"contact-{number}@example.com",
                    "phone": "+1-555-0100",
                    "title": "Security",
                },
            }
            for number, account in enumerate(ACCOUNTS)
        ]
    }


def burst(sample: Sample, size: int) -> list[dict[str, Any]]:
    """Findings of as many accounts, some with an analyst's note and fields."""
    template = sample("finding-control-failed")
    events = []
    for number in range(size):
        event = deepcopy(template)
        event["id"] = f"e5f1{number:04d}-0000-4000-8000-000000000000"
        (finding,) = event["detail"]["findings"]
        finding["AwsAccountId"] = ACCOUNTS[number % len(ACCOUNTS)]
        finding["Id"] = (
            f"arn:aws:securityhub:eu-west-1:{finding['AwsAccountId']}:security-control/S3.8/finding/{number}"
        )
        if number % 100 == 0:
            finding["Note"] = {"Text": f"Note {number}", "UpdatedBy": "kim", "UpdatedAt": "2026-03-02T14:00:00.000Z"}
            finding["UserDefinedFields"] = {"Ticket": f"SEC-{number}"}
        events.append(event)
    return events


def enriched(report: Report, size: int) -> bool:
    own = [finding for finding in report["findings"] if finding["UserDefinedFields"]["findingEnriched"] == "true"]
    kept = [f for f in own if f.get("UserDefinedFields", {}).get("Ticket") and f["Note"]["Text"].startswith("Note ")]
    return len(own) == size and len(kept) == size // 100 and report["dead_letters"] == []


def test_a_burst_of_a_thousand_findings_takes_few_calls(sample: Sample) -> None:
    with (
        Sandbox(hub=HUB, parameters=PARAMETERS, organization=burst_organization()) as sandbox,
        counted_changes() as changes,
    ):
        sandbox.deliver(burst(sample, 1000), duplicate=2, shuffle=5)
        report = sandbox.report()

    assert enriched(report, 1000)
    assert (len(changes), set(changes.values())) == (1000, {1})
    assert report["api_calls"]["sts:AssumeRole"] == 1
    assert calls(report, "securityhub", "organizations", "account", "sts") <= 100
    assert sum(report["api_calls"].values()) <= 150


def test_a_backlog_is_read_again_in_pages_and_what_people_did_since_survives(sample: Sample) -> None:
    events = burst(sample, 200)
    now = [deepcopy(event["detail"]["findings"][0]) for event in events]
    now[7]["Note"] = {"Text": "False alarm.", "UpdatedBy": "kim", "UpdatedAt": "2026-03-02T14:02:50.000Z"}
    now[8]["Workflow"] = {"Status": "SUPPRESSED"}
    later = sample("finding-in-another-region")
    later["time"] = "2026-03-02T15:00:00Z"  # so that the others, delivered after it, are an hour old

    report = run([later, *events], findings=now, organization=burst_organization())

    assert report["dead_letters"] == []
    texts = [finding_of(report, event).get("Note", {}).get("Text", "") for event in events]
    assert texts[7].startswith("False alarm.\n[Security responder: ")
    assert texts[100].startswith("Note 100\n[Security responder: ")
    assert [number for number, text in enumerate(texts) if "[Security responder: " not in text] == [8]
    assert finding_of(report, events[8])["Workflow"] == {"Status": "SUPPRESSED"}
    assert report["api_calls"]["securityhub:GetFindings"] <= 4


def test_a_burst_of_a_thousand_findings_with_a_third_of_the_calls_throttled_ends_the_same(sample: Sample) -> None:
    faults = [Fault.parse("*:*=0.33")]
    with (
        Sandbox(hub=HUB, parameters=PARAMETERS, organization=burst_organization(), faults=faults, seed=9) as sandbox,
        counted_changes() as changes,
    ):
        sandbox.deliver(burst(sample, 1000), duplicate=2)
        report = sandbox.report()

    assert enriched(report, 1000)
    assert (len(changes), set(changes.values())) == (1000, {1})
    assert {event["status"] for event in report["events"]} == {"handled"}


@pytest.fixture(scope="module")
def undisturbed() -> Report:
    template = json.loads((EVENTS / "finding-control-failed.json").read_text())
    return run(burst(lambda _: template, 200), organization=burst_organization())


@pytest.mark.parametrize(
    "fault", ["*:*=0.33:Timeout", "*:*=0.33:LostResponse", "securityhub:*=0.33:ConcurrentUpdateError"]
)
def test_a_burst_with_a_third_of_the_calls_failing_ends_the_same(
    sample: Sample, undisturbed: Report, fault: str
) -> None:
    events, organization = burst(sample, 200), burst_organization()
    faults = [Fault.parse(fault.replace("securityhub:*", "securityhub:BatchUpdateFindings"))]

    report = run(events, organization=organization, faults=faults, seed=7, how={"duplicate": 2, "shuffle": 7})

    assert enriched(report, 200)
    assert what_matters(report) == what_matters(undisturbed)

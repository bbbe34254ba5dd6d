"""Deletions through the deployed topology: member rules, security bus, queue, resolve_deleted, Security Hub."""

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import pytest

from responder.domain.deletion.calls import CALLS, Effect
from sandbox.faults import Fault
from sandbox.world import Sandbox
from tests.conftest import EVENTS, Sample
from tests.domain.deletion.records import EXAMPLES, call_event, item_event
from tests.finding_changes import counted_changes

HUB = "111122223333/eu-west-1"
PARAMETERS = {"hub": {"IncidentBackend": "OpsCenter"}}
PRODUCT = "arn:aws:securityhub:eu-west-1::product/aws/securityhub"
RESOLVER = "DeletedResourceFindingResolver"

Report = dict[str, Any]


def run(events: Iterable[Any], *, how: dict[str, Any] | None = None, **world: Any) -> Report:
    with Sandbox(hub=HUB, parameters=PARAMETERS, **world) as sandbox:
        sandbox.deliver(events, **how or {})
        return sandbox.report()


def samples(pattern: str) -> list[Any]:
    return [json.loads(path.read_text()) for path in sorted(EVENTS.glob(pattern))]


def resolved(report: Report) -> set[str]:
    return {finding["Id"] for finding in report["findings"] if finding["Workflow"]["Status"] == "RESOLVED"}


def finding(template: dict[str, Any], id_: str, account: str, resources: list[dict[str, str]]) -> dict[str, Any]:
    made = deepcopy(template)
    made |= {"Id": id_, "AwsAccountId": account, "ProductArn": PRODUCT, "Resources": resources}
    return made


def test_the_samples_show_what_becomes_of_findings_of_deleted_resources() -> None:
    report = run(samples("deleted-*.json"))

    assert len(resolved(report)) == 4 == len(report["findings"])
    for found in report["findings"]:
        assert found["Note"]["UpdatedBy"] == RESOLVER
    (noted,) = [found for found in report["findings"] if "EC2.8" in found["Id"]]
    assert noted["Note"]["Text"].startswith("Replaced with the next release, see OPS-1204.\n[Security responder: ")
    assert noted["UserDefinedFields"]["findingEnriched"] == "true"
    assert report["dead_letters"] == []


def test_each_call_of_the_table_passes_the_rules_exactly_when_it_is_a_deletion() -> None:
    events = {}
    for call in CALLS:
        for name in call.names:
            example = EXAMPLES[call.source, call.names[0]]
            event = call_event(call.source, name, requestParameters=example.request, responseElements=example.response)
            events[call.source, name] = event | {"id": f"{call.source}/{name}"}

    report = run(events.values())

    passed = {event["id"]: bool(event["functions"]) for event in report["events"]}
    assert passed == {f"{call.source}/{name}": call.effect is Effect.DELETES for call in CALLS for name in call.names}
    assert {event["status"] for event in report["events"]} == {"handled", "unmatched"}


@pytest.mark.parametrize("status", ["ResourceDeleted", "ResourceDeletedNotRecorded"])
def test_config_items_of_deleted_resources_pass_the_rules_whatever_their_size(status: str) -> None:
    small = item_event(configurationItemStatus=status)
    large = deepcopy(small)
    large["detail"]["configurationItemSummary"] = large["detail"].pop("configurationItem")

    report = run([small, large, item_event(configurationItemStatus="OK")])

    assert [event["status"] for event in report["events"]] == ["handled", "handled", "unmatched"]


def test_malformed_deletions_are_rejected_with_the_field() -> None:
    event = item_event(resourceType=None)

    report = run([event])

    (told,) = report["events"]
    assert (told["status"], told["reason"]) == (
        "rejected",
        "detail.configurationItem.resourceType: is None, not string",
    )
    (letter,) = report["dead_letters"]
    assert letter["queue"] == "ResolveDeletedDeadLetterQueue"


ACCOUNTS = [f"{number:012d}" for number in range(300_000_000_001, 300_000_000_006)]
ELSEWHERE = "399999999999"


def burst(sample: Sample, size: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]], set[str]]:
    """Terminations in five accounts; findings in all forms of identity, and of namesakes; the right findings' ids."""
    template = sample("finding-control-failed")["detail"]["findings"][0]
    call = sample("deleted-instances-2-call")
    events, findings, right = [], [], set()
    for number in range(size):
        account, id_ = ACCOUNTS[number % len(ACCOUNTS)], f"i-{number:017x}"
        event = deepcopy(call)
        event |= {"id": f"de1e{number:04d}-0000-4000-8000-000000000000", "account": account}
        event["detail"] |= {"eventID": f"de1e{number:04d}-1111-4000-8000-000000000000", "recipientAccountId": account}
        event["detail"]["userIdentity"] |= {"accountId": account}
        for side in ("requestParameters", "responseElements"):
            items = event["detail"][side]["instancesSet"]["items"]
            event["detail"][side]["instancesSet"]["items"] = [items[0] | {"instanceId": id_}]
        events.append(event)
        arn = f"arn:aws:ec2:eu-west-1:{account}:instance/{id_}"
        form = arn if number % 3 else id_
        wrong = [
            (account, f"arn:aws:ec2:us-east-1:{account}:instance/{id_}", "AwsEc2Instance", "us-east-1"),
            (ELSEWHERE, id_, "AwsEc2Instance", "eu-west-1"),
            (ACCOUNTS[(number + 1) % len(ACCOUNTS)], id_, "AwsEc2Instance", "eu-west-1"),
        ][number % 3]
        findings.append(
            finding(
                template, f"right/{number}", account, [{"Type": "AwsEc2Instance", "Id": form, "Region": "eu-west-1"}]
            )
        )
        namesake, text, kind, region = wrong
        findings.append(finding(template, f"wrong/{number}", namesake, [{"Type": kind, "Id": text, "Region": region}]))
        right.add(f"right/{number}")
        if number % 100 == 0:
            findings[-2]["Note"] = {"Text": f"Note {number}", "UpdatedBy": "kim", "UpdatedAt": "2026-03-01T00:00:00Z"}
            both = [{"Type": "AwsEc2Instance", "Id": id_, "Region": "eu-west-1"}]
            both.append({"Type": "AwsEc2Instance", "Id": "i-0a11ve", "Region": "eu-west-1"})
            findings.append(finding(template, f"half/{number}", account, both))
            suppressed = finding(template, f"suppressed/{number}", account, both[:1])
            findings.append(suppressed | {"Workflow": {"Status": "SUPPRESSED"}})
    return events, findings, right


def resolved_alone(report: Report, findings: list[dict[str, Any]], right: set[str]) -> None:
    """Every right finding is resolved, people's notes are kept, and no other finding has changed."""
    assert resolved(report) == right
    before = {found["Id"]: found for found in findings}
    for found in report["findings"]:
        note = before[found["Id"]].get("Note")
        if found["Id"] in right:
            assert found["Note"]["UpdatedBy"] == RESOLVER
            assert found["Note"]["Text"].startswith(f"{note['Text']}\n[" if note else "[Security responder: ")
        else:
            assert (found["Workflow"], found.get("Note")) == (before[found["Id"]]["Workflow"], note)
    assert report["dead_letters"] == []


@pytest.mark.parametrize(("faults", "most"), [([], 120), (["*:*=0.33"], 200)], ids=["plain", "a third throttled"])
def test_a_burst_of_a_thousand_terminations_takes_few_calls(sample: Sample, faults: list[str], most: int) -> None:
    events, findings, right = burst(sample, 1000)
    world = {"findings": findings, "faults": [Fault.parse(fault) for fault in faults], "seed": 11}

    with Sandbox(hub=HUB, parameters=PARAMETERS, **world) as sandbox, counted_changes() as changes:
        sandbox.deliver(events, shuffle=3)
        report = sandbox.report()

    resolved_alone(report, findings, right)
    assert changes == dict.fromkeys(right, 1)
    assert report["api_calls"]["securityhub:GetFindings"] <= most


def test_deliveries_repeated_in_any_order_with_lost_answers_resolve_nothing_else(sample: Sample) -> None:
    events, findings, right = burst(sample, 100)

    faults = [Fault.parse("*:*=0.33:LostResponse")]
    report = run(events, findings=findings, faults=faults, seed=5, how={"duplicate": 3, "shuffle": 5})

    resolved_alone(report, findings, right)

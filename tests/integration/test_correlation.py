"""Findings through the deployed topology to threats: collector, table, stream, correlator, Security Hub, incident."""

import json
from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.world import Sandbox
from tests.conftest import EVENTS
from tests.incident_world import BACKENDS

HUB = "111122223333/eu-west-1"
RESOURCES = json.loads((EVENTS / "world" / "resources.json").read_text())["configurationItems"]
THREATS = EVENTS / "threats"
RULES = sorted(path.stem for path in Path(EVENTS.parent, "layers", "rules").glob("*.yaml"))
KNOWN = ["backdoor-with-critical-cves", "sensitive-data-exfiltration", "exposed-instance-under-attack"]

Report = dict[str, Any]
Event = dict[str, Any]


def run(
    events: Iterable[Any], *, how: dict[str, Any] | None = None, backend: str = "OpsCenter", **world: Any
) -> Report:
    with Sandbox(hub=HUB, parameters={"hub": {"IncidentBackend": backend}}, **world) as sandbox:
        sandbox.deliver(events, **how or {})
        return sandbox.report()


def samples(name: str) -> list[Event]:
    return [json.loads(path.read_text()) for path in sorted((THREATS / name).glob("*.json"))]


def threats(report: Report) -> dict[str, dict[str, Any]]:
    """The correlated findings, by their ids."""
    return {found["Id"]: found for found in report["findings"] if found["Id"].startswith("correlated/")}


def what_fired(report: Report) -> list[tuple[str, str]]:
    fields = [found["ProductFields"] for found in threats(report).values()]
    return sorted((said["responder/RuleId"], said["responder/Resource"]) for said in fields)


def evidence(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Leg, finding and time of each contribution."""
    values = [value for name, value in found["ProductFields"].items() if name.startswith("responder/Evidence/")]
    return {(said["leg"], said["id"], said["at"]) for said in map(json.loads, values)}


def assert_all_is_well(report: Report) -> None:
    assert report["dead_letters"] == []
    assert {event["status"] for event in report["events"]} == {"handled"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_rule_fires_once_for_its_samples_and_its_incident_shows_the_evidence(backend: str) -> None:
    events = [event for rule in [*RULES, "near-misses"] for event in samples(rule)]
    report = run(events, backend=backend, resources=RESOURCES)

    assert_all_is_well(report)
    assert Counter(rule for rule, _ in what_fired(report)) == dict.fromkeys(RULES, 1)
    titles = {finding["Id"]: finding["Title"] for event in events for finding in event["detail"]["findings"]}
    for found in threats(report).values():
        said = found["ProductFields"]
        key = f"correlated/{said['responder/RuleId']}/{said['responder/Resource']}"
        (incident,) = [incident for incident in report["incidents"] if incident["key"] == key]
        assert incident["impact"] == 1
        timeline = json.dumps([entry["data"] for entry in incident["timeline"]], ensure_ascii=False)
        related = json.dumps(incident["related_items"])
        assert found["Severity"]["Label"] == "CRITICAL"
        assert found["AwsAccountId"] == HUB[:12]
        assert found["Remediation"]["Recommendation"]["Url"]
        assert {entry["Id"] for entry in found["RelatedFindings"]} == {id_ for _, id_, _ in evidence(found)}
        for _, id_, _ in evidence(found):
            assert titles[id_][:60] in timeline
            assert id_.rpartition("/")[2] in related
    assert len([incident for incident in report["incidents"] if incident["key"].startswith("correlated/")]) == len(
        RULES
    )


@pytest.fixture(scope="module")
def plain() -> dict[str, set[tuple[str, str, str]]]:
    """What the samples' rules fire on, in order and without faults."""
    report = run([event for rule in RULES for event in samples(rule)], resources=RESOURCES)
    return {id_: evidence(found) for id_, found in threats(report).items()}


@pytest.mark.parametrize("seed", range(2))
def test_order_duplicates_and_faults_change_nothing(seed: int, plain: dict[str, Any]) -> None:
    events = [event for rule in RULES for event in samples(rule)]
    faults = [Fault.parse(text) for text in ("*:*=0.2", "dynamodb:*=0.1:LostResponse", "securityhub:*=0.2:Timeout")]
    how = {"duplicate": 3, "shuffle": seed}
    report = run(events, resources=RESOURCES, how=how, faults=faults if seed else [], seed=seed)

    assert_all_is_well(report)
    assert {id_: evidence(found) for id_, found in threats(report).items()} == plain
    incidents = [incident["key"] for incident in report["incidents"] if incident["key"].startswith("correlated/")]
    assert len(incidents) == len(set(incidents)) == len(RULES)


def with_ids(events: Iterable[Event], shape: str) -> list[Event]:
    """The same findings, whose resources are named by full ARNs or by short ids."""
    changed = deepcopy(list(events))
    for event in changed:
        finding = event["detail"]["findings"][0]
        account, region = finding["AwsAccountId"], finding["Region"]
        for mention in finding["Resources"]:
            short = mention["Id"].rpartition(":::" if "s3:::" in mention["Id"] else "/")[2]
            arns = {
                "AwsEc2Instance": f"arn:aws:ec2:{region}:{account}:instance/{short}",
                "AwsEc2SecurityGroup": f"arn:aws:ec2:{region}:{account}:security-group/{short}",
                "AwsS3Bucket": f"arn:aws:s3:::{short}",
            }
            if mention["Type"] in arns:
                mention["Id"] = short if shape == "short" else arns[mention["Type"]]
    return changed


def renamed(events: Iterable[Event], number: int) -> tuple[list[Event], list[Any]]:
    """The same, of other findings on other resources; and the configuration items of these."""
    text, items = json.dumps(list(events)), json.dumps(RESOURCES)
    findings = [event["detail"]["findings"][0] for event in events]
    ids = {
        mention["Id"].rpartition("/")[2].rpartition(":")[2] for finding in findings for mention in finding["Resources"]
    }
    for id_ in ids:
        other = f"{id_[:-4]}{number:04x}"
        text, items = text.replace(id_, other), items.replace(id_, other)
    for id_ in {finding["Id"] for finding in findings}:
        text = text.replace(json.dumps(id_)[1:-1], json.dumps(f"{id_}{number:04x}")[1:-1])
    changed: list[Event] = json.loads(text)
    for event in changed:
        event["id"] = f"{event['id'][:-4]}{number:04x}"
    return changed, json.loads(items)


@pytest.mark.parametrize("rule", KNOWN)
def test_the_known_threats_fire_once_in_any_order_for_arns_and_short_ids(rule: str) -> None:
    all_orders = list(permutations(range(len(samples(rule)))))
    chosen = all_orders[:: max(1, len(all_orders) // 4)]
    orders = [
        [events[n] for n in order]
        for form in ("short", "arn")
        for events in (with_ids(samples(rule), form),)
        for order in chosen
    ]
    delivered: list[Event] = []
    resources: list[Any] = []
    for number, order in enumerate(orders):
        events, items = renamed(order, number)
        delivered += events
        resources += items if rule == "exposed-instance-under-attack" else []
    report = run(delivered, resources=resources)

    assert_all_is_well(report)
    assert Counter(fired for fired, _ in what_fired(report)) == {rule: len(orders)}
    assert len(set(what_fired(report))) == len(orders)


def near(rule: str, number: int, **change: Any) -> list[Event]:
    """The rule's samples, of which one says something else."""
    events = samples(rule)
    events[number]["detail"]["findings"][0] |= change
    return events


def later(rule: str, number: int, by: timedelta) -> list[Event]:
    """The rule's samples, of which one was observed, updated and told of that much later."""
    events = samples(rule)
    event, finding = events[number], events[number]["detail"]["findings"][0]
    for holder, members in ((event, ("time",)), (finding, ("UpdatedAt", "LastObservedAt"))):
        for member in members:
            if member in holder:
                moment = datetime.fromisoformat(holder[member].replace("Z", "+00:00")) + by
                holder[member] = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return events


CVES = "backdoor-with-critical-cves"


def near_misses() -> dict[str, list[Event]]:
    events = samples(CVES)
    backdoor, first = events[3]["detail"]["findings"][0], events[0]["detail"]["findings"][0]["Vulnerabilities"]
    high = {"Severity": {"Label": "HIGH", "Normalized": 70}, "FindingProviderFields": {"Severity": {"Label": "HIGH"}}}
    instance = {"Type": "AwsEc2Instance", "Id": backdoor["Resources"][0]["Id"].rpartition("/")[2]}
    return {
        "two CVEs": events[1:],
        "one CVE thrice": [near(CVES, number, Vulnerabilities=first)[number] for number in range(4)],
        "a HIGH one": near(CVES, 2, **high),
        "another account's namesake": near(CVES, 2, AwsAccountId="222222222222", Resources=[instance]),
        "outside the window": later(CVES, 3, timedelta(days=45)),
        "archived": near(CVES, 0, RecordState="ARCHIVED"),
        "only EC2.18": [e for e in samples("exposed-instance-under-attack") if "EC2.18" in json.dumps(e)],
        "only sensitive data": samples("sensitive-data-exfiltration")[:1],
    }


def test_near_misses_fire_nothing_in_any_order() -> None:
    delivered: list[Event] = []
    for number, events in enumerate(near_misses().values()):
        for order, there in enumerate((events, events[::-1])):
            delivered += renamed(there, 2 * number + order)[0]
    report = run(delivered)
    assert_all_is_well(report)
    assert what_fired(report) == []


def test_without_an_aggregator_a_security_group_counts_for_no_instance() -> None:
    report = run(samples("exposed-instance-under-attack"))
    assert_all_is_well(report)
    assert what_fired(report) == []


def test_further_evidence_updates_the_finding_and_adds_to_its_incident() -> None:
    events = samples(CVES)
    again = deepcopy(events[-1])
    again |= {"id": "c0de5ec0-0000-4000-8000-00000000a9a1", "time": "2026-03-29T10:00:00Z"}
    again["detail"]["findings"][0] |= {"UpdatedAt": "2026-03-29T09:59:00Z", "LastObservedAt": "2026-03-29T09:58:00Z"}
    same, again["detail"]["findings"][0]["Id"] = deepcopy(again), again["detail"]["findings"][0]["Id"] + "0"
    before, observed_again, after = run(events), run([*events, same]), run([*events, again])

    assert what_fired(before) == what_fired(after)
    (old,), (new,) = threats(before).values(), threats(after).values()
    assert new["UpdatedAt"] > old["UpdatedAt"]
    assert new["CreatedAt"] == old["CreatedAt"]
    assert any(at.startswith("2026-03-29") for _, _, at in evidence(new))
    (incident,) = after["incidents"]
    entries = len(before["incidents"][0]["timeline"])
    assert len(incident["timeline"]) == entries + 1
    assert len(observed_again["incidents"][0]["timeline"]) == entries, "it is the same, observed once more"


def calls(report: Report) -> Counter[str]:
    return Counter({name: count for name, count in report["api_calls"].items() if name.startswith("dynamodb:")})


def flood(number: int) -> Event:
    """Another CVE on the instance."""
    (event, *_) = samples(CVES)
    finding = event["detail"]["findings"][0]
    finding["Id"] += f"-{number}"
    finding["Vulnerabilities"][0]["Id"] = f"CVE-2026-{20000 + number}"
    return event | {"id": f"c0de5ec0-0000-4000-8000-{number:012}"}


def test_calls_per_finding_do_not_grow_with_what_came_before() -> None:
    few, many = (run(map(flood, range(number))) for number in (50, 250))
    reads = [
        sum(calls(report)[f"dynamodb:{name}"] for name in ("BatchGetItem", "GetItem", "Query")) / len(report["events"])
        for report in (few, many)
    ]
    assert reads[1] <= reads[0]
    # What the table has of a new rule and resource is looked up once, and never gone through again.
    assert calls(many)["dynamodb:Query"] == calls(few)["dynamodb:Query"]
    # One for its versions, one more for the update that enriches it; the pair's states come in batches.
    assert calls(many)["dynamodb:PutItem"] / len(many["events"]) <= 2.1

"""Correlated findings as incidents: all evidence is in the timeline once, whatever is delivered how often."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from responder.domain.event import read_event
from responder.domain.faults import Rejected
from responder.domain.incident.desk import Result
from responder.domain.incident.occurrence import MAX_RELATED_ITEMS, Occurrence
from responder.domain.incident.reading import read_occurrence
from responder.domain.times import show_time
from tests.conftest import Sample
from tests.correlated_findings import BACKDOOR, GUARDDUTY, HUB, INSTANCE, PROD, correlation, cve, event_of
from tests.incident_world import (
    BACKENDS,
    CRITERIA,
    World,
    deliver,
    occurrence_of,
    private_world,
    what_people_see,
)

KEY = f"correlated/backdoor-with-critical-cves/{INSTANCE}"
FIRST = (BACKDOOR, cve(1), cve(2), cve(3))
LATER = replace(cve(4), observed_at=datetime(2026, 3, 2, 9, tzinfo=UTC))
AGAIN = replace(BACKDOOR, observed_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(backend: str) -> Iterator[World]:
    with private_world(backend) as world:
        yield world


def read(event: dict[str, Any]) -> Occurrence | str:
    return read_occurrence(read_event(event), CRITERIA)


def times(world: World) -> list[str]:
    return [at for at, _ in world.the_incident()["timeline"]]


def test_a_correlated_finding_says_that_it_fired_and_then_its_evidence(sample: Sample) -> None:
    fired = occurrence_of(sample("correlated-finding-opens-an-incident"))

    assert (fired.key, fired.impact, fired.opens) == (KEY, 1, True)
    assert fired.title == (
        "EC2 instance with three or more critical vulnerabilities behaves like one with a backdoor"
        f" on {INSTANCE.id} in account {PROD} (eu-west-1)"
    )
    assert show_time(fired.occurred_at) == "2026-03-02T06:17:20Z"
    assert [show_time(part.occurred_at) for part in fired.parts] == [
        "2026-03-01T22:11:00Z",
        "2026-03-01T22:12:00Z",
        "2026-03-01T22:13:00Z",
        "2026-03-02T06:12:44Z",
    ]
    assert {part.key for part in fired.parts} == {KEY}
    assert {part.title for part in fired.parts} == {fired.title}


def test_the_text_says_what_where_when_why_and_what_to_do() -> None:
    assert occurrence_of(event_of(correlation())).text.splitlines() == [
        "EC2 instance with three or more critical vulnerabilities behaves like one with a backdoor",
        "Where: account 444455556666, eu-west-1",
        "When: 2026-03-02T06:17:20Z",
        "Resource: arn:aws:ec2:eu-west-1:444455556666:instance/i-0c0de5ec000000001",
        "Says: GuardDuty sees the instance talk to a command and control server, and Inspector knows at least three "
        "different critical CVEs on it. One of them is a likely way in; treat the instance as compromised.",
        "Evidence: 4 in all: 2026-03-01T22:11:00Z CVE-2026-10401 - openssl (critical-cves); "
        "2026-03-01T22:12:00Z CVE-2026-10402 - openssl (critical-cves); "
        "2026-03-01T22:13:00Z CVE-2026-10403 - openssl (critical-cves); "
        "2026-03-02T06:12:44Z EC2 instance i-0c0de5ec000000001 is querying a domain of a known command and control "
        "server. (backdoor)",
        "Rule: backdoor-with-critical-cves",
        f"Finding: correlated/backdoor-with-critical-cves/{INSTANCE}/1",
        "First: 1. Isolate the instance. 2. Keep evidence. 3. Revoke the sessions of its role. "
        "https://docs.aws.amazon.com/guardduty/latest/ug/compromised-ec2.html",
    ]


def test_the_text_of_a_piece_of_evidence_names_the_finding_and_what_it_is_evidence_of() -> None:
    group = replace(INSTANCE, type="AWS::EC2::SecurityGroup", id="sg-0c0de5ec000000001")
    related = replace(BACKDOOR, resource=group, title="Open to all\nFirst: all clear")

    (part,) = occurrence_of(event_of(correlation(related))).parts

    assert part.text.splitlines() == [
        "Open to all First: all clear",
        "Where: account 444455556666, eu-west-1",
        "When: 2026-03-02T06:12:44Z",
        "Resource: arn:aws:ec2:eu-west-1:444455556666:security-group/sg-0c0de5ec000000001",
        "Evidence of: EC2 instance with three or more critical vulnerabilities behaves like one with a backdoor: "
        "backdoor",
        f"Finding: {BACKDOOR.key.id}",
        f"Product: {GUARDDUTY}",
        "First: 1. Isolate the instance. 2. Keep evidence. 3. Revoke the sessions of its role. "
        "https://docs.aws.amazon.com/guardduty/latest/ug/compromised-ec2.html",
    ]


def test_related_items_lead_to_the_finding_the_resource_and_the_evidence() -> None:
    fired = occurrence_of(event_of(correlation(BACKDOOR)))

    page = "https://eu-west-1.console.aws.amazon.com/securityhub/home?region=eu-west-1#/findings?search=Id%3D"
    equals = "%255Coperator%255C%253AEQUALS%255C%253A"
    assert [item.target for item in fired.related_items] == [
        f"{page}{equals}correlated%252Fbackdoor-with-critical-cves%252Faws%252F444455556666%252Feu-west-1%252F"
        "AWS%253A%253AEC2%253A%253AInstance%252Fi-0c0de5ec000000001%252F1",
        "arn:aws:ec2:eu-west-1:444455556666:instance/i-0c0de5ec000000001",
        f"{page}{equals}arn%253Aaws%253Aguardduty%253Aeu-west-1%253A444455556666%253Adetector%252F12abc34d567e8fa9"
        "%252Ffinding%252Fb4c0de5ec0000001",
    ]
    assert [part.related_items for part in fired.parts] == [fired.related_items[2:]]


def test_evidence_whose_page_has_too_long_an_address_is_named_by_its_arn() -> None:
    arn = f"arn:aws:example:eu-west-1:444455556666:{'a/' * 200}1"
    fired = occurrence_of(event_of(correlation(replace(BACKDOOR, key=BACKDOOR.key._replace(id=arn)))))

    assert fired.parts[0].related_items[0].target == arn


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"RecordState": "ARCHIVED"}, "record state ARCHIVED, workflow status NEW"),
        ({"Workflow": {"Status": "SUPPRESSED"}}, "record state ACTIVE, workflow status SUPPRESSED"),
        ({"ProductFields": {}}, "not a correlated finding of this application"),
        ({"ProductFields": None}, "not a correlated finding of this application"),
        ({"ProductFields": 7}, "not a correlated finding of this application"),
        (
            {"AwsAccountId": PROD, "ProductArn": f"arn:aws:securityhub:eu-west-1:{PROD}:product/{PROD}/default"},
            "not a correlated finding of this application",
        ),
    ],
    ids=str,
)
def test_what_is_no_incidents_business(changes: dict[str, Any], reason: str) -> None:
    assert read(event_of(correlation(), **changes)) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ProductArn": GUARDDUTY}, "detail.findings.0.ProductFields: are not those of a correlated finding"),
        ({"CreatedAt": "soon"}, "detail.findings.0.ProductFields: are not those of a correlated finding"),
        ({"Id": ""}, "detail.findings.0.Id: is '', not of at least 1 characters"),
    ],
)
def test_what_claims_to_be_one_and_cannot_be_read_is_rejected(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        read(event_of(correlation(), **changes))

    assert str(rejected.value) == reason


def test_several_findings_of_one_event_go_to_their_own_incidents(world: World) -> None:
    event, other = event_of(correlation()), event_of(correlation(rule_id="another-rule", title="Another"))
    event["detail"]["findings"] += other["detail"]["findings"]

    world.take_in(event)

    assert [len(incident["timeline"]) for incident in world.incidents()] == [5, 5]


def test_it_opens_one_incident_with_all_of_its_evidence(world: World) -> None:
    outcome = world.take_in(event_of(correlation()))

    assert (outcome.result, outcome.started_this_month) == (Result.OPENED, 1)
    incident = world.the_incident()
    assert incident["impact"] == 1
    assert times(world) == [show_time(entry.observed_at) for entry in (cve(1), cve(2), cve(3), BACKDOOR)] + [
        "2026-03-02T06:17:20Z"
    ]
    assert len(incident["related"]) == 2 + 4
    assert world.notifications() == [f"Incident: {incident['title']}"[:96] + "..."]


@pytest.mark.parametrize("changes", [{}, {"UpdatedAt": "2026-03-09T00:00:00Z"}, {"UserDefinedFields": {"Owner": "me"}}])
def test_the_same_evidence_written_or_delivered_again_changes_nothing(world: World, changes: dict[str, Any]) -> None:
    world.take_in(event_of(correlation()))
    before = world.incidents()

    again = world.take_in(event_of(correlation(), id="another", **changes))

    assert again.result is Result.DUPLICATE
    assert world.incidents() == before


def test_a_later_version_adds_only_what_is_new(world: World) -> None:
    world.take_in(event_of(correlation()))
    before = world.the_incident()

    outcome = world.take_in(event_of(correlation(*FIRST[1:], AGAIN, LATER, version=2)))

    after = world.the_incident()
    assert (outcome.result, outcome.incident) == (Result.UPDATED, before["arn"])
    assert (after["title"], after["impact"]) == (before["title"], before["impact"])
    added = sorted(set(after["timeline"]) - set(before["timeline"]))
    assert [(at, text.splitlines()[0]) for at, text in added] == [
        (show_time(LATER.observed_at), LATER.title),
    ], "what is observed again is in the timeline already"
    assert len(after["related"]) == len(before["related"]) + 1
    assert world.notifications() == [f"Incident: {before['title']}"[:96] + "..."]


@pytest.mark.parametrize("seed", range(4))
def test_versions_in_any_order_and_number_yield_the_same_incident(backend: str, seed: int) -> None:
    versions = [
        event_of(correlation(*FIRST)),
        event_of(correlation(*FIRST, LATER, version=2)),
        event_of(correlation(*FIRST, LATER, AGAIN, version=3)),
    ]

    def seen(events: list[dict[str, Any]]) -> Any:
        with private_world(backend) as world:
            for event in events:
                deliver(world, event)
            (incident,) = what_people_see(world)
        # Which evidence its first text lists is a matter of the version that came first.
        told = [(at, text if at != "2026-03-02T06:17:20Z" else "fired") for at, text in incident["timeline"]]
        return incident | {"timeline": told}

    events = versions * 3
    random.Random(seed).shuffle(events)
    assert seen(events) == seen(versions)


def test_a_crash_around_any_call_ends_in_the_same_single_incident(backend: str) -> None:
    events = [event_of(correlation(BACKDOOR, cve(1))), event_of(correlation(BACKDOOR, cve(1), LATER, version=2))]
    with private_world(backend) as world:
        for event in events:
            world.take_in(event)
        expected, calls = what_people_see(world), world.calls.total()
    assert len(expected[0]["timeline"]) == 4

    for call in range(1, calls + 1):
        for when in ("before", "after"):
            with private_world(backend) as world:
                world.crash(call, when)
                for event in events:
                    deliver(world, event)
                assert what_people_see(world) == expected, (call, when)


def test_evidence_from_after_the_resolution_opens_the_next_incident(world: World) -> None:
    first = world.take_in(event_of(correlation()))
    world.resolve(datetime(2026, 3, 2, 8, tzinfo=UTC))
    resolved = world.the_incident()

    repeated = world.take_in(event_of(correlation(), id="repeated", UpdatedAt="2026-03-02T12:00:00Z"))
    late = world.take_in(event_of(correlation(*FIRST, cve(5), version=2)))
    assert [repeated.result, late.result] == [Result.DUPLICATE, Result.LATE]
    assert world.the_incident() == resolved

    again = world.take_in(event_of(correlation(*FIRST[1:], AGAIN, version=3)))
    assert again.result == Result.DUPLICATE, "a scan that reports an old weakness once more is no new attack"

    another = replace(AGAIN, key=AGAIN.key._replace(id=f"{AGAIN.key.id}2"))
    goes_on = world.take_in(event_of(correlation(*FIRST[1:], another, version=4), Workflow={"Status": "RESOLVED"}))

    assert (goes_on.result, goes_on.generation) == (Result.OPENED, 2)
    assert goes_on.incident != first.incident
    second = next(incident for incident in world.incidents() if incident["status"] == "OPEN")
    assert (second["title"], second["impact"]) == (resolved["title"], 1)
    assert [at for at, _ in second["timeline"]] == [show_time(AGAIN.observed_at)]


def test_another_generation_opens_another_incident_with_its_whole_evidence(world: World) -> None:
    world.take_in(event_of(correlation()))
    world.resolve(datetime(2026, 3, 3, tzinfo=UTC))
    two_months = timedelta(days=60)
    later = [replace(entry, observed_at=entry.observed_at + two_months) for entry in FIRST]

    outcome = world.take_in(
        event_of(correlation(*later, generation=2, created_at=correlation().created_at + two_months))
    )

    assert (outcome.result, outcome.generation) == (Result.OPENED, 2)
    second = next(incident for incident in world.incidents() if incident["status"] == "OPEN")
    assert len(second["timeline"]) == 5


def test_more_evidence_than_a_finding_lists_is_told_too(world: World) -> None:
    many = [cve(number) for number in range(60)]
    world.take_in(event_of(correlation(*many, BACKDOOR)))

    incident = world.the_incident()
    assert len(incident["timeline"]) == 1 + 40 + 1
    assert len(incident["related"]) == MAX_RELATED_ITEMS
    more = "61 findings are evidence, more than the 40 that are listed"
    assert [at for at, text in incident["timeline"] if text.startswith(more)] == [show_time(BACKDOOR.observed_at)]

    world.resolve(datetime(2026, 3, 2, 8, tzinfo=UTC))
    goes_on = world.take_in(event_of(correlation(*many, BACKDOOR, AGAIN, version=2)))
    assert goes_on.result is Result.OPENED


def test_an_incident_that_is_refused_for_good_is_told_once(world: World) -> None:
    world.refuse(world.people.start, "AccessDeniedException")

    outcome = world.take_in(event_of(correlation()))
    again = world.take_in(event_of(correlation()))

    assert [outcome.result, again.result] == [Result.NOTIFIED, Result.DUPLICATE]
    assert "AccessDeniedException" in str(outcome.problem)
    assert len(world.notifications()) == 1


def test_a_long_title_leaves_room_for_the_resource() -> None:
    fired = occurrence_of(event_of(correlation(title="déjà vu " * 40)))

    assert fired.title.endswith(f"… on {INSTANCE.id} in account {PROD} (eu-west-1)")
    assert fired.document["account"] == HUB

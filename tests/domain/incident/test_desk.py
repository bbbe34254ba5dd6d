"""One incident per cause: whatever is delivered twice, late, out of order, or halfway."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from responder.domain.faults import Permanent
from responder.domain.incident.desk import MAX_ENTRIES, VISIBLE_AFTER, ClaimHeld, NotVisible, Result
from responder.domain.incident.occurrence import MAX_RELATED_ITEMS, Occurrence, RelatedItem
from tests.conftest import Sample
from tests.incident_world import BACKENDS, LEASE, Crash, World, deliver, occurrence_of, private_world, what_people_see

ROOT_STORY = [
    "root-console-sign-in-failed",
    "root-console-sign-in-without-mfa",
    "root-api-call-read-only",
    "root-api-call",
    "root-api-call-refused",
]
CONFIG_STORY = ["config-public-read-1-turned-non-compliant", "config-public-read-2-turned-compliant"]
GUARDDUTY_STORY = [
    "guardduty-high-1-found",
    "guardduty-high-2-repeated-six-hours-later",
    "guardduty-high-3-archived",
]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Everything here holds with every backend."""
    return str(request.param)


@pytest.fixture
def world(backend: str) -> Iterator[World]:
    with private_world(backend) as world:
        yield world


def test_a_first_event_opens_an_incident_tells_people_and_is_in_its_timeline(world: World, sample: Sample) -> None:
    outcome = world.take_in(sample("root-console-sign-in-without-mfa"))

    incident = world.the_incident()
    assert (outcome.result, outcome.incident) == (Result.OPENED, incident["arn"])
    assert incident["impact"] == 1
    assert [text.splitlines()[0] for _, text in incident["timeline"]] == ["Root console sign-in WITHOUT MFA"]
    assert "arn:aws:iam::444455556666:root" in incident["related"]
    assert world.notifications() == ["Incident: Root console sign-in WITHOUT MFA in account 444455556666 (us-east-1)"]


def test_started_incidents_are_counted_by_month(world: World, sample: Sample) -> None:
    names = ["guardduty-high-1-found", "guardduty-high-2-repeated-six-hours-later", "guardduty-critical"]
    counts = [world.take_in(sample(name)).started_this_month for name in names]
    world.now = datetime(2026, 4, 1, tzinfo=UTC)
    counts.append(world.take_in(sample("guardduty-attack-sequence")).started_this_month)

    assert counts == [1, None, 2, 1]


def test_later_events_of_the_key_go_into_the_open_incident(world: World, sample: Sample) -> None:
    results = [world.take_in(sample(name)).result for name in ROOT_STORY]

    assert results == [Result.OPENED, *[Result.UPDATED] * 4]
    assert len(world.the_incident()["timeline"]) == 5
    assert len(world.notifications()) == 1


def test_a_duplicate_changes_nothing(world: World, sample: Sample) -> None:
    world.take_in(sample("guardduty-high-1-found"))
    before = world.incidents()

    # the same finding once more, forwarded by another account in an envelope of its own
    outcome = world.take_in(sample("guardduty-high-1-found") | {"id": "another-envelope", "account": "444455556666"})

    assert outcome.result is Result.DUPLICATE
    assert world.incidents() == before


@pytest.mark.parametrize("story", [ROOT_STORY, CONFIG_STORY, GUARDDUTY_STORY], ids=["root", "config", "guardduty"])
def test_three_deliveries_in_any_order_yield_what_one_does(backend: str, sample: Sample, story: list[str]) -> None:
    with private_world(backend) as world:
        for name in story:
            deliver(world, sample(name))
        expected = what_people_see(world)
    assert len(expected) == 1

    orders = list(permutations(story)) if len(story) < 4 else []
    shuffler = random.Random(2026)
    for _ in range(6):
        tripled = story * 3
        shuffler.shuffle(tripled)
        orders.append(tuple(tripled))
    for order in orders:
        with private_world(backend) as world:
            for name in order:
                deliver(world, sample(name))
            assert what_people_see(world) == expected, order


def calls_of(backend: str, sample: Sample, *story: str) -> int:
    with private_world(backend) as world:
        for name in story:
            world.take_in(sample(name))
        return world.calls.total()


@pytest.mark.parametrize("story", [ROOT_STORY[:2], CONFIG_STORY[::-1]], ids=["root", "config, out of order"])
def test_a_crash_around_any_call_ends_in_the_same_single_incident(
    backend: str, sample: Sample, story: list[str]
) -> None:
    with private_world(backend) as world:
        for name in story:
            world.take_in(sample(name))
        expected = what_people_see(world)

    for call in range(1, calls_of(backend, sample, *story) + 1):
        for when in ("before", "after"):
            with private_world(backend) as world:
                world.crash(call, when)
                for name in story:
                    deliver(world, sample(name))
                assert what_people_see(world) == expected, (call, when)
                assert world.notifications(), (call, when)


def test_after_a_crash_another_event_takes_the_claim_over_with_the_stored_request(backend: str, sample: Sample) -> None:
    first, second = ROOT_STORY[0], ROOT_STORY[1]
    for call in range(1, calls_of(backend, sample, first) + 1):
        for when in ("before", "after"):
            with private_world(backend) as world:
                world.crash(call, when)
                with pytest.raises(Crash):
                    world.take_in(sample(first))
                world.now += LEASE

                deliver(world, sample(second))
                deliver(world, sample(first))

                incident = world.the_incident()
                assert (incident["impact"], len(incident["timeline"])) == (1, 2), (call, when)


def test_a_claim_is_held_until_its_lease_is_over(world: World, sample: Sample) -> None:
    world.crash(3, "before")  # read, claim, start
    with pytest.raises(Crash):
        world.take_in(sample("root-api-call"))

    world.now += LEASE - timedelta(seconds=1)
    with pytest.raises(ClaimHeld):
        world.take_in(sample("root-api-call-read-only"))
    world.now += timedelta(seconds=1)

    assert world.take_in(sample("root-api-call-read-only")).result is Result.OPENED
    assert len(world.incidents()) == 1


def test_a_graver_event_raises_impact_and_title_and_a_milder_one_lowers_neither(world: World, sample: Sample) -> None:
    world.take_in(sample("root-console-sign-in-failed"))
    assert world.the_incident()["impact"] == 3

    world.take_in(sample("root-console-sign-in-without-mfa"))
    world.take_in(sample("root-api-call"))

    incident = world.the_incident()
    assert incident["impact"] == 1
    assert incident["title"].startswith("Root console sign-in WITHOUT MFA")


def test_what_a_person_wrote_over_title_and_impact_stays(world: World, sample: Sample) -> None:
    arn = world.take_in(sample("root-console-sign-in-failed")).incident
    assert arn is not None
    world.people.edit(arn, title="Ana looks into it", impact=1)

    world.take_in(sample("root-api-call"))

    incident = world.the_incident()
    assert (incident["title"], incident["impact"]) == ("Ana looks into it", 1)


def test_compliance_alone_opens_nothing(world: World, sample: Sample) -> None:
    assert world.take_in(sample("config-compliant-alone-opens-nothing")).result is Result.WAITING
    assert world.incidents() == []


def test_non_compliance_that_arrives_after_its_compliance_still_opens_with_both_in_the_timeline(
    world: World, sample: Sample
) -> None:
    results = [world.take_in(sample(name)).result for name in reversed(CONFIG_STORY)]

    assert results == [Result.WAITING, Result.OPENED]
    assert [text.partition(" ")[0] for _, text in world.the_incident()["timeline"]] == ["NON_COMPLIANT", "COMPLIANT"]


def test_what_waits_is_forgotten_after_two_days(world: World, sample: Sample) -> None:
    world.take_in(sample(CONFIG_STORY[1]))
    world.now += timedelta(days=2, seconds=1)

    world.take_in(sample(CONFIG_STORY[0]))

    assert len(world.the_incident()["timeline"]) == 1


RESOLVED_AT = datetime(2026, 3, 2, 5, tzinfo=UTC)


def found(sample: Sample, last_seen: str, updated: str) -> dict[str, Any]:
    return sample("guardduty-high-1-found", service__eventLastSeen=last_seen, updatedAt=updated, service__count=9)


def test_a_new_event_after_the_resolution_opens_the_next_generation(world: World, sample: Sample) -> None:
    first = world.take_in(sample("guardduty-high-1-found"))
    world.resolve(RESOLVED_AT)

    again = world.take_in(found(sample, "2026-03-02T05:00:01Z", "2026-03-02T09:19:44Z"))

    assert (again.result, again.generation) == (Result.OPENED, 2)
    assert again.incident != first.incident
    assert sorted(incident["status"] for incident in world.incidents()) == ["OPEN", "RESOLVED"]


def test_repeats_duplicates_and_late_events_of_a_resolved_incident_change_nothing(world: World, sample: Sample) -> None:
    world.take_in(sample("guardduty-high-1-found"))
    world.resolve(RESOLVED_AT)
    before = world.incidents()

    duplicate = world.take_in(sample("guardduty-high-1-found"))
    late = world.take_in(found(sample, "2026-03-02T04:59:59Z", "2026-03-02T04:59:59Z"))
    repeat = world.take_in(found(sample, "2026-03-02T03:09:41Z", "2026-03-02T09:19:44Z"))  # same activity, six hours on
    archived = world.take_in(sample("guardduty-high-3-archived"))

    assert [outcome.result for outcome in (duplicate, late, repeat, archived)] == [
        Result.DUPLICATE,
        Result.LATE,
        Result.LATE,
        Result.WAITING,  # from after the resolution: for the next generation, if there will be one
    ]
    assert world.incidents() == before


def test_a_duplicate_of_what_a_former_generation_took_in_stays_out_of_the_new_one(world: World, sample: Sample) -> None:
    world.take_in(sample("guardduty-high-1-found"))
    world.resolve(RESOLVED_AT)
    world.take_in(found(sample, "2026-03-02T06:00:00Z", "2026-03-02T06:00:00Z"))
    before = world.incidents()

    assert world.take_in(sample("guardduty-high-1-found")).result is Result.DUPLICATE
    assert world.incidents() == before


def test_an_incident_deleted_by_hand_is_opened_anew_by_the_next_new_event(world: World, sample: Sample) -> None:
    arn = world.take_in(sample("root-api-call-read-only")).incident
    assert arn is not None
    world.people.delete(arn)
    world.now += VISIBLE_AFTER

    assert world.take_in(sample("root-api-call-read-only")).result is Result.DUPLICATE
    assert world.incidents() == []
    assert world.take_in(sample("root-api-call")).result is Result.OPENED
    assert len(world.incidents()) == 1


def many(sample: Sample, number: int) -> list[Occurrence]:
    """Root calls, a minute apart."""
    first = occurrence_of(sample("root-api-call"))
    return [
        replace(
            first,
            fingerprint=f"call-{n}",
            title=f"Root API call {n}",
            occurred_at=first.occurred_at + timedelta(minutes=n),
            related_items=(RelatedItem(f"call {n}", f"https://example.com/{n}"),),
        )
        for n in range(number)
    ]


def test_a_busy_root_user_exhausts_neither_timeline_nor_related_items(world: World, sample: Sample) -> None:
    *most, gravest = [*many(sample, MAX_ENTRIES + 7), occurrence_of(sample("root-console-sign-in-without-mfa"))]
    for occurrence in most:
        world.take_in(occurrence)

    incident = world.the_incident()
    assert len(incident["timeline"]) == MAX_ENTRIES + 1
    assert [text for _, text in incident["timeline"] if "further events" in text] == [
        "7 further events between 2026-03-02T05:36:44Z and 2026-03-02T05:42:44Z; the latest: Root API call 206"
    ]
    assert len(incident["related"]) == MAX_RELATED_ITEMS

    world.take_in(gravest)  # however late it comes, it has an entry of its own

    incident = world.the_incident()
    assert incident["impact"] == 1
    assert sum(text.startswith("Root console sign-in WITHOUT MFA") for _, text in incident["timeline"]) == 1


def test_a_crash_around_any_call_counts_a_coalesced_event_once(backend: str, sample: Sample) -> None:
    *kept, one, other = many(sample, MAX_ENTRIES + 2)
    with private_world(backend) as world:
        for occurrence in kept:
            world.take_in(occurrence)
        for call in range(1, 6):
            world.crash(call, "after")
            deliver(world, replace(one, fingerprint=f"{one.fingerprint}-{call}"))
        deliver(world, other)

        (shared,) = [text for _, text in world.the_incident()["timeline"] if "further events" in text]
        assert shared.startswith("6 further events")


@pytest.mark.parametrize(
    "code",
    ["ServiceQuotaExceededException", "ResourceNotFoundException", "ConflictException", "AccessDeniedException"],
    ids=["monthly quota", "plan deleted", "client token conflict", "no permission"],
)
def test_an_incident_that_is_refused_for_good_is_told_once_and_in_full(world: World, sample: Sample, code: str) -> None:
    world.refuse(world.people.start, code)

    outcome = world.take_in(sample("root-console-sign-in-without-mfa"))
    later = world.take_in(sample("root-api-call"))
    again = world.take_in(sample("root-console-sign-in-without-mfa"))

    assert [outcome.result, later.result, again.result] == [Result.NOTIFIED, Result.NOTED, Result.DUPLICATE]
    assert code in str(outcome.problem)
    assert world.notifications() == ["NOT OPENED: Root console sign-in WITHOUT MFA in account 444455556666 (us-east-1)"]


def test_a_refused_incident_is_tried_again_by_events_of_the_next_day(world: World, sample: Sample) -> None:
    world.refuse(world.people.start, "AccessDeniedException")
    first = occurrence_of(sample("root-api-call"))
    world.take_in(first)
    world.accept(world.people.start)

    soon = replace(first, fingerprint="soon", occurred_at=world.now + timedelta(hours=23))
    next_day = replace(first, fingerprint="next day", occurred_at=world.now + timedelta(hours=25))

    assert world.take_in(soon).result is Result.NOTED
    assert world.take_in(next_day).result is Result.OPENED


def test_past_the_monthly_quota_incidents_go_to_the_topic(world: World, sample: Sample) -> None:
    world.backend.monthly_quota = 1
    names = ["guardduty-critical", "guardduty-attack-sequence", "guardduty-critical"]
    outcomes = [world.take_in(sample(name)) for name in names]

    assert [outcome.result for outcome in outcomes] == [Result.OPENED, Result.NOTIFIED, Result.DUPLICATE]
    assert "1 incidents were started" in str(outcomes[1].problem)
    world.now = datetime(2026, 4, 1, tzinfo=UTC)
    assert world.take_in(sample("guardduty-high-1-found")).result is Result.OPENED


def test_something_graver_than_what_people_were_told_of_is_no_old_news(world: World, sample: Sample) -> None:
    world.refuse(world.people.start, "AccessDeniedException")
    world.take_in(sample("root-console-sign-in-failed"))
    world.accept(world.people.start)

    assert world.take_in(sample("root-console-sign-in-without-mfa")).result is Result.OPENED
    assert world.the_incident()["impact"] == 1


def test_an_incident_that_is_not_visible_yet_is_not_taken_for_deleted(world: World, sample: Sample) -> None:
    arn = world.take_in(sample("root-api-call-read-only")).incident
    assert arn is not None
    world.people.delete(arn)  # to a reader, the same as not visible yet

    with pytest.raises(NotVisible):
        world.take_in(sample("root-api-call"))
    assert world.incidents() == []


def test_a_persons_impact_stays_until_something_graver_comes(world: World, sample: Sample) -> None:
    arn = world.take_in(sample("root-api-call")).incident
    assert arn is not None
    world.people.edit(arn, title="known maintenance", impact=4)

    world.take_in(sample("root-api-call-read-only"))  # as grave, and earlier
    assert world.the_incident()["impact"] == 4
    world.take_in(sample("root-console-sign-in-without-mfa"))
    assert (world.the_incident()["impact"], world.the_incident()["title"]) == (1, "known maintenance")


def test_who_takes_a_claim_over_respects_what_people_have_done_meanwhile(world: World, sample: Sample) -> None:
    world.crash(5, "before")  # look up, claim, quota or start, ...: the incident is there, the row does not say so
    with pytest.raises(Crash):
        world.take_in(sample("root-console-sign-in-failed"))
    arn = world.the_incident()["arn"]
    world.people.edit(arn, title="pen test", impact=4)
    world.now += LEASE

    world.take_in(sample("root-api-call-read-only"))

    assert (world.the_incident()["title"], world.the_incident()["impact"]) == ("pen test", 2)


def test_an_event_about_hundreds_of_resources_opens_an_incident(world: World, sample: Sample) -> None:
    occurrence = occurrence_of(sample("guardduty-attack-sequence"))
    items = tuple(RelatedItem(f"bucket {n}", f"arn:aws:s3:::bucket-{n}") for n in range(5000))

    assert world.take_in(replace(occurrence, related_items=items)).result is Result.OPENED
    assert len(world.the_incident()["related"]) == MAX_RELATED_ITEMS


def test_a_related_item_that_is_refused_loses_no_event(world: World, sample: Sample) -> None:
    world.take_in(sample("root-api-call-read-only"))
    world.refuse({"CreateTimelineEvent": "UpdateRelatedItems"}.get(world.people.add_entry, "-"), "ValidationException")

    outcome = world.take_in(sample("root-api-call"))

    assert outcome.result is Result.UPDATED
    assert len(world.the_incident()["timeline"]) == 2


def test_what_aws_refuses_of_an_open_incident_is_no_silent_loss(world: World, sample: Sample) -> None:
    world.take_in(sample("root-api-call"))
    world.refuse(world.people.add_entry, "AccessDeniedException")

    with pytest.raises(Permanent, match="AccessDeniedException"):
        world.take_in(sample("root-api-call-read-only"))
    world.accept(world.people.add_entry)

    assert world.take_in(sample("root-api-call-read-only")).result is Result.UPDATED

"""What fires, on what evidence, and in which generation."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from responder.domain.correlation import Firing, KnownRelations, evaluate, standings
from responder.domain.resource import Resource
from responder.domain.resource.relations import SECURITY_GROUP_OF_INSTANCE
from responder.domain.security_hub import Finding
from responder.domain.times import parse_time
from tests.domain.correlation.histories import (
    ARCHIVED,
    GROUP,
    PASSED,
    RESOLVED,
    RULE,
    SUPPRESSED,
    alarm,
    day,
    resource,
    weakness,
)

ATTACHED = KnownRelations([(SECURITY_GROUP_OF_INSTANCE.name, resource("i-1"), resource("sg-1", GROUP))])


def fired(*history: Finding, relations: KnownRelations = ATTACHED) -> list[Firing]:
    return list(evaluate(RULE, history, relations))


def ids(firing: Firing) -> list[str]:
    return [observation.finding.id for observation in firing.evidence]


def values(firing: Firing) -> list[str]:
    return [observation.value for observation in firing.evidence_of("weaknesses")]


def test_it_fires_when_all_legs_have_come_in_any_order() -> None:
    (firing,) = fired(alarm(0), weakness(3))

    assert (firing.rule, firing.resource, firing.generation) == ("alarm-and-weaknesses", resource("i-1"), 1)
    assert firing.fired_at == firing.changed_at == day(3)
    assert ids(firing) == ["alarm", "weakness", "weakness"]
    assert values(firing) == ["CVE-2026-1", "CVE-2026-2"]
    (reverse,) = fired(weakness(0), alarm(3))
    assert ids(reverse) == ids(firing)


def test_values_may_come_from_one_finding_or_several_but_must_differ() -> None:
    assert fired(alarm(0), weakness(1, 1, id_="a"), weakness(2, 2, id_="b"))
    assert not fired(alarm(0), weakness(1, 1, id_="a"), weakness(2, 1, id_="b"), weakness(3, 1, id_="c"))
    assert not fired(alarm(0), weakness(1, 1), weakness(2, 1))


def test_values_of_one_finding_whose_later_version_has_another_do_not_add_up() -> None:
    assert not fired(alarm(0), weakness(1, 1), weakness(2, 2))
    assert fired(alarm(0), weakness(1, 1), weakness(2, 1, 2))


def test_a_window_includes_both_its_ends() -> None:
    assert fired(alarm(0), weakness(10))
    assert not fired(alarm(0), weakness(10.001))
    assert not fired(weakness(0, 1, id_="a"), alarm(5), weakness(11, 2, id_="b"))


def test_times_of_observation_count_not_those_of_arrival() -> None:
    assert fired(alarm(0), weakness(30, observed=9))
    assert not fired(alarm(0), weakness(9, observed=-11))
    assert fired(alarm(40, observed=0), weakness(9))


def test_an_earlier_observation_of_a_finding_still_counts_when_it_is_observed_again() -> None:
    assert fired(alarm(0), alarm(20), weakness(25, observed=5))


@pytest.mark.parametrize("closed", [ARCHIVED, RESOLVED, SUPPRESSED, PASSED, {"Types": ["harmless"]}])
def test_what_was_closed_before_does_not_count_and_what_has_fired_stays_fired(closed: dict[str, Any]) -> None:
    assert not fired(alarm(0), alarm(1, **closed), weakness(2))
    assert len(fired(alarm(0), weakness(2), alarm(3, **closed))) == 1


def test_what_is_observed_again_after_it_was_closed_counts_from_then_on() -> None:
    history = [alarm(0), alarm(1, **ARCHIVED), alarm(8)]
    assert fired(*history, weakness(9))
    assert not fired(*history, weakness(20, observed=-3)), "the observation of day 0 stands no more"


def test_a_resolution_that_leaves_the_finding_as_updated_as_it_was_comes_when_it_is_told_of() -> None:
    resolved = alarm(0, told=3, **RESOLVED)
    assert fired(alarm(0), weakness(2), resolved)
    assert not fired(alarm(0), weakness(4), resolved)


def test_of_two_versions_of_the_same_time_the_closed_one_is_the_later() -> None:
    for history in ([alarm(1), alarm(1, **RESOLVED)], [alarm(1, **RESOLVED), alarm(1)]):
        assert not fired(*history, weakness(0))


def test_of_two_versions_of_the_same_time_that_both_count_one_supersedes_the_other_in_whatever_order() -> None:
    assert fired(alarm(0), weakness(1, 1), weakness(1, 2)) == fired(alarm(0), weakness(1, 2), weakness(1, 1)) == []


def test_one_value_may_be_withdrawn_while_others_stay() -> None:
    assert not fired(weakness(0, 1, 2), weakness(1, 2), alarm(2))
    assert fired(weakness(0, 1, 2, 3), weakness(1, 2, 3), alarm(2))


def test_the_same_finding_from_two_regions_is_one() -> None:
    one, other = weakness(1, 1), weakness(1, 1, told=1.01)
    assert not fired(alarm(0), one, other)
    closed = weakness(2, 1, 2, told=2.5, **ARCHIVED)
    assert not fired(weakness(0), closed, weakness(0, told=0.2), alarm(3))


def test_namesakes_are_others() -> None:
    assert not fired(alarm(0), weakness(1, on="i-2"))
    assert not fired(alarm(0, AwsAccountId="222222222222"), weakness(1))
    assert not fired(alarm(0, Region="us-east-1"), weakness(1))


def test_full_arns_and_short_ids_are_the_same() -> None:
    assert fired(alarm(0, on="i-1"), weakness(1, on="i-1"))
    arn = {"Resources": [{"Type": "AwsEc2Instance", "Id": "arn:aws:ec2:eu-west-1:444455556666:instance/i-1"}]}
    assert fired(alarm(0, on="i-1"), weakness(1, **arn))


def test_only_resources_of_the_rules_types_are_grouped() -> None:
    assert not fired(alarm(0, on="sg-1"), weakness(1, on="sg-1"), relations=KnownRelations())


def test_a_finding_with_several_resources_counts_for_each() -> None:
    several = {"Resources": [{"Type": "AwsEc2Instance", "Id": f"i-{number}"} for number in range(32)]}
    firings = fired(alarm(0, **several), weakness(1, **several))
    assert len(firings) == 32
    assert [str(firing.resource) for firing in firings] == sorted(str(firing.resource) for firing in firings)


def test_a_related_resources_finding_counts_for_the_leg_with_the_relation_only() -> None:
    (firing,) = fired(alarm(0, on="sg-1"), weakness(1))
    assert firing.resource == resource("i-1")
    assert firing.evidence[0].resource == resource("sg-1", GROUP)
    assert not fired(alarm(0), weakness(1, on="sg-1"))
    assert not fired(alarm(0, on="sg-2"), weakness(1))
    assert not fired(alarm(0, on="sg-1"), weakness(1), relations=KnownRelations())


def test_the_evidence_is_the_newest() -> None:
    (firing,) = fired(alarm(0, "first"), alarm(2, "second"), weakness(1, 1, 2), weakness(3, 3, id_="late"))
    assert ids(firing) == ["second", "late", "weakness"]
    assert values(firing) == ["CVE-2026-3", "CVE-2026-1"]
    assert (firing.fired_at, firing.changed_at) == (day(1), day(3))


def test_evidence_that_falls_away_leaves_that_of_the_last_moment_at_which_the_rule_held() -> None:
    (firing,) = fired(alarm(0), weakness(1), alarm(2, **ARCHIVED), weakness(3))
    assert firing.changed_at == day(1)
    assert [observation.time for observation in firing.evidence] == [day(0), day(1), day(1)]


def test_a_new_generation_begins_after_a_full_window_without_evidence() -> None:
    first, second = fired(alarm(0), weakness(1), alarm(5), weakness(21), alarm(22))
    assert (first.generation, first.fired_at, first.changed_at) == (1, day(1), day(5))
    assert (second.generation, second.fired_at, second.changed_at) == (2, day(22), day(22))


def test_evidence_within_the_window_goes_on_with_the_generation() -> None:
    (firing,) = fired(alarm(0), weakness(1), alarm(9), weakness(11), alarm(19), weakness(20))
    assert (firing.generation, firing.fired_at, firing.changed_at) == (1, day(1), day(20))


def test_how_near_it_is() -> None:
    (standing,) = standings(RULE, [alarm(0), weakness(1, 1), weakness(20, 2, id_="late"), alarm(22, "other")])
    assert standing.resource == resource("i-1")
    assert not standing.firings
    assert [observation.finding.id for observation in standing.nearest["alarm"]] == ["other"]
    assert [observation.value for observation in standing.nearest["weaknesses"]] == ["CVE-2026-2"]


# Whatever the history


STATES: list[dict[str, Any]] = [{}, {}, {}, ARCHIVED, RESOLVED, PASSED]
DAYS = st.integers(0, 30)


@st.composite
def versions(draw: st.DrawFn) -> Finding:
    at = draw(DAYS)
    change: dict[str, Any] = {
        "on": draw(st.sampled_from(["i-1", "i-1", "i-2", "sg-1"])),
        "told": at + draw(st.sampled_from([0, 0, 0, 1, 7])),
        "observed": at - draw(st.sampled_from([0, 0, 0, 4, 12])),
        **draw(st.sampled_from(STATES)),
    }
    number = draw(st.integers(1, 3))
    if draw(st.booleans()):
        return alarm(at, f"alarm-{number}", **change)
    return weakness(at, *draw(st.lists(st.integers(1, 3), min_size=1)), id_=f"weakness-{number}", **change)


HISTORIES = st.lists(versions(), max_size=12)


@settings(max_examples=300, deadline=None)
@given(HISTORIES, st.randoms(use_true_random=False))
def test_order_and_repetition_of_arrival_change_nothing(history: list[Finding], random: Any) -> None:
    arriving = history + random.sample(history, len(history) // 2)
    random.shuffle(arriving)
    expected = evaluate(RULE, history, ATTACHED)
    event(f"firings: {len(expected)}")
    assert evaluate(RULE, arriving, ATTACHED) == expected


@settings(max_examples=300, deadline=None)
@given(HISTORIES)
def test_it_fires_for_what_the_definition_says(history: list[Finding]) -> None:
    firings = evaluate(RULE, history, ATTACHED)
    first = {firing.resource: firing.fired_at for firing in firings if firing.generation == 1}
    for instance in (resource("i-1"), resource("i-2")):
        moments = sorted({max(_updated(version), version.seen_at) for version in history})
        holding = [moment for moment in moments if _holds(history, instance, moment)]
        assert first.get(instance) == (holding[0] if holding else None)


@settings(max_examples=200, deadline=None)
@given(HISTORIES, versions())
def test_what_has_fired_stays_fired_whatever_comes_later(history: list[Finding], last: Finding) -> None:
    moment = max((max(_updated(version), version.seen_at) for version in history), default=day(0))
    if max(_updated(last), last.seen_at) > moment:
        before, after = evaluate(RULE, history, ATTACHED), evaluate(RULE, [*history, last], ATTACHED)
        assert {(f.resource, f.generation, f.fired_at) for f in before} <= {
            (f.resource, f.generation, f.fired_at) for f in after
        }


def _holds(history: Iterable[Finding], instance: Resource, moment: Any) -> bool:
    """By the definition, word for word: is there a window in which everything came together at this moment?"""
    known = [version for version in history if max(_updated(version), version.seen_at) <= moment]
    standing = []
    for version in known:
        later = [other for other in known if other.key == version.key and _order(other) > _order(version)]
        for said in _says(version):
            if all(said in _says(other) for other in later):
                standing.append((said, version.observed_at))
    groups = {instance, resource("sg-1", GROUP)} if instance == resource("i-1") else {instance}
    for _, start in standing:
        assert start is not None
        inside = [said for said, time in standing if time is not None and start <= time <= start + RULE.window]
        alarms = [said for said in inside if said[0] == "alarm" and said[1] in groups]
        weaknesses = {said[2] for said in inside if said[0] == "weakness" and said[1] == instance}
        if alarms and len(weaknesses) >= 2:
            return True
    return False


def _says(version: Finding) -> list[tuple[str, Resource, str]]:
    if _closed(version):
        return []
    (kind,), (on,) = version.document["Types"], version.resources
    found = {vulnerability["Id"] for vulnerability in version.document.get("Vulnerabilities", [{"Id": ""}])}
    return [(kind, on, value) for value in sorted(found)[:2]]


def _closed(version: Finding) -> bool:
    return not version.is_open or "Compliance" in version.document


def _order(version: Finding) -> tuple[Any, ...]:
    content = json.dumps(version.document, sort_keys=True).encode()
    return _updated(version), version.seen_at, _closed(version), hashlib.sha256(content).hexdigest()


def _updated(version: Finding) -> Any:
    return parse_time(version.document["UpdatedAt"], "UpdatedAt")

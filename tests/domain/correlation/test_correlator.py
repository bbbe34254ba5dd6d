"""What correlating as findings come costs, and what it does when things go wrong."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from responder.domain.correlation import Rule, read_rule
from responder.domain.correlation.collector import Result as Collected
from responder.domain.correlation.correlator import Result
from responder.domain.correlation.signal import Pair
from responder.domain.correlation.versions import MOST_VERSIONS
from responder.domain.faults import Permanent, Rejected, Retryable
from responder.domain.security_hub import FindingRefused
from tests.domain.correlation.histories import (
    ARCHIVED,
    DOCUMENT,
    GROUP,
    PASSED,
    RESOLVED,
    RULE,
    alarm,
    day,
    finding,
    resource,
    weakness,
)
from tests.domain.correlation.memory import Correlating, KnownRelated, MemoryStore

PAIR = Pair(RULE.id, resource("i-1"))
FIRST = "correlated/alarm-and-weaknesses/aws/444455556666/eu-west-1/AWS::EC2::Instance/i-1/1"
RELATED = {resource("i-1"): [resource("sg-1", GROUP)]}


def evidence(live: Correlating, id_: str = FIRST) -> set[str]:
    return {related["Id"] for related in live.imported.findings[id_]["FindingProviderFields"]["RelatedFindings"]}


# What comes of it


def test_the_finding_says_what_its_rule_says_and_what_the_evidence_is() -> None:
    live = Correlating(RULE)
    live.see(
        alarm(0, Title="Something stirs", Resources=[{"Type": "AwsEc2Instance", "Id": "i-1", "Details": {"A": 1}}])
    )
    live.see(weakness(1, 1, id_="a"), weakness(2, 2, id_="b"))

    found = live.imported.findings[FIRST]
    assert (found["GeneratorId"], found["Title"]) == (RULE.id, RULE.title)
    assert found["FindingProviderFields"]["Severity"] == {"Label": "CRITICAL"}
    assert found["AwsAccountId"] == "111122223333", "Security Hub takes no import on behalf of another account"
    assert found["CreatedAt"] == "2026-03-03T00:00:00.000000Z"
    assert evidence(live) == {"alarm", "a", "b"}
    assert '"title":"Something stirs"' in found["ProductFields"]["responder/Evidence/01"]
    assert found["Resources"][0]["Id"] == "i-1"
    assert live.counts["ThreatsFound"] == 1


def test_further_evidence_is_a_later_version_of_the_same_finding() -> None:
    live = Correlating(RULE)
    live.see(alarm(0), weakness(1))
    before = live.imported.findings[FIRST]
    live.see(alarm(5, "other"))

    assert list(live.imported.findings) == [FIRST]
    assert live.imported.versions[FIRST] == 2
    assert live.imported.findings[FIRST]["UpdatedAt"] > before["UpdatedAt"]
    assert evidence(live) == {"other", "weakness"}


def test_a_new_generation_begins_after_a_window_without_evidence() -> None:
    live = Correlating(RULE)
    live.see(alarm(0), weakness(1), alarm(14, "again"), weakness(15, id_="new"))

    assert sorted(live.imported.findings) == [FIRST, FIRST[:-1] + "2"]
    assert evidence(live, FIRST[:-1] + "2") == {"again", "new"}


def test_two_generations_in_one_batch_are_two_findings() -> None:
    live = Correlating(RULE)
    live.collect(alarm(0), weakness(1))
    live.collect(alarm(14, "again"), weakness(15, id_="new"))
    live.correlate()
    assert sorted(live.imported.findings) == [FIRST, FIRST[:-1] + "2"]


def test_one_finding_may_be_all_the_evidence_and_of_several_rules() -> None:
    other = read_rule(
        DOCUMENT | {"id": "other", "legs": [{"name": "any", "pattern": {"Types": ["alarm", "weakness"]}}]}
    )
    live = Correlating(RULE, other)
    live.see(alarm(0, Types=["alarm", "weakness"], Vulnerabilities=[{"Id": "CVE-2026-1"}, {"Id": "CVE-2026-2"}]))
    assert {found["GeneratorId"] for found in live.imported.findings.values()} == {RULE.id, "other"}


def test_what_the_responder_itself_found_is_evidence_of_nothing() -> None:
    anything = read_rule(
        DOCUMENT | {"id": "anything", "legs": [{"name": "any", "pattern": {"Id": [{"exists": True}]}}]}
    )
    live = Correlating(anything)
    live.see(alarm(0))
    (found,) = live.imported.findings.values()
    live.see(finding("own", 1, **{**found, "Region": "eu-west-1"}))
    assert len(live.imported.findings) == 1


def test_a_signal_of_a_rule_that_is_gone_is_ignored() -> None:
    live = Correlating(RULE)
    live.collect(alarm(0))
    after = Correlating(replace(RULE, id="other"), store=live.store)
    assert after.correlate() == [Result.IGNORED]
    without = Correlating(replace(RULE, legs=RULE.legs[1:]), store=live.store)
    assert without.correlate() == [Result.IGNORED]


# What it costs


def cost(live: Correlating, *findings: Any) -> dict[str, int]:
    before = live.store.calls.copy()
    live.see(*findings)
    return {name: number for name, number in (live.store.calls - before).items() if number}


@pytest.mark.parametrize("hot", ["alarm", "one weakness", "many weaknesses"])
def test_a_hot_resource_costs_no_more_than_a_cold_one(hot: str) -> None:
    """Whatever came before, a finding is a read and a write, and a signal too; nothing goes through the signals."""

    def flood(number: int) -> Any:
        if hot == "alarm":
            return alarm(number / 2000, f"alarm-{number}")
        return weakness(number / 2000, 1 if hot == "one weakness" else number, id_=f"weakness-{number}")

    first = Correlating(RULE)
    first.see(flood(0))
    cold = cost(first, flood(1))
    live = Correlating(RULE)
    for start in range(0, 10_000, 500):
        live.collect(*map(flood, range(start, start + 500)))
        live.correlate()
    assert cost(live, flood(10_001)) == cold
    expected = {"read findings": 1, "write signals": 1, "write finding": 1, "read states": 1, "write state": 1}
    assert cold == expected
    completing = cost(live, weakness(6, 1, 20_000, id_="last") if hot == "alarm" else alarm(6))
    assert live.imported.findings if hot != "one weakness" else not live.imported.findings
    assert "signals read" not in completing
    assert sum(completing.values()) <= sum(cold.values()) + 3


def test_withdrawn_findings_are_gone_through_once() -> None:
    live = Correlating(RULE)
    live.see(weakness(0, id_="stays"))
    many = [weakness(1 + number / 1000, id_=f"weakness-{number}") for number in range(1000)]
    live.collect(*many)
    live.correlate()
    live.collect(*[weakness(3 + number / 1000, id_=f"weakness-{number}", **ARCHIVED) for number in range(1000)])
    first = cost(live, alarm(5))
    assert evidence(live) == {"alarm", "stays"}
    assert first["signals read"] >= 2000
    assert cost(live, alarm(6, "next")).get("signals read", 0) == 0
    live.see(weakness(6.5, id_="another"), weakness(6.6, id_="another", **ARCHIVED))
    assert cost(live, alarm(7, "last"))["signals read"] <= 10


def test_a_finding_that_no_rule_can_concern_costs_nothing() -> None:
    lasting = read_rule(
        DOCUMENT
        | {
            "legs": [
                {
                    "name": "critical",
                    "pattern": {"ProductArn": [{"suffix": "/inspector"}], "Severity": {"Label": ["CRITICAL"]}},
                }
            ]
        }
    )
    live = Correlating(lasting)
    (result,) = live.collect(alarm(0))
    assert list(result.values()) == [Collected.IRRELEVANT]
    assert not live.store.calls
    product = "arn:aws:securityhub:eu-west-1::product/aws/inspector"
    (result,) = live.collect(alarm(0, ProductArn=product, Severity={"Label": "LOW"}))
    assert list(result.values()) == [Collected.NOTED], "it may have been critical in a version that comes late"


# Versions


def test_repeats_and_older_versions_change_nothing() -> None:
    live = Correlating(RULE)
    versions = [alarm(0), alarm(1), alarm(2, **ARCHIVED)]
    for version in versions:
        live.see(version)
    rows = dict(live.store.signals[PAIR])
    for version in versions:
        (result,) = live.collect(version)
        assert list(result.values()) == [Collected.KNOWN]
    assert live.store.signals[PAIR] == rows
    assert live.correlate() == []


def test_a_late_version_does_not_open_again_what_a_later_one_closed() -> None:
    live = Correlating(RULE)
    live.see(alarm(2, **ARCHIVED), alarm(0), weakness(3))
    assert not live.imported.findings
    live.see(alarm(4))
    assert live.imported.findings


def test_our_own_updates_of_a_finding_are_no_news() -> None:
    """Enrichment raises an event with the same times in it."""
    live = Correlating(RULE)
    live.see(alarm(0), weakness(1))
    assert live.collect(alarm(0, told=1.5, UserDefinedFields={"a": "b"}))[0]
    assert live.correlate() == [Result.WAITING]
    assert live.imported.versions[FIRST] == 1


def test_many_versions_are_forgotten_from_their_midst() -> None:
    live = Correlating(RULE)
    live.collect(*[alarm(number / 100) for number in range(3 * MOST_VERSIONS)])
    live.correlate()
    known = next(iter(live.store.known.values())).versions.known
    assert len(known) == MOST_VERSIONS
    assert known[0].time == day(0)
    assert known[-1].time == day(0.01 * (3 * MOST_VERSIONS - 1))
    live.see(alarm(3.5, **PASSED), weakness(4))
    assert not live.imported.findings, "it closes those too that are forgotten"


# Related resources


def test_related_resources_are_asked_for_only_when_they_could_matter() -> None:
    related = KnownRelated(RELATED)
    live = Correlating(RULE, relations=related)
    live.see(alarm(0, on="sg-1"))
    assert related.asked == 0
    live.see(weakness(1))
    assert related.asked == 1
    assert evidence(live) == {"alarm", "weakness"}
    live.see(weakness(2, id_="next"))
    assert related.asked == 1, "an answer holds for a while"
    live.now += timedelta(hours=2)
    live.see(weakness(3, id_="later"))
    assert related.asked == 2


def test_what_a_related_resource_shows_later_counts_at_once() -> None:
    live = Correlating(RULE, relations=KnownRelated(RELATED))
    live.see(weakness(0), alarm(1, on="sg-1"))
    assert evidence(live) == {"alarm", "weakness"}
    assert live.imported.findings[FIRST]["Resources"][0]["Id"] == "i-1"


def test_without_an_aggregator_a_resources_own_findings_count() -> None:
    live = Correlating(RULE)
    live.see(weakness(0), alarm(1, on="sg-1"))
    assert not live.imported.findings
    live.see(alarm(2, on="i-1"))
    assert live.imported.findings


def test_what_is_related_no_longer_counts_no_longer_and_again_when_it_is_again() -> None:
    given = dict(RELATED)
    live = Correlating(RULE, relations=KnownRelated(given))
    live.see(weakness(0))
    given[resource("i-1")] = [resource("sg-2", GROUP)]
    live.now += timedelta(hours=2)
    live.see(weakness(1, id_="b"), alarm(2, on="sg-1"))
    assert not live.imported.findings
    given[resource("i-1")] = [resource("sg-1", GROUP)]
    live.now += timedelta(hours=2)
    live.see(weakness(3, id_="c"))
    assert evidence(live) == {"alarm", "c"}


def test_an_aggregator_that_cannot_answer_now_is_asked_again_and_one_that_refuses_holds_nothing_back() -> None:
    class Failing(KnownRelated):
        problem: Exception | None = Retryable("throttled")

        def related(self, relation: str, resources: Any) -> Any:
            if self.problem:
                raise self.problem
            return super().related(relation, resources)

    related = Failing(RELATED)
    live = Correlating(RULE, relations=related)
    live.see(alarm(0, on="sg-1"))
    live.collect(weakness(1))
    (first, *_) = live.correlate()
    assert isinstance(first, Retryable)
    related.problem = Permanent("no such aggregator")
    live.see(alarm(2), weakness(2, id_="b"))
    assert evidence(live) == {"alarm", "b"}
    assert live.counts["RelationsRefused"]


# What goes wrong


def test_what_security_hub_has_not_got_it_gets_with_the_next_delivery_as_the_same_finding() -> None:
    live = Correlating(RULE)
    live.see(alarm(0))
    live.imported.failing.append(Retryable("throttled"))
    live.collect(weakness(1))
    outcomes = live.correlate()
    assert all(isinstance(outcome, Retryable) for outcome in outcomes)
    assert not live.imported.findings
    live.correlator.correlate(live.store.stream[-2:])
    assert list(live.imported.findings) == [FIRST]
    assert live.store.kept[PAIR].untold == {}


def test_a_finding_that_security_hub_refuses_is_rejected() -> None:
    live = Correlating(RULE)
    live.see(alarm(0))
    live.imported.failing.append(FindingRefused("InvalidInput"))
    live.collect(weakness(1))
    assert {type(outcome) for outcome in live.correlate()} == {Rejected}


@pytest.mark.parametrize("at", ["save", "import", "save again"])
def test_a_crash_anywhere_ends_in_one_finding(at: str) -> None:
    class Crash(BaseException):
        pass

    live = Correlating(RULE)
    live.see(alarm(0))
    live.collect(weakness(1))
    saves = 0
    save, import_findings = live.store.save, live.imported.import_findings

    def crash(*_: Any, **__: Any) -> Any:
        raise Crash

    def counted(state: Any) -> bool:
        nonlocal saves
        saves += 1
        return crash() if saves == 2 else save(state)

    if at == "import":
        live.imported.import_findings = crash  # type: ignore[method-assign]
    else:
        live.store.save = crash if at == "save" else counted
    with pytest.raises(Crash):
        live.correlate()
    live.store.save, live.imported.import_findings = save, import_findings  # type: ignore[method-assign]
    live.correlator.correlate(live.store.stream[-2:])
    assert live.imported.versions == {FIRST: 1}
    assert live.store.kept[PAIR].untold == {}


def test_of_two_containers_that_write_of_one_pair_one_tries_again() -> None:
    live = Correlating(RULE)
    live.collect(alarm(0))
    save = live.store.save

    def interrupted(state: Any) -> bool:
        live.store.save = save
        live.correlator.correlate(live.store.stream[:1])
        return save(state)

    live.store.save = interrupted
    (outcome,) = live.correlate()
    assert isinstance(outcome, Retryable)
    assert live.store.kept[PAIR].revision == 1


def test_of_two_containers_that_take_in_one_finding_both_versions_are_known() -> None:
    live = Correlating(RULE)
    remember = live.store.remember

    def interrupted(known: Any) -> bool:
        live.store.remember = remember
        live.collect(alarm(1, **ARCHIVED))
        return remember(known)

    live.store.remember = interrupted
    live.collect(alarm(0))
    assert len(next(iter(live.store.known.values())).versions.known) == 2
    live.correlate()
    live.see(weakness(2))
    assert not live.imported.findings


def test_a_replay_has_signals_told_again() -> None:
    """The way back after a batch of the stream was given up."""
    live = Correlating(RULE)
    live.collect(alarm(0), weakness(1))
    lost, live.store.stream = live.store.stream, []
    assert lost
    live.collect(alarm(0), weakness(1))
    assert live.correlate() == []
    live.collect(alarm(0), weakness(1), replay="after-the-outage")
    live.correlate()
    assert list(live.imported.findings) == [FIRST]


def test_a_table_that_cannot_be_read_fails_the_findings_and_nothing_is_lost() -> None:
    class Throttled(MemoryStore):
        def findings(self, keys: Any) -> Any:
            raise Retryable("throttled")

    live = Correlating(RULE, store=Throttled())
    (outcome,) = live.collect(alarm(0))
    assert isinstance(outcome, Retryable)


# Odd findings


def rule_of(**change: Any) -> Rule:
    return read_rule(DOCUMENT | change)


def test_a_finding_with_32_resources_is_a_signal_for_each() -> None:
    several = {"Resources": [{"Type": "AwsEc2Instance", "Id": f"i-{number}"} for number in range(32)]}
    live = Correlating(RULE)
    live.see(alarm(0, **several), weakness(1, **several))
    assert len(live.imported.findings) == 32


@pytest.mark.parametrize(
    "odd",
    [
        {"Resources": []},
        {"Resources": "i-1"},
        {"Resources": [None, "i-1", {"Type": "AwsEc2Instance"}]},
        {"Vulnerabilities": None},
        {"Vulnerabilities": [{"Id": ""}, {"Id": None}, {}, "CVE-2026-1"]},
        {"UpdatedAt": "yesterday", "LastObservedAt": None},
    ],
)
def test_a_finding_that_says_nothing_useful_is_noted_and_no_more(odd: dict[str, Any]) -> None:
    live = Correlating(RULE)
    live.see(alarm(0))
    (result,) = live.collect(weakness(1, **odd))
    assert list(result.values()) == [Collected.NOTED]
    live.correlate()
    assert not live.imported.findings


def test_a_clock_that_is_ahead_or_behind_changes_no_window() -> None:
    live = Correlating(RULE)
    live.see(alarm(0, told=-0.01), weakness(9.9, told=9.8))
    assert live.imported.findings
    assert live.imported.findings[FIRST]["UpdatedAt"] >= live.imported.findings[FIRST]["CreatedAt"]


def test_what_was_observed_longer_ago_than_is_kept_is_no_signal() -> None:
    live = Correlating(RULE)
    live.see(alarm(0, observed=-80))
    assert not live.store.signals


# What a review found


def test_a_finding_that_is_opened_again_counts_whatever_comes_last() -> None:
    """Workflow changes leave all times of a finding as they are."""
    first, resolved, again = alarm(0), alarm(0, told=1, **RESOLVED), alarm(0, told=2, Title="again")
    for order in permutations([first, resolved, again]):
        live = Correlating(RULE)
        live.see(*order, weakness(3))
        assert list(live.imported.findings) == [FIRST]


def test_what_is_only_observed_again_is_told_by_the_hour() -> None:
    live = Correlating(RULE)
    live.see(alarm(0), weakness(1))
    live.see(*[alarm(1 + minute / 1440) for minute in range(0, 240, 15)])
    assert live.imported.versions[FIRST] == 1 + 4
    assert live.store.kept[PAIR].generation.newest == day(1 + 225 / 1440)


def test_evidence_that_came_before_its_rule_counts_with_the_next_signal() -> None:
    without = Correlating(replace(RULE, id="other"))
    live = Correlating(RULE, store=without.store)
    live.collect(alarm(0))
    assert without.correlate() == [Result.IGNORED]
    live.store.stream.clear()
    live.see(weakness(1))
    assert evidence(live) == {"alarm", "weakness"}


def test_a_rule_that_needs_less_than_before_holds_with_the_next_signal() -> None:
    legs = [DOCUMENT["legs"][0], DOCUMENT["legs"][1] | {"distinct": {"field": "Vulnerabilities.Id", "count": 3}}]
    strict = Correlating(read_rule(DOCUMENT | {"legs": legs}))
    strict.see(weakness(0, 1, 2, 3), alarm(0), weakness(0.5, 1, 2, id_="other"))
    strict.imported.findings.clear()
    mild = Correlating(RULE, store=strict.store)
    strict.store.kept[PAIR].generation = None
    mild._delivered = len(strict.store.stream)
    mild.see(alarm(1, "next"))
    assert list(mild.imported.findings) == [FIRST]


def test_no_groups_of_an_instance_are_none_that_are_known() -> None:
    """AWS Config tells of an instance late, and not any more when it is gone; each has a group."""
    given: dict[Any, Any] = {}
    live = Correlating(RULE, relations=KnownRelated(given))
    live.see(alarm(0, on="sg-1"), weakness(1))
    assert not live.imported.findings
    given |= RELATED
    live.see(weakness(2, id_="next"))
    assert evidence(live) == {"alarm", "next"}
    given.clear()
    live.now += timedelta(hours=2)
    live.see(alarm(3, "later", on="sg-1"), weakness(4, id_="last"))
    assert evidence(live) == {"later", "last"}


def test_own_evidence_waits_for_no_aggregator() -> None:
    class Throttled(KnownRelated):
        def related(self, relation: str, resources: Any) -> Any:
            raise Retryable("throttled")

    live = Correlating(RULE, relations=Throttled({}))
    live.see(alarm(0), weakness(1))
    assert evidence(live) == {"alarm", "weakness"}


def test_a_link_that_has_expired_is_made_up_for() -> None:
    live = Correlating(RULE, relations=KnownRelated(RELATED))
    live.see(alarm(0, on="sg-1"), weakness(1))
    live.store.links.clear()
    live.now += timedelta(days=100)
    live.see(alarm(100, "later", on="sg-1"))
    live.see(weakness(101, id_="last"))
    assert evidence(live, FIRST[:-1] + "2") == {"later", "last"}


def test_a_time_far_ahead_is_that_of_its_event() -> None:
    live = Correlating(RULE)
    live.see(alarm(0, LastObservedAt="2076-01-01T00:00:00Z", UpdatedAt="2076-01-01T00:00:00Z"), weakness(1))
    assert live.imported.findings[FIRST]["CreatedAt"].startswith("2026")
    live.see(alarm(2, **ARCHIVED), alarm(30, **ARCHIVED), weakness(31))
    assert list(live.imported.findings) == [FIRST]


def test_what_goes_wrong_with_one_pair_touches_no_other() -> None:
    live = Correlating(RULE)
    save = live.store.save

    def failing(state: Any) -> bool:
        if state.pair.resource.id == "i-1":
            raise KeyError("a defect")
        return save(state)

    live.store.save = failing
    live.collect(alarm(0), weakness(1), alarm(0, "other", on="i-2"), weakness(1, id_="others", on="i-2"))
    outcomes = live.correlate()
    assert {type(outcome) for outcome in outcomes} == {KeyError, Result}
    assert [found["Resources"][0]["Id"] for found in live.imported.findings.values()] == ["i-2"]


def test_when_no_time_is_left_what_fired_is_told_and_the_rest_comes_again() -> None:
    live = Correlating(RULE)
    save = live.store.save

    def slow(state: Any) -> bool:
        live.now += timedelta(seconds=31)
        return save(state)

    live.store.save = slow
    live.collect(alarm(0), weakness(1), alarm(0, "other", on="i-2"), weakness(1, id_="others", on="i-2"))
    outcomes = live.correlate()
    assert {type(outcome) for outcome in outcomes} == {Retryable, Result}
    assert len(live.imported.findings) == 1


def test_openings_and_closings_on_end_are_gone_through_in_reasonable_steps() -> None:
    """A signal that comes after a thousand of them were withdrawn, one by one, from beside it."""
    live = Correlating(RULE)
    for number in range(300):
        at = 2 + number / 100
        live.collect(weakness(at, id_=f"w-{number}"), weakness(at, told=at + 0.001, id_=f"w-{number}", **ARCHIVED))
    live.correlate()
    live.see(alarm(1))
    assert list(live.imported.findings) == [FIRST]

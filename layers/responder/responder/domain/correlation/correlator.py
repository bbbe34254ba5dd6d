"""Correlates signals as they come: tells Security Hub of every rule that comes to hold for a resource.

How it stays exact with one read
--------------------------------
The state of a pair has of every leg the newest observations, as many as the leg counts. A window that holds none of
them holds nothing newer, so that they are the evidence of the latest window, if all their times are within one; and if
they are not, no window as late as the newest of them satisfies the rule. So one row settles every signal that comes
in time, however many came before. More is read only then:

- for evidence, the versions of its findings, of a few rows: what no longer stands is set aside, and the next newest
  signals of its leg are read in its place, each of those set aside once;
- for a pair that is new, or whose rule has changed, the newest signals of each leg: some may have come before the rule;
- for a signal that comes later than a whole window, or after something was withdrawn that had stood beside it: all
  signals within a window of it, gone through moment by moment as the definition says.

Guarantees
----------
1. A generation has its number before Security Hub is told of it, in the row of its pair; whatever is cut short after
   that, the next delivery tells of it, as the same finding.
2. What has fired stays fired, and each generation is one finding: further evidence is another version of it.
3. One failure touches one pair: its signals are delivered again.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

from responder.domain.correlation.correlated import Contribution, Correlation, correlated_finding, finding_id
from responder.domain.correlation.evaluation import satisfying
from responder.domain.correlation.observation import Observation
from responder.domain.correlation.pair_state import Evidence, Generation, PairState, newest_of
from responder.domain.correlation.ports import Imports, PairStore, RelatedResources
from responder.domain.correlation.rule import RETENTION, Leg, Rule
from responder.domain.correlation.signal import KnownFinding, Pair, Signal
from responder.domain.faults import Permanent, Rejected, Retryable
from responder.domain.ports import Count
from responder.domain.resource import Resource
from responder.domain.resource.relations import RELATIONS
from responder.domain.security_hub import FindingKey, FindingRefused, default_product

MOST_HISTORY = 200
"""Signals of a leg that are read of a pair when its first one comes: those that came before its rule was deployed."""


class Result(StrEnum):
    """What became of a signal."""

    FIRED = "fired"
    """A generation began with it, or with one that came together with it."""
    ADDED = "evidence_added"
    """It changed the evidence of one, or one that came with it did."""
    PASSED_ON = "passed_on"
    """Its resource is none that its rule fires for, and it is now a signal of each one that it is related to."""
    WAITING = "waiting"
    """It changed nothing yet."""
    IGNORED = "ignored"
    """There is no such rule any more, or no such leg."""


Outcome = Result | Exception


@dataclass(frozen=True, slots=True)
class Hub:
    """Where correlated findings are."""

    account: str
    region: str
    partition: str


class Correlator:
    """Correlates signals.

    Parameters
    ----------
    relations
        Tells of related resources. None without an aggregator of AWS Config; a resource's own findings count then.
    relations_age
        How old an answer about related resources may be.
    count
        Counts what the operators want to know, by metric name.
    time_limit
        Time after which Security Hub is told of no more; the rest is delivered again.
    """

    def __init__(
        self,
        *,
        rules: Sequence[Rule],
        store: PairStore,
        hub: Hub,
        imports: Imports,
        relations: RelatedResources | None,
        relations_age: timedelta,
        clock: Callable[[], datetime],
        count: Count,
        time_limit: timedelta,
    ) -> None:
        self._rules = {rule.id: rule for rule in rules}
        self._store = store
        self._hub = hub
        self._imports = imports
        self._relations = relations
        self._relations_age = relations_age
        self._clock = clock
        self._count = count
        self._time_limit = time_limit

    def correlate(self, signals: Sequence[Signal]) -> list[Outcome]:
        """Correlate a batch of signals, in the order in which they were kept.

        Returns
        -------
        For each what became of it, or why it must be delivered again (Retryable, Permanent) or never will succeed
        (Rejected).

        Raises
        ------
        Retryable, Permanent
            When the table cannot be read, and so nothing can be done about any.
        """
        begun = self._clock()
        by_pair: dict[Pair, list[Signal]] = defaultdict(list)
        outcomes: dict[Pair, Outcome] = {}
        for signal in signals:
            if self._leg(signal) is None:
                continue
            by_pair[signal.pair].append(signal)
        passing = {pair for pair in by_pair if not self._rules[pair.rule].groups(pair.resource.type)}
        for pair in passing:
            outcomes[pair] = self._pass_on(pair, by_pair[pair])
        states = self._store.states([pair for pair in by_pair if pair not in passing])
        known = _Findings(self._store)
        known.prepare(self._evidence_to_come(states, by_pair))
        evaluations = {
            pair: _Evaluation(self._rules[pair.rule], state, self._store, known) for pair, state in states.items()
        }
        outcomes |= self._bring_up_to_date(evaluations, by_pair)
        unrelated = self._relate({pair: e for pair, e in evaluations.items() if pair not in outcomes}, by_pair)
        for pair, evaluation in evaluations.items():
            if pair in outcomes:
                continue
            if self._clock() - begun > self._time_limit / 2:  # the rest of the time is for telling
                outcomes[pair] = Retryable("no time was left for this rule and resource")
            else:
                outcomes[pair] = self._advance(evaluation, by_pair[pair])
                if outcomes[pair] is Result.WAITING and pair in unrelated:
                    outcomes[pair] = unrelated[pair]
        outcomes |= self._tell(
            [state for state in states.values() if state.untold], outcomes, until=begun + self._time_limit
        )
        for result, name in ((Result.FIRED, "ThreatsFound"), (Result.ADDED, "ThreatsUpdated")):
            self._count(name, list(outcomes.values()).count(result))
        return [
            outcomes.get(signal.pair, Result.IGNORED) if self._leg(signal) else Result.IGNORED for signal in signals
        ]

    def _leg(self, signal: Signal) -> Leg | None:
        rule = self._rules.get(signal.pair.rule)
        return next((leg for leg in rule.legs if leg.name == signal.observation.leg), None) if rule else None

    # ------------------------------------------------------------------------------------------- related resources

    def _pass_on(self, pair: Pair, signals: Sequence[Signal]) -> Outcome:
        """Make signals of a related resource those of the pairs that they count for, too."""
        try:
            self._store.add([signal.of(other) for other in self._store.attached(pair) for signal in signals])
        except Exception as problem:  # noqa: BLE001 - it is this pair's outcome, and touches no other
            return problem
        return Result.PASSED_ON

    def _bring_up_to_date(
        self, evaluations: "Mapping[Pair, _Evaluation]", by_pair: dict[Pair, list[Signal]]
    ) -> dict[Pair, Outcome]:
        """Read what came before the rule did, of pairs that are new or whose rule is; why it failed for some."""
        problems: dict[Pair, Outcome] = {}
        for pair, evaluation in evaluations.items():
            try:
                if evaluation.state.revision == 0:
                    by_pair[pair] = evaluation.history(by_pair[pair])
                else:
                    evaluation.bring_up_to_date()
            except Exception as problem:  # noqa: BLE001 - likewise
                problems[pair] = problem
        return problems

    def _relate(
        self, evaluations: "Mapping[Pair, _Evaluation]", by_pair: Mapping[Pair, Sequence[Signal]]
    ) -> dict[Pair, Outcome]:
        """Ask which resources are related to those for which all other legs have something; why it failed for some.

        These are evaluated nevertheless: what holds by the resource's own findings waits for nobody.
        """
        if self._relations is None:
            return {}
        asking: dict[str, list[_Evaluation]] = defaultdict(list)
        for pair, evaluation in evaluations.items():
            asked_at = evaluation.state.related_at
            is_fresh = asked_at is not None and self._clock() - asked_at <= self._relations_age
            if not is_fresh and evaluation.lacks_at_most_relations(by_pair[pair]):
                for name in sorted({leg.related for leg in evaluation.rule.legs if leg.related}):
                    if RELATIONS[name].of == pair.resource.type:
                        asking[name].append(evaluation)
        problems: dict[Pair, Outcome] = {}
        for name, asked in asking.items():
            try:
                found = self._relations.related(name, {evaluation.state.pair.resource for evaluation in asked})
            except Retryable as problem:
                problems |= {evaluation.state.pair: problem for evaluation in asked}
                continue
            except Permanent:  # an aggregator that is gone must not hold back what needs none: an alarm tells of it
                self._count("RelationsRefused", len(asked))
                continue
            for evaluation in asked:
                pair = evaluation.state.pair
                try:
                    if found[pair.resource]:  # none is known yet, or no longer: what was known before holds
                        evaluation.relate(found[pair.resource], self._clock())
                except Exception as problem:  # noqa: BLE001 - likewise
                    problems[pair] = problem
        return problems

    # -------------------------------------------------------------------------------------------------- evaluation

    def _evidence_to_come(
        self, states: Mapping[Pair, PairState], by_pair: Mapping[Pair, Sequence[Signal]]
    ) -> Iterator[FindingKey]:
        """The findings that evidence of these signals may consist of: read together, they are few calls."""
        for pair, state in states.items():
            found = [*by_pair[pair], *(signal for newest in state.newest.values() for signal in newest)]
            values = {(signal.observation.leg, signal.observation.value) for signal in found}
            legs = [leg for leg, _ in values]
            if all(legs.count(leg.name) >= leg.count for leg in self._rules[pair.rule].legs):
                yield from (signal.observation.finding for signal in found)

    def _advance(self, evaluation: "_Evaluation", signals: Sequence[Signal]) -> Outcome:
        """Take signals into a state, one after the other, and keep it."""
        state = evaluation.state
        results: set[Result] = set()
        try:
            for signal in signals:
                if not state.admits(signal):
                    continue
                held = evaluation.take(signal)
                if held is not None:
                    began = state.fire(evaluation.rule, *held, now=self._clock())
                    results |= set() if began is None else {Result.FIRED if began else Result.ADDED}
            if not self._store.save(state):
                return Retryable("another container has changed what is known of this rule and resource")
        except Exception as problem:  # noqa: BLE001 - likewise
            return problem
        try:
            self._store.set_aside(evaluation.withdrawn)
        except (Retryable, Permanent):  # they will be gone through once more
            self._count("SignalsNotSetAside", len(evaluation.withdrawn))
        return next((result for result in Result if result in results), Result.WAITING)

    # ----------------------------------------------------------------------------------------------------- telling

    def _tell(
        self, states: Sequence[PairState], outcomes: Mapping[Pair, Outcome], until: datetime
    ) -> dict[Pair, Outcome]:
        """Tell Security Hub of generations, and note that it knows; why it failed for some."""
        telling = [state for state in states if not isinstance(outcomes[state.pair], Exception)]
        findings = {
            self._key(state, generation): (state, self._finding(state, generation))
            for state in telling
            for generation in state.untold.values()
        }
        if not findings:
            return {}
        problems = self._imports.import_findings([finding for _, finding in findings.values()], until=until)
        failed: dict[Pair, Outcome] = {}
        for state in telling:
            mine = {number: self._key(state, generation) for number, generation in state.untold.items()}
            for key in mine.values() & problems.keys():
                failed[state.pair] = _outcome(problems[key])
            # What is refused for good is not offered again: its signals are dead letters, with the reason.
            told = {n for n, key in mine.items() if isinstance(problems.get(key), FindingRefused | None)}
            state.untold = {number: state.untold[number] for number in mine.keys() - told}
            try:
                if not self._store.save(state):  # whoever changed it tells again, which changes nothing
                    self._count("ThreatsToldAgain", 1)
            except (Retryable, Permanent) as problem:
                failed.setdefault(state.pair, problem)
        return failed

    def _key(self, state: PairState, generation: Generation) -> FindingKey:
        hub, pair = self._hub, state.pair
        product = default_product(hub.account, hub.region, hub.partition)
        return FindingKey(product, finding_id(pair.rule, pair.resource, generation.number))

    def _finding(self, state: PairState, generation: Generation) -> dict[str, Any]:
        rule, hub = self._rules[state.pair.rule], self._hub
        correlation = Correlation(
            rule_id=rule.id,
            title=rule.title,
            description=rule.description,
            severity=rule.severity,
            remediation_text=rule.remediation.text,
            remediation_url=rule.remediation.url,
            resource=state.pair.resource,
            mention=state.mention,
            generation=generation.number,
            contributions=tuple(_contribution(signal) for signal in generation.told),
            created_at=generation.created_at,
            updated_at=generation.updated_at,
        )
        return correlated_finding(correlation, hub_account=hub.account, hub_region=hub.region, partition=hub.partition)


class _Findings:
    """What is known of findings, each read once."""

    def __init__(self, store: PairStore) -> None:
        self._store = store
        self._known: dict[FindingKey, KnownFinding | None] = {}

    def prepare(self, keys: Iterable[FindingKey]) -> None:
        wanted = {key for key in keys if key not in self._known}
        found = self._store.findings(wanted) if wanted else {}
        self._known |= {key: found.get(key) for key in wanted}

    def until(self, signals: Collection[Signal]) -> list[datetime | None]:
        """Until when each stands. One whose finding is not known has not been superseded."""
        self.prepare(signal.observation.finding for signal in signals)
        found = [self._known[signal.observation.finding] for signal in signals]
        return [known.until(signal) if known else None for known, signal in zip(found, signals, strict=True)]


Held = tuple[Evidence, datetime]
"""Evidence on which a rule held, and the latest moment at which it did."""


class _Evaluation:
    """Takes signals into the state of one pair, and finds whether its rule holds with each."""

    def __init__(self, rule: Rule, state: PairState, store: PairStore, known: _Findings) -> None:
        self.rule = rule
        self.state = state
        self._store = store
        self._known = known
        self._is_renewed = False
        """What is summarised may hold by more than the next signal."""
        self.withdrawn: dict[Signal, None] = {}
        """To be set aside, once the state is kept that knows of it."""

    def take(self, signal: Signal) -> Held | None:
        """Take a signal. The evidence on which the rule holds, if it does and the signal is part of it."""
        state, rule = self.state, self.rule
        leg = next(leg for leg in rule.legs if leg.name == signal.observation.leg)
        state.take(leg, signal)
        moment = signal.order.moment
        while (evidence := state.evidence(rule)) is not None:
            fates = zip(evidence, self._known.until(evidence), strict=True)
            ended = {found: until for found, until in fates if until is not None}
            assert state.last_moment is not None
            overtaken = [until for until in ended.values() if until > moment]
            if overtaken or (state.set_aside_until or moment) > state.last_moment:
                return self._gone_through(signal)
            if not ended:
                is_told, self._is_renewed = self._is_renewed or _is_among(signal, evidence), False
                return (evidence, state.last_moment) if is_told else None
            for name in {found.observation.leg for found in ended}:
                self._renew(next(leg for leg in rule.legs if leg.name == name))
        return self._gone_through(signal) if self._may_hold_around(signal) else None

    def history(self, signals: Iterable[Signal]) -> list[Signal]:
        """These signals and the newest others of the pair, in the order of their moments."""
        self.state.rule_digest = self.rule.digest
        newest = (islice(self._store.newest(self.state.pair, leg.name), MOST_HISTORY) for leg in self.rule.legs)
        found = dict.fromkeys([*signals, *(signal for of_leg in newest for signal in of_leg)])
        return sorted(found, key=lambda signal: (signal.order.moment, signal.observation.time))

    def bring_up_to_date(self) -> None:
        """Read the newest signals of every leg anew, unless that was done since the rule was last changed."""
        if self.state.rule_digest != self.rule.digest:
            self.state.newest.clear()
            for leg in self.rule.legs:
                self._renew(leg)
            self._is_renewed = True
            self.state.rule_digest = self.rule.digest

    def lacks_at_most_relations(self, signals: Iterable[Signal]) -> bool:
        """Whether every leg without a relation has something, with these signals."""
        seen = {signal.observation.leg for signal in signals} | {
            leg for leg, found in self.state.newest.items() if found
        }
        return all(leg.related or leg.name in seen for leg in self.rule.legs)

    def relate(self, related: frozenset[Resource], now: datetime) -> None:
        """Take over which resources are related, and what is known of them."""
        state, legs = self.state, [leg for leg in self.rule.legs if leg.related]
        are_linked = state.related_at is not None and now - state.related_at < RETENTION / 2
        for resource in state.related - related:
            self._store.detach(Pair(self.rule.id, resource), state.pair)
        for resource in sorted(related, key=str):
            source = Pair(self.rule.id, resource)
            # First the link, then the look at what is there: what comes in between is passed on, or seen, or both.
            self._store.attach(source, state.pair)  # each time: links expire
            for leg in () if are_linked and resource in state.related else legs:
                self._store.add([signal.of(state.pair) for signal in self._store.newest(source, leg.name)])
        if related != state.related:
            state.related = related
            for leg in legs:
                self._renew(leg)
            self._is_renewed = True
        state.related_at = now

    def _renew(self, leg: Leg) -> None:
        """Read the newest signals of a leg that stand, and set aside those before them that do not."""
        found: list[Signal] = []
        for portion in _portions(self._store.newest(self.state.pair, leg.name), leg.count):
            for signal, until in zip(portion, self._known.until(portion), strict=True):
                if until is not None:
                    self.withdrawn[signal] = None
                    self.state.set_aside(until)
                elif self.state.admits(signal):
                    found.append(signal)
                    self.state.note_moment(signal)
            # One portion more than needed, if the last was all of one time: of equally new ones, values decide.
            newest = newest_of(leg, tuple(found))
            if len(newest) == leg.count and portion[-1].observation.time < newest[-1].observation.time:
                break
        self.state.newest[leg.name] = newest_of(leg, tuple(found))

    def _may_hold_around(self, signal: Signal) -> bool:
        """Whether a window that is not the latest may hold, with this signal in it."""
        state, time = self.state, signal.observation.time
        if (state.set_aside_until or signal.order.moment) > signal.order.moment:
            return True
        newest = [state.newest.get(leg.name, ()) for leg in self.rule.legs]
        if not all(len(found) == leg.count for found, leg in zip(newest, self.rule.legs, strict=True)):
            return False
        if max(found[0].observation.time for found in newest) <= time:
            return False
        return all(found[-1].observation.time >= time - self.rule.window for found in newest)

    def _gone_through(self, signal: Signal) -> Held | None:
        """By the definition, over all signals within a window of this one: the latest moment since it at which the rule
        held while it stood.
        """
        window, time = self.rule.window, signal.observation.time
        signals = [
            found
            for leg in self.rule.legs
            for found in self._store.between(self.state.pair, leg.name, time - window, time + window)
            if self.state.admits(found)
        ]
        if signal not in signals:
            signals.append(signal)
        ends = dict(zip(signals, self._known.until(signals), strict=True))
        begin, end = signal.order.moment, ends[signal]
        beside = [
            found for found in signals if (end is None or found.order.moment < end) and _stands(ends[found], begin)
        ]
        if satisfying(self.rule, (found.observation for found in beside)) is None:
            return None  # as most times, not even all of them together
        endings = sorted(until for found in beside if (until := ends[found]) is not None)
        moments = sorted({begin, *(m for found in beside if (m := found.order.moment) > begin)}, reverse=True)
        later = None
        for moment in moments:
            if later is not None and bisect_right(endings, moment) == bisect_right(endings, later):
                continue  # signals were only added between the two: what did not hold later held at neither
            later = moment
            held = [found for found in beside if found.order.moment <= moment and _stands(ends[found], moment)]
            evidence = satisfying(self.rule, (found.observation for found in held))
            if evidence is not None and signal.observation in evidence:
                return _as_signals(evidence, held), moment
        return None


def _stands(until: datetime | None, moment: datetime) -> bool:
    return until is None or until > moment


def _is_among(signal: Signal, evidence: Evidence) -> bool:
    return signal.observation in (found.observation for found in evidence)


def _as_signals(evidence: Iterable[Observation], signals: Iterable[Signal]) -> Evidence:
    by_observation = {signal.observation: signal for signal in sorted(signals, key=lambda signal: signal.order)}
    return tuple(by_observation[observation] for observation in evidence)


def _portions(signals: Iterator[Signal], size: int) -> Iterator[list[Signal]]:
    """Ever larger ones: few signals are needed, unless many have been withdrawn."""
    portion: list[Signal] = []
    for signal in signals:
        portion.append(signal)
        if len(portion) >= size:
            yield portion
            portion, size = [], min(2 * size, 100)
    if portion:
        yield portion


def _contribution(signal: Signal) -> Contribution:
    seen = signal.observation
    return Contribution(seen.finding, seen.leg, signal.title, seen.time, seen.resource)


def _outcome(problem: Exception) -> Exception:
    return Rejected("", str(problem)) if isinstance(problem, FindingRefused) else problem

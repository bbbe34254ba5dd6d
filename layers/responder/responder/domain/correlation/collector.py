"""Collects what findings say to the rules: one row for each observation, one for the versions of each finding.

Guarantees
----------
1. Whatever the order in which the versions of a finding come, and how often, the same is known of it in the end.
2. A version's signals are kept before it counts as known: what is cut short is made up for by the next delivery.
3. A finding that no rule can concern costs no call; any other one read and one write besides its signals, however much
   is known.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from responder.domain.correlation.observation import Observation, observe
from responder.domain.correlation.ports import SignalStore
from responder.domain.correlation.rule import RETENTION, Rule
from responder.domain.correlation.signal import KnownFinding, Pair, Signal, mark
from responder.domain.correlation.versions import Version, order_of
from responder.domain.event import Event
from responder.domain.faults import Permanent, Retryable
from responder.domain.finding_outcomes import findings_in, of_event
from responder.domain.ports import Count
from responder.domain.resource.relations import RELATIONS
from responder.domain.security_hub import Finding, FindingKey

PORTION = 25
"""Findings whose signals and versions are kept together. The fewer, the sooner it is known what withdraws a signal; the
more, the fewer calls."""

ROUNDS = 5
"""Tries to keep what is known of a finding, while others write of it in the same moment."""


class Result(StrEnum):
    """What became of a finding."""

    COLLECTED = "collected"
    """A version that was not known says something to a rule, or a replay tells of one again."""
    NOTED = "noted"
    """A version that was not known says nothing, and may withdraw something."""
    KNOWN = "known"
    """This version was known."""
    IRRELEVANT = "irrelevant"
    """It can concern no rule."""


Outcome = Result | Exception


class _Sighting(NamedTuple):
    finding: Finding
    replay: str
    """The name of the replay that brought it; empty if none did."""


class Collector:
    """Collects the signals in findings.

    Parameters
    ----------
    hub
        The account of the application's own findings, which are no evidence of anything.
    count
        Counts what the operators want to know, by metric name.
    """

    def __init__(
        self, *, rules: Sequence[Rule], store: SignalStore, hub: str, clock: Callable[[], datetime], count: Count
    ) -> None:
        self._rules = rules
        self._store = store
        self._hub = hub
        self._clock = clock
        self._count = count

    def collect(self, events: Sequence[Event]) -> list[Mapping[FindingKey, Result] | Exception]:
        """Collect the signals in the findings of a batch.

        Returns
        -------
        For each event, what became of its findings, or why it must be delivered again (Retryable) or cannot be handled
        (Rejected, Permanent); the other findings of such an event are done nevertheless.
        """
        read = [findings_in(event, self._hub) for event in events]
        outcomes: dict[FindingKey, Outcome] = {}
        sightings: dict[FindingKey, list[_Sighting]] = defaultdict(list)
        for event, findings in zip(events, read, strict=True):
            replay = str(event.document.get("replay-name") or "")
            for finding in findings:
                if not isinstance(finding, Finding):
                    continue
                if any(rule.may_concern(finding.document) for rule in self._rules):
                    sightings[finding.key].append(_Sighting(finding, replay))
                else:
                    outcomes.setdefault(finding.key, Result.IRRELEVANT)
        outcomes |= self._collect(sightings)
        for result in Result:
            self._count(f"Findings{result.title()}", list(outcomes.values()).count(result))
        return [of_event(findings, outcomes) for findings in read]

    def _collect(self, sightings: Mapping[FindingKey, Sequence[_Sighting]]) -> dict[FindingKey, Outcome]:
        outcomes: dict[FindingKey, Outcome] = {}
        keys = sorted(sightings)
        for start in range(0, len(keys), PORTION):
            portion = {key: sightings[key] for key in keys[start : start + PORTION]}
            outcomes |= self._collect_portion(portion)
        return outcomes

    def _collect_portion(self, sightings: Mapping[FindingKey, Sequence[_Sighting]]) -> dict[FindingKey, Outcome]:
        outcomes: dict[FindingKey, Outcome] = {}
        pending = set(sightings)
        for _ in range(ROUNDS):
            try:
                known = self._store.findings(pending)
                told = {key: _Told(known.get(key) or KnownFinding(key)) for key in sorted(pending)}
                for key, tale in told.items():
                    for sighting in sightings[key]:
                        tale.hear(sighting, self._rules, oldest=self._clock() - RETENTION)
                signals = [signal for tale in told.values() for signal in tale.signals]
                self._store.add(signals)
                self._count("SignalsCollected", len(signals))
            except (Retryable, Permanent) as problem:
                return outcomes | dict.fromkeys(pending, problem)
            for key, tale in told.items():
                try:
                    if tale.is_new and not self._store.remember(tale.known):
                        continue
                    outcomes[key] = tale.result
                except (Retryable, Permanent) as problem:
                    outcomes[key] = problem
                pending.discard(key)
            if not pending:
                return outcomes
        return outcomes | dict.fromkeys(pending, Retryable("others keep writing of this finding"))


class _Told:
    """What sightings of one finding add to what is known of it."""

    def __init__(self, known: KnownFinding) -> None:
        self.known = known
        self.signals: list[Signal] = []
        self.is_new = False
        """Something was not known."""

    @property
    def result(self) -> Result:
        if self.signals:
            return Result.COLLECTED
        return Result.NOTED if self.is_new else Result.KNOWN

    def hear(self, sighting: _Sighting, rules: Sequence[Rule], oldest: datetime) -> None:
        """Add a version. What was observed before ``oldest`` is no signal any more."""
        finding, replay = sighting
        order = order_of(finding)
        if self.known.versions.has(order) and not replay:
            return
        said = {
            mark(rule.id, seen): (rule, seen)
            for rule in rules
            for seen in observe(rule, finding)
            if _has_place(rule, seen)
        }
        for rule, seen in said.values():
            if seen.time > oldest:
                title, mention = str(finding.document.get("Title") or ""), finding.mention_of(seen.resource)
                self.signals.append(Signal(Pair(rule.id, seen.resource), seen, order, title, mention, replay))
        self.known.versions.add(Version(order, frozenset(said), next((seen.time for _, seen in said.values()), None)))
        self.is_new = True


def _has_place(rule: Rule, observation: Observation) -> bool:
    """Whether an observation can count for any resource that the rule fires for."""
    kind = observation.resource.type
    if rule.groups(kind):
        return True
    leg = next(leg for leg in rule.legs if leg.name == observation.leg)
    return leg.related is not None and RELATIONS[leg.related].to == kind

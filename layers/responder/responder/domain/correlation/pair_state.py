"""What is known of a pair, and what it has fired: the summary that makes one read of a whole history."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from responder.domain.correlation.evaluation import newest_first
from responder.domain.correlation.observation import Observation
from responder.domain.correlation.rule import Leg, Rule
from responder.domain.correlation.signal import Pair, Signal
from responder.domain.resource import Resource

Evidence = tuple[Signal, ...]
"""In the order of the rule's legs, of each the newest first."""

NEWS_AFTER = timedelta(hours=1)
"""By which a piece of evidence must have been observed later than it was told, to be told again."""

_NO_TIME = datetime.min.replace(tzinfo=UTC)

A_MOMENT = timedelta(milliseconds=1)
"""By which a version is later than the one before, at least."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A threat: a rule that fired for a resource."""

    number: int
    """From 1."""
    created_at: datetime
    """The moment since which its first evidence was known."""
    as_of: datetime
    """The moment for which the evidence was established."""
    newest: datetime
    """The newest event time in its evidence."""
    evidence: Evidence
    told: Evidence
    """The evidence in its finding's latest version: the same, but for times that hardly differ."""
    updated_at: datetime
    """Of that version."""


@dataclass(slots=True)
class PairState:
    """What is kept of a pair."""

    pair: Pair
    newest: dict[str, Evidence] = field(default_factory=dict)
    """By leg the newest observations, one for each value, as many as the leg counts. Some that no longer stand may be
    among them."""
    last_moment: datetime | None = None
    """The latest moment of any signal."""
    set_aside_until: datetime | None = None
    """Of the signals that were set aside the latest moment until which one stood."""
    related: frozenset[Resource] = frozenset()
    """Whose observations count for the legs with a relation, besides the resource's own."""
    related_at: datetime | None = None
    """When that was asked."""
    mention: Mapping[str, Any] = field(default_factory=dict)
    """The resource as the newest of its findings names it."""
    mentioned_at: datetime | None = None
    generation: Generation | None = None
    """The latest."""
    untold: dict[int, Generation] = field(default_factory=dict)
    """Generations, by number, whose last version Security Hub has not got yet."""
    rule_digest: str = ""
    """Of the rule that it was last brought up to date with."""
    revision: int = 0
    """Of its row: how often it was written."""

    def admits(self, signal: Signal) -> bool:
        """Whether the signal counts for the pair: related resources may have ceased to be related."""
        return signal.observation.resource in (self.pair.resource, *self.related)

    def take(self, leg: Leg, signal: Signal) -> None:
        """Note a signal of this leg."""
        self.newest[leg.name] = newest_of(leg, (*self.newest.get(leg.name, ()), signal))
        self.note_moment(signal)
        time = signal.observation.time
        is_own = signal.observation.resource == self.pair.resource
        if is_own and signal.mention and (self.mentioned_at is None or time >= self.mentioned_at):
            self.mention, self.mentioned_at = signal.mention, time

    def note_moment(self, signal: Signal) -> None:
        """Note that the moment of a signal is past."""
        moment = signal.order.moment
        self.last_moment = max(self.last_moment or moment, moment)

    def set_aside(self, until: datetime) -> None:
        """Note that a signal was set aside that stood until then."""
        self.set_aside_until = max(self.set_aside_until or until, until)

    def evidence(self, rule: Rule) -> Evidence | None:
        """The evidence of the latest window there is, if all legs hold in it."""
        if not all(len(self.newest.get(leg.name, ())) >= leg.count for leg in rule.legs):
            return None
        found = tuple(signal for leg in rule.legs for signal in self.newest[leg.name])
        times = [signal.observation.time for signal in found]
        return found if max(times) - min(times) <= rule.window else None

    def fire(self, rule: Rule, evidence: Evidence, as_of: datetime, now: datetime) -> bool | None:
        """Note that the rule held on this evidence at that moment.

        Returns
        -------
        True if a generation begins with it, False if there is news of the latest one, None if there is nothing to tell.
        """
        newest = max(signal.observation.time for signal in evidence)
        last = self.generation
        if last is None or newest - last.newest > rule.window:
            created_at = max(signal.order.moment for signal in evidence)
            number = last.number + 1 if last else 1
            begun = Generation(number, created_at, as_of, newest, evidence, evidence, max(now, created_at))
            self.generation = self.untold[number] = begun
            return True
        if newest < last.newest or as_of < last.as_of:
            return None
        self.generation = changed = replace(last, as_of=as_of, newest=newest, evidence=evidence)
        if is_news := _is_news(evidence, last.told):
            updated_at = max(now, last.updated_at + A_MOMENT)
            self.generation = changed = replace(changed, told=evidence, updated_at=updated_at)
        if is_news or last.number in self.untold:
            self.untold[last.number] = changed
        return False if is_news else None


def newest_of(leg: Leg, signals: tuple[Signal, ...]) -> Evidence:
    """Of a leg's signals the newest, one for each value, as many as the leg counts.

    Of two that differ in their version only, the later one's: what closes the earlier may leave it standing.
    """
    latest: dict[Observation, Signal] = {}
    for signal in sorted(signals, key=lambda signal: signal.order):
        latest[signal.observation] = signal
    chosen: dict[str, Signal] = {}
    for observation in newest_first(latest):
        chosen.setdefault(observation.value, latest[observation])
    return tuple(chosen.values())[: leg.count]


def _is_news(evidence: Evidence, told: Evidence) -> bool:
    times = {replace(seen, time=_NO_TIME): seen.time for seen in observations(told)}
    return {replace(seen, time=_NO_TIME) for seen in observations(evidence)} != set(times) or any(
        seen.time - times[replace(seen, time=_NO_TIME)] >= NEWS_AFTER for seen in observations(evidence)
    )


def observations(evidence: Evidence) -> tuple[Observation, ...]:
    """What evidence says."""
    return tuple(signal.observation for signal in evidence)

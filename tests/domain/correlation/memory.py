"""Correlation in memory: what the table and Security Hub do for it, with the reads counted."""

import copy
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from responder.domain.correlation import Rule
from responder.domain.correlation.collector import Collector
from responder.domain.correlation.correlator import Correlator, Hub, Outcome
from responder.domain.correlation.pair_state import PairState
from responder.domain.correlation.ports import RelatedResources
from responder.domain.correlation.signal import KnownFinding, Pair, Signal
from responder.domain.event import Event, read_event
from responder.domain.resource import Resource
from responder.domain.security_hub import Finding, FindingKey
from responder.domain.times import parse_time

HUB = "111122223333"


class MemoryStore:
    """The table. Its stream is ``stream``: signals in the order in which they were added, each once."""

    def __init__(self) -> None:
        self.known: dict[FindingKey, KnownFinding] = {}
        self.signals: defaultdict[Pair, dict[Signal, str]] = defaultdict(dict)
        self.kept: dict[Pair, PairState] = {}
        self.links: defaultdict[Pair, dict[Pair, None]] = defaultdict(dict)
        self.stream: list[Signal] = []
        self.calls: Counter[str] = Counter()

    def findings(self, keys: Collection[FindingKey]) -> Mapping[FindingKey, KnownFinding]:
        self.calls["read findings"] += 1
        return {key: copy.deepcopy(self.known[key]) for key in keys if key in self.known}

    def remember(self, known: KnownFinding) -> bool:
        self.calls["write finding"] += 1
        before = self.known.get(known.key)
        if (before.revision if before else 0) != known.revision:
            return False
        known.revision += 1
        self.known[known.key] = copy.deepcopy(known)
        return True

    def add(self, signals: Collection[Signal]) -> None:
        self.calls["write signals"] += bool(signals)
        for signal in signals:
            rows = self.signals[signal.pair]
            if signal not in rows or signal.replay:
                rows[signal] = "o"
                self.stream.append(signal)

    def states(self, pairs: Collection[Pair]) -> Mapping[Pair, PairState]:
        self.calls["read states"] += bool(pairs)
        return {pair: copy.deepcopy(self.kept.get(pair)) or PairState(pair) for pair in pairs}

    def save(self, state: PairState) -> bool:
        self.calls["write state"] += 1
        before = self.kept.get(state.pair)
        if (before.revision if before else 0) != state.revision:
            return False
        state.revision += 1
        self.kept[state.pair] = copy.deepcopy(state)
        return True

    def newest(self, pair: Pair, leg: str) -> Iterator[Signal]:
        self.calls["read newest"] += 1
        found = [s for s, kind in self.signals[pair].items() if kind == "o" and s.observation.leg == leg]
        for signal in sorted(found, key=lambda signal: signal.observation.time, reverse=True):
            self.calls["signals read"] += 1
            yield signal

    def between(self, pair: Pair, leg: str, start: datetime, end: datetime) -> Iterator[Signal]:
        self.calls["read between"] += 1
        for signal in list(self.signals[pair]):
            if signal.observation.leg == leg and start <= signal.observation.time <= end:
                self.calls["signals read"] += 1
                yield signal

    def set_aside(self, signals: Collection[Signal]) -> None:
        self.calls["set aside"] += bool(signals)
        for signal in signals:
            self.signals[signal.pair][signal] = "d"

    def attach(self, related: Pair, pair: Pair) -> None:
        self.links[related][pair] = None

    def detach(self, related: Pair, pair: Pair) -> None:
        self.links[related].pop(pair, None)

    def attached(self, related: Pair) -> Collection[Pair]:
        return tuple(self.links[related])


class Imported:
    """Security Hub: the latest version of each finding, and how many there were."""

    def __init__(self) -> None:
        self.findings: dict[str, dict[str, Any]] = {}
        self.versions: Counter[str] = Counter()
        self.failing: list[Exception] = []

    def import_findings(
        self, findings: Sequence[Mapping[str, Any]], *, until: datetime
    ) -> Mapping[FindingKey, Exception]:
        if self.failing:
            problem = self.failing.pop()
            return {FindingKey(finding["ProductArn"], finding["Id"]): problem for finding in findings}
        for finding in findings:
            before = self.findings.get(finding["Id"])
            if before is None or before["UpdatedAt"] < finding["UpdatedAt"]:
                self.findings[finding["Id"]] = dict(finding)
                self.versions[finding["Id"]] += 1
        return {}


class KnownRelated:
    """An aggregator that knows what it is given, whatever the relation."""

    def __init__(self, given: Mapping[Resource, Collection[Resource]]) -> None:
        self.given = given
        self.asked = 0

    def related(self, relation: str, resources: Collection[Resource]) -> Mapping[Resource, frozenset[Resource]]:
        self.asked += 1
        return {resource: frozenset(self.given.get(resource, ())) for resource in resources}


class Correlating:
    """Collector and correlator of some rules, on one store."""

    def __init__(
        self,
        *rules: Rule,
        relations: RelatedResources | None = None,
        store: Any = None,
        now: str = "2026-03-20T00:00:00Z",
    ) -> None:
        self.now = parse_time(now, "")
        self.store = store or MemoryStore()
        self.imported = Imported()
        self.counts: Counter[str] = Counter()
        self._delivered = 0
        self.collector = Collector(rules=rules, store=self.store, hub=HUB, clock=lambda: self.now, count=self._count)
        self.correlator = Correlator(
            rules=rules,
            store=self.store,
            hub=Hub(HUB, "eu-west-1", "aws"),
            imports=self.imported,
            relations=relations,
            relations_age=timedelta(hours=1),
            clock=lambda: self.now,
            count=self._count,
            time_limit=timedelta(seconds=60),
        )

    def _count(self, name: str, number: int) -> None:
        self.counts[name] += number

    def collect(self, *findings: Finding, replay: str = "") -> list[Any]:
        """Take findings in, as one batch of events."""
        return self.collector.collect([event_of(finding, replay) for finding in findings])

    def correlate(self, most: int = 1000) -> list[Outcome]:
        """Take in what waits in the stream, in batches of so many, until nothing does."""
        outcomes: list[Outcome] = []
        while batch := self.store.stream[self._delivered : self._delivered + most]:
            self._delivered += len(batch)
            outcomes += self.correlator.correlate(batch)
        return outcomes

    def see(self, *findings: Finding) -> None:
        """Take in findings one by one, each to its end."""
        for finding in findings:
            self.collect(finding)
            self.correlate()


def event_of(finding: Finding, replay: str = "") -> Event:
    """The event that tells of this version."""
    extra = {"replay-name": replay} if replay else {}
    return read_event(
        {
            "version": "0",
            "id": f"{finding.key.id}-{finding.seen_at.isoformat()}",
            "detail-type": "Security Hub Findings - Imported",
            "source": "aws.securityhub",
            "account": HUB,
            "time": finding.seen_at.isoformat(),
            "region": "eu-west-1",
            "resources": [],
            "detail": {"findings": [dict(finding.document)]},
            **extra,
        }
    )

"""What correlating needs of the world."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from responder.domain.correlation.pair_state import PairState
from responder.domain.correlation.signal import KnownFinding, Pair, Signal
from responder.domain.resource import Resource
from responder.domain.security_hub import FindingKey


class RelatedResources(Protocol):
    """An aggregator of AWS Config, asked for relations."""

    def related(self, relation: str, resources: Collection[Resource]) -> Mapping[Resource, frozenset[Resource]]:
        """What a relation leads to from each of these resources, all of the type that it is ``of``.

        An empty set for one that is not known, or not yet. Raises Retryable when it cannot be told now, Permanent when
        it may not be asked.
        """


class Imports(Protocol):
    """Security Hub, told of findings of ours."""

    def import_findings(
        self, findings: Sequence[Mapping[str, Any]], *, until: datetime
    ) -> Mapping[FindingKey, Exception]:
        """Import findings; why it failed for those for which it did, or for which no time was left.

        Retryable, FindingRefused, or another Permanent.
        """


class KnownFindings(Protocol):
    """The versions of findings that are known. Each method raises Retryable or Permanent."""

    def findings(self, keys: Collection[FindingKey]) -> Mapping[FindingKey, KnownFinding]:
        """What is known of these findings; those of which nothing is are missing."""


class SignalStore(KnownFindings, Protocol):
    """What the collector writes."""

    def remember(self, known: KnownFinding) -> bool:
        """Keep what is known of a finding; False, and nothing is kept, if somebody else wrote since it was read."""

    def add(self, signals: Collection[Signal]) -> None:
        """Keep signals, so that the correlator is told of each. Of one that is kept it is told again by a replay."""


class PairStore(KnownFindings, Protocol):
    """What the correlator reads and writes. Its signals are those of a pair's leg."""

    def states(self, pairs: Collection[Pair]) -> Mapping[Pair, PairState]:
        """What is known of these pairs; a new state for one that is not."""

    def save(self, state: PairState) -> bool:
        """Keep what is known of a pair; False, and nothing is kept, if somebody else wrote since it was read."""

    def newest(self, pair: Pair, leg: str) -> Iterator[Signal]:
        """The signals that are not set aside, the newest first, read as far as they are taken."""

    def between(self, pair: Pair, leg: str, start: datetime, end: datetime) -> Iterator[Signal]:
        """The signals with event times from start to end, those too that are set aside."""

    def set_aside(self, signals: Collection[Signal]) -> None:
        """Keep signals apart, so that ``newest`` no longer goes through them."""

    def attach(self, related: Pair, pair: Pair) -> None:
        """For 90 days, ``attached`` knows that the one's signals count for the other, too."""

    def detach(self, related: Pair, pair: Pair) -> None:
        """Undo ``attach``."""

    def attached(self, related: Pair) -> Collection[Pair]:
        """The pairs for which the signals of this one count."""

    def add(self, signals: Collection[Signal]) -> None:
        """As SignalStore's."""

"""The versions of one finding: their order, and how long what one of them says is so."""

import hashlib
import json
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from responder.domain.correlation.observation import plausible, why_not_counted
from responder.domain.security_hub import Finding

MOST_VERSIONS = 100
"""Of a finding, that are told apart. Of more, those in the midst of versions that say the same are forgotten first."""


MOST_SAID = 15_000
"""Subjects in all of them, equal sets counted once: they are one row, of at most 400 KB."""


@dataclass(frozen=True, slots=True, order=True)
class Order:
    """A version's place among the versions of its finding."""

    updated_at: datetime
    seen_at: datetime
    """The time of the event that told of it."""
    is_closed: bool
    """It no longer counts."""
    digest: str
    """Of its text, so that the order is one, whatever comes."""

    @property
    def moment(self) -> datetime:
        """When it could be known."""
        return max(self.updated_at, self.seen_at)


def order_of(finding: Finding) -> Order:
    """The place of this version. ``UpdatedAt`` is that of its event where it cannot be read, or is no time to come."""
    updated_at = plausible(finding.updated_at, finding) if finding.updated_at else finding.seen_at
    text = json.dumps(finding.document, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Order(updated_at, finding.seen_at, why_not_counted(finding) is not None, digest)


@dataclass(frozen=True, slots=True)
class Version:
    """A version, and what it says: marks of subjects (rule, leg, resource and value), at one event time."""

    order: Order
    said: frozenset[str]
    time: datetime | None
    """None where it says nothing."""


@dataclass(slots=True)
class Versions:
    """The versions of a finding that are known, in their order."""

    known: list[Version] = field(default_factory=list)

    def has(self, order: Order) -> bool:
        """Whether this version is known."""
        place = bisect_left(self.known, order, key=lambda version: version.order)
        return place < len(self.known) and self.known[place].order == order

    def add(self, version: Version) -> None:
        """Know another version too, or what one says to the rules that there are now."""
        self.known = [known for known in self.known if known.order != version.order]
        insort(self.known, version, key=lambda known: known.order)
        while len(self.known) > MOST_VERSIONS or (len(self.known) > 1 and self._said() > MOST_SAID):
            del self.known[self._least_missed()]

    def until(self, order: Order, subject: str) -> datetime | None:
        """Until when stands what the version of this order says of a subject: until the moment of the first later one
        that does not say it. None while none is known.
        """
        return min((v.order.moment for v in self._later(order) if subject not in v.said), default=None)

    def _later(self, order: Order) -> Iterable[Version]:
        return (version for version in self.known if version.order > order)

    def _said(self) -> int:
        return sum(map(len, {version.said for version in self.known}))

    def _least_missed(self) -> int:
        """One between two that say the same as it closes nothing that they do not; the oldest, if there is none."""
        for place in range(1, len(self.known) - 1):
            before, version, after = self.known[place - 1 : place + 2]
            if before.said == version.said == after.said:
                return place
        return 0

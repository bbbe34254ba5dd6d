"""What more than one capability needs of the world."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from responder.domain.security_hub import Finding, FindingKey, FindingUpdate

Count = Callable[[str, int], None]
"""Counts something, by the metric's name."""


class Findings(Protocol):
    """Security Hub."""

    def get(self, findings: Collection[Finding], *, until: datetime) -> Mapping[FindingKey, Finding | Exception]:
        """The findings as they are now, without those gone; or why one could not be read in time (Retryable or
        Permanent).
        """

    def update(self, updates: Mapping[FindingKey, FindingUpdate], *, until: datetime) -> Mapping[FindingKey, Exception]:
        """Change findings; why it failed for those for which it did, or for which no time was left.

        Retryable, Permanent, FindingGone or FindingRefused.
        """


@dataclass(frozen=True, slots=True)
class RecentUpdate:
    """An update of ours that may not be visible yet: its author, and what it brought."""

    author: str
    mark: str


class RecentUpdates(Protocol):
    """What this application wrote into findings in the last minutes."""

    def of(self, keys: Collection[FindingKey], now: datetime) -> Mapping[FindingKey, RecentUpdate]:
        """Of these findings the last update, the resolver's before the enricher's.

        Raises Retryable when it cannot be told, Permanent when it may not be asked.
        """

    def remember(self, updates: Mapping[FindingKey, RecentUpdate], now: datetime) -> None:
        """Remember these updates for some minutes. Raises as ``of`` does."""

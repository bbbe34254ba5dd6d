"""What enrichment needs of the world."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from responder.domain.enrichment.context import AccountContext, Known
from responder.domain.security_hub import Finding, FindingKey, FindingUpdate

Count = Callable[[str, int], None]
"""Counts something, by the metric's name."""


class Organization(Protocol):
    """Where contexts come from."""

    def read(self, account: str, ou_name: Callable[[str], str]) -> AccountContext:
        """An account's context; ``ou_name`` gives the name of an OU by its id.

        What cannot be known of the account is missing in it, and counted. Raises Retryable when the organization does
        not answer, Permanent when it may not be asked at all.
        """

    def ou_name(self, ou: str) -> str:
        """An OU's name by its id. Raises as ``read`` does."""


class ContextStore(Protocol):
    """Contexts and OU names that all containers share. Every method raises Retryable when it cannot be reached."""

    def contexts(self, accounts: Collection[str]) -> Mapping[str, Known]:
        """What is stored of these accounts, however old."""

    def claim(self, account: str, *, fetched_at: datetime | None, now: datetime, until: datetime) -> bool:
        """Whether the account is ours to fetch until then: nobody else holds it, and it still is as it was read."""

    def keep(self, known: Known) -> None:
        """Store a context, and give the claim up."""

    def ou_name(self, ou: str) -> tuple[str, datetime] | None:
        """An OU's name and when it was stored, however long ago."""

    def keep_ou_name(self, ou: str, name: str, now: datetime) -> None:
        """Store an OU's name."""


class Findings(Protocol):
    """Security Hub."""

    def get(self, keys: Collection[FindingKey], *, until: datetime) -> Mapping[FindingKey, Finding | Exception]:
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
        """The latest update of these findings. Raises Retryable when it cannot be told."""

    def remember(self, updates: Mapping[FindingKey, RecentUpdate], now: datetime) -> None:
        """Remember these updates for some minutes. Raises Retryable."""

"""What resolving the findings of deleted resources needs of the world."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from responder.domain.deletion.deleted import Deletion
from responder.domain.deletion.recorded import Names, RecordedItem
from responder.domain.faults import Permanent
from responder.domain.resource import Resource
from responder.domain.security_hub import Finding


class FindingSearch(Protocol):
    """Security Hub, asked by resource."""

    def naming(
        self, exact: Sequence[str], prefixes: Sequence[str], *, accounts: Collection[str], until: datetime
    ) -> Sequence[Finding]:
        """The open findings of these accounts that name a resource by one of these ids, or by one that begins so.

        At most 20 ids in all and 20 accounts. Raises Retryable or Permanent.
        """


class DeletedResources(Protocol):
    """What is known to be deleted, of the last months. Every method raises Retryable when it cannot be told."""

    def remember(self, deletions: Mapping[Resource, Deletion], now: datetime) -> None:
        """Remember how each of these resources was deleted, instead of what was known of it."""

    def of(self, resources: Collection[Resource], now: datetime) -> Mapping[Resource, Deletion]:
        """The deletions of those of these resources that are known to be deleted."""


class PageLost(Permanent):
    """A token is no longer good for a page of findings."""


class OpenFindings(Protocol):
    """Security Hub, page by page."""

    def open_findings(
        self, resource_types: Sequence[str], *, token: str | None, until: datetime
    ) -> tuple[Sequence[Finding], str | None]:
        """A page of open findings about resources of these types, at most 20 names of ASFF's, and the next one's token.

        Raises PageLost, Retryable or Permanent.
        """


class Inventory(Protocol):
    """An aggregator of AWS Config. Every method answers in full or raises: Retryable or Permanent."""

    @property
    def name(self) -> str:
        """What it is called."""

    def bearing(self, names: Collection[Names], *, until: datetime) -> Sequence[RecordedItem]:
        """Everything that it knows under any of these names; of names with an account, that account's."""

    def latest(self, kind: str, *, account: str, region: str | None, until: datetime) -> Sequence[RecordedItem]:
        """The resources of a type in an account and Region, or any Region, that were recorded last: a hundred or so."""

    def earliest(self, kind: str, *, account: str, region: str | None, until: datetime) -> Sequence[RecordedItem]:
        """The same, those whose last record is the oldest."""


class Later(Protocol):
    """Where the function's own events go that it takes in later."""

    def send(self, event: Mapping[str, Any], *, delay: timedelta) -> None:
        """Let the event come after so long. Raises Retryable or Permanent."""

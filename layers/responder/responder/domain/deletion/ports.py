"""What resolving the findings of deleted resources needs of the world."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from responder.domain.deletion.deleted import Deletion
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

    def remember(self, deletions: Collection[Deletion], now: datetime) -> None:
        """Remember these deletions. A later one of the same resource replaces the earlier."""

    def of(self, resources: Collection[Resource], now: datetime) -> Mapping[Resource, Deletion]:
        """The deletions of those of these resources that are known to be deleted."""

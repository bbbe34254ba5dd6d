"""What enrichment needs of the world."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from responder.domain.enrichment.context import AccountContext, Known


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
    """Contexts and OU names that all containers share.

    Every method raises Retryable when the store cannot be reached, Permanent when it may not be used.
    """

    def contexts(self, accounts: Collection[str]) -> Mapping[str, Known]:
        """What is stored of these accounts, however old."""

    def claim(self, account: str, *, fetched_at: datetime | None, now: datetime, until: datetime) -> bool:
        """Whether the account is ours to fetch until then: nobody else holds it, and it still is as it was read."""

    def keep(self, known: Known) -> None:
        """Store a context, and give the claim up."""

    def release(self, account: str) -> None:
        """Give a claim up without a context."""

    def ou_name(self, ou: str) -> tuple[str, datetime] | None:
        """An OU's name and when it was stored, however long ago."""

    def keep_ou_name(self, ou: str, name: str, now: datetime) -> None:
        """Store an OU's name."""

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

    def claim(self, accounts: Mapping[str, datetime | None], *, now: datetime, until: datetime) -> Collection[str]:
        """Those of the accounts that are ours to fetch until then: nobody else holds them, and they still are as read.

        ``accounts`` says of each when the context was fetched that was read, None when there was none.
        """

    def settle(self, fetched: Collection[Known], given_up: Collection[str]) -> None:
        """Give claims up: store the contexts, and leave the other accounts as they are."""

    def ou_name(self, ou: str) -> tuple[str, datetime] | None:
        """An OU's name and when it was stored, however long ago."""

    def keep_ou_name(self, ou: str, name: str, now: datetime) -> None:
        """Store an OU's name."""

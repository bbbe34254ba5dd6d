"""What watching heartbeats needs of the world."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from responder.domain.heartbeat.members import Sender
from responder.domain.heartbeat.silence import Memory

Accounts = Callable[[], Mapping[str, str]]
"""The accounts that are expected, with their names as far as they are known. Raises Retryable or Permanent."""

Gauge = Callable[[str, int], None]
"""Says how much of something there is, by the metric's name. Nothing of it is said too."""


class Heartbeats(Protocol):
    """When senders were last heard, and what the last check knew. Methods raise Retryable or Permanent."""

    def heard(self, heartbeats: Mapping[Sender, datetime], now: datetime) -> None:
        """Remember heartbeats. One that is older than the last known changes nothing."""

    def last_heard(self) -> Mapping[Sender, datetime]:
        """When each sender was last heard."""

    def memory(self) -> Memory:
        """What the last check kept."""

    def keep(self, memory: Memory) -> None:
        """Keep it for the next check."""


class Teller(Protocol):
    """Tells people."""

    def tell(self, subject: str, text: str) -> None:
        """Raises Retryable or Permanent."""

"""What the incident desk needs of the world, and the state that it keeps there."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from responder.domain.faults import Retryable
from responder.domain.incident.occurrence import Headline, IncidentRequest, Occurrence, RelatedItem


class Stage(StrEnum):
    """How far the incident of a key's newest generation has come."""

    CLAIMED = "CLAIMED"
    """Somebody is starting it, or died while doing so."""
    OPEN = "OPEN"
    """It was started and recorded. Whether a person has resolved it since, only the backend knows."""
    NOTIFIED = "NOTIFIED"
    """The backend refused it for good; people were told on the topic instead."""


@dataclass(frozen=True, slots=True)
class Coalesced:
    """The one timeline entry that stands for all events after the 200th."""

    entry_id: str
    count: int
    first_at: str
    last_at: str
    last_title: str


@dataclass(frozen=True, slots=True)
class IncidentState:
    """The ledger's row of a key."""

    key: str
    generation: int
    stage: Stage
    request: IncidentRequest
    headline: Headline
    lease_until: datetime | None
    incident: str | None
    problem: str | None
    """Why the backend refused it."""
    since: datetime
    titles: frozenset[str]
    """Every title that we gave the incident: another one is a person's, and stays."""
    impacts: frozenset[int]
    """Every impact that we gave it, likewise."""
    entries: int
    coalesced: Coalesced | None
    related: frozenset[str]
    """The targets of the related items that the incident has from us."""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident as its backend shows it now. ``resolved_at`` is None while it is open."""

    title: str
    impact: int
    resolved_at: datetime | None


class LostRace(Retryable):
    """The row changed since it was read: look again."""


class Ledger(Protocol):
    """What is known of each key, and which events were taken in. Writes are conditional on what was read."""

    def look_up(self, occurrence: Occurrence) -> tuple[IncidentState | None, bool]:
        """The key's state, and whether this event was recorded already. Strongly consistent."""

    def claim(self, request: IncidentRequest, *, after: IncidentState | None, lease_until: datetime) -> IncidentState:
        """Claim a key for the request's generation: the first one, or the one after a state. Raises LostRace."""

    def take_over(self, state: IncidentState, *, lease_until: datetime) -> IncidentState:
        """Renew the lease of a claim whose holder is gone. Raises LostRace."""

    def open(self, state: IncidentState, incident: str, now: datetime) -> IncidentState:
        """Record that the claimed incident was started. Raises LostRace."""

    def count_started(self, scope: str, now: datetime) -> int:
        """Count an incident that was started, and say how many were in this scope and calendar month (UTC)."""

    def started(self, scope: str, now: datetime) -> int:
        """How many incidents were started in this scope and calendar month (UTC)."""

    def give_up(self, state: IncidentState, reason: str, now: datetime) -> IncidentState:
        """Record that people were notified instead. Raises LostRace."""

    def raise_headline(self, state: IncidentState, headline: Headline) -> IncidentState:
        """Record a graver headline before it is shown. Raises LostRace."""

    def record(
        self,
        state: IncidentState,
        occurrence: Occurrence,
        *,
        related: frozenset[str] = frozenset(),
        entry: bool = False,
        coalesced: Coalesced | None = None,
    ) -> None:
        """Record that the event was taken in, and what it added. Once per event. Raises LostRace."""

    def keep_waiting(self, occurrence: Occurrence, now: datetime) -> None:
        """Keep an event that opens nothing, for an incident that may yet open."""

    def waiting(self, key: str, now: datetime) -> list[Occurrence]:
        """The events kept for this key, whether or not they were taken in since."""


class IncidentBackend(Protocol):
    """Where incidents live. Every call may be repeated and then changes nothing more.

    All raise Retryable, or Permanent when trying again cannot help.
    """

    name: str
    scope: str
    """What the backend's monthly quota is about, such as the response plan."""
    monthly_quota: int | None
    """How many incidents it starts in a scope and calendar month; None for no bound."""

    def start(self, request: IncidentRequest) -> str:
        """Start the incident, or find the one that an earlier attempt with this request started. Returns its ARN."""

    def find(self, incident: str) -> IncidentView | None:
        """The incident as it is now; None when it was deleted."""

    def change(self, incident: str, *, title: str | None, impact: int | None) -> None:
        """Give the incident another title or impact; None leaves it."""

    def add_entry(self, incident: str, *, at: datetime, text: str, token: str) -> str:
        """Add a timeline entry. Returns its id, the same for the same token."""

    def replace_entry(self, incident: str, entry_id: str, *, at: datetime, text: str) -> None:
        """Put another text into a timeline entry."""

    def add_related_item(self, incident: str, item: RelatedItem) -> None:
        """Add a related item."""


class Notifier(Protocol):
    """Tells people. May tell them twice when a call's answer is lost; never not at all."""

    def announce(self, request: IncidentRequest, *, incident: str | None, problem: str | None) -> None:
        """Tell of an opened incident; or, with ``problem``, of one that could not be opened and why."""

"""What one event says to the incident of its key."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from responder.domain.text import cut, cut_json, one_line
from responder.domain.times import show_time

MAX_TITLE = 200
"""Longest title, in UTF-16 code units. Source: StartIncident, botocore's model."""

MAX_RAW_DATA = 10_000
"""Longest ``triggerDetails.rawData``. Source: StartIncident, botocore's model."""

MAX_ENTRY = 12_000
"""Longest ``eventData`` of a timeline event. Source: CreateTimelineEvent, botocore's model."""

MAX_KEY = 1024
"""Longest incident key, in bytes. DynamoDB takes 2,048 for a partition key."""

MAX_RELATED_ITEMS = 40
"""Related items that we give an incident. It takes 50; people and Incident Manager itself add some too."""

SAMPLE_MARK = "[SAMPLE]"


@dataclass(frozen=True, slots=True)
class RelatedItem:
    """Something that a responder wants at hand: an AWS resource (``target`` is an ARN) or a page (a URL)."""

    title: str
    target: str

    @property
    def is_resource(self) -> bool:
        return self.target.startswith("arn:")


@dataclass(frozen=True, slots=True, order=True)
class Headline:
    """What an incident is headed by: its gravest event, among equals the earliest. Smaller is graver.

    Because the order is total, the incident's title and impact do not depend on the order in which events arrive.
    """

    impact: int
    at: str
    fingerprint: str
    title: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event, as the incident of its key sees it.

    Parameters
    ----------
    key
        The cause: there is one open incident per key.
    fingerprint
        What makes two deliveries the same event, whatever envelope they come in.
    opens
        Whether it opens an incident when there is none. One that does not is only told to an open incident.
    impact
        1 (critical) to 5 (no impact), as Incident Manager has it.
    text
        For a responder at 3 a.m.: what, where, who, when, first thing to do.
    document
        The event itself; only an occurrence that opens needs it.
    parts
        What else the event tells of, each with a time and a timeline entry of its own. Only an occurrence that opens
        has any, and its parts open too.
    """

    key: str
    fingerprint: str
    event_id: str
    source: str
    opens: bool
    impact: int
    title: str
    text: str
    occurred_at: datetime
    related_items: tuple[RelatedItem, ...]
    document: Mapping[str, Any]
    parts: tuple["Occurrence", ...] = ()

    @property
    def headline(self) -> Headline:
        return Headline(self.impact, self.occurred_at.isoformat(), self.fingerprint, self.title)


@dataclass(frozen=True, slots=True)
class IncidentRequest:
    """What an incident is started with. Stored when its key is claimed and sent unchanged ever after."""

    key: str
    generation: int
    headline: Headline
    source: str
    text: str
    raw_data: str
    occurred_at: datetime
    related_items: tuple[RelatedItem, ...]

    @property
    def client_token(self) -> str:
        """The same for every attempt at this incident, and for no other's."""
        return digest(self.key, str(self.generation))


def request_for(occurrence: Occurrence, generation: int) -> IncidentRequest:
    """The request that opens an incident for this occurrence.

    ``raw_data`` is a JSON object of at most 10,000 characters: ``incident_key``, ``generation`` and the ``event``,
    shortened inside where it is longer.
    """
    raw = {"incident_key": occurrence.key, "generation": generation, "event": occurrence.document}
    return IncidentRequest(
        key=occurrence.key,
        generation=generation,
        headline=occurrence.headline,
        source=occurrence.source,
        text=occurrence.text,
        raw_data=cut_json(raw, MAX_RAW_DATA),
        occurred_at=occurrence.occurred_at,
        related_items=occurrence.related_items[:MAX_RELATED_ITEMS],
    )


def compose_key(*parts: str) -> str:
    """An incident key: the parts, joined by slashes. One of over 1,024 bytes ends in a digest of what is cut off."""
    key = "/".join(parts)
    if len(key.encode()) <= MAX_KEY:
        return key
    return f"{key.encode()[: MAX_KEY - 65].decode(errors='ignore')}-{digest(key)}"


def compose_title(*parts: str | None) -> str:
    """A title of one line and at most 200 characters from those parts that are there."""
    return cut(one_line(" ".join(part for part in parts if part), 1000), MAX_TITLE)


def compose_text(what: str, *, where: str, who: str | None, when: datetime, first: str, **facts: str | None) -> str:
    """The text for a timeline entry, a fact a line; nothing that an event says can add a line of its own."""
    lines = {"Where": where, "Who": who, "When": show_time(when), **facts, "First": first}
    told = [f"{name.replace('_', ' ')}: {one_line(fact, 1000)}" for name, fact in lines.items() if fact]
    return cut("\n".join([one_line(what, 500), *told]), MAX_ENTRY)


def digest(*parts: str) -> str:
    """A name of 64 hexadecimal characters for these parts, in this order."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()

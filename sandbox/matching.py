"""`responder match`: whether events match a pattern and, if not, at which fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from responder.patterns import EventPattern, Mismatch

from .envelopes import Place, Submission, complete, submissions
from .inputs import JsonValue
from .terminal import clean, console, safe


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one event compares with the pattern."""

    origin: str
    event_id: str | None
    mismatches: tuple[Mismatch, ...] = ()
    no_event: str | None = None
    """Why there is nothing to compare."""

    @property
    def matches(self) -> bool:
        return not self.mismatches and self.no_event is None


def candidates(values: Iterable[JsonValue]) -> list[Submission]:
    """The events in JSON values, as `responder run` reads them.

    But an object that is no event of any known kind is tried as it stands: a part of an event also tells something.
    """
    found: list[Submission] = []
    for value in values:
        elements = list(submissions([value]))
        if len(elements) == 1 and elements[0].event is None and isinstance(value.value, dict):
            elements = [Submission(value.origin, None, elements[0].reason, named=value.value)]
        found += elements
    return found


def compare(pattern: EventPattern, elements: Iterable[Submission], hub: Place) -> list[Verdict]:
    return [_verdict(pattern, complete(element, hub)) for element in elements]


def _verdict(pattern: EventPattern, element: Submission) -> Verdict:
    event: Mapping[str, Any] | None = element.event if element.event is not None else element.named
    if not event:
        return Verdict(element.origin, None, no_event=element.reason or "no event")
    event_id = event.get("id")
    return Verdict(element.origin, event_id if isinstance(event_id, str) else None, tuple(pattern.explain(event)))


def to_json(pattern: Mapping[str, Any], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The object that `responder match --json` prints."""
    events = [
        {
            "id": verdict.event_id,
            "file": verdict.origin,
            "matches": verdict.matches,
            "mismatches": [mismatch_to_json(mismatch) for mismatch in _mismatches(verdict)],
        }
        for verdict in verdicts
    ]
    return {"pattern": pattern, "events": events}


def _mismatches(verdict: Verdict) -> Sequence[Mismatch]:
    return verdict.mismatches if verdict.no_event is None else [Mismatch("", f"an event: {verdict.no_event}", ())]


def mismatch_to_json(mismatch: Mismatch) -> dict[str, Any]:
    """`found` lists the field's values, the first few of them; it is empty if the field is absent."""
    where = ", in one array element with the other fields" if mismatch.elsewhere else ""
    return {"path": mismatch.path, "expected": f"{mismatch.expected}{where}", "found": list(mismatch.found)}


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """A line for each event, and one for each field at fault; lines are never broken, so that they can be searched."""
    output = console()
    for verdict in verdicts:
        word = Text("match     ", "green") if verdict.matches else Text("no match  ", "yellow")
        output.print(word, safe(verdict.origin), sep="", soft_wrap=True)
        for fault in (verdict.no_event,) if verdict.no_event else verdict.mismatches:
            output.print(Text(f"            {clean(str(fault))}", "dim"), soft_wrap=True)
    matched = sum(verdict.matches for verdict in verdicts)
    events = "event matches" if len(verdicts) == 1 else "events match"
    output.print(Text(f"{matched:,} of {len(verdicts):,} {events}", "bold"))

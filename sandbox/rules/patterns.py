"""Faults of a leg's pattern: what EventBridge would refuse, and what no finding that counts can ever match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from responder.patterns import InvalidPattern, compile_pattern
from responder.patterns.field import Field
from responder.patterns.leaves import Leaf

from .documents import Document, Steps, shown
from .finding_fields import FindingField, NoFieldError, find_field


def blame_pattern(document: Document, steps: Steps, pattern: Mapping[str, Any]) -> None:
    """Report what is wrong with the pattern that stands there: of every field, and else of the whole."""
    faults = list(_of_fields(pattern, steps, ""))
    for place, reason in faults:
        document.blame(place, reason)
    if not faults:
        try:
            compile_pattern(pattern)
        except InvalidPattern as fault:
            document.blame(_place(document, steps, fault.path), fault.reason)


def blame_entries(document: Document, steps: Steps, entries: list[Any]) -> None:
    """Report what is wrong with a list of acceptable values."""
    try:
        compile_pattern({"value": entries})
    except InvalidPattern as fault:
        document.blame(_place(document, steps, fault.path.removeprefix("value")), fault.reason)


def _place(document: Document, steps: Steps, path: str) -> Steps:
    """Where in the document a path within a pattern leads, or as far as it does."""
    places = {shown(known[len(steps) :]): known for known in document.below(steps)}
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return places.get(path, steps)


def _of_fields(pattern: Mapping[str, Any], steps: Steps, name: str) -> Iterator[tuple[Steps, str]]:
    for key, value in pattern.items():
        place, field_name = (*steps, key), f"{name}.{key}" if name else key
        if key == "$or" and isinstance(value, list):
            for index, option in enumerate(value):
                if isinstance(option, Mapping):
                    yield from _of_fields(option, (*place, index), name)
        elif isinstance(value, Mapping):
            yield from _of_fields(value, place, field_name)
        elif isinstance(value, list):
            yield from _of_entries(value, place, field_name)


def _of_entries(entries: list[Any], place: Steps, name: str) -> Iterator[tuple[Steps, str]]:
    try:
        field = find_field(name)
    except NoFieldError as error:
        yield place, f"can never match: {error}"
        return
    for index, entry in enumerate(entries):
        try:
            (compiled,) = compile_pattern({"value": [entry]}).branches[0]
        except InvalidPattern as fault:
            yield (*place, index), fault.reason
            continue
        if (reason := _never(name, field, compiled)) is not None:
            yield (*place, index), f"can never match: {reason}"


def _never(name: str, field: FindingField, acceptable: Field) -> str | None:
    """Why an acceptable value is none that the field can have."""
    if acceptable.accepts_absence:
        return None
    if field.values:
        if any(acceptable.accepts(value) for value in field.values):
            return None
        return f"in a finding that counts, {name} is {_either(field.values)}"
    (entry,) = acceptable.entries
    if field.is_text and not (entry.strings or entry.string_test or entry.every_string):
        return f"{name} is text"
    if field.is_number and not (entry.numbers or entry.number_test or entry.every_number):
        return f"{name} is a number"
    return None


def _either(values: tuple[Leaf, ...]) -> str:
    *others, last = (str(value).lower() if isinstance(value, bool) else str(value) for value in values)
    return f"{', '.join(others)} or {last}" if others else last

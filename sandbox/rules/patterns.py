"""Faults of a leg's pattern: what EventBridge would refuse, and what no finding that counts can ever match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from responder.patterns import InvalidPattern, compile_pattern

from .documents import Document, Steps, shown
from .finding_fields import FindingField, NoFieldError, find_field


def blame_pattern(document: Document, steps: Steps, pattern: Mapping[str, Any]) -> None:
    """Report what is wrong with the pattern that stands there."""
    try:
        compile_pattern(pattern)
    except InvalidPattern as fault:
        document.blame(_place(document, steps, fault.path), fault.reason)
        return
    for place, reason in _impossible(pattern, steps, ""):
        document.blame(place, reason)


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


def _impossible(pattern: Mapping[str, Any], steps: Steps, name: str) -> Iterator[tuple[Steps, str]]:
    for key, value in pattern.items():
        place = (*steps, key)
        if key == "$or" and all(isinstance(option, Mapping) for option in value):
            for index, option in enumerate(value):
                yield from _impossible(option, (*place, index), name)
            continue
        field_name = f"{name}.{key}" if name else key
        if isinstance(value, Mapping):
            yield from _impossible(value, place, field_name)
            continue
        try:
            field = find_field(field_name)
        except NoFieldError as error:
            yield place, f"can never match: {error}"
            continue
        for index, entry in enumerate(value):
            if (reason := _never(field_name, field, entry)) is not None:
                yield (*place, index), f"can never match: {reason}"


def _never(name: str, field: FindingField, entry: Any) -> str | None:
    """Why an acceptable value is none that the field can have."""
    compiled = compile_pattern({name: [entry]}).branches[0][0]
    if compiled.accepts_absence:
        return None
    if field.values:
        if any(compiled.accepts(value) for value in field.values):
            return None
        return f"in a finding that counts, {name} is {_either(field.values)}"
    (test,) = compiled.entries
    if field.is_text and not (test.strings or test.string_test or test.every_string):
        return f"{name} is text"
    if field.is_number and not (test.numbers or test.number_test or test.every_number):
        return f"{name} is a number"
    return None


def _either(values: tuple[object, ...]) -> str:
    *others, last = (str(value).lower() if isinstance(value, bool) else str(value) for value in values)
    return f"{', '.join(others)} or {last}" if others else last

"""How a value found in a configuration item compares to one written in a query.

The written value takes the type of the found one: `'true'` is a boolean where a boolean is stored, `'100'` a number
where a number is. Texts that are both times, or both IP addresses or ranges, compare as such; others by their
characters, capitals apart.

An address range is found by any address in it, as the Config Developer Guide says ("CIDR notation is converted to IP
ranges for search"), so every value here is a span from its lowest to its highest, mostly the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

Literal = str | int | float | bool
Path = tuple[str, ...]
Span = tuple[Any, Any]

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")
_ADDRESS = re.compile(r"[0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*(/\d+)?")


def found_values(item: Any, path: Path) -> Iterator[Literal]:
    """Every value at a path; lists on the way are looked into.

    >>> list(found_values({"a": [{"b": 1}, {"b": [2, 3]}, {"c": 4}]}, ("a", "b")))
    [1, 2, 3]
    """
    if isinstance(item, list):
        for each in item:
            yield from found_values(each, path)
    elif path:
        if isinstance(item, Mapping) and path[0] in item:
            yield from found_values(item[path[0]], path[1:])
    elif isinstance(item, str | int | float):
        yield item


def instant(text: Any) -> datetime | None:
    """The time that a text says, in UTC where it says no zone."""
    if isinstance(text, datetime):
        return text if text.tzinfo else text.replace(tzinfo=UTC)
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        return None
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        return instant(datetime.fromisoformat(text))
    except ValueError:
        return None


def at_least(found: Literal, written: Literal) -> bool:
    return _compare(found, written, lambda one, other: one[1] >= other[0])


def at_most(found: Literal, written: Literal) -> bool:
    return _compare(found, written, lambda one, other: one[0] <= other[1])


def greater(found: Literal, written: Literal) -> bool:
    return _compare(found, written, lambda one, other: one[1] > other[1])


def less(found: Literal, written: Literal) -> bool:
    return _compare(found, written, lambda one, other: one[0] < other[0])


def equal(found: Literal, written: Literal) -> bool:
    """
    >>> equal("10.0.0.0/24", "10.0.0.7"), equal(True, "true"), equal(100.0, 100), equal("sg-1", "SG-1")
    (True, True, True, False)
    """
    return at_least(found, written) and at_most(found, written)


def sort_key(value: Literal) -> tuple[int, Any]:
    """Numbers before texts, so that a property of mixed types sorts too."""
    return (1, value) if isinstance(value, str) else (0, value)


def _compare(found: Literal, written: Literal, holds: Callable[[Span, Span], bool]) -> bool:
    spans = _spans(found, written)
    return spans is not None and holds(*spans)


def _spans(found: Literal, written: Literal) -> tuple[Span, Span] | None:
    """Both as spans of one kind, or None where they do not compare."""
    if isinstance(found, bool):
        known = {"true": True, "false": False}.get(str(written).lower())
        return None if known is None else ((found, found), (known, known))
    if isinstance(found, str):
        if not isinstance(written, str):
            return None
        for read in (_address_span, _time_span):
            if (other := read(written)) is not None and (one := read(found)) is not None:
                return one, other
        return (found, found), (written, written)
    if isinstance(written, bool):
        return None
    try:
        number = float(written) if isinstance(written, str) else written
    except ValueError:
        return None
    return (found, found), (number, number)


@lru_cache(maxsize=4096)
def _time_span(text: str) -> Span | None:
    time = instant(text)
    return None if time is None else (time, time)


@lru_cache(maxsize=4096)
def _address_span(text: str) -> Span | None:
    if not _ADDRESS.fullmatch(text):
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return (network.version, int(network[0])), (network.version, int(network[-1]))

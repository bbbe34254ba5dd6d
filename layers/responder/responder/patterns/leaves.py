"""Finding a field's values in an event, by event-ruler's idea of names (its ``Event`` and ``Path``).

A value's name is the keys on the way to it, joined by dots; arrays add nothing to the name. So a field
``detail.findings.Severity.Label`` finds the label of every finding, and ``{"a.b": 1}`` and ``{"a": {"b": 1}}`` both
hold a value named ``a.b``. Objects and arrays are no values; an empty one holds none, so the field is absent.

A value inside an *element* of an array, that is, inside an object or array in it, belongs to that element; a string
or number directly in an array belongs to none. Fields that one pattern wants in one array must come from one element.
An array of one element has nothing to choose from and is not recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from responder.patterns.number import comparable

SCALARS: Final = frozenset({str, int, float, bool, type(None)})
MISSING: Final[Any] = object()
# Stands for a value that JSON does not have. It is there, but equals nothing.
OPAQUE: Final[Any] = object()

Leaf: TypeAlias = str | int | float | bool | None
# An array by its identity and the name that leads to it: one list object may stand at several places of an event.
Array: TypeAlias = tuple[int, str]
# The elements that a value belongs to, from the innermost outwards.
Elements: TypeAlias = "tuple[Elements | None, Array, int]"


class Route:
    """How to find the values of one name. Compiled once, walked often; a walk is linear in what it passes."""

    __slots__ = ("_end", "_moves", "_names", "name")

    def __init__(self, name: str) -> None:
        steps = name.split(".")
        self.name = name
        self._end = len(steps)
        # From each depth, the keys that lead on, with the depth they lead to: an event's key may hold dots.
        self._moves = tuple(
            tuple((".".join(steps[start:stop]), stop) for stop in range(start + 1, len(steps) + 1))
            for start in range(len(steps))
        )
        self._names = tuple(".".join(steps[:depth]) for depth in range(len(steps) + 1))

    def leaves(self, origin: Any, start: int = 0) -> Iterator[tuple[Leaf, Elements | None]]:
        """The values with this name in an event, each with the elements it belongs to.

        ``origin`` is the event, or what the first ``start`` steps of the name lead to in it.

        >>> event = {"items": [{"id": 1}, {"id": 2}], "items.id": 3}
        >>> sorted(value for value, elements in Route("items.id").leaves(event))
        [1, 2, 3]
        """
        end = self._end
        pending: list[tuple[Any, int, Elements | None]] = [(origin, start, None)]
        while pending:
            value, depth, elements = pending.pop()
            kind = value.__class__
            if kind in SCALARS:
                if depth == end:
                    yield value, elements
            elif kind is dict or isinstance(value, Mapping):
                if depth < end:
                    for key, reached in self._moves[depth]:
                        child = value.get(key, MISSING)
                        if child is not MISSING:
                            pending.append((child, reached, elements))
            elif kind is list or isinstance(value, list | tuple):
                if len(value) == 1:
                    pending.append((value[0], depth, elements))
                    continue
                array = (id(value), self._names[depth])
                for index, element in enumerate(value):
                    if element.__class__ in SCALARS:
                        if depth == end:
                            yield element, elements
                    elif isinstance(element, Mapping | list | tuple):
                        pending.append((element, depth, (elements, array, index)))
                    elif depth == end:
                        yield _leaf(element), elements
            elif depth == end:
                yield _leaf(value), elements


def _leaf(value: Any) -> Leaf:
    """A value of a type that ``json`` does not make: a subclass, a Decimal, or nothing that JSON knows."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Decimal):
        number = comparable(value)
        return OPAQUE if number is None else number
    return OPAQUE  # type: ignore[no-any-return]

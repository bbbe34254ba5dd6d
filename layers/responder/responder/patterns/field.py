"""One field of a pattern, compiled: where its values are, which it accepts, and a quick first verdict on an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from responder.patterns.leaves import MISSING, SCALARS, Leaf, Route
from responder.patterns.number import EXACT_INTEGERS, comparable
from responder.patterns.operators import Entry, NumberTest
from responder.patterns.text import StringTest

# Verdicts on one field of an event, taken alone. Those greater than YES depend on the array elements that are chosen.
NO, YES, IN_AN_ELEMENT, ABSENT_IN_SOME_ELEMENT = range(4)

Acceptance = Callable[[Leaf], bool]
Check = Callable[[Mapping[str, Any]], int]


class Field:
    """A field's name with its entries, of which one must hold.

    Attributes
    ----------
    accepts
        Whether one value satisfies an entry.
    leaves
        The field's values in an event, each with the array elements it belongs to.
    literals
        The strings that it accepts, if it accepts nothing but strings given literally; else empty.
    accepts_absence
        Whether ``{"exists": false}`` is among the entries.
    check
        The verdict on the field alone, for an event.
    cost
        Sorts the fields of a pattern so that an event is likely to be rejected soon and cheaply.
    order
        Sorts the fields of a branch as event-ruler does.
    """

    __slots__ = ("accepts", "accepts_absence", "check", "cost", "entries", "leaves", "literals", "name", "order")

    def __init__(self, name: str, entries: Sequence[Entry]) -> None:
        self.name = name
        self.entries = tuple(entries)
        self.accepts = acceptance(entries)
        self.literals = (
            frozenset[str]().union(*(entry.strings for entry in entries))
            if all(entry.strings for entry in entries)
            else frozenset()
        )
        self.accepts_absence = any(entry.absence for entry in entries)
        # Java orders strings by UTF-16 code units, and event-ruler takes the fields of a rule in that order.
        self.order = name.encode("utf-16-be", "surrogatepass")
        self.cost = _cost(name, entries)
        self.leaves = Route(name).leaves
        self.check = _quick_check(self)

    @property
    def expectation(self) -> str:
        """What the field must hold, in words."""
        return " or ".join(dict.fromkeys(entry.expectation for entry in self.entries))

    def verdict(self, origin: Any, start: int = 0) -> int:
        """The verdict on this field, arrays and dotted keys included; for the arguments see ``Route.leaves``."""
        present = outside = False
        for value, elements in self.leaves(origin, start):
            if self.accepts(value):
                return YES if elements is None else IN_AN_ELEMENT
            present = True
            outside = outside or elements is None
        if not self.accepts_absence or outside:
            return NO
        return ABSENT_IN_SOME_ELEMENT if present else YES


def _cost(name: str, entries: Sequence[Entry]) -> tuple[int, int, int]:
    # What is directly in an event's detail (an eventName, a severity) tells it from most others; its source and
    # detail-type, from fewer; and what lies deeper takes longer to find.
    depth = name.count(".")
    return max(entry.breadth for entry in entries), {0: 1, 1: 0}.get(depth, depth), len(entries)


def acceptance(entries: Sequence[Entry]) -> Acceptance:
    """Whether a value satisfies one of the entries, as one function."""
    strings = frozenset[str]().union(*(entry.strings for entry in entries))
    numbers = frozenset[float]().union(*(entry.numbers for entry in entries))
    others = frozenset[bool | int | None]().union(*(entry.others for entry in entries))
    every_other = any(entry.every_other for entry in entries)
    string_tests = [entry.string_test for entry in entries if entry.string_test]
    number_tests = [entry.number_test for entry in entries if entry.number_test]
    if not (numbers or others or every_other or string_tests or number_tests):
        return strings.__contains__
    on_string = _any_of(strings, string_tests, every=any(entry.every_string for entry in entries))
    on_number = _any_of(numbers, number_tests, every=any(entry.every_number for entry in entries))

    def accepts(leaf: Any) -> bool:
        kind = leaf.__class__
        if kind is str:
            return on_string(leaf)
        if kind is float:
            return on_number(leaf)
        if kind is int:
            if -EXACT_INTEGERS <= leaf <= EXACT_INTEGERS:
                return on_number(leaf)
            number = comparable(leaf)
            if number is not None:
                return on_number(number)
        return every_other or leaf in others

    return accepts


def _any_of(
    literals: frozenset[Any], tests: Sequence[StringTest] | Sequence[NumberTest], *, every: bool
) -> Callable[[Any], bool]:
    if every:
        return lambda _: True
    if not tests:
        return literals.__contains__
    if len(tests) == 1 and not literals:
        return tests[0]
    return lambda value: value in literals or any(test(value) for test in tests)


def _quick_check(field: Field) -> Check:
    """``field.verdict``, short-cut for the common event: objects all the way, and a plain value at the end.

    Whatever is uncommon (arrays, an event's key with a dot in it, types of other libraries) is left to ``verdict``,
    from where it was met.
    """
    *parents, last = field.name.split(".")
    accepts, verdict = field.accepts, field.verdict
    absent = YES if field.accepts_absence else NO

    def check_top(event: Mapping[str, Any]) -> int:
        value = event.get(last, MISSING)
        if value.__class__ in SCALARS:
            return accepts(value)
        return absent if value is MISSING else verdict(value, 1)

    if not parents:
        return check_top

    only_parent, dotted = parents[0], field.name

    def check_second(event: Mapping[str, Any]) -> int:
        node = event.get(only_parent, MISSING)
        if dotted in event:
            return verdict(event)
        if node.__class__ is dict:
            value = node.get(last, MISSING)
            if value.__class__ in SCALARS:
                return accepts(value)
            return absent if value is MISSING else verdict(value, 2)
        return absent if node is MISSING else verdict(node, 1)

    if len(parents) == 1:
        return check_second

    steps = field.name.split(".")
    end = len(steps)
    descent = [
        (start + 1, step, tuple(".".join(steps[start:stop]) for stop in range(start + 2, end + 1)))
        for start, step in enumerate(parents)
    ]

    def check_deep(event: Mapping[str, Any]) -> int:
        node: Any = event
        for depth, step, dotted_keys in descent:
            for key in dotted_keys:
                if key in node:
                    return verdict(event)
            node = node.get(step, MISSING)
            if node.__class__ is list and len(node) == 1:
                node = node[0]
            if node.__class__ is not dict:
                return absent if node is MISSING or node.__class__ in SCALARS else verdict(node, depth)
        value = node.get(last, MISSING)
        if value.__class__ in SCALARS:
            return accepts(value)
        return absent if value is MISSING else verdict(value, end)

    return check_deep

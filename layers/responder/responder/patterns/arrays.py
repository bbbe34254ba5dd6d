"""Array consistency: the fields of a branch must come from one element of every array they share.

event-ruler (``ACFinder`` and, since 2.0, ``StructuredFinder`` with ``ArrayMembership``) takes the fields of a rule in
the order of their names and collects, from each value it uses, the elements that the value belongs to. A value that
belongs to another element of an array already chosen from cannot be used. ``{"exists": false}`` holds if no value of
its field could be used *at that point*: fields that come later in the alphabet have not chosen yet, so an absence
that is named before them means "in no element", and one that is named after them "not in their element".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from responder.patterns.field import Field
from responder.patterns.leaves import Array, Elements

Choice = dict[Array, int]


class _Place:
    """The event itself or one element of an array in it, as far as one field has values there."""

    __slots__ = ("accepted", "arrays", "present")

    def __init__(self) -> None:
        self.present = False
        self.accepted = False
        self.arrays: dict[Array, dict[int, _Place]] = {}


def agree_on_elements(in_arrays: Sequence[Field], branch: Sequence[Field], event: Mapping[str, Any]) -> bool:
    """Whether all fields of a branch can be satisfied without using two elements of one array.

    Every field of the branch, taken alone, is satisfied; those ``in_arrays`` only by way of some element. The branch
    is in event-ruler's order.

    A choice of elements matters only as long as a later field has values in their arrays, and nothing is tried twice
    from the same point. In the order of their names the fields of one array come together, so the elements of
    sibling arrays are tried one after the other, not in all combinations.
    """
    if any(field.accepts_absence for field in in_arrays):
        # An absence may come true by what any earlier field chooses, even one that need not choose.
        fields = branch
    elif len(in_arrays) == 1:
        return True
    else:
        fields = [field for field in branch if field in in_arrays]
    grounds = [_ground(field, event) for field in fields]
    still_matters: list[set[Array]] = [set()]
    for _, arrays in reversed(grounds):
        still_matters.append(still_matters[-1] | arrays)
    still_matters.reverse()

    tried: set[tuple[int, frozenset[tuple[Array, int]]]] = set()
    pending: list[tuple[int, Choice]] = [(0, {})]
    while pending:
        position, choice = pending.pop()
        if position == len(fields):
            return True
        point = (position, frozenset(item for item in choice.items() if item[0] in still_matters[position]))
        if point in tried:
            continue
        tried.add(point)
        root = grounds[position][0]
        pending.extend((position + 1, made) for place, made in _within(root, choice) if place.accepted)
        if fields[position].accepts_absence and not any(place.present for place, _ in _within(root, choice)):
            pending.append((position + 1, choice))
    return False


def _ground(field: Field, event: Mapping[str, Any]) -> tuple[_Place, set[Array]]:
    root = _Place()
    # By identity, because comparing chains of elements would recurse as deep as arrays are nested; the chain is kept
    # beside its place so that the identity stays its own.
    known: dict[int, tuple[Elements, _Place]] = {}
    arrays: set[Array] = set()
    for value, elements in field.leaves(event):
        unknown = []
        while elements is not None and id(elements) not in known:
            unknown.append(elements)
            elements = elements[0]
        place = root if elements is None else known[id(elements)][1]
        for chain in reversed(unknown):
            _, array, index = chain
            arrays.add(array)
            place = place.arrays.setdefault(array, {}).setdefault(index, _Place())
            known[id(chain)] = (chain, place)
        place.present = True
        place.accepted = place.accepted or field.accepts(value)
    return root, arrays


def _within(root: _Place, choice: Choice) -> Iterator[tuple[_Place, Choice]]:
    """The places that a choice leaves open, each with the choice that using it makes."""
    pending = [(root, choice)]
    while pending:
        place, made = pending.pop()
        yield place, made
        for array, elements in place.arrays.items():
            chosen = made.get(array)
            if chosen is None:
                pending.extend((inner, {**made, array: index}) for index, inner in elements.items())
            elif chosen in elements:
                pending.append((elements[chosen], made))

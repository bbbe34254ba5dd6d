"""What a query answers with: one row per configuration item, or per group of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import product
from typing import Any

from .queries import COUNT, Order, Query, path_of
from .values import Literal, found_values, sort_key

Row = dict[str, Any]
_Tree = dict[str, Any]  # names to select, each with those to select below it; nothing below selects all


def rows(query: Query, items: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The rows of a query, in its order, else in that of the items; groups the largest first."""
    chosen = [item for item in items if query.condition.holds(item)]
    if query.counts:
        return _groups(query, chosen)
    tree = _tree(query.names)
    return [selected(item, tree) for item in _ordered(chosen, query.order_by)]


def selected(value: Any, tree: _Tree) -> Any:
    """The part of a value that a tree of names selects; a list has that part of each of its objects.

    >>> selected({"id": 1, "tags": [{"key": "a", "value": "b"}]}, {"tags": {"key": {}}, "arn": {}})
    {'tags': [{'key': 'a'}]}
    """
    if not tree:
        return deepcopy(value)
    if isinstance(value, list):
        return [selected(each, tree) for each in value if isinstance(each, Mapping | list)]
    return {
        name: selected(value[name], below)
        for name, below in tree.items()
        if name in value and (not below or isinstance(value[name], Mapping | list))
    }


def _tree(names: Iterable[str]) -> _Tree:
    """
    >>> _tree(["a.b", "a.c", "d"])
    {'a': {'b': {}, 'c': {}}, 'd': {}}
    """
    tree: _Tree = {}
    whole = {path_of(name) for name in names}
    for path in (path_of(name) for name in names):
        if any(path[:length] in whole for length in range(1, len(path))):
            continue  # a property above it is selected as a whole
        below = tree
        for part in path:
            below = below.setdefault(part, {})
    return tree


def _ordered(items: list[Any], order_by: Iterable[Order]) -> list[Any]:
    """Items without the property come last; of several values the lowest counts, or when descending the highest."""
    for order in reversed(tuple(order_by)):
        path = path_of(order.name)
        best = max if order.descending else min
        found = [(best(map(sort_key, found_values(item, path)), default=None), item) for item in items]
        having = sorted(
            ((key, item) for key, item in found if key is not None),
            key=lambda pair: pair[0],
            reverse=order.descending,
        )
        items = [item for _, item in having] + [item for key, item in found if key is None]
    return items


def _groups(query: Query, items: list[Mapping[str, Any]]) -> list[Row]:
    sizes = Counter(combination for item in items for combination in _combinations(query, item))
    if not query.group_by:
        return [{COUNT: sizes[()]}]
    found = []
    for combination, size in sizes.most_common():
        values = dict(zip(query.group_by, combination, strict=True))
        found.append({name: size if name == COUNT else values[name] for name in (*query.names, *query.group_by)})
    for order in reversed(query.order_by):
        found.sort(key=lambda row: sort_key(row[order.name]), reverse=order.descending)
    return [_nested({name: row[name] for name in query.names}) for row in found]


def _combinations(query: Query, item: Mapping[str, Any]) -> Iterator[tuple[Literal, ...]]:
    """The groups of an item: one for each of its values; none when it has no value of a property."""
    yield from product(*(dict.fromkeys(found_values(item, path_of(name))) for name in query.group_by))


def _nested(row: Mapping[str, Any]) -> Row:
    """
    >>> _nested({"a.b": 1, "COUNT(*)": 2})
    {'a': {'b': 1}, 'COUNT(*)': 2}
    """
    nested: Row = {}
    for name, value in row.items():
        *above, last = (name,) if name == COUNT else path_of(name)
        place = nested
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    return nested

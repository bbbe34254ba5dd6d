"""The conditions of a query's WHERE clause.

Each looks at one configuration item. A comparison holds when any value at its path does, since a path through a list
names several; so two comparisons of one list may hold by two elements, as at AWS (Config Developer Guide, "Multiple
properties within an array"). What is not there compares to nothing: `NOT x = 'a'` holds without x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .values import Literal, Path, at_least, at_most, equal, found_values, greater, less

Item = Mapping[str, Any]

COMPARISONS: Mapping[str, Callable[[Literal, Literal], bool]] = {
    "=": equal,
    "<": less,
    ">": greater,
    "<=": at_most,
    ">=": at_least,
}


class Condition(Protocol):
    def holds(self, item: Item) -> bool: ...


@dataclass(frozen=True)
class Comparison:
    path: Path
    operator: str
    value: Literal

    def holds(self, item: Item) -> bool:
        compare = COMPARISONS[self.operator]
        return any(compare(found, self.value) for found in found_values(item, self.path))


@dataclass(frozen=True)
class In:
    path: Path
    values: tuple[Literal, ...]

    def holds(self, item: Item) -> bool:
        return any(equal(found, value) for found in found_values(item, self.path) for value in self.values)


@dataclass(frozen=True)
class Between:
    """Both bounds are in."""

    path: Path
    low: Literal
    high: Literal

    def holds(self, item: Item) -> bool:
        return any(at_least(found, self.low) and at_most(found, self.high) for found in found_values(item, self.path))


@dataclass(frozen=True)
class Like:
    """A text that starts with `prefix` and goes on by one character per `_`, and any number when there is a `%`."""

    path: Path
    prefix: str
    wildcards: str

    def holds(self, item: Item) -> bool:
        return any(isinstance(found, str) and self._matches(found) for found in found_values(item, self.path))

    def _matches(self, found: str) -> bool:
        if not found.startswith(self.prefix):
            return False
        rest, needed = len(found) - len(self.prefix), self.wildcards.count("_")
        return rest >= needed if "%" in self.wildcards else rest == needed


@dataclass(frozen=True)
class And:
    conditions: tuple[Condition, ...]

    def holds(self, item: Item) -> bool:
        return all(condition.holds(item) for condition in self.conditions)


@dataclass(frozen=True)
class Or:
    conditions: tuple[Condition, ...]

    def holds(self, item: Item) -> bool:
        return any(condition.holds(item) for condition in self.conditions)


@dataclass(frozen=True)
class Not:
    condition: Condition

    def holds(self, item: Item) -> bool:
        return not self.condition.holds(item)


@dataclass(frozen=True)
class Everything:
    """What a query without WHERE asks for."""

    def holds(self, item: Item) -> bool:
        return True

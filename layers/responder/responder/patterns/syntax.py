"""Reading a pattern: nested objects become dotted field names, ``$or`` becomes branches.

As event-ruler's ``JsonRuleCompiler`` does it. A *branch* is one way through the pattern's ``$or``s: field names, each
with its list of entries, all of which must hold. A pattern without ``$or`` has one branch.

- A field's name is the dotted path to its list: ``{"detail": {"state": [...]}}`` and ``{"detail.state": [...]}`` name
  the same field. Of two lists for one field the later wins.
- ``$or`` is a choice when it is a list of two or more objects that hold nothing but fields; none of these, at any
  depth, may be named like an operator. If the pattern cannot be read so, it is read once more with every ``$or`` as a
  plain field name, as event-ruler does for patterns that are older than ``$or``; if that fails too, the first fault
  is the one to report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from responder.patterns.fault import InvalidPattern, kind_of
from responder.patterns.operators import Entry, read_entry

Branch = dict[str, tuple[Entry, ...]]

OR = "$or"

# GenericMachine.MAXIMUM_RULE_SIZE.
MOST_FIELDS = 256
# Ours. EventBridge takes patterns of 2,048 characters (4,096 at most); these bound what a hostile one can cost.
MOST_BRANCHES = 1_000
DEEPEST = 200

# Constants.RESERVED_FIELD_NAMES_IN_OR_RELATIONSHIP.
_NOT_IN_OR = frozenset(
    {"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr"}
    | {"=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"}
    | {"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"}
    | {"ip-address-in-range", "ip-address-not-in-range"}
)


def read_pattern(pattern: object) -> list[Branch]:
    """Read a pattern into its branches.

    Raises
    ------
    InvalidPattern
        If EventBridge would refuse the pattern, or if it is no JSON object at all.

    >>> [sorted(branch) for branch in read_pattern({"source": ["a"], "detail": {"$or": [{"b": [1]}, {"c": [2]}]}})]
    [['detail.b', 'source'], ['detail.c', 'source']]
    """
    if not isinstance(pattern, Mapping):
        raise InvalidPattern("", f"must be an object, not {kind_of(pattern)}")
    try:
        branches = _Reader(or_is_a_choice=True).fields(pattern, "", "", [{}])
    except InvalidPattern as fault:
        try:
            branches = _Reader(or_is_a_choice=False).fields(pattern, "", "", [{}])
        except InvalidPattern:
            raise fault from None
    for branch in branches:
        if len(branch) > MOST_FIELDS:
            raise InvalidPattern("", f"has {len(branch)} fields, more than {MOST_FIELDS}")
    return branches


class _Reader:
    """One reading of a pattern. ``path`` is a place in it as written, ``name`` is the dotted field name so far."""

    def __init__(self, *, or_is_a_choice: bool) -> None:
        self._or_is_a_choice = or_is_a_choice
        self._depth = 0
        self._choices = 0

    def fields(self, of: Mapping[object, object], path: str, name: str, branches: list[Branch]) -> list[Branch]:
        """Add the fields of one object to every branch so far; an ``$or`` among them makes more branches."""
        if not of:
            raise InvalidPattern(path, "an empty object matches nothing")
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidPattern(path, f"is nested deeper than {DEEPEST} objects")
        for key, value in of.items():
            if not isinstance(key, str):
                raise InvalidPattern(path, f"a field's name must be a string, not {kind_of(key)}")
            place = f"{path}.{key}" if path else key
            if key == OR and self._or_is_a_choice:
                branches = self._choice(value, place, name, branches)
                continue
            if key in _NOT_IN_OR and self._choices:
                raise InvalidPattern(place, f"a field inside {OR} must not be named like an operator")
            field = f"{name}.{key}" if name else key
            if isinstance(value, Mapping):
                branches = self.fields(value, place, field, branches)
            elif isinstance(value, list | tuple):
                entries = _entries(value, place)
                for branch in branches:
                    branch[field] = entries
            else:
                raise InvalidPattern(place, f"must be a list or an object, not {kind_of(value)}")
        self._depth -= 1
        return branches

    def _choice(self, value: object, path: str, name: str, branches: list[Branch]) -> list[Branch]:
        if not isinstance(value, list | tuple):
            raise InvalidPattern(path, f"must be a list of objects, not {kind_of(value)}")
        if len(value) < 2:
            raise InvalidPattern(path, f"needs at least two objects, has {len(value)}")
        self._choices += 1
        chosen: list[Branch] = []
        for index, option in enumerate(value):
            place = f"{path}[{index}]"
            if not isinstance(option, Mapping):
                raise InvalidPattern(place, f"must be an object, not {kind_of(option)}")
            chosen += self.fields(option, place, name, [dict(branch) for branch in branches])
            if len(chosen) > MOST_BRANCHES:
                raise InvalidPattern(path, f"makes more than {MOST_BRANCHES} combinations")
        self._choices -= 1
        return chosen


def _entries(values: Sequence[object], path: str) -> tuple[Entry, ...]:
    if not values:
        raise InvalidPattern(path, "an empty list matches nothing")
    return tuple(read_entry(value, f"{path}[{index}]") for index, value in enumerate(values))

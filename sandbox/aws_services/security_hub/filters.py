"""The filters and the sort order of GetFindings.

A finding is found when every filtered attribute admits it. Within an attribute, EQUALS and PREFIX filters are joined
by OR, NOT_EQUALS and PREFIX_NOT_EQUALS by AND, and both groups must hold (service model, `StringFilter`). Date, number,
IP, boolean and keyword filters of an attribute are joined by OR. Values are compared case-sensitively. Where an
attribute has several values in a finding (the ids of its resources), one that matches a positive filter is enough, and
a negative filter demands that none does; an attribute that is absent satisfies negative filters only.

Refused with InvalidInputException: more than 10 attributes or 20 values of one; CONTAINS, NOT_CONTAINS and
CONTAINS_WORD, which are for automation rules; EQUALS beside a negative filter of the same attribute; a filter without
value or comparison; a date filter that has neither a range nor both its start and its end.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from botocore.model import ListShape, StructureShape

from .. import model
from .asff import parse_time
from .exceptions import InvalidInputException
from .filter_paths import FILTER_PATHS

MAX_ATTRIBUTES = 10
MAX_VALUES = 20

Finding = Mapping[str, Any]
Test = Callable[[Finding], bool]
_ValueTest = Callable[[Any], bool]

_POSITIVE: Mapping[str, Callable[[str, str], bool]] = {"EQUALS": str.__eq__, "PREFIX": str.startswith}
_NEGATIVE: Mapping[str, str] = {"NOT_EQUALS": "EQUALS", "PREFIX_NOT_EQUALS": "PREFIX"}


def compile_filters(filters: Mapping[str, list[dict[str, Any]]], *, now: datetime) -> Test:
    """The test that decides whether a finding is found. `filters` has passed the service model already."""
    asked = {name: values for name, values in filters.items() if values}
    if len(asked) > MAX_ATTRIBUTES:
        raise InvalidInputException(f"Filters has {len(asked)} attributes; {MAX_ATTRIBUTES} are allowed.")
    for name, values in asked.items():
        if len(values) > MAX_VALUES:
            raise InvalidInputException(f"Filters.{name} has {len(values)} values; {MAX_VALUES} are allowed.")
    tests = [_attribute_test(name, values, now) for name, values in asked.items()]
    return lambda finding: all(test(finding) for test in tests)


def sort_findings(findings: Sequence[Finding], criteria: Sequence[Mapping[str, str]]) -> list[Any]:
    """Findings by the given attributes, the first one first; those without a value come last."""
    ordered = list(findings)
    for criterion in reversed(criteria):
        name = criterion.get("Field", "")
        if name not in FILTER_PATHS:
            raise InvalidInputException(f"SortCriteria: {name or 'a missing Field'} cannot be sorted by.")
        descending = criterion.get("SortOrder") == "desc"
        ordered = _sorted_by(ordered, name, descending=descending)
    return ordered


def attribute_values(finding: Finding, name: str) -> list[Any]:
    """The values that a filter of this name looks at."""
    found: list[Any] = [finding]
    for part in FILTER_PATHS[name].split("."):
        member = part.removesuffix("[]")
        found = [outer[member] for outer in found if isinstance(outer, Mapping) and outer.get(member) is not None]
        if part.endswith("[]"):
            found = [item for items in found if isinstance(items, list) for item in items]
    return found


def _sorted_by(findings: list[Any], name: str, *, descending: bool) -> list[Any]:
    keyed = [(next(iter(attribute_values(finding, name)), None), finding) for finding in findings]
    with_value = [pair for pair in keyed if isinstance(pair[0], str | int | float)]
    with_value.sort(key=lambda pair: (isinstance(pair[0], str), pair[0]), reverse=descending)
    without = [finding for value, finding in keyed if not isinstance(value, str | int | float)]
    return [finding for _, finding in with_value] + without


def _attribute_test(name: str, values: list[dict[str, Any]], now: datetime) -> Test:
    if name == "Keyword":
        words = [value.get("Value", "") for value in values]
        return lambda finding: any(word in text for text in _texts(finding) for word in words)
    kind = _filter_kinds()[name]
    if kind == "StringFilter":
        return _string_test(name, values)
    if kind == "MapFilter":
        return _map_test(name, values)
    builders: Mapping[str, Callable[[str, dict[str, Any]], _ValueTest]] = {
        "DateFilter": lambda name, value: _date_test(name, value, now),
        "NumberFilter": _number_test,
        "IpFilter": _ip_test,
        "BooleanFilter": _boolean_test,
    }
    tests = [builders[kind](name, value) for value in values]
    return lambda finding: any(test(found) for found in attribute_values(finding, name) for test in tests)


def _string_test(name: str, values: list[dict[str, Any]]) -> Test:
    wanted, unwanted = _split(name, values, allowed={*_POSITIVE, *_NEGATIVE}, members=("Value",))

    def test(finding: Finding) -> bool:
        found = [value for value in attribute_values(finding, name) if isinstance(value, str)]
        if any(_POSITIVE[how](value, text) for value in found for how, text in unwanted):
            return False
        return not wanted or any(_POSITIVE[how](value, text) for value in found for how, text in wanted)

    return test


def _map_test(name: str, values: list[dict[str, Any]]) -> Test:
    wanted, unwanted = _split(name, values, allowed={"EQUALS", "NOT_EQUALS"}, members=("Key", "Value"))
    pairs = [(key, text) for _, key, text in wanted]
    banned = [(key, text) for _, key, text in unwanted]

    def test(finding: Finding) -> bool:
        maps = [found for found in attribute_values(finding, name) if isinstance(found, Mapping)]
        if any(found.get(key) == text for found in maps for key, text in banned):
            return False
        return not pairs or any(found.get(key) == text for found in maps for key, text in pairs)

    return test


def _split(
    name: str, values: list[dict[str, Any]], *, allowed: set[str], members: tuple[str, ...]
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The positive and the negative filters of an attribute, each as (positive comparison, *members)."""
    wanted: list[tuple[str, ...]] = []
    unwanted: list[tuple[str, ...]] = []
    for value in values:
        missing = [member for member in (*members, "Comparison") if value.get(member) is None]
        if missing:
            raise InvalidInputException(f"Filters.{name}: {', '.join(missing)} is missing.")
        comparison = value["Comparison"]
        if comparison not in allowed:
            raise InvalidInputException(f"Filters.{name}: {comparison} can be used with automation rules only.")
        group = unwanted if comparison in _NEGATIVE else wanted
        group.append((_NEGATIVE.get(comparison, comparison), *(value[member] for member in members)))
    if unwanted and any(how == "EQUALS" for how, *_ in wanted):
        raise InvalidInputException(f"Filters.{name}: EQUALS cannot be combined with a negative comparison.")
    return wanted, unwanted


def _date_test(name: str, value: dict[str, Any], now: datetime) -> _ValueTest:
    if (span := value.get("DateRange")) is not None:
        if span.get("Value") is None or span.get("Unit") is None or "Start" in value or "End" in value:
            raise InvalidInputException(f"Filters.{name}: a DateRange has a Value and a Unit, and stands alone.")
        edge = now - timedelta(days=span["Value"])
        if span.get("Comparison") == "OLDER_THAN":
            return lambda found: (time := parse_time(found)) is not None and time < edge
        return lambda found: (time := parse_time(found)) is not None and edge <= time <= now
    start, end = parse_time(value.get("Start")), parse_time(value.get("End"))
    if start is None or end is None:
        raise InvalidInputException(f"Filters.{name}: Start and End must both be timestamps, or DateRange be given.")
    return lambda found: (time := parse_time(found)) is not None and start <= time <= end


def _number_test(name: str, value: dict[str, Any]) -> _ValueTest:
    if not value:
        raise InvalidInputException(f"Filters.{name}: one of Eq, Gt, Gte, Lt and Lte is needed.")
    comparisons: Mapping[str, Callable[[float, float], bool]] = {
        "Eq": float.__eq__,
        "Gt": float.__gt__,
        "Gte": float.__ge__,
        "Lt": float.__lt__,
        "Lte": float.__le__,
    }
    bounds = [(comparisons[how], float(bound)) for how, bound in value.items()]
    return lambda found: _is_number(found) and all(holds(float(found), bound) for holds, bound in bounds)


def _ip_test(name: str, value: dict[str, Any]) -> _ValueTest:
    try:
        network = ipaddress.ip_network(value.get("Cidr", ""), strict=False)
    except ValueError as error:
        raise InvalidInputException(f"Filters.{name}: {error}") from error
    return lambda found: (address := _address(found)) is not None and address in network


def _boolean_test(name: str, value: dict[str, Any]) -> _ValueTest:
    if "Value" not in value:
        raise InvalidInputException(f"Filters.{name}: Value is missing.")
    return lambda found: found is value["Value"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _address(value: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


@cache
def _filter_kinds() -> Mapping[str, str]:
    """Filter name -> name of its shape, from the service model."""
    request = model.operation_model("securityhub", "GetFindings").input_shape
    assert request is not None
    filters = request.members["Filters"]
    assert isinstance(filters, StructureShape)
    return {name: shape.member.name for name, shape in filters.members.items() if isinstance(shape, ListShape)}


def utc_now() -> datetime:
    return datetime.now(UTC)

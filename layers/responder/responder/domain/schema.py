"""The JSON Schemas of the events that the application takes in, and the check against them.

A schema says only what the application rests on, so that a field that AWS adds or leaves out later breaks nothing.

The check is our own, for the few keywords that the schemas use: to import the library jsonschema takes as long as to
import all of this application, at every cold start. The tests hold the two against each other.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

from responder.domain.faults import Rejected
from responder.domain.text import quoted

_SCHEMAS = Path(__file__).parent / "schemas"

Holds = Callable[[Any], bool]
"""Whether a value keeps to a keyword of its schema, or to all of it."""

_TYPES: Mapping[str, type] = {"array": list, "boolean": bool, "null": NoneType, "object": dict, "string": str}

_NUMBERS: Mapping[str, Holds] = {
    "integer": lambda value: _is_number(value) and value % 1 == 0,
    "number": lambda value: _is_number(value),
}

_KEYWORDS: Mapping[str, Callable[[Any], Holds]] = {
    "type": lambda wanted: _is_of(wanted),
    "required": lambda names: lambda value: not isinstance(value, dict) or all(map(value.__contains__, names)),
    "minLength": lambda least: lambda value: not isinstance(value, str) or len(value) >= least,
    "maxLength": lambda most: lambda value: not isinstance(value, str) or len(value) <= most,
    "minimum": lambda least: lambda value: not _is_number(value) or value >= least,
    "maximum": lambda most: lambda value: not _is_number(value) or value <= most,
    "minItems": lambda least: lambda value: not isinstance(value, list) or len(value) >= least,
}

_ELSEWHERE = frozenset({"$schema", "$comment", "title", "properties", "additionalProperties"})
"""Members of a schema that say nothing of a value, or something of its members."""


@dataclass(frozen=True, slots=True)
class _Fault:
    path: tuple[str, ...]
    keyword: str
    wanted: Any
    value: Any
    is_of_type: bool
    """Whether the value has a type that its schema allows."""

    def within(self, name: str) -> "_Fault":
        """The same fault, as the value that has this one as its member sees it."""
        return replace(self, path=(name, *self.path))


def require_valid(schema: str, value: Any, *, at: str = "") -> None:
    """Check a value against ``schemas/<schema>.json``.

    Parameters
    ----------
    at
        Path of the value within its event, which the fields of a rejection begin with.

    Raises
    ------
    Rejected
        With the path of the fault that matters most and what is wrong there. That is the one nearest to the root; of
        several the last in the order of the fields' names, and on one field that of its type first.
    """
    if not _check(schema)(value):
        fault = max(_faults(_schema(schema), value), key=lambda it: (-len(it.path), it.path, not it.is_of_type))
        raise Rejected(*_described([at, *fault.path] if at else [*fault.path], fault))


@cache
def _schema(name: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = json.loads((_SCHEMAS / f"{name}.json").read_text("utf-8"))
    return schema


@cache
def _check(name: str) -> Holds:
    return _compiled(_schema(name))


def _compiled(schema: Mapping[str, Any]) -> Holds:
    """Whether a value keeps to a schema. Of many values hardly one does not: only its faults are looked for."""
    tests = [holds for _, _, holds in _keywords(schema)]
    members = [(name, _compiled(member)) for name, member in schema.get("properties", {}).items()]
    named = schema.get("properties", {}).keys()
    others = _compiled(schema["additionalProperties"]) if "additionalProperties" in schema else None

    def members_hold(value: Any) -> bool:
        if isinstance(value, dict):
            for name, holds in members:
                if name in value and not holds(value[name]):
                    return False
            if others is not None:
                return all(others(value[name]) for name in value.keys() - named)
        return True

    if members or others:
        tests.append(members_hold)
    if len(tests) == 1:
        return tests[0]

    def all_hold(value: Any) -> bool:
        for holds in tests:  # noqa: SIM110 - all() of a generator takes twice as long
            if not holds(value):
                return False
        return True

    return all_hold


def _faults(schema: Mapping[str, Any], value: Any) -> Iterator[_Fault]:
    """What is wrong with a value."""
    is_of_type = "type" in schema and _is_of(schema["type"])(value)
    for keyword, wanted, holds in _keywords(schema):
        if not holds(value):
            yield _Fault((), keyword, wanted, value, is_of_type)
    if isinstance(value, dict):
        for name, member in value.items():
            its_schema = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            for fault in _faults(its_schema, member) if its_schema else ():
                yield fault.within(name)


def _keywords(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any, Holds]]:
    for keyword, wanted in schema.items():
        if keyword not in _ELSEWHERE:
            yield keyword, wanted, _KEYWORDS[keyword](wanted)


def _is_of(wanted: str | list[str]) -> Holds:
    names = [wanted] if isinstance(wanted, str) else wanted
    types = tuple(_TYPES[name] for name in names if name not in _NUMBERS)
    numbers = [_NUMBERS[name] for name in names if name in _NUMBERS]
    if not numbers:
        return lambda value: isinstance(value, types)
    return lambda value: isinstance(value, types) or any(is_one(value) for is_one in numbers)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _described(path: list[str], fault: _Fault) -> tuple[str, str]:
    """Field and reason."""
    if fault.keyword == "required":
        missing = next(name for name in fault.wanted if name not in fault.value)
        return ".".join([*path, missing]), "is missing"
    return ".".join(path), f"is {quoted(fault.value)}, not {_wanted(fault)}"


def _wanted(fault: _Fault) -> str:
    match fault.keyword:
        case "type":
            return " or ".join(fault.wanted) if isinstance(fault.wanted, list) else str(fault.wanted)
        case "minLength":
            return f"of at least {fault.wanted} characters"
        case "maxLength":
            return f"of at most {fault.wanted} characters"
        case _:
            return f"{fault.keyword} {fault.wanted}"

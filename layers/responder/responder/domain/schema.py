"""The JSON Schemas of the events that the application takes in, and the check against them.

A schema says only what the application rests on, so that a field that AWS adds or leaves out later breaks nothing.

The check is our own, for the few keywords that the schemas use: to import the library jsonschema takes as long as to
import all of this application, at every cold start. The tests hold the two against each other.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from responder.domain.faults import Rejected
from responder.domain.text import one_line

_SCHEMAS = Path(__file__).parent / "schemas"

Holds = Callable[[Any], bool]
"""Whether a value keeps to a keyword of its schema."""

_TYPES: Mapping[str, Holds] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value % 1 == 0,
    "null": lambda value: value is None,
    "number": lambda value: _is_number(value),
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}

_KEYWORDS: Mapping[str, Callable[[Any], Holds]] = {
    "type": lambda wanted: _is_of(wanted),
    "required": lambda names: lambda value: not isinstance(value, dict) or all(name in value for name in names),
    "minLength": lambda least: lambda value: not isinstance(value, str) or len(value) >= least,
    "maxLength": lambda most: lambda value: not isinstance(value, str) or len(value) <= most,
    "minimum": lambda least: lambda value: not _is_number(value) or value >= least,
    "maximum": lambda most: lambda value: not _is_number(value) or value <= most,
    "minItems": lambda least: lambda value: not isinstance(value, list) or len(value) >= least,
}
"""``properties`` and ``additionalProperties`` are about a value's members."""

_ABOUT = frozenset({"$schema", "$comment", "title"})
"""Members of a schema that say nothing of a value."""


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
    if faults := _check(schema)(value):
        fault = max(faults, key=lambda fault: (-len(fault.path), fault.path, not fault.is_of_type))
        raise Rejected(*_described([at, *fault.path] if at else [*fault.path], fault))


_Check = Callable[[Any], Sequence[_Fault]]
"""Finds a value's faults. An event has many values and hardly ever a fault: each schema is compiled once."""


@cache
def _check(name: str) -> _Check:
    return _compiled(json.loads((_SCHEMAS / f"{name}.json").read_text("utf-8")))


def _compiled(schema: Mapping[str, Any]) -> _Check:
    within = ("properties", "additionalProperties")
    keywords = [
        (keyword, wanted, _KEYWORDS[keyword](wanted))
        for keyword, wanted in schema.items()
        if keyword not in _ABOUT and keyword not in within
    ]
    members = [(name, _compiled(member)) for name, member in schema.get("properties", {}).items()]
    named = schema.get("properties", {}).keys()
    others = _compiled(schema["additionalProperties"]) if "additionalProperties" in schema else None
    is_of_type = _is_of(schema["type"]) if "type" in schema else lambda _: False

    def check(value: Any) -> Sequence[_Fault]:
        faults: list[_Fault] = []
        for keyword, wanted, holds in keywords:
            if not holds(value):
                faults.append(_Fault((), keyword, wanted, value, is_of_type(value)))
        if isinstance(value, dict):
            for name, check_member in members:
                if name in value:
                    faults += [fault.within(name) for fault in check_member(value[name])]
            if others is not None:
                for name in value.keys() - named:
                    faults += [fault.within(name) for fault in others(value[name])]
        return faults

    return check


def _is_of(wanted: str | list[str]) -> Holds:
    one, *more = [wanted] if isinstance(wanted, str) else wanted
    if not more:
        return _TYPES[one]
    is_one, is_other = _TYPES[one], _is_of(more)
    return lambda value: is_one(value) or is_other(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _described(path: list[str], fault: _Fault) -> tuple[str, str]:
    """Field and reason. Quotes no more of the event than one short scalar: reasons are logged."""
    if fault.keyword == "required":
        missing = next(name for name in fault.wanted if name not in fault.value)
        return ".".join([*path, missing]), "is missing"
    return ".".join(path), f"is {_shown(fault.value)}, not {_wanted(fault)}"


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return one_line(repr(value), 40)


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

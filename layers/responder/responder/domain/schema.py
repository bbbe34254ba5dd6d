"""The JSON Schemas of the events that the application takes in, and the check against them.

A schema says only what the application rests on, so that a field that AWS adds or leaves out later breaks nothing.

The check is our own, for the few keywords that the schemas use: to import the library jsonschema takes as long as to
import all of this application, at every cold start. The tests hold the two against each other.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from responder.domain.faults import Rejected
from responder.domain.text import one_line

_SCHEMAS = Path(__file__).parent / "schemas"

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value % 1 == 0,
    "null": lambda value: value is None,
    "number": lambda value: _is_number(value),
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}

_VIOLATED: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": lambda wanted, value: not _is_of(wanted, value),
    "required": lambda names, value: isinstance(value, dict) and any(name not in value for name in names),
    "minLength": lambda least, value: isinstance(value, str) and len(value) < least,
    "maxLength": lambda most, value: isinstance(value, str) and len(value) > most,
    "minimum": lambda least, value: _is_number(value) and value < least,
    "maximum": lambda most, value: _is_number(value) and value > most,
    "minItems": lambda least, value: isinstance(value, list) and len(value) < least,
}
"""When a value violates a keyword of its schema. ``properties`` and ``additionalProperties`` are about its members."""

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
    fault = max(
        _faults(_schema(schema), value, ()),
        key=lambda fault: (-len(fault.path), fault.path, not fault.is_of_type),
        default=None,
    )
    if fault is not None:
        raise Rejected(*_described([at, *fault.path] if at else [*fault.path], fault))


def _faults(schema: Mapping[str, Any], value: Any, path: tuple[str, ...]) -> Iterator[_Fault]:
    for keyword, wanted in schema.items():
        if keyword == "properties":
            for name in wanted if isinstance(value, dict) else ():
                if name in value:
                    yield from _faults(wanted[name], value[name], (*path, name))
        elif keyword == "additionalProperties":
            for name in value if isinstance(value, dict) else ():
                if name not in schema.get("properties", ()):
                    yield from _faults(wanted, value[name], (*path, name))
        elif _VIOLATED[keyword](wanted, value):
            yield _Fault(path, keyword, wanted, value, "type" in schema and _is_of(schema["type"], value))


def _is_of(wanted: str | list[str], value: Any) -> bool:
    return any(_TYPES[name](value) for name in ([wanted] if isinstance(wanted, str) else wanted))


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


@cache
def _schema(name: str) -> Mapping[str, Any]:
    document = json.loads((_SCHEMAS / f"{name}.json").read_text("utf-8"))
    return {keyword: wanted for keyword, wanted in document.items() if keyword not in _ABOUT}

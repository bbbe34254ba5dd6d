"""The JSON Schemas of the events that the application takes in, and the check against them.

A schema says only what the application rests on, so that a field that AWS adds or leaves out later breaks nothing.
"""

import json
from functools import cache
from importlib import resources
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from responder.domain.faults import Rejected
from responder.domain.text import one_line


def require_valid(schema: str, value: Any, *, at: str = "") -> None:
    """Check a value against ``schemas/<schema>.json``.

    Parameters
    ----------
    at
        Path of the value within its event, which the fields of a rejection begin with.

    Raises
    ------
    Rejected
        With the path of the fault that matters most and what is wrong there.
    """
    fault: ValidationError | None = best_match(_validator(schema).iter_errors(value))
    if fault is not None:
        path = [at] if at else []
        path += [str(step) for step in fault.absolute_path]
        raise Rejected(*_described(path, fault))


def _described(path: list[str], fault: ValidationError) -> tuple[str, str]:
    """Field and reason. Quotes no more of the event than one short scalar: reasons are logged."""
    if fault.validator == "required":
        required, instance = cast("list[str]", fault.validator_value), cast("dict[str, Any]", fault.instance)
        missing = next(name for name in required if name not in instance)
        return ".".join([*path, missing]), "is missing"
    return ".".join(path), f"is {_shown(fault.instance)}, not {_wanted(fault)}"


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return one_line(repr(value), 40)


def _wanted(fault: ValidationError) -> str:
    wanted = fault.validator_value
    match fault.validator:
        case "type":
            return " or ".join(wanted) if isinstance(wanted, list) else str(wanted)
        case "minLength":
            return f"of at least {wanted} characters"
        case "maxLength":
            return f"of at most {wanted} characters"
        case _:
            return f"{fault.validator} {wanted}"


@cache
def _validator(schema: str) -> Draft202012Validator:
    text = resources.files("responder.domain").joinpath("schemas", f"{schema}.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))

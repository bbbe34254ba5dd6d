"""Which fields a finding in ASFF can have, by the service model of Security Hub."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape

from responder.patterns.leaves import Leaf

_COUNTED: dict[str, tuple[Leaf, ...]] = {
    "RecordState": ("ACTIVE",),
    "Workflow.Status": ("NEW", "NOTIFIED"),
    "Compliance.Status": ("FAILED", "WARNING", "NOT_AVAILABLE"),
    "Sample": (False,),
}
"""The values of these fields in a finding that counts."""


class NoFieldError(Exception):
    """There is no such field in ASFF; the message says what is wrong with the name."""


@dataclass(frozen=True, slots=True)
class FindingField:
    """A field that holds values, and not other fields."""

    type: str
    """The model's: string, integer, double, boolean."""
    values: tuple[Leaf, ...]
    """All that it can have in a finding that counts; empty if they are not known."""

    @property
    def is_text(self) -> bool:
        return self.type in ("string", "timestamp")

    @property
    def is_number(self) -> bool:
        return self.type in ("integer", "long", "float", "double")


def find_field(name: str) -> FindingField:
    """The field of a dotted name, as in a pattern, in which lists do not show.

    Raises
    ------
    NoFieldError
        ASFF has no such field, or it holds other fields.
    """
    shape, rest, done = _finding(), name.split("."), ""
    while True:
        shape = _without_lists(shape)
        if isinstance(shape, MapShape) and rest:
            # The rest is one key, whatever dots it has.
            shape, rest = shape.value, []
        elif isinstance(shape, StructureShape) and rest:
            step, *rest = rest
            if step not in shape.members:
                raise NoFieldError(_unknown(step, done, shape))
            shape, done = shape.members[step], f"{done}.{step}".lstrip(".")
        elif rest:
            raise NoFieldError(f"{done} has no fields of its own, and so no {rest[0]}")
        elif isinstance(shape, StructureShape | MapShape):
            raise NoFieldError(f"{name} is an object: only the fields in it have values")
        else:
            return FindingField(shape.type_name, _COUNTED.get(name) or _values(shape))


def _values(shape: Shape) -> tuple[Leaf, ...]:
    return (True, False) if shape.type_name == "boolean" else tuple(getattr(shape, "enum", ()))


def _unknown(step: str, within: str, shape: StructureShape) -> str:
    close = difflib.get_close_matches(step, shape.members, n=1, cutoff=0.6)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"a finding's {within} has no {step}{hint}" if within else f"a finding has no {step}{hint}"


def _without_lists(shape: Shape) -> Shape:
    while isinstance(shape, ListShape):
        shape = shape.member
    return shape


@cache
def _finding() -> Shape:
    return botocore.session.get_session().get_service_model("securityhub").shape_for("AwsSecurityFinding")

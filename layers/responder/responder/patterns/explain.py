"""Why an event does not match: for people who write patterns, not for matching."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from responder.patterns.field import NO, YES, Field
from responder.patterns.leaves import OPAQUE, Leaf

MOST_VALUES = 5
MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A field on which an event fails a pattern."""

    path: str
    """The field's dotted name."""
    expected: str
    """What the pattern asks of it, in words."""
    found: tuple[Leaf, ...]
    """The field's values in the event, the first few of them; empty if it is absent."""
    elsewhere: bool = False
    """True if the field alone would do, but not in the array elements that the other fields need."""

    def __str__(self) -> str:
        found = ", ".join(map(_shown, self.found)) if self.found else "nothing"
        where = ", but not in one array element with the other fields" if self.elsewhere else ""
        return f"{self.path or 'the event'}: expected {self.expected}, found {found}{where}"


def explain(branches: Sequence[Sequence[Field]], event: object) -> list[Mismatch]:
    """The mismatches of the branch that comes nearest, for an event that matches none of the branches."""
    if not isinstance(event, Mapping):
        return [Mismatch("", "an object", ())]
    return min((_explain_branch(branch, event) for branch in branches), key=len)


def _explain_branch(fields: Sequence[Field], event: Mapping[str, Any]) -> list[Mismatch]:
    verdicts = [(field, field.verdict(event)) for field in fields]
    failed = [_mismatch(field, event) for field, verdict in verdicts if verdict == NO]
    return failed or [_mismatch(field, event, elsewhere=True) for field, verdict in verdicts if verdict > YES]


def _mismatch(field: Field, event: Mapping[str, Any], *, elsewhere: bool = False) -> Mismatch:
    found = tuple(value for value, _ in islice(field.leaves(event), MOST_VALUES))
    return Mismatch(field.name, field.expectation, found, elsewhere)


def _shown(value: Leaf) -> str:
    if value is OPAQUE:
        return "a value that is not JSON"
    if isinstance(value, int) and value.bit_length() > MOST_CHARACTERS:
        return "a very long number"  # Python refuses to write out the longest
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"

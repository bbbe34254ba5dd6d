"""The compiled pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from responder.patterns.arrays import agree_on_elements
from responder.patterns.explain import Mismatch, explain
from responder.patterns.field import YES, Check, Field
from responder.patterns.leaves import MISSING
from responder.patterns.operators import Entry
from responder.patterns.syntax import Branch, read_pattern


def compile_pattern(pattern: Mapping[str, Any]) -> EventPattern:
    """Compile an event pattern, as parsed from JSON or YAML, for matching many events.

    Raises
    ------
    InvalidPattern
        If EventBridge would refuse the pattern; the message begins with the path of the fault.

    >>> severe = compile_pattern({"source": ["aws.guardduty"], "detail": {"severity": [{"numeric": [">=", 7]}]}})
    >>> severe.matches({"source": "aws.guardduty", "detail": {"severity": 8.5}})
    True
    >>> compile_pattern({"detail": {"severity": [{"numeric": [">=", "7"]}]}})
    Traceback (most recent call last):
        ...
    responder.patterns.fault.InvalidPattern: detail.severity[0].numeric[1]: must be a number, not a string
    """
    return EventPattern(read_pattern(pattern))


class EventPattern:
    """A pattern, compiled. Immutable, so it may be shared between threads; made by :func:`compile_pattern`.

    Attributes
    ----------
    branches
        The ways through the pattern's ``$or``s, each the fields that must all be satisfied, in event-ruler's order.
        A pattern without ``$or`` has one.
    """

    __slots__ = ("_branch_checks", "_checks", "_gate", "_gate_strings", "branches")

    def __init__(self, branches: Sequence[Branch]) -> None:
        # Branches share most of their fields: each is compiled, and for one event judged, only once.
        distinct: set[tuple[str, tuple[Entry, ...]]] = {item for branch in branches for item in branch.items()}
        fields = {(name, entries): Field(name, entries) for name, entries in distinct}
        self.branches = tuple(
            tuple(sorted((fields[item] for item in branch.items()), key=lambda field: field.order))
            for branch in branches
        )
        shared = set(self.branches[0]).intersection(*self.branches[1:])
        self._checks = _cheapest_first(shared)
        # Most events fail most patterns on such a field, the source above all: it is worth a look without a call.
        gates = [(len(f.literals), f.name != "source", f.order, f) for f in shared if f.literals and "." not in f.name]
        gate = min(gates)[-1] if gates else None
        self._gate: Any = gate.name if gate else MISSING
        self._gate_strings = gate.literals if gate else frozenset()
        self._branch_checks = tuple((_cheapest_first(set(branch) - shared), branch) for branch in self.branches)

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether EventBridge would match the event. Never raises for anything that ``json`` can parse.

        Anything but an object matches no pattern.
        """
        if event.__class__ is not dict and not isinstance(event, Mapping):
            return False
        value = event.get(self._gate)
        if value.__class__ is str and value not in self._gate_strings:
            return False
        shared_in_arrays: tuple[Field, ...] = ()
        for check, field in self._checks:
            verdict = check(event)
            if verdict != YES:
                if not verdict:
                    return False
                shared_in_arrays = (*shared_in_arrays, field)
        for checks, branch in self._branch_checks:
            in_arrays = shared_in_arrays
            for check, field in checks:
                verdict = check(event)
                if verdict != YES:
                    if not verdict:
                        break
                    in_arrays = (*in_arrays, field)
            else:
                if not in_arrays or agree_on_elements(in_arrays, branch, event):
                    return True
        return False

    def explain(self, event: Mapping[str, Any]) -> list[Mismatch]:
        """Why the event does not match, field by field; empty if it does.

        Of a pattern with ``$or`` the branch that the event comes nearest to is explained.

        >>> pattern = compile_pattern({"source": ["aws.guardduty"], "detail": {"severity": [{"numeric": [">=", 7]}]}})
        >>> for mismatch in pattern.explain({"source": "aws.guardduty", "detail": {"severity": 5}}):
        ...     print(mismatch)
        detail.severity: expected a number >= 7, found 5
        """
        return [] if self.matches(event) else explain(self.branches, event)

    def __repr__(self) -> str:
        return f"<EventPattern {' or '.join(', '.join(field.name for field in branch) for branch in self.branches)}>"


def _cheapest_first(fields: set[Field]) -> tuple[tuple[Check, Field], ...]:
    return tuple((field.check, field) for field in sorted(fields, key=lambda field: (field.cost, field.order)))

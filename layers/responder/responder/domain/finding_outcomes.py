"""From events to findings and back: what became of an event is what became of its findings."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from responder.domain.event import Event
from responder.domain.faults import Rejected, Retryable
from responder.domain.security_hub import Finding, FindingKey, read_findings

R = TypeVar("R", bound=StrEnum)


def findings_in(event: Event, hub: str) -> list[Finding | Rejected]:
    """The findings of an event, each read or rejected; one rejection for an event that has no list of them."""
    try:
        return read_findings(event, hub=hub)
    except Rejected as rejection:
        return [rejection]


def of_event(
    findings: Sequence[Finding | Rejected], outcomes: Mapping[FindingKey, R | Exception]
) -> Mapping[FindingKey, R] | Exception:
    """An event's outcome is that of its findings; what must be tried again comes before what cannot succeed."""
    results: dict[FindingKey, R] = {}
    problems: list[Exception] = []
    for finding in findings:
        outcome = finding if isinstance(finding, Rejected) else outcomes[finding.key]
        if isinstance(outcome, Exception):
            problems.append(outcome)
        else:
            results[finding.key] = outcome  # type: ignore[union-attr]
    return (
        next((problem for problem in problems if isinstance(problem, Retryable)), next(iter(problems), None)) or results
    )


def report(results: Mapping[FindingKey, R]) -> dict[str, Any]:
    """What became of an event's findings, for the log: of several the one with which most was done.

    The members of the enumeration say in their order with which.
    """
    order = [*next(iter(results.values())).__class__.__members__]
    key, outcome = min(results.items(), key=lambda result: order.index(result[1].name))
    return {"outcome": outcome, "finding_id": key.id, "findings": len(results)}

"""A rule's own tests: histories in a compact form, and what the rule makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from responder.domain.correlation import Firing, KnownRelations, Rule, evaluate
from responder.domain.resource import Resource, resource_named
from responder.domain.security_hub import Finding, read_finding
from responder.domain.times import show_time

START = datetime(2026, 3, 1, tzinfo=UTC)
"""The beginning that the times of a test count from."""

ACCOUNT, REGION = "444455556666", "eu-west-1"
"""Those of a test's findings, unless they say others."""

_OFFSET = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a test."""

    name: str
    differences: tuple[str, ...]
    """Lines that say what was expected and what came instead; none if the test passes."""


def run_case(rule: Rule, samples: Mapping[str, Any], case: Mapping[str, Any]) -> Verdict:
    """Run one test of a rule through the pattern matcher and the evaluator."""
    relations = KnownRelations(_relations(case.get("relations") or {}))
    got = [_fired(rule, firing) for firing in evaluate(rule, history(samples, case["given"]), relations)]
    expected = sorted(
        (str(named(firing["on"])), {leg: sorted(found) for leg, found in firing["evidence"].items()})
        for firing in case["fires"]
    )
    return Verdict(case["name"], tuple(_differences(expected, sorted(got))))


def history(samples: Mapping[str, Any], given: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """The versions of findings that a test gives."""
    for step in given:
        at = START + offset(step["at"])
        document = merged(
            {
                "SchemaVersion": "2018-10-08",
                "Id": step["finding"],
                "AwsAccountId": ACCOUNT,
                "Region": REGION,
                "RecordState": "ACTIVE",
                "Workflow": {"Status": "NEW"},
            },
            samples[step["finding"]],
        )
        document |= {
            "UpdatedAt": show_time(at),
            "LastObservedAt": show_time(START + offset(step.get("observed", step["at"]))),
        }
        if "as" in step:
            document["Id"] = step["as"]
        yield read_finding(merged(document, step.get("change") or {}), seen_at=at)


def offset(text: str) -> timedelta:
    """A time of a test.

    >>> str(offset("29d23h"))
    '29 days, 23:00:00'
    """
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time of a test, such as 29d23h")
    days, hours, minutes = (int(number or 0) for number in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def merged(value: Any, change: Any) -> Any:
    """The value with a JSON merge patch (RFC 7396) applied.

    >>> merged({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None}, "d": [2]})
    {'a': {'c': 2}, 'd': [2]}
    """
    if not isinstance(change, Mapping):
        return change
    result = dict(value) if isinstance(value, Mapping) else {}
    for key, member in change.items():
        if member is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), member)
    return result


def named(text: str) -> Resource | None:
    """The resource that a test names, where findings of tests are."""
    return resource_named(text, "", partition="aws", account=ACCOUNT, region=REGION)


def _relations(given: Mapping[str, Mapping[str, list[str]]]) -> Iterator[tuple[str, Resource, Resource]]:
    for relation, by_resource in given.items():
        for resource, others in by_resource.items():
            for other in others:
                one, another = named(resource), named(other)
                if one is not None and another is not None:
                    yield relation, one, another


Fired = tuple[str, dict[str, list[str]]]
"""A resource, and by leg its evidence, sorted."""


def _fired(rule: Rule, firing: Firing) -> Fired:
    return str(firing.resource), {
        leg.name: sorted(found.value or found.finding.id for found in firing.evidence_of(leg.name)) for leg in rule.legs
    }


def _differences(expected: list[Fired], got: list[Fired]) -> Iterator[str]:
    missing = [fired for fired in expected if fired not in got]
    unexpected = [fired for fired in got if fired not in expected]
    if len(expected) == len(got) and not missing:
        return
    yield from _told("expected", missing or expected, "to fire for nothing")
    yield from _told("got", unexpected or got, "that it fires for nothing")


def _told(word: str, fired: list[Fired], nothing: str) -> Iterator[str]:
    if not fired:
        yield f"{word + ':':<10}{nothing}"
    for resource, evidence in fired:
        yield f"{word + ':':<10}{resource}"
        for leg, found in evidence.items():
            yield f"{'':<12}{leg}: {', '.join(found) or 'nothing'}"

"""A correlation rule, as the functions load it: JSON that ``responder rules build`` made of checked YAML.

What its members are for is in the schema that rules are written by, ``layers/rules/schema/rule.schema.json``.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from responder.patterns import EventPattern, compile_pattern
from responder.patterns.leaves import Route

RETENTION = timedelta(days=90)
"""How long what was observed is kept, and so the longest window. Security Hub itself keeps findings so long after their
last update."""

MAX_VALUE = 256
"""Characters of a value that are told apart."""

MOST_COUNTED = 50
"""Observations that the legs of a rule may need in all: what is kept of a pair is one row, of at most 400 KB."""

FORMAT = 1
"""Of the file of rules. Another number is for another version of this application."""

_LASTING = frozenset({"AwsAccountId", "CompanyName", "GeneratorId", "ProductArn", "ProductName", "Region"})
_LASTING_WITHIN = {"Compliance": {"SecurityControlId"}, "ProductFields": {"ControlId"}}
"""What stays as it is in all versions of a finding: who made it, and by what."""

_WINDOW = re.compile(r"([1-9][0-9]{0,3})([dh])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}
_THE_VALUE = "value"


@dataclass(frozen=True, slots=True)
class Remediation:
    """What to do about a threat: goes into the correlated finding as it is."""

    text: str
    url: str


@dataclass(frozen=True)
class Distinct:
    """How many different values of a field a leg needs. Names are dotted, as in a pattern."""

    field: str
    count: int
    matching: EventPattern | None = None
    """Which values count, by a pattern over ``{"value": …}``; every one if None."""

    def values(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        """The different values that count, as text, sorted. Only strings that are not empty, and numbers, are values.

        A long one counts by its first 256 characters.

        >>> cves = Distinct("Vulnerabilities.Id", 2, compile_pattern({"value": [{"prefix": "CVE-"}]}))
        >>> cves.values({"Vulnerabilities": [{"Id": "CVE-2026-2"}, {"Id": "GHSA-1"}, {"Id": "CVE-2026-1"}, {"Id": ""}]})
        ('CVE-2026-1', 'CVE-2026-2')
        """
        found = {
            value[:MAX_VALUE] if isinstance(value, str) else json.dumps(value)
            for value, _ in self._route.leaves(document)
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
            if self.matching is None or self.matching.matches({_THE_VALUE: value})
        }
        return tuple(sorted(found))

    @cached_property
    def _route(self) -> Route:
        return Route(self.field)


@dataclass(frozen=True, slots=True)
class Leg:
    """One of the things that must come together."""

    name: str
    pattern: EventPattern
    """Over the finding, in ASFF."""
    distinct: Distinct | None = None
    related: str | None = None
    """The relation by which a finding on another resource counts too; see ``relations``."""
    kind: EventPattern | None = None
    """What of ``pattern`` concerns what lasts; None if nothing does. A finding that it does not match never will match,
    in no version."""

    @property
    def count(self) -> int:
        """How many different values it needs; one observation where it has no field."""
        return self.distinct.count if self.distinct else 1


@dataclass(frozen=True)
class Rule:
    """A rule. ``document`` is all that its author says, for what is made of a rule that fires."""

    id: str
    title: str
    description: str
    severity: str
    remediation: Remediation
    resource_types: tuple[str, ...]
    """CloudFormation's names of the types of resources that it can fire for."""
    window: timedelta
    legs: tuple[Leg, ...]
    document: Mapping[str, Any]

    def groups(self, resource_type: str) -> bool:
        """Whether the rule can fire for a resource of this type."""
        return resource_type in self.resource_types

    @cached_property
    def digest(self) -> str:
        """Of what decides what it fires for."""
        decisive = {name: self.document[name] for name in ("legs", "resource_types", "window")}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]

    def may_concern(self, document: Mapping[str, Any]) -> bool:
        """Whether this finding, in ASFF, may match a leg in some version of it."""
        return any(leg.kind is None or leg.kind.matches(document) for leg in self.legs)


def read_rules(text: str) -> tuple[Rule, ...]:
    """The rules in the JSON text that ``responder rules build`` writes.

    Raises
    ------
    ValueError
        When the text is no such file. That what it holds is right was settled when it was built.
    """
    file = json.loads(text)
    if not isinstance(file, dict) or file.get("format") != FORMAT:
        raise ValueError(f"no correlation rules of format {FORMAT}")
    return tuple(read_rule(document) for document in file["rules"])


def read_rule(document: Mapping[str, Any]) -> Rule:
    """The rule that a document says, which has been checked before."""
    return Rule(
        id=document["id"],
        title=document["title"],
        description=document["description"],
        severity=document["severity"],
        remediation=Remediation(document["remediation"]["text"], document["remediation"]["url"]),
        resource_types=tuple(document["resource_types"]),
        window=parse_window(document["window"]),
        legs=tuple(_leg(leg) for leg in document["legs"]),
        document=document,
    )


def parse_window(text: str) -> timedelta:
    """A length of time in days or hours.

    Raises
    ------
    ValueError
        For any other text.

    >>> str(parse_window("30d")), str(parse_window("12h"))
    ('30 days, 0:00:00', '12:00:00')
    """
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no window, such as 30d or 12h")
    return int(found[1]) * _UNITS[found[2]]


def matching_values(entries: Sequence[Any]) -> EventPattern:
    """The pattern of a list of acceptable values, as a field has it. Raises InvalidPattern."""
    return compile_pattern({_THE_VALUE: entries})


def _leg(document: Mapping[str, Any]) -> Leg:
    distinct = document.get("distinct")
    kind = _lasting(document["pattern"])
    return Leg(
        name=document["name"],
        pattern=compile_pattern(document["pattern"]),
        distinct=_distinct(distinct) if distinct else None,
        related=document.get("related"),
        kind=compile_pattern(kind) if kind else None,
    )


def _lasting(pattern: Mapping[str, Any]) -> dict[str, Any]:
    """A pattern without what may differ between versions: it matches whatever the pattern does.

    >>> _lasting({"Region": ["a"], "Severity": {"Label": ["HIGH"]}, "$or": [{"AwsAccountId": ["b"]}, {"Title": ["c"]}]})
    {'Region': ['a']}
    """
    kept: dict[str, Any] = {}
    for name, wanted in pattern.items():
        if name == "$or":
            alternatives = [_lasting(alternative) for alternative in wanted]
            if all(alternatives):
                kept[name] = alternatives
        elif name in _LASTING:
            kept[name] = wanted
        elif within := {inner: wanted[inner] for inner in sorted(_LASTING_WITHIN.get(name, ())) if inner in wanted}:
            kept[name] = within
    return kept


def _distinct(document: Mapping[str, Any]) -> Distinct:
    matching = document.get("matching")
    return Distinct(document["field"], document["count"], matching_values(matching) if matching else None)

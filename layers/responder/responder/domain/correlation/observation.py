"""What one version of a finding says to a rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from responder.domain.correlation.rule import RETENTION, Leg, Rule
from responder.domain.resource import Resource
from responder.domain.security_hub import Finding, FindingKey

NO_VALUE = ""
"""The value of a leg that counts none."""

_SAMPLE = "[SAMPLE]"
"""What the titles of GuardDuty's sample findings begin with; most say so in ``Sample`` too."""


@dataclass(frozen=True, slots=True)
class Observation:
    """That a leg held for a resource at a time, with one of the values that it counts."""

    leg: str
    resource: Resource
    """The finding's own, which may be one that is related to what the rule fires for."""
    value: str
    time: datetime
    finding: FindingKey

    @property
    def subject(self) -> tuple[str, Resource, str]:
        """What is said: equal in the versions of a finding that say the same."""
        return self.leg, self.resource, self.value


def observe(rule: Rule, finding: Finding) -> frozenset[Observation]:
    """The observations that this version makes. The finding need not be whole: what it lacks, it does not say.

    Of the values of a leg the least, as many as it counts: more of one version add nothing.
    """
    legs = [leg for leg in rule.legs if leg.pattern.matches(finding.document)]
    time = plausible(finding.observed_at, finding) if legs and finding.observed_at else None
    if time is None or why_not_counted(finding) is not None:
        return frozenset()
    return frozenset(
        Observation(leg.name, resource, value, time, finding.key)
        for leg in legs
        for value in _values(leg, finding.document)
        for resource in finding.certain_resources
    )


def plausible(time: datetime, finding: Finding) -> datetime:
    """A time that a finding tells; its event's instead of one so far ahead that no clock is that wrong.

    It would be newer than all that is ever observed.
    """
    return finding.seen_at if time - finding.seen_at > RETENTION else time


def why_not_counted(finding: Finding) -> str | None:
    """Why a version of a finding makes no observation, whatever it says; None if it counts.

    What a sample shows did not happen: a correlation of samples would page somebody at the highest impact.
    """
    if finding.own_resource is not None:
        return "it is a correlated finding itself"
    if finding.record_state != "ACTIVE":
        return f"its record state is {finding.record_state}"
    if not finding.is_open:
        return f"its workflow status is {finding.workflow_status}"
    compliance = finding.document.get("Compliance")
    if isinstance(compliance, Mapping) and compliance.get("Status") == "PASSED":
        return "its compliance status is PASSED"
    if finding.document.get("Sample") is True or str(finding.document.get("Title")).startswith(_SAMPLE):
        return "it is a sample"
    return None


def _values(leg: Leg, document: Mapping[str, Any]) -> tuple[str, ...]:
    return leg.distinct.values(document)[: leg.count] if leg.distinct else (NO_VALUE,)

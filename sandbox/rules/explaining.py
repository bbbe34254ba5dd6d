"""`responder rules explain`: which leg of a rule findings match, and what is missing for it to fire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from responder.domain.correlation import (
    Leg,
    Observation,
    Relations,
    Rule,
    Standing,
    observe,
    standings,
    why_not_counted,
)
from responder.domain.event import read_event
from responder.domain.faults import Rejected
from responder.domain.security_hub import Finding, FindingKey, read_findings
from responder.domain.text import one_line
from responder.domain.times import show_time

from ..envelopes import Submission, complete, derive_hub, submissions
from ..inputs import JsonValue
from ..terminal import clean, console, safe

SECURITY_HUB = "aws.securityhub"


@dataclass(frozen=True, slots=True)
class Given:
    """A finding of the input, or why there is none."""

    origin: str
    finding: Finding | None
    reason: str | None = None
    is_other: bool = False
    """It is an event, but of another service."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a rule makes of findings."""

    rule: Rule
    given: Sequence[Given]
    standings: Sequence[Standing]

    @property
    def fires(self) -> bool:
        return any(standing.firings for standing in self.standings)


def read_history(values: Iterable[JsonValue]) -> list[Given]:
    """The findings in JSON values: bare ones, and those of Security Hub's events."""
    elements = list(submissions(values))
    hub = derive_hub(elements)
    return [given for element in elements for given in _given(complete(element, hub))]


def explain(rule: Rule, given: Sequence[Given], relations: Relations) -> Explanation:
    history = [each.finding for each in given if each.finding is not None]
    return Explanation(rule, given, standings(rule, history, relations))


def _given(element: Submission) -> list[Given]:
    if element.event is None:
        return [Given(element.origin, None, element.reason)]
    if element.event["source"] != SECURITY_HUB:
        return [Given(element.origin, None, is_other=True)]
    try:
        found = read_findings(read_event(element.event))
    except Rejected as rejection:
        return [Given(element.origin, None, str(rejection))]
    return [
        Given(element.origin, None, str(each)) if isinstance(each, Rejected) else Given(element.origin, each)
        for each in found
    ]


def print_explanation(explanation: Explanation) -> None:
    """What each finding says to the rule, then how the rule stands for each resource."""
    output, rule = console(), explanation.rule
    output.print(Text(rule.id, "bold"), Text(f"  {clean(rule.title)}", "dim"), sep="", soft_wrap=True)
    titles = {
        given.finding.key: one_line(given.finding.document.get("Title") or given.finding.key.id, 80)
        for given in explanation.given
        if given.finding is not None
    }
    output.print(Text("\nFindings", "cyan"))
    for given in (given for given in explanation.given if not given.is_other):
        what = f"  {titles[given.finding.key]}" if given.finding else ""
        output.print("  ", safe(given.origin), Text(clean(what), "dim"), sep="", soft_wrap=True)
        for line in _of_finding(rule, given):
            output.print(Text(f"      {clean(line)}"), soft_wrap=True)
    if others := sum(given.is_other for given in explanation.given):
        output.print(f"  and {others} {'event' if others == 1 else 'events'} of other services, left out")
    output.print(Text("\nResources", "cyan"))
    if not explanation.standings:
        output.print(f"  none of {', '.join(rule.resource_types)} that any finding tells of")
    for standing in explanation.standings:
        for line, style in _of_resource(rule, standing, titles):
            output.print(Text(f"  {clean(line)}", style), soft_wrap=True)


def _of_finding(rule: Rule, given: Given) -> list[str]:
    finding = given.finding
    if finding is None:
        return [f"is left out: {given.reason}"]
    matching = [leg for leg in rule.legs if leg.pattern.matches(finding.document)]
    names = " and ".join(leg.name for leg in matching)
    if reason := why_not_counted(finding):
        return [f"does not count: {reason}" + (f"; it would match {names}" if matching else "")]
    if not matching:
        leg, mismatches = min(
            ((leg, leg.pattern.explain(finding.document)) for leg in rule.legs), key=lambda pair: len(pair[1])
        )
        return [f"matches no leg; nearest is {leg.name}:", *(f"  {mismatch}" for mismatch in mismatches)]
    observations = observe(rule, finding)
    if not observations:
        return [f"matches {names}, but {_why_nothing_observed(matching, finding)}"]
    lines = []
    for leg in matching:
        found = [observation for observation in observations if observation.leg == leg.name]
        values = ", ".join(dict.fromkeys(sorted(observation.value for observation in found if observation.value)))
        for resource in sorted({str(observation.resource) for observation in found}):
            lines.append(f"{leg.name}{f': {values}' if values else ''} on {resource}")
    return lines


def _why_nothing_observed(matching: Sequence[Leg], finding: Finding) -> str:
    if finding.observed_at is None:
        return "neither its LastObservedAt nor its UpdatedAt is a time"
    if not finding.certain_resources:
        return "none of its resources can be told for certain"
    fields = [leg.distinct.field for leg in matching if leg.distinct]
    return f"has no value that counts in {' or '.join(fields)}"


def _of_resource(rule: Rule, standing: Standing, titles: dict[FindingKey, str]) -> list[tuple[str, str]]:
    lines = []
    for firing in standing.firings:
        lines.append((f"✓ fires for {standing.resource}, generation {firing.generation}", "green"))
        lines.append(
            (f"    from {show_time(firing.fired_at)} on; its evidence, as of {show_time(firing.changed_at)}:", "")
        )
        for leg in rule.legs:
            lines += _of_leg(leg, firing.evidence_of(leg.name), titles)
    if not standing.firings:
        missing = [leg for leg in rule.legs if len(standing.nearest[leg.name]) < leg.count]
        legs = (
            ", ".join(leg.name for leg in missing) or f"nothing stands within {rule.document['window']} at one moment"
        )
        lines.append((f"✗ does not fire for {standing.resource}; missing: {legs}", "yellow"))
        for leg in rule.legs:
            lines += _of_leg(leg, standing.nearest[leg.name], titles)
    return lines


def _of_leg(leg: Leg, found: Sequence[Observation], titles: dict[FindingKey, str]) -> list[tuple[str, str]]:
    needed = f"{len(found)} of {leg.count} different {leg.distinct.field}" if leg.distinct else ""
    mark = "✓" if len(found) == leg.count else "✗"
    related = f" (also by {leg.related})" if leg.related and not found else ""
    lines = [(f"    {mark} {leg.name}{f': {needed}' if needed else ''}{related}", "")]
    for observation in found:
        what = f"{observation.value}  " if observation.value else ""
        lines.append((f"        {show_time(observation.time)}  {what}{titles[observation.finding]}", "dim"))
    return lines

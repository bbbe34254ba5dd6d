"""`responder explain`: which rules matched an event, or nearly did, what was done about it, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from responder.patterns import Mismatch

from .buses import obstacle
from .envelopes import Event, Place
from .ledger import Entry, Outcome, Status
from .matching import mismatch_to_json
from .printing import describe
from .terminal import clean, console, safe

if TYPE_CHECKING:
    from .report import Report
    from .stacks import Rule
    from .world import Sandbox

MOST_NEAR = 3
"""Rules of a bus that are shown although they do not match: the nearest."""

_MEANINGS = {
    "opened": "opened an incident",
    "updated": "added it to the open incident of its cause",
    "duplicate": "did nothing more, because it was recorded before",
    "late": "only recorded it, because its incident is resolved and it is from before that",
    "waiting": "keeps it waiting, because it opens nothing by itself and its cause has no open incident",
    "notified": "could not open an incident, and told people on the notification topic",
    "noted": "only recorded it, because people were told that its incident could not be opened",
    "ignored": "left it alone",
    "enriched": "brought its account's context into the finding",
    "current": "left the finding as it is, because it has its account's context",
    "written_before": "did nothing more, because it wrote the finding a moment ago",
    "left_alone": "left the finding alone, because it is resolved, suppressed or archived",
    "resolved": "resolved the findings of what was deleted",
    "nothing_to_resolve": "found no open finding of what was deleted",
    "not_deleted": "did nothing, because the event proves no deletion",
    "gone": "did nothing, because Security Hub no longer has the finding",
    "rejected": "set it aside in the dead-letter queue, because it can never be handled",
    "failed": "failed, and got it again",
}
"""What functions did, by the outcome that they log."""


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """How a rule compares with an event."""

    rule: str
    mismatches: tuple[Mismatch, ...]
    obstacle: str | None
    """Why the rule did not let it pass whatever its pattern says."""

    @property
    def matches(self) -> bool:
        return not self.mismatches and self.obstacle is None

    @property
    def distance(self) -> tuple[int, int]:
        """How far the event is from matching: fields that say what kind of event it is, then all fields."""
        of_kind = sum(mismatch.path in ("source", "detail-type") for mismatch in self.mismatches)
        return of_kind, len(self.mismatches)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of one element of the input."""

    entry: Entry
    member: Place | None
    member_rules: Sequence[RuleVerdict]
    hub: Place
    hub_rules: Sequence[RuleVerdict]
    incidents: Sequence[Mapping[str, Any]]

    @property
    def why(self) -> str:
        """What was or was not done, and why, in a sentence or two."""
        entry = self.entry
        if entry.event is None:
            return f"Rejected before it reached a bus: {entry.reason}."
        if entry.status is Status.UNMATCHED:
            return f"Nothing was done: {entry.reason}.{self._nearest()}"
        told = [_told(outcome, self.incidents) for outcome in entry.outcomes if outcome.outcome not in _TOLD_BY_REASON]
        if entry.status is not Status.HANDLED:
            told.append(f"{str(entry.status).capitalize()}: {entry.reason}.")
        return " ".join(told) or f"Handled by {', '.join(entry.functions) or 'no function'}, which says nothing of it."

    def _nearest(self) -> str:
        rules = self.hub_rules if self.entry.forwarded_by else self.member_rules
        if not rules:
            return ""
        fault = rules[0].obstacle or "; ".join(map(str, rules[0].mismatches))
        return f" Nearest is {rules[0].rule}: {fault}."


_TOLD_BY_REASON = (Status.REJECTED, Status.FAILED)


def explain(sandbox: Sandbox, entries: Iterable[Entry], report: Report) -> list[Explanation]:
    """Explain what a sandbox has worked on."""
    incidents = {incident["key"]: incident for incident in report["incidents"]}
    return [_explanation(sandbox, entry, incidents) for entry in entries]


def _explanation(sandbox: Sandbox, entry: Entry, incidents: Mapping[str | None, Mapping[str, Any]]) -> Explanation:
    topology, hub, event = sandbox.topology, sandbox.hub, entry.event
    keys = dict.fromkeys(outcome.incident_key for outcome in entry.outcomes if outcome.incident_key)
    concerned = [incidents[key] for key in keys if key in incidents]
    if event is None:
        return Explanation(entry, None, (), hub, (), concerned)
    member = topology.member(event["account"], event["region"])
    verdicts = [_verdict(rule, event) for rule in topology.default_bus(event["account"], event["region"])]
    verdicts += [_undeployed(rule, event, member.place, sandbox) for rule in topology.rules_only_at_the_hub(member)]
    hub_buses = (bus for name, bus in topology.hub.buses.items() if name != "default")
    at_hub = [_verdict(rule, event) for bus in hub_buses for rule in bus.rules]
    return Explanation(entry, member.place, _worth_showing(verdicts), hub, _worth_showing(at_hub), concerned)


def _verdict(rule: Rule, event: Event) -> RuleVerdict:
    return RuleVerdict(rule.name, tuple(rule.pattern.explain(event)), obstacle(rule, event))


def _undeployed(rule: Rule, event: Event, place: Place, sandbox: Sandbox) -> RuleVerdict:
    condition = sandbox.topology.condition_of_member_rule(rule.name)
    because = f": its condition {condition} is false there" if condition else ""
    return RuleVerdict(rule.name, tuple(rule.pattern.explain(event)), f"not deployed in {place}{because}")


def _worth_showing(verdicts: Iterable[RuleVerdict]) -> list[RuleVerdict]:
    """The rules that match, then the nearest others: of the event's kind if there are any, else the nearest of all."""
    ranked = sorted(verdicts, key=lambda verdict: (not verdict.matches, verdict.distance))
    matching = [verdict for verdict in ranked if verdict.matches]
    others = ranked[len(matching) :]
    near = [verdict for verdict in others if verdict.distance[0] == 0]
    if not matching and not near:
        near = [verdict for verdict in others if verdict.distance == others[0].distance]
    return matching + near[:MOST_NEAR]


def _told(outcome: Outcome, incidents: Sequence[Mapping[str, Any]]) -> str:
    told = f"{outcome.function} {_MEANINGS.get(outcome.outcome, f'says {outcome.outcome}')}"
    incident = next((found for found in incidents if found["key"] == outcome.incident_key), None)
    if incident is not None:
        told += f', "{incident["title"]}", impact {incident["impact"]}'
    elif outcome.incident_key:
        told += f" ({outcome.incident_key})"
    return f"{told}: {outcome.reason}." if outcome.reason else f"{told}."


def to_json(explanations: Sequence[Explanation], hub: Place) -> dict[str, Any]:
    """The object that `responder explain --json` prints."""
    return {"events": [_to_json(explanation) for explanation in explanations], "hub": str(hub)}


def _to_json(explanation: Explanation) -> dict[str, Any]:
    entry = explanation.entry
    named: Mapping[str, Any] = entry.event or entry.submission.named or {}
    return {
        "id": named.get("id"),
        "file": entry.origin,
        "source": named.get("source"),
        "detail_type": named.get("detail-type"),
        "account": named.get("account"),
        "region": named.get("region"),
        "status": str(entry.status),
        "reason": entry.reason,
        "why": explanation.why,
        "member": _bus_to_json(explanation.member, explanation.member_rules),
        "hub": _bus_to_json(explanation.hub, explanation.hub_rules),
        "outcomes": [
            {
                "function": outcome.function,
                "outcome": outcome.outcome,
                "meaning": _MEANINGS.get(outcome.outcome),
                "incident_key": outcome.incident_key,
                "reason": outcome.reason,
            }
            for outcome in entry.outcomes
        ],
        "incidents": [
            {name: incident[name] for name in ("backend", "key", "title", "impact", "status", "arn")}
            for incident in explanation.incidents
        ],
    }


def _bus_to_json(place: Place | None, verdicts: Sequence[RuleVerdict]) -> dict[str, Any]:
    return {
        "account": place.account if place else None,
        "region": place.region if place else None,
        "rules": [
            {
                "rule": verdict.rule,
                "matches": verdict.matches,
                "obstacle": verdict.obstacle,
                "mismatches": [mismatch_to_json(mismatch) for mismatch in verdict.mismatches],
            }
            for verdict in verdicts
        ],
    }


def print_explanations(explanations: Sequence[Explanation]) -> None:
    output = console()
    for number, explanation in enumerate(explanations):
        if number:
            output.print()
        entry = explanation.entry
        what = Text(f"  {clean(describe(entry.event))}", "dim")
        output.print(safe(entry.origin, "bold"), what, sep="", soft_wrap=True)
        output.print(Text(f"  {clean(explanation.why)}"), soft_wrap=True)
        if explanation.member is None:
            continue
        _print_bus(output, f"default bus of {explanation.member}", explanation.member_rules)
        unreached = "" if entry.forwarded_by or entry.rules else ", which it did not reach"
        _print_bus(output, f"hub's bus in {explanation.hub}{unreached}", explanation.hub_rules)


def _print_bus(output: Console, title: str, verdicts: Sequence[RuleVerdict]) -> None:
    output.print(Text(f"  {title}", "cyan"), soft_wrap=True)
    if not verdicts:
        output.print(Text("    no rules", "dim"))
    for verdict in verdicts:
        mark = Text("✓", "green") if verdict.matches else Text("✗", "yellow")
        output.print("    ", mark, f" {verdict.rule}", sep="", soft_wrap=True)
        faults = [verdict.obstacle] if verdict.obstacle else []
        for fault in faults + [str(mismatch) for mismatch in verdict.mismatches]:
            output.print(Text(f"        {clean(fault)}", "dim"), soft_wrap=True)

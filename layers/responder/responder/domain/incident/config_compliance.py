"""Config compliance as incidents: one per chosen rule and resource."""

from collections.abc import Sequence

from responder.domain.config import ComplianceChange
from responder.domain.event import Event
from responder.domain.incident import console
from responder.domain.incident.occurrence import Occurrence, RelatedItem, compose_key, compose_text, compose_title
from responder.domain.text import one_line

_FIRST_PUBLIC = (
    "turn on block public access for the bucket unless its owner needs it open; then check who read or wrote."
)
_FIRST_OTHER = "find out who changed the resource (its Config timeline tells when) and undo the change."
_FIRST_COMPLIANT = (
    "if nothing later in this timeline says otherwise, nothing is left to contain: "
    "find out what happened while the resource was not compliant."
)


def occurrence(change: ComplianceChange, event: Event, rule_names: Sequence[str]) -> Occurrence | str:
    """What a compliance change says to its incident; as text, why it is none of an incident's business.

    The key has the chosen name, not the whole name of the rule: a rule on its own, its copy in a conformance pack and
    Security Hub's are one cause. Impact: 2 for public write, 3 for public read and every other rule.
    """
    rule = change.rule_among(rule_names)
    if rule is None:
        return f"rule {change.rule} is not among the chosen ones"
    if change.compliance not in ("NON_COMPLIANT", "COMPLIANT"):
        return f"compliance turned {change.compliance}"
    resource = change.resource
    what = f"{change.compliance} with {rule}: {resource.type} {one_line(resource.id, 80)}"
    return Occurrence(
        key=compose_key("config", change.account, change.region, rule, resource.name),
        fingerprint=f"{change.rule}/{change.recorded_at.isoformat()}/{change.compliance}",
        event_id=event.id,
        source="responder.config",
        opens=not change.is_compliant,
        impact=2 if "public-write" in rule else 3,
        title=compose_title(what, "in account", change.account, f"({change.region})"),
        text=compose_text(
            what,
            where=f"account {change.account}, {change.region}",
            Resource=resource.arn or resource.name,
            who=None,
            when=change.recorded_at,
            Rule=change.rule,
            Before=change.previous or "not evaluated",
            Says=change.annotation,
            first=_first(change, rule),
        ),
        occurred_at=change.recorded_at,
        related_items=tuple(_related(change)),
        document=event.document,
    )


def _first(change: ComplianceChange, rule: str) -> str:
    if change.is_compliant:
        return _FIRST_COMPLIANT
    return _FIRST_PUBLIC if rule.startswith("s3-bucket-public-") else _FIRST_OTHER


def _related(change: ComplianceChange) -> list[RelatedItem]:
    resource = change.resource
    page = console.config_timeline(change.region, resource.type, resource.id)
    items = [RelatedItem("Config timeline", page)] if page else []
    return items + ([RelatedItem(resource.name, resource.arn)] if resource.arn else [])

"""The report of a run: the one JSON object of `responder run --json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moto.sns.models import sns_backends

from .aws_services import ops_center, security_hub, ssm_incidents
from .clock import format_time
from .ledger import Entry

if TYPE_CHECKING:
    from .world import Sandbox

Report = dict[str, Any]

_ENVELOPE = ("id", "source", "detail-type", "account", "region")


def build_report(sandbox: Sandbox, *, duration_seconds: float) -> Report:
    """What the sandbox's world looks like now. Two equal runs differ in `duration_ms` only."""
    return {
        "events": [_event(entry) for entry in sandbox.ledger.entries],
        "incidents": [
            *(_incident(incident) for incident in ssm_incidents.incidents(account_id=sandbox.hub.account)),
            *(_ops_item(item) for item in ops_center.ops_items(account_id=sandbox.hub.account)),
        ],
        "findings": security_hub.findings(*sandbox.hub),
        "dead_letters": [
            {"queue": letter.queue, "reason": sandbox.ledger.reason_of(letter), "body": letter.body}
            for letter in sandbox.dead_letters()
        ],
        "notifications": _notifications(sandbox),
        "api_calls": dict(sorted(sandbox.calls.attempts.items())),
        "hub": str(sandbox.hub),
        "duration_ms": round(duration_seconds * 1000),
    }


def is_clean(report: Report) -> bool:
    """Whether every event was handled or unmatched and nothing lies in a dead-letter queue."""
    return not report["dead_letters"] and all(event["status"] in ("handled", "unmatched") for event in report["events"])


def _event(entry: Entry) -> dict[str, Any]:
    named: Mapping[str, Any] = entry.event or entry.submission.named or {}
    return {
        **{name.replace("-", "_"): named.get(name) for name in _ENVELOPE},
        "rules": list(entry.rules),
        "functions": list(entry.functions),
        "status": str(entry.status),
        "reason": entry.reason,
    }


def _incident(incident: ssm_incidents.Incident) -> dict[str, Any]:
    timeline = sorted(incident.timeline, key=lambda event: event.time)
    return {
        "backend": "IncidentManager",
        "key": _incident_key(incident),
        "title": incident.title,
        "impact": incident.impact,
        "status": incident.status,
        "arn": incident.arn,
        "timeline": [{"time": format_time(event.time), "type": event.type, "data": event.data} for event in timeline],
        "related_items": [item.description() for item in incident.related_items],
    }


def _ops_item(item: ops_center.OpsItem) -> dict[str, Any]:
    """An OpsItem of the application: timeline and links are operational data, resources are related resources."""
    data = {key: entry["Value"] for key, entry in item.operational_data.items()}
    timeline = sorted((key.split("/")[1], text) for key, text in data.items() if key.startswith("timeline/"))
    links = [text.partition(": ") for key, text in sorted(data.items()) if key.startswith("link/")]
    resources = json.loads(data.get("/aws/resources", "[]"))
    return {
        "backend": "OpsCenter",
        "key": json.loads(data.get("/aws/dedup", "{}")).get("dedupString"),
        "title": item.title,
        "impact": item.priority,
        "status": "RESOLVED" if item.is_done else "OPEN",
        "arn": item.arn,
        "timeline": [{"time": time, "type": "Operational Data", "data": text} for time, text in timeline],
        "related_items": [
            *({"identifier": {"type": "OTHER", "value": {"url": url}}, "title": title} for title, _, url in links),
            *({"identifier": {"type": "INVOLVED_RESOURCE", "value": resource}} for resource in resources),
        ],
    }


def _incident_key(incident: ssm_incidents.Incident) -> str | None:
    """The application writes what opened an incident into its trigger, as a JSON object that names the key."""
    try:
        raw_data = json.loads((incident.trigger or {}).get("rawData") or "null")
    except ValueError:
        return None
    key = raw_data.get("incident_key") if isinstance(raw_data, dict) else None
    return key if isinstance(key, str) else None


def _notifications(sandbox: Sandbox) -> list[dict[str, Any]]:
    topics = sns_backends[sandbox.hub.account][sandbox.hub.region].topics
    return [
        {"topic": name, "subject": subject, "message": message}
        for arn, name in sandbox.topology.hub.topics.items()
        for _, message, subject, *_ in topics[arn].sent_notifications
    ]

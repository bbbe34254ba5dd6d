"""A replay of all that was archived: at least once, in no order, after all was done, and nothing comes of it."""

import json
from typing import Any

from sandbox.world import Sandbox
from tests.conftest import EVENTS, SAMPLE_EVENTS

HUB = "111122223333/eu-west-1"
RESOURCES = json.loads((EVENTS / "world" / "resources.json").read_text())["configurationItems"]


def outcome(report: dict[str, Any]) -> dict[str, Any]:
    """What there is to see of incidents, findings and notifications."""
    incidents = [
        {name: incident[name] for name in ("key", "title", "impact", "status", "timeline", "related_items")}
        for incident in report["incidents"]
    ]
    return {
        "incidents": sorted(incidents, key=lambda incident: incident["key"]),
        "findings": sorted(report["findings"], key=lambda finding: finding["Id"]),
        "notifications": report["notifications"],
        "dead_letters": report["dead_letters"],
    }


def test_everything_replayed_twice_changes_nothing() -> None:
    events = [json.loads(path.read_text()) for path in SAMPLE_EVENTS]
    with Sandbox(hub=HUB, parameters={"hub": {"IncidentBackend": "OpsCenter"}}, resources=RESOURCES) as sandbox:
        sandbox.deliver(events)
        before = outcome(sandbox.report())
        for name in ("after-the-outage", "once-more"):
            sandbox.deliver([event | {"replay-name": name} for event in events], shuffle=len(name))
        after = outcome(sandbox.report())

    assert len(before["incidents"]) >= 20
    assert before["dead_letters"] == []
    assert after == before

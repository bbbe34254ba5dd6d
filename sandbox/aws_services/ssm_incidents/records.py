"""What Incident Manager keeps: response plans, incidents with their timeline and related items, replication sets.

Each record knows its own form in the API; members that have no value are left out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


@dataclass
class ResponsePlan:
    arn: str
    name: str
    incident_template: dict[str, Any]
    display_name: str | None = None
    actions: list[dict[str, Any]] | None = None
    chat_channel: dict[str, Any] | None = None
    engagements: list[str] | None = None
    integrations: list[dict[str, Any]] | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        return _present({"arn": self.arn, "name": self.name, "displayName": self.display_name})

    def description(self) -> dict[str, Any]:
        return self.summary() | _present(
            {
                "incidentTemplate": self.incident_template,
                "actions": self.actions,
                "chatChannel": self.chat_channel,
                "engagements": self.engagements,
                "integrations": self.integrations,
            }
        )


@dataclass
class RelatedItem:
    """A resource, link or metric; `identifier` is the API's `{"type", "value"}`, which is what it is known by."""

    identifier: dict[str, Any]
    generated_id: str
    title: str | None = None

    def description(self) -> dict[str, Any]:
        return _present({"identifier": self.identifier, "title": self.title, "generatedId": self.generated_id})


@dataclass
class TimelineEvent:
    id: str
    incident_arn: str
    time: datetime
    type: str
    data: str
    updated_at: datetime
    references: list[dict[str, str]] | None = None

    def summary(self) -> dict[str, Any]:
        return _present(
            {
                "eventId": self.id,
                "incidentRecordArn": self.incident_arn,
                "eventTime": self.time,
                "eventType": self.type,
                "eventUpdatedTime": self.updated_at,
                "eventReferences": self.references,
            }
        )

    def description(self) -> dict[str, Any]:
        return self.summary() | {"eventData": self.data}


@dataclass
class Incident:
    """An incident record. `trigger` holds the `triggerDetails` it was started with, which the API does not return."""

    arn: str
    response_plan_arn: str
    title: str
    impact: int
    created_at: datetime
    created_by: str
    last_modified_at: datetime
    last_modified_by: str
    source: str
    dedupe_string: str
    trigger: dict[str, Any] | None = None
    status: str = "OPEN"
    summary: str | None = None
    resolved_at: datetime | None = None
    chat_channel: dict[str, Any] | None = None
    notification_targets: list[dict[str, str]] | None = None
    tags: dict[str, str] = field(default_factory=dict)
    related_items: list[RelatedItem] = field(default_factory=list)
    timeline: list[TimelineEvent] = field(default_factory=list)

    def record_summary(self) -> dict[str, Any]:
        return _present(
            {
                "arn": self.arn,
                "title": self.title,
                "status": self.status,
                "impact": self.impact,
                "creationTime": self.created_at,
                "resolvedTime": self.resolved_at,
                "incidentRecordSource": _present(
                    {
                        "createdBy": self.created_by,
                        "source": self.source,
                        "resourceArn": (self.trigger or {}).get("triggerArn"),
                    }
                ),
            }
        )

    def record(self) -> dict[str, Any]:
        return self.record_summary() | _present(
            {
                "summary": self.summary,
                "lastModifiedTime": self.last_modified_at,
                "lastModifiedBy": self.last_modified_by,
                "dedupeString": self.dedupe_string,
                "chatChannel": self.chat_channel,
                "notificationTargets": self.notification_targets,
            }
        )


@dataclass
class ReplicationSet:
    arn: str
    regions: dict[str, dict[str, Any]]
    created_at: datetime
    created_by: str
    tags: dict[str, str] = field(default_factory=dict)

    def description(self) -> dict[str, Any]:
        status = {"status": "ACTIVE", "statusUpdateDateTime": self.created_at}
        return {
            "arn": self.arn,
            "regionMap": {region: value | status for region, value in self.regions.items()},
            "status": "ACTIVE",
            "deletionProtected": False,
            "createdTime": self.created_at,
            "createdBy": self.created_by,
            "lastModifiedTime": self.created_at,
            "lastModifiedBy": self.created_by,
        }

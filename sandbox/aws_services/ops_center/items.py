"""OpsItems and what they are associated with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .operational_data import DedupKey, searchable

DONE = ("Resolved", "Closed")  # a finished OpsItem stands in no other one's way


@dataclass
class RelatedItem:
    association_id: str
    ops_item_id: str
    association_type: str
    resource_type: str
    resource_uri: str
    created_at: datetime
    created_by: str

    def summary(self) -> dict[str, Any]:
        return {
            "OpsItemId": self.ops_item_id,
            "AssociationId": self.association_id,
            "AssociationType": self.association_type,
            "ResourceType": self.resource_type,
            "ResourceUri": self.resource_uri,
            "CreatedBy": {"Arn": self.created_by},
            "CreatedTime": self.created_at,
            "LastModifiedBy": {"Arn": self.created_by},
            "LastModifiedTime": self.created_at,
        }


@dataclass
class OpsItem:
    id: str
    arn: str
    title: str
    description: str
    source: str
    created_at: datetime
    created_by: str
    last_modified_at: datetime
    last_modified_by: str
    type: str = "/aws/issue"
    status: str = "Open"
    version: int = 1
    priority: int | None = None
    category: str | None = None
    severity: str | None = None
    operational_data: dict[str, dict[str, str]] = field(default_factory=dict)
    notifications: list[dict[str, str]] = field(default_factory=list)
    related_ops_items: list[dict[str, str]] = field(default_factory=list)
    times: dict[str, datetime] = field(default_factory=dict)
    related_items: list[RelatedItem] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    dedup_key: DedupKey | None = None  # as of the creation: later changes of the data do not count

    @property
    def is_done(self) -> bool:
        return self.status in DONE

    def summary(self) -> dict[str, Any]:
        return self._shown() | {"OperationalData": searchable(self.operational_data)}

    def detail(self) -> dict[str, Any]:
        return self._shown() | {
            "OpsItemArn": self.arn,
            "Description": self.description,
            "Version": str(self.version),
            "OperationalData": self.operational_data,
            "Notifications": self.notifications,
            "RelatedOpsItems": self.related_ops_items,
        }

    def _shown(self) -> dict[str, Any]:
        shown: Mapping[str, Any] = {
            "OpsItemId": self.id,
            "OpsItemType": self.type,
            "Title": self.title,
            "Source": self.source,
            "Status": self.status,
            "Priority": self.priority,
            "Category": self.category,
            "Severity": self.severity,
            "CreatedTime": self.created_at,
            "CreatedBy": self.created_by,
            "LastModifiedTime": self.last_modified_at,
            "LastModifiedBy": self.last_modified_by,
            **self.times,
        }
        return {name: value for name, value in shown.items() if value is not None}

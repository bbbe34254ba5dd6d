"""OpsCenter of one account and Region: OpsItems, their deduplication and their related items.

Limits: lengths from the service model; 500,000 OpsItems an account and Region, and 10,000 a month (Systems Manager User
Guide, "Troubleshooting issues with OpsCenter"); 10 related OpsItems and 100 related items of an OpsItem.

What differs from AWS, knowingly:

- Notifications are recorded and not sent; OpsItem events, summaries and insights are not served.
- OpsItems cannot be made in another account.
- Identifiers are counted per account and Region, not random, so that two equal runs print the same.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend

from ..paging import InvalidTokenError, Pages
from .exceptions import (
    OpsItemAccessDeniedException,
    OpsItemAlreadyExistsException,
    OpsItemInvalidParameterException,
    OpsItemLimitExceededException,
    OpsItemNotFoundException,
    OpsItemRelatedItemAlreadyExistsException,
    OpsItemRelatedItemAssociationNotFoundException,
    ValidationException,
)
from .filters import select_ops_items, select_related_items
from .items import DONE, OpsItem, RelatedItem
from .operational_data import DEDUP, DedupKey, check_data, check_keys, dedup_key

OPS_ITEMS_PER_MONTH = 10_000
OPS_ITEMS = 500_000
RELATED_OPS_ITEMS = 10
RELATED_ITEMS = 100
MAX_PAGE_SIZE = 50

CATEGORIES = ("Availability", "Cost", "Performance", "Recovery", "Security")
SEVERITIES = ("1", "2", "3", "4")
TYPES = ("/aws/issue", "/aws/insight", "/aws/changerequest")
ASSOCIATION_TYPES = ("IsParentOf", "RelatesTo")
RESOURCE_TYPES = ("AWS::SSMIncidents::IncidentRecord", "AWS::SSM::Document")
_NOT_IN_SOURCE = ("aws", "amazon", "amzn")
_TIMES = ("ActualStartTime", "ActualEndTime", "PlannedStartTime", "PlannedEndTime")

Request = Mapping[str, Any]


class OpsCenterBackend(BaseBackend):
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.ops_items: dict[str, OpsItem] = {}
        self._ids_by_dedup_key: dict[DedupKey | None, list[str]] = {}
        self._created: Counter[tuple[int, int]] = Counter()
        self._issued = 0
        self._pages: Pages[Any] = Pages()

    def create_ops_item(self, request: Request, *, caller_arn: str) -> OpsItem:
        if request.get("AccountId", self.account_id) != self.account_id:
            raise OpsItemAccessDeniedException("The account is not set up to create OpsItems in other accounts.")
        _check_words(request)
        _check_source(request["Source"])
        data = _operational_data(request)
        item_id, now = self._next_id("oi"), _now()
        item = OpsItem(
            id=item_id,
            arn=f"arn:{self.partition}:ssm:{self.region_name}:{self.account_id}:opsitem/{item_id}",
            title=request["Title"],
            description=request["Description"],
            source=request["Source"],
            created_at=now,
            created_by=caller_arn,
            last_modified_at=now,
            last_modified_by=caller_arn,
            type=request.get("OpsItemType", "/aws/issue"),
            priority=request.get("Priority"),
            category=request.get("Category"),
            severity=request.get("Severity"),
            operational_data=data,
            notifications=request.get("Notifications", []),
            related_ops_items=request.get("RelatedOpsItems", []),
            times={name: request[name] for name in _TIMES if name in request},
            tags={tag["Key"]: tag["Value"] for tag in request.get("Tags", [])},
            dedup_key=dedup_key(data),
        )
        self._check_no_other_is_open(item)
        self._count_creation(now)
        self.ops_items[item.id] = item
        self._ids_by_dedup_key.setdefault(item.dedup_key, []).append(item.id)
        return item

    def require_ops_item(self, ops_item_id: str) -> OpsItem:
        if (item := self.ops_items.get(ops_item_id)) is None:
            raise OpsItemNotFoundException(ops_item_id)
        return item

    def update_ops_item(self, request: Request, *, caller_arn: str) -> None:
        """Change what is given: operational data key by key, everything else as a whole."""
        item = self.require_ops_item(request["OpsItemId"])
        _check_words(request)
        data = _updated_data(item, request)
        status = request.get("Status", item.status)
        if item.is_done and status not in DONE:
            self._check_no_other_is_open(item)
        item.status = status
        item.operational_data = data
        item.title = request.get("Title", item.title)
        item.description = request.get("Description", item.description)
        item.priority = request.get("Priority", item.priority)
        item.category = request.get("Category", item.category)
        item.severity = request.get("Severity", item.severity)
        item.notifications = request.get("Notifications", item.notifications)
        item.related_ops_items = request.get("RelatedOpsItems", item.related_ops_items)
        item.times |= {name: request[name] for name in _TIMES if name in request}
        item.version += 1
        item.last_modified_at = _now()
        item.last_modified_by = caller_arn

    def delete_ops_item(self, ops_item_id: str) -> None:
        self.ops_items.pop(ops_item_id, None)

    def describe_ops_items(self, request: Request) -> tuple[list[OpsItem], str | None]:
        """The newest first."""
        filters = request.get("OpsItemFilters", [])
        return self._page("DescribeOpsItems", request, lambda: select_ops_items(self._newest_first(), filters))

    def associate_related_item(self, request: Request, *, caller_arn: str) -> RelatedItem:
        item = self.require_ops_item(request["OpsItemId"])
        _check_one_of(request, "AssociationType", ASSOCIATION_TYPES)
        _check_one_of(request, "ResourceType", RESOURCE_TYPES)
        if any(known.resource_uri == request["ResourceUri"] for known in item.related_items):
            raise OpsItemRelatedItemAlreadyExistsException(item.id, request["ResourceUri"])
        if len(item.related_items) >= RELATED_ITEMS:
            raise OpsItemLimitExceededException("related items per OpsItem", RELATED_ITEMS, "RelatedItems")
        related = RelatedItem(
            association_id=self._next_id("association"),
            ops_item_id=item.id,
            association_type=request["AssociationType"],
            resource_type=request["ResourceType"],
            resource_uri=request["ResourceUri"],
            created_at=_now(),
            created_by=caller_arn,
        )
        item.related_items.append(related)
        return related

    def disassociate_related_item(self, ops_item_id: str, association_id: str) -> None:
        item = self.require_ops_item(ops_item_id)
        kept = [known for known in item.related_items if known.association_id != association_id]
        if len(kept) == len(item.related_items):
            raise OpsItemRelatedItemAssociationNotFoundException(association_id)
        item.related_items = kept

    def list_related_items(self, request: Request) -> tuple[list[RelatedItem], str | None]:
        """Those of one OpsItem, or of all."""

        def find() -> list[RelatedItem]:
            wanted = request.get("OpsItemId")
            items = (item for item in self.ops_items.values() if wanted in (None, item.id))
            related = [known for item in items for known in item.related_items]
            return select_related_items(related, request.get("Filters", []))

        return self._page("ListOpsItemRelatedItems", request, find)

    def _check_no_other_is_open(self, item: OpsItem) -> None:
        if item.dedup_key is None:
            return
        for other_id in self._ids_by_dedup_key.get(item.dedup_key, ()):
            other = self.ops_items.get(other_id)
            if other is not None and other is not item and not other.is_done:
                raise OpsItemAlreadyExistsException(other.id)

    def _count_creation(self, now: datetime) -> None:
        month = (now.year, now.month)
        if len(self.ops_items) >= OPS_ITEMS:
            raise OpsItemLimitExceededException("OpsItems per account and Region", OPS_ITEMS, "TotalOpsItems")
        if self._created[month] >= OPS_ITEMS_PER_MONTH:
            raise OpsItemLimitExceededException("OpsItems per month", OPS_ITEMS_PER_MONTH, "MonthlyOpsItems")
        self._created[month] += 1

    def _newest_first(self) -> Iterator[OpsItem]:
        return reversed(self.ops_items.values())

    def _next_id(self, prefix: str) -> str:
        self._issued += 1
        seed = f"{self.account_id}/{self.region_name}/{prefix}/{self._issued}"
        return f"{prefix}-{hashlib.sha256(seed.encode()).hexdigest()[:12]}"

    def _page(self, operation: str, request: Request, find: Callable[[], list[Any]]) -> tuple[list[Any], str | None]:
        asked = {name: value for name, value in request.items() if name not in ("MaxResults", "NextToken")}
        size = request.get("MaxResults", MAX_PAGE_SIZE)
        try:
            return self._pages.page(asked | {"": operation}, find, size=size, token=request.get("NextToken"))
        except InvalidTokenError as error:
            raise ValidationException(f"The next token is not valid: {error}") from error


def all_backends(account_id: str | None = None, region: str | None = None) -> Iterator[OpsCenterBackend]:
    """The backends that hold state, of one account and Region or of all, without creating any."""
    for account, name, backend in list(opscenter_backends.iter_backends()):
        if account_id in (None, account) and region in (None, name):
            yield backend  # type: ignore[misc]


def _operational_data(request: Request) -> dict[str, dict[str, str]]:
    data = {key: {"Type": "String"} | entry for key, entry in request.get("OperationalData", {}).items()}
    check_data(data)
    return data


def _updated_data(item: OpsItem, request: Request) -> dict[str, dict[str, str]]:
    changes, deletions = _operational_data(request), request.get("OperationalDataToDelete", [])
    check_keys(deletions)
    dedup = item.operational_data.get(DEDUP)
    if DEDUP in deletions or changes.get(DEDUP, dedup) != dedup:
        raise OpsItemInvalidParameterException(f"{DEDUP} cannot be changed after creation.", "OperationalData")
    data = {key: entry for key, entry in item.operational_data.items() if key not in deletions} | changes
    check_data(data)
    return data


def _check_words(request: Request) -> None:
    _check_one_of(request, "Category", CATEGORIES)
    _check_one_of(request, "Severity", SEVERITIES)
    _check_one_of(request, "OpsItemType", TYPES)
    if len(request.get("RelatedOpsItems", [])) > RELATED_OPS_ITEMS:
        raise OpsItemLimitExceededException("related OpsItems per OpsItem", RELATED_OPS_ITEMS, "RelatedOpsItems")


def _check_source(source: str) -> None:
    for word in _NOT_IN_SOURCE:
        if word in source.lower():
            raise OpsItemInvalidParameterException(f"Source must not contain {word}.", "Source")


def _check_one_of(request: Request, name: str, allowed: tuple[str, ...]) -> None:
    if name in request and request[name] not in allowed:
        raise OpsItemInvalidParameterException(f"{name} must be one of {', '.join(allowed)}.", name)


def _now() -> datetime:
    return datetime.now(UTC)


opscenter_backends: BackendDict[OpsCenterBackend] = BackendDict(OpsCenterBackend, "ssm")

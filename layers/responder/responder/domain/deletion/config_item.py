"""Deletions that AWS Config tells of: any type of resource that it knows, whatever deleted it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from responder.domain.deletion.deleted import Deletion
from responder.domain.event import Event, require_own_account
from responder.domain.faults import Rejected
from responder.domain.resource import partition_of, resources_of_config_item, unencoded
from responder.domain.schema import require_valid
from responder.domain.text import quoted
from responder.domain.times import parse_time

ITEM_CHANGE = "Config Configuration Item Change"
DELETED = frozenset({"ResourceDeleted", "ResourceDeletedNotRecorded"})
"""NotRecorded: the recorder does not record the type (any more), but it has seen the deletion."""

CONTINUOUS = timedelta(minutes=5)
DAILY = timedelta(hours=24)
"""Within which AWS Config notices a deletion, by how it records the type. An item says when it was delivered only where
that is daily. Source: ConfigurationItem in the API reference."""

_MEMBERS = ("configurationItem", "configurationItemSummary")  # the summary: of an item too large for the event


def read(event: Event) -> tuple[Deletion, ...] | str:
    """The deletion that an item proves, or why it proves none.

    Raises
    ------
    Rejected
        Naming the field that is missing or wrong.
    """
    at, item = _item(event.detail)
    require_valid("config_item", item, at=at)
    require_own_account(event, item.get("awsAccountId"), f"{at}.awsAccountId")
    status = item["configurationItemStatus"]
    if status not in DELETED:
        return f"the item's status is {quoted(status)}: the resource exists"
    # The event's Region, because an item of a global resource says "global".
    identities = resources_of_config_item(
        item, account=event.account, region=event.region, partition=partition_of(event.region)
    )
    if not identities:
        return "the item does not tell which resource it is about"
    captured = item.get("configurationItemCaptureTime")
    deletion = Deletion(
        resource=identities[0],
        arn=arn if (arn := unencoded(item.get("ARN") or "")).startswith("arn:") else None,
        also=identities[1:],
        deleted_at=parse_time(captured, f"{at}.configurationItemCaptureTime") if captured else event.time,
        by=None,
        noticed_within=DAILY if item.get("configurationItemDeliveryTime") else CONTINUOUS,
        how=f"Config item {status}",
        event_id=event.id,
    )
    return (deletion,)


def _item(detail: Mapping[str, Any]) -> tuple[str, Any]:
    """The item and its path, within whichever kind of notification it has come."""
    for member in _MEMBERS:
        if detail.get(member) is not None:
            return f"detail.{member}", detail[member]
    raise Rejected(f"detail.{_MEMBERS[0]}", "is missing")

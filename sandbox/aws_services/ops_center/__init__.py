"""OpsCenter's OpsItems (`ssm`) for moto, and what a program may ask of its state."""

from __future__ import annotations

from .items import OpsItem, RelatedItem
from .models import OpsCenterBackend, all_backends, opscenter_backends

__all__ = ["OpsCenterBackend", "OpsItem", "RelatedItem", "ops_items", "opscenter_backends"]


def ops_items(*, account_id: str | None = None, region: str | None = None) -> list[OpsItem]:
    """The OpsItems of one account and Region, or of all, in the order in which they were created."""
    return [item for backend in all_backends(account_id, region) for item in backend.ops_items.values()]

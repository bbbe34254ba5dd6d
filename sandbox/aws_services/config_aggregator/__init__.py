"""AWS Config's aggregators for moto: queries (SelectAggregateResourceConfig) and counts
(GetAggregateDiscoveredResourceCounts) over the configuration items that they know.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from moto.config.models import config_backends
from moto.utilities.utils import get_partition

from .items import InvalidItemError
from .models import ConfigAggregatorBackend, configaggregator_backends

__all__ = [
    "ConfigAggregatorBackend",
    "InvalidItemError",
    "configaggregator_backends",
    "create_organization_aggregator",
    "find_item",
    "items",
    "put_item",
]


def create_organization_aggregator(account_id: str, region: str, name: str) -> None:
    """Create an aggregator of all accounts and Regions of the organization."""
    role = f"arn:{get_partition(region)}:iam::{account_id}:role/aws-service-role/config"
    config_backends[account_id][region].put_configuration_aggregator(
        {
            "ConfigurationAggregatorName": name,
            "OrganizationAggregationSource": {"RoleArn": role, "AllAwsRegions": True},
        }
    )


def put_item(account_id: str, region: str, item: Mapping[str, Any]) -> bool:
    """Let the aggregators of this account and Region know a resource's configuration item; whether anything changed.

    It is taken in any form that Config gives it: recorded in an event or a snapshot (`awsAccountId`, `ARN`), from the
    API (JSON in strings), or as a query sees it. A resource has one item, its latest: one that was captured earlier
    than the item already known is ignored. `InvalidItemError` says what an item lacks.
    """
    return configaggregator_backends[account_id][region].put_item(item)


def items(account_id: str, region: str) -> list[dict[str, Any]]:
    """Copies of all items as a query sees them, deleted resources' too, in the order in which they became known."""
    return deepcopy(list(configaggregator_backends[account_id][region].items))


def find_item(
    account_id: str, region: str, *, owner: str, owner_region: str, resource_type: str, resource_id: str
) -> dict[str, Any] | None:
    """A copy of the item of one resource, which lives in the account `owner` and the Region `owner_region`."""
    key = (owner, owner_region, resource_type, resource_id)
    return deepcopy(configaggregator_backends[account_id][region].items.get(key))

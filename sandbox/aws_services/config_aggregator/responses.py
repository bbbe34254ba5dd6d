"""Queries and counts of aggregators, from and to the wire; everything else of AWS Config is moto's."""

from __future__ import annotations

from typing import Any

from moto.config.exceptions import NoSuchConfigurationAggregatorException
from moto.config.responses import ConfigResponse as MotoConfigResponse
from moto.core.responses import ActionResult

from ..model import Rule, Violation, message
from ..service_response import CheckedResult, ServiceResponse
from .exceptions import InvalidExpressionException, InvalidLimitException
from .models import ConfigAggregatorBackend, Source, configaggregator_backends

_PAGE_SIZES = ("Limit", "MaxResults")
_FILTERS = {"AccountId": "accountId", "Region": "awsRegion", "ResourceType": "resourceType"}
_GROUP_KEYS = {"ACCOUNT_ID": "accountId", "AWS_REGION": "awsRegion", "RESOURCE_TYPE": "resourceType"}
_BOUNDS = (Rule.MIN_LENGTH, Rule.MAX_LENGTH, Rule.MIN_VALUE, Rule.MAX_VALUE)


class ConfigResponse(ServiceResponse, MotoConfigResponse):
    @property
    def aggregator_backend(self) -> ConfigAggregatorBackend:
        return configaggregator_backends[self.current_account][self.region]

    def select_aggregate_resource_config(self) -> ActionResult:
        request = self._request_within_bounds()
        name = request["ConfigurationAggregatorName"]
        results, names, token = self.aggregator_backend.select(
            request["Expression"],
            aggregator=name,
            sources=self._require_sources(name),
            size=_page_size(request),
            token=request.get("NextToken"),
        )
        return CheckedResult(
            {
                "Results": results,
                "QueryInfo": {"SelectFields": [{"Name": selected} for selected in names]},
                "NextToken": token,
            }
        )

    def get_aggregate_discovered_resource_counts(self) -> ActionResult:
        request = self._request_within_bounds()
        name, key = request["ConfigurationAggregatorName"], request.get("GroupByKey")
        total, groups, token = self.aggregator_backend.count(
            {_FILTERS[filtered]: value for filtered, value in request.get("Filters", {}).items()},
            _GROUP_KEYS[key] if key else None,
            aggregator=name,
            sources=self._require_sources(name),
            size=request.get("Limit", 0),
            token=request.get("NextToken"),
        )
        return CheckedResult(
            {
                "TotalDiscoveredResources": total,
                "GroupByKey": key,
                "GroupedResourceCounts": [{"GroupName": group, "ResourceCount": count} for group, count in groups],
                "NextToken": token,
            }
        )

    def _request_within_bounds(self) -> dict[str, Any]:
        _refuse_bounds(self.breaches(self.sent()))
        return self.request()

    def _require_sources(self, name: str) -> list[Source]:
        aggregator = self.config_backend.config_aggregators.get(name)
        if aggregator is None:
            raise NoSuchConfigurationAggregatorException()
        organization = aggregator.organization_aggregation_source
        return [organization] if organization else list(aggregator.account_aggregation_sources or ())


def _refuse_bounds(breaches: list[Violation]) -> None:
    """Config has words of its own for an expression or a page size that is out of bounds."""
    for breach in breaches:
        if breach.rule in _BOUNDS and breach.member == "Expression":
            raise InvalidExpressionException(message([breach]))
        if breach.rule in _BOUNDS and breach.member in _PAGE_SIZES:
            raise InvalidLimitException(message([breach]))


def _page_size(request: dict[str, Any]) -> int:
    """`Limit` and `MaxResults` are two names of one thing; which of two different ones counts is not documented."""
    sizes = {request[name] for name in _PAGE_SIZES if name in request}
    if len(sizes) > 1:
        raise InvalidLimitException("Limit and MaxResults differ; give one of them.")
    return sizes.pop() if sizes else 0

"""What the configuration aggregators of one account and Region know, and queries over it and counts of it.

The aggregators themselves are moto's; an aggregator finds the items of the accounts and Regions that it aggregates.

What differs from AWS, knowingly:

- An item is known because the sandbox has put it here; recorders, authorizations and delays are not looked at.
- An item whose Region is `global` is found by an aggregator of any Regions.
- Every property below `configuration` and `supplementaryConfiguration` can be queried; AWS has a list per type.
- A property has the type of the stored value; at AWS it has one of its own, so that a number stored as text is one.
- The order of an answer without ORDER BY is that in which the items became known; at AWS it is any.
- `queries` lists what of the query language is refused.
- Groups of a count come the largest first; at AWS their order is not documented.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from moto.core.base_backend import BackendDict, BaseBackend

from ..paging import InvalidTokenError, Pages
from .exceptions import InvalidExpressionException, InvalidNextTokenException
from .items import NOT_QUERIED, ItemStore
from .queries import Query, parse
from .rows import rows
from .tokens import ExpressionError

GLOBAL = "global"
DEFAULT_PAGE_SIZE = 25
DEFAULT_PAGE_SIZE_OF_GROUPS = 500
DEFAULT_PAGE_SIZE_OF_COUNTS = 1000


class Source(Protocol):
    """The accounts and Regions of an aggregator, as moto keeps them; an organization's has no accounts of its own."""

    aws_regions: list[str] | None
    all_aws_regions: bool


class ConfigAggregatorBackend(BaseBackend):
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.items = ItemStore()
        self._pages: Pages[str] = Pages()
        self._pages_of_counts: Pages[tuple[str, int]] = Pages()

    def put_item(self, item: Mapping[str, Any]) -> bool:
        return self.items.put(item)

    def select(
        self, expression: str, *, aggregator: str, sources: list[Source], size: int, token: str | None
    ) -> tuple[list[str], tuple[str, ...], str | None]:
        """A page of results, each an object's JSON; the names of what was selected; and the next page's token.

        No page size (zero) is AWS's default. A query ordered by its count has one page only.
        """
        try:
            query = parse(expression)
        except ExpressionError as error:
            raise InvalidExpressionException(str(error)) from error
        size = size or (DEFAULT_PAGE_SIZE_OF_GROUPS if query.counts else DEFAULT_PAGE_SIZE)

        def find() -> list[str]:
            results = [json.dumps(row, separators=(",", ":")) for row in self._rows(query, sources)]
            return results[:size] if query.orders_by_count else results

        try:
            asked = {"aggregator": aggregator, "expression": expression}
            results, next_token = self._pages.page(asked, find, size=size, token=token)
        except InvalidTokenError as error:
            raise InvalidNextTokenException() from error
        return results, query.names, next_token

    def count(
        self,
        filters: Mapping[str, str],
        group_by: str | None,
        *,
        aggregator: str,
        sources: list[Source],
        size: int,
        token: str | None,
    ) -> tuple[int, list[tuple[str, int]], str | None]:
        """How many resources have these values, the same by value of a property (a page), and the next page's token.

        No page size (zero) is AWS's default.
        """
        found = [item for item in self._known(sources) if all(item[name] == value for name, value in filters.items())]

        def find() -> list[tuple[str, int]]:
            return Counter(item[group_by] for item in found).most_common() if group_by else []

        try:
            asked = {"aggregator": aggregator, "filters": filters, "group_by": group_by}
            groups, next_token = self._pages_of_counts.page(
                asked, find, size=size or DEFAULT_PAGE_SIZE_OF_COUNTS, token=token
            )
        except InvalidTokenError as error:
            raise InvalidNextTokenException() from error
        return len(found), groups, next_token

    def _rows(self, query: Query, sources: list[Source]) -> list[dict[str, Any]]:
        return rows(query, self._known(sources))

    def _known(self, sources: list[Source]) -> Iterator[dict[str, Any]]:
        return (item for item in self.items if _is_known(item, sources))


def _is_known(item: Mapping[str, Any], sources: list[Source]) -> bool:
    if item.get("configurationItemStatus") in NOT_QUERIED:
        return False
    return any(_aggregates(source, item) for source in sources)


def _aggregates(source: Source, item: Mapping[str, Any]) -> bool:
    accounts = getattr(source, "account_ids", None)
    regions = None if source.all_aws_regions else source.aws_regions
    return (accounts is None or item["accountId"] in accounts) and (
        regions is None or item["awsRegion"] in (*regions, GLOBAL)
    )


configaggregator_backends: BackendDict[ConfigAggregatorBackend] = BackendDict(ConfigAggregatorBackend, "config")

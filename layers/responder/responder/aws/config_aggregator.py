"""An aggregator of AWS Config: what the organization's accounts have, as Config recorded it last.

The aggregator is one of this account and Region. Its answers lag behind by minutes, or a day where types are recorded
daily; resources that are gone, or of a type that is not recorded, are not among them.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from responder.aws.faults import AwsUnavailable, aws_call
from responder.aws.pace import Pace, Quota
from responder.domain.deletion.recorded import Names, RecordedItem, names_of, read_item
from responder.domain.resource import Resource
from responder.domain.resource.relations import RELATIONS, relations_in

if TYPE_CHECKING:
    from mypy_boto3_config import ConfigServiceClient
    from mypy_boto3_config.type_defs import SelectAggregateResourceConfigRequestTypeDef

MAX_EXPRESSION = 4096
"""Characters of a query. Source: botocore's model."""

PAGE = 100
"""Rows a page, likewise."""

QUOTAS = {"SelectAggregateResourceConfig": Quota(2, 1)}
"""AWS documents none: this is what the application allows itself."""

_IDENTITY = "SELECT accountId, awsRegion, resourceType, resourceId, resourceName, arn, configurationItemCaptureTime"

# What relations_in reads. Of the configuration only the ids: all of it, or of its network interfaces, is many times as
# much. Source: AWS::EC2::Instance.properties.json in github.com/awslabs/aws-config-resource-schema.
_RELATIONS = (
    "SELECT accountId, awsRegion, resourceType, resourceId, arn, relationships, "
    "configuration.securityGroups.groupId, configuration.networkInterfaces.groups.groupId"
)


class ConfigAggregator:
    """The aggregator of this name. ``pace`` needs the operations of QUOTAS.

    Its methods raise AwsUnavailable or AwsRefused, also when the answer could not be read to its end. No call begins
    after ``until``, where there is one.
    """

    def __init__(self, client: "ConfigServiceClient", *, name: str, pace: Pace, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._name = name
        self._pace = pace
        self._clock = clock

    @property
    def name(self) -> str:
        return self._name

    def select(self, expression: str, *, until: datetime | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a query, in Config's subset of SQL, page by page. Stop when you have enough."""
        request: SelectAggregateResourceConfigRequestTypeDef = {
            "ConfigurationAggregatorName": self._name,
            "Expression": expression,
            "Limit": PAGE,
        }
        while True:
            if until is not None and self._clock() >= until:
                raise AwsUnavailable("no time is left for another call")
            self._pace.wait("SelectAggregateResourceConfig")
            with aws_call("query the Config aggregator"):
                answer = self._client.select_aggregate_resource_config(**request)
            yield from map(_row, answer.get("Results", []))
            if not (token := answer.get("NextToken")):
                return
            request["NextToken"] = token

    def bearing(self, names: Collection[Names], *, until: datetime) -> list[RecordedItem]:
        """Everything known under any of these names, as many of them a query as it holds."""
        rows = self._select_named(_IDENTITY, names, until=until)
        return [item for row in rows if (item := read_item(row)) is not None]

    def related(self, relation: str, resources: Collection[Resource]) -> dict[Resource, frozenset[Resource]]:
        """What a relation leads to from each of these resources, all of the type that it is ``of``.

        An empty set for one that is not known here, or whose id no query can ask for. Raises KeyError for a relation
        that is none of RELATIONS.
        """
        found: dict[Resource, set[Resource]] = {resource: set() for resource in resources}
        kind = RELATIONS[relation].of
        names = [names_of(resource, resource.account) for resource in found if resource.type == kind]
        for row in self._select_named(_RELATIONS, [known for known in names if known is not None]):
            for name, resource, other in relations_in(row):
                # A query finds namesakes too, in other Regions or by another of their names.
                if name == relation and resource in found:
                    found[resource].add(other)
        return {resource: frozenset(others) for resource, others in found.items()}

    def latest(self, kind: str, *, account: str, region: str | None, until: datetime) -> list[RecordedItem]:
        """Up to a page of an account's resources of a type, the last recorded first; of one Region, or of any."""
        return self._by_time("DESC", kind, account, region, until)

    def earliest(self, kind: str, *, account: str, region: str | None, until: datetime) -> list[RecordedItem]:
        """The same, those first whose last record is the oldest."""
        return self._by_time("ASC", kind, account, region, until)

    def _select_named(
        self, select: str, names: Collection[Names], *, until: datetime | None = None
    ) -> Iterator[dict[str, Any]]:
        for expression in _naming(select, names):
            yield from self.select(expression, until=until)

    def _by_time(self, order: str, kind: str, account: str, region: str | None, until: datetime) -> list[RecordedItem]:
        where = f"resourceType = {quoted(kind)} AND accountId = {quoted(account)}"
        if region is not None:
            where += f" AND awsRegion = {quoted(region)}"
        expression = f"{_IDENTITY} WHERE {where} ORDER BY configurationItemCaptureTime {order}"
        rows = islice(self.select(expression, until=until), PAGE)
        return [item for row in rows if (item := read_item(row)) is not None]


def quoted(text: str) -> str:
    """A text as a query writes it.

    Raises
    ------
    ValueError
        When it has a quote or a backslash: AWS does not document how those are written.

    >>> quoted("acme-logs")
    "'acme-logs'"
    """
    if "'" in text or "\\" in text:
        raise ValueError("a text with a quote or a backslash cannot be asked for")
    return f"'{text}'"


def _naming(select: str, names: Collection[Names]) -> Iterator[str]:
    """Queries for what bears these names, as few as the length of one allows."""
    batch: list[Names] = []
    expression = ""
    for wanted in sorted(set(names), key=lambda wanted: (wanted.account or "", wanted.type, wanted.names)):
        longer = _bearing(select, [*batch, wanted])
        if batch and len(longer) > MAX_EXPRESSION:
            yield expression
            batch, longer = [], _bearing(select, [wanted])
        batch.append(wanted)
        expression = longer
    if batch:
        yield expression


def _bearing(select: str, batch: list[Names]) -> str:
    types = _list(wanted.type for wanted in batch)
    by_account: dict[str | None, list[Names]] = {}
    for wanted in batch:
        by_account.setdefault(wanted.account, []).append(wanted)
    alternatives = " OR ".join(_of_account(account, wanted) for account, wanted in by_account.items())
    return f"{select} WHERE resourceType IN ({types}) AND ({alternatives})"


def _of_account(account: str | None, batch: list[Names]) -> str:
    names = _list(name for wanted in batch for name in wanted.names)
    arns = _list(arn for wanted in batch for arn in wanted.arns)
    named = f"resourceId IN ({names}) OR resourceName IN ({names})" + (f" OR arn IN ({arns})" if arns else "")
    return f"(accountId = {quoted(account)} AND ({named}))" if account else f"({named})"


def _list(texts: Iterable[str]) -> str:
    return ", ".join(quoted(text) for text in dict.fromkeys(texts))


def _row(text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise AwsUnavailable("could not query the Config aggregator: a row of its answer is no JSON object")
    return row

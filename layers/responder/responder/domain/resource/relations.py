"""Which resources stand for one another, so that a finding on the one tells of the other too."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from responder.domain.resource.identity import Resource, partition_of
from responder.domain.resource.mentions import resource_of_config_item


@dataclass(frozen=True, slots=True)
class Relation:
    """A kind of relation: each resource of the type ``of`` has some of the type ``to``."""

    name: str
    of: str
    to: str


SECURITY_GROUP_OF_INSTANCE = Relation(
    "security-group-of-instance", of="AWS::EC2::Instance", to="AWS::EC2::SecurityGroup"
)

RELATIONS: Mapping[str, Relation] = {relation.name: relation for relation in (SECURITY_GROUP_OF_INSTANCE,)}
"""Every relation that a leg may name."""


class Relations(Protocol):
    """What is known of related resources."""

    def related(self, resource: Resource, relation: str) -> Collection[Resource]:
        """The resources that ``relation`` leads to from this one; none where nothing is known."""


class KnownRelations:
    """Relations that are given, each as its name, the resource, and one that it leads to."""

    def __init__(self, given: Iterable[tuple[str, Resource, Resource]] = ()) -> None:
        self._related: defaultdict[tuple[str, Resource], dict[Resource, None]] = defaultdict(dict)
        for relation, resource, other in given:
            self._related[relation, resource][other] = None

    def related(self, resource: Resource, relation: str) -> Collection[Resource]:
        return tuple(self._related.get((relation, resource), ()))


NO_RELATIONS: Relations = KnownRelations()
"""Without an aggregator of AWS Config, a leg holds for the same resource only."""


def relations_in(item: Mapping[str, Any]) -> Iterator[tuple[str, Resource, Resource]]:
    """The relations that a configuration item of AWS Config tells of, whose account and Region it must name.

    Events and snapshots call the account ``awsAccountId``, answers to queries and about history ``accountId``.
    An instance's security groups are in its ``relationships``; in its ``configuration`` those of its first network
    interface are in ``securityGroups`` and each interface's in ``groups``. An item may lack either.
    """
    if item.get("resourceType") != SECURITY_GROUP_OF_INSTANCE.of:
        return
    region = str(item.get("awsRegion") or "")
    account = str(item.get("awsAccountId") or item.get("accountId") or "")
    where = {"account": account, "region": region, "partition": partition_of(region)}
    instance = resource_of_config_item(item, **where)
    if instance is None:
        return
    for id_ in dict.fromkeys(_group_ids(item)):
        group = Resource(instance.partition, instance.account, instance.region, SECURITY_GROUP_OF_INSTANCE.to, id_)
        yield SECURITY_GROUP_OF_INSTANCE.name, instance, group


def _group_ids(item: Mapping[str, Any]) -> Iterator[str]:
    for relationship in _objects(item.get("relationships")):
        if relationship.get("resourceType") == SECURITY_GROUP_OF_INSTANCE.to:
            yield from _text(relationship.get("resourceId"))
    configuration = _configuration(item)
    groups = [*_objects(configuration.get("securityGroups"))]
    for interface in _objects(configuration.get("networkInterfaces")):
        groups += _objects(interface.get("groups"))
    for group in groups:
        yield from _text(group.get("groupId"))


def _configuration(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object in events and in the aggregator's answers, the text of one in answers about history."""
    found = item.get("configuration")
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            return {}
    return found if isinstance(found, Mapping) else {}


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (element for element in value if isinstance(element, Mapping))


def _text(value: object) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value

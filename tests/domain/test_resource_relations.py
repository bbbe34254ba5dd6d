"""Relations that AWS Config tells of."""

import json
from typing import Any

import pytest

from responder.domain.correlation import NO_RELATIONS, KnownRelations
from responder.domain.resource.relations import relations_in
from tests.domain.correlation.histories import GROUP, resource

ITEM = {
    "resourceType": "AWS::EC2::Instance",
    "resourceId": "i-1",
    "awsAccountId": "444455556666",
    "awsRegion": "eu-west-1",
}
RELATION = "security-group-of-instance"


def groups(**item: Any) -> list[str]:
    found = list(relations_in(ITEM | item))
    assert {(name, of) for name, of, _ in found} <= {(RELATION, resource("i-1"))}
    assert all(to == resource(to.id, GROUP) for *_, to in found)
    return [to.id for *_, to in found]


def test_an_item_of_a_query_names_its_account_otherwise() -> None:
    item = {name: value for name, value in ITEM.items() if name != "awsAccountId"} | {"accountId": "444455556666"}
    related = [{"resourceType": GROUP, "resourceId": "sg-1"}]
    assert list(relations_in(item | {"relationships": related})) == list(
        relations_in(ITEM | {"relationships": related})
    )


def test_the_groups_of_an_instance_are_in_its_relationships_and_its_configuration() -> None:
    related = [
        {"resourceType": GROUP, "resourceId": "sg-1", "relationshipName": "Is associated with SecurityGroup"},
        {"resourceType": "AWS::EC2::Subnet", "resourceId": "subnet-1"},
    ]
    configuration = {
        "securityGroups": [{"groupId": "sg-1"}, {"groupId": "sg-2"}],
        "networkInterfaces": [{"groups": [{"groupId": "sg-2"}]}, {"groups": [{"groupId": "sg-3"}]}],
    }
    assert groups(relationships=related) == ["sg-1"]
    assert groups(configuration=configuration) == ["sg-1", "sg-2", "sg-3"]
    assert groups(relationships=related, configuration=json.dumps(configuration)) == ["sg-1", "sg-2", "sg-3"]


@pytest.mark.parametrize(
    "item",
    [
        {"configuration": None, "relationships": None},
        {"configuration": "{", "relationships": [7, {}]},
        {"configuration": {"securityGroups": {}, "networkInterfaces": [None]}},
        {"resourceType": "AWS::EC2::Volume", "configuration": {"securityGroups": [{"groupId": "sg-1"}]}},
        {"resourceId": None},
    ],
)
def test_an_item_that_tells_of_none(item: dict[str, Any]) -> None:
    assert groups(**item) == []


def test_relations_lead_from_the_instance_to_its_groups() -> None:
    one, other, instance = resource("sg-1", GROUP), resource("sg-2", GROUP), resource("i-1")
    relations = KnownRelations([(RELATION, instance, one), (RELATION, instance, other), (RELATION, instance, one)])
    assert list(relations.related(instance, RELATION)) == [one, other]
    assert not relations.related(one, RELATION)
    assert not NO_RELATIONS.related(instance, RELATION)

"""Asking a Config aggregator what there is, many names a query, against the query language that AWS documents."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from responder.aws.config_aggregator import MAX_EXPRESSION, QUOTAS, ConfigAggregator
from responder.aws.faults import AwsRefused, AwsUnavailable
from responder.aws.pace import Pace, Quota
from responder.domain.correlation import RELATIONS
from responder.domain.deletion.recorded import COVERED, Names, names_of
from responder.domain.resource import Resource
from responder.domain.resource.relations import SECURITY_GROUP_OF_INSTANCE
from sandbox.aws_services import config_aggregator, install
from sandbox.known_resources import read_resources

HUB, REGION = "123456789012", "eu-west-1"
ACCOUNT, OTHER_ACCOUNT = "444455556666", "222222222222"
NOW = datetime(2026, 3, 10, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
INSTANCE, GROUP = "AWS::EC2::Instance", "AWS::EC2::SecurityGroup"
RELATION = SECURITY_GROUP_OF_INSTANCE.name


def port(client: Any, name: str = "organization", pace: Pace | None = None) -> ConfigAggregator:
    pace = pace or Pace({"SelectAggregateResourceConfig": Quota(1000, 1)}, clock=lambda: NOW, sleep=lambda _: None)
    return ConfigAggregator(client, name=name, pace=pace, clock=lambda: NOW)


def names(id_: str, account: str | None = ACCOUNT, kind: str = INSTANCE) -> Names:
    found = names_of(Resource("aws", account or ACCOUNT, REGION, kind, id_), account)
    assert found is not None
    return found


def put(id_: str, account: str = ACCOUNT, **change: Any) -> None:
    item = {
        "awsAccountId": account,
        "awsRegion": REGION,
        "resourceType": INSTANCE,
        "resourceId": id_,
        "ARN": f"arn:aws:ec2:{REGION}:{account}:instance/{id_}",
        "configurationItemCaptureTime": "2026-03-05T10:00:00.000Z",
        "configurationItemStatus": "OK",
    }
    config_aggregator.put_item(HUB, REGION, item | change)


class World:
    def __init__(self) -> None:
        config_aggregator.create_organization_aggregator(HUB, REGION, "organization")
        self.client = boto3.client("config")
        self.calls: list[dict[str, Any]] = []
        self.client.meta.events.register("before-parameter-build.config", self._note)
        self.aggregator = port(self.client)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.calls.append(dict(params))

    def bearing(self, *wanted: Names) -> list[tuple[str, str]]:
        """Account and canonical id of what is found."""
        items = self.aggregator.bearing(wanted, until=LATER)
        return sorted((item.account, item.identities[0].id) for item in items)


@pytest.fixture
def world() -> Iterator[World]:
    install()
    with mock_aws():
        yield World()


def test_names_with_an_account_find_that_accounts_resources_only(world: World) -> None:
    for account in (ACCOUNT, OTHER_ACCOUNT):
        put("i-1", account)
        put("i-2", account)
        put("i-3", account)

    assert world.bearing(names("i-1"), names("i-2", OTHER_ACCOUNT), names("i-4")) == [
        (OTHER_ACCOUNT, "i-2"),
        (ACCOUNT, "i-1"),
    ]
    assert world.bearing(names("i-3", None)) == [(OTHER_ACCOUNT, "i-3"), (ACCOUNT, "i-3")]


def test_a_resource_is_found_by_its_id_its_name_and_its_arn(world: World) -> None:
    put("i-1", ARN=None)
    put("AROAREPORT", resourceType="AWS::IAM::Role", resourceName="report", ARN=None, awsRegion="global")
    queue = "https://sqs.eu-west-1.amazonaws.com/444455556666/jobs"
    put(queue, resourceType="AWS::SQS::Queue", ARN=f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs")

    wanted = [names("i-1"), names("report", kind="AWS::IAM::Role"), names("jobs", kind="AWS::SQS::Queue")]

    assert world.bearing(*wanted) == [(ACCOUNT, "i-1"), (ACCOUNT, "jobs"), (ACCOUNT, "report")]
    assert len(world.calls) == 1


def test_what_is_deleted_is_not_found(world: World) -> None:
    put("i-1", configurationItemStatus="ResourceDeleted")

    assert world.bearing(names("i-1")) == []


def test_many_names_share_few_queries_and_pages_are_read_to_their_end(world: World) -> None:
    ids = [f"i-{number:017x}" for number in range(250)]
    for id_ in ids:
        put(id_)
        put(id_, OTHER_ACCOUNT)

    found = world.bearing(*(names(id_, account) for id_ in ids for account in (ACCOUNT, OTHER_ACCOUNT)))

    assert len(found) == 500
    assert all(len(call["Expression"]) <= MAX_EXPRESSION for call in world.calls)
    assert len(world.calls) < 500 / 20


def test_a_page_is_followed_by_the_next(world: World) -> None:
    for number in range(250):
        put(f"i-{number}", resourceName="web")

    rows = list(world.aggregator.select("SELECT resourceId WHERE resourceName = 'web'", until=LATER))

    assert len({row["resourceId"] for row in rows}) == 250
    assert [call.get("NextToken") is None for call in world.calls] == [True, False, False]


def test_the_longest_names_fit_into_a_query(world: World) -> None:
    name = "x" * 512
    put(name, resourceType="AWS::SQS::Queue", ARN=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")

    assert world.bearing(names(name, kind="AWS::SQS::Queue")) == [(ACCOUNT, name)]


def test_the_last_recorded_come_first_and_a_page_is_enough(world: World) -> None:
    for number in range(150):
        put(f"i-{number}", configurationItemCaptureTime=f"2026-03-05T10:00:{number % 60:02}Z")
    put("i-1ast", configurationItemCaptureTime="2026-03-06T00:00:00Z")
    put("i-e15e", OTHER_ACCOUNT, configurationItemCaptureTime="2026-03-07T00:00:00Z")
    put("i-there", awsRegion="us-east-1", configurationItemCaptureTime="2026-03-08T00:00:00Z", ARN=None)

    here = world.aggregator.latest(INSTANCE, account=ACCOUNT, region=REGION, until=LATER)
    anywhere = world.aggregator.latest(INSTANCE, account=ACCOUNT, region=None, until=LATER)

    assert (here[0].identities[0].id, len(here)) == ("i-1ast", 100)
    assert here[0].captured_at == datetime(2026, 3, 6, tzinfo=UTC)
    assert (anywhere[0].identities[0].id, anywhere[0].region) == ("i-there", "us-east-1")
    assert len(world.calls) == 2


def test_no_call_begins_when_no_time_is_left(world: World) -> None:
    with pytest.raises(AwsUnavailable, match="no time"):
        world.aggregator.bearing([names("i-1")], until=NOW)

    assert world.calls == []


def test_an_aggregator_that_is_not_there_is_refused_and_not_empty(world: World) -> None:
    with pytest.raises(AwsRefused, match="NoSuchConfigurationAggregatorException"):
        port(world.client, "another").bearing([names("i-1")], until=LATER)


def test_nothing_is_asked_for_no_names(world: World) -> None:
    assert world.bearing() == []
    assert world.calls == []


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    client = boto3.client("config")
    with Stubber(client) as stub:
        stub.add_response("select_aggregate_resource_config", {"Results": [], "NextToken": "2"})
        for _ in range(5):
            stub.add_client_error("select_aggregate_resource_config", "ThrottlingException", http_status_code=400)

        with pytest.raises(AwsUnavailable):
            port(client).bearing([names("i-1")], until=LATER)


@pytest.mark.parametrize("row", ["{", "[]", "null"])
def test_a_row_that_cannot_be_read_is_no_answer(row: str) -> None:
    client = boto3.client("config")
    with Stubber(client) as stub:
        stub.add_response("select_aggregate_resource_config", {"Results": [row]})

        with pytest.raises(AwsUnavailable):
            port(client).bearing([names("i-1")], until=LATER)


# Relations


def instance(id_: str, account: str = ACCOUNT, region: str = REGION) -> Resource:
    return Resource("aws", account, region, INSTANCE, id_)


def groups(*ids: str, account: str = ACCOUNT, region: str = REGION) -> frozenset[Resource]:
    return frozenset(Resource("aws", account, region, GROUP, id_) for id_ in ids)


def associated(*ids: str) -> list[dict[str, str]]:
    """An instance's relationships as an item in an event or a snapshot has them."""
    related = [
        {"resourceId": id_, "resourceType": GROUP, "name": "Is associated with SecurityGroup"} for id_ in sorted(ids)
    ]
    return [
        {"resourceId": "subnet-1", "resourceType": "AWS::EC2::Subnet", "name": "Is contained in Subnet"},
        {"resourceId": "vpc-1", "resourceType": "AWS::EC2::VPC", "name": "Is contained in Vpc"},
        {"resourceId": "eni-1", "resourceType": "AWS::EC2::NetworkInterface", "name": "Contains NetworkInterface"},
        *related,
    ]


def related(world: World, *resources: Resource) -> Mapping[Resource, frozenset[Resource]]:
    return world.aggregator.related(RELATION, resources)


def test_an_instance_leads_to_its_security_groups(world: World) -> None:
    put("i-1", relationships=associated("sg-1", "sg-2"))
    put("i-2", relationships=associated("sg-2"))
    put("i-3", relationships=associated("sg-3"))

    assert related(world, instance("i-1"), instance("i-2")) == {
        instance("i-1"): groups("sg-1", "sg-2"),
        instance("i-2"): groups("sg-2"),
    }
    assert len(world.calls) == 1


def test_the_groups_of_every_network_interface_count(world: World) -> None:
    configuration = {
        "instanceId": "i-1",
        "securityGroups": [{"groupId": "sg-1", "groupName": "web"}],
        "networkInterfaces": [
            {"networkInterfaceId": "eni-1", "groups": [{"groupId": "sg-1", "groupName": "web"}]},
            {"networkInterfaceId": "eni-2", "groups": [{"groupId": "sg-2", "groupName": "db"}, {"groupId": "sg-3"}]},
        ],
    }
    put("i-1", configuration=configuration, relationships=[])

    assert related(world, instance("i-1")) == {instance("i-1"): groups("sg-1", "sg-2", "sg-3")}


def test_a_namesake_in_another_account_or_region_is_another_instance(world: World) -> None:
    put("i-1", relationships=associated("sg-1"))
    put("i-1", OTHER_ACCOUNT, relationships=associated("sg-2"))
    put("i-1", awsRegion="us-east-1", ARN=None, relationships=associated("sg-3"))
    put("i-2", resourceName="i-1", relationships=associated("sg-4"))
    here, there = instance("i-1"), instance("i-1", OTHER_ACCOUNT)

    assert related(world, here) == {here: groups("sg-1")}
    assert related(world, here, there) == {here: groups("sg-1"), there: groups("sg-2", account=OTHER_ACCOUNT)}
    elsewhere = instance("i-1", region="us-east-1")
    assert related(world, elsewhere) == {elsewhere: groups("sg-3", region="us-east-1")}


def test_what_is_not_known_leads_nowhere(world: World) -> None:
    put("i-1", relationships=associated("sg-1"), configurationItemStatus="ResourceDeleted")
    put("i-2", relationships=[])
    asked = [instance("i-1"), instance("i-2"), instance("i-3")]

    assert related(world, *asked) == dict.fromkeys(asked, frozenset())


@pytest.mark.parametrize("id_", ["i-1' OR resourceId = 'i-2", "i-1\\", "web", "i-" + "1" * 5000, ""])
def test_what_cannot_be_asked_for_leads_nowhere_and_stops_nothing(world: World, id_: str) -> None:
    put("i-1", relationships=associated("sg-1"))
    put("i-2", relationships=associated("sg-2"))

    assert related(world, instance("i-1"), instance(id_)) == {instance("i-1"): groups("sg-1"), instance(id_): groups()}
    assert related(world, instance(id_)) == {instance(id_): groups()}
    assert len(world.calls) == 1


def test_nothing_is_asked_about_other_types(world: World) -> None:
    (group,) = groups("sg-1")

    assert related(world, group) == {group: frozenset()}
    assert related(world) == {}
    assert world.calls == []


def test_every_relation_begins_at_a_type_that_can_be_asked_for() -> None:
    assert {relation.of for relation in RELATIONS.values()} <= set(COVERED)


def test_many_instances_share_few_queries_and_all_pages_are_read(world: World) -> None:
    asked = [instance(f"i-{number:017x}", account) for number in range(150) for account in (ACCOUNT, OTHER_ACCOUNT)]
    for number, resource in enumerate(asked):
        put(resource.id, resource.account, relationships=associated(f"sg-{number}"))

    found = related(world, *asked)

    assert found == {
        resource: groups(f"sg-{number}", account=resource.account) for number, resource in enumerate(asked)
    }
    assert all(len(call["Expression"]) <= MAX_EXPRESSION for call in world.calls)
    assert len({call["Expression"] for call in world.calls}) == len(world.calls) < 300 / 20


def test_an_answer_of_several_pages_is_read_to_its_end(world: World) -> None:
    for number in range(150):
        put(f"i-{number}", resourceName="i-a", relationships=associated("sg-1"))
    put("i-a", relationships=associated("sg-2"))

    assert related(world, instance("i-a")) == {instance("i-a"): groups("sg-2")}
    assert [call.get("NextToken") is None for call in world.calls] == [True, False]


def test_queries_for_relations_are_paced(world: World) -> None:
    slept: list[float] = []
    aggregator = port(world.client, pace=Pace(QUOTAS, clock=lambda: NOW, sleep=slept.append))

    aggregator.related(RELATION, [instance(f"i-{number:017x}") for number in range(60)])

    assert slept == [0.5 * call for call in range(1, len(world.calls))]
    assert slept


def test_only_what_is_read_is_asked_for(world: World) -> None:
    put("i-1", relationships=associated("sg-1"), configuration={"userData": "x" * 10_000, "networkInterfaces": [{}]})
    related(world, instance("i-1"))

    (row,) = world.aggregator.select(world.calls[0]["Expression"])

    assert len(json.dumps(row)) < 1000


def test_relations_are_told_of_items_in_every_form(world: World, tmp_path: Path) -> None:
    """As an event or a snapshot records it, as the API gives it, and as a query does."""
    place = {"awsRegion": REGION, "resourceType": INSTANCE, "configurationItemCaptureTime": "2026-03-05T10:00:00.000Z"}
    related_by_api = [
        {"resourceId": "sg-2", "resourceType": GROUP, "relationshipName": "Is associated with SecurityGroup"}
    ]
    items = [
        {**place, "awsAccountId": ACCOUNT, "resourceId": "i-1", "relationships": associated("sg-1")},
        {
            **place,
            "accountId": ACCOUNT,
            "arn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-2",
            "resourceId": "i-2",
            "relationships": related_by_api,
            "configuration": json.dumps({"networkInterfaces": [{"groups": [{"groupId": "sg-3"}]}]}),
        },
    ]
    file = tmp_path / "resources.json"
    file.write_text(json.dumps({"fileVersion": "1.0", "configurationItems": items}))
    for item in read_resources(str(file)):
        config_aggregator.put_item(HUB, REGION, item)

    assert related(world, instance("i-1"), instance("i-2")) == {
        instance("i-1"): groups("sg-1"),
        instance("i-2"): groups("sg-2", "sg-3"),
    }


def test_a_throttled_query_for_relations_is_worth_a_retry() -> None:
    client = boto3.client("config")
    with Stubber(client) as stub:
        for _ in range(5):
            stub.add_client_error("select_aggregate_resource_config", "ThrottlingException", http_status_code=400)

        with pytest.raises(AwsUnavailable):
            port(client).related(RELATION, [instance("i-1")])


def test_a_refused_query_for_relations_is_refused() -> None:
    client = boto3.client("config")
    with Stubber(client) as stub:
        stub.add_client_error("select_aggregate_resource_config", "AccessDeniedException", http_status_code=400)

        with pytest.raises(AwsRefused, match="AccessDeniedException"):
            port(client).related(RELATION, [instance("i-1")])


def test_an_aggregator_that_is_not_there_tells_of_no_relations_by_refusing(world: World) -> None:
    with pytest.raises(AwsRefused, match="NoSuchConfigurationAggregatorException"):
        port(world.client, "another").related(RELATION, [instance("i-1")])

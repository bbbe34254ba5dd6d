"""Config's aggregators as their callers see them: queries and counts, their form and pages, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.aws_services import config_aggregator

from .conftest import HUB, MEMBER, REGION, ClientOf
from .refusals import refused

NAME = "organization"
ORGANIZATION = {"RoleArn": f"arn:aws:iam::{HUB}:role/Config", "AllAwsRegions": True}
QUERY = "SELECT resourceId"


@pytest.fixture
def config(client_of: ClientOf) -> Any:
    client = client_of("config")
    client.put_configuration_aggregator(ConfigurationAggregatorName=NAME, OrganizationAggregationSource=ORGANIZATION)
    return client


def item(number: int = 1, **change: Any) -> dict[str, Any]:
    """A recorded configuration item, as a Config event has it."""
    return {
        "configurationItemVersion": "1.3",
        "configurationItemCaptureTime": "2026-03-01T12:00:00.000Z",
        "configurationItemStatus": "OK",
        "configurationStateId": 1602023962579,
        "awsAccountId": MEMBER,
        "awsRegion": REGION,
        "resourceType": "AWS::EC2::Instance",
        "resourceId": f"i-{number}",
        "ARN": f"arn:aws:ec2:{REGION}:{MEMBER}:instance/i-{number}",
        "availabilityZone": f"{REGION}a",
        "configuration": {"instanceType": "t3.micro"},
        "relationships": [],
        "tags": {},
    } | change


def put(*items: dict[str, Any]) -> None:
    for each in items:
        config_aggregator.put_item(HUB, REGION, each)


def select(config: Any, expression: str, **parameters: Any) -> dict[str, Any]:
    return config.select_aggregate_resource_config(
        Expression=expression, ConfigurationAggregatorName=NAME, **parameters
    )


def results(config: Any, expression: str) -> list[Any]:
    return [json.loads(result) for result in select(config, expression)["Results"]]


def ids(config: Any, condition: str = "") -> list[str]:
    return [found["resourceId"] for found in results(config, f"{QUERY} {condition}")]


# What is found


def test_a_recorded_item_is_found_under_the_names_of_a_query(config: Any) -> None:
    put(item(tags={"env": "prod"}, relationships=[{"resourceId": "sg-1", "name": "Is associated with "}]))
    [found] = results(config, "SELECT accountId, arn, version, tags, relationships, configurationStateId")
    assert found == {
        "accountId": MEMBER,
        "arn": f"arn:aws:ec2:{REGION}:{MEMBER}:instance/i-1",
        "version": "1.3",
        "tags": [{"key": "env", "value": "prod", "tag": "env=prod"}],
        "relationships": [{"resourceId": "sg-1", "relationshipName": "Is associated with "}],
        "configurationStateId": "1602023962579",
    }


def test_an_item_of_the_api_has_its_json_read(config: Any) -> None:
    put(
        item(
            configuration='{"state": {"name": "running"}, "list": "[not JSON"}',
            supplementaryConfiguration={"Block": '{"blockPublicAcls": true}', "Note": "plain"},
        )
    )
    [found] = results(config, "SELECT configuration, supplementaryConfiguration")
    assert found["configuration"] == {"state": {"name": "running"}, "list": "[not JSON"}
    assert found["supplementaryConfiguration"] == {"Block": {"blockPublicAcls": True}, "Note": "plain"}


@pytest.mark.parametrize("status", ["ResourceDeleted", "ResourceDeletedNotRecorded", "ResourceNotRecorded"])
def test_what_is_gone_or_not_recorded_is_not_found(config: Any, status: str) -> None:
    put(item(1), item(2))
    gone = item(1, configurationItemStatus=status, configurationItemCaptureTime="2026-03-01T13:00:00Z")
    put(gone | {"configuration": None, "relationships": None, "tags": None})
    assert ids(config) == ["i-2"]
    assert [known["resourceId"] for known in config_aggregator.items(HUB, REGION)] == ["i-1", "i-2"]


def test_an_item_captured_earlier_changes_nothing(config: Any) -> None:
    deleted = item(configurationItemStatus="ResourceDeleted", configurationItemCaptureTime="2026-03-01T12:00:01Z")
    assert config_aggregator.put_item(HUB, REGION, deleted)
    assert not config_aggregator.put_item(HUB, REGION, item())
    assert not config_aggregator.put_item(HUB, REGION, deleted)
    assert ids(config) == []


def test_the_same_id_in_another_account_is_another_resource(config: Any) -> None:
    put(item(), item(awsAccountId=HUB, ARN="a"))
    assert ids(config) == ["i-1", "i-1"]
    found = config_aggregator.find_item(
        HUB, REGION, owner=HUB, owner_region=REGION, resource_type="AWS::EC2::Instance", resource_id="i-1"
    )
    assert found is not None
    assert found["arn"] == "a"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"awsRegion": REGION}, "accountId"),
        (item(resourceId=""), "resourceId"),
        (item(tags="none"), "tags"),
        (item(relationships=["sg-1"]), "relationships"),
        (item(relationships=1), "relationships"),
        ([], "JSON object"),
    ],
)
def test_what_is_no_item_is_refused_by_name(given: Any, complaint: str) -> None:
    with pytest.raises(config_aggregator.InvalidItemError, match=complaint):
        config_aggregator.put_item(HUB, REGION, given)


# The aggregator


def test_an_unknown_aggregator_is_refused(config: Any) -> None:
    with refused("NoSuchConfigurationAggregatorException"):
        config.select_aggregate_resource_config(Expression=QUERY, ConfigurationAggregatorName="other")


def test_an_aggregator_finds_its_own_accounts_and_regions(config: Any) -> None:
    sources = [{"AccountIds": [MEMBER], "AwsRegions": [REGION]}]
    config.put_configuration_aggregator(ConfigurationAggregatorName="one", AccountAggregationSources=sources)
    put(item(1), item(2, awsAccountId=HUB), item(3, awsRegion="us-east-1"), item(4, awsRegion="global"))
    found = config.select_aggregate_resource_config(Expression=QUERY, ConfigurationAggregatorName="one")
    assert found["Results"] == ['{"resourceId":"i-1"}', '{"resourceId":"i-4"}']


def test_each_account_and_region_knows_its_own_items(config: Any, client_of: ClientOf) -> None:
    put(item())
    member = client_of("config", MEMBER)
    member.put_configuration_aggregator(ConfigurationAggregatorName=NAME, OrganizationAggregationSource=ORGANIZATION)
    assert ids(member) == []
    assert ids(config) == ["i-1"]


def test_motos_other_operations_of_config_stay(config: Any) -> None:
    [aggregator] = config.describe_configuration_aggregators()["ConfigurationAggregators"]
    assert aggregator["ConfigurationAggregatorName"] == NAME


# What is selected


def test_a_selected_path_keeps_its_place(config: Any) -> None:
    put(item(configuration={"imageId": "ami-1", "placement": {"tenancy": "default", "zone": "a"}}))
    answer = select(config, "SELECT resourceId, configuration.placement.tenancy, resourceName")
    assert [json.loads(found) for found in answer["Results"]] == [
        {"resourceId": "i-1", "configuration": {"placement": {"tenancy": "default"}}}
    ]
    assert [field["Name"] for field in answer["QueryInfo"]["SelectFields"]] == [
        "resourceId",
        "configuration.placement.tenancy",
        "resourceName",
    ]


def test_a_selected_path_goes_into_lists(config: Any) -> None:
    put(item(relationships=[{"resourceId": "sg-1", "resourceType": "S"}, {"resourceId": "vpc-1", "resourceType": "V"}]))
    assert results(config, "SELECT relationships.resourceId") == [
        {"relationships": [{"resourceId": "sg-1"}, {"resourceId": "vpc-1"}]}
    ]


def test_paths_into_lists_of_lists_keep_each_element(config: Any) -> None:
    interfaces = [
        {"macAddress": "02:00", "groups": [{"groupId": "sg-1", "groupName": "web"}]},
        {"macAddress": "02:01", "groups": [{"groupId": "sg-2"}, {"groupId": "sg-3"}]},
    ]
    related = [{"resourceId": "sg-1", "resourceType": "S", "name": "Is associated with SecurityGroup"}]
    configuration = {"securityGroups": [{"groupId": "sg-1", "groupName": "web"}], "networkInterfaces": interfaces}
    put(item(configuration=configuration, relationships=related), item(2, configuration=None))
    assert results(
        config,
        "SELECT relationships, configuration.securityGroups.groupId, configuration.networkInterfaces.groups.groupId",
    ) == [
        {
            "relationships": [
                {"resourceId": "sg-1", "resourceType": "S", "relationshipName": "Is associated with SecurityGroup"}
            ],
            "configuration": {
                "securityGroups": [{"groupId": "sg-1"}],
                "networkInterfaces": [
                    {"groups": [{"groupId": "sg-1"}]},
                    {"groups": [{"groupId": "sg-2"}, {"groupId": "sg-3"}]},
                ],
            },
        },
        {"relationships": []},
    ]


@pytest.mark.parametrize("order", ["configuration, configuration.a", "configuration.a, configuration"])
def test_a_whole_and_its_part_select_the_whole(config: Any, order: str) -> None:
    put(item(configuration={"a": 1, "b": 2}))
    assert results(config, f"SELECT {order}") == [{"configuration": {"a": 1, "b": 2}}]


def test_a_star_selects_the_scalars_only(config: Any) -> None:
    put(item(resourceName="web"))
    [found] = results(config, "select * where resourceId = 'i-1'")
    assert set(found) == {
        "accountId",
        "awsRegion",
        "arn",
        "availabilityZone",
        "configurationItemCaptureTime",
        "resourceId",
        "resourceName",
        "resourceType",
        "version",
    }


# Which items


@pytest.fixture
def fleet(config: Any) -> Any:
    put(
        item(
            1, tags={"Name": "it's"}, configuration={"size": 8, "encrypted": True, "launched": "2026-01-01T00:00:00Z"}
        ),
        item(2, tags={"env": "prod"}, configuration={"size": 100, "encrypted": False, "launched": "2026-02-01"}),
        item(3, resourceType="AWS::EC2::Volume", relationships=[{"resourceId": "i-1", "resourceType": "I"}]),
        item(4, resourceType="AWS::S3::Bucket", resourceName="logs-eu", configuration={"size": "8"}),
    )
    return config


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("resourceType = 'AWS::EC2::Instance'", "12"),
        ("resourceType='AWS::EC2::Instance'", "12"),
        ("resourceType = 'aws::ec2::instance'", ""),
        ("NOT resourceType = 'AWS::EC2::Instance'", "34"),
        ("NOT resourceName = 'logs-eu'", "123"),
        ("resourceId IN ('i-1', 'i-4', 'i-9')", "14"),
        ("NOT resourceId IN ('i-1')", "234"),
        ("resourceId BETWEEN 'i-2' AND 'i-3'", "23"),
        ("resourceId BETWEEN 'i-2' AND 'i-3' AND resourceType = 'AWS::EC2::Volume'", "3"),
        ("resourceType LIKE 'AWS::EC2::%'", "123"),
        ("resourceType LIKE 'AWS::EC2::_'", ""),
        ("resourceId LIKE 'i-1'", "1"),
        ("resourceName LIKE 'logs-__'", "4"),
        ("resourceName LIKE 'logs-_'", ""),
        ("resourceName LIKE 'logs-eu_%'", ""),
        ("resourceName LIKE 'logs-e_%'", "4"),
        ("tags.tag = 'env=prod'", "2"),
        ("tags.value = 'it''s'", "1"),
        ("tags.key = 'Name' OR tags.key = 'env' AND resourceId = 'i-1'", "1"),
        ("(tags.key = 'Name' OR tags.key = 'env') AND NOT resourceId = 'i-1'", "2"),
        ("NOT (tags.key = 'Name' OR tags.key = 'env')", "34"),
        ("NOT NOT tags.key = 'env'", "2"),
        ("relationships.resourceId = 'i-1'", "3"),
        ("NOT relationships.resourceId = 'i-1'", "124"),
        ("configuration.size > 8", "2"),
        ("configuration.size >= 8", "12"),
        ("configuration.size < '100'", "1"),
        ("configuration.size <= 100.0", "12"),
        ("configuration.size = 8", "1"),
        ("configuration.size = '8'", "14"),
        ("configuration.size BETWEEN 9 AND 100", "2"),
        ("configuration.encrypted = true", "1"),
        ("configuration.encrypted = 'false'", "2"),
        ("configuration.encrypted = 'no'", ""),
        ("configuration.size = 'many'", ""),
        ("configuration.launched > '2026-01-15T00:00:00+01:00'", "2"),
        ("configuration.launched = '2026-01-01'", "1"),
        ("configuration.nothing = 'x'", ""),
        ("configuration = 'x'", ""),
    ],
)
def test_a_condition_finds_its_items(fleet: Any, condition: str, found: str) -> None:
    assert ids(fleet, f"WHERE {condition}") == [f"i-{number}" for number in found]


def test_conditions_on_a_list_may_hold_by_different_elements(config: Any) -> None:
    """The example of the guide's "Multiple properties within an array"."""
    rules = [{"name": "A", "type": "compliant"}, {"name": "B", "type": "non_compliant"}]
    put(item(configuration={"rules": rules}))
    condition = "configuration.rules.type = 'non_compliant' AND configuration.rules.name"
    assert ids(config, f"WHERE {condition} = 'A'") == ["i-1"]
    assert ids(config, f"WHERE {condition} = 'C'") == []


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("ranges = '10.0.0.7'", ["10.0.0.0/24", "10.0.0.0/8", "mixed"]),
        ("ranges BETWEEN '10.0.0.0' AND '10.0.0.255'", ["10.0.0.0/24", "10.0.0.0/8", "mixed"]),
        (
            "ranges BETWEEN '10.0.0.0' AND '10.0.0.255' AND NOT configuration.ranges < '10.0.0.0' "
            "AND NOT configuration.ranges > '10.0.0.255'",
            ["10.0.0.0/24"],
        ),
        ("ranges = '192.168.0.2'", ["mixed"]),
        ("ranges = '::1'", []),
    ],
)
def test_an_address_range_is_found_by_any_address_in_it(config: Any, condition: str, found: list[str]) -> None:
    """The examples of the guide's "CIDR notation/IP range"."""
    for name in ("10.0.0.0/24", "10.0.0.0/8"):
        put(item(resourceId=name, configuration={"ranges": [name]}))
    put(item(resourceId="mixed", configuration={"ranges": ["10.0.0.7/32", "192.168.0.2"]}))
    put(item(resourceId="text", configuration={"ranges": ["fe80", "10"]}))
    assert ids(config, f"WHERE configuration.{condition}") == found


# Order


def test_results_are_in_order(config: Any) -> None:
    sizes = {1: 8, 2: 100, 3: None, 4: 8}
    put(*(item(number, configuration={"size": size} if size else {}) for number, size in sizes.items()))
    query = "SELECT configuration.size, resourceId ORDER BY configuration.size"
    assert [found["resourceId"] for found in results(config, query)] == ["i-1", "i-4", "i-2", "i-3"]
    query += " DESC, resourceId desc"
    assert [found["resourceId"] for found in results(config, query)] == ["i-2", "i-4", "i-1", "i-3"]


# Counting


def test_items_are_counted(fleet: Any) -> None:
    assert results(fleet, "SELECT COUNT(*) WHERE resourceType = 'AWS::EC2::Instance'") == [{"COUNT(*)": 2}]
    assert results(fleet, "SELECT COUNT(*) WHERE resourceType = 'x'") == [{"COUNT(*)": 0}]
    answer = select(fleet, "SELECT configuration.size, count(*) group by configuration.size")
    assert [field["Name"] for field in answer["QueryInfo"]["SelectFields"]] == ["configuration.size", "COUNT(*)"]
    assert [json.loads(found) for found in answer["Results"]] == [
        {"configuration": {"size": 8}, "COUNT(*)": 1},
        {"configuration": {"size": 100}, "COUNT(*)": 1},
        {"configuration": {"size": "8"}, "COUNT(*)": 1},
    ]


def test_groups_come_largest_first_or_in_order(fleet: Any) -> None:
    query = "SELECT COUNT(*), resourceType, accountId GROUP BY resourceType, accountId"
    assert results(fleet, query)[0] == {"COUNT(*)": 2, "resourceType": "AWS::EC2::Instance", "accountId": MEMBER}
    query = "SELECT COUNT(*), resourceType GROUP BY resourceType ORDER BY COUNT(*) ASC"
    assert [found["COUNT(*)"] for found in results(fleet, query)] == [1, 1, 2]
    query = "SELECT COUNT(*), resourceType GROUP BY resourceType ORDER BY resourceType DESC"
    assert [found["resourceType"][5:] for found in results(fleet, query)] == [
        "S3::Bucket",
        "EC2::Volume",
        "EC2::Instance",
    ]


# Pages


def test_a_page_has_25_results_unless_told(config: Any) -> None:
    put(*(item(number) for number in range(130)))
    first = select(config, QUERY)
    assert len(first["Results"]) == 25
    assert len(select(config, QUERY, Limit=0)["Results"]) == 25
    assert len(select(config, QUERY, Limit=100)["Results"]) == 100
    assert len(select(config, QUERY, MaxResults=7)["Results"]) == 7
    pages = config.get_paginator("select_aggregate_resource_config").paginate(
        Expression=QUERY, ConfigurationAggregatorName=NAME, PaginationConfig={"PageSize": 50}
    )
    found = [[json.loads(result)["resourceId"] for result in page["Results"]] for page in pages]
    assert [len(page) for page in found] == [50, 50, 30]
    assert [each for page in found for each in page] == [f"i-{number}" for number in range(130)]


def test_groups_come_on_pages_of_500_and_only_one_when_ordered_by_count(config: Any) -> None:
    put(*(item(number) for number in range(501)))
    query = "SELECT resourceId, COUNT(*) GROUP BY resourceId"
    page = select(config, query)
    assert len(page["Results"]) == 500
    assert len(select(config, query, NextToken=page["NextToken"])["Results"]) == 1
    page = select(config, f"{query} ORDER BY COUNT(*)", Limit=10)
    assert (len(page["Results"]), page.get("NextToken")) == (10, None)


def test_a_token_of_another_query_is_refused(config: Any) -> None:
    put(item(1), item(2))
    token = select(config, QUERY, Limit=1)["NextToken"]
    with refused("InvalidNextTokenException"):
        select(config, "SELECT arn", NextToken=token)
    with refused("InvalidNextTokenException"):
        select(config, QUERY, NextToken="x")


# Refusals


@pytest.mark.parametrize(
    "parameters", [{"Limit": 101}, {"Limit": -1}, {"MaxResults": 101}, {"Limit": 1, "MaxResults": 2}]
)
def test_a_page_size_out_of_bounds_is_refused(config: Any, parameters: dict[str, int]) -> None:
    with refused("InvalidLimitException"):
        select(config, QUERY, **parameters)


def test_an_expression_of_more_than_4096_characters_is_refused(config: Any) -> None:
    longest = QUERY + " " * (4096 - len(QUERY))
    assert select(config, longest)["Results"] == []
    with refused("InvalidExpressionException") as refusal:
        select(config, longest + " ")
    assert "4096" in refusal.message
    with refused("InvalidExpressionException"):
        select(config, "")


def test_what_the_model_does_not_allow_is_refused(config: Any) -> None:
    with refused("ValidationException") as refusal:
        config.select_aggregate_resource_config(Expression=QUERY, ConfigurationAggregatorName="no name")
    assert "ConfigurationAggregatorName" in refusal.message
    with refused("ValidationException"):
        config.select_aggregate_resource_config(Expression=QUERY)


W = "SELECT resourceId WHERE "


@pytest.mark.parametrize(
    ("expression", "column", "complaint"),
    [
        ("resourceId", 1, "expected SELECT"),
        ("SELECT", 7, "expected a property, found the end"),
        ("SELECT ARN", 8, "ARN is no property"),
        ("SELECT awsAccountId", 8, "awsAccountId is no property"),
        ("SELECT *, tags", 8, "* stands alone"),
        ("SELECT DISTINCT resourceId", 8, "DISTINCT is not supported"),
        ("SELECT resourceId FROM resources", 19, "FROM is not supported"),
        ("SELECT resourceId AS id", 19, "AS is not supported"),
        ("SELECT resourceId JOIN x", 19, "JOIN is not supported"),
        ("SELECT resourceId UNION SELECT arn", 19, "UNION is not supported"),
        ("SELECT resourceId;", 18, "unexpected ;"),
        ("SELECT resourceId arn", 19, "expected AND, OR, GROUP BY, ORDER BY or the end"),
        ('SELECT "resourceId"', 8, "single quotes"),
        (W, 25, "expected a property"),
        (W + "'resourceId' = 'x'", 25, "without quotes"),
        (W + "resourceId", 35, "expected =, <, >, IN, BETWEEN or LIKE, found the end"),
        (W + "resourceId = x", 38, "expected a text in single quotes"),
        (W + "resourceId = 'x", 38, "does not end"),
        (W + "resourceId = NULL", 38, "NULL is not supported"),
        (W + "resourceId IS NULL", 36, "NULL is not supported"),
        (W + "resourceId != 'x'", 36, "write NOT before the property"),
        (W + "resourceId <> 'x'", 36, "write NOT before the property"),
        (W + "resourceId NOT IN ('x')", 36, "NOT goes before the property"),
        (W + "resourceId IN ()", 40, "expected a text"),
        (W + "resourceId IN (SELECT arn)", 40, "sub-queries"),
        (W + "resourceId IN ('x'", 43, "expected )"),
        (W + "resourceId BETWEEN 1 OR 2", 46, "expected AND"),
        (W + "(resourceId = 'x'", 42, "expected )"),
        (W + "resourceId = 'x' resourceName = 'y'", 42, "expected AND"),
        (W + "resourceId LIKE '%x'", 41, "at the end"),
        (W + "resourceId LIKE 'my_name%'", 41, "at the end"),
        (W + "resourceId LIKE 'ab%'", 41, "at least 3"),
        (W + "resourceId LIKE 5", 41, "takes a text"),
        (W + "resourceId = 5x", 38, "unexpected 5"),
        (W + "(" * 60 + "resourceId = 'x'" + ")" * 60, 75, "deep"),
        (W + "NOT " * 1000 + "resourceId = 'x'", 225, "deep"),
        ("SELECT MAX(version)", 8, "does not serve"),
        ("SELECT UPPER(version)", 8, "UPPER is no function"),
        ("SELECT COUNT(version)", 14, "expected *"),
        ("SELECT resourceId, COUNT(*)", 8, "not in GROUP BY"),
        ("SELECT resourceId GROUP BY resourceId", 28, "aggregate function"),
        ("SELECT COUNT(*) GROUP BY arn, tags, version, resourceId", 46, "up to 3"),
        ("SELECT COUNT(*) GROUP BY arn HAVING COUNT(*)", 30, "HAVING is not supported"),
        ("SELECT resourceId ORDER BY arn", 28, "selected properties only"),
        ("SELECT COUNT(*) GROUP BY arn, tags ORDER BY COUNT(*)", 45, "one property"),
    ],
)
def test_an_invalid_expression_is_refused_with_the_place(
    config: Any, expression: str, column: int, complaint: str
) -> None:
    with refused("InvalidExpressionException") as refusal:
        select(config, expression)
    assert refusal.message.startswith(f"syntax error at line 1, column {column}: ")
    assert complaint in refusal.message


def test_the_place_counts_lines(config: Any) -> None:
    with refused("InvalidExpressionException") as refusal:
        select(config, "SELECT resourceId\n  WHERE resourceId ~ 'x'")
    assert refusal.message == "syntax error at line 2, column 20: unexpected ~"


# Counts


def counts(config: Any, **parameters: Any) -> tuple[int, dict[str, int]]:
    answer = config.get_aggregate_discovered_resource_counts(ConfigurationAggregatorName=NAME, **parameters)
    assert answer.get("GroupByKey") == parameters.get("GroupByKey")
    return answer["TotalDiscoveredResources"], {
        group["GroupName"]: group["ResourceCount"] for group in answer["GroupedResourceCounts"]
    }


@pytest.fixture
def estate(config: Any) -> Any:
    put(
        item(1),
        item(2, awsRegion="us-east-1"),
        item(3, awsAccountId=HUB),
        item(4, resourceType="AWS::IAM::Role", awsRegion="global"),
        item(5, configurationItemStatus="ResourceDeleted"),
    )
    return config


def test_resources_are_counted_in_groups(estate: Any) -> None:
    assert counts(estate) == (4, {})
    assert counts(estate, GroupByKey="RESOURCE_TYPE") == (4, {"AWS::EC2::Instance": 3, "AWS::IAM::Role": 1})
    assert counts(estate, GroupByKey="ACCOUNT_ID") == (4, {MEMBER: 3, HUB: 1})
    assert counts(estate, GroupByKey="AWS_REGION") == (4, {REGION: 2, "us-east-1": 1, "global": 1})


@pytest.mark.parametrize(
    ("filters", "total"),
    [
        ({"AccountId": MEMBER}, 3),
        ({"Region": REGION}, 2),
        ({"ResourceType": "AWS::EC2::Instance"}, 3),
        ({"AccountId": MEMBER, "Region": REGION, "ResourceType": "AWS::EC2::Instance"}, 1),
        ({"ResourceType": "AWS::S3::Bucket"}, 0),
        ({}, 4),
    ],
)
def test_only_what_the_filters_let_through_is_counted(estate: Any, filters: dict[str, str], total: int) -> None:
    found, groups = counts(estate, Filters=filters, GroupByKey="ACCOUNT_ID")
    assert (found, sum(groups.values())) == (total, total)


def test_groups_come_on_pages_of_1000(config: Any) -> None:
    put(*(item(awsAccountId=f"{number:012d}") for number in range(1, 1002)))
    asked = {"ConfigurationAggregatorName": NAME, "GroupByKey": "ACCOUNT_ID"}
    for limit in ({}, {"Limit": 0}, {"Limit": 1000}):
        page = config.get_aggregate_discovered_resource_counts(**asked, **limit)
        assert (page["TotalDiscoveredResources"], len(page["GroupedResourceCounts"])) == (1001, 1000)
    last = config.get_aggregate_discovered_resource_counts(**asked, NextToken=page["NextToken"])
    assert (last["TotalDiscoveredResources"], len(last["GroupedResourceCounts"])) == (1001, 1)
    assert "NextToken" not in last
    with refused("InvalidNextTokenException"):
        config.get_aggregate_discovered_resource_counts(**asked | {"GroupByKey": "AWS_REGION"}, NextToken="x")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Limit": 1001}, "InvalidLimitException"),
        ({"Limit": -1}, "InvalidLimitException"),
        ({"GroupByKey": "OWNER"}, "ValidationException"),
        ({"Filters": {"ResourceType": "AWS::No::Type"}}, "ValidationException"),
        ({"Filters": {"AccountId": "1"}}, "ValidationException"),
        ({"ConfigurationAggregatorName": "other"}, "NoSuchConfigurationAggregatorException"),
    ],
)
def test_a_count_that_config_does_not_serve_is_refused(config: Any, parameters: dict[str, Any], code: str) -> None:
    with refused(code):
        config.get_aggregate_discovered_resource_counts(**{"ConfigurationAggregatorName": NAME} | parameters)


def test_an_aggregator_counts_its_own_accounts_and_regions(estate: Any) -> None:
    sources = [{"AccountIds": [MEMBER], "AwsRegions": [REGION]}]
    estate.put_configuration_aggregator(ConfigurationAggregatorName="one", AccountAggregationSources=sources)
    answer = estate.get_aggregate_discovered_resource_counts(ConfigurationAggregatorName="one")
    assert answer["TotalDiscoveredResources"] == 2

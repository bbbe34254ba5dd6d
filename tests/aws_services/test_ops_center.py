"""OpsCenter as its callers see it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from sandbox.aws_services import ops_center

from .conftest import HUB, MEMBER, REGION, ClientOf
from .refusals import refused

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
BASE = {"Title": "Root signed in", "Description": "Without MFA\nfrom 198.51.100.7", "Source": "Responder"}
INCIDENT = "arn:aws:ssm-incidents::123456789012:incident-record/security/1"


@pytest.fixture
def ssm(client_of: ClientOf) -> Any:
    return client_of("ssm")


def dedup(text: str, *resources: str) -> dict[str, Any]:
    data = {"/aws/dedup": {"Value": json.dumps({"dedupString": text}), "Type": "SearchableString"}}
    if resources:
        value = json.dumps([{"arn": arn} for arn in resources])
        data["/aws/resources"] = {"Value": value, "Type": "SearchableString"}
    return data


def create(ssm: Any, **change: Any) -> str:
    return ssm.create_ops_item(**(BASE | change))["OpsItemId"]


def get(ssm: Any, ops_item_id: str) -> dict[str, Any]:
    return ssm.get_ops_item(OpsItemId=ops_item_id)["OpsItem"]


# Creating


def test_a_created_ops_item_has_what_was_given(ssm: Any) -> None:
    with time_machine.travel(NOON, tick=False):
        answer = ssm.create_ops_item(
            **BASE,
            Priority=1,
            Category="Security",
            Severity="1",
            OperationalData={"principal": {"Value": "root", "Type": "SearchableString"}, "raw": {"Value": "{}"}},
            Notifications=[{"Arn": f"arn:aws:sns:{REGION}:{HUB}:ops"}],
        )
    assert answer["OpsItemArn"] == f"arn:aws:ssm:{REGION}:{HUB}:opsitem/{answer['OpsItemId']}"
    item = get(ssm, answer["OpsItemId"])
    assert {name: item[name] for name in BASE} == BASE
    assert (item["Status"], item["Priority"], item["Category"], item["Severity"]) == ("Open", 1, "Security", "1")
    assert (item["Version"], item["OpsItemType"], item["CreatedTime"]) == ("1", "/aws/issue", NOON)
    assert item["OperationalData"]["raw"] == {"Value": "{}", "Type": "String"}


def test_tags_come_and_go(ssm: Any) -> None:
    item = {"ResourceType": "OpsItem", "ResourceId": create(ssm, Tags=[{"Key": "team", "Value": "sec"}])}
    ssm.add_tags_to_resource(**item, Tags=[{"Key": "stage", "Value": "prod"}])
    ssm.remove_tags_from_resource(**item, TagKeys=["team", "none"])
    assert ssm.list_tags_for_resource(**item)["TagList"] == [{"Key": "stage", "Value": "prod"}]
    with refused("InvalidResourceId"):
        ssm.list_tags_for_resource(ResourceType="OpsItem", ResourceId="oi-0123456789ab")


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"Title": "x" * 1025}, "Title"),
        ({"Title": " "}, "Title"),
        ({"Description": "x" * 2049}, "Description"),
        ({"Source": "x" * 129}, "Source"),
        ({"Source": None}, "Source"),
        ({"Priority": 0}, "Priority"),
        ({"Priority": 6}, "Priority"),
        ({"OperationalData": {"k" * 129: {"Value": "v"}}}, "OperationalData"),
        ({"OperationalData": {"k": {"Value": " "}}}, "OperationalData.k.Value"),
        ({"OperationalData": {"k": {"Value": "v", "Type": "Number"}}}, "OperationalData.k.Type"),
    ],
)
def test_what_the_service_model_bounds_is_refused(ssm: Any, change: dict[str, Any], member: str) -> None:
    with refused("ValidationException") as refusal:
        create(ssm, **change)
    assert member in refusal.message


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"Source": "AWS GuardDuty"}, "Source"),
        ({"Source": "my-amazon-thing"}, "Source"),
        ({"Source": "amzn"}, "Source"),
        ({"Category": "Fun"}, "Category"),
        ({"Severity": "5"}, "Severity"),
        ({"OpsItemType": "/aws/other"}, "OpsItemType"),
        ({"OperationalData": {"aws-account": {"Value": "1"}}}, "OperationalData"),
        ({"OperationalData": {"Amazon": {"Value": "1"}}}, "OperationalData"),
        ({"OperationalData": {"ssm": {"Value": "1"}}}, "OperationalData"),
        ({"OperationalData": {"/aws/other": {"Value": "1"}}}, "OperationalData"),
        ({"OperationalData": {"k": {"Type": "String"}}}, "OperationalData"),
        ({"OperationalData": {"k": {"Value": "é" * 10_241}}}, "OperationalData"),  # 20 KB and 2 bytes
        ({"OperationalData": {"/aws/dedup": {"Value": "root"}}}, "OperationalData"),
        ({"OperationalData": {"/aws/dedup": {"Value": '{"dedupString": " "}'}}}, "OperationalData"),
        ({"OperationalData": {"/aws/resources": {"Value": '["arn"]'}}}, "OperationalData"),
    ],
)
def test_what_opscenter_itself_bounds_is_refused(ssm: Any, change: dict[str, Any], member: str) -> None:
    with refused("OpsItemInvalidParameterException") as refusal:
        create(ssm, **change)
    assert refusal.response["ParameterNames"] == [member]
    assert ssm.describe_ops_items()["OpsItemSummaries"] == []


def test_values_at_their_limits_are_taken(ssm: Any) -> None:
    data = {"k" * 128: {"Value": "é" * 10_240}, "n": {"Value": "x" * 20_480}}
    item = get(ssm, create(ssm, Title="x" * 1024, Description="é" * 2048, Priority=5, OperationalData=data))
    assert item["OperationalData"].keys() == data.keys()


def test_quotas_of_related_resources_and_ops_items(ssm: Any) -> None:
    with refused("OpsItemLimitExceededException") as refusal:
        create(ssm, OperationalData=dedup("x", *(f"arn:aws:s3:::{n}" for n in range(101))))
    assert (refusal.response["Limit"], refusal.response["LimitType"]) == (100, "RelatedResources")
    with refused("OpsItemLimitExceededException"):
        create(ssm, RelatedOpsItems=[{"OpsItemId": f"oi-{n:012x}"} for n in range(11)])


def test_10000_ops_items_a_month(ssm: Any) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        create(ssm)
        backend = ops_center.opscenter_backends[HUB][REGION]
        backend._created[2026, 3] = 10_000
        with refused("OpsItemLimitExceededException") as refusal:
            create(ssm)
        assert refusal.response["Limit"] == 10_000
        clock.move_to(NOON + timedelta(hours=12))
        assert create(ssm)


def test_another_account_is_out_of_reach(ssm: Any) -> None:
    with refused("OpsItemAccessDeniedException"):
        create(ssm, AccountId=MEMBER)
    assert create(ssm, AccountId=HUB)


# Deduplication


def test_a_dedup_string_is_open_once(ssm: Any) -> None:
    first = create(ssm, OperationalData=dedup("root/123456789012"))
    with refused("OpsItemAlreadyExistsException") as refusal:
        create(ssm, Title="Other", OperationalData=dedup("ROOT/123456789012"))  # case does not count
    assert refusal.response["OpsItemId"] == first
    assert create(ssm, OperationalData=dedup("root/222222222222")) != first
    assert create(ssm) != create(ssm)


@pytest.mark.parametrize(
    ("status", "stands_in_the_way"), [("Open", True), ("InProgress", True), ("Resolved", False), ("Closed", False)]
)
def test_a_finished_ops_item_stands_in_no_ones_way(ssm: Any, status: str, stands_in_the_way: bool) -> None:
    first = create(ssm, OperationalData=dedup("root"))
    ssm.update_ops_item(OpsItemId=first, Status=status)
    if stands_in_the_way:
        with refused("OpsItemAlreadyExistsException"):
            create(ssm, OperationalData=dedup("root"))
    else:
        assert create(ssm, OperationalData=dedup("root")) != first


def test_the_same_dedup_string_for_other_resources_is_another_matter(ssm: Any) -> None:
    first = create(ssm, OperationalData=dedup("public", "arn:aws:s3:::a", "arn:aws:s3:::b"))
    with refused("OpsItemAlreadyExistsException") as refusal:
        create(ssm, OperationalData=dedup("public", "arn:aws:s3:::b", "arn:aws:s3:::a"))
    assert refusal.response["OpsItemId"] == first
    assert create(ssm, OperationalData=dedup("public", "arn:aws:s3:::a"))
    assert create(ssm, OperationalData=dedup("public"))


def test_reopening_is_refused_while_a_successor_is_open(ssm: Any) -> None:
    first = create(ssm, OperationalData=dedup("root"))
    ssm.update_ops_item(OpsItemId=first, Status="Resolved")
    second = create(ssm, OperationalData=dedup("root"))
    with refused("OpsItemAlreadyExistsException") as refusal:
        ssm.update_ops_item(OpsItemId=first, Status="Open", Title="Again")
    assert refusal.response["OpsItemId"] == second
    assert (get(ssm, first)["Status"], get(ssm, first)["Title"]) == ("Resolved", BASE["Title"])
    ssm.delete_ops_item(OpsItemId=second)
    ssm.update_ops_item(OpsItemId=first, Status="Open")


def test_a_dedup_string_cannot_be_changed(ssm: Any) -> None:
    item = create(ssm, OperationalData=dedup("root"))
    ssm.update_ops_item(OpsItemId=item, OperationalData=dedup("root"))
    with refused("OpsItemInvalidParameterException"):
        ssm.update_ops_item(OpsItemId=item, OperationalData=dedup("other"))
    with refused("OpsItemInvalidParameterException"):
        ssm.update_ops_item(OpsItemId=item, OperationalDataToDelete=["/aws/dedup"])


# Updating


def test_operational_data_is_updated_key_by_key(ssm: Any) -> None:
    item = create(ssm, OperationalData={key: {"Value": "1"} for key in ("a", "b", "c")})
    with time_machine.travel(NOON, tick=False):
        ssm.update_ops_item(
            OpsItemId=item,
            OperationalData={"b": {"Value": "2"}, "d": {"Value": "2", "Type": "SearchableString"}},
            OperationalDataToDelete=["c", "unknown"],
            Title="New",
            Description="New",
            Priority=2,
            Category="Recovery",
            Severity="3",
            Status="InProgress",
            RelatedOpsItems=[{"OpsItemId": item}],
        )
    found = get(ssm, item)
    assert {key: entry["Value"] for key, entry in found["OperationalData"].items()} == {"a": "1", "b": "2", "d": "2"}
    assert (found["Title"], found["Priority"], found["Status"], found["Category"]) == (
        "New",
        2,
        "InProgress",
        "Recovery",
    )
    assert (found["Version"], found["LastModifiedTime"]) == ("2", NOON)
    assert found["RelatedOpsItems"] == [{"OpsItemId": item}]


def test_updates_out_of_bounds_are_refused(ssm: Any) -> None:
    item = create(ssm)
    with refused("ValidationException"):
        ssm.update_ops_item(OpsItemId=item, Status="Done")
    with refused("OpsItemInvalidParameterException"):
        ssm.update_ops_item(OpsItemId=item, OperationalData={"k": {"Value": "x" * 20_481}})
    with refused("OpsItemInvalidParameterException"):
        ssm.update_ops_item(OpsItemId=item, OperationalDataToDelete=["/ssm/x"])
    assert get(ssm, item)["Version"] == "1"


def test_an_unknown_ops_item_is_not_found(ssm: Any) -> None:
    unknown = "oi-0123456789ab"
    for call, rest in (
        (ssm.get_ops_item, {}),
        (ssm.update_ops_item, {"Title": "x"}),
        (ssm.disassociate_ops_item_related_item, {"AssociationId": "x"}),
    ):
        with refused("OpsItemNotFoundException"):
            call(OpsItemId=unknown, **rest)
    with refused("ValidationException"):
        get(ssm, "i-1")
    ssm.delete_ops_item(OpsItemId=unknown)  # is no error


# Listing


def test_ops_items_are_found_by_every_filter(ssm: Any) -> None:
    ids = []
    for hour, (title, priority) in enumerate([("Root signed in", 1), ("Bucket is public", 3), ("x" * 150, 3)]):
        data = dedup(f"key-{hour}", f"arn:aws:s3:::bucket-{hour}") | {
            "visible": {"Value": f"seen-{hour}", "Type": "SearchableString"},
            "private": {"Value": f"hidden-{hour}"},
        }
        with time_machine.travel(NOON + timedelta(hours=hour), tick=False):
            ids.append(create(ssm, Title=title, Priority=priority, Category="Security", OperationalData=data))
    ssm.update_ops_item(OpsItemId=ids[1], Status="Resolved")

    def found(*filters: tuple[str, str, list[str]]) -> list[int]:
        asked = [{"Key": key, "Operator": operator, "Values": values} for key, operator, values in filters]
        return [
            ids.index(item["OpsItemId"]) for item in ssm.describe_ops_items(OpsItemFilters=asked)["OpsItemSummaries"]
        ]

    assert found() == [2, 1, 0]
    assert found(("OpsItemId", "Equal", ids[:2])) == [1, 0]
    assert found(("Status", "Equal", ["Open"])) == [2, 0]
    assert found(("Title", "Equal", ["x" * 100])) == [2]
    assert found(("Title", "Contains", ["public"])) == [1]
    assert found(("Priority", "Equal", ["3"]), ("Status", "Equal", ["Open", "InProgress"])) == [2]
    assert found(("Category", "Equal", ["Security"]), ("Source", "Contains", ["Resp"])) == [2, 1, 0]
    assert found(("OperationalData", "Equal", ['{"key": "visible", "value": "seen-1"}'])) == [1]
    assert found(("OperationalData", "Equal", ['{"key": "private", "value": "hidden-1"}'])) == []
    assert found(("OperationalDataKey", "Equal", ["visible"])) == [2, 1, 0]
    assert found(("OperationalDataValue", "Equal", ["seen-2"])) == [2]
    assert found(("OperationalDataValue", "Contains", ["hidden"])) == []
    assert found(("ResourceId", "Contains", ["bucket-0"])) == [0]
    assert found(("CreatedTime", "GreaterThan", ["2026-03-31T12:30:00Z"])) == [2, 1]
    assert found(("CreatedTime", "LessThan", ["2026-03-31T12:30:00Z"])) == [0]
    for wrong in (
        ("Title", "Equal", ["x" * 101]),
        ("OperationalDataValue", "Equal", ["x" * 21]),
        ("ResourceId", "Contains", ["arn:aws:s3:::a-long-bucket"]),
        ("Status", "Contains", ["Open"]),
        ("OperationalData", "Equal", ["visible"]),
        ("CreatedTime", "LessThan", ["noon"]),
        ("InsightByType", "Equal", ["x"]),
    ):
        with refused("OpsCenterInvalidArgumentException"):
            found(wrong)
    with refused("ValidationException"):
        found(("Colour", "Equal", ["red"]))


def test_a_summary_shows_searchable_data_only_and_every_page_is_reached(ssm: Any) -> None:
    data = {"visible": {"Value": "1", "Type": "SearchableString"}, "private": {"Value": "2"}}
    ids = {create(ssm, OperationalData=data) for _ in range(7)}
    pages = list(ssm.get_paginator("describe_ops_items").paginate(PaginationConfig={"PageSize": 3}))
    summaries = [item for page in pages for item in page["OpsItemSummaries"]]
    assert [len(page["OpsItemSummaries"]) for page in pages] == [3, 3, 1]
    assert {item["OpsItemId"] for item in summaries} == ids
    assert all(item["OperationalData"].keys() == {"visible"} for item in summaries)
    assert "Description" not in summaries[0]
    with refused("ValidationException"):
        ssm.describe_ops_items(MaxResults=51)
    with refused("ValidationException"):
        ssm.describe_ops_items(NextToken="made up")


# Related items


def test_related_items_come_and_go(ssm: Any) -> None:
    item, other = create(ssm), create(ssm)
    link = {
        "AssociationType": "RelatesTo",
        "ResourceType": "AWS::SSMIncidents::IncidentRecord",
        "ResourceUri": INCIDENT,
    }
    association = ssm.associate_ops_item_related_item(OpsItemId=item, **link)["AssociationId"]
    ssm.associate_ops_item_related_item(OpsItemId=other, **link)
    with refused("OpsItemRelatedItemAlreadyExistsException") as refusal:
        ssm.associate_ops_item_related_item(OpsItemId=item, **link)
    assert (refusal.response["OpsItemId"], refusal.response["ResourceUri"]) == (item, INCIDENT)

    [found] = ssm.list_ops_item_related_items(OpsItemId=item)["Summaries"]
    assert {name: found[name] for name in link} == link
    assert len(ssm.list_ops_item_related_items()["Summaries"]) == 2
    by_uri = [{"Key": "ResourceUri", "Operator": "Equal", "Values": ["arn:other"]}]
    assert ssm.list_ops_item_related_items(Filters=by_uri)["Summaries"] == []

    ssm.disassociate_ops_item_related_item(OpsItemId=item, AssociationId=association)
    with refused("OpsItemRelatedItemAssociationNotFoundException"):
        ssm.disassociate_ops_item_related_item(OpsItemId=item, AssociationId=association)


def test_related_items_have_known_types_and_a_quota(ssm: Any) -> None:
    item = create(ssm)
    link = {
        "AssociationType": "RelatesTo",
        "ResourceType": "AWS::SSMIncidents::IncidentRecord",
        "ResourceUri": INCIDENT,
    }
    for wrong in ({"AssociationType": "Likes"}, {"ResourceType": "AWS::S3::Bucket"}):
        with refused("OpsItemInvalidParameterException"):
            ssm.associate_ops_item_related_item(OpsItemId=item, **(link | wrong))
    ssm.associate_ops_item_related_item(OpsItemId=item, **link)
    [record] = ops_center.ops_items()
    record.related_items += [replace(record.related_items[0], resource_uri=f"arn:{n}") for n in range(99)]
    with refused("OpsItemLimitExceededException"):
        ssm.associate_ops_item_related_item(OpsItemId=item, **(link | {"ResourceUri": "arn:one-more"}))


# State


def test_accounts_and_regions_are_apart_and_a_program_sees_all(client_of: ClientOf, ssm: Any) -> None:
    create(ssm, OperationalData=dedup("root"))
    create(client_of("ssm", MEMBER), Title="Member's", OperationalData=dedup("root"))
    create(client_of("ssm", region="us-east-1"), Title="Elsewhere", OperationalData=dedup("root"))
    assert [item.title for item in ops_center.ops_items(account_id=HUB, region=REGION)] == ["Root signed in"]
    assert [item.title for item in ops_center.ops_items(account_id=MEMBER)] == ["Member's"]
    assert len(ops_center.ops_items()) == 3


def test_motos_systems_manager_is_still_there(ssm: Any) -> None:
    ssm.put_parameter(Name="/responder/plan", Value="x?Action=Delete&b=c", Type="String")
    assert ssm.get_parameter(Name="/responder/plan")["Parameter"]["Value"] == "x?Action=Delete&b=c"
    parameter = {"ResourceType": "Parameter", "ResourceId": "/responder/plan"}
    ssm.add_tags_to_resource(**parameter, Tags=[{"Key": "team", "Value": "sec"}])
    assert ssm.list_tags_for_resource(**parameter)["TagList"] == [{"Key": "team", "Value": "sec"}]
    ssm.remove_tags_from_resource(**parameter, TagKeys=["team"])
    with refused("ParameterNotFound"):
        ssm.get_parameter(Name="/none")

"""GetFindings: filters, order and pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from botocore.model import ListShape, MapShape, Shape, StructureShape

from sandbox.aws_services import model, security_hub
from sandbox.aws_services.security_hub.filter_paths import FILTER_PATHS

from .conftest import HUB, REGION, ClientOf
from .findings import finding
from .refusals import refused

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

FINDINGS = [
    finding(1, Severity={"Label": "LOW", "Normalized": 1}, UpdatedAt="2026-03-01T00:00:00Z"),
    finding(
        2,
        Title="Bucket is public",
        Severity={"Label": "HIGH", "Normalized": 70},
        UpdatedAt="2026-03-05T02:00:00+02:00",
        Resources=[
            {"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::photos", "Tags": {"team": "web", "env": "prod"}},
            {"Type": "AwsIamRole", "Id": "arn:aws:iam::123456789012:role/app/Reader"},
        ],
        Workflow={"Status": "NOTIFIED"},
        Note={"Text": "Seen", "UpdatedBy": "FindingEnricher", "UpdatedAt": "2026-03-06T00:00:00Z"},
        UserDefinedFields={"findingEnriched": "true"},
        Compliance={"Status": "FAILED"},
        Confidence=50,
    ),
    finding(
        3,
        Title="bucket is private",
        Severity={"Label": "CRITICAL", "Normalized": 90},
        UpdatedAt="2026-03-09T00:00:00.123456789Z",
        AwsAccountId="222222222222",
        Types=["TTPs/Initial Access", "Effects/Data Exposure"],
        Resources=[
            {
                "Type": "AwsIamAccessKey",
                "Id": "AKIAIOSFODNN7EXAMPLE",
                "Details": {"AwsIamAccessKey": {"UserName": "alice", "PrincipalName": "alice"}},
            }
        ],
        RecordState="ARCHIVED",
        Network={"SourceIpV4": "198.51.100.7", "SourcePort": 443},
        Sample=True,
    ),
]


@pytest.fixture
def hub(client_of: ClientOf) -> Any:
    client = client_of("securityhub")
    for placed in FINDINGS:
        security_hub.put_finding(HUB, REGION, placed)
    return client


def found(hub: Any, **filters: Any) -> list[int]:
    with time_machine.travel(NOON, tick=False):
        answer = hub.get_findings(Filters=filters)
    return sorted(int(item["Id"].removeprefix("finding-")) for item in answer["Findings"])


def is_(*values: str) -> list[dict[str, str]]:
    return [{"Value": value, "Comparison": "EQUALS"} for value in values]


def compared(comparison: str, *values: str) -> list[dict[str, str]]:
    return [{"Value": value, "Comparison": comparison} for value in values]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [1, 2, 3]),
        ({"Id": is_("finding-2")}, [2]),
        ({"Id": is_("finding-2", "finding-3", "finding-9")}, [2, 3]),
        ({"Id": compared("PREFIX", "finding-")}, [1, 2, 3]),
        ({"ProductArn": is_("arn:other")}, []),
        ({"AwsAccountId": is_("222222222222")}, [3]),
        ({"Title": is_("Bucket is public")}, [2]),
        ({"Title": is_("bucket is public")}, []),  # case counts
        ({"Title": compared("PREFIX", "Bucket")}, [2]),
        ({"Title": compared("PREFIX", "Bucket") + is_("Finding 1")}, [1, 2]),
        ({"Title": compared("NOT_EQUALS", "Finding 1", "Bucket is public")}, [3]),
        ({"Title": compared("PREFIX_NOT_EQUALS", "Bucket", "bucket")}, [1]),
        ({"Title": compared("PREFIX", "Bucket", "bucket") + compared("NOT_EQUALS", "bucket is private")}, [2]),
        ({"ResourceId": is_("arn:aws:s3:::photos")}, [2]),
        ({"ResourceId": is_("arn:aws:s3:::photos"), "ResourceType": is_("AwsS3Bucket")}, [2]),
        ({"ResourceId": compared("PREFIX", "arn:aws:iam::123456789012:role/")}, [2]),
        ({"ResourceType": compared("NOT_EQUALS", "AwsIamRole")}, [1, 3]),  # none of the values may be it
        ({"ResourceAwsIamAccessKeyUserName": is_("alice")}, [3]),
        ({"ResourceAwsIamAccessKeyPrincipalName": compared("NOT_EQUALS", "alice")}, [1, 2]),  # absent is not equal
        ({"Type": is_("Effects/Data Exposure")}, [3]),
        ({"GeneratorId": compared("PREFIX", "correlation/")}, [1, 2, 3]),
        ({"SeverityLabel": is_("HIGH", "CRITICAL")}, [2, 3]),
        ({"WorkflowStatus": is_("NEW", "NOTIFIED"), "RecordState": is_("ACTIVE")}, [1, 2]),
        ({"WorkflowStatus": is_("NOTIFIED")}, [2]),
        ({"ComplianceStatus": is_("FAILED")}, [2]),
        ({"NoteUpdatedBy": is_("FindingEnricher")}, [2]),
        ({"NoteText": compared("PREFIX", "See")}, [2]),
        ({"NoteUpdatedBy": compared("NOT_EQUALS", "FindingEnricher")}, [1, 3]),
        ({"ResourceTags": [{"Key": "team", "Value": "web", "Comparison": "EQUALS"}]}, [2]),
        ({"ResourceTags": [{"Key": "team", "Value": "prod", "Comparison": "EQUALS"}]}, []),
        (
            {
                "ResourceTags": [
                    {"Key": "team", "Value": "none", "Comparison": "EQUALS"},
                    {"Key": "env", "Value": "prod", "Comparison": "EQUALS"},
                ]
            },
            [2],
        ),
        ({"UserDefinedFields": [{"Key": "findingEnriched", "Value": "true", "Comparison": "EQUALS"}]}, [2]),
        ({"UserDefinedFields": [{"Key": "findingEnriched", "Value": "true", "Comparison": "NOT_EQUALS"}]}, [1, 3]),
        ({"SeverityNormalized": [{"Gte": 70}]}, [2, 3]),
        ({"SeverityNormalized": [{"Gt": 70}]}, [3]),
        ({"SeverityNormalized": [{"Lt": 70}]}, [1]),
        ({"SeverityNormalized": [{"Gte": 1, "Lte": 1}, {"Eq": 90}]}, [1, 3]),
        ({"Confidence": [{"Lte": 100}]}, [2]),
        ({"UpdatedAt": [{"Start": "2026-03-01T00:00:00Z", "End": "2026-03-05T00:00:00Z"}]}, [1, 2]),
        ({"UpdatedAt": [{"Start": "2026-03-08T00:00:00Z", "End": "2026-03-10T00:00:00+01:00"}]}, [3]),
        ({"UpdatedAt": [{"DateRange": {"Value": 6, "Unit": "DAYS"}}]}, [2, 3]),
        ({"UpdatedAt": [{"DateRange": {"Value": 2, "Unit": "DAYS"}}]}, [3]),
        ({"UpdatedAt": [{"DateRange": {"Value": 2, "Unit": "DAYS", "Comparison": "OLDER_THAN"}}]}, [1, 2]),
        ({"NoteUpdatedAt": [{"DateRange": {"Value": 30, "Unit": "DAYS"}}]}, [2]),
        ({"NetworkSourceIpV4": [{"Cidr": "198.51.100.0/24"}]}, [3]),
        ({"NetworkSourceIpV4": [{"Cidr": "203.0.113.0/24"}, {"Cidr": "198.51.100.7"}]}, [3]),
        ({"NetworkSourcePort": [{"Eq": 443}]}, [3]),
        ({"Sample": [{"Value": True}]}, [3]),
        ({"Id": is_("finding-2"), "Confidence": [{"Eq": 50}]}, [2]),
        ({"Keyword": [{"Value": "photos"}]}, [2]),
        ({"Title": []}, [1, 2, 3]),
    ],
)
def test_filters_find_what_aws_finds(hub: Any, filters: dict[str, Any], expected: list[int]) -> None:
    assert found(hub, **filters) == expected


@pytest.mark.parametrize(
    ("filters", "complaint"),
    [
        ({"Title": compared("CONTAINS", "x")}, "automation rules"),
        ({"Title": compared("NOT_CONTAINS", "x")}, "automation rules"),
        ({"Title": compared("CONTAINS_WORD", "x")}, "automation rules"),
        ({"Title": compared("LIKE", "x")}, "Comparison"),
        ({"Title": [{"Value": "x"}]}, "Comparison"),
        ({"Title": [{"Comparison": "EQUALS"}]}, "Value"),
        ({"Title": is_(" ")}, "Title"),
        ({"Title": is_("a") + compared("NOT_EQUALS", "b")}, "combined"),
        ({"Title": is_("a") + compared("PREFIX_NOT_EQUALS", "b")}, "combined"),
        ({"Title": is_(*map(str, range(21)))}, "20"),
        ({"ResourceTags": [{"Key": "a", "Value": "b", "Comparison": "CONTAINS"}]}, "automation rules"),
        ({"ResourceTags": [{"Value": "b", "Comparison": "EQUALS"}]}, "Key"),
        (
            {
                "ResourceTags": [
                    {"Key": "a", "Value": "b", "Comparison": "EQUALS"},
                    {"Key": "a", "Value": "c", "Comparison": "NOT_EQUALS"},
                ]
            },
            "combined",
        ),
        ({"UpdatedAt": [{"Start": "2026-03-01T00:00:00Z"}]}, "End"),
        ({"UpdatedAt": [{"Start": "2026-03-01", "End": "2026-03-02T00:00:00Z"}]}, "Start"),
        ({"UpdatedAt": [{"DateRange": {"Value": 1}}]}, "Unit"),
        ({"UpdatedAt": [{"DateRange": {"Value": 1, "Unit": "HOURS"}}]}, "Unit"),
        ({"Confidence": [{}]}, "Eq"),
        ({"NetworkSourceIpV4": [{"Cidr": "everywhere"}]}, "NetworkSourceIpV4"),
        ({"Sample": [{}]}, "Value"),
    ],
)
def test_filters_that_aws_refuses_are_refused(hub: Any, filters: dict[str, Any], complaint: str) -> None:
    with refused("InvalidInputException") as refusal:
        found(hub, **filters)
    assert complaint in refusal.message


def test_ten_attributes_are_enough(hub: Any) -> None:
    names = ["Id", "Title", "Region", "Type", "GeneratorId", "ProductArn", "AwsAccountId", "ResourceId", "NoteText"]
    ten = {name: compared("PREFIX", "x") for name in [*names, "SourceUrl"]}
    assert found(hub, **ten) == []
    with refused("InvalidInputException") as refusal:
        found(hub, **ten, RecordState=is_("ACTIVE"))
    assert "10" in refusal.message


# The table


def test_the_table_has_every_filter_and_every_path_leads_to_a_fitting_value() -> None:
    operation = model.operation_model("securityhub", "GetFindings")
    assert operation.input_shape is not None
    assert operation.output_shape is not None
    filters = operation.input_shape.members["Filters"].members
    assert filters.keys() - FILTER_PATHS.keys() == {"Keyword"}
    assert FILTER_PATHS.keys() <= filters.keys()
    fitting = {
        "StringFilter": {"string"},
        "NumberFilter": {"integer", "double"},
        "DateFilter": {"string"},
        "IpFilter": {"string"},
        "MapFilter": {"map"},
        "BooleanFilter": {"boolean"},
    }
    a_finding = operation.output_shape.members["Findings"].member
    for name, path in FILTER_PATHS.items():
        assert _shape_at(a_finding, path).type_name in fitting[filters[name].member.name], name


def _shape_at(shape: Shape, path: str) -> Shape:
    for part in path.split("."):
        assert isinstance(shape, StructureShape), path
        shape = shape.members[part.removesuffix("[]")]
        if part.endswith("[]"):
            assert isinstance(shape, ListShape), path
            shape = shape.member
    assert not isinstance(shape, StructureShape | ListShape) or isinstance(shape, MapShape)
    return shape


# Order and pages


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ([{"Field": "UpdatedAt", "SortOrder": "desc"}], [3, 2, 1]),
        ([{"Field": "UpdatedAt", "SortOrder": "asc"}], [1, 2, 3]),
        ([{"Field": "SeverityNormalized", "SortOrder": "desc"}], [3, 2, 1]),
        ([{"Field": "Confidence", "SortOrder": "desc"}], [2, 1, 3]),  # without a value: last
        ([{"Field": "AwsAccountId", "SortOrder": "desc"}, {"Field": "Title", "SortOrder": "asc"}], [3, 2, 1]),
    ],
)
def test_findings_are_sorted(hub: Any, criteria: list[dict[str, str]], expected: list[int]) -> None:
    answer = hub.get_findings(SortCriteria=criteria)
    assert [int(item["Id"].removeprefix("finding-")) for item in answer["Findings"]] == expected


def test_an_unknown_sort_field_is_refused(hub: Any) -> None:
    with refused("InvalidInputException"):
        hub.get_findings(SortCriteria=[{"Field": "Beauty", "SortOrder": "asc"}])


def test_every_page_is_reached_although_the_findings_of_a_page_are_resolved_meanwhile(client_of: ClientOf) -> None:
    hub = client_of("securityhub")
    for number in range(25):
        security_hub.put_finding(HUB, REGION, finding(number))
    seen: list[str] = []
    for page in hub.get_paginator("get_findings").paginate(
        Filters={"WorkflowStatus": is_("NEW")}, PaginationConfig={"PageSize": 10}
    ):
        identifiers = [{"Id": item["Id"], "ProductArn": item["ProductArn"]} for item in page["Findings"]]
        hub.batch_update_findings(FindingIdentifiers=identifiers, Workflow={"Status": "RESOLVED"})
        seen += [item["Id"] for item in page["Findings"]]
    assert seen == [f"finding-{number}" for number in range(25)]
    assert hub.get_findings(Filters={"WorkflowStatus": is_("NEW")})["Findings"] == []


def test_a_page_leaves_out_what_no_longer_matches(client_of: ClientOf) -> None:
    hub = client_of("securityhub")
    for number in range(4):
        security_hub.put_finding(HUB, REGION, finding(number))
    request = {"Filters": {"WorkflowStatus": is_("NEW")}, "MaxResults": 2}
    token = hub.get_findings(**request)["NextToken"]
    last = {"Id": "finding-3", "ProductArn": finding()["ProductArn"]}
    hub.batch_update_findings(FindingIdentifiers=[last], Workflow={"Status": "RESOLVED"})
    answer = hub.get_findings(**request, NextToken=token)
    assert [item["Id"] for item in answer["Findings"]] == ["finding-2"]
    assert "NextToken" not in answer


def test_page_sizes_and_tokens(client_of: ClientOf) -> None:
    hub = client_of("securityhub")
    for number in range(12):
        security_hub.put_finding(HUB, REGION, finding(number))
    assert len(hub.get_findings()["Findings"]) == 10
    assert len(hub.get_findings(MaxResults=100)["Findings"]) == 12
    token = hub.get_findings(MaxResults=1)["NextToken"]
    assert len(hub.get_findings(MaxResults=100, NextToken=token)["Findings"]) == 11
    for wrong in ({"NextToken": "made up"}, {"NextToken": token, "Filters": {"Id": is_("x")}}):
        with refused("InvalidInputException"):
            hub.get_findings(**wrong)
    for size in (0, 101):
        with refused("InvalidInputException"):
            hub.get_findings(MaxResults=size)


# What moto has of Security Hub still works


def test_motos_other_operations_are_there(client_of: ClientOf) -> None:
    hub = client_of("securityhub")
    hub.enable_security_hub(Tags={"owner": "sec"})
    assert hub.describe_hub()["HubArn"] == f"arn:aws:securityhub:{REGION}:{HUB}:hub/default"
    hub.create_members(AccountDetails=[{"AccountId": "222222222222", "Email": "a@example.com"}])
    assert [member["AccountId"] for member in hub.list_members()["Members"]] == ["222222222222"]
    assert hub.get_members(AccountIds=["222222222222"])["Members"]
    security_hub.put_finding(HUB, REGION, finding())
    hub.disable_security_hub()
    assert security_hub.findings(HUB, REGION) == []
    with refused("InvalidAccessException", 401):
        hub.describe_hub()


def test_the_organizations_administrator_can_be_appointed(client_of: ClientOf) -> None:
    client_of("organizations").create_organization(FeatureSet="ALL")
    hub = client_of("securityhub")
    hub.enable_organization_admin_account(AdminAccountId=HUB)
    hub.update_organization_configuration(AutoEnable=True)
    assert hub.describe_organization_configuration()["AutoEnable"] is True
    assert "Administrator" not in hub.get_administrator_account()

"""Values against botocore's shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import Shape

from sandbox.aws_services import model
from sandbox.aws_services.model import Rule
from sandbox.aws_services.service_response import ResponseBreaksModelError, check_response

ARN = "arn:aws:ssm-incidents::123456789012:response-plan/security"


def shape_of(service: str, operation: str) -> Shape:
    shape = model.operation_model(service, operation).input_shape
    assert shape is not None
    return shape


START_INCIDENT = shape_of("ssm-incidents", "StartIncident")
CREATE_OPS_ITEM = shape_of("ssm", "CreateOpsItem")
RELATED = {"identifier": {"type": "OTHER", "value": {"url": "https://example.com"}}}


def breaches(shape: Shape, value: dict[str, Any]) -> list[tuple[str, Rule]]:
    return [(found.member, found.rule) for found in model.violations(shape, value)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"responsePlanArn": None}, ("responsePlanArn", Rule.REQUIRED)),
        ({"responsePlanArn": "plan"}, ("responsePlanArn", Rule.PATTERN)),
        ({"responsePlanArn": ARN + "\n"}, ("responsePlanArn", Rule.PATTERN)),
        ({"title": 7}, ("title", Rule.TYPE)),
        ({"title": "x" * 201}, ("title", Rule.MAX_LENGTH)),
        ({"clientToken": "x" * 129}, ("clientToken", Rule.MAX_LENGTH)),
        ({"impact": 0}, ("impact", Rule.MIN_VALUE)),
        ({"impact": 6}, ("impact", Rule.MAX_VALUE)),
        ({"impact": True}, ("impact", Rule.TYPE)),
        ({"impact": 1.5}, ("impact", Rule.TYPE)),
        ({"severity": 1}, ("severity", Rule.UNKNOWN)),
        ({"triggerDetails": {"source": "me"}}, ("triggerDetails.timestamp", Rule.REQUIRED)),
        ({"triggerDetails": {"source": "me", "timestamp": "noon"}}, ("triggerDetails.timestamp", Rule.TYPE)),
        ({"triggerDetails": []}, ("triggerDetails", Rule.TYPE)),
        ({"relatedItems": {}}, ("relatedItems", Rule.TYPE)),
        ({"relatedItems": [RELATED] * 101}, ("relatedItems", Rule.MAX_LENGTH)),
        (
            {"relatedItems": [RELATED, {"identifier": {"type": "LINK", "value": {"url": "u"}}}]},
            ("relatedItems.2.member.identifier.type", Rule.ENUM),
        ),
        (
            {"relatedItems": [{"identifier": {"type": "OTHER", "value": {}}}]},
            ("relatedItems.1.member.identifier.value", Rule.UNION),
        ),
        (
            {"relatedItems": [{"identifier": {"type": "OTHER", "value": {"url": "u", "metricDefinition": "m"}}}]},
            ("relatedItems.1.member.identifier.value", Rule.UNION),
        ),
    ],
)
def test_each_kind_of_breach_is_found_and_names_its_member(change: dict[str, Any], expected: tuple[str, Rule]) -> None:
    assert breaches(START_INCIDENT, {"responsePlanArn": ARN, **change}) == [expected]


def test_a_value_at_its_limits_is_no_breach() -> None:
    value = {"responsePlanArn": ARN, "title": "x" * 200, "impact": 5, "relatedItems": [RELATED] * 100}
    assert breaches(START_INCIDENT, value) == []


def test_length_is_counted_in_code_points() -> None:
    assert breaches(START_INCIDENT, {"responsePlanArn": ARN, "title": "🔥" * 200}) == []


def test_an_opaque_member_is_checked_for_size_only() -> None:
    value = {"responsePlanArn": ARN, "relatedItems": [{}] * 101}
    found = list(model.violations(START_INCIDENT, value, opaque=[("relatedItems",)]))
    assert [breach.rule for breach in found] == [Rule.MAX_LENGTH]


def test_the_message_is_worded_like_aws_and_omits_long_values() -> None:
    found = list(model.violations(START_INCIDENT, {"responsePlanArn": None, "impact": 9, "title": "x" * 201}))
    assert model.message(found) == (
        "3 validation errors detected: "
        "Value null at 'responsePlanArn' failed to satisfy constraint: Member must not be null; "
        "Value '9' at 'impact' failed to satisfy constraint: Member must have value less than or equal to 5; "
        "Value at 'title' failed to satisfy constraint: Member must have length less than or equal to 200"
    )


@pytest.mark.parametrize(
    ("title", "good"),
    [("Root signed in", True), ("   ", False), ("two\nlines", False)],
)
def test_a_pattern_must_match_the_whole_value(title: str, good: bool) -> None:
    found = breaches(CREATE_OPS_ITEM, {"Title": title, "Description": "two\nlines", "Source": "Responder"})
    assert (found == []) is good


def test_unicode_properties_of_java_patterns_are_translated() -> None:
    item = {"Title": "t", "Description": "d", "Source": "s"}
    assert breaches(CREATE_OPS_ITEM, item | {"Tags": [{"Key": "Größe", "Value": "été 7"}]}) == []
    assert breaches(CREATE_OPS_ITEM, item | {"Tags": [{"Key": "a", "Value": "b<c"}]}) == [
        ("Tags.1.member.Value", Rule.PATTERN)
    ]


def test_not_blank_admits_several_lines() -> None:
    update = shape_of("securityhub", "BatchUpdateFindings")
    identifiers = [{"Id": "f", "ProductArn": "p"}]
    assert breaches(update, {"FindingIdentifiers": identifiers, "Note": {"Text": "a\nb", "UpdatedBy": "me"}}) == []
    assert breaches(update, {"FindingIdentifiers": identifiers, "Note": {"Text": " \n", "UpdatedBy": "me"}}) == [
        ("Note.Text", Rule.PATTERN)
    ]


@pytest.mark.parametrize("service", ["ssm-incidents", "securityhub", "ssm"])
def test_python_compiles_every_pattern_of_the_operations_served(service: str) -> None:
    service_model = model.operation_model(service, "TagResource" if service != "ssm" else "GetOpsItem").service_model
    served = [name for name in service_model.operation_names if service != "ssm" or "OpsItem" in name]
    shapes = [service_model.operation_model(name).input_shape for name in served]
    assert set().union(*(model.uncompilable_patterns(shape) for shape in shapes if shape)) == set()


def test_read_gives_pythons_types_and_leaves_nulls_out() -> None:
    value = {"responsePlanArn": ARN, "impact": 2.0, "title": None, "triggerDetails": {"source": "me", "timestamp": 0}}
    assert model.read(START_INCIDENT, value) == {
        "responsePlanArn": ARN,
        "impact": 2,
        "triggerDetails": {"source": "me", "timestamp": datetime(1970, 1, 1, tzinfo=UTC)},
    }


def test_an_answer_that_the_service_could_not_give_is_a_defect_of_the_backend() -> None:
    operation = model.operation_model("ssm-incidents", "GetIncidentRecord")
    with pytest.raises(ResponseBreaksModelError, match="incidentRecord"):
        check_response(operation, "{}")


def test_an_answer_may_list_nothing_where_a_request_must_list_something() -> None:
    check_response(model.operation_model("ssm-incidents", "ListTagsForResource"), '{"tags": {}}')

"""BatchImportFindings: what a provider may say, and what it may not change."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from botocore.model import ListShape, MapShape, Shape, StructureShape

from sandbox.aws_services import model
from sandbox.aws_services.security_hub import asff

from .conftest import HUB, MEMBER, REGION, ClientOf
from .findings import default_product, finding, identifier
from .refusals import refused

LATER = "2026-03-01T11:00:00Z"


@pytest.fixture
def hub(client_of: ClientOf) -> Any:
    return client_of("securityhub")


def only_finding(hub: Any) -> dict[str, Any]:
    [found] = hub.get_findings()["Findings"]
    return found


def import_one(hub: Any, *findings: dict[str, Any]) -> None:
    answer = hub.batch_import_findings(Findings=list(findings))
    assert (answer["FailedCount"], answer["SuccessCount"]) == (0, len(findings)), answer["FailedFindings"]


def import_error(hub: Any, finding: dict[str, Any]) -> str:
    answer = hub.batch_import_findings(Findings=[finding])
    assert (answer["FailedCount"], answer["SuccessCount"]) == (1, 0)
    [failed] = answer["FailedFindings"]
    assert failed["ErrorCode"] == "InvalidInput"
    assert hub.get_findings()["Findings"] == []
    return failed["ErrorMessage"]


# New findings


def test_a_new_finding_gets_the_states_and_names_that_security_hub_gives(hub: Any) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        import_one(hub, finding())
    found = only_finding(hub)
    assert (found["RecordState"], found["Workflow"], found["WorkflowState"]) == ("ACTIVE", {"Status": "NEW"}, "NEW")
    assert (found["CompanyName"], found["ProductName"], found["Region"]) == ("Personal", "Default", REGION)
    assert found["ProductFields"]["aws/securityhub/FindingId"] == f"{default_product()}/finding-1"
    assert found["ProcessedAt"] == "2026-03-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("sent", "label", "normalized"),
    [
        ({"Label": "INFORMATIONAL"}, "INFORMATIONAL", 0),
        ({"Label": "LOW"}, "LOW", 1),
        ({"Label": "CRITICAL"}, "CRITICAL", 90),
        ({"Normalized": 0}, "INFORMATIONAL", 0),
        ({"Normalized": 39}, "LOW", 39),
        ({"Normalized": 40}, "MEDIUM", 40),
        ({"Normalized": 89}, "HIGH", 89),
        ({"Normalized": 90}, "CRITICAL", 90),
    ],
)
def test_label_and_normalized_severity_follow_from_each_other(
    hub: Any, sent: dict[str, Any], label: str, normalized: int
) -> None:
    import_one(hub, finding(Severity=sent))
    found = only_finding(hub)
    assert found["Severity"] == {"Label": label, "Normalized": normalized}
    assert found["FindingProviderFields"]["Severity"] == {"Label": label}


def test_what_the_provider_says_is_in_both_places(hub: Any) -> None:
    bare = finding()
    del bare["Severity"], bare["Types"]
    provided = {"Severity": {"Label": "LOW", "Original": "2.0"}, "Types": ["Effects/Data Exposure"], "Confidence": 80}
    import_one(hub, bare | {"FindingProviderFields": provided})
    found = only_finding(hub)
    assert found["Severity"] == {"Label": "LOW", "Normalized": 1, "Original": "2.0"}
    assert (found["Types"], found["Confidence"]) == (["Effects/Data Exposure"], 80)
    assert found["FindingProviderFields"] == provided


# Refusals


def test_101_findings_are_too_many_for_one_call(hub: Any) -> None:
    with refused("InvalidInputException") as refusal:
        hub.batch_import_findings(Findings=[finding(n) for n in range(101)])
    assert "Findings" in refusal.message
    with refused("InvalidInputException"):
        hub.batch_import_findings(Findings=[])
    import_one(hub, *(finding(n) for n in range(100)))


def test_one_finding_of_another_account_has_the_whole_call_denied(hub: Any, client_of: ClientOf) -> None:
    with refused("AccessDeniedException", 403) as refusal:
        hub.batch_import_findings(Findings=[finding(1), finding(2, account=MEMBER)])
    assert "not authorized to perform: securityhub:BatchImportFindings" in refusal.message
    assert hub.get_findings()["Findings"] == []
    import_one(client_of("securityhub", MEMBER), finding(2, account=MEMBER))


@pytest.mark.parametrize(
    "product",
    [
        default_product(MEMBER),
        default_product(region="us-east-1"),
        f"arn:aws:securityhub:{REGION}::product/aws/guardduty",
        "arn:aws:securityhub:us-east-1::product/crowdstrike/falcon",
    ],
)
def test_a_product_that_is_not_the_callers_is_denied(hub: Any, product: str) -> None:
    with refused("AccessDeniedException", 403):
        hub.batch_import_findings(Findings=[finding(ProductArn=product)])


def test_a_partners_product_is_taken(hub: Any) -> None:
    import_one(hub, finding(ProductArn=f"arn:aws:securityhub:{REGION}::product/crowdstrike/falcon"))
    assert (only_finding(hub)["CompanyName"], only_finding(hub)["ProductName"]) == ("crowdstrike", "falcon")


@pytest.mark.parametrize(
    "name", ["SchemaVersion", "Id", "GeneratorId", "CreatedAt", "Title", "Description", "Resources"]
)
def test_a_required_attribute_is_missed_by_name(hub: Any, name: str) -> None:
    sent = finding()
    del sent[name]
    assert import_error(hub, sent) == (
        f"Finding does not adhere to Amazon Finding Format. data should have required property '{name}'."
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"Title": "x" * 257}, "data.Title should NOT be longer than 256 characters"),
        ({"Title": " "}, 'data.Title should match pattern ".*\\S.*"'),
        ({"Description": "x" * 1025}, "data.Description should NOT be longer than 1024 characters"),
        ({"Id": "x" * 513}, "data.Id should NOT be longer than 512 characters"),
        ({"Title": 7}, "data.Title should be string"),
        ({"Resources": []}, "data.Resources should NOT have fewer than 1 items"),
        ({"Resources": finding()["Resources"] * 33}, "data.Resources should NOT have more than 32 items"),
        ({"Resources": [{"Id": "i-1"}]}, "data.Resources[0] should have required property 'Type'"),
        (
            {"ProductFields": {f"k{n}": "v" for n in range(51)}},
            "data.ProductFields should NOT have more than 50 properties",
        ),
        ({"ProductFields": {"k": "x" * 2049}}, "data.ProductFields.k should NOT be longer than 2048 characters"),
        (
            {"ProductFields": {"k" * 129: "x"}},
            f"data.ProductFields.{'k' * 129} should NOT be longer than 128 characters",
        ),
        (
            {"RelatedFindings": [{"Id": "x", "ProductArn": "y"}] * 11},
            "data.RelatedFindings should NOT have more than 10 items",
        ),
        (
            {"Remediation": {"Recommendation": {"Text": "x" * 513}}},
            "data.Remediation.Recommendation.Text should NOT be longer than 512 characters",
        ),
        (
            {"Resources": [finding()["Resources"][0] | {"Details": {"Other": {"k": "x" * 1025}}}]},
            "data.Resources[0].Details.Other.k should NOT be longer than 1024 characters",
        ),
        ({"RecordState": "GONE"}, "data.RecordState should be equal to one of the allowed values"),
        ({"SchemaVersion": "2020-01-01"}, "data.SchemaVersion should be equal to one of the allowed values"),
        ({"Severity": {}}, "data.Severity should have required property 'Label'"),
        ({"Severity": {"Normalized": 101}}, "data.Severity.Normalized should be <= 100"),
        ({"UpdatedAt": "yesterday"}, 'data.UpdatedAt should match format "date-time"'),
        ({"Confidence": 101}, "data.Confidence should be <= 100"),
        ({"FindingProviderFields": {"Criticality": -1}}, "data.FindingProviderFields.Criticality should be >= 0"),
        ({"Note": {"Text": "x", "UpdatedBy": "me"}}, "data.Note should have required property 'UpdatedAt'"),
    ],
)
def test_a_finding_out_of_bounds_fails_alone(hub: Any, change: dict[str, Any], complaint: str) -> None:
    assert complaint in import_error(hub, finding(**change))


@pytest.mark.parametrize("name", ["Severity", "Types"])
def test_severity_and_types_are_required_in_one_of_two_places(hub: Any, name: str) -> None:
    sent = finding()
    del sent[name]
    assert "data should match some schema in anyOf" in import_error(hub, sent)


def test_attributes_that_the_format_does_not_have_are_breaches() -> None:
    assert asff.finding_breaches(finding(Owner="me")) == ["data should NOT have additional properties"]


def test_a_finding_over_240_kb_fails(hub: Any) -> None:
    resource = finding()["Resources"][0]
    other = {f"key-{n:03}": "x" * 1000 for n in range(250)}
    assert "240 KB" in import_error(hub, finding(Resources=[resource | {"Details": {"Other": other}}]))


def test_a_batch_over_6_mb_is_refused(hub: Any) -> None:
    resource = finding()["Resources"][0]
    other = {f"key-{n:03}": "x" * 1000 for n in range(220)}
    with refused("InvalidInputException") as refusal:
        hub.batch_import_findings(
            Findings=[finding(n, Resources=[resource | {"Details": {"Other": other}}]) for n in range(30)]
        )
    assert "6 MB" in refusal.message


def test_the_good_findings_of_a_batch_are_taken(hub: Any) -> None:
    answer = hub.batch_import_findings(Findings=[finding(1), finding(2, Title="x" * 300), finding(3)])
    assert (answer["SuccessCount"], answer["FailedCount"]) == (2, 1)
    assert [failed["Id"] for failed in answer["FailedFindings"]] == ["finding-2"]
    assert [found["Id"] for found in hub.get_findings()["Findings"]] == ["finding-1", "finding-3"]


# Findings that are known already


@pytest.mark.parametrize("updated_at", ["2026-03-01T10:00:00Z", "2026-03-01T09:59:59Z", "2026-03-01T12:00:00+02:00"])
def test_an_import_that_is_not_later_is_ignored(hub: Any, updated_at: str) -> None:
    import_one(hub, finding())
    import_one(hub, finding(Title="New title", UpdatedAt=updated_at))
    assert only_finding(hub)["Title"] == "Finding 1"


def test_a_later_import_overwrites_the_providers_part(hub: Any) -> None:
    import_one(hub, finding(ProductFields={"old": "1"}))
    import_one(hub, finding(Title="New title", UpdatedAt=LATER, ProductFields={"new": "1"}, Severity={"Label": "LOW"}))
    found = only_finding(hub)
    assert (found["Title"], found["UpdatedAt"]) == ("New title", LATER)
    assert "old" not in found["ProductFields"]
    assert found["Severity"]["Label"] == "LOW"


def test_an_import_cannot_alter_what_is_the_customers(hub: Any) -> None:
    import_one(hub, finding())
    hub.batch_update_findings(
        FindingIdentifiers=[identifier()],
        Note={"Text": "Mine", "UpdatedBy": "analyst"},
        UserDefinedFields={"owner": "me"},
        VerificationState="TRUE_POSITIVE",
        Workflow={"Status": "RESOLVED"},
    )
    import_one(
        hub,
        finding(
            UpdatedAt=LATER,
            Note={"Text": "Theirs", "UpdatedBy": "provider", "UpdatedAt": LATER},
            UserDefinedFields={"owner": "provider"},
            VerificationState="BENIGN_POSITIVE",
            Workflow={"Status": "NEW"},
        ),
    )
    found = only_finding(hub)
    assert found["UpdatedAt"] == LATER
    assert (found["Note"]["Text"], found["UserDefinedFields"]) == ("Mine", {"owner": "me"})
    assert (found["VerificationState"], found["Workflow"]) == ("TRUE_POSITIVE", {"Status": "RESOLVED"})


def test_what_a_customer_has_set_stays_and_the_provider_is_still_heard(hub: Any) -> None:
    import_one(hub, finding(Confidence=10))
    hub.batch_update_findings(FindingIdentifiers=[identifier()], Severity={"Label": "LOW"}, Types=["Effects/Mine"])
    import_one(hub, finding(UpdatedAt=LATER, Confidence=20, Severity={"Label": "CRITICAL"}, Types=["Effects/Theirs"]))
    found = only_finding(hub)
    assert (found["Severity"]["Label"], found["Types"], found["Confidence"]) == ("LOW", ["Effects/Mine"], 20)
    assert found["FindingProviderFields"]["Severity"]["Label"] == "CRITICAL"
    assert found["FindingProviderFields"]["Types"] == ["Effects/Theirs"]


@pytest.mark.parametrize(
    ("before", "after", "workflow", "expected"),
    [
        ({"RecordState": "ARCHIVED"}, {"RecordState": "ACTIVE"}, "RESOLVED", "NEW"),
        ({"RecordState": "ARCHIVED"}, {"RecordState": "ACTIVE"}, "NOTIFIED", "NEW"),
        ({"RecordState": "ARCHIVED"}, {"RecordState": "ACTIVE"}, "SUPPRESSED", "SUPPRESSED"),
        ({"RecordState": "ACTIVE"}, {"RecordState": "ACTIVE"}, "RESOLVED", "RESOLVED"),
        ({"RecordState": "ACTIVE"}, {"RecordState": "ARCHIVED"}, "RESOLVED", "RESOLVED"),
        ({"Compliance": {"Status": "PASSED"}}, {"Compliance": {"Status": "FAILED"}}, "RESOLVED", "NEW"),
        ({"Compliance": {"Status": "PASSED"}}, {"Compliance": {"Status": "WARNING"}}, "NOTIFIED", "NEW"),
        ({"Compliance": {"Status": "PASSED"}}, {"Compliance": {"Status": "NOT_AVAILABLE"}}, "RESOLVED", "NEW"),
        ({"Compliance": {"Status": "PASSED"}}, {"Compliance": {"Status": "FAILED"}}, "SUPPRESSED", "SUPPRESSED"),
        ({"Compliance": {"Status": "FAILED"}}, {"Compliance": {"Status": "FAILED"}}, "RESOLVED", "RESOLVED"),
        ({}, {"Compliance": {"Status": "FAILED"}}, "RESOLVED", "RESOLVED"),
    ],
)
def test_when_the_workflow_starts_anew(
    hub: Any, before: dict[str, Any], after: dict[str, Any], workflow: str, expected: str
) -> None:
    import_one(hub, finding(**before))
    hub.batch_update_findings(FindingIdentifiers=[identifier()], Workflow={"Status": workflow})
    import_one(hub, finding(UpdatedAt=LATER, **after))
    assert only_finding(hub)["Workflow"]["Status"] == expected


# The table of limits


def test_the_limits_are_those_that_the_service_model_documents() -> None:
    documented = dict(_documented_limits(asff._finding_shape()))
    unmodelled = {
        "AwsAccountId",  # documented as "12"
        "FindingProviderFields.RelatedFindings",
        "FindingProviderFields.Types",  # as their counterparts of the finding
        "Resources[].Details.Other.{}",  # from what AWS answers
    }
    stated = {path: limit for path, limit in asff.LIMITS.items() if path not in unmodelled}
    assert {path: documented.get(path) for path in stated} == stated
    assert {path for path in documented if path.count(".") + path.count("[]") == 0} <= asff.LIMITS.keys() | {
        "Action",
        "PatchSummary",
    }


def _documented_limits(shape: Shape, prefix: str = "", depth: int = 0) -> Any:
    """Path -> bounds, as far as the prose of the service model states them near the top of a finding."""
    if not isinstance(shape, StructureShape) or depth > 3 or "Details" in prefix:
        return
    for name, member in shape.members.items():
        path = f"{prefix}{name}"
        text = re.sub(r"<[^>]+>|,", "", member.documentation)
        low, high = (re.search(rf"{word}(?: length| number)? of (\d+)", text) for word in ("Minimum", "Maximum"))
        if high and not isinstance(member, MapShape):
            yield path, (int(low[1]) if low else 0, int(high[1]))
        if isinstance(member, MapShape) and (
            pairs := re.search(r"up to (\d+) key-value.*?(\d+) char.*?(\d+) char", text)
        ):
            yield path, (0, int(pairs[1]))
            yield f"{path}.{{key}}", (1, int(pairs[2]))
            yield f"{path}.{{}}", (0, int(pairs[3]))
        if isinstance(member, ListShape):
            yield from _documented_limits(member.member, f"{path}[].", depth + 1)
        yield from _documented_limits(member, f"{path}.", depth + 1)


def test_the_answer_is_held_against_the_service_model() -> None:
    shape = model.operation_model("securityhub", "BatchImportFindings").output_shape
    assert shape is not None
    assert list(model.violations(shape, {"FailedCount": 0, "SuccessCount": 1})) == []
    assert HUB in default_product()

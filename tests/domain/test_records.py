"""What the three kinds of record say, with everything that they may leave out."""

from typing import Any

import pytest

from responder.domain.cloudtrail import Outcome, read_record
from responder.domain.config import read_compliance_change
from responder.domain.event import read_event
from responder.domain.faults import Rejected
from responder.domain.guardduty import read_finding
from responder.domain.resource import Resource
from tests.conftest import Sample


@pytest.mark.parametrize(
    ("name", "mfa", "outcome"),
    [
        ("root-console-sign-in-with-mfa", True, Outcome.SUCCESS),
        ("root-console-sign-in-without-mfa", False, Outcome.SUCCESS),
        ("root-console-sign-in-failed", False, Outcome.FAILURE),
        ("root-api-call", False, Outcome.SUCCESS),
        ("root-api-call-refused", False, Outcome.FAILURE),
    ],
)
def test_mfa_and_outcome_are_read_where_each_kind_of_record_has_them(
    sample: Sample, name: str, mfa: bool, outcome: Outcome
) -> None:
    record = read_record(read_event(sample(name)))

    assert (record.mfa, record.outcome) == (mfa, outcome)


@pytest.mark.parametrize(
    "field", ["requestParameters", "responseElements", "additionalEventData", "sourceIPAddress", "userAgent"]
)
def test_null_stands_for_absence(sample: Sample, field: str) -> None:
    record = read_record(read_event(sample("root-console-sign-in-without-mfa", **{field: None})))

    assert record.account == "444455556666"


def test_a_sign_in_without_response_is_of_unknown_outcome(sample: Sample) -> None:
    record = read_record(read_event(sample("root-console-sign-in-without-mfa", responseElements=None)))

    assert record.outcome is Outcome.UNKNOWN


def test_an_empty_identity_leaves_the_account_to_the_record_and_the_envelope(sample: Sample) -> None:
    record = read_record(read_event(sample("root-api-call", userIdentity={}, recipientAccountId=None)))

    assert (record.account, record.identity_type, record.principal) == ("444455556666", None, None)


def test_a_finding_is_its_members_not_the_administrators(sample: Sample) -> None:
    event = sample("guardduty-high-1-found")
    finding = read_finding(read_event(event))

    assert event["account"] == "111122223333"
    assert (finding.account, finding.region) == ("444455556666", "eu-west-1")
    assert finding.resources == (
        Resource("aws", "444455556666", "eu-west-1", "AWS::EC2::Instance", "i-0a1b2c3d4e5f67890"),
    )
    assert finding.remote_addresses == ("c2.example.net",)


def test_an_attack_sequence_names_its_resources_elsewhere(sample: Sample) -> None:
    finding = read_finding(read_event(sample("guardduty-attack-sequence")))

    assert finding.is_attack_sequence
    assert [resource.id for resource in finding.resources] == ["arn:aws:s3:::acme-invoices", "AKIAEXAMPLEREPORT001"]


@pytest.mark.parametrize(
    ("severity", "name"),
    [(1, "Low"), (3.9, "Low"), (4, "Medium"), (7, "High"), (8.9, "High"), (9.0, "Critical"), (10, "Critical")],
)
def test_severities_have_the_names_that_aws_gives_them(sample: Sample, severity: float, name: str) -> None:
    finding = read_finding(read_event(sample("guardduty-high-1-found", severity=severity)))

    assert finding.severity_name == name


@pytest.mark.parametrize(
    "changes",
    [
        {"service": None},
        {"resource": None},
        {"service__action": {}},
        {"service__action": None},
        {"service__additionalInfo": "x"},
    ],
    ids=str,
)
def test_a_finding_without_details_is_still_one(sample: Sample, changes: dict[str, Any]) -> None:
    finding = read_finding(read_event(sample("guardduty-high-1-found", **changes)))

    assert finding.id == "54c1f2a3b4d5e6f708192a3b4c5d6e7f"


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("guardduty-high-1-found", {"severity": "8"}, "detail.severity: is '8', not number"),
        ("guardduty-high-1-found", {"severity": None}, "detail.severity: is None, not number"),
        ("guardduty-high-1-found", {"id": ""}, "detail.id: is '', not of at least 1 characters"),
        ("guardduty-high-1-found", {"updatedAt": "soon"}, "detail.updatedAt: 'soon' is not a time in ISO 8601"),
        (
            "config-public-read-1-turned-non-compliant",
            {"newEvaluationResult": {}},
            "detail.newEvaluationResult.complianceType: is missing",
        ),
        ("config-public-read-1-turned-non-compliant", {"resourceId": 7}, "detail.resourceId: is 7, not string"),
        ("root-api-call", {"userIdentity": None}, "detail.userIdentity: is None, not object"),
        ("root-api-call", {"eventName": ["x"]}, "detail.eventName: is a list, not string"),
    ],
)
def test_a_record_that_cannot_be_read_is_rejected_by_field(
    sample: Sample, name: str, changes: dict[str, Any], reason: str
) -> None:
    event = read_event(sample(name, **changes))
    read = {"guardduty": read_finding, "config": read_compliance_change, "root": read_record}[name.partition("-")[0]]

    with pytest.raises(Rejected) as rejected:
        read(event)

    assert str(rejected.value) == reason


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        ("s3-bucket-public-read-prohibited", "s3-bucket-public-read-prohibited"),
        ("s3-bucket-public-read-prohibited-conformance-pack-4qzhkl0yz", "s3-bucket-public-read-prohibited"),
        ("securityhub-s3-bucket-public-read-prohibited-9f8e7d6c", "s3-bucket-public-read-prohibited"),
        ("s3-bucket-level-public-access-prohibited", None),
    ],
)
def test_a_rule_is_known_by_its_name_within_what_is_put_around_it(
    sample: Sample, rule: str, chosen: str | None
) -> None:
    change = read_compliance_change(
        read_event(sample("config-public-read-1-turned-non-compliant", configRuleName=rule))
    )

    assert change.rule_among(["s3-bucket-public-read-prohibited", "s3-bucket-public"[:9]]) == (chosen or "s3-bucket")
    assert change.rule_among(["s3-bucket-public-read-prohibited"]) == chosen

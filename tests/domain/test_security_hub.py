"""Findings as events show them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from responder.domain.event import read_event
from responder.domain.faults import Rejected
from responder.domain.security_hub import Finding, FindingKey, Note, latest, read_finding, read_findings
from tests.conftest import Sample
from tests.correlated_findings import GUARDDUTY, HUB, HUB_PRODUCT, INSTANCE, MENTION, PROD, correlation, event_of

SEEN = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_finding_is_read_with_what_people_and_this_application_change(sample: Sample) -> None:
    (finding,) = read_findings(read_event(sample("finding-with-an-analysts-note")))

    assert isinstance(finding, Finding)
    assert finding.account == "444455556666"
    assert (finding.record_state, finding.workflow_status, finding.is_open) == ("ACTIVE", "NOTIFIED", True)
    assert finding.note is not None
    assert finding.note.updated_by == "arn:aws:sts::111122223333:assumed-role/analyst/kim"
    assert dict(finding.fields) == {"Ticket": "SEC-2041", "Environment": "bastion hosts"}


def test_a_bare_finding_is_active_and_new() -> None:
    finding = read_finding({"Id": "1", "ProductArn": "arn", "AwsAccountId": "444455556666"}, seen_at=SEEN)

    assert finding.is_open
    assert (finding.note, dict(finding.fields)) == (None, {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"AwsAccountId": None}, "detail.findings.0.AwsAccountId: is None, not string"),
        ({"AwsAccountId": ""}, "detail.findings.0.AwsAccountId: is '', not of at least 1 characters"),
        (
            {"Id": "x" * 513},
            "detail.findings.0.Id: is a text of 513 characters, not of at most 512 characters",
        ),
        ({"UserDefinedFields": {"Ticket": 7}}, "detail.findings.0.UserDefinedFields.Ticket: is 7, not string"),
        ({"Note": {"UpdatedBy": "kim"}}, "detail.findings.0.Note.Text: is missing"),
        ({"Workflow": "NEW"}, "detail.findings.0.Workflow: is 'NEW', not object or null"),
    ],
)
def test_a_finding_that_cannot_be_read_is_rejected_with_its_place(
    sample: Sample, change: dict[str, Any], reason: str
) -> None:
    event = sample("finding-control-failed")
    event["detail"]["findings"][0] |= change

    (rejection,) = read_findings(read_event(event))

    assert isinstance(rejection, Rejected)
    assert str(rejection) == reason


def test_a_finding_that_cannot_be_read_does_not_concern_its_neighbour(sample: Sample) -> None:
    event = sample("finding-several-in-one-event")
    del event["detail"]["findings"][0]["AwsAccountId"]

    first, second = read_findings(read_event(event))

    assert str(first) == "detail.findings.0.AwsAccountId: is missing"
    assert isinstance(second, Finding)


@pytest.mark.parametrize("findings", [[], None, {}])
def test_an_event_without_findings_is_rejected(sample: Sample, findings: Any) -> None:
    with pytest.raises(Rejected, match=r"^detail\.findings: "):
        read_findings(read_event(sample("finding-control-failed", findings=findings)))


def sighting(second: int, text: str) -> Finding:
    seen_at = SEEN.replace(second=second)
    return Finding(FindingKey("arn", "1"), "444455556666", "ACTIVE", "NEW", Note(text, "kim"), {}, seen_at, {})


def test_of_several_sightings_the_latest_counts() -> None:
    assert latest([sighting(1, "a"), sighting(3, "c"), sighting(2, "b")]) == (sighting(3, "c"), True)


def test_sightings_of_the_same_second_that_disagree_leave_a_doubt() -> None:
    assert latest([sighting(3, "a"), sighting(3, "b")])[1] is False
    assert latest([sighting(3, "a"), sighting(3, "a")])[1] is True


def test_a_finding_of_ours_tells_of_the_resource_that_it_says_and_of_that_ones_account() -> None:
    (finding,) = read_findings(read_event(event_of(correlation(), Resources=[MENTION | {"Id": INSTANCE.id}])))

    assert isinstance(finding, Finding)
    assert (finding.account, finding.concerns_account) == (HUB, PROD)
    assert (finding.resources, finding.certain_resources) == ((INSTANCE,), (INSTANCE,))


@pytest.mark.parametrize(
    "change",
    [
        {"ProductArn": GUARDDUTY},
        {"ProductArn": HUB_PRODUCT.replace(HUB, PROD)},
        {"ProductArn": HUB_PRODUCT.replace("/default", "/other")},
        {"ProductArn": HUB_PRODUCT.replace("arn:aws:", "arn:aws-cn:")},
        {"ProductArn": HUB_PRODUCT.replace(HUB, PROD), "AwsAccountId": PROD},
        {"ProductFields": {"responder/Resource": str(INSTANCE)}},
        {"ProductFields": {"responder/RuleId": "rule", "responder/Resource": f"{INSTANCE}1"}},
        {"ProductFields": {"responder/RuleId": "rule", "responder/Resource": 7}},
    ],
    ids=str,
)
def test_what_others_put_into_product_fields_counts_for_nothing(change: dict[str, Any]) -> None:
    (finding,) = read_findings(read_event(event_of(correlation(), **change)))

    assert isinstance(finding, Finding)
    assert finding.own_resource is None
    assert finding.concerns_account == finding.account
    assert finding.resources == (INSTANCE,)  # by the ARN, as anybody's finding


def test_a_short_id_in_a_forged_finding_is_one_of_its_own_account() -> None:
    own = {"ProductArn": HUB_PRODUCT.replace(HUB, "777788889999"), "AwsAccountId": "777788889999"}
    event = event_of(correlation(), Resources=[MENTION | {"Id": INSTANCE.id}], **own)

    (finding,) = read_findings(read_event(event))

    assert isinstance(finding, Finding)
    assert [resource.account for resource in finding.resources] == ["777788889999"]

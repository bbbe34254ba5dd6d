"""BatchUpdateFindings, and who is told of a change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from sandbox.aws_services import security_hub

from .conftest import HUB, MEMBER, REGION, ClientOf
from .findings import default_product, finding, identifier
from .refusals import refused

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GUARDDUTY = f"arn:aws:securityhub:{REGION}::product/aws/guardduty"


@pytest.fixture
def hub(client_of: ClientOf) -> Any:
    client = client_of("securityhub")
    client.batch_import_findings(Findings=[finding(n) for n in (1, 2, 3)])
    return client


@pytest.fixture
def told() -> Iterator[list[tuple[str, str, str, str]]]:
    """(account, region, id, title) of every finding that a listener was told of."""
    heard: list[tuple[str, str, str, str]] = []

    def listen(account_id: str, region: str, finding: dict[str, Any]) -> None:
        heard.append((account_id, region, finding["Id"], finding["Title"]))
        finding.clear()  # it is ours to spoil

    security_hub.add_finding_listener(listen)
    yield heard
    security_hub.remove_finding_listener(listen)
    security_hub.remove_finding_listener(listen)


def stored(number: int = 1) -> dict[str, Any]:
    found = security_hub.find_finding(HUB, REGION, finding_id=f"finding-{number}", product_arn=default_product())
    assert found is not None
    return found


def test_every_attribute_that_a_customer_may_set_is_set(hub: Any) -> None:
    before = stored()
    with time_machine.travel(NOON, tick=False):
        answer = hub.batch_update_findings(
            FindingIdentifiers=[identifier(1), identifier(2)],
            Note={"Text": "Seen\nby me", "UpdatedBy": "analyst"},
            Severity={"Normalized": 95},
            VerificationState="TRUE_POSITIVE",
            Confidence=90,
            Criticality=80,
            Types=["Effects/Data Exposure"],
            UserDefinedFields={"owner": "me"},
            Workflow={"Status": "NOTIFIED"},
            RelatedFindings=[identifier(3)],
        )
    assert (answer["ProcessedFindings"], answer["UnprocessedFindings"]) == ([identifier(1), identifier(2)], [])
    for number in (1, 2):
        found = stored(number)
        assert found["Note"] == {"Text": "Seen\nby me", "UpdatedBy": "analyst", "UpdatedAt": "2026-03-01T12:00:00.000Z"}
        assert found["Severity"] == {"Label": "CRITICAL", "Normalized": 95}
        assert (found["VerificationState"], found["Confidence"], found["Criticality"]) == ("TRUE_POSITIVE", 90, 80)
        assert (found["Types"], found["RelatedFindings"]) == (["Effects/Data Exposure"], [identifier(3)])
        assert (found["UserDefinedFields"], found["Workflow"]) == ({"owner": "me"}, {"Status": "NOTIFIED"})
        assert (found["UpdatedAt"], found["FindingProviderFields"]) == (
            before["UpdatedAt"],
            before["FindingProviderFields"],
        )
    assert "Note" not in stored(3)


def test_note_and_user_defined_fields_are_replaced_as_a_whole(hub: Any) -> None:
    for text, fields in (("first", {"a": "1", "b": "1"}), ("second", {"b": "2"})):
        hub.batch_update_findings(
            FindingIdentifiers=[identifier()], Note={"Text": text, "UpdatedBy": "me"}, UserDefinedFields=fields
        )
    assert (stored()["Note"]["Text"], stored()["UserDefinedFields"]) == ("second", {"b": "2"})


@pytest.mark.parametrize(
    ("update", "member"),
    [
        ({"Note": {"Text": "x" * 513, "UpdatedBy": "me"}}, "Note.Text"),
        ({"Note": {"Text": " ", "UpdatedBy": "me"}}, "Note.Text"),
        ({"Note": {"Text": "x"}}, "Note.UpdatedBy"),
        ({"UserDefinedFields": {f"k{n}": "v" for n in range(51)}}, "UserDefinedFields"),
        ({"UserDefinedFields": {"k" * 129: "v"}}, "UserDefinedFields.k"),
        ({"UserDefinedFields": {"k": "v" * 1025}}, "UserDefinedFields.k"),
        ({"UserDefinedFields": {"k": ""}}, "UserDefinedFields.k"),
        ({"Workflow": {"Status": "DONE"}}, "Workflow.Status"),
        ({"Severity": {"Normalized": 101}}, "Severity.Normalized"),
        ({"Confidence": -1}, "Confidence"),
        ({"Types": ["x"] * 51}, "Types"),
        ({"RelatedFindings": [identifier()] * 11}, "RelatedFindings"),
        ({}, "attribute"),
    ],
)
def test_an_update_out_of_bounds_is_refused_as_a_whole(hub: Any, update: dict[str, Any], member: str) -> None:
    before = stored()
    with refused("InvalidInputException") as refusal:
        hub.batch_update_findings(FindingIdentifiers=[identifier()], **update)
    assert member in refusal.message
    assert stored() == before


def test_an_update_at_the_limits_is_taken(hub: Any) -> None:
    fields = {f"{n:03}" + "k" * 125: "v" * 1024 for n in range(50)}
    hub.batch_update_findings(
        FindingIdentifiers=[identifier()], Note={"Text": "🔥" * 512, "UpdatedBy": "me"}, UserDefinedFields=fields
    )
    assert stored()["UserDefinedFields"] == fields


@pytest.mark.parametrize("count", [0, 101])
def test_a_call_names_1_to_100_findings(hub: Any, count: int) -> None:
    with refused("InvalidInputException") as refusal:
        hub.batch_update_findings(
            FindingIdentifiers=[identifier(n) for n in range(count)], Workflow={"Status": "RESOLVED"}
        )
    assert "FindingIdentifiers" in refusal.message


def test_what_cannot_be_updated_is_told_apart(hub: Any) -> None:
    big = finding(9, ProductArn=GUARDDUTY, Padding="x" * 245_000)
    security_hub.put_finding(HUB, REGION, big)
    answer = hub.batch_update_findings(
        FindingIdentifiers=[
            identifier(1),
            identifier(2),
            identifier(2),
            identifier(77),
            {"Id": "finding-1", "ProductArn": GUARDDUTY},
            {"Id": "finding-9", "ProductArn": GUARDDUTY},
        ],
        UserDefinedFields={"owner": "x" * 1024},
    )
    assert answer["ProcessedFindings"] == [identifier(1)]
    assert [(item["FindingIdentifier"]["Id"], item["ErrorCode"]) for item in answer["UnprocessedFindings"]] == [
        ("finding-2", "DuplicatedFindingIdentifier"),
        ("finding-2", "DuplicatedFindingIdentifier"),
        ("finding-77", "FindingNotFound"),
        ("finding-1", "FindingNotFound"),
        ("finding-9", "FindingSizeExceeded"),
    ]
    assert "UserDefinedFields" not in stored(2)


def test_the_administrator_updates_its_members_findings_in_its_own_hub(client_of: ClientOf, hub: Any) -> None:
    members = finding(5, account=MEMBER, ProductArn=GUARDDUTY)
    security_hub.put_finding(HUB, REGION, members)
    wanted = {"Id": members["Id"], "ProductArn": GUARDDUTY}
    answer = hub.batch_update_findings(FindingIdentifiers=[wanted], Workflow={"Status": "RESOLVED"})
    assert answer["ProcessedFindings"] == [wanted]
    elsewhere = client_of("securityhub", MEMBER)
    answer = elsewhere.batch_update_findings(FindingIdentifiers=[wanted], Workflow={"Status": "RESOLVED"})
    assert answer["UnprocessedFindings"][0]["ErrorCode"] == "FindingNotFound"


# Who is told


def test_listeners_are_told_of_every_finding_that_came_or_changed(
    client_of: ClientOf, told: list[tuple[str, str, str, str]]
) -> None:
    hub = client_of("securityhub")
    hub.batch_import_findings(Findings=[finding(1), finding(2), finding(3, Title="x" * 300)])
    hub.batch_import_findings(Findings=[finding(1, Title="ignored")])
    hub.batch_import_findings(Findings=[finding(2, Title="Later", UpdatedAt="2026-03-02T00:00:00Z")])
    hub.batch_update_findings(
        FindingIdentifiers=[identifier(1), identifier(77), identifier(2)], Workflow={"Status": "NOTIFIED"}
    )
    client_of("securityhub", MEMBER).batch_import_findings(Findings=[finding(4, account=MEMBER)])
    assert told == [
        (HUB, REGION, "finding-1", "Finding 1"),
        (HUB, REGION, "finding-2", "Finding 2"),
        (HUB, REGION, "finding-2", "Later"),
        (HUB, REGION, "finding-1", "Finding 1"),
        (HUB, REGION, "finding-2", "Later"),
        (MEMBER, REGION, "finding-4", "Finding 4"),
    ]
    assert stored(1)["Title"] == "Finding 1"


def test_nobody_is_told_of_findings_that_the_program_places(aws: None, told: list[Any]) -> None:
    assert security_hub.put_finding(HUB, REGION, finding(1))
    assert security_hub.receive_finding(HUB, REGION, finding(2))
    assert told == []


# Findings that the program places


def test_a_placed_finding_is_kept_as_it_is_unless_told_otherwise(aws: None) -> None:
    odd = {"Id": "finding-1", "ProductArn": default_product(), "Title": "As recorded", "Unheard": {"of": [1, None]}}
    assert security_hub.put_finding(HUB, REGION, odd)
    assert not security_hub.put_finding(HUB, REGION, odd | {"Title": "Other"})
    assert stored() == odd | {"RecordState": "ACTIVE", "WorkflowState": "NEW", "Workflow": {"Status": "NEW"}}
    assert security_hub.put_finding(HUB, REGION, odd | {"Title": "Other"}, if_absent=False)
    assert [found["Title"] for found in security_hub.findings(HUB, REGION)] == ["Other"]
    assert security_hub.findings(MEMBER, REGION) == []


def test_a_received_finding_updates_the_providers_part_of_a_known_one(hub: Any) -> None:
    hub.batch_update_findings(FindingIdentifiers=[identifier()], UserDefinedFields={"owner": "me"})
    assert not security_hub.receive_finding(HUB, REGION, finding(Title="Same time"))
    assert security_hub.receive_finding(
        HUB, REGION, finding(Title="Later", UpdatedAt="2026-03-02T00:00:00Z", UserDefinedFields={"owner": "nobody"})
    )
    assert (stored()["Title"], stored()["UserDefinedFields"]) == ("Later", {"owner": "me"})


def test_a_placed_finding_whose_severity_differs_from_its_providers_was_changed_by_a_customer(hub: Any) -> None:
    placed = finding(8, Severity={"Label": "LOW"}, FindingProviderFields={"Severity": {"Label": "HIGH"}})
    security_hub.put_finding(HUB, REGION, placed)
    hub.batch_import_findings(Findings=[finding(8, UpdatedAt="2026-03-02T00:00:00Z", Severity={"Label": "CRITICAL"})])
    assert stored(8)["Severity"]["Label"] == "LOW"
    assert stored(8)["FindingProviderFields"]["Severity"]["Label"] == "CRITICAL"

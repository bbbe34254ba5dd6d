"""What a finding says to a rule."""

from typing import Any

import pytest

from responder.domain.correlation import observe, why_not_counted
from tests.domain.correlation.histories import (
    ARCHIVED,
    GUARDDUTY,
    PASSED,
    RESOLVED,
    RULE,
    alarm,
    day,
    resource,
    weakness,
)


def test_a_leg_without_a_field_makes_one_observation_for_each_resource() -> None:
    (observation,) = observe(RULE, alarm(2, observed=1))

    assert (observation.leg, observation.resource, observation.value) == ("alarm", resource("i-1"), "")
    assert observation.time == day(1)
    assert observation.finding == (GUARDDUTY, "alarm")


def test_a_leg_with_a_field_makes_one_for_each_value_that_counts() -> None:
    vulnerabilities = [
        {"Id": "CVE-2026-1"},
        {"Id": "GHSA-1"},
        {"Id": "CVE-2026-2"},
        {"Id": "CVE-2026-1"},
        {},
        {"Id": 7},
    ]
    found = observe(RULE, weakness(0, Vulnerabilities=vulnerabilities))
    assert sorted(observation.value for observation in found) == ["CVE-2026-1", "CVE-2026-2"]


@pytest.mark.parametrize("vulnerabilities", [None, [], "CVE-2026-1", [{"Id": None}], [{"Id": ""}]])
def test_without_a_value_there_is_nothing_to_observe(vulnerabilities: Any) -> None:
    assert not observe(RULE, weakness(0, Vulnerabilities=vulnerabilities))


@pytest.mark.parametrize("resources", [None, [], "i-1", [7], [{"Type": "AwsEc2Instance"}], [{"Id": None}]])
def test_without_a_resource_that_is_certain_neither(resources: Any) -> None:
    assert not observe(RULE, alarm(0, Resources=resources))


def test_a_resource_that_cannot_be_told_does_not_hide_those_that_can() -> None:
    unknown = {"Type": "AwsIamAccessKey", "Id": "AWS::IAM::AccessKey:null"}
    found = observe(RULE, alarm(0, Resources=[unknown, {"Type": "AwsEc2Instance", "Id": "i-1"}]))
    assert [observation.resource for observation in found] == [resource("i-1")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"LastObservedAt": None}, day(5)), ({"LastObservedAt": "yesterday"}, day(5)), ({}, day(3))],
)
def test_the_event_time_is_the_last_observation_else_the_update(change: dict[str, Any], expected: Any) -> None:
    (observation,) = observe(RULE, alarm(5, observed=3, **change))
    assert observation.time == expected


def test_a_finding_without_any_time_says_nothing() -> None:
    assert not observe(RULE, alarm(5, LastObservedAt=None, UpdatedAt=None))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (ARCHIVED, "its record state is ARCHIVED"),
        (RESOLVED, "its workflow status is RESOLVED"),
        ({"Workflow": {"Status": "SUPPRESSED"}}, "its workflow status is SUPPRESSED"),
        (PASSED, "its compliance status is PASSED"),
        ({"Sample": True}, "it is a sample"),
        ({"Title": "[SAMPLE] Spam from i-1"}, "it is a sample"),
    ],
)
def test_what_does_not_count(change: dict[str, Any], reason: str) -> None:
    assert why_not_counted(alarm(0, **change)) == reason
    assert not observe(RULE, alarm(0, **change))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Workflow": {"Status": "NOTIFIED"}},
        {"Compliance": {"Status": "FAILED"}},
        {"Compliance": None},
        {"Sample": False},
    ],
)
def test_what_counts(change: dict[str, Any]) -> None:
    assert why_not_counted(alarm(0, **change)) is None
    assert observe(RULE, alarm(0, **change))

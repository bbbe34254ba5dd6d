"""Heartbeats in the templates: each forwarding rule has its own, and the hub expects what members send."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from responder.domain.event import parse_event
from responder.domain.heartbeat.members import RULES, Where
from responder.domain.heartbeat.watcher import CHECK, HEARTBEAT, SOURCE
from responder.patterns import compile_pattern
from tests.conftest import SAMPLE_EVENTS
from tests.templates.test_templates import TEMPLATES, Document, forwarded, referred, resources, statements, transformed

LONGEST_PATTERN = 2048
"""Characters. Source: EventBridge quotas."""

MEMBER = transformed(TEMPLATES["member"])
PATTERNS = {name: rule["EventPattern"] for name, rule in resources(MEMBER, "AWS::Events::Rule").items()}


@pytest.fixture(scope="module")
def hub() -> Document:
    return transformed(TEMPLATES["hub"])


def heartbeat(rule: str, **change: Any) -> dict[str, Any]:
    return {"source": SOURCE, "detail-type": HEARTBEAT, "detail": {"rule": rule}} | change


def test_the_domain_knows_the_members_rules_and_where_they_are() -> None:
    conditions = {
        None: Where.EVERYWHERE,
        "ForwardsGuardDuty": Where.GUARDDUTY_ADMINISTRATOR,
        "ForwardsSecurityHub": Where.HUB,
    }

    assert {name: conditions[MEMBER["Resources"][name].get("Condition")] for name in PATTERNS} == RULES


@pytest.mark.parametrize("rule", PATTERNS)
def test_a_rule_admits_its_own_heartbeat_and_nobody_elses(rule: str) -> None:
    pattern = compile_pattern(PATTERNS[rule])

    assert [name for name in PATTERNS if pattern.matches(heartbeat(name))] == [rule]
    assert not pattern.matches(heartbeat(rule, source="somebody"))
    assert not pattern.matches(heartbeat(rule, **{"detail-type": "AWS API Call via CloudTrail"}))


@pytest.mark.parametrize("rule", PATTERNS)
def test_besides_its_heartbeat_a_rule_forwards_what_it_is_there_for(rule: str) -> None:
    whole, events = compile_pattern(PATTERNS[rule]), compile_pattern(forwarded(PATTERNS[rule]))

    for path in SAMPLE_EVENTS:
        event = json.loads(path.read_text())
        if event["detail-type"] != HEARTBEAT:
            assert whole.matches(event) == events.matches(event), path.name
    assert not events.matches(heartbeat(rule))


def test_patterns_keep_to_eventbridges_limit() -> None:
    longest = max(len(json.dumps(pattern)) for pattern in PATTERNS.values())
    assert longest <= LONGEST_PATTERN


@pytest.mark.parametrize("has_guardduty", [True, False])
@pytest.mark.parametrize("has_security_hub", [True, False])
def test_the_schedule_puts_a_heartbeat_for_each_rule_that_the_stack_has(
    has_guardduty: bool, has_security_hub: bool
) -> None:
    (schedule,) = resources(MEMBER, "AWS::Scheduler::Schedule").values()
    text, chosen = schedule["Target"]["Input"]["Fn::Sub"]
    holds = {"ForwardsGuardDuty": has_guardduty, "ForwardsSecurityHub": has_security_hub}
    for name, value in chosen.items():
        condition, then, otherwise = value["Fn::If"]
        text = text.replace(f"${{{name}}}", then if holds[condition] else otherwise)

    entries = json.loads(text)["Entries"]

    conditions = {name: MEMBER["Resources"][name].get("Condition") for name in PATTERNS}
    there = {name for name, condition in conditions.items() if condition is None or holds[condition]}
    assert {json.loads(entry["Detail"])["rule"] for entry in entries} == there
    assert len(entries) == len(there) <= 10  # PutEvents takes no more
    assert {(entry["Source"], entry["DetailType"], *entry) for entry in entries} == {
        (SOURCE, HEARTBEAT, "Source", "DetailType", "Detail")
    }


def test_the_schedule_may_put_events_on_the_default_bus_alone() -> None:
    (schedule,) = resources(MEMBER, "AWS::Scheduler::Schedule").values()
    role = resources(MEMBER, "AWS::IAM::Role")[str(referred(schedule["Target"]["RoleArn"]))]
    put, set_aside = statements({"Resources": role["Policies"]})

    assert put["Action"] == "events:PutEvents"
    assert put["Resource"]["Fn::Sub"].endswith(":events:${AWS::Region}:${AWS::AccountId}:event-bus/default")
    assert set_aside["Action"] == "sqs:SendMessage"
    assert referred(set_aside["Resource"]) == referred(schedule["Target"]["DeadLetterConfig"]["Arn"])
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_without_a_schedule_nothing_of_heartbeats_is_in_a_member_stack() -> None:
    own = [resource for name, resource in MEMBER["Resources"].items() if "Heartbeat" in name]

    assert len(own) == 5
    assert {resource["Condition"] for resource in own} == {"SendsHeartbeats"}


def test_without_expected_regions_nobody_watches(hub: Document) -> None:
    own = [resource for name, resource in hub["Resources"].items() if "Heartbeat" in name or "Silent" in name]

    assert hub["Parameters"]["ExpectedRegions"]["Default"] == ""
    assert len(own) > 12
    assert {resource.get("Condition") for resource in own} == {"WatchesHeartbeats"}


def test_the_hubs_rule_takes_heartbeats_and_no_request_for_a_check(hub: Document) -> None:
    pattern = compile_pattern(resources(hub, "AWS::Events::Rule")["HeartbeatRule"]["EventPattern"])

    assert all(pattern.matches(heartbeat(rule)) for rule in RULES)
    assert not pattern.matches(heartbeat("", **{"detail-type": CHECK}))


def test_the_hubs_rule_names_the_members_rules(hub: Document) -> None:
    pattern = resources(hub, "AWS::Events::Rule")["HeartbeatRule"]["EventPattern"]

    assert set(pattern["detail"]["rule"]) == set(PATTERNS) == set(RULES)


@pytest.mark.parametrize("detail", [{}, {"rule": 7}, {"rule": ""}, {"rule": None}, {"rule": "ForwardSomethingRule"}])
def test_a_heartbeat_of_no_rule_never_arrives(hub: Document, detail: dict[str, Any]) -> None:
    pattern = compile_pattern(resources(hub, "AWS::Events::Rule")["HeartbeatRule"]["EventPattern"])

    assert not pattern.matches(heartbeat("", detail=detail))


def test_the_hub_waits_for_four_of_the_rarest_heartbeats(hub: Document) -> None:
    allowed = re.compile(MEMBER["Parameters"]["HeartbeatSchedule"]["AllowedPattern"])
    function = resources(hub, "AWS::Lambda::Function")["WatchHeartbeatsFunction"]
    waits = timedelta(seconds=int(function["Environment"]["Variables"]["SILENT_AFTER_SECONDS"]))

    minutes = [number for number in range(2000) if allowed.fullmatch(f"rate({number} minutes)")]

    assert minutes == list(range(1, 16))
    assert 4 * timedelta(minutes=max(minutes)) <= waits
    assert allowed.fullmatch("")
    assert allowed.fullmatch(MEMBER["Parameters"]["HeartbeatSchedule"]["Default"])
    for other in ("rate(1 day)", "rate(1 hour)", "rate(2 days)", "cron(0 * * * ? *)", "rate(015 minutes)"):
        assert not allowed.fullmatch(other)


def test_the_hubs_schedule_asks_for_a_check(hub: Document) -> None:
    schedule = resources(hub, "AWS::Scheduler::Schedule")["WatchHeartbeatsSchedule"]
    text = schedule["Target"]["Input"]["Fn::Sub"]
    for name, value in {
        "${AWS::AccountId}": "123456789012",
        "${AWS::Region}": "eu-west-1",
        "<aws.scheduler.scheduled-time>": "2026-03-10T03:00:00Z",
    }.items():
        text = text.replace(name, value)

    event = parse_event(text)

    assert (event.source, event.detail_type, event.detail) == (SOURCE, CHECK, {})


def test_whoever_watches_is_watched(hub: Document) -> None:
    alarm = resources(hub, "AWS::CloudWatch::Alarm")["SilentMembersAlarm"]

    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("SilentMembers", "breaching")
    assert alarm["Period"] == 2 * 15 * 60  # two checks


def test_lists_of_accounts_fit_into_the_functions_variables(hub: Document) -> None:
    longest = sum(
        hub["Parameters"][name]["MaxLength"] for name in ("ExpectedRegions", "ExpectedAccounts", "ExcludedAccounts")
    )
    assert longest + 500 <= 4096  # bytes. Source: Lambda quotas

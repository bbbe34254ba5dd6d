"""Incident Manager as its callers see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from sandbox.aws_services import ssm_incidents

from .conftest import HUB, MEMBER, REGION, ClientOf, hub_client
from .refusals import refused

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
TRIGGER = {"source": "security.responder", "timestamp": NOON, "rawData": '{"a": "b&Action=StartIncident"}'}


def link(number: int = 1) -> dict[str, Any]:
    return {
        "identifier": {"type": "OTHER", "value": {"url": f"https://example.com/{number}"}},
        "title": f"Link {number}",
    }


@pytest.fixture
def manager(client_of: ClientOf) -> Any:
    return client_of("ssm-incidents")


@pytest.fixture
def plan(manager: Any) -> str:
    return manager.create_response_plan(
        name="security",
        displayName="Security team",
        incidentTemplate={
            "title": "Security",
            "impact": 3,
            "summary": "See the runbook",
            "incidentTags": {"team": "sec"},
        },
        tags={"owner": "sec"},
    )["arn"]


@pytest.fixture
def incident(manager: Any, plan: str) -> str:
    return manager.start_incident(responsePlanArn=plan, title="Root signed in", impact=1, triggerDetails=TRIGGER)[
        "incidentRecordArn"
    ]


# Starting an incident


def test_a_started_incident_has_the_callers_details_over_those_of_the_plan(manager: Any, plan: str) -> None:
    with time_machine.travel(NOON, tick=False):
        arn = manager.start_incident(
            responsePlanArn=plan, title="Root signed in", impact=1, triggerDetails=TRIGGER, clientToken="root-1"
        )["incidentRecordArn"]

    record = manager.get_incident_record(arn=arn)["incidentRecord"]
    assert arn.startswith(f"arn:aws:ssm-incidents::{HUB}:incident-record/security/")
    assert (record["title"], record["impact"], record["status"]) == ("Root signed in", 1, "OPEN")
    assert (record["summary"], record["creationTime"]) == ("See the runbook", NOON)
    assert record["incidentRecordSource"]["source"] == "security.responder"
    assert "resolvedTime" not in record
    assert manager.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "sec"}


def test_without_details_the_incident_is_the_plans(manager: Any, plan: str) -> None:
    record = manager.get_incident_record(arn=manager.start_incident(responsePlanArn=plan)["incidentRecordArn"])
    assert (record["incidentRecord"]["title"], record["incidentRecord"]["impact"]) == ("Security", 3)
    assert record["incidentRecord"]["incidentRecordSource"]["source"] == "aws.ssm-incidents.custom"


def test_a_token_sent_again_with_the_same_details_gives_the_same_incident(manager: Any, plan: str) -> None:
    request = {"responsePlanArn": plan, "title": "Root", "triggerDetails": TRIGGER, "clientToken": "root-1"}
    first, again = (manager.start_incident(**request)["incidentRecordArn"] for _ in range(2))
    assert first == again
    assert len(manager.list_incident_records()["incidentRecordSummaries"]) == 1


@pytest.mark.parametrize("change", [{"title": "Other"}, {"impact": 2}, {"triggerDetails": TRIGGER | {"rawData": "x"}}])
def test_a_token_sent_again_with_other_details_conflicts(manager: Any, plan: str, change: dict[str, Any]) -> None:
    request = {"responsePlanArn": plan, "title": "Root", "triggerDetails": TRIGGER, "clientToken": "root-1"}
    manager.start_incident(**request)
    with refused("ConflictException", 409):
        manager.start_incident(**(request | change))


def test_a_token_whose_call_failed_can_be_used(manager: Any, plan: str) -> None:
    with refused("ResourceNotFoundException", 404):
        manager.start_incident(responsePlanArn=plan + "x", clientToken="t")
    assert manager.start_incident(responsePlanArn=plan, clientToken="t")["incidentRecordArn"]


def test_an_unknown_response_plan_is_not_found(manager: Any, plan: str) -> None:
    with refused("ResourceNotFoundException", 404) as refusal:
        manager.start_incident(responsePlanArn=plan + "x")
    assert refusal.response["resourceType"] == "RESPONSE_PLAN"
    assert refusal.response["resourceIdentifier"] == plan + "x"


@pytest.mark.parametrize(
    ("details", "member"),
    [
        ({"impact": 0}, "impact"),
        ({"impact": 6}, "impact"),
        ({"title": "x" * 201}, "title"),
        ({"clientToken": "x" * 129}, "clientToken"),
        ({"triggerDetails": TRIGGER | {"rawData": "x" * 10_001}}, "triggerDetails.rawData"),
        ({"triggerDetails": TRIGGER | {"source": "x" * 51}}, "triggerDetails.source"),
        ({"triggerDetails": TRIGGER | {"source": "aws.guardduty"}}, "triggerDetails.source"),
        ({"triggerDetails": TRIGGER | {"triggerArn": "i-1"}}, "triggerDetails.triggerArn"),
        ({"relatedItems": [{"identifier": {"type": "X", "value": {"url": "u"}}}]}, "relatedItems.1.member.identifier"),
    ],
)
def test_details_out_of_bounds_are_refused(manager: Any, plan: str, details: dict[str, Any], member: str) -> None:
    with refused("ValidationException") as refusal:
        manager.start_incident(responsePlanArn=plan, **details)
    assert member in refusal.message
    assert manager.list_incident_records()["incidentRecordSummaries"] == []


def test_200_incidents_a_plan_and_calendar_month(manager: Any, plan: str) -> None:
    other = manager.create_response_plan(name="other", incidentTemplate={"title": "t", "impact": 5})["arn"]
    with time_machine.travel(NOON, tick=False) as clock:
        arns = [manager.start_incident(responsePlanArn=plan)["incidentRecordArn"] for _ in range(200)]
        manager.delete_incident_record(arn=arns[0])  # does not give the start back
        with refused("ServiceQuotaExceededException", 402) as refusal:
            manager.start_incident(responsePlanArn=plan)
        assert refusal.response["resourceIdentifier"] == plan
        assert manager.start_incident(responsePlanArn=other)["incidentRecordArn"]

        clock.move_to(NOON + timedelta(hours=12))  # the first of April
        assert manager.start_incident(responsePlanArn=plan)["incidentRecordArn"] not in arns


def test_a_plans_dedupe_string_folds_every_start_into_the_open_incident(manager: Any) -> None:
    template = {"title": "t", "impact": 5, "dedupeString": "one"}
    plan = manager.create_response_plan(name="folding", incidentTemplate=template)["arn"]
    first = manager.start_incident(responsePlanArn=plan, title="a")["incidentRecordArn"]
    assert manager.start_incident(responsePlanArn=plan, title="b")["incidentRecordArn"] == first
    manager.update_incident_record(arn=first, status="RESOLVED")
    assert manager.start_incident(responsePlanArn=plan, title="c")["incidentRecordArn"] != first


def test_two_equal_runs_give_the_same_identifiers() -> None:
    def run() -> tuple[str, str]:
        with mock_aws():
            manager = hub_client("ssm-incidents", REGION)
            plan = manager.create_response_plan(name="security", incidentTemplate={"title": "t", "impact": 1})["arn"]
            arn = manager.start_incident(responsePlanArn=plan)["incidentRecordArn"]
            return arn, manager.create_timeline_event(**event(arn))["eventId"]

    assert run() == run()


# Incident records


def test_resolving_sets_the_time_and_reopening_clears_it(manager: Any, incident: str) -> None:
    with time_machine.travel(NOON, tick=False):
        manager.update_incident_record(arn=incident, status="RESOLVED", impact=2, title="Calm", summary="Drill")
    record = manager.get_incident_record(arn=incident)["incidentRecord"]
    assert (record["status"], record["resolvedTime"]) == ("RESOLVED", NOON)
    assert (record["impact"], record["title"], record["summary"]) == (2, "Calm", "Drill")

    manager.update_incident_record(arn=incident, status="OPEN")
    assert "resolvedTime" not in manager.get_incident_record(arn=incident)["incidentRecord"]


def test_an_update_sent_again_does_not_undo_a_later_one(manager: Any, incident: str) -> None:
    manager.update_incident_record(arn=incident, impact=2, clientToken="first")
    manager.update_incident_record(arn=incident, impact=1, clientToken="second")
    manager.update_incident_record(arn=incident, impact=2, clientToken="first")
    assert manager.get_incident_record(arn=incident)["incidentRecord"]["impact"] == 1
    with refused("ConflictException", 409):
        manager.update_incident_record(arn=incident, impact=3, clientToken="first")


@pytest.mark.parametrize("change", [{"status": "CLOSED"}, {"impact": 6}, {"summary": "x" * 8001}])
def test_an_update_out_of_bounds_is_refused(manager: Any, incident: str, change: dict[str, Any]) -> None:
    with refused("ValidationException"):
        manager.update_incident_record(arn=incident, **change)


def test_a_deleted_incident_is_not_found_and_deleting_again_is_no_error(manager: Any, incident: str) -> None:
    manager.delete_incident_record(arn=incident)
    manager.delete_incident_record(arn=incident)
    with refused("ResourceNotFoundException", 404):
        manager.get_incident_record(arn=incident)
    with refused("ResourceNotFoundException", 404):
        manager.update_incident_record(arn=incident, impact=1)


def test_incidents_are_listed_newest_first_by_every_filter(manager: Any, plan: str) -> None:
    arns = []
    for hour, impact in enumerate((1, 2, 2, 5)):
        with time_machine.travel(NOON + timedelta(hours=hour), tick=False):
            arns.append(manager.start_incident(responsePlanArn=plan, impact=impact)["incidentRecordArn"])
    manager.update_incident_record(arn=arns[2], status="RESOLVED")

    def listed(*filters: dict[str, Any]) -> list[int]:
        found = manager.list_incident_records(filters=list(filters))["incidentRecordSummaries"]
        return [arns.index(summary["arn"]) for summary in found]

    assert listed() == [3, 2, 1, 0]
    assert listed({"key": "impact", "condition": {"equals": {"integerValues": [1, 2]}}}) == [2, 1, 0]
    is_open = {"key": "status", "condition": {"equals": {"stringValues": ["OPEN"]}}}
    assert listed(is_open) == [3, 1, 0]
    assert listed(is_open, {"key": "creationTime", "condition": {"after": NOON}}) == [3, 1]
    assert listed({"key": "creationTime", "condition": {"before": NOON + timedelta(hours=1)}}) == [0]
    assert listed({"key": "createdBy", "condition": {"equals": {"stringValues": ["arn:aws:iam::1:user/x"]}}}) == []
    with refused("ValidationException"):
        listed({"key": "title", "condition": {"equals": {"stringValues": ["x"]}}})
    with refused("ValidationException"):
        listed({"key": "impact", "condition": {"equals": {"stringValues": ["1"]}}})


def test_every_page_of_incidents_is_reached(manager: Any, plan: str) -> None:
    started = {manager.start_incident(responsePlanArn=plan)["incidentRecordArn"] for _ in range(7)}
    pages = list(manager.get_paginator("list_incident_records").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["incidentRecordSummaries"]) for page in pages] == [3, 3, 1]
    assert {summary["arn"] for page in pages for summary in page["incidentRecordSummaries"]} == started
    with refused("ValidationException"):
        manager.list_incident_records(nextToken=pages[0]["nextToken"], filters=[_impact_is(1)])
    with refused("ValidationException"):
        manager.list_incident_records(nextToken="made up")
    with refused("ValidationException"):
        manager.list_incident_records(maxResults=101)


def _impact_is(impact: int) -> dict[str, Any]:
    return {"key": "impact", "condition": {"equals": {"integerValues": [impact]}}}


# Timeline


def event(incident: str, **change: Any) -> dict[str, Any]:
    details = {"incidentRecordArn": incident, "eventTime": NOON, "eventType": "Custom Event", "eventData": "{}"}
    return details | change


def test_the_timeline_holds_what_was_written_and_nothing_else(manager: Any, incident: str) -> None:
    assert manager.list_timeline_events(incidentRecordArn=incident)["eventSummaries"] == []
    references = [{"resource": "arn:aws:s3:::bucket"}]
    made = manager.create_timeline_event(**event(incident, eventData="seen", eventReferences=references))
    found = manager.get_timeline_event(incidentRecordArn=incident, eventId=made["eventId"])["event"]
    assert (found["eventTime"], found["eventType"], found["eventData"]) == (NOON, "Custom Event", "seen")
    assert found["eventReferences"] == references


def test_a_timeline_event_sent_again_is_written_once(manager: Any, incident: str) -> None:
    ids = {manager.create_timeline_event(**event(incident, clientToken="t"))["eventId"] for _ in range(2)}
    assert len(ids) == 1
    assert len(manager.list_timeline_events(incidentRecordArn=incident)["eventSummaries"]) == 1
    with refused("ConflictException", 409):
        manager.create_timeline_event(**event(incident, clientToken="t", eventData="other"))


def test_events_are_sorted_by_their_own_time_and_filtered(manager: Any, incident: str) -> None:
    for hour in (2, 1, 3):
        kind = "Note" if hour == 3 else "Custom Event"
        manager.create_timeline_event(**event(incident, eventTime=NOON + timedelta(hours=hour), eventType=kind))

    def hours(**request: Any) -> list[int]:
        found = manager.list_timeline_events(incidentRecordArn=incident, **request)["eventSummaries"]
        return [round((summary["eventTime"] - NOON).total_seconds() / 3600) for summary in found]

    assert hours() == [3, 2, 1]
    assert hours(sortBy="EVENT_TIME", sortOrder="ASCENDING") == [1, 2, 3]
    assert hours(filters=[{"key": "eventType", "condition": {"equals": {"stringValues": ["Note"]}}}]) == [3]
    assert hours(filters=[{"key": "eventTime", "condition": {"after": NOON + timedelta(hours=1)}}]) == [3, 2]


def test_a_timeline_event_can_be_changed_and_deleted(manager: Any, incident: str) -> None:
    made = manager.create_timeline_event(**event(incident))["eventId"]
    manager.update_timeline_event(incidentRecordArn=incident, eventId=made, eventData="new", eventType="Note")
    found = manager.get_timeline_event(incidentRecordArn=incident, eventId=made)["event"]
    assert (found["eventData"], found["eventType"], found["eventTime"]) == ("new", "Note", NOON)

    manager.delete_timeline_event(incidentRecordArn=incident, eventId=made)
    manager.delete_timeline_event(incidentRecordArn=incident, eventId=made)
    with refused("ResourceNotFoundException", 404) as refusal:
        manager.get_timeline_event(incidentRecordArn=incident, eventId=made)
    assert refusal.response["resourceType"] == "TIMELINE_EVENT"
    with refused("ResourceNotFoundException", 404):
        manager.update_timeline_event(incidentRecordArn=incident, eventId=made, eventData="x")


def test_the_1001st_timeline_event_is_refused(manager: Any, incident: str) -> None:
    manager.create_timeline_event(**event(incident))
    [record] = ssm_incidents.incidents()
    record.timeline += [replace(record.timeline[0], id=str(number)) for number in range(998)]
    manager.create_timeline_event(**event(incident))
    with refused("ServiceQuotaExceededException", 402) as refusal:
        manager.create_timeline_event(**event(incident))
    assert refusal.response["resourceIdentifier"] == incident
    pages = manager.get_paginator("list_timeline_events").paginate(incidentRecordArn=incident)
    assert len({summary["eventId"] for page in pages for summary in page["eventSummaries"]}) == 1000


@pytest.mark.parametrize("change", [{"eventData": "x" * 12_001}, {"eventType": "Alarm"}, {"eventData": None}])
def test_a_timeline_event_out_of_bounds_is_refused(manager: Any, incident: str, change: dict[str, Any]) -> None:
    with refused("ValidationException"):
        manager.create_timeline_event(**event(incident, **change))


def test_a_timeline_event_of_an_unknown_incident_is_not_found(manager: Any, incident: str) -> None:
    with refused("ResourceNotFoundException", 404):
        manager.create_timeline_event(**event(incident + "0"))
    assert manager.list_timeline_events(incidentRecordArn=incident + "0")["eventSummaries"] == []


# Related items


def test_related_items_are_known_by_their_identifier(manager: Any, incident: str) -> None:
    def add(item: dict[str, Any]) -> None:
        manager.update_related_items(incidentRecordArn=incident, relatedItemsUpdate={"itemToAdd": item})

    add(link(1))
    add(link(2))
    add(link(1) | {"title": "New title"})
    items = manager.list_related_items(incidentRecordArn=incident)["relatedItems"]
    assert [item["title"] for item in items] == ["New title", "Link 2"]
    assert all(item["generatedId"].startswith("related-item/OTHER/") for item in items)

    removal = {"itemToRemove": link(1)["identifier"]}
    manager.update_related_items(incidentRecordArn=incident, relatedItemsUpdate=removal)
    assert len(manager.list_related_items(incidentRecordArn=incident)["relatedItems"]) == 1
    with refused("ResourceNotFoundException", 404):
        manager.update_related_items(incidentRecordArn=incident, relatedItemsUpdate=removal)


def test_50_related_items_an_incident(manager: Any, plan: str) -> None:
    with refused("ServiceQuotaExceededException", 402):
        manager.start_incident(responsePlanArn=plan, relatedItems=[link(n) for n in range(51)])
    incident = manager.start_incident(responsePlanArn=plan, relatedItems=[link(n) for n in range(50)])
    arn = incident["incidentRecordArn"]
    with refused("ServiceQuotaExceededException", 402):
        manager.update_related_items(incidentRecordArn=arn, relatedItemsUpdate={"itemToAdd": link(50)})
    pages = manager.get_paginator("list_related_items").paginate(
        incidentRecordArn=arn, PaginationConfig={"PageSize": 20}
    )
    assert [len(page["relatedItems"]) for page in pages] == [20, 20, 10]


def test_a_change_of_related_items_sent_again_is_made_once(manager: Any, incident: str) -> None:
    change = {"incidentRecordArn": incident, "relatedItemsUpdate": {"itemToAdd": link()}, "clientToken": "t"}
    manager.update_related_items(**change)
    removal = {"itemToRemove": link()["identifier"]}
    manager.update_related_items(incidentRecordArn=incident, relatedItemsUpdate=removal)
    manager.update_related_items(**change)
    assert manager.list_related_items(incidentRecordArn=incident)["relatedItems"] == []
    with refused("ConflictException", 409):
        manager.update_related_items(**(change | {"relatedItemsUpdate": {"itemToAdd": link(2)}}))


# Response plans, replication sets, tags


def test_a_response_plan_lives_and_dies(manager: Any, plan: str) -> None:
    assert plan == f"arn:aws:ssm-incidents::{HUB}:response-plan/security"
    manager.update_response_plan(
        arn=plan,
        displayName="New name",
        incidentTemplateTitle="New title",
        incidentTemplateImpact=2,
        chatChannel={"chatbotSns": [f"arn:aws:sns:{REGION}:{HUB}:chat"]},
    )
    found = manager.get_response_plan(arn=plan)
    assert (found["name"], found["displayName"]) == ("security", "New name")
    assert (found["incidentTemplate"]["title"], found["incidentTemplate"]["impact"]) == ("New title", 2)
    assert found["incidentTemplate"]["summary"] == "See the runbook"
    manager.update_response_plan(arn=plan, chatChannel={"empty": {}})
    assert "chatChannel" not in manager.get_response_plan(arn=plan)

    assert [s["arn"] for s in manager.list_response_plans()["responsePlanSummaries"]] == [plan]
    manager.delete_response_plan(arn=plan)
    manager.delete_response_plan(arn=plan)
    assert manager.list_response_plans()["responsePlanSummaries"] == []
    with refused("ResourceNotFoundException", 404):
        manager.get_response_plan(arn=plan)


def test_a_response_plans_name_is_taken_once_and_has_no_spaces(manager: Any, plan: str) -> None:
    with refused("ConflictException", 409):
        manager.create_response_plan(name="security", incidentTemplate={"title": "t", "impact": 1})
    with refused("ValidationException"):
        manager.create_response_plan(name="the team", incidentTemplate={"title": "t", "impact": 1})


def test_an_account_has_one_replication_set_seen_from_every_region(client_of: ClientOf) -> None:
    here, there = client_of("ssm-incidents"), client_of("ssm-incidents", region="us-east-1")
    arn = here.create_replication_set(regions={REGION: {}, "us-east-1": {}})["arn"]
    assert there.list_replication_sets()["replicationSetArns"] == [arn]
    found = there.get_replication_set(arn=arn)["replicationSet"]
    assert (found["status"], sorted(found["regionMap"])) == ("ACTIVE", [REGION, "us-east-1"])
    with refused("ConflictException", 409):
        there.create_replication_set(regions={"us-east-1": {}})
    with refused("ResourceNotFoundException", 404):
        here.get_replication_set(arn=arn + "0")
    with refused("ValidationException"):
        here.create_replication_set(regions={f"eu-west-{n}": {} for n in range(4)})


def test_tags_come_and_go(manager: Any, plan: str) -> None:
    manager.tag_resource(resourceArn=plan, tags={"stage": "prod"})
    manager.untag_resource(resourceArn=plan, tagKeys=["owner", "none"])
    assert manager.list_tags_for_resource(resourceArn=plan)["tags"] == {"stage": "prod"}
    with refused("ServiceQuotaExceededException", 402):
        manager.tag_resource(resourceArn=plan, tags={f"k{n}": "v" for n in range(50)})
    manager.untag_resource(resourceArn=plan, tagKeys=["stage"])
    assert manager.list_tags_for_resource(resourceArn=plan)["tags"] == {}
    with refused("ResourceNotFoundException", 404):
        manager.tag_resource(resourceArn=plan + "x", tags={"a": "b"})


# State


def test_accounts_and_regions_are_apart(client_of: ClientOf, manager: Any, incident: str) -> None:
    member = client_of("ssm-incidents", MEMBER)
    assert member.list_incident_records()["incidentRecordSummaries"] == []
    plan = member.create_response_plan(name="security", incidentTemplate={"title": "t", "impact": 1})["arn"]
    record = member.get_incident_record(arn=member.start_incident(responsePlanArn=plan)["incidentRecordArn"])
    created_by = record["incidentRecord"]["incidentRecordSource"]["createdBy"]
    assert created_by == f"arn:aws:sts::{MEMBER}:assumed-role/Responder/test"
    elsewhere = client_of("ssm-incidents", region="us-east-1")
    assert elsewhere.list_incident_records()["incidentRecordSummaries"] == []


def test_china_has_its_own_partition(client_of: ClientOf) -> None:
    china = client_of("ssm-incidents", region="cn-north-1")
    plan = china.create_response_plan(name="security", incidentTemplate={"title": "t", "impact": 1})["arn"]
    assert plan.startswith("arn:aws-cn:ssm-incidents::")


def test_a_program_can_look_at_everything(client_of: ClientOf, manager: Any, incident: str) -> None:
    manager.create_timeline_event(**event(incident, eventData="seen"))
    manager.update_related_items(incidentRecordArn=incident, relatedItemsUpdate={"itemToAdd": link()})
    member = client_of("ssm-incidents", MEMBER)
    member.create_response_plan(name="other", incidentTemplate={"title": "t", "impact": 1})

    [found] = ssm_incidents.incidents(account_id=HUB, region=REGION)
    assert (found.arn, found.title, found.impact, found.status) == (incident, "Root signed in", 1, "OPEN")
    assert found.trigger is not None
    assert found.trigger["rawData"] == TRIGGER["rawData"]
    assert [(entry.time, entry.type, entry.data) for entry in found.timeline] == [(NOON, "Custom Event", "seen")]
    assert [item.title for item in found.related_items] == ["Link 1"]
    assert [plan.name for plan in ssm_incidents.response_plans()] == ["security", "other"]
    assert [plan.name for plan in ssm_incidents.response_plans(account_id=MEMBER)] == ["other"]
    assert ssm_incidents.incidents(account_id="333333333333") == []

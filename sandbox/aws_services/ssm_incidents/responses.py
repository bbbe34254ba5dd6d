"""Incident Manager's operations, from and to the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from ..service_response import CheckedResult, ServiceResponse
from .models import IncidentManagerBackend, ssmincidents_backends


class IncidentManagerResponse(ServiceResponse):
    def __init__(self) -> None:
        super().__init__(service_name="ssm-incidents")

    @property
    def backend(self) -> IncidentManagerBackend:
        return ssmincidents_backends[self.current_account][self.region]

    # Response plans

    def create_response_plan(self) -> ActionResult:
        return CheckedResult({"arn": self.backend.create_response_plan(self.request()).arn})

    def get_response_plan(self) -> ActionResult:
        return CheckedResult(self.backend.require_response_plan(self.request()["arn"]).description())

    def list_response_plans(self) -> ActionResult:
        plans, token = self.backend.list_response_plans(self.request())
        return _listing("responsePlanSummaries", plans, lambda plan: plan.summary(), token)

    def update_response_plan(self) -> ActionResult:
        self.backend.update_response_plan(self.request())
        return EmptyResult()

    def delete_response_plan(self) -> ActionResult:
        self.backend.delete_response_plan(self.request()["arn"])
        return EmptyResult()

    # Incidents

    def start_incident(self) -> ActionResult:
        return CheckedResult(
            {"incidentRecordArn": self.backend.start_incident(self.request(), caller_arn=self.caller_arn)}
        )

    def get_incident_record(self) -> ActionResult:
        return CheckedResult({"incidentRecord": self.backend.require_incident(self.request()["arn"]).record()})

    def list_incident_records(self) -> ActionResult:
        incidents, token = self.backend.list_incident_records(self.request())
        return _listing("incidentRecordSummaries", incidents, lambda incident: incident.record_summary(), token)

    def update_incident_record(self) -> ActionResult:
        self.backend.update_incident_record(self.request(), caller_arn=self.caller_arn)
        return EmptyResult()

    def delete_incident_record(self) -> ActionResult:
        self.backend.delete_incident_record(self.request()["arn"])
        return EmptyResult()

    # Timeline

    def create_timeline_event(self) -> ActionResult:
        event = self.backend.create_timeline_event(self.request())
        return CheckedResult({"eventId": event.id, "incidentRecordArn": event.incident_arn})

    def get_timeline_event(self) -> ActionResult:
        request = self.request()
        event = self.backend.require_timeline_event(request["incidentRecordArn"], request["eventId"])
        return CheckedResult({"event": event.description()})

    def list_timeline_events(self) -> ActionResult:
        events, token = self.backend.list_timeline_events(self.request())
        return _listing("eventSummaries", events, lambda event: event.summary(), token)

    def update_timeline_event(self) -> ActionResult:
        self.backend.update_timeline_event(self.request())
        return EmptyResult()

    def delete_timeline_event(self) -> ActionResult:
        request = self.request()
        self.backend.delete_timeline_event(request["incidentRecordArn"], request["eventId"])
        return EmptyResult()

    # Related items

    def update_related_items(self) -> ActionResult:
        self.backend.update_related_items(self.request())
        return EmptyResult()

    def list_related_items(self) -> ActionResult:
        items, token = self.backend.list_related_items(self.request())
        return _listing("relatedItems", items, lambda item: item.description(), token)

    # Replication sets

    def create_replication_set(self) -> ActionResult:
        return CheckedResult({"arn": self.backend.create_replication_set(self.request(), caller_arn=self.caller_arn)})

    def get_replication_set(self) -> ActionResult:
        found = self.backend.require_replication_set(self.request()["arn"])
        return CheckedResult({"replicationSet": found.description()})

    def list_replication_sets(self) -> ActionResult:
        self.request()
        found = self.backend.find_replication_set()
        return CheckedResult({"replicationSetArns": [found.arn] if found else []})

    # Tags

    def list_tags_for_resource(self) -> ActionResult:
        return CheckedResult({"tags": self.backend.tags_of(self.request()["resourceArn"])})

    def tag_resource(self) -> ActionResult:
        request = self.request()
        self.backend.tag_resource(request["resourceArn"], request["tags"])
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        request = self.request()
        self.backend.untag_resource(request["resourceArn"], request["tagKeys"])
        return EmptyResult()


def _listing(
    name: str, records: Iterable[Any], describe: Callable[[Any], dict[str, Any]], token: str | None
) -> ActionResult:
    return CheckedResult({name: [describe(record) for record in records], "nextToken": token})

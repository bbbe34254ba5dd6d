"""Incident Manager of one account and Region.

Limits (AWS General Reference, "Incident Manager endpoints and quotas"): 200 incidents per response plan a month,
50 related items and 1,000 timeline events per incident. Lengths come from the service model.

What differs from AWS, knowingly:

- The timeline holds what callers wrote. Incident Manager adds entries of its own (incident started, impact changed,
  runbook run); the sandbox adds none, so that a report shows what the application did.
- No runbook, engagement, chat message or parent OpsItem is started.
- State is per Region: a replication set is recorded, and copies nothing. None is needed to create a response plan.
- Identifiers are counted per account and Region, not random, so that two equal runs print the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from moto.core.base_backend import BackendDict, BaseBackend

from ..client_tokens import ClientTokens, TokenReusedError
from ..paging import InvalidTokenError, Pages
from .exceptions import (
    INCIDENT_RECORD,
    REPLICATION_SET,
    RESPONSE_PLAN,
    TIMELINE_EVENT,
    ConflictException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
    ValidationException,
)
from .filters import select_events, select_incidents
from .records import Incident, RelatedItem, ReplicationSet, ResponsePlan, TimelineEvent

INCIDENTS_PER_PLAN_A_MONTH = 200
RELATED_ITEMS_PER_INCIDENT = 50
TIMELINE_EVENTS_PER_INCIDENT = 1000
TAGS_PER_RESOURCE = 50

DEFAULT_PAGE_SIZE = 50  # AWS documents none; a small page shows who forgets to ask for the next one
MANUAL_SOURCE = "aws.ssm-incidents.custom"  # what AWS records for an incident started without trigger details
EVENT_TYPES = ("Custom Event", "Note")  # the only types that CreateTimelineEvent documents

Result = TypeVar("Result")
Request = Mapping[str, Any]


class IncidentManagerBackend(BaseBackend):
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.response_plans: dict[str, ResponsePlan] = {}
        self.incidents: dict[str, Incident] = {}
        self.replication_set: ReplicationSet | None = None
        self._starts: Counter[tuple[str, int, int]] = Counter()
        self._issued: Counter[str] = Counter()
        self._tokens = ClientTokens()
        self._pages: Pages[Any] = Pages()

    # Response plans

    def create_response_plan(self, request: Request) -> ResponsePlan:
        def create() -> ResponsePlan:
            arn = self._arn(f"response-plan/{request['name']}")
            if arn in self.response_plans:
                raise ConflictException("The response plan already exists.", identifier=arn, kind=RESPONSE_PLAN)
            plan = ResponsePlan(
                arn=arn,
                name=request["name"],
                incident_template=dict(request["incidentTemplate"]),
                display_name=request.get("displayName"),
                actions=request.get("actions"),
                chat_channel=_chat_channel(request.get("chatChannel")),
                engagements=request.get("engagements"),
                integrations=request.get("integrations"),
                tags=dict(request.get("tags", {})),
            )
            self.response_plans[arn] = plan
            return plan

        return self._once("CreateResponsePlan", request, create)

    def require_response_plan(self, arn: str) -> ResponsePlan:
        if (plan := self.response_plans.get(arn)) is None:
            raise ResourceNotFoundException("Response plan", arn, RESPONSE_PLAN)
        return plan

    def list_response_plans(self, request: Request) -> tuple[list[ResponsePlan], str | None]:
        return self._page("ListResponsePlans", request, lambda: list(self.response_plans.values()))

    def update_response_plan(self, request: Request) -> None:
        def update() -> None:
            plan = self.require_response_plan(request["arn"])
            template_members = {
                "incidentTemplateTitle": "title",
                "incidentTemplateImpact": "impact",
                "incidentTemplateSummary": "summary",
                "incidentTemplateDedupeString": "dedupeString",
                "incidentTemplateNotificationTargets": "notificationTargets",
                "incidentTemplateTags": "incidentTags",
            }
            plan.incident_template |= {new: request[old] for old, new in template_members.items() if old in request}
            plan.display_name = request.get("displayName", plan.display_name)
            plan.actions = request.get("actions", plan.actions)
            plan.engagements = request.get("engagements", plan.engagements)
            plan.integrations = request.get("integrations", plan.integrations)
            if "chatChannel" in request:
                plan.chat_channel = _chat_channel(request["chatChannel"])

        self._once("UpdateResponsePlan", request, update)

    def delete_response_plan(self, arn: str) -> None:
        self.response_plans.pop(arn, None)

    # Incidents

    def start_incident(self, request: Request, *, caller_arn: str) -> str:
        """Start an incident, or give the one that the client token or the plan's dedupe string stands for."""

        def start() -> str:
            plan = self.require_response_plan(request["responsePlanArn"])
            trigger = request.get("triggerDetails")
            if trigger and trigger["source"].startswith("aws."):
                raise ValidationException("triggerDetails.source must not begin with 'aws.'.")
            if (duplicate := self._open_duplicate(plan)) is not None:
                return duplicate.arn
            related_items = request.get("relatedItems", [])
            if len(related_items) > RELATED_ITEMS_PER_INCIDENT:
                raise _related_items_exceeded(plan.arn)
            self._count_start(plan)
            incident = self._new_incident(plan, request, caller_arn)
            for item in related_items:
                self._add_related_item(incident, item)
            self.incidents[incident.arn] = incident
            return incident.arn

        return self._once("StartIncident", request, start)

    def require_incident(self, arn: str) -> Incident:
        if (incident := self.incidents.get(arn)) is None:
            raise ResourceNotFoundException("Incident record", arn, INCIDENT_RECORD)
        return incident

    def list_incident_records(self, request: Request) -> tuple[list[Incident], str | None]:
        """The newest first."""
        return self._page(
            "ListIncidentRecords",
            request,
            lambda: select_incidents(reversed(self.incidents.values()), request.get("filters", [])),
        )

    def update_incident_record(self, request: Request, *, caller_arn: str) -> None:
        def update() -> None:
            incident = self.require_incident(request["arn"])
            now = _now()
            incident.title = request.get("title", incident.title)
            incident.impact = request.get("impact", incident.impact)
            incident.summary = request.get("summary", incident.summary)
            incident.notification_targets = request.get("notificationTargets", incident.notification_targets)
            if "chatChannel" in request:
                incident.chat_channel = _chat_channel(request["chatChannel"])
            if request.get("status", incident.status) != incident.status:
                incident.status = request["status"]
                incident.resolved_at = now if incident.status == "RESOLVED" else None
            incident.last_modified_at = now
            incident.last_modified_by = caller_arn

        self._once("UpdateIncidentRecord", request, update)

    def delete_incident_record(self, arn: str) -> None:
        self.incidents.pop(arn, None)

    # Timeline

    def create_timeline_event(self, request: Request) -> TimelineEvent:
        def create() -> TimelineEvent:
            incident = self.require_incident(request["incidentRecordArn"])
            _check_event_type(request["eventType"])
            if len(incident.timeline) >= TIMELINE_EVENTS_PER_INCIDENT:
                raise ServiceQuotaExceededException(
                    f"An incident can have {TIMELINE_EVENTS_PER_INCIDENT} timeline events.",
                    quota="timeline-events-per-incident",
                    identifier=incident.arn,
                    kind=INCIDENT_RECORD,
                )
            event = TimelineEvent(
                id=str(self._next_id("timeline-event")),
                incident_arn=incident.arn,
                time=request["eventTime"],
                type=request["eventType"],
                data=request["eventData"],
                updated_at=_now(),
                references=request.get("eventReferences"),
            )
            incident.timeline.append(event)
            return event

        return self._once("CreateTimelineEvent", request, create)

    def require_timeline_event(self, incident_arn: str, event_id: str) -> TimelineEvent:
        for event in self.require_incident(incident_arn).timeline:
            if event.id == event_id:
                return event
        raise ResourceNotFoundException("Timeline event", event_id, TIMELINE_EVENT)

    def update_timeline_event(self, request: Request) -> None:
        def update() -> None:
            event = self.require_timeline_event(request["incidentRecordArn"], request["eventId"])
            if "eventType" in request:
                _check_event_type(request["eventType"])
            event.time = request.get("eventTime", event.time)
            event.type = request.get("eventType", event.type)
            event.data = request.get("eventData", event.data)
            event.references = request.get("eventReferences", event.references)
            event.updated_at = _now()

        self._once("UpdateTimelineEvent", request, update)

    def delete_timeline_event(self, incident_arn: str, event_id: str) -> None:
        if (incident := self.incidents.get(incident_arn)) is not None:
            incident.timeline = [event for event in incident.timeline if event.id != event_id]

    def list_timeline_events(self, request: Request) -> tuple[list[TimelineEvent], str | None]:
        """The latest first unless asked otherwise, as in AWS's examples; of equal times, the last written first."""

        def find() -> list[TimelineEvent]:
            incident = self.incidents.get(request["incidentRecordArn"])
            events = select_events(incident.timeline if incident else (), request.get("filters", []))
            events.sort(key=lambda event: event.time)
            return events if request.get("sortOrder") == "ASCENDING" else events[::-1]

        return self._page("ListTimelineEvents", request, find)

    # Related items

    def update_related_items(self, request: Request) -> None:
        def update() -> None:
            incident = self.require_incident(request["incidentRecordArn"])
            change = request["relatedItemsUpdate"]
            if "itemToAdd" in change:
                self._add_related_item(incident, change["itemToAdd"])
            else:
                _remove_related_item(incident, change["itemToRemove"])

        self._once("UpdateRelatedItems", request, update)

    def list_related_items(self, request: Request) -> tuple[list[RelatedItem], str | None]:
        def find() -> list[RelatedItem]:
            incident = self.incidents.get(request["incidentRecordArn"])
            return list(incident.related_items) if incident else []

        return self._page("ListRelatedItems", request, find)

    # Replication sets: one an account, seen from every Region

    def create_replication_set(self, request: Request, *, caller_arn: str) -> str:
        def create() -> str:
            if (existing := self.find_replication_set()) is not None:
                raise ConflictException(
                    "The account already has a replication set.", identifier=existing.arn, kind=REPLICATION_SET
                )
            self.replication_set = ReplicationSet(
                arn=self._arn(f"replication-set/{self._next_id('replication-set')}"),
                regions={region: dict(value) for region, value in request["regions"].items()},
                created_at=_now(),
                created_by=caller_arn,
                tags=dict(request.get("tags", {})),
            )
            return self.replication_set.arn

        return self._once("CreateReplicationSet", request, create)

    def find_replication_set(self) -> ReplicationSet | None:
        regions = ssmincidents_backends[self.account_id].values()
        return next((region.replication_set for region in regions if region.replication_set), None)

    def require_replication_set(self, arn: str) -> ReplicationSet:
        found = self.find_replication_set()
        if found is None or found.arn != arn:
            raise ResourceNotFoundException("Replication set", arn, REPLICATION_SET)
        return found

    # Tags

    def tags_of(self, arn: str) -> dict[str, str]:
        resource = self.response_plans.get(arn) or self.incidents.get(arn)
        return resource.tags if resource else self.require_replication_set(arn).tags

    def tag_resource(self, arn: str, tags: Mapping[str, str]) -> None:
        existing = self.tags_of(arn)
        if len(existing | dict(tags)) > TAGS_PER_RESOURCE:
            raise ServiceQuotaExceededException(
                f"A resource can have {TAGS_PER_RESOURCE} tags.",
                quota="tags-per-resource",
                identifier=arn,
                kind=INCIDENT_RECORD if arn in self.incidents else RESPONSE_PLAN,
            )
        existing.update(tags)

    def untag_resource(self, arn: str, keys: list[str]) -> None:
        existing = self.tags_of(arn)
        for key in keys:
            existing.pop(key, None)

    # Inside

    def _new_incident(self, plan: ResponsePlan, request: Request, caller_arn: str) -> Incident:
        template, trigger, now = plan.incident_template, request.get("triggerDetails"), _now()
        incident_id = str(self._next_id("incident-record"))
        return Incident(
            arn=self._arn(f"incident-record/{plan.name}/{incident_id}"),
            response_plan_arn=plan.arn,
            title=request.get("title", template["title"]),
            impact=request.get("impact", template["impact"]),
            created_at=now,
            created_by=caller_arn,
            last_modified_at=now,
            last_modified_by=caller_arn,
            source=trigger["source"] if trigger else MANUAL_SOURCE,
            dedupe_string=template.get("dedupeString") or incident_id,
            trigger=trigger,
            summary=template.get("summary"),
            chat_channel=plan.chat_channel,
            notification_targets=template.get("notificationTargets"),
            tags=dict(template.get("incidentTags", {})),
        )

    def _open_duplicate(self, plan: ResponsePlan) -> Incident | None:
        """The open incident that a plan's fixed dedupe string folds every further one into."""
        wanted = plan.incident_template.get("dedupeString")
        if not wanted:
            return None
        same = (incident for incident in self.incidents.values() if incident.dedupe_string == wanted)
        return next((incident for incident in same if incident.status == "OPEN"), None)

    def _count_start(self, plan: ResponsePlan) -> None:
        now = _now()
        month = (plan.arn, now.year, now.month)
        if self._starts[month] >= INCIDENTS_PER_PLAN_A_MONTH:
            raise ServiceQuotaExceededException(
                f"A response plan can start {INCIDENTS_PER_PLAN_A_MONTH} incidents a month.",
                quota="incidents-per-response-plan-per-month",
                identifier=plan.arn,
                kind=RESPONSE_PLAN,
            )
        self._starts[month] += 1

    def _add_related_item(self, incident: Incident, item: Request) -> None:
        """Add an item; one with the same identifier takes the new title."""
        identifier = item["identifier"]
        for existing in incident.related_items:
            if existing.identifier == identifier:
                existing.title = item.get("title", existing.title)
                return
        if len(incident.related_items) >= RELATED_ITEMS_PER_INCIDENT:
            raise _related_items_exceeded(incident.arn)
        generated = f"related-item/{identifier['type']}/{self._next_id('related-item').hex.upper()}"
        incident.related_items.append(RelatedItem(identifier, generated, item.get("title")))

    def _arn(self, resource: str) -> str:
        return f"arn:{self.partition}:ssm-incidents::{self.account_id}:{resource}"

    def _next_id(self, kind: str) -> UUID:
        self._issued[kind] += 1
        return uuid5(NAMESPACE_URL, f"{self.account_id}/{self.region_name}/{kind}/{self._issued[kind]}")

    def _once(self, operation: str, request: Request, act: Callable[[], Result]) -> Result:
        details = {name: value for name, value in request.items() if name != "clientToken"}
        try:
            return self._tokens.once(operation, request.get("clientToken"), details, act)
        except TokenReusedError as error:
            raise ConflictException(str(error)) from error

    def _page(self, operation: str, request: Request, find: Callable[[], list[Any]]) -> tuple[list[Any], str | None]:
        asked = {name: value for name, value in request.items() if name not in ("maxResults", "nextToken")}
        size = request.get("maxResults", DEFAULT_PAGE_SIZE)
        try:
            return self._pages.page(asked | {"": operation}, find, size=size, token=request.get("nextToken"))
        except InvalidTokenError as error:
            raise ValidationException(f"The next token is not valid: {error}") from error


def all_backends(account_id: str | None = None, region: str | None = None) -> Iterator[IncidentManagerBackend]:
    """The backends that hold state, of one account and Region or of all, without creating any."""
    for account, name, backend in list(ssmincidents_backends.iter_backends()):
        if account_id in (None, account) and region in (None, name):
            yield backend  # type: ignore[misc]


def _chat_channel(value: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None or "empty" in value else value


def _check_event_type(event_type: str) -> None:
    if event_type not in EVENT_TYPES:
        raise ValidationException(f"eventType {event_type} is not one of {', '.join(EVENT_TYPES)}.")


def _remove_related_item(incident: Incident, identifier: Request) -> None:
    kept = [item for item in incident.related_items if item.identifier != identifier]
    if len(kept) == len(incident.related_items):
        raise ResourceNotFoundException("Related item", str(identifier["value"]))
    incident.related_items = kept


def _related_items_exceeded(identifier: str) -> ServiceQuotaExceededException:
    return ServiceQuotaExceededException(
        f"An incident can have {RELATED_ITEMS_PER_INCIDENT} related items.",
        quota="related-items-per-incident",
        identifier=identifier,
        kind=INCIDENT_RECORD,
    )


def _now() -> datetime:
    return datetime.now(UTC)


# The second argument only says whose Regions to take: Systems Manager's, because Incident Manager's are fewer and a
# recorded event may come from anywhere.
ssmincidents_backends: BackendDict[IncidentManagerBackend] = BackendDict(IncidentManagerBackend, "ssm")

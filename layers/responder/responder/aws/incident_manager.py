"""Incident Manager (AWS Systems Manager), as a backend for incidents."""

from datetime import datetime
from typing import TYPE_CHECKING

from responder.aws.faults import AwsRefused, aws_call
from responder.domain.incident.occurrence import IncidentRequest, RelatedItem, digest
from responder.domain.incident.ports import IncidentView
from responder.domain.text import cut, one_line

if TYPE_CHECKING:
    from mypy_boto3_ssm_incidents import SSMIncidentsClient
    from mypy_boto3_ssm_incidents.type_defs import RelatedItemTypeDef, UpdateIncidentRecordInputTypeDef

_MAX_ITEM_TITLE = 200
_EVENT_TYPE = "Custom Event"  # one of the two types that CreateTimelineEvent admits


class IncidentManager:
    """Incidents of one response plan.

    Limits are those of botocore's ssm-incidents model and of the service's quotas: 5 StartIncident and 10
    CreateTimelineEvent calls a second, 200 incidents per plan and month, 1,000 timeline events and 50 related items
    per incident. ``dedupeString`` belongs to the plan and would fold unrelated causes: it is not used.
    """

    name = "IncidentManager"
    monthly_quota: int | None = 200

    def __init__(self, client: "SSMIncidentsClient", response_plan_arn: str) -> None:
        self._client = client
        self.scope = response_plan_arn

    def start(self, request: IncidentRequest) -> str:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        with aws_call("start an incident"):
            answer = self._client.start_incident(
                clientToken=request.client_token,
                responsePlanArn=self.scope,
                title=request.headline.title,
                impact=request.headline.impact,
                triggerDetails={
                    "source": request.source,
                    "timestamp": request.occurred_at,
                    "rawData": request.raw_data,
                },
                relatedItems=[_item(item) for item in request.related_items],
            )
        return answer["incidentRecordArn"]

    def find(self, incident: str) -> IncidentView | None:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        try:
            with aws_call("read an incident"):
                record = self._client.get_incident_record(arn=incident)["incidentRecord"]
        except AwsRefused as refusal:
            if refusal.code == "ResourceNotFoundException":
                return None
            raise
        resolved_at = record.get("resolvedTime", record["lastModifiedTime"]) if record["status"] == "RESOLVED" else None
        return IncidentView(title=record["title"], impact=record["impact"], resolved_at=resolved_at)

    def change(self, incident: str, *, title: str | None, impact: int | None) -> None:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        changes: UpdateIncidentRecordInputTypeDef = {"arn": incident}
        if title is not None:
            changes["title"] = title
        if impact is not None:
            changes["impact"] = impact
        with aws_call("update an incident"):
            self._client.update_incident_record(**changes)

    def add_entry(self, incident: str, *, at: datetime, text: str, token: str) -> str:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        with aws_call("add a timeline event"):
            answer = self._client.create_timeline_event(
                incidentRecordArn=incident, clientToken=token, eventTime=at, eventType=_EVENT_TYPE, eventData=text
            )
        return answer["eventId"]

    def replace_entry(self, incident: str, entry_id: str, *, at: datetime, text: str) -> None:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        with aws_call("update a timeline event"):
            self._client.update_timeline_event(
                incidentRecordArn=incident, eventId=entry_id, eventTime=at, eventType=_EVENT_TYPE, eventData=text
            )

    def add_related_item(self, incident: str, item: RelatedItem) -> None:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        with aws_call("add a related item"):
            self._client.update_related_items(
                incidentRecordArn=incident,
                clientToken=digest(incident, item.target),
                relatedItemsUpdate={"itemToAdd": _item(item)},
            )


def _item(item: RelatedItem) -> "RelatedItemTypeDef":
    title = cut(one_line(item.title), _MAX_ITEM_TITLE)
    if item.is_resource:
        return {"title": title, "identifier": {"type": "INVOLVED_RESOURCE", "value": {"arn": item.target}}}
    return {"title": title, "identifier": {"type": "OTHER", "value": {"url": item.target}}}

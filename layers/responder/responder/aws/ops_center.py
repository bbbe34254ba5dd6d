"""OpsCenter (AWS Systems Manager), as a backend for incidents: for accounts that Incident Manager does not admit."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from responder.aws.faults import AwsRefused, aws_call
from responder.domain.incident.occurrence import IncidentRequest, RelatedItem, digest
from responder.domain.incident.ports import IncidentView
from responder.domain.text import cut
from responder.domain.times import show_time

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import OpsItemDataValueTypeDef, UpdateOpsItemRequestTypeDef

SOURCE = "security-responder"
"""May not contain "aws" or "amazon". Source: CreateOpsItem, API reference."""

DEDUPLICATION, RESOURCES, EVENT = "/aws/dedup", "/aws/resources", "event"
TIMELINE, LINK = "timeline/", "link/"
"""Keys of the operational data: two of OpsCenter's own, then ours. Those of the timeline sort by time."""

_MAX_DESCRIPTION = 2048
_MAX_VALUE = 6000  # of the 20 KB for a value: a UTF-16 unit is three bytes of UTF-8 at most
_ENDED = ("Closed", "Resolved")


class OpsCenter:
    """Incidents as OpsItems: the key is the deduplication string, the impact is the priority, the timeline is
    operational data, resources are related resources (100 at most).

    OpsCenter ignores the case of a deduplication string. Should another cause's open OpsItem bear the same one, the
    incident is refused, and so told on the notification topic, rather than lost in the other.
    """

    name = scope = "OpsCenter"
    monthly_quota: int | None = None

    def __init__(self, client: "SSMClient") -> None:
        self._client = client

    def start(self, request: IncidentRequest) -> str:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        data = {
            DEDUPLICATION: _deduplication(request),
            RESOURCES: _searchable([{"arn": item.target} for item in request.related_items if item.is_resource]),
            EVENT: _text(request.raw_data),
        }
        for item in request.related_items:
            if not item.is_resource:
                data |= _link(item)
        try:
            with aws_call("create an OpsItem"):
                answer = self._client.create_ops_item(
                    Title=request.headline.title,
                    Description=cut(request.text, _MAX_DESCRIPTION),
                    Source=SOURCE,
                    Priority=request.headline.impact,
                    Category="Security",
                    Severity=_severity(request.headline.impact),
                    OperationalData=data,
                )
        except AwsRefused as refusal:
            if refusal.code != "OpsItemAlreadyExistsException" or not isinstance(refusal.__cause__, ClientError):
                raise
            # An earlier attempt's answer was lost.
            return self._known(cast("str", refusal.__cause__.response["OpsItemId"]), request)  # type: ignore[typeddict-item]
        return answer["OpsItemArn"]

    def _known(self, ops_item_id: str, request: IncidentRequest) -> str:
        with aws_call("read an OpsItem"):
            item = self._client.get_ops_item(OpsItemId=ops_item_id)["OpsItem"]
        dedup = item["OperationalData"].get(DEDUPLICATION, {}).get("Value")
        if dedup != _deduplication(request)["Value"]:
            code = "OpsItemAlreadyExistsException"
            raise AwsRefused(f"{ops_item_id}, of another cause, has the deduplication string {request.key}", code)
        return item["OpsItemArn"]

    def find(self, incident: str) -> IncidentView | None:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`. An ended one ended when last changed."""
        try:
            with aws_call("read an OpsItem"):
                item = self._client.get_ops_item(OpsItemId=_id(incident))["OpsItem"]
        except AwsRefused as refusal:
            if refusal.code == "OpsItemNotFoundException":
                return None
            raise
        resolved_at = item["LastModifiedTime"] if item["Status"] in _ENDED else None
        return IncidentView(title=item["Title"], impact=item["Priority"], resolved_at=resolved_at)

    def change(self, incident: str, *, title: str | None, impact: int | None) -> None:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        changes: UpdateOpsItemRequestTypeDef = {"OpsItemId": _id(incident)}
        if title is not None:
            changes["Title"] = title
        if impact is not None:
            changes["Priority"] = impact
            changes["Severity"] = _severity(impact)
        with aws_call("update an OpsItem"):
            self._client.update_ops_item(**changes)

    def add_entry(self, incident: str, *, at: datetime, text: str, token: str) -> str:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        key = f"{TIMELINE}{show_time(at)}/{token[:12]}"
        self._put(incident, {key: _text(text)})
        return key

    def replace_entry(self, incident: str, entry_id: str, *, at: datetime, text: str) -> None:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`. The entry keeps its place."""
        self._put(incident, {entry_id: _text(text)})

    def add_related_item(self, incident: str, item: RelatedItem) -> None:
        """See :class:`~responder.domain.incident.ports.IncidentBackend`."""
        if not item.is_resource:
            self._put(incident, _link(item))
            return
        with aws_call("read an OpsItem"):
            data = self._client.get_ops_item(OpsItemId=_id(incident))["OpsItem"]["OperationalData"]
        resources = json.loads(data[RESOURCES]["Value"]) if RESOURCES in data else []
        if all(resource.get("arn") != item.target for resource in resources):
            self._put(incident, {RESOURCES: _searchable([*resources, {"arn": item.target}])})

    def _put(self, incident: str, data: "dict[str, OpsItemDataValueTypeDef]") -> None:
        """Put values into the operational data, each under its key; the others stay."""
        with aws_call("add to an OpsItem's operational data"):
            self._client.update_ops_item(OpsItemId=_id(incident), OperationalData=data)


def _severity(impact: int) -> str:
    """OpsCenter's severities end at 4, its priorities at 5."""
    return str(min(impact, 4))


def _id(arn: str) -> str:
    return arn.rpartition("/")[2]


def _text(text: str) -> "OpsItemDataValueTypeDef":
    return {"Type": "String", "Value": text if text.isascii() else cut(text, _MAX_VALUE)}


def _searchable(value: object) -> "OpsItemDataValueTypeDef":
    return {"Type": "SearchableString", "Value": json.dumps(value)}


def _deduplication(request: IncidentRequest) -> "OpsItemDataValueTypeDef":
    return _searchable({"dedupString": request.key})


def _link(item: RelatedItem) -> "dict[str, OpsItemDataValueTypeDef]":
    return {f"{LINK}{digest(item.target)[:12]}": _text(f"{item.title}: {item.target}")}

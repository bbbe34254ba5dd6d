"""A private AWS for the incident path: real ports on moto, a clock that tests move, crashes around any call."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol

import boto3
import time_machine
from botocore.exceptions import ClientError
from moto import mock_aws

from responder.aws.incident_manager import IncidentManager
from responder.aws.incidents_table import IncidentsTable
from responder.aws.notifications import NotificationTopic
from responder.aws.ops_center import OpsCenter
from responder.domain.event import read_event
from responder.domain.incident.desk import ClaimHeld, IncidentDesk, Outcome
from responder.domain.incident.occurrence import Occurrence
from responder.domain.incident.ports import IncidentBackend
from responder.domain.incident.reading import Criteria, read_occurrence
from responder.domain.times import show_time
from sandbox.aws_services import install

CRITERIA = Criteria(7.0, ("s3-bucket-public-read-prohibited", "s3-bucket-public-write-prohibited"))
LEASE = timedelta(seconds=60)


def create_incidents_table(dynamodb: Any) -> None:
    """The table of template.yaml, as far as behaviour goes."""
    dynamodb.create_table(
        TableName="incidents",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("key", "entry")],
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}, {"AttributeName": "entry", "KeyType": "RANGE"}],
    )


def function_environment(*, topic: str, dead_letters: str, plan: str) -> dict[str, str]:
    """The environment variables of open_incident, as template.yaml sets them."""
    return {
        "POWERTOOLS_METRICS_NAMESPACE": "SecurityResponder",
        "POWERTOOLS_SERVICE_NAME": "open_incident",
        "CLAIM_LEASE_SECONDS": "60",
        "CONFIG_RULE_NAMES": ",".join(CRITERIA.config_rule_names),
        "DEAD_LETTER_QUEUE_URL": dead_letters,
        "GUARDDUTY_MINIMUM_SEVERITY": str(CRITERIA.guardduty_minimum_severity),
        "INCIDENTS_TABLE": "incidents",
        "INCIDENT_BACKEND": "IncidentManager",
        "NOTIFICATION_TOPIC_ARN": topic,
        "RESPONSE_PLAN_ARN": plan,
    }


class Crash(BaseException):
    """The container is killed: nothing in it runs any more, nothing catches it."""


BACKENDS = ("IncidentManager", "OpsCenter")


class World:
    """One account with what open_incident needs. ``take_in`` is what the function does with an event."""

    def __init__(self, backend: str) -> None:
        self.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
        self.calls: Counter[str] = Counter()
        self._crash_at: tuple[int, str] | None = None
        self._refusals: dict[str, str] = {}
        dynamodb, sns = _client("dynamodb"), _client("sns")
        self._sqs = _client("sqs")
        create_incidents_table(dynamodb)
        topic = sns.create_topic(Name="notifications")["TopicArn"]
        inbox = self._sqs.create_queue(QueueName="inbox")["QueueUrl"]
        self._inbox = inbox
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:inbox")
        self._watched = {name: _client(name, watched=True) for name in ("dynamodb", "sns", "ssm", "ssm-incidents")}
        for client in self._watched.values():
            client.meta.events.register_first("before-call.*.*", self._refuse, unique_id="refuse")
            client.meta.events.register_first("before-send.*.*", self._before, unique_id="before")
            client.meta.events.register_last("after-call.*.*", self._after, unique_id="after")
        self.people: People = IncidentManagerPeople() if backend == "IncidentManager" else OpsCenterPeople()
        self.backend = self._backend(backend)
        self.desk = IncidentDesk(
            ledger=IncidentsTable(self._watched["dynamodb"], "incidents"),
            backend=self.backend,
            notifier=NotificationTopic(self._watched["sns"], topic),
            lease=LEASE,
            clock=lambda: self.now,
        )

    def close(self) -> None:
        for client in self._watched.values():
            client.meta.events.unregister("before-call.*.*", unique_id="refuse")
            client.meta.events.unregister("before-send.*.*", unique_id="before")
            client.meta.events.unregister("after-call.*.*", unique_id="after")

    def take_in(self, event: dict[str, Any] | Occurrence) -> Outcome:
        """Take an event in; it must be an incident's business."""
        occurrence = event if isinstance(event, Occurrence) else occurrence_of(event)
        return self.desk.take_in(occurrence)

    def crash(self, call: int, when: str) -> None:
        """Let the container be killed ``before`` or ``after`` the given call to AWS takes effect, counted from 1."""
        self._crash_at = (call, when)
        self.calls.clear()

    def refuse(self, operation: str, code: str) -> None:
        """Let AWS refuse an operation from now on."""
        self._refusals[operation] = code

    def accept(self, operation: str) -> None:
        del self._refusals[operation]

    def _before(self, request: Any, event_name: str, **_: Any) -> None:
        self._crash_if_due("before", event_name, counting=True)

    def _after(self, event_name: str, **_: Any) -> None:
        self._crash_if_due("after", event_name, counting=False)

    def _refuse(self, event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        if operation in self._refusals:
            code = self._refusals[operation]
            raise ClientError({"Error": {"Code": code, "Message": "refused"}}, operation)

    def _crash_if_due(self, when: str, event_name: str, *, counting: bool) -> None:
        if counting:
            self.calls[event_name.rpartition(".")[2]] += 1
        if self._crash_at == (self.calls.total(), when):
            self._crash_at = None
            raise Crash(event_name)

    def _backend(self, name: str) -> IncidentBackend:
        if name == "OpsCenter":
            return OpsCenter(self._watched["ssm"])
        template = {"title": "Security", "impact": 3}
        self.plan = _client("ssm-incidents").create_response_plan(name="security", incidentTemplate=template)["arn"]
        return IncidentManager(self._watched["ssm-incidents"], self.plan)

    def incidents(self) -> list[dict[str, Any]]:
        """Every incident as people see it, with its timeline and related items."""
        return sorted(self.people.incidents(), key=lambda incident: (incident["title"], incident["arn"]))

    def the_incident(self) -> dict[str, Any]:
        (incident,) = self.incidents()
        return incident

    def resolve(self, at: datetime) -> None:
        """A person resolves the one open incident."""
        (arn,) = [incident["arn"] for incident in self.incidents() if incident["status"] == "OPEN"]
        with time_machine.travel(at, tick=False):
            self.people.resolve(arn)

    def notifications(self) -> list[str]:
        """The subjects of what was published since the last look."""
        subjects = []
        while True:
            messages = self._sqs.receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return subjects
            for message in messages:
                subjects.append(json.loads(message["Body"])["Subject"])
                self._sqs.delete_message(QueueUrl=self._inbox, ReceiptHandle=message["ReceiptHandle"])


class People(Protocol):
    """What people see and do in a backend, by its own API."""

    start: str
    add_entry: str
    """The backend's operations that start an incident and add to its timeline."""

    def incidents(self) -> list[dict[str, Any]]: ...
    def edit(self, arn: str, *, title: str, impact: int) -> None: ...
    def resolve(self, arn: str) -> None: ...
    def delete(self, arn: str) -> None: ...


class IncidentManagerPeople:
    start, add_entry = "StartIncident", "CreateTimelineEvent"

    def incidents(self) -> list[dict[str, Any]]:
        client = _client("ssm-incidents")
        summaries = client.get_paginator("list_incident_records").paginate().build_full_result()
        found = []
        for summary in summaries["incidentRecordSummaries"]:
            record = client.get_incident_record(arn=summary["arn"])["incidentRecord"]
            events = client.get_paginator("list_timeline_events").paginate(incidentRecordArn=record["arn"])
            ids = [event["eventId"] for event in events.build_full_result()["eventSummaries"]]
            timeline = [client.get_timeline_event(incidentRecordArn=record["arn"], eventId=i)["event"] for i in ids]
            items = client.get_paginator("list_related_items").paginate(incidentRecordArn=record["arn"])
            targets = [item["identifier"]["value"] for item in items.build_full_result()["relatedItems"]]
            found.append(
                {
                    "arn": record["arn"],
                    "title": record["title"],
                    "impact": record["impact"],
                    "status": record["status"],
                    "timeline": sorted((show_time(event["eventTime"]), event["eventData"]) for event in timeline),
                    "related": sorted(next(iter(target.values())) for target in targets),
                }
            )
        return found

    def edit(self, arn: str, *, title: str, impact: int) -> None:
        _client("ssm-incidents").update_incident_record(arn=arn, title=title, impact=impact)

    def resolve(self, arn: str) -> None:
        _client("ssm-incidents").update_incident_record(arn=arn, status="RESOLVED")

    def delete(self, arn: str) -> None:
        _client("ssm-incidents").delete_incident_record(arn=arn)


class OpsCenterPeople:
    start, add_entry = "CreateOpsItem", "UpdateOpsItem"

    def incidents(self) -> list[dict[str, Any]]:
        client = _client("ssm")
        summaries = client.get_paginator("describe_ops_items").paginate(OpsItemFilters=[]).build_full_result()
        found = []
        for summary in summaries["OpsItemSummaries"]:
            item = client.get_ops_item(OpsItemId=summary["OpsItemId"])["OpsItem"]
            assert item["Category"] == "Security"
            data = {key: value["Value"] for key, value in item["OperationalData"].items()}
            links = [text.partition(": ")[2] for key, text in data.items() if key.startswith("link/")]
            found.append(
                {
                    "arn": item["OpsItemArn"],
                    "title": item["Title"],
                    "impact": item["Priority"],
                    "status": "RESOLVED" if item["Status"] in ("Resolved", "Closed") else "OPEN",
                    "timeline": sorted(
                        (key.split("/")[1], text) for key, text in data.items() if key.startswith("timeline/")
                    ),
                    "related": sorted([*links, *(resource["arn"] for resource in json.loads(data["/aws/resources"]))]),
                }
            )
        return found

    def edit(self, arn: str, *, title: str, impact: int) -> None:
        _client("ssm").update_ops_item(OpsItemId=arn.rpartition("/")[2], Title=title, Priority=impact)

    def resolve(self, arn: str) -> None:
        _client("ssm").update_ops_item(OpsItemId=arn.rpartition("/")[2], Status="Resolved")

    def delete(self, arn: str) -> None:
        _client("ssm").delete_ops_item(OpsItemId=arn.rpartition("/")[2])


def deliver(world: World, event: dict[str, Any] | Occurrence) -> None:
    """What the queue does: deliver until it is taken in, a visibility time-out apart."""
    for _ in range(5):
        try:
            world.take_in(event)
        except (Crash, ClaimHeld):
            world.now += LEASE + timedelta(seconds=120)
        else:
            return
    raise AssertionError("never taken in")


def what_people_see(world: World) -> list[dict[str, Any]]:
    """The incidents, less what no event decides."""
    return [{name: value for name, value in incident.items() if name != "arn"} for incident in world.incidents()]


def occurrence_of(event: dict[str, Any]) -> Occurrence:
    occurrence = read_occurrence(read_event(event), CRITERIA)
    assert isinstance(occurrence, Occurrence), occurrence
    return occurrence


@contextmanager
def private_world(backend: str = "IncidentManager") -> Iterator[World]:
    install()
    with mock_aws():
        world = World(backend)
        try:
            yield world
        finally:
            world.close()


@cache
def _client(service: str, *, watched: bool = False) -> Any:
    """A client, kept because it is slow to make. What the code under test uses is not what the tests look with."""
    return boto3.client(service)

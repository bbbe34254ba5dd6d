"""Opens or updates one incident per cause: root activity, GuardDuty and correlated findings, Config compliance."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from responder.aws.clients import Clients
from responder.aws.dead_letters import DeadLetterQueue
from responder.aws.incident_manager import IncidentManager
from responder.aws.incidents_table import IncidentsTable
from responder.aws.notifications import NotificationTopic
from responder.aws.ops_center import OpsCenter
from responder.domain.event import Event
from responder.domain.incident.desk import IncidentDesk, Result
from responder.domain.incident.ports import IncidentBackend
from responder.domain.incident.reading import Criteria, read_occurrence
from responder.runtime.inbox import Inbox, Report, one_by_one, utc_now
from responder.runtime.log import json_lines
from responder.runtime.settings import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

METRICS = {
    Result.OPENED: "IncidentsOpened",
    Result.UPDATED: "IncidentsUpdated",
    Result.NOTIFIED: "IncidentsNotOpened",
    Result.DUPLICATE: "EventsDuplicate",
    Result.LATE: "EventsLate",
    Result.NOTED: "EventsNoted",
    Result.WAITING: "EventsWaiting",
}

environment = Environment()
clients = Clients()
logger = json_lines()
metrics = Metrics()

criteria = Criteria(
    guardduty_minimum_severity=environment.number("GUARDDUTY_MINIMUM_SEVERITY", least=1, most=10),
    config_rule_names=environment.names("CONFIG_RULE_NAMES"),
)


def incident_backend() -> IncidentBackend:
    """The backend that the template's parameter chose."""
    if environment.choice("INCIDENT_BACKEND", "IncidentManager", "OpsCenter") == "OpsCenter":
        return OpsCenter(clients.get("ssm"))
    return IncidentManager(clients.get("ssm-incidents"), environment.arn("RESPONSE_PLAN_ARN"))


desk = IncidentDesk(
    ledger=IncidentsTable(clients.get("dynamodb"), environment.text("INCIDENTS_TABLE")),
    backend=incident_backend(),
    notifier=NotificationTopic(clients.get("sns"), environment.arn("NOTIFICATION_TOPIC_ARN")),
    lease=environment.seconds("CLAIM_LEASE_SECONDS", least=1, most=900),
    clock=utc_now,
)


def take_in(event: Event) -> Report:
    """Bring an event into the incident of its cause."""
    occurrence = read_occurrence(event, criteria)
    if isinstance(occurrence, str):
        metrics.add_metric("EventsIgnored", MetricUnit.Count, 1)
        return {"outcome": "ignored", "reason": occurrence}
    outcome = desk.take_in(occurrence)
    metrics.add_metric(METRICS[outcome.result], MetricUnit.Count, 1)
    if outcome.started_this_month is not None:
        metrics.add_metric("IncidentsStartedThisMonth", MetricUnit.Count, outcome.started_this_month)
    report = {"outcome": outcome.result, "incident_key": occurrence.key, "incident": outcome.incident}
    return report | ({"reason": outcome.problem} if outcome.problem else {})


inbox = Inbox(
    one_by_one(take_in),
    dead_letters=DeadLetterQueue(clients.get("sqs"), environment.url("DEAD_LETTER_QUEUE_URL")),
    logger=logger,
    metrics=metrics,
)


def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Lambda's entry point: an SQS batch of EventBridge events, or one such event."""
    return inbox.receive(event, context)

"""Remembers when each forwarding rule of each member stack was last heard, and tells who is silent."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from responder.aws.clients import PATIENT, Clients
from responder.aws.dead_letters import DeadLetterQueue
from responder.aws.heartbeats_table import HeartbeatsTable
from responder.aws.notifications import NotificationTopic
from responder.aws.organization import QUOTAS, active_accounts
from responder.aws.pace import Pace
from responder.domain.heartbeat.members import Layout, Member
from responder.domain.heartbeat.silence import Patience
from responder.domain.heartbeat.watcher import Watcher
from responder.runtime.inbox import Inbox, utc_now
from responder.runtime.log import json_lines
from responder.runtime.settings import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

environment = Environment()
clients = Clients(attempts=PATIENT)
logger = json_lines()
metrics = Metrics()

hub = Member(environment.text("HUB_ACCOUNT_ID"), environment.text("AWS_REGION"))
role = environment.optional_arn("ORGANIZATION_ROLE_ARN")
organization_clients = clients.assuming(role) if role else clients
given = environment.optional_names("EXPECTED_ACCOUNTS")
pace = Pace.share(QUOTAS, of=environment.number("MAXIMUM_CONCURRENCY", least=1, most=1000), clock=utc_now)


def expected_accounts() -> dict[str, str]:
    """The accounts of the template's parameter, else the organization's active ones."""
    if given:
        return dict.fromkeys(given, "")
    return active_accounts(organization_clients.get("organizations"), pace=pace)


def gauge(name: str, number: int) -> None:
    """Write how much of something there is, nothing too."""
    metrics.add_metric(name, MetricUnit.Count, number)


watcher = Watcher(
    heartbeats=HeartbeatsTable(clients.get("dynamodb"), environment.text("HEARTBEATS_TABLE")),
    accounts=expected_accounts,
    excluded=environment.optional_names("EXCLUDED_ACCOUNTS"),
    regions=environment.names("EXPECTED_REGIONS"),
    layout=Layout(hub, environment.optional_text("GUARDDUTY_ADMINISTRATOR_ACCOUNT_ID") or hub.account),
    patience=Patience(
        after_heartbeat=environment.seconds("SILENT_AFTER_SECONDS", least=60, most=86400),
        grace=environment.seconds("GRACE_SECONDS", least=60, most=604800),
    ),
    teller=NotificationTopic(clients.get("sns"), environment.arn("NOTIFICATION_TOPIC_ARN")),
    clock=utc_now,
    gauge=gauge,
)
inbox = Inbox(
    watcher.take_in,
    dead_letters=DeadLetterQueue(clients.get("sqs"), environment.url("DEAD_LETTER_QUEUE_URL")),
    logger=logger,
    metrics=metrics,
)


def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Lambda's entry point: an SQS batch of heartbeats and checks, or one such event."""
    return inbox.receive(event, context)

"""Resolves the findings of resources that were deleted, with the evidence in their Note."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics

from responder.aws.clients import PATIENT, Clients
from responder.aws.dead_letters import DeadLetterQueue
from responder.aws.deleted_resources_table import DeletedResourcesTable
from responder.aws.pace import Pace
from responder.aws.recent_updates_table import RecentUpdatesTable
from responder.aws.security_hub import QUOTAS, SecurityHub
from responder.domain.deletion.resolver import Resolver
from responder.runtime.counting import counting
from responder.runtime.inbox import Inbox, utc_now
from responder.runtime.log import json_lines
from responder.runtime.settings import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

environment = Environment()
clients = Clients(attempts=PATIENT)
logger = json_lines()
metrics = Metrics()


security_hub = SecurityHub(
    clients.get("securityhub"),
    pace=Pace.share(QUOTAS, of=environment.number("MAXIMUM_CONCURRENCY", least=1, most=1000), clock=utc_now),
    clock=utc_now,
)
resolver = Resolver(
    search=security_hub,
    findings=security_hub,
    deleted=DeletedResourcesTable(clients.get("dynamodb"), environment.text("DELETED_RESOURCES_TABLE")),
    recent=RecentUpdatesTable(clients.get("dynamodb"), environment.text("RECENT_UPDATES_TABLE")),
    hub=environment.text("HUB_ACCOUNT_ID"),
    clock=utc_now,
    count=counting(metrics),
    time_limit=environment.seconds("TIME_LIMIT_SECONDS", least=1, most=900),
)
inbox = Inbox(
    resolver.resolve,
    dead_letters=DeadLetterQueue(clients.get("sqs"), environment.url("DEAD_LETTER_QUEUE_URL")),
    logger=logger,
    metrics=metrics,
)


def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Lambda's entry point: an SQS batch of EventBridge events, or one such event."""
    return inbox.receive(event, context)

"""Sweeps the open findings for those of resources that are gone although no event has told of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics

from responder.aws.clients import PATIENT, Clients
from responder.aws.config_aggregator import QUOTAS as CONFIG_QUOTAS
from responder.aws.config_aggregator import ConfigAggregator
from responder.aws.dead_letters import DeadLetterQueue
from responder.aws.pace import Pace
from responder.aws.queue import OwnQueue
from responder.aws.recent_updates_table import RecentUpdatesTable
from responder.aws.security_hub import SWEEP_QUOTAS, SecurityHub
from responder.domain.deletion.sweep import Sweeper
from responder.runtime.counting import counting
from responder.runtime.inbox import Inbox, one_by_one, utc_now
from responder.runtime.log import json_lines
from responder.runtime.settings import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

environment = Environment()
clients = Clients(attempts=PATIENT)
logger = json_lines()
metrics = Metrics()


def tell(page: Mapping[str, Any]) -> None:
    """Log what became of a page of findings."""
    logger.info("page swept", extra=dict(page))


containers = environment.number("MAXIMUM_CONCURRENCY", least=1, most=1000)
security_hub = SecurityHub(
    clients.get("securityhub"), pace=Pace.share(SWEEP_QUOTAS, of=containers, clock=utc_now), clock=utc_now
)
sweeper = Sweeper(
    search=security_hub,
    findings=security_hub,
    inventory=ConfigAggregator(
        clients.get("config"),
        name=environment.text("CONFIG_AGGREGATOR_NAME"),
        pace=Pace.share(CONFIG_QUOTAS, of=containers, clock=utc_now),
        clock=utc_now,
    ),
    recent=RecentUpdatesTable(clients.get("dynamodb"), environment.text("RECENT_UPDATES_TABLE")),
    later=OwnQueue(clients.get("sqs"), environment.url("QUEUE_URL")),
    clock=utc_now,
    count=counting(metrics),
    tell=tell,
    time_limit=environment.seconds("TIME_LIMIT_SECONDS", least=1, most=900),
    page_limit=environment.seconds("PAGE_LIMIT_SECONDS", least=1, most=900),
)
inbox = Inbox(
    one_by_one(sweeper.sweep),
    dead_letters=DeadLetterQueue(clients.get("sqs"), environment.url("DEAD_LETTER_QUEUE_URL")),
    logger=logger,
    metrics=metrics,
)


def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Lambda's entry point: an SQS batch of a sweep's events, or one such event."""
    return inbox.receive(event, context)

"""Brings the account's context into Security Hub findings: whose a finding is, and how much it matters."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics

from responder.aws.account_contexts_table import AccountContextsTable
from responder.aws.clients import PATIENT, Clients
from responder.aws.dead_letters import DeadLetterQueue
from responder.aws.organization import QUOTAS as ORGANIZATION_QUOTAS
from responder.aws.organization import OrganizationDirectory
from responder.aws.pace import Pace
from responder.aws.recent_updates_table import RecentUpdatesTable
from responder.aws.security_hub import QUOTAS, SecurityHub
from responder.domain.enrichment.directory import Directory
from responder.domain.enrichment.enricher import Enricher
from responder.domain.event import Event
from responder.domain.finding_outcomes import report
from responder.runtime.counting import counting
from responder.runtime.inbox import Inbox, Report, utc_now
from responder.runtime.log import json_lines
from responder.runtime.settings import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

environment = Environment()
clients = Clients(attempts=PATIENT)
logger = json_lines()
metrics = Metrics()

role = environment.optional_arn("ORGANIZATION_ROLE_ARN")
organization_clients = clients.assuming(role) if role else clients
containers = environment.number("MAXIMUM_CONCURRENCY", least=1, most=1000)
count = counting(metrics)
enricher = Enricher(
    directory=Directory(
        OrganizationDirectory(
            organization_clients.get("organizations"),
            organization_clients.get("account"),
            caller=role.split(":")[4] if role else environment.text("HUB_ACCOUNT_ID"),
            pace=Pace.share(ORGANIZATION_QUOTAS, of=containers, clock=utc_now),
            count=count,
        ),
        AccountContextsTable(clients.get("dynamodb"), environment.text("ACCOUNT_CONTEXTS_TABLE")),
        clock=utc_now,
        sleep=time.sleep,
        count=count,
        max_age=environment.seconds("CONTEXT_MAX_AGE_SECONDS", least=60, most=86400),
        patience=environment.seconds("CONTEXT_PATIENCE_SECONDS", least=1, most=60),  # LEASE is longer
    ),
    findings=SecurityHub(
        clients.get("securityhub"), pace=Pace.share(QUOTAS, of=containers, clock=utc_now), clock=utc_now
    ),
    hub=environment.text("HUB_ACCOUNT_ID"),
    recent=RecentUpdatesTable(clients.get("dynamodb"), environment.text("RECENT_UPDATES_TABLE")),
    clock=utc_now,
    count=count,
    time_limit=environment.seconds("TIME_LIMIT_SECONDS", least=1, most=900),
)


def enrich(events: Sequence[Event]) -> list[Report | Exception]:
    """Enrich the findings of events, and report on each event."""
    return [outcome if isinstance(outcome, Exception) else report(outcome) for outcome in enricher.enrich(events)]


inbox = Inbox(
    enrich,
    dead_letters=DeadLetterQueue(clients.get("sqs"), environment.url("DEAD_LETTER_QUEUE_URL")),
    logger=logger,
    metrics=metrics,
)


def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Lambda's entry point: an SQS batch of EventBridge events, or one such event."""
    return inbox.receive(event, context)

"""Collects what Security Hub findings say to the correlation rules, as rows of a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics

from responder.aws.clients import PATIENT, Clients
from responder.aws.dead_letters import DeadLetterQueue
from responder.aws.signals_table import SignalsTable
from responder.domain.correlation import read_rules
from responder.domain.correlation.collector import Collector
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

collector = Collector(
    rules=read_rules(Path(environment.text("RULES_FILE")).read_text()),
    store=SignalsTable(clients.get("dynamodb"), environment.text("SIGNALS_TABLE"), clock=utc_now),
    hub=environment.text("HUB_ACCOUNT_ID"),
    clock=utc_now,
    count=counting(metrics),
)


def collect(events: Sequence[Event]) -> list[Report | Exception]:
    """Collect the signals in the findings of events, and report on each event."""
    return [outcome if isinstance(outcome, Exception) else report(outcome) for outcome in collector.collect(events)]


inbox = Inbox(
    collect,
    dead_letters=DeadLetterQueue(clients.get("sqs"), environment.url("DEAD_LETTER_QUEUE_URL")),
    logger=logger,
    metrics=metrics,
)


def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Lambda's entry point: an SQS batch of EventBridge events, or one such event."""
    return inbox.receive(event, context)

"""Correlates signals: imports a finding into Security Hub for every rule that comes to hold for a resource."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics

from responder.aws.clients import PATIENT, Clients
from responder.aws.config_aggregator import QUOTAS as CONFIG_QUOTAS
from responder.aws.config_aggregator import ConfigAggregator
from responder.aws.dead_letters import DeadLetterQueue
from responder.aws.pace import Pace
from responder.aws.security_hub import QUOTAS, SecurityHub
from responder.aws.signals_table import SignalsTable, read_signal
from responder.domain.correlation import read_rules
from responder.domain.correlation.correlator import Correlator, Hub, Outcome
from responder.domain.correlation.signal import Signal
from responder.domain.resource import partition_of
from responder.runtime.counting import counting
from responder.runtime.inbox import Report, utc_now
from responder.runtime.log import json_lines
from responder.runtime.settings import Environment
from responder.runtime.stream import StreamInbox

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

environment = Environment()
clients = Clients(attempts=PATIENT)
logger = json_lines()
metrics = Metrics()

region = environment.text("AWS_REGION")
containers = environment.number("EXPECTED_SHARDS", least=1, most=1000)


def related_resources() -> ConfigAggregator | None:
    """The aggregator of the template's parameter, if there is one."""
    name = environment.optional_text("CONFIG_AGGREGATOR_NAME")
    if name is None:
        return None
    pace = Pace.share(CONFIG_QUOTAS, of=containers, clock=utc_now)
    return ConfigAggregator(clients.get("config"), name=name, pace=pace, clock=utc_now)


correlator = Correlator(
    rules=read_rules(Path(environment.text("RULES_FILE")).read_text()),
    store=SignalsTable(clients.get("dynamodb"), environment.text("SIGNALS_TABLE"), clock=utc_now),
    hub=Hub(environment.text("HUB_ACCOUNT_ID"), region, partition_of(region)),
    imports=SecurityHub(
        clients.get("securityhub"), pace=Pace.share(QUOTAS, of=containers, clock=utc_now), clock=utc_now
    ),
    relations=related_resources(),
    relations_age=environment.seconds("RELATIONS_MAX_AGE_SECONDS", least=60, most=86400),
    clock=utc_now,
    count=counting(metrics),
    time_limit=environment.seconds("TIME_LIMIT_SECONDS", least=1, most=900),
)


def report(signal: Signal, outcome: Outcome) -> Report | Exception:
    """What became of a signal, with what it is one of."""
    if isinstance(outcome, Exception):
        return outcome
    rule, resource = signal.pair
    finding = signal.observation.finding.id
    return {"outcome": outcome, "rule": rule, "resource": str(resource), "finding_id": finding}


def correlate(signals: Sequence[Signal]) -> list[Report | Exception]:
    """Correlate signals, and report on each."""
    return list(map(report, signals, correlator.correlate(signals)))


inbox = StreamInbox(
    correlate,
    read=read_signal,
    dead_letters=DeadLetterQueue(clients.get("sqs"), environment.url("DEAD_LETTER_QUEUE_URL")),
    logger=logger,
    metrics=metrics,
)


def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Lambda's entry point: a batch of records of the table's stream, or one such record."""
    return inbox.receive(event, context)

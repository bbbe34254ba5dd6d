"""`responder costs`: what a month costs, and at how many events a second which quota binds.

Settings are read from the templates and from the code. The rest is in three tables: list prices (PRICES), what an event
makes the functions do (WORK), and which part of the events each rule chooses (SHARES). The last two are estimates.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from rich.table import Table

from responder.aws import account_contexts_table, deleted_resources_table, incidents_table
from responder.aws.incident_manager import IncidentManager
from responder.aws.organization import QUOTAS as ORGANIZATIONS_QUOTAS
from responder.aws.security_hub import QUOTAS as SECURITY_HUB_QUOTAS
from responder.aws.security_hub import UPDATES
from responder.domain.correlation.rule import RETENTION
from responder.domain.security_hub import FILTER_VALUES

from .terminal import console

REPOSITORY = Path(__file__).resolve().parent.parent
HUB_TEMPLATE = REPOSITORY / "template.yaml"
MEMBER_TEMPLATE = REPOSITORY / "templates" / "member.yaml"

MONTH = timedelta(days=365) / 12
GIB = 1024**3
MILLION = 1_000_000

QUEUE_ENTRY = 64 * 1024
"""What SQS and EventBridge count as one request or event; larger ones are several."""

MOST_INVOCATION = 6 * 1024**2
"""Bytes of an invocation's payload: a batch ends there, whatever its BatchSize."""

MEMORY = "from memory"
EVENTBRIDGE = "cloudburn.io/blog/amazon-eventbridge-pricing"
LAMBDA = "git.mcrn.ar/mariano/lambda_local_runner, lambda-13-cost.md"
DYNAMODB = "airbyte.com/data-engineering-resources/dynamodb-pricing"


class CostsError(Exception):
    """A template cannot be read, or says something that this calculation does not know."""


@dataclass(frozen=True, slots=True)
class Price:
    """A list price in USD, us-east-1, without free tiers."""

    usd: float
    per: str
    source: str
    date: str


PRICES = {
    "event": Price(1.00 / MILLION, "event on another bus, or of one's own", EVENTBRIDGE, "2026-03"),
    "archive in": Price(0.10, "GB archived", EVENTBRIDGE, "2026-03"),
    "archive": Price(0.023, "GB-month of archive", EVENTBRIDGE, "2026-03"),
    "schedule": Price(1.00 / MILLION, "invocation of a schedule", EVENTBRIDGE, "2026-03"),
    "queue": Price(0.40 / MILLION, "SQS request of 64 KB", "cloudburn.io/blog/amazon-sqs-pricing", "2026-03"),
    "invocation": Price(0.20 / MILLION, "invocation", LAMBDA, "2026-05"),
    "arm64": Price(0.0000133334, "GB-second", LAMBDA, "2026-05"),
    "x86_64": Price(0.0000166667, "GB-second", LAMBDA, "2026-05"),
    "write": Price(0.625 / MILLION, "write request unit", DYNAMODB, "2025-07"),
    "read": Price(0.125 / MILLION, "read request unit", DYNAMODB, "2025-07"),
    "table": Price(0.25, "GB-month of table", MEMORY, "2026-11"),
    "backup": Price(0.20, "GB-month of point-in-time recovery", MEMORY, "2026-11"),
    "log in": Price(0.50, "GB of logs taken in", "factualminds.com, CloudWatch pricing", "2026-06"),
    "log": Price(0.03, "GB-month of logs kept (compressed)", MEMORY, "2026-11"),
    "alarm": Price(0.10, "alarm and month", MEMORY, "2026-11"),
    "metric": Price(0.30, "metric and month", "signoz.io/guides/cloudwatch-pricing", "2026-02"),
    "dashboard": Price(3.00, "dashboard and month", "factualminds.com, CloudWatch pricing", "2026-06"),
    "trace": Price(5.00 / MILLION, "X-Ray trace recorded", MEMORY, "2026-11"),
    "key": Price(1.00, "key and month", MEMORY, "2026-11"),
    "key request": Price(0.03 / 10_000, "KMS request", MEMORY, "2026-11"),
    "security hub": Price(0.0, "call (checks and findings are Security Hub's own)", MEMORY, "2026-11"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Work:
    """What a function does; estimates, to be replaced by your own metrics."""

    batch_seconds: float
    event_seconds: float
    writes: float
    """Request units of DynamoDB for an event; a transaction counts twice, and a read is a consistent one."""
    reads: float
    row_bytes: int = 0
    """What stays of an event in a table, for `kept`."""
    kept: timedelta = timedelta()
    security_hub_calls: float = 0


WORK = {
    "OpenIncidentFunction": Work(0.1, 0.6, writes=8, reads=4, row_bytes=1500, kept=incidents_table.EVENTS_KEPT),
    "EnrichFindingsFunction": Work(0.5, 0.01, writes=1, reads=1, security_hub_calls=0.1),
    "CollectSignalsFunction": Work(0.3, 0.004, writes=0.4, reads=0.4, row_bytes=150, kept=RETENTION),
    "CorrelateSignalsFunction": Work(0.2, 0.03, writes=2, reads=4, security_hub_calls=0.01),
    "ResolveDeletedFunction": Work(
        1.0, 0.3, writes=3, reads=3, row_bytes=300, kept=deleted_resources_table.REMEMBERED, security_hub_calls=2
    ),
    "WatchHeartbeatsFunction": Work(0.5, 0.001, writes=1, reads=1),
}

SHARES = {
    "OpenFindingRule": 0.6,
    "CollectSignalsRule": 0.95,
    "DeletionCallRule": 0.015,
    "DeletedItemRule": 0.02,
    "ConfigComplianceRule": 0.002,
    "GuardDutyFindingRule": 0.001,
    "RootActivityRule": 0.001,
    "CorrelatedFindingRule": 0.0001,
}
"""Which part of all events a rule of the security bus chooses. A finding's update is an event of its own."""

SIGNALS = 0.05
"""Which part of the events that are collected becomes a signal, and so a record of the stream."""

EVENT_BYTES = 5_000
HEARTBEAT_BYTES = 400
LOG_BYTES = 500
"""Of the log for an event and function."""

LOG_COMPRESSION = 0.15
METRICS = 60
"""Custom metrics that have a value in the month, by their dimensions."""

POLLERS, POLL_SECONDS = 5, 20
"""Lambda's long polls of a queue, also when it is empty. From memory."""

RECEIVED = 10
"""Messages that a receiving or deleting request of SQS takes."""

KEY_SECONDS = 300
"""How long SQS and DynamoDB use a data key again."""

BUS_KEY_REQUESTS = 3
"""KMS requests for an event on the bus and in its archive: an upper bound, AWS documents none."""


@dataclass(frozen=True, slots=True)
class Poller:
    """A function and what feeds it, as the template says."""

    function: str
    source: str
    batch_size: int
    window: float
    memory_gb: float
    concurrency: int

    def most_events(self, size: int) -> int:
        """How many events of that many bytes a batch holds."""
        return max(1, min(self.batch_size, MOST_INVOCATION // size))

    def events_a_batch(self, events: float, size: int) -> float:
        """Of so many events in a month, evenly spread."""
        return min(self.most_events(size), max(1.0, events / MONTH.total_seconds() * self.window))

    def seconds(self, events: float, batches: float) -> float:
        work = WORK[self.function]
        return batches * work.batch_seconds + events * work.event_seconds


@dataclass(frozen=True, slots=True)
class Settings:
    """What the templates say."""

    pollers: tuple[Poller, ...]
    targets: Mapping[str, str]
    """The queue of each rule of the bus."""
    heartbeat_rules: tuple[str, ...]
    archive_days: int
    log_days: int
    architecture: str
    context_seconds: int
    hub: Mapping[str, int]
    """How many resources of each type."""
    member: Mapping[str, int]
    """The same of a member stack that is neither the hub's nor GuardDuty's administrator's."""
    heartbeats: float
    """How often a member stack sends them in a month."""
    check_seconds: float


@dataclass(frozen=True, slots=True)
class Line:
    """An item of the month's bill. `grows_with` is events, stacks, or nothing."""

    service: str
    item: str
    quantity: float
    price: str
    grows_with: str

    @property
    def usd(self) -> float:
        return self.quantity * PRICES[self.price].usd


@dataclass(frozen=True, slots=True)
class Quota:
    """`events_a_second` of the kind that `of` names are what the quota admits, in batches as full as they can be."""

    name: str
    limit: str
    events_a_second: float
    of: str
    advice: str


@dataclass(frozen=True, slots=True)
class Costs:
    events: int
    accounts: int
    regions: int
    settings: Settings
    lines: tuple[Line, ...]
    quotas: tuple[Quota, ...]

    @property
    def services(self) -> dict[str, float]:
        totals: dict[str, float] = {}
        for line in self.lines:
            totals[line.service] = totals.get(line.service, 0.0) + line.usd
        return totals

    @property
    def total(self) -> float:
        return sum(self.services.values())

    def growing_with(self, driver: str) -> float:
        return sum(line.usd for line in self.lines if line.grows_with == driver)


def calculate(
    events: int = MILLION,
    accounts: int = 10,
    regions: int = 2,
    *,
    hub: Path = HUB_TEMPLATE,
    member: Path = MEMBER_TEMPLATE,
) -> Costs:
    """The costs of a month with so many events, evenly spread, and a member stack in each account and Region.

    Raises
    ------
    CostsError
        Also for a rule or function of the template of which the tables here say nothing.
    """
    try:
        settings = read_settings(hub, member)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CostsError(f"{hub}, {member}: not of the form that is calculated: {error!r}") from None
    lines = tuple(_lines(settings, events, accounts, regions))
    return Costs(events, accounts, regions, settings, lines, tuple(_quotas(settings, accounts)))


# What the templates say


def read_settings(hub: Path, member: Path) -> Settings:
    ours, theirs = _Source(hub), _Source(member)
    schedules = ours.of_type("AWS::Scheduler::Schedule")
    rules = {
        name: _name(rule["Targets"][0]["Arn"])
        for name, rule in ours.of_type("AWS::Events::Rule").items()
        if "EventBusName" in rule
    }
    pollers = tuple(_pollers(ours))
    if unknown := sorted({poller.function for poller in pollers} - WORK.keys()):
        raise CostsError(f"{hub}: the table WORK says nothing of {', '.join(unknown)}")
    heartbeat_rules = tuple(name for name in rules if rules[name] == "WatchHeartbeatsQueue")
    if unknown := sorted(rules.keys() - SHARES.keys() - set(heartbeat_rules)):
        raise CostsError(f"{hub}: the table SHARES says nothing of {', '.join(unknown)}")
    (archive,) = ours.of_type("AWS::Events::Archive").values()
    variables = ours.of_type("AWS::Serverless::Function")["EnrichFindingsFunction"]["Environment"]["Variables"]
    heartbeats = theirs.of_type("AWS::Scheduler::Schedule")["SendHeartbeatsSchedule"]["ScheduleExpression"]
    return Settings(
        pollers=pollers,
        targets=rules,
        heartbeat_rules=heartbeat_rules,
        archive_days=int(ours.value(archive["RetentionDays"])),
        log_days=int(ours.value({"Ref": "LogRetentionDays"})),
        architecture=str(ours.value({"Ref": "Architecture"})),
        context_seconds=int(variables["CONTEXT_MAX_AGE_SECONDS"]),
        hub=ours.counts(),
        member=theirs.counts(everywhere=True),
        heartbeats=MONTH.total_seconds() / _seconds(theirs.value(heartbeats)),
        check_seconds=_seconds(ours.value(schedules["WatchHeartbeatsSchedule"]["ScheduleExpression"])),
    )


class _Source:
    """A template as it is written, and its parameters' defaults."""

    def __init__(self, path: Path) -> None:
        # Here, because this import takes a third of a second.
        from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

        try:
            self._whole: dict[str, Any] = yaml_parse(path.read_text("utf-8"))
        except OSError as error:
            raise CostsError(f"{path}: {(error.strerror or str(error)).lower()}") from None
        except yaml.YAMLError as error:
            raise CostsError(f"{path}: not YAML: {error}") from None
        self.globals: dict[str, Any] = self._whole.get("Globals", {}).get("Function", {})

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        resources = self._whole["Resources"].items()
        return {name: resource["Properties"] for name, resource in resources if resource["Type"] == kind}

    def counts(self, *, everywhere: bool = False) -> dict[str, int]:
        """How many resources of each type; `everywhere`, without those of some member stacks alone."""
        special = (
            # of the hub's and GuardDuty's
            *("ForwardsGuardDuty", "ForwardsSecurityHub"),
            # of those with a topic, which by default there is not
            *("HasAlarmTopic", "WatchesGuardDuty", "WatchesSecurityHub"),
        )
        resources = self._whole["Resources"].values()
        counted = (found["Type"] for found in resources if not (everywhere and found.get("Condition") in special))
        return dict(Counter(counted))

    def value(self, value: Any) -> Any:
        """With a reference to a parameter as the parameter's default."""
        if isinstance(value, dict) and "Ref" in value:
            return self._whole["Parameters"][value["Ref"]]["Default"]
        return value


def _pollers(source: _Source) -> Iterator[Poller]:
    for name, function in source.of_type("AWS::Serverless::Function").items():
        for event in function["Events"].values():
            properties = event["Properties"]
            origin = _name(properties.get("Queue") or properties["Stream"])
            if origin == "SweepDeletedQueue":
                continue  # off by default, and once a day
            yield Poller(
                function=name,
                source=origin,
                batch_size=int(source.value(properties["BatchSize"])),
                window=float(source.value(properties.get("MaximumBatchingWindowInSeconds", 0))),
                memory_gb=int(source.value(function.get("MemorySize", source.globals["MemorySize"]))) / 1024,
                concurrency=int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 1)),
            )


def _name(reference: Any) -> str:
    target = reference["Fn::GetAtt"]
    return str(target[0] if isinstance(target, list) else target.partition(".")[0])


def _seconds(expression: str) -> float:
    """How much time is between two runs of a schedule; infinite for none."""
    if not expression:
        return math.inf
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        return int(rate[1]) * {"minute": 60, "hour": 3600, "day": 86400}[rate[2]]
    raise CostsError(f"only rate(...) can be calculated, not {expression}")


# What a month costs


def _lines(settings: Settings, events: int, accounts: int, regions: int) -> Iterator[Line]:
    stacks = accounts * regions
    runs = settings.heartbeats
    forwarding = settings.member["AWS::Events::Rule"]
    heartbeats = runs * stacks * forwarding
    checks = MONTH.total_seconds() / settings.check_seconds
    months = settings.archive_days / (MONTH / timedelta(days=1))
    parts = math.ceil(EVENT_BYTES / QUEUE_ENTRY)

    yield Line("EventBridge", "events put on the hub's bus", events * parts, "event", "events")
    yield Line("EventBridge", "events archived", events * EVENT_BYTES / GIB, "archive in", "events")
    yield Line("EventBridge", "archive kept", events * EVENT_BYTES / GIB * months, "archive", "events")
    yield Line("EventBridge", "heartbeats, put and forwarded", 2 * heartbeats, "event", "stacks")
    yield Line("EventBridge", "schedules", runs * stacks + checks, "schedule", "stacks")

    handled = 0.0
    for poller in settings.pollers:
        work = WORK[poller.function]
        beats = poller.source == "WatchHeartbeatsQueue"
        driver, size = ("stacks", HEARTBEAT_BYTES) if beats else ("events", EVENT_BYTES)
        taken = heartbeats + checks if beats else events * _share(settings, poller)
        handled += 0 if beats else taken
        batch = poller.events_a_batch(taken, size)
        batches = taken / batch
        if poller.function != "CorrelateSignalsFunction":  # its polls of the stream are free
            deleting = taken / min(RECEIVED, batch)
            yield Line("SQS", f"{poller.source}: sent, received, deleted", 2 * taken + deleting, "queue", driver)
            idle = POLLERS * MONTH.total_seconds() / POLL_SECONDS
            yield Line("SQS", f"{poller.source}: polls", idle, "queue", "nothing")
        gb_seconds = poller.seconds(taken, batches) * poller.memory_gb
        yield Line("Lambda", f"{poller.function}: invocations", batches, "invocation", driver)
        yield Line("Lambda", f"{poller.function}: GB-seconds", gb_seconds, settings.architecture, driver)
        yield Line("X-Ray", f"{poller.function}: traces", _traced(batches), "trace", driver)
        yield Line("DynamoDB", f"{poller.function}: writes", taken * work.writes, "write", driver)
        yield Line("DynamoDB", f"{poller.function}: reads", taken * work.reads, "read", driver)
        if work.row_bytes:
            kept = taken * work.row_bytes / GIB * (work.kept / MONTH)
            yield Line("DynamoDB", f"{poller.function}: rows for {work.kept.days} days", kept, "table", driver)
            yield Line("DynamoDB", f"{poller.function}: backup of them", kept, "backup", driver)
        if work.security_hub_calls:
            calls = taken * work.security_hub_calls
            yield Line("Security Hub", f"{poller.function}: calls", calls, "security hub", driver)

    yield from _watched(settings, stacks, handled * LOG_BYTES / GIB, (heartbeats + checks) * LOG_BYTES / GIB)
    yield from _keys(settings, events, heartbeats)


def _watched(settings: Settings, stacks: int, logs: float, heartbeat_logs: float) -> Iterator[Line]:
    months = timedelta(days=settings.log_days) / MONTH
    # Of member stacks there are the heartbeats.
    for amount, driver in ((logs, "events"), (heartbeat_logs, "stacks")):
        yield Line("CloudWatch", f"logs of {driver}", amount, "log in", driver)
        yield Line("CloudWatch", f"logs of {driver}, kept", amount * LOG_COMPRESSION * months, "log", driver)
    yield Line("CloudWatch", "alarms of the hub", settings.hub["AWS::CloudWatch::Alarm"], "alarm", "nothing")
    yield Line("CloudWatch", "alarms of member stacks", stacks * settings.member["AWS::CloudWatch::Alarm"], "alarm", "stacks")  # fmt: skip  # noqa: E501
    yield Line("CloudWatch", "custom metrics", METRICS, "metric", "nothing")
    yield Line("CloudWatch", "dashboards", settings.hub.get("AWS::CloudWatch::Dashboard", 0), "dashboard", "nothing")


def _keys(settings: Settings, events: int, heartbeats: float) -> Iterator[Line]:
    yield Line("KMS", "keys", settings.hub["AWS::KMS::Key"], "key", "nothing")
    yield Line("KMS", "the bus and its archive", BUS_KEY_REQUESTS * events, "key request", "events")
    yield Line("KMS", "the bus, heartbeats", BUS_KEY_REQUESTS * heartbeats, "key request", "stacks")
    # A producer and a consumer of each queue: (2P + C) for each period of a data key, as SQS documents it.
    queues = len(set(settings.targets.values()))
    periods = MONTH.total_seconds() / KEY_SECONDS
    requests = periods * (3 * queues + settings.hub["AWS::DynamoDB::Table"])
    yield Line("KMS", "queues and tables", requests, "key request", "nothing")


def _share(settings: Settings, poller: Poller) -> float:
    if poller.function == "CorrelateSignalsFunction":
        return SIGNALS * sum(SHARES[name] for name in settings.targets if name == "CollectSignalsRule")
    return sum(SHARES[name] for name, queue in settings.targets.items() if queue == poller.source)


def _traced(invocations: float) -> float:
    """X-Ray samples one a second, and 5% of the others."""
    first = min(invocations, MONTH.total_seconds())
    return first + 0.05 * (invocations - first)


# Which quotas bind


def _quotas(settings: Settings, accounts: int) -> Iterator[Quota]:
    pollers = {poller.function: poller for poller in settings.pollers}
    reads, updates = (SECURITY_HUB_QUOTAS[name].rate for name in ("GetFindings", "BatchUpdateFindings"))
    enrich = pollers["EnrichFindingsFunction"].most_events(EVENT_BYTES)
    quotas = [
        Quota(
            "Incident Manager: incidents",
            f"{IncidentManager.monthly_quota} a month and plan",
            (IncidentManager.monthly_quota or 0) / MONTH.total_seconds(),
            "causes of incidents",
            "the rest comes by the topic; raise GuardDutyMinimumSeverity, name fewer ConfigRuleNames, or use OpsCenter",
        ),
        Quota(
            "Incident Manager: StartIncident",
            "5/s",
            5,
            "causes of incidents",
            "nothing: the queue waits",
        ),
        Quota(
            "BatchUpdateFindings, deletions",
            f"{updates}/s",
            updates,
            "deleted resources with findings",
            "nothing: the queue waits; QueueAge alarms say if for too long",
        ),
        Quota(
            "GetFindings, read again",
            f"{reads}/s of {FILTER_VALUES}",
            reads * enrich / math.ceil(enrich / FILTER_VALUES),
            "open findings over a minute old",
            "findings that came together are read 100 a call; if it lasts, ask AWS for more; do not lower BatchSize",
        ),
        Quota(
            "BatchUpdateFindings, context",
            f"{updates}/s of {UPDATES}",
            updates * enrich / _updates(enrich, accounts),
            f"open findings, {accounts:,} accounts",
            "nothing in a burst: one call writes one context, so only findings of one account",
        ),
        Quota(
            "DescribeOrganizationalUnit",
            f"{ORGANIZATIONS_QUOTAS['DescribeOrganizationalUnit'].rate}/s",
            ORGANIZATIONS_QUOTAS["DescribeOrganizationalUnit"].rate,
            f"OUs, each once in {settings.context_seconds:,} s",
            "raise CONTEXT_MAX_AGE_SECONDS; stale contexts go on serving",
        ),
        Quota(
            "EventBridge: PutEvents",
            "10,000/s",
            10_000,
            "events forwarded, in us-east-1",
            "less in other Regions, but adjustable; EventBridge tries for 24 hours",
        ),
        Quota(
            "EventBridge: invocations",
            "18,750/s",
            18_750 / sum(SHARES[name] for name in settings.targets if name in SHARES),
            "events, in us-east-1",
            "from 750 in other Regions, but adjustable; deliveries are only later",
        ),
    ]
    for poller in settings.pollers:
        if poller.source == "WatchHeartbeatsQueue":
            continue
        most = poller.most_events(EVENT_BYTES)
        busy = poller.concurrency * most / poller.seconds(most, 1)
        advice = "raise MaximumConcurrency, but the quotas of the calls above bind all the same"
        quotas.append(
            Quota(f"Lambda: {poller.function}", f"{poller.concurrency} at once", busy, "events of its source", advice)
        )
    yield from sorted(quotas, key=lambda quota: quota.events_a_second)


def _updates(batch: int, accounts: int) -> int:
    """Calls for a batch whose findings are of these accounts in equal parts."""
    groups = min(batch, accounts)
    return groups * math.ceil(batch / groups / UPDATES)


# How it is told


def to_json(costs: Costs) -> dict[str, Any]:
    """The object that `responder costs --json` prints."""
    return {
        "events": costs.events,
        "accounts": costs.accounts,
        "regions": costs.regions,
        "settings": asdict(costs.settings),
        "lines": [asdict(line) | {"usd": line.usd} for line in costs.lines],
        "services": costs.services,
        "grows_with": {driver: costs.growing_with(driver) for driver in ("events", "stacks", "nothing")},
        "total": costs.total,
        "quotas": [asdict(quota) for quota in costs.quotas],
        "prices": {name: asdict(price) for name, price in PRICES.items()},
    }


def print_costs(costs: Costs) -> None:
    output = console()
    stacks = costs.accounts * costs.regions
    output.print(
        f"{costs.events:,} events a month, {stacks:,} member stacks"
        f" ({costs.accounts:,} accounts, {costs.regions:,} Regions)\n"
    )
    output.print(_bill(costs))
    output.print("\nQuotas, by the events a second at which they bind\n")
    output.print(_binding(costs.quotas))
    contexts = account_contexts_table.KEPT.days
    output.print(
        f"\nArchive {costs.settings.archive_days} days, logs {costs.settings.log_days}; tables:"
        f" events {incidents_table.EVENTS_KEPT.days}, deletions {deleted_resources_table.REMEMBERED.days},"
        f" signals {RETENTION.days}, contexts {contexts}. List prices, USD, us-east-1, no free tier."
    )


def _bill(costs: Costs) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("service", "by events", "by stacks", "standing", "USD a month"):
        table.add_column(title, justify="left" if title == "service" else "right")
    for service, total in costs.services.items():
        parts = [
            sum(line.usd for line in costs.lines if line.service == service and line.grows_with == driver)
            for driver in ("events", "stacks", "nothing")
        ]
        table.add_row(service, *(f"{part:,.2f}" for part in (*parts, total)))
    sums = [costs.growing_with(driver) for driver in ("events", "stacks", "nothing")]
    table.add_row("total", *(f"{part:,.2f}" for part in (*sums, costs.total)), style="bold")
    return table


def _binding(quotas: Sequence[Quota]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("a second", justify="right")
    for title in ("quota", "limit", "of"):
        table.add_column(title)
    for quota in quotas:
        rate = quota.events_a_second
        table.add_row(f"{rate:,.5f}" if rate < 1 else f"{rate:,.0f}", quota.name, quota.limit, quota.of)
    return table

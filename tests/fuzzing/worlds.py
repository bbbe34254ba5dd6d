"""Each function in a world of its own that is built once and put back to its beginning between cases."""

import gc
import io
import json
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
import time_machine
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import Message, Queue, sqs_backends

from responder.aws.pace import Pace
from sandbox import moto_gaps
from sandbox.aws_services import config_aggregator, install, security_hub
from sandbox.aws_services.client_tokens import ClientTokens
from sandbox.aws_services.ops_center.models import opscenter_backends
from sandbox.aws_services.security_hub.findings import FindingStore
from sandbox.aws_services.security_hub.models import backend_of as security_hub_of
from sandbox.aws_services.ssm_incidents.models import ssmincidents_backends
from sandbox.streams import Stream
from tests import correlation_world, deletion_world, enrichment_world, heartbeat_world, incident_world
from tests.conftest import EVENTS, REPOSITORY
from tests.functions.invocation import CONTEXT, batch, cold_start, forget_logger
from tests.fuzzing.mutations import loaded
from tests.tables import create_keyed_tables

HUB, REGION = "123456789012", "eu-west-1"  # moto's own account
NOW = "2026-03-16T12:00:00Z"

Event = dict[str, Any]


@dataclass(frozen=True)
class Invocation:
    """What came of one invocation."""

    answer: Any
    raised: Exception | None
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Letter:
    """What lies in the dead-letter queue."""

    body: str
    event_id: str | None
    reason: str | None


@dataclass(frozen=True)
class Usual:
    """What comes of good records when nothing else is with them."""

    outcomes: list[str]
    effects: Counter[str]


class World(ABC):
    """A function and what it needs of AWS."""

    function: str
    cases: tuple[int, int]
    """How many mutilated events the short form and the long form try."""
    outcomes: frozenset[str]
    """What may become of an event that is neither rejected nor failed."""
    stores_findings = False
    takes_texts = True
    """Whether records are texts, which need not be JSON."""
    id_member = "id"
    """Where a record says which it is."""
    caches: tuple[str, ...] = ()
    """Tables that hold what is known elsewhere; a warm container does not need them."""

    def __init__(
        self,
        clock: time_machine.Traveller,
        patch: pytest.MonkeyPatch,
        folder: Path,
        libraries: "logging.StreamHandler[Any]",
    ) -> None:
        self.name = self.function
        self.clock = clock
        self._patch = patch
        self._folder = folder
        self._libraries = libraries
        self.dead_letters = str(boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"])
        self.app: ModuleType
        self.samples: Sequence[Any]
        self.neighbours: tuple[Any, Any]
        """Two events that are handled, and that nothing else has to do with."""
        self._paces: list[Pace] = []
        self._findings: list[Event] = []
        self._rows: dict[str, dict[Any, Any]] = {}
        self._usual: dict[tuple[str, ...], Usual] = {}

    @abstractmethod
    def build(self) -> None:
        """Make what the function needs, set its environment and load it."""

    def start(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self._patch.setenv(name, value)
        self.app = cold_start(self.function)
        for pace in [found for found in gc.get_objects() if isinstance(found, Pace)]:
            pace._sleep = self.clock.shift  # whoever waits for a quota passes the world's time
            self._paces.append(pace)

    def keep(self) -> None:
        """Take what there is for the beginning of every case."""
        self._rows = {name: _copied(table.items) for name, table in _tables().items()}
        if self.stores_findings:
            self._findings = security_hub.findings(HUB, REGION)

    def reset(self) -> None:
        self.clock.move_to(NOW)
        for pace in self._paces:
            pace._next.clear()
        for name, table in _tables().items():
            table.items.clear()
            table.items.update(_copied(self._rows[name]))
            if table.stream_shard:
                table.stream_shard.items.clear()
        for queue in _queues():
            queue._messages = []
        if self.stores_findings:
            security_hub_of(HUB, REGION).finding_store = FindingStore()
            for finding in self._findings:
                security_hub.put_finding(HUB, REGION, finding)

    def effects(self) -> Counter[str]:
        """What there is in the world, but for times."""
        rows = [
            f"{name}: {key}"
            for name, table in _tables().items()
            if name not in self.caches
            for key in _keys(table.items)
        ]
        findings = security_hub.findings(HUB, REGION) if self.stores_findings else []
        return Counter([*rows, *map(_shown, findings), *self.others()])

    def others(self) -> list[str]:
        """What else there is."""
        return []

    def letters(self) -> list[Letter]:
        (queue,) = [queue for queue in _queues() if queue.name == "dead-letters"]
        return [_letter(message) for message in queue._messages]

    def usual(self, records: Sequence[str]) -> Usual:
        """What comes of good records. Leaves the world as it is after them."""
        if tuple(records) not in self._usual:
            self.reset()
            output = self.invoke(self.batch(records)).stdout if records else ""
            outcomes = [line["outcome"] for line in map(json.loads, output.splitlines()) if "outcome" in line]
            assert set(outcomes) <= self.outcomes
            self._usual[tuple(records)] = Usual(outcomes, self.effects())
        return self._usual[tuple(records)]

    def batch(self, records: Sequence[str]) -> Any:
        """The records' texts, as Lambda brings them."""
        return batch(*records)

    def kept(self, record: str) -> str:
        """The record's text as the dead-letter queue shall have it."""
        return record

    def records_in(self, payload: Any) -> int:
        """Of how many records it is to be said what became of them; what is no batch of a queue is one, as a whole."""
        return len(bodies_in(payload))

    def refuses(self, payload: Any) -> bool:
        """Whether the payload is nothing that Lambda could bring, and is said to be refused as a whole."""
        return False

    def invoke(self, payload: Any) -> Invocation:
        """The handler as Lambda runs it: standard output takes what UTF-8 can write, and libraries' warnings too."""
        outputs = [io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True) for _ in range(2)]
        answer, raised = None, None
        with redirect_stdout(outputs[0]), redirect_stderr(outputs[1]):
            self._libraries.setStream(outputs[0])
            try:
                answer = self.app.lambda_handler(payload, CONTEXT)
            except Exception as failure:  # noqa: BLE001 - what is raised is judged
                raised = failure
        texts = [output.buffer.getvalue().decode() for output in outputs]  # type: ignore[attr-defined]
        return Invocation(answer, raised, *texts)


def _tables() -> dict[str, Any]:
    return dict(dynamodb_backends[HUB][REGION].tables)


def _queues() -> list[Queue]:
    return list(sqs_backends[HUB][REGION].queues.values())


def _copied(items: Any) -> dict[Any, Any]:
    return {key: dict(found) if isinstance(found, dict) else found for key, found in items.items()}


def _keys(items: Any) -> Iterator[str]:
    for hash_key, found in items.items():
        if isinstance(found, dict):
            yield from (f"{hash_key.value} {range_key.value}" for range_key in found)
        else:
            yield str(hash_key.value)


def _shown(finding: Event) -> str:
    told = {name: value for name, value in finding.items() if name in ("Id", "ProductArn", "Workflow", "RecordState")}
    note = (finding.get("Note") or {}).get("Text")
    return json.dumps([told, note, finding.get("UserDefinedFields"), finding.get("RelatedFindings")], sort_keys=True)


def _letter(message: Message) -> Letter:
    attributes = {name: value["StringValue"] for name, value in message.message_attributes.items()}
    return Letter(message.body, attributes.get("EventId"), attributes.get("RejectionReason"))


def _is_of_a_queue(record: Any) -> bool:
    is_message = isinstance(record, dict) and record.get("eventSource") == "aws:sqs"
    return is_message and all(isinstance(record.get(name), str) for name in ("body", "messageId"))


def bodies_in(payload: Any) -> list[str]:
    """The bodies of a batch's messages; what is no batch is one, as a whole."""
    records = payload.get("Records") if isinstance(payload, dict) else None
    if isinstance(records, list) and records and all(map(_is_of_a_queue, records)):
        return [record["body"] for record in records]
    return [json.dumps(payload)]


def _is_of_a_stream(record: Any) -> bool:
    change = record.get("dynamodb") if isinstance(record, dict) else None
    number = change.get("SequenceNumber") if isinstance(change, dict) else None
    return isinstance(number, str) and bool(number) and record.get("eventSource") == "aws:dynamodb"


def _load(path: Path) -> Event:
    event: Event = json.loads(path.read_text())
    return event


def _events(*, of: Callable[[Event], bool], named: Callable[[str], bool] = lambda name: True) -> list[Event]:
    paths = [path for path in sorted(EVENTS.rglob("*.json")) if path.parent.name != "world" and named(path.stem)]
    return [event for event in map(_load, paths) if of(event)]


def _is_finding(event: Event) -> bool:
    return bool(event["detail-type"] == "Security Hub Findings - Imported")


def neighbour(event: Event, number: int, name: str) -> Event:
    """The event, with an id of its own, and told of something else: ``name`` in it becomes another."""
    text = json.dumps(event)
    assert name in text
    other = f"10000000000{number}" if name.isdecimal() else f"{name}-{number}"
    changed: Event = json.loads(text.replace(name, other))
    return changed | {"id": f"neighbour-{number}"}


def neighbours(event: Event, name: str) -> tuple[Event, Event]:
    return neighbour(event, 1, name), neighbour(event, 2, name)


def _sample(name: str) -> Event:
    return _load(EVENTS / f"{name}.json")


class Incidents(World):
    """open_incident with Incident Manager."""

    function = "open_incident"
    cases = (30, 1000)
    outcomes = frozenset({"opened", "updated", "duplicate", "late", "waiting", "noted", "ignored"})
    backend = "IncidentManager"

    def build(self) -> None:
        world = incident_world.World("IncidentManager")
        topic = boto3.client("sns").create_topic(Name="fuzzed")["TopicArn"]
        variables = incident_world.function_environment(topic=topic, dead_letters=self.dead_letters, plan=world.plan)
        world.close()
        self.start(variables | {"INCIDENT_BACKEND": self.backend})
        correlated = _events(of=_is_finding, named=lambda name: name.startswith("correlated-"))
        others = ("deleted-", "deletion-", "finding-", "heartbeat")
        self.samples = correlated + _events(
            of=lambda event: not _is_finding(event), named=lambda name: not name.startswith(others)
        )
        # One that opens an incident, and one that is only kept, which costs a tenth.
        opening, kept = _sample("root-console-sign-in-without-mfa"), _sample("config-compliant-alone-opens-nothing")
        self.neighbours = neighbour(kept, 1, "444455556666"), neighbour(opening, 2, "444455556666")

    def reset(self) -> None:
        super().reset()
        manager, items = ssmincidents_backends[HUB][REGION], opscenter_backends[HUB][REGION]
        manager.incidents.clear()
        manager._tokens = ClientTokens()
        manager._starts.clear()
        items.ops_items.clear()
        items._ids_by_dedup_key.clear()
        items._created.clear()

    def others(self) -> list[str]:
        incidents = [f"incident {found.title}" for found in ssmincidents_backends[HUB][REGION].incidents.values()]
        return incidents + [f"OpsItem {found.title}" for found in opscenter_backends[HUB][REGION].ops_items.values()]


class OpsItems(Incidents):
    """open_incident with OpsCenter."""

    backend = "OpsCenter"


class Enrichment(World):
    function = "enrich_findings"
    cases = (50, 2500)
    outcomes = frozenset({"enriched", "current", "written_before", "left_alone", "gone"})
    stores_findings = True
    caches = ("contexts",)

    def build(self) -> None:
        create_keyed_tables(boto3.client("dynamodb"), *enrichment_world.TABLES)
        enrichment_world.create_organization(HUB)
        self.start(enrichment_world.function_environment(account=HUB, dead_letters=self.dead_letters))
        self.samples = _events(of=_is_finding)
        control, region = _sample("finding-control-failed"), _sample("finding-in-another-region")
        for number, event in enumerate((control, region)):
            event["id"] = f"neighbour-{number}"
            event["detail"]["findings"][0]["Id"] += "/neighbour"
        self.neighbours = control, region
        for event in (*self.samples, *self.neighbours):
            for finding in event["detail"]["findings"]:
                security_hub.put_finding(HUB, REGION, finding)


class Deletion(World):
    function = "resolve_deleted"
    cases = (40, 1500)
    outcomes = frozenset({"resolved", "nothing_to_resolve", "not_deleted"})
    stores_findings = True

    def build(self) -> None:
        create_keyed_tables(boto3.client("dynamodb"), *deletion_world.TABLES)
        self.start(deletion_world.resolver_environment(hub=HUB, dead_letters=self.dead_letters))
        self.samples = _events(
            of=lambda event: not _is_finding(event), named=lambda name: name.startswith(("deleted-", "deletion-"))
        )
        self.neighbours = neighbours(_sample("deleted-bucket-2-call"), "acme-build-cache")
        found = neighbours(_sample("deleted-bucket-1-finding"), "acme-build-cache")
        for number, event in enumerate(found):
            event["detail"]["findings"][0]["Id"] += f"/{number}"
        for event in (*_events(of=_is_finding), *found):
            for finding in event["detail"]["findings"]:
                security_hub.put_finding(HUB, REGION, finding)


class Sweep(World):
    function = "sweep_deleted"
    cases = (30, 800)
    outcomes = frozenset({"swept", "to_be_continued"})
    stores_findings = True

    def build(self) -> None:
        create_keyed_tables(boto3.client("dynamodb"), "recent-updates")
        config_aggregator.create_organization_aggregator(HUB, REGION, deletion_world.AGGREGATOR)
        queue = str(boto3.client("sqs").create_queue(QueueName="sweep")["QueueUrl"])
        self.start(deletion_world.sweeper_environment(queue=queue, dead_letters=self.dead_letters))
        by_schedule = _load(REPOSITORY / "tests" / "payloads" / "sweep-by-schedule.json")
        later = by_schedule | {
            "id": "2b7c4d1e9f0a3c58/2",
            "detail": {
                "dry_run": False,
                "sweep": "2b7c4d1e9f0a3c58",
                "part": 2,
                "portion": 1,
                "token": None,
                "restarts": 0,
                "findings": 3,
                "gone": 1,
            },
        }
        self.samples = [by_schedule, by_schedule | {"detail": {"dry_run": False}}, later]
        self.neighbours = (
            by_schedule | {"id": "neighbour-1", "detail": {"dry_run": False}},
            by_schedule | {"id": "neighbour-2"},
        )
        for name, id_ in (("kept", "i-1ives"), ("gone", "i-90ne")):
            resource = f"arn:aws:ec2:{REGION}:444455556666:instance/{id_}"
            finding = _sample("finding-control-failed")["detail"]["findings"][0] | {"Id": name}
            finding |= {"Resources": [{"Type": "AwsEc2Instance", "Id": resource, "Region": REGION}]}
            security_hub.put_finding(HUB, REGION, finding | {"Region": REGION, "AwsAccountId": "444455556666"})
        config_aggregator.put_item(
            HUB,
            REGION,
            {
                "awsAccountId": "444455556666",
                "awsRegion": REGION,
                "resourceType": "AWS::EC2::Instance",
                "resourceId": "i-1ives",
                "ARN": f"arn:aws:ec2:{REGION}:444455556666:instance/i-1ives",
                "configurationItemCaptureTime": "2026-03-12T10:00:00.000Z",
                "configurationItemStatus": "OK",
            },
        )


class Heartbeats(World):
    function = "watch_heartbeats"
    cases = (40, 1500)
    outcomes = frozenset({"heard", "checked", "outdated", "ignored"})

    def build(self) -> None:
        create_keyed_tables(boto3.client("dynamodb"), heartbeat_world.TABLE)
        topic = boto3.client("sns").create_topic(Name="notifications")["TopicArn"]
        self.start(
            heartbeat_world.watcher_environment(
                hub=HUB, member="444455556666", region=REGION, dead_letters=self.dead_letters, topic=topic
            )
        )
        heartbeat = _sample("heartbeat")
        self.neighbours = neighbours(heartbeat, "444455556666")
        check = heartbeat | {"detail-type": "Heartbeat Check", "time": NOW, "detail": {}, "account": HUB}
        self.samples = [heartbeat, check, check | {"time": "2026-03-16T11:00:00Z"}]


class Collection(World):
    function = "collect_signals"
    cases = (50, 2000)
    outcomes = frozenset({"collected", "noted", "known", "irrelevant"})

    def build(self) -> None:
        correlation_world.create_signals_table(boto3.client("dynamodb"))
        rules = correlation_world.rules_file(self._folder)
        self.start(correlation_world.collector_environment(hub=HUB, dead_letters=self.dead_letters, rules=rules))
        self.samples = _events(of=_is_finding)
        backdoor = _load(EVENTS / "threats" / "backdoor-with-critical-cves" / "4-backdoor.json")
        self.neighbours = neighbours(backdoor, "777788889999")


class Correlation(World):
    """correlate_signals: its samples are the records that the stream has of the sample threats."""

    function = "correlate_signals"
    cases = (30, 900)
    takes_texts = False
    id_member = "eventID"
    outcomes = frozenset({"fired", "evidence_added", "passed_on", "waiting", "ignored"})
    stores_findings = True

    def build(self) -> None:
        stream = Stream(correlation_world.create_signals_table(boto3.client("dynamodb")), "SignalsTable")
        rules = correlation_world.rules_file(self._folder)
        for name, value in correlation_world.collector_environment(
            hub=HUB, dead_letters=self.dead_letters, rules=rules
        ).items():
            self._patch.setenv(name, value)
        threats = [_load(path) for path in sorted((EVENTS / "threats").rglob("*.json"))]
        backdoors = [_load(path) for path in sorted((EVENTS / "threats" / "backdoor-with-critical-cves").glob("*"))]
        apart = [neighbour(event, 1, "777788889999") for event in backdoors]
        collect = cold_start("collect_signals")
        with redirect_stdout(io.StringIO()):
            assert collect.lambda_handler(batch(*threats, *apart), CONTEXT) == {"batchItemFailures": []}
        forget_logger("collect_signals")
        config_aggregator.create_organization_aggregator(HUB, REGION, "organization")
        self.start(
            correlation_world.correlator_environment(
                hub=HUB, dead_letters=self.dead_letters, rules=rules, aggregator="organization"
            )
        )
        records = [json.loads(record.text) for record in stream.records(0)]
        records = [record for record in records if record["dynamodb"]["Keys"]["row"]["S"].startswith("o#")]
        is_apart = [
            record["dynamodb"]["NewImage"]["resource"]["S"].split("/")[1] == "100000000001" for record in records
        ]
        self.samples = [record for record, apart in zip(records, is_apart, strict=True) if not apart]
        first, second, *_ = [record for record, apart in zip(records, is_apart, strict=True) if apart]
        self.neighbours = first, second

    def batch(self, records: Sequence[str]) -> Any:
        return {"Records": [loaded(record) for record in records]}

    def kept(self, record: str) -> str:
        return json.dumps(loaded(record))

    def records_in(self, payload: Any) -> int:
        return len(payload.get("Records", [payload]))

    def refuses(self, payload: Any) -> bool:
        records = payload.get("Records", [payload]) if isinstance(payload, dict) else None
        return not records or not isinstance(records, list) or not all(map(_is_of_a_stream, records))


WORLDS: dict[str, type[World]] = {
    "open_incident": Incidents,
    "open_incident with OpsCenter": OpsItems,
    "enrich_findings": Enrichment,
    "resolve_deleted": Deletion,
    "sweep_deleted": Sweep,
    "watch_heartbeats": Heartbeats,
    "collect_signals": Collection,
    "correlate_signals": Correlation,
}


@contextmanager
def _root_handler() -> Iterator["logging.StreamHandler[Any]"]:
    """Lambda's handler of the root logger, the only one there is: what libraries warn of is no JSON."""
    root, handler = logging.getLogger(), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(message)s"))
    handlers, level = root.handlers, root.level
    root.handlers, root.level = [handler], logging.WARNING
    try:
        yield handler
    finally:
        root.handlers, root.level = handlers, level


@contextmanager
def world_of(name: str, folder: Path) -> Iterator[World]:
    """A function's world, at its beginning."""
    install()
    moto_gaps.install()
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        stack.enter_context(mock_aws())
        clock = stack.enter_context(time_machine.travel(NOW, tick=False))
        world = WORLDS[name](clock, patch, folder, stack.enter_context(_root_handler()))
        world.name = name
        stack.callback(forget_logger, world.function)
        world.build()
        world.keep()
        world.reset()
        yield world

"""What cannot be handled, now or ever: it is set aside with its reason, and nothing else is harmed or lost."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import pytest

from sandbox.calls import AwsCall
from sandbox.clock import parse_time
from sandbox.faults import Fault, Faults
from sandbox.queues import DeadLetter
from sandbox.world import Sandbox
from tests.chaos.conftest import Judge
from tests.chaos.runs import PLAIN, ChaosCourse, run
from tests.chaos.worlds import THREAT, WORLDS, Event, sample, threat

# Poison: records that can never be handled, in the middle of batches


def poisoned(event: Event, id_: str, *path: str | int, value: Any = None) -> Event:
    """The event with another id, and a value that makes no sense, or is missing."""
    made = deepcopy(event) | {"id": id_}
    parent: Any = made["detail"]
    for step in path[:-1]:
        parent = parent[step]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return made


def poison() -> dict[str, list[Event]]:
    incidents = [
        poisoned(sample("guardduty-high-1-found"), "poison-finding", "id"),
        poisoned(sample("root-api-call"), "poison-call", "eventTime", value="yesterday"),
    ]
    findings = [
        poisoned(sample("finding-control-failed"), "poison-control", "findings", 0, "AwsAccountId"),
        poisoned(sample("deleted-instances-2-call"), "poison-deletion", "eventTime", value="yesterday"),
    ]
    threats = [poisoned(threat(THREAT)[1], "poison-threat", "findings", 0, "AwsAccountId")]
    return {
        "incidents-IncidentManager": incidents,
        "incidents-OpsCenter": incidents,
        "findings": findings,
        "threats": threats,
    }


NONSENSE = "{poison-nonsense"
ROW = "poison-row"
QUEUES = {
    "SweepDeletedSchedule": "SweepDeletedQueue",
    "SendHeartbeatsSchedule": "WatchHeartbeatsQueue",
    "WatchHeartbeatsSchedule": "WatchHeartbeatsQueue",
}


class PoisonedCourse(ChaosCourse):
    """All events of a chapter arrive in one moment, with poison between them."""

    def __init__(self, events: Iterable[Event], *, rows: bool) -> None:
        super().__init__(PLAIN, 0)
        self._events = list(events)
        self._rows = rows

    def deliver(self, sandbox: Sandbox, events: Iterable[Event]) -> None:
        events = deepcopy(list(events))
        poison, self._events = self._events, []
        middle = 2  # of the first five, which open_incident takes at once
        moment = max(parse_time(event["time"]) or sandbox.clock.now for event in events)
        self._set_going(len(poison), [event["id"] for event in poison])
        unsubscribe = sandbox.calls.subscribe(lambda moment, call: self._put_row(sandbox, moment, call))
        self.deliveries += len(events)
        sandbox.deliver([*events[:middle], *poison, *events[middle:]], arrival=lambda _: moment)
        unsubscribe()

    def fire(self, sandbox: Sandbox, schedule: str) -> None:
        if self.deliveries and not self.poison:
            sandbox.send(QUEUES[schedule], NONSENSE)
            self._set_going(1, [NONSENSE])
        super().fire(sandbox, schedule)

    def _put_row(self, sandbox: Sandbox, moment: str, call: AwsCall) -> None:
        """Between the rows of two findings."""
        if self._rows and (moment, call.function, call.operation) == ("after", "collect_signals", "PutItem"):
            self._rows = False
            row = {"pair": {"S": ROW}, "row": {"S": "o#nothing"}}
            sandbox.client("dynamodb").put_item(TableName=call.parameters["TableName"], Item=row)
            self._set_going(1, [ROW])

    def _set_going(self, number: int, marks: Iterable[str]) -> None:
        self.injected["poison"] += number
        self.poison += tuple(marks)


@pytest.mark.seeds(short=[0], long=[0])
def test_poison_in_the_middle_of_a_batch_harms_nothing_else(poisoned_world: str, seed: int, judge: Judge) -> None:
    world = WORLDS[poisoned_world]
    course = PoisonedCourse(poison().get(world.name, []), rows=world.name == "threats")
    made = run(world, seed=seed, course=course)

    judge("poison records", world, made)
    assert made.letters >= len(made.poison) > 0
    if world.by_events:  # and it was in the middle of a batch, or this would prove nothing
        batches = [outcomes for outcomes in made.outcomes if "rejected" in outcomes]
        assert any("rejected" not in (batch[0], batch[-1]) for batch in batches), made.outcomes


# Outages: so long that everything dies; what then is redriven, or replayed, ends as if there had been none

OUTAGES = (
    ("incidents-IncidentManager", "ssm-incidents:CreateTimelineEvent", "InternalServerException"),
    ("incidents-IncidentManager", "dynamodb:BatchGetItem", "InternalServerError"),
    ("incidents-OpsCenter", "ssm:UpdateOpsItem", "InternalServerError"),
    ("incidents-OpsCenter", "dynamodb:TransactWriteItems", "InternalServerError"),
    ("findings", "securityhub:BatchUpdateFindings", "InternalException"),
    ("findings", "securityhub:BatchUpdateFindings", "ConcurrentUpdateError"),
    ("findings", "organizations:DescribeAccount", "ServiceException"),
    ("threats", "dynamodb:BatchGetItem", "UnprocessedKeys"),
    ("threats", "securityhub:BatchImportFindings", "InternalException"),
    ("sweeps", "config:SelectAggregateResourceConfig", "ThrottlingException"),
    ("heartbeats", "dynamodb:BatchWriteItem", "UnprocessedItems"),
)
SHORT_OUTAGES = [outage for outage in OUTAGES if outage[1] == "securityhub:BatchImportFindings"]
SHORT_POISON = ["findings", "threats"]


class OutageCourse(ChaosCourse):
    """In each chapter an operation fails for as long as it takes; then it works again, and people redrive what died."""

    def __init__(self, fault: str) -> None:
        super().__init__(PLAIN, 0)
        self.reasons: list[str] = []
        self._fault = fault

    def deliver(self, sandbox: Sandbox, events: Iterable[Event]) -> None:
        with self._outage(sandbox):
            super().deliver(sandbox, events)
        if self._redrive(sandbox):
            # A stream's records cannot be sent again: what came over the bus in that time is replayed.
            sandbox.deliver([event | {"replay-name": "after-the-outage"} for event in deepcopy(list(events))])

    def fire(self, sandbox: Sandbox, schedule: str) -> None:
        if schedule == "WatchHeartbeatsSchedule" or self.letters:  # a check that comes late judges nothing
            super().fire(sandbox, schedule)
            return
        with self._outage(sandbox):
            super().fire(sandbox, schedule)
        self._redrive(sandbox)

    @contextmanager
    def _outage(self, sandbox: Sandbox) -> Iterator[None]:
        sandbox.calls.faults = faults = Faults([Fault.parse(self._fault)])
        yield
        sandbox.calls.faults = Faults()
        self.injected["outage"] += faults.injected.total()

    def _redrive(self, sandbox: Sandbox) -> bool:
        """Send every dead letter to the queue of the same name again; whether there is word of a stream's records."""
        letters = sandbox.dead_letters()
        self.letters += len(letters)
        self.reasons += [sandbox.ledger.reason_of(letter) for letter in letters]
        for queue in {letter.queue for letter in letters}:
            take_all(sandbox, queue)
        redriven = [letter for letter in letters if not is_of_a_stream(letter)]
        for letter in redriven:
            sandbox.send(letter.queue.replace("DeadLetterQueue", "Queue"), letter.body)
        sandbox.settle()
        return len(redriven) < len(letters)


def take_all(sandbox: Sandbox, queue: str) -> None:
    (url,) = [resource.url for resource in sandbox.topology.hub.queues if resource.name == queue]
    sandbox.client("sqs").purge_queue(QueueUrl=url)


def is_of_a_stream(letter: DeadLetter) -> bool:
    return "DDBStreamBatchInfo" in json.loads(letter.body)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    long = metafunc.config.getoption("long")
    if "outage" in metafunc.fixturenames:
        metafunc.parametrize("outage", OUTAGES if long else SHORT_OUTAGES, ids=" ".join)
    if "poisoned_world" in metafunc.fixturenames:
        metafunc.parametrize("poisoned_world", list(WORLDS) if long else SHORT_POISON)


@pytest.mark.seeds(short=[0], long=[0])
def test_what_dies_in_an_outage_has_its_reason_and_is_redriven_with_no_loss(
    outage: tuple[str, str, str], seed: int, judge: Judge
) -> None:
    name, operation, code = outage
    course = OutageCourse(f"{operation}=1:{code}")
    made = run(WORLDS[name], seed=seed, course=course)

    # Heartbeats that come late tell of silence that was: they are news of their own.
    judge("outages, then redriven", WORLDS[name], made, redriven=True, more_news=name == "heartbeats")
    assert made.letters > 0
    assert course.reasons
    assert all(course.reasons)

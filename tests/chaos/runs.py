"""Ways for a story to go: as it should, or with everything that AWS lets happen."""

import random
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.calls import AwsCall, ContainerKilled
from sandbox.clock import format_time, parse_time
from sandbox.faults import Fault
from sandbox.repeats import Repeats
from sandbox.world import Sandbox
from tests.chaos.people import People
from tests.chaos.worlds import Event, World
from tests.finding_changes import counted_changes

KILLED_EVERY = 15
"""Calls of a function from one kill to the next: a batch that dies comes again, and is to be handled at last."""


@dataclass(frozen=True)
class Chaos:
    """What goes wrong. Of what it leaves to chance, the seed decides."""

    faults: tuple[str, ...] = ()
    """Of AWS calls, as `responder run --fault` takes them."""

    kill_after: int | None = None
    """Containers are killed when that call of a function has taken effect, before the next one or the end; and so on
    every `KILLED_EVERY` calls."""

    duplicate: int = 1
    shuffled: bool = False
    late_by: timedelta | None = None
    """Events arrive up to that much later than they happened."""

    skew: timedelta | None = None
    """Each producer's clock, one for a source, account and Region, is wrong by up to that, either way."""

    queues_repeat: float = 0
    streams_repeat: float = 0
    """Shares of the batches that come again after they were handled."""

    visible_after: timedelta = timedelta(0)
    """What is changed in Security Hub shows that much later."""


PLAIN = Chaos()


@dataclass
class Run:
    """What came of a run."""

    report: dict[str, Any]
    generations: dict[str, int]
    """Of each incident key, as the incidents table has it."""

    people: People
    injected: Counter[str]
    """What went wrong, by kind."""

    deliveries: int
    kills: list[str]
    outcomes: list[list[str]] = field(default_factory=list)
    """Of the world's functions' invocations, what each says that it made of its records, in their order."""

    letters: int = 0
    """That were in dead-letter queues at any time."""

    poison: tuple[str, ...] = ()
    """What is in each thing that nobody can handle, and in nothing else."""


class ChaosCourse:
    """A course of a story, with chaos."""

    def __init__(self, chaos: Chaos, seed: int) -> None:
        self.chaos = chaos
        self.seed = seed
        self.deliveries = 0
        self.letters = 0
        self.poison: tuple[str, ...] = ()
        self.injected: Counter[str] = Counter()
        self._random = random.Random(f"chaos/{seed}")
        self._offsets: dict[tuple[str, ...], timedelta] = {}

    def deliver(self, sandbox: Sandbox, events: Iterable[Event]) -> None:
        chaos, events = self.chaos, deepcopy(list(events))
        happened = {event["id"]: _time(event["time"]) for event in events}
        if chaos.skew is not None:
            events = [self._skewed(event) for event in events]
        self.deliveries += len(events) * chaos.duplicate
        self.injected["duplicates"] += len(events) * (chaos.duplicate - 1)
        self.injected["shuffled"] += len(events) if chaos.shuffled else 0

        def arrival(event: Event) -> datetime:
            moment = happened[event["id"]]
            if chaos.late_by is not None:
                self.injected["late"] += 1
                moment += chaos.late_by * self._random.random()
            return moment

        how: dict[str, Any] = {"duplicate": chaos.duplicate, "shuffle": self.seed if chaos.shuffled else None}
        if chaos.late_by is not None or chaos.skew is not None:
            how["arrival"] = arrival
        sandbox.deliver(events, **how)

    def fire(self, sandbox: Sandbox, schedule: str) -> None:
        for _ in range(self.chaos.duplicate):  # EventBridge Scheduler, too, promises once at least
            self.deliveries += 1
            sandbox.run_schedule(schedule)
        self.injected["duplicates"] += self.chaos.duplicate - 1

    def _skewed(self, event: Event) -> Event:
        """The event with every time in it as its producer's clock has it."""
        assert self.chaos.skew is not None
        producer = (event["source"], event["account"], event["region"])
        if producer not in self._offsets:
            offset = self.chaos.skew * (2 * self._random.random() - 1)
            self._offsets[producer] = timedelta(seconds=round(offset.total_seconds()))
        self.injected["skewed"] += 1
        skewed: Event = _shifted(event, self._offsets[producer])
        return skewed


def _shifted(value: Any, by: timedelta) -> Any:
    if isinstance(value, dict):
        return {name: _shifted(item, by) for name, item in value.items()}
    if isinstance(value, list):
        return [_shifted(item, by) for item in value]
    if isinstance(value, str) and value[:3] == "202" and (moment := parse_time(value)) is not None:
        return format_time(moment + by)
    return value


def _time(text: str) -> datetime:
    moment = parse_time(text)
    assert moment is not None, text
    return moment


class Killer:
    """Kills containers between their calls."""

    def __init__(self, first: int) -> None:
        self.killed: list[str] = []
        self._first = first
        self._made: Counter[str] = Counter()

    def __call__(self, moment: str, call: AwsCall) -> None:
        if moment == "before":
            return
        self._made[call.function] += 1
        if self._made[call.function] % KILLED_EVERY == self._first % KILLED_EVERY:
            self.killed.append(f"{call.function} after {call}")
            raise ContainerKilled(self.killed[-1])


def run(
    world: World,
    chaos: Chaos = PLAIN,
    seed: int = 0,
    *,
    course: ChaosCourse | None = None,
) -> Run:
    """Let the world's story go its course."""
    course = course or ChaosCourse(chaos, seed)
    repeats = Repeats(queues=chaos.queues_repeat, streams=chaos.streams_repeat, seed=seed)
    killer = Killer(chaos.kill_after) if chaos.kill_after is not None else None
    with ExitStack() as ending:
        sandbox = ending.enter_context(
            world.open(
                faults=[Fault.parse(fault) for fault in chaos.faults],
                repeats=repeats,
                updates_visible_after=chaos.visible_after,
                seed=seed,
            )
        )
        people = ending.enter_context(People(sandbox))
        changes = ending.enter_context(counted_changes())

        if killer is not None:
            sandbox.calls.subscribe(killer)
        world.story(sandbox, course)
        injected = course.injected + sandbox.calls.faults.injected
        injected["repeated batches"] += repeats.injected.total()
        injected["updates that show late"] += changes.total() if chaos.visible_after else 0
        injected["kills"] += len(killer.killed) if killer else 0
        return Run(
            report=sandbox.report(),
            generations=generations(sandbox),
            letters=course.letters or len(sandbox.dead_letters()),
            poison=course.poison,
            people=people,
            injected=+injected,
            deliveries=course.deliveries,
            kills=killer.killed if killer else [],
            outcomes=[
                [record["outcome"] for record in invocation.log_records if "outcome" in record]
                for name in world.functions
                for invocation in sandbox.function(name).invocations
            ],
        )


def generations(sandbox: Sandbox) -> dict[str, int]:
    """How many incidents each key has had, by the application's own books."""
    table = sandbox.function("open_incident").resource.environment["INCIDENTS_TABLE"]
    rows = sandbox.client("dynamodb").scan(TableName=table)["Items"]
    return {row["key"]["S"]: int(row["generation"]["N"]) for row in rows if row["entry"]["S"] == "incident"}

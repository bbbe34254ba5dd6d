"""What a warm function adds to an event: its own time outside AWS calls, of batches as its mapping hands them over.

A batch is handled once in the sandbox, by a warm function. Then it is handed over again and again, and every AWS call
gets the answer that it got the first time: nothing runs between the function's own steps. In the first invocation
moto, in the same process, does the work of AWS's services between them: it takes the processor's caches, and fills the
memory that the garbage collector goes through, which a function that waits for AWS over the network never pays for. All
that is outside the methods of boto3's clients counts, from the JSON of the batch to that of the answer.
"""

import json
import statistics
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Protocol

from benchmarks.drain import MAXIMUM_INVOCATION_BYTES, MEGABYTES_PER_CPU
from benchmarks.drain_times import mapping_of, record_bytes, require_done, require_outcome
from benchmarks.figures import Figure
from benchmarks.stopwatch import Timed, replay, timed_invocations
from benchmarks.workload import (
    HUB,
    deletions,
    findings_of,
    heartbeats,
    imported_findings,
    organization,
    queue_batch,
    root_calls,
    threats,
)
from sandbox.world import Sandbox

NAME = "warm_overhead_per_event"
NAMES = (NAME,)

REPLAYS = 15
EVENTS = 1000
"""Of a batch at least so many replays, and so many more of a small one that they hand over so many events."""


class Source(Protocol):
    """Makes events, numbered from `first` on."""

    def __call__(self, size: int, *, first: int) -> list[Any]: ...


def measure() -> list[Figure]:
    return [overhead()]


def overhead() -> Figure:
    """The worst function's median of the replays of a batch.

    The best replays, which the note has as well, say how much of it is others' work: even the time on the processor is
    longer while neighbours use its caches and its other half.
    """
    medians, told = {}, []
    for replays in _replays():
        name, size = replays[0].function, _size(replays[0])
        times = [timed.own_seconds / size * 1000 for timed in replays]
        medians[name] = statistics.median(times)
        told.append(f"{name} {medians[name]:.2f}, best {min(times):.2f} (batches of {size:,})")
    worst = max(medians, key=lambda name: medians[name])
    return Figure(
        name=NAME,
        value=medians[worst],
        unit="ms per event",
        goal=1.0,
        note=(
            f"{worst}, the slowest; all: {'; '.join(sorted(told))}. Medians of {REPLAYS} replays, or more of a small "
            f"batch. Time on a whole processor, of which a function with 512 MB has {512 / MEGABYTES_PER_CPU:.2f}; in "
            "full batches; from a batch's JSON to the answer, without what is within methods of boto3's clients, so "
            "without botocore's marshalling; with the heap of before frozen, which the garbage collector leaves out."
        ),
    )


def _replays() -> Iterator[list[Timed]]:
    """Of each function, the replays of a batch that it handled when it was warm."""
    batches = list(_batches("enrich_findings", imported_findings))
    with Sandbox(HUB, organization=organization(), findings=findings_of(chain(*batches))) as sandbox:
        # Later than a minute after them, as every replay is: then findings are read again.
        sandbox.clock.follow(datetime.fromisoformat(batches[0][0]["time"]) + timedelta(minutes=5))
        with timed_invocations() as done:
            for batch in batches:
                require_outcome(sandbox.function("enrich_findings").invoke(queue_batch(batch)), "enriched")
        yield _replayed(sandbox, done[-1])
    events, findings = deletions(2 * _batch_size("resolve_deleted"))
    sources: Mapping[str, Source] = {
        "resolve_deleted": lambda size, *, first: events[first : first + size],
        "open_incident": root_calls,
        "watch_heartbeats": lambda size, **_: heartbeats(size),
    }
    with Sandbox(HUB, organization=organization(), findings=findings) as sandbox:
        for name, source in sources.items():
            with timed_invocations() as done:
                for batch in _batches(name, source):
                    require_done(sandbox.function(name).invoke(queue_batch(batch)))
            yield _replayed(sandbox, done[-1])
    with Sandbox(HUB) as sandbox:
        sandbox.clock.follow(datetime.fromisoformat(threats(1)[0]["time"]))  # a table's stream begins after it
        with timed_invocations() as done:
            for batch in _batches("collect_signals", threats):
                # The collector's stream is what correlate_signals gets.
                require_done(sandbox.invoke("collect_signals", queue_batch(batch)))
        for name in ("collect_signals", "correlate_signals"):
            # The last of the largest: what is left of a stream makes a smaller one.
            *_, recorded = sorted((timed for timed in done if timed.function == name), key=_size)
            yield _replayed(sandbox, recorded)


def _replayed(sandbox: Sandbox, recorded: Timed) -> list[Timed]:
    return replay(sandbox.function(recorded.function), recorded, times=max(REPLAYS, EVENTS // _size(recorded)))


def _batches(function: str, source: Source) -> Iterator[list[Any]]:
    """One that warms the function up, and one that is recorded."""
    size = min(_batch_size(function), MAXIMUM_INVOCATION_BYTES // record_bytes(source(10, first=0)))
    for first in (0, size):
        yield source(size, first=first)


def _batch_size(function: str) -> int:
    size: int = mapping_of(f"{function.title().replace('_', '')}Function")["BatchSize"]
    return size


def _size(timed: Timed) -> int:
    return len(json.loads(timed.payload)["Records"])

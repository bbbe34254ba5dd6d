"""What a warm function adds to an event: its own time outside AWS calls, of batches as its mapping hands them over."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from benchmarks.figures import Figure
from benchmarks.stopwatch import Timed, timed_invocations
from benchmarks.workload import (
    HUB,
    deletions,
    heartbeats,
    imported_findings,
    organization,
    queue_batch,
    root_calls,
    threats,
)
from sandbox.functions import Invocation
from sandbox.world import Sandbox

NAME = "warm_overhead_per_event"
NAMES = (NAME,)

ROUNDS = 4
"""Batches a function; the first, on a cold container, does not count."""


def measure() -> list[Figure]:
    return [overhead()]


def overhead() -> Figure:
    """The worst function's median over batches."""
    per_event: dict[str, list[float]] = defaultdict(list)
    sizes: dict[str, int] = defaultdict(int)
    for timed in _invocations():
        records = len(json.loads(timed.payload)["Records"])
        sizes[timed.function] = max(sizes[timed.function], records)
        if records > sizes[timed.function] / 2:  # not what little follows from others
            per_event[timed.function].append(timed.own_seconds / records)
    medians = {name: statistics.median(times[1:]) * 1000 for name, times in per_event.items()}
    worst = max(medians, key=lambda name: medians[name])
    each = ", ".join(f"{name} {medians[name]:.2f} (batches of {sizes[name]})" for name in sorted(medians))
    return Figure(
        name=NAME,
        value=medians[worst],
        unit="ms per event",
        goal=1.0,
        note=(
            f"{worst}, the slowest; all: {each}. On the processor, from the JSON of a batch to the answer, without "
            "what is within methods of boto3's clients; medians of warm batches."
        ),
    )


def _invocations() -> Iterator[Timed]:
    """Of every function, several. Of most the batches are parts of what the mapping hands over: dearer an event."""
    events, findings = deletions(ROUNDS * 250)
    batches = [
        *(("enrich_findings", imported_findings(500, first=number * 500)) for number in range(ROUNDS)),
        *(("resolve_deleted", events[number * 250 : (number + 1) * 250]) for number in range(ROUNDS)),
        *(("open_incident", root_calls(10, first=number * 10)) for number in range(2 * ROUNDS)),
        *(("watch_heartbeats", heartbeats(500)) for _ in range(ROUNDS)),
    ]
    with Sandbox(HUB, organization=organization(), findings=findings) as sandbox, timed_invocations() as done:
        for function, batch in batches:
            _require_done(sandbox.function(function).invoke(queue_batch(batch)))
    yield from done
    with Sandbox(HUB) as sandbox, timed_invocations() as done:
        sandbox.clock.follow(datetime.fromisoformat(threats(1)[0]["time"]))  # a table's stream begins after it
        for number in range(ROUNDS):
            # The collector's stream is what correlate_signals gets.
            _require_done(sandbox.invoke("collect_signals", queue_batch(threats(100, first=number * 100))))
    yield from (timed for timed in done if timed.function in ("collect_signals", "correlate_signals"))


def _require_done(invocation: Invocation) -> None:
    if invocation.error is not None or invocation.response != {"batchItemFailures": []}:
        raise RuntimeError(f"{invocation.function} failed: {invocation.error or invocation.response}")

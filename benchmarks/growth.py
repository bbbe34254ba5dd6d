"""What correlating a further finding costs when 10,000 signals are stored, over what it costs when 10 are.

The ordinary case, a signal that comes in time: one that is late reads all that lie within its window. The stored
signals are of the same resource, and of one leg of one rule, or of other resources. They lie in one table, so that
timings can take turns; what is counted of reads is what DynamoDB charges for: requests, rows, and units of 4 KB,
consistent reads all.
"""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from benchmarks.figures import Figure
from benchmarks.stopwatch import Timed, timed_invocations
from benchmarks.workload import HUB, queue_batch, threats
from responder.aws.signals_table import SignalsTable, read_signal
from sandbox.world import Sandbox

NAME = "correlate_growth_10_to_10000"
NAMES = (NAME,)

FEW, MANY = 10, 10_000
TURNS = 20
"""Further findings of each kind whose time is taken."""

READ_UNIT = 4096

HOT = "arn:aws:ec2:eu-west-1:777788889999:instance/i-0bacd004000000001"
COLD = "arn:aws:ec2:eu-west-1:777788889999:instance/i-0bacd004000000002"

_FUNCTIONS = ("collect_signals", "correlate_signals")
_READS = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")


def measure() -> list[Figure]:
    return [growth()]


def growth() -> Figure:
    """The worst ratio of all that is counted."""
    with Sandbox(HUB) as sandbox, timed_invocations() as invocations:
        further = _Further(sandbox, invocations)
        sandbox.clock.follow(datetime.fromisoformat(threats(1)[0]["time"]))
        for instance in (HOT, COLD):
            further.collect(FEW, instance)
        alone = [further(COLD) for _ in range(TURNS)][1:]
        _store_earlier(sandbox, MANY - FEW)
        turns = [(further(COLD), further(HOT)) for _ in range(TURNS)][1:]
    beside, hot = ([turn[place] for turn in turns] for place in (0, 1))
    ratios = {
        f"{what} {where}": _ratio(count, after, before)
        for what, count in (("requests", _requests), ("rows", _rows), ("read units", _units), ("time", _seconds))
        for where, after, before in (("of the same resource", hot, beside), ("of another", beside, alone))
        if not (count is _seconds and after is beside)  # they did not take turns
    }
    worst = max(ratios, key=lambda name: ratios[name])
    listed = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    return Figure(
        name=NAME,
        value=ratios[worst],
        unit="ratio",
        goal=1.3,
        note=(
            f"The worst ratio, {worst}; of a further finding with {MANY:,} signals stored over one with {FEW}: "
            f"{listed}. collect_signals and correlate_signals together, medians of {TURNS}; read at {MANY:,}: "
            f"{_median(_requests, hot):.0f} requests, {_median(_rows, hot):.0f} rows, {_median(_units, hot):.0f} units."
        ),
    )


class _Further:
    """Sends findings of instances to the collector, and what it stores to the correlator."""

    def __init__(self, sandbox: Sandbox, invocations: list[Timed]) -> None:
        self._sandbox = sandbox
        self._invocations = invocations
        self._sent = 0

    def __call__(self, instance: str) -> list[Timed]:
        """The invocations for one further finding."""
        before = len(self._invocations)
        self.collect(1, instance)
        return [timed for timed in self._invocations[before:] if timed.function in _FUNCTIONS]

    def collect(self, size: int, instance: str) -> None:
        events = threats(size, first=self._sent, instance=instance)
        self._sent += size
        invocation = self._sandbox.invoke("collect_signals", queue_batch(events))
        if invocation.error is not None or invocation.response != {"batchItemFailures": []}:
            raise RuntimeError(f"collect_signals failed: {invocation.error or invocation.response}")


def _store_earlier(sandbox: Sandbox, size: int) -> None:
    """Store signals of the hot resource as the collector writes them, from a microsecond apart before those it has."""
    client = sandbox.client("dynamodb")
    table = sandbox.function("collect_signals").resource.environment["SIGNALS_TABLE"]
    rows = client.scan(TableName=table, FilterExpression="begins_with(#row, :o)", **_SIGNALS)["Items"]
    found = next(signal for signal in map(read_signal, rows) if str(signal.pair.resource).endswith(HOT[-19:]))
    seen = found.observation
    SignalsTable(client, table, clock=lambda: sandbox.clock.now).add(
        [
            replace(
                found,
                observation=replace(
                    seen,
                    time=seen.time - timedelta(microseconds=number),
                    value=f"CVE-2025-{number}",
                    finding=seen.finding._replace(id=f"{seen.finding.id}/{number}"),
                ),
            )
            for number in range(1, size + 1)
        ]
    )


_SIGNALS = {"ExpressionAttributeNames": {"#row": "row"}, "ExpressionAttributeValues": {":o": {"S": "o#"}}}

Count = Callable[[Sequence[Timed]], float]


def _answers(invocations: Sequence[Timed]) -> list[tuple[str, list[Any]]]:
    """The reads, each with the rows that it gave."""
    return [(call.name, _given(call.answer)) for timed in invocations for call in timed.calls if call.name in _READS]


def _given(answer: Any) -> list[Any]:
    by_table = answer.get("Responses", {}).values()
    return [
        *answer.get("Items", []),
        *([answer["Item"]] if "Item" in answer else []),
        *(r for t in by_table for r in t),
    ]


def _requests(invocations: Sequence[Timed]) -> float:
    return len(_answers(invocations))


def _rows(invocations: Sequence[Timed]) -> float:
    return sum(len(rows) for _, rows in _answers(invocations))


def _units(invocations: Sequence[Timed]) -> float:
    """A Query rounds up all that it gives, other reads each row; what is not there costs one."""
    units = 0
    for name, rows in _answers(invocations):
        sizes = [len(json.dumps(row)) for row in rows]
        units += max(
            1, -(-sum(sizes) // READ_UNIT) if name.endswith("Query") else sum(-(-s // READ_UNIT) for s in sizes)
        )
    return units


def _seconds(invocations: Sequence[Timed]) -> float:
    return sum(timed.own_seconds for timed in invocations)


def _median(count: Count, samples: Sequence[Sequence[Timed]]) -> float:
    return statistics.median(map(count, samples))


def _ratio(count: Count, after: Sequence[Sequence[Timed]], before: Sequence[Sequence[Timed]]) -> float:
    return _median(count, after) / _median(count, before)

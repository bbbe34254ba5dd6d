"""How long 100,000 findings and 10,000 deletions take to drain, beside a function that handles one event at a time.

The settings are the template's, the calls of a batch those that the handlers make in the sandbox; the simulation of
`drain.py` does the rest. An event is taken to need `OWN_MILLISECONDS` of a processor; `overhead.py` measures what each
function needs.

The whole backlog of findings counts as older than the minute for which the handler trusts an event: each finding is
read again before it is written, so that no analyst's word is overwritten. That is more than a real drain reads, whose
events are fresh at first. How many are read in a call depends on how close together the findings of a batch are: up to
100 when the queue hands them over as they came, 20 when five others are between each two of them.

*One by one* is what the ordinary function of this field does, one invocation an event and nothing kept between them,
with the same duty. For a finding it asks for the account, its parent, that OU's name, its tags and its security
contact, reads the finding again, and writes it: seven calls, one each. For a deletion it looks the findings up and
writes each: one GetFindings, and one BatchUpdateFindings for every finding. The same quotas hold for it; 1,000 run at
once; its own time, throttled attempts and what it would do about the events that its updates raise count for nothing.

`python -m benchmarks.drain_times` prints what other settings of the template would make of it.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from benchmarks.drain import (
    QUOTAS,
    SECONDS_PER_CALL,
    SECONDS_PER_OTHER_CALL,
    UNPACED_CONTAINERS,
    Batch,
    Settings,
    drain_seconds,
    one_by_one_seconds,
    split,
)
from benchmarks.figures import Figure
from benchmarks.stopwatch import Timed, timed_invocations
from benchmarks.workload import ACCOUNTS, HUB, deletions, findings_of, imported_findings, organization, queue_batch
from responder.domain.enrichment.enricher import TRUSTED_FOR
from sandbox.clock import format_time
from sandbox.functions import Invocation
from sandbox.stacks import Template, Templates
from sandbox.world import Sandbox

NAMES = (
    "drain_seconds_100000_findings",
    "drain_seconds_100000_findings_one_by_one",
    "drain_speed_up_100000_findings",
    "drain_speed_up_100000_scattered_findings",
    "drain_seconds_2000_fresh_findings",
    "drain_seconds_10000_deletions",
    "drain_seconds_10000_deletions_one_by_one",
    "drain_speed_up_10000_deletions",
)

FINDINGS, DELETIONS, BURST = 100_000, 10_000, 2_000
OWN_MILLISECONDS = 1.0
SPEED_UP = 100.0

_ASSUMED = (
    f"A call takes {SECONDS_PER_OTHER_CALL} s, of DynamoDB {SECONDS_PER_CALL['dynamodb'] * 1000:.0f} ms: assumed."
)

PER_FINDING = (
    "organizations:DescribeAccount",
    "organizations:ListParents",
    "organizations:DescribeOrganizationalUnit",
    "organizations:ListTagsForResource",
    "account:GetAlternateContact",
    "securityhub:GetFindings",
    "securityhub:BatchUpdateFindings",
)
"""The calls of the ordinary function for an event that is older than a minute."""

OLD = 2 * TRUSTED_FOR
FRESH = timedelta(0)
"""Ages of events when their batch is handed over."""

SCATTERED = 6
"""One in so many of the findings of its time is in a batch that is scattered."""


def deployed(function: str) -> Settings:
    """The settings of a function of the template, by its logical id, with defaults for the parameters."""
    mapping = mapping_of(function)
    return Settings(
        batch_size=mapping["BatchSize"],
        window_seconds=mapping.get("MaximumBatchingWindowInSeconds", 0),
        containers=mapping["ScalingConfig"]["MaximumConcurrency"],
        memory_megabytes=_resources()[function]["Properties"]["MemorySize"],
        paces=QUOTAS,
    )


def mapping_of(function: str) -> Any:
    """The properties of the mapping that feeds a function of the template, by the function's logical id."""
    (properties,) = (
        resource["Properties"]
        for resource in _resources().values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
        and resource["Properties"]["FunctionName"] == {"Ref": function}
    )
    return properties


def _resources() -> Any:
    return Template(Templates().hub).whole["Resources"]


@dataclass(frozen=True, slots=True)
class FindingsTrace:
    """What enrich_findings calls for batches of this size: a container's first, and those that follow."""

    size: int
    first: Sequence[str]
    following: Sequence[str]


@dataclass(frozen=True, slots=True)
class DeletionsTrace:
    """What resolve_deleted calls for a batch of this size, and how many findings the deletions in it resolve."""

    size: int
    calls: Sequence[str]
    findings: int


def traced_findings(settings: Settings, age: timedelta, *, one_in: int = 1) -> FindingsTrace:
    """Have the handler take two batches, as large as these settings allow, of events of that age.

    They are every ``one_in``-th of the findings that there are. Raises RuntimeError when any is not enriched.
    """
    size = settings.events_per_batch(record_bytes(imported_findings(50, first=1)))
    imported = imported_findings(2 * size * one_in)
    taken = imported[::one_in]
    batches = [taken[:size], taken[size:]]
    with Sandbox(HUB, organization=organization(), findings=findings_of(imported)) as sandbox:
        sandbox.clock.follow(datetime.fromisoformat(batches[0][0]["time"]))
        with timed_invocations() as invocations:
            for batch in batches:
                moment = format_time(sandbox.clock.now - age)
                events = [event | {"time": moment} for event in batch]
                require_outcome(sandbox.function("enrich_findings").invoke(queue_batch(events)), "enriched")
    first, following = map(_names, invocations)
    return FindingsTrace(size, first, following)


def traced_deletions(settings: Settings) -> DeletionsTrace:
    """Have the handler take one full batch. Raises RuntimeError when any deletion resolves nothing."""
    events, findings = deletions(settings.batch_size)
    with Sandbox(HUB, findings=findings) as sandbox, timed_invocations() as invocations:
        require_outcome(sandbox.function("resolve_deleted").invoke(queue_batch(events)), "resolved")
    (calls,) = map(_names, invocations)
    return DeletionsTrace(len(events), calls, len(findings))


def record_bytes(events: Sequence[Any]) -> int:
    """Of a message in a batch, as Lambda counts them."""
    return len(json.dumps(queue_batch(events))) // len(events)


def require_done(invocation: Invocation) -> None:
    """Raises RuntimeError when an invocation failed, or leaves any of its batch to be delivered again."""
    if invocation.error is not None or invocation.response != {"batchItemFailures": []}:
        raise RuntimeError(f"{invocation.function} failed: {invocation.error or invocation.response}")


def require_outcome(invocation: Invocation, outcome: str) -> None:
    """The same when the log tells of another outcome of any event, or of none: what it did is not what is measured."""
    require_done(invocation)
    outcomes = Counter(record["outcome"] for record in invocation.log_records if "outcome" in record)
    if set(outcomes) != {outcome}:
        raise RuntimeError(f"{invocation.function} did not say {outcome} of every event, but {dict(outcomes)}")


def _names(timed: Timed) -> tuple[str, ...]:
    return tuple(call.name for call in timed.calls)


def findings_seconds(settings: Settings, trace: FindingsTrace, findings: int = FINDINGS) -> float:
    """Until all are enriched, and the events that the updates raise are dropped, one a finding."""

    def batches() -> Iterator[Batch]:
        for number, batch in enumerate(split(findings, trace.size, own)):
            yield replace(batch, calls=trace.following if number >= settings.containers else trace.first)
        yield from split(findings, trace.size, own)

    def own(events: int) -> Batch:
        return Batch((), settings.own_seconds(OWN_MILLISECONDS, events))

    return drain_seconds(batches(), settings)


def deletions_seconds(settings: Settings, trace: DeletionsTrace, size: int = DELETIONS) -> float:
    """Until the findings of all resources are resolved."""
    own = settings.own_seconds(OWN_MILLISECONDS, trace.size)
    return drain_seconds(split(size, trace.size, lambda _: Batch(trace.calls, own)), settings)


def measure() -> list[Figure]:
    enrich, resolve = deployed("EnrichFindingsFunction"), deployed("ResolveDeletedFunction")
    return [
        *_of_findings(enrich, traced_findings(enrich, OLD), traced_findings(enrich, OLD, one_in=SCATTERED)),
        _of_burst(enrich, traced_findings(enrich, FRESH)),
        *_of_deletions(resolve, traced_deletions(resolve)),
    ]


def _of_findings(settings: Settings, together: FindingsTrace, scattered: FindingsTrace) -> list[Figure]:
    ours, theirs = findings_seconds(settings, together), one_by_one_seconds(FINDINGS, PER_FINDING)
    reads, updates = map(together.following.count, ("securityhub:GetFindings", "securityhub:BatchUpdateFindings"))
    read_only = one_by_one_seconds(FINDINGS, ["securityhub:GetFindings"])
    scattered_reads = scattered.following.count("securityhub:GetFindings")
    return [
        Figure(
            name=NAMES[0],
            value=ours,
            unit="s, simulated",
            note=(
                f"Batches of {together.size:,} (6 MB), {settings.containers} at a time, {len(ACCOUNTS)} accounts: "
                f"{reads} GetFindings and {updates} BatchUpdateFindings each. GetFindings, 3 a second, is what it "
                "waits for. All events count as older than a minute, so that every finding is read again: "
                f"conservative, they are fresh at first. {_ASSUMED} The events that the updates raise are drained too."
            ),
        ),
        Figure(
            name=NAMES[1],
            value=theirs,
            unit="s, simulated",
            note=(
                "A function of one event an invocation, without a cache, with the same duty to an event older than a "
                f"minute. {len(PER_FINDING)} calls a finding, one after the other: "
                f"{', '.join(call.partition(':')[2] for call in PER_FINDING)}. As many at once as Lambda lets an "
                f"account by default, {UNPACED_CONTAINERS:,}, and the same token buckets. {_ASSUMED} Organizations' "
                "DescribeOrganizationalUnit, 2 a second, is what it waits for; with the OUs' names at hand it would "
                f"wait for GetFindings, 3 a second ({read_only:,.0f} s). Its own time, and the events that its updates "
                "raise, count for nothing."
            ),
        ),
        Figure(
            name=NAMES[2],
            value=theirs / ours,
            unit="times",
            goal=SPEED_UP,
            better="higher",
            note=(
                "The queue hands findings over as they came: those of a batch's accounts and times are read in pages, "
                f"{together.size / reads:.0f} a call on average."
            ),
        ),
        Figure(
            name=NAMES[3],
            value=theirs / findings_seconds(settings, scattered),
            unit="times",
            better="higher",
            note=(
                f"The same if the queue hands them over so mixed that a batch has one in {SCATTERED} of the findings "
                f"of its time: they are read by their ids, {scattered.size / scattered_reads:.1f} a call, of 20 at "
                "most. Which of the two it is depends on SQS, whose order is best effort."
            ),
        ),
    ]


def _of_burst(settings: Settings, trace: FindingsTrace) -> Figure:
    """Raises RuntimeError when it takes longer than events are trusted, since then findings would be read again."""
    seconds = findings_seconds(settings, trace, BURST)
    if seconds > TRUSTED_FOR.total_seconds() or "securityhub:GetFindings" in trace.following:
        raise RuntimeError(f"{BURST:,} findings take {seconds:.0f} s: their events are no longer fresh")
    updates = trace.following.count("securityhub:BatchUpdateFindings")
    return Figure(
        name=NAMES[4],
        value=seconds,
        unit="s, simulated",
        note=(
            f"A burst within its first minute, for which events are trusted and nothing is read again: {updates} "
            f"BatchUpdateFindings a batch of {trace.size:,}; the window of {settings.window_seconds:.0f} s "
            "is part of it."
        ),
    )


def _of_deletions(settings: Settings, trace: DeletionsTrace) -> list[Figure]:
    ours = deletions_seconds(settings, trace)
    found = round(trace.findings / trace.size * 10)
    theirs = _one_by_one_deletions(found)
    updates = trace.calls.count("securityhub:BatchUpdateFindings")
    reads = trace.calls.count("securityhub:GetFindings")
    return [
        Figure(
            name=NAMES[5],
            value=ours,
            unit="s, simulated",
            note=(
                f"Batches of {trace.size}, {settings.containers} at a time: {reads} GetFindings and {updates} "
                "BatchUpdateFindings each, since each Note names its own resource. Their 10 a second are what it waits "
                f"for: {DELETIONS:,} Notes take {DELETIONS / 10:,.0f} s in any case."
            ),
        ),
        Figure(
            name=NAMES[6],
            value=theirs,
            unit="s, simulated",
            note=f"A GetFindings for each deletion, at 3 a second, and {found / 10:.1f} BatchUpdateFindings.",
        ),
        Figure(
            name=NAMES[7],
            value=theirs / ours,
            unit="times",
            better="higher",
            note="No goal: a Note of its own for each resource, 10 a second, and 20 ids a query leave no hundredfold.",
        ),
    ]


def _one_by_one_deletions(findings_of_ten: int) -> float:
    """Every deletion looks up its findings, and updates as many of them as ten have on average."""
    calls = ["securityhub:GetFindings"] * 10 + ["securityhub:BatchUpdateFindings"] * findings_of_ten
    return one_by_one_seconds(DELETIONS // 10, calls)


def _compare(out: Any) -> None:
    """A table of other settings."""
    enrich, resolve = deployed("EnrichFindingsFunction"), deployed("ResolveDeletedFunction")
    out.write(
        "enrich_findings: batch size, concurrency -> calls of BatchUpdateFindings a batch, seconds, of old findings\n"
    )
    for size, containers in chain(((size, 2) for size in (10, 100, 500, 2000)), ((2000, 3), (2000, 5), (2000, 10))):
        settings = replace(enrich, batch_size=size, containers=containers)
        findings = traced_findings(settings, OLD)
        updates = findings.following.count("securityhub:BatchUpdateFindings")
        out.write(f"{size:6} {containers:3} {updates:6} {findings_seconds(settings, findings):10.0f}\n")
    out.write("resolve_deleted: batch size, concurrency -> calls of GetFindings a batch, seconds\n")
    for size, containers in ((1, 2), (10, 2), (100, 2), (250, 2), (500, 2), (250, 3), (250, 5)):
        settings = replace(resolve, batch_size=size, containers=containers)
        of_deletions = traced_deletions(settings)
        reads = of_deletions.calls.count("securityhub:GetFindings")
        out.write(f"{size:6} {containers:3} {reads:6} {deletions_seconds(settings, of_deletions):10.0f}\n")


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    _compare(sys.stdout)

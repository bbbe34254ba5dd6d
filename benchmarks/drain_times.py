"""How long 100,000 findings and 10,000 deletions take to drain, beside a function that handles one event at a time.

The settings are the template's, the calls of a batch those that the handlers make in the sandbox; the simulation of
`drain.py` does the rest. An event is taken to need `OWN_MILLISECONDS` of a processor; `overhead.py` measures what each
function needs.

*One call per finding* is what the ordinary function of this field does, one invocation an event and nothing kept
between them. For a finding it asks for the account, its parent, that OU's name, its tags and its security contact, and
writes the finding: six calls, one each. For a deletion it looks the resource's findings up and writes each: one
GetFindings, and one BatchUpdateFindings for every finding. The same quotas hold for it; 1,000 run at
once; its own time, throttled attempts and what it would do about the events that its updates raise count for nothing.

`python -m benchmarks.drain_times` prints what other settings of the template would make of it.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from benchmarks.drain import Batch, Settings, drain_seconds, one_by_one_seconds, split
from benchmarks.figures import Figure
from benchmarks.stopwatch import Timed, timed_invocations
from benchmarks.workload import ACCOUNTS, HUB, deletions, imported_findings, organization, queue_batch
from responder.aws.organization import RATES as ORGANIZATION_RATES
from responder.aws.security_hub import RATES
from sandbox.stacks import Template, Templates
from sandbox.world import Sandbox

NAMES = (
    "drain_seconds_100000_findings",
    "drain_seconds_100000_findings_one_by_one",
    "drain_speed_up_100000_findings",
    "drain_seconds_10000_deletions",
    "drain_seconds_10000_deletions_one_by_one",
    "drain_speed_up_10000_deletions",
)

FINDINGS, DELETIONS = 100_000, 10_000
OWN_MILLISECONDS = 1.0
SPEED_UP = 100.0

PER_FINDING = (
    "organizations:DescribeAccount",
    "organizations:ListParents",
    "organizations:DescribeOrganizationalUnit",
    "organizations:ListTagsForResource",
    "account:GetAlternateContact",
    "securityhub:BatchUpdateFindings",
)
"""The calls of the ordinary function."""

PACES = {f"securityhub:{operation}": rate for operation, rate in RATES.items()} | {
    f"{'account' if operation == 'GetAlternateContact' else 'organizations'}:{operation}": rate
    for operation, rate in ORGANIZATION_RATES.items()
}
"""What the handlers allow themselves."""


def deployed(function: str) -> Settings:
    """The settings of a function of the template, by its logical id, with defaults for the parameters."""
    mapping = mapping_of(function)
    return Settings(
        batch_size=mapping["BatchSize"],
        window_seconds=mapping.get("MaximumBatchingWindowInSeconds", 0),
        containers=mapping["ScalingConfig"]["MaximumConcurrency"],
        memory_megabytes=_resources()[function]["Properties"]["MemorySize"],
        paces=PACES,
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
class Traces:
    """What the handlers call for batches of these sizes: the first of findings, the following, one of deletions."""

    findings: int
    first: Sequence[str]
    following: Sequence[str]
    deletions: int
    deleting: Sequence[str]
    updates_one_by_one: int
    """Findings that the deletions of such a batch resolve."""


def traced(enrich: Settings, resolve: Settings) -> Traces:
    """Have the handlers take batches of the largest size that these settings allow."""
    size = enrich.events_per_batch(record_bytes(imported_findings(50, first=1)))
    events, findings = deletions(resolve.batch_size)
    with Sandbox(HUB, organization=organization(), findings=findings) as sandbox, timed_invocations() as invocations:
        for number in range(2):
            _invoke(sandbox, "enrich_findings", imported_findings(size, first=number * size))
        _invoke(sandbox, "resolve_deleted", events)
    first, following, deleting = map(_names, invocations)
    return Traces(size, first, following, len(events), deleting, len(findings))


def record_bytes(events: Sequence[Any]) -> int:
    """Of a message in a batch, as Lambda counts them."""
    return len(json.dumps(queue_batch(events))) // len(events)


def _invoke(sandbox: Sandbox, function: str, events: Sequence[Any]) -> None:
    invocation = sandbox.function(function).invoke(queue_batch(events))
    if invocation.error is not None or invocation.response != {"batchItemFailures": []}:
        raise RuntimeError(f"{function} failed: {invocation.error or invocation.response}")


def _names(timed: Timed) -> tuple[str, ...]:
    return tuple(call.name for call in timed.calls)


def findings_seconds(settings: Settings, traces: Traces, findings: int = FINDINGS) -> float:
    """Until all are enriched, and the events that the updates raise are dropped, one a finding."""

    def batches() -> Iterator[Batch]:
        for number, batch in enumerate(split(findings, traces.findings, own)):
            yield replace(batch, calls=traces.following if number >= settings.containers else traces.first)
        yield from split(findings, traces.findings, own)

    def own(events: int) -> Batch:
        return Batch((), settings.own_seconds(OWN_MILLISECONDS, events))

    return drain_seconds(batches(), settings)


def deletions_seconds(settings: Settings, traces: Traces, size: int = DELETIONS) -> float:
    """Until the findings of all resources are resolved."""
    own = settings.own_seconds(OWN_MILLISECONDS, traces.deletions)
    return drain_seconds(split(size, traces.deletions, lambda _: Batch(traces.deleting, own)), settings)


def measure() -> list[Figure]:
    enrich, resolve = deployed("EnrichFindingsFunction"), deployed("ResolveDeletedFunction")
    traces = traced(enrich, resolve)
    return [*_of_findings(enrich, traces), *_of_deletions(resolve, traces)]


def _of_findings(settings: Settings, traces: Traces) -> list[Figure]:
    ours, theirs = findings_seconds(settings, traces), one_by_one_seconds(FINDINGS, PER_FINDING)
    updates = traces.following.count("securityhub:BatchUpdateFindings")
    write_only = one_by_one_seconds(FINDINGS, ["securityhub:BatchUpdateFindings"])
    return [
        Figure(
            name=NAMES[0],
            value=ours,
            unit="s, simulated",
            note=(
                f"Batches of {traces.findings:,} (6 MB), {settings.containers} at a time, {len(ACCOUNTS)} accounts: "
                f"{updates} BatchUpdateFindings each. The events that they raise are drained too."
            ),
        ),
        Figure(
            name=NAMES[1],
            value=theirs,
            unit="s, simulated",
            note="Six calls each. Organizations' DescribeOrganizationalUnit, 2 a second, is what it waits for.",
        ),
        Figure(
            name=NAMES[2],
            value=theirs / ours,
            unit="times",
            goal=SPEED_UP,
            better="higher",
            note=(
                f"Over a function that kept all contexts, and only wrote each finding alone ({write_only:,.0f} s), it "
                f"is {write_only / ours:.0f} times."
            ),
        ),
    ]


def _of_deletions(settings: Settings, traces: Traces) -> list[Figure]:
    ours = deletions_seconds(settings, traces)
    found = round(traces.updates_one_by_one / traces.deletions * 10)
    theirs = _one_by_one_deletions(found)
    updates = traces.deleting.count("securityhub:BatchUpdateFindings")
    reads = traces.deleting.count("securityhub:GetFindings")
    return [
        Figure(
            name=NAMES[3],
            value=ours,
            unit="s, simulated",
            note=(
                f"Batches of {traces.deletions}, {settings.containers} at a time: {reads} GetFindings and {updates} "
                "BatchUpdateFindings each, since each Note names its own resource. Their 10 a second are what it waits "
                f"for: {DELETIONS:,} Notes take {DELETIONS / 10:,.0f} s in any case."
            ),
        ),
        Figure(
            name=NAMES[4],
            value=theirs,
            unit="s, simulated",
            note=f"A GetFindings for each deletion, at 3 a second, and {found / 10:.1f} BatchUpdateFindings.",
        ),
        Figure(
            name=NAMES[5],
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
    out.write("enrich_findings: batch size, concurrency -> calls of BatchUpdateFindings a batch, seconds\n")
    for size, containers in chain(((size, 2) for size in (10, 100, 500, 2000)), ((2000, 3), (2000, 5), (2000, 10))):
        settings = replace(enrich, batch_size=size, containers=containers)
        traces = traced(settings, replace(resolve, batch_size=10))
        updates = traces.following.count("securityhub:BatchUpdateFindings")
        out.write(f"{size:6} {containers:3} {updates:6} {findings_seconds(settings, traces):10.0f}\n")
    out.write("resolve_deleted: batch size, concurrency -> calls of GetFindings a batch, seconds\n")
    for size, containers in ((1, 2), (10, 2), (100, 2), (250, 2), (500, 2), (250, 3), (250, 5)):
        settings = replace(resolve, batch_size=size, containers=containers)
        traces = traced(replace(enrich, batch_size=10), settings)
        reads = traces.deleting.count("securityhub:GetFindings")
        out.write(f"{size:6} {containers:3} {reads:6} {deletions_seconds(settings, traces):10.0f}\n")


if __name__ == "__main__":
    _compare(sys.stdout)

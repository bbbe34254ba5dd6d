"""AWS calls per event, of a thousand events sent through the deployed topology. Attempts are counted, by function."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from benchmarks.figures import Figure
from benchmarks.workload import ACCOUNTS, HUB, NOTED_EVERY, deletions, imported_findings, organization
from sandbox.world import Sandbox

ENRICH = "enrich_calls_per_finding_1000"
RESOLVE = "resolve_get_findings_calls_per_deletion_1000"
NAMES = (ENRICH, RESOLVE)

SIZE = 1000

_PARAMETERS = {"hub": {"IncidentBackend": "OpsCenter"}}


def attempts(function: str, events: Iterable[Any], **world: Any) -> Counter[str]:
    """The AWS calls that a function makes for these events, by `service:operation`. Raises when any is not handled."""
    counted: Counter[str] = Counter()
    with Sandbox(HUB, parameters=_PARAMETERS, **world) as sandbox:
        sandbox.calls.observe(lambda call, _: counted.update([str(call)] if call.function == function else []))
        entries = sandbox.deliver(events)
        undone = [entry for entry in entries if entry.status != "handled"]
        if undone or sandbox.dead_letters():
            raise RuntimeError(f"{len(undone)} of {len(entries)} events were not handled: nothing is measured")
    return counted


def measure() -> list[Figure]:
    return [enrich_calls(), resolve_calls()]


def enrich_calls() -> Figure:
    counted = attempts("enrich_findings", imported_findings(SIZE), organization=organization())
    return Figure(
        name=ENRICH,
        value=counted.total() / SIZE,
        unit="calls per finding",
        goal=0.15,
        note=(
            f"All AWS calls of enrich_findings for {SIZE:,} new findings that arrive together, and so share calls; one "
            f"that comes alone shares none. They are of {len(ACCOUNTS)} accounts in four OUs that it has not heard of "
            f"before, one finding in {NOTED_EVERY} with an analyst's Note. Calls for the events that its own updates "
            f"raise count too: {_listed(counted)}."
        ),
    )


def resolve_calls() -> Figure:
    events, findings = deletions(SIZE)
    counted = attempts("resolve_deleted", events, findings=findings)
    return Figure(
        name=RESOLVE,
        value=counted["securityhub:GetFindings"] / SIZE,
        unit="calls per deletion",
        goal=0.12,
        note=(
            f"GetFindings of resolve_deleted for {SIZE:,} deletions in {len(ACCOUNTS)} accounts: of ten, four "
            f"instances, two security groups, two volumes, a bucket and a role, with {len(findings):,} open findings. "
            f"All its calls: {_listed(counted)}."
        ),
    )


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counted.items()))

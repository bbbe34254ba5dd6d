"""A scheduled sweep through the deployed topology: schedule, queue, sweep_deleted, Config aggregator, Security Hub."""

import json
from copy import deepcopy
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.world import Sandbox
from tests.conftest import EVENTS

HUB = "111122223333/eu-west-1"
PARAMETERS = {"hub": {"IncidentBackend": "OpsCenter"}}
FINDINGS = json.loads((EVENTS / "world" / "findings.json").read_text())
RESOURCES = json.loads((EVENTS / "world" / "resources.json").read_text())["configurationItems"]
GONE, THERE, NOT_COVERED, SUPPRESSED = FINDINGS

Report = dict[str, Any]


def sweep(findings: list[Any] = FINDINGS, *, parameters: dict[str, str] | None = None, **world: Any) -> Report:
    hub = {"hub": {**PARAMETERS["hub"], **(parameters or {})}}
    with Sandbox(hub=HUB, parameters=hub, findings=findings, resources=RESOURCES, **world) as sandbox:
        sandbox.run_schedule("SweepDeletedSchedule")
        return sandbox.report()


def states(report: Report) -> dict[str, str]:
    return {finding["Id"]: finding["Workflow"]["Status"] for finding in report["findings"]}


def test_the_sample_world_shows_what_a_sweep_resolves_and_what_it_leaves() -> None:
    report = sweep()

    assert states(report) == {
        GONE["Id"]: "RESOLVED",
        THERE["Id"]: "NEW",
        NOT_COVERED["Id"]: "NEW",
        SUPPRESSED["Id"]: "SUPPRESSED",
    }
    note = next(finding["Note"] for finding in report["findings"] if finding["Id"] == GONE["Id"])
    assert note["UpdatedBy"] == "DeletedResourceFindingResolver"
    assert note["Text"].startswith("Owner says it is gone since last week.\n[Security responder: AWS::EC2::Instance/")
    assert report["dead_letters"] == []


def test_a_dry_run_changes_nothing() -> None:
    report = sweep(parameters={"SweepMode": "DryRun"})

    assert set(states(report).values()) == {"NEW", "SUPPRESSED"}
    assert "securityhub:BatchUpdateFindings" not in report["api_calls"]


def many(size: int) -> list[Any]:
    """As many findings of resources that are gone, and of one that is there."""
    findings = []
    for number in range(size):
        for template, mark in ((GONE, "gone"), (THERE, "there")):
            finding = deepcopy(template)
            finding["Id"] += f"/{mark}/{number}"
            if mark == "gone":
                finding["Resources"][0]["Id"] = finding["Resources"][0]["Id"][:-4] + f"{0x1000 + number:04x}"
            findings.append(finding)
    return findings


@pytest.mark.parametrize("fault", [None, "*:*=0.3", "*:*=0.3:LostResponse"])
def test_many_findings_are_swept_over_pages_whatever_fails(fault: str | None) -> None:
    report = sweep(many(400), faults=[Fault.parse(fault)] if fault else [], seed=3)

    gone = {id_ for id_, state in states(report).items() if state == "RESOLVED"}
    assert all("/gone/" in id_ for id_ in gone)
    # What is resolved drops out of what is paged through: half of it is left to the next sweep, and none is lost.
    assert len(gone) >= 180
    assert report["dead_letters"] == []


def test_sweeps_end_when_nothing_that_is_gone_is_left() -> None:
    findings = many(300)
    with Sandbox(hub=HUB, parameters=PARAMETERS, findings=findings, resources=RESOURCES) as sandbox:
        for _ in range(12):
            sandbox.run_schedule("SweepDeletedSchedule")
        report = sandbox.report()

    assert {state for id_, state in states(report).items() if "/gone/" in id_} == {"RESOLVED"}
    assert {state for id_, state in states(report).items() if "/there/" in id_} == {"NEW"}


def test_without_an_aggregator_there_is_no_sweep() -> None:
    with Sandbox(hub=HUB, parameters=PARAMETERS) as sandbox:
        assert "sweep_deleted" not in {function.name for function in sandbox.topology.hub.functions}

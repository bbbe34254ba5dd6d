"""The invariants notice what they are there for."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from sandbox.calls import ContainerKilled
from tests.chaos.conftest import reference
from tests.chaos.invariants import violations
from tests.chaos.people import People
from tests.chaos.runs import Run
from tests.chaos.worlds import WORLDS, edit, sample

Report = dict[str, Any]


def lose_an_event(run: Run) -> None:
    run.report["events"][0] |= {"status": "failed", "reason": None}


def leave_a_dead_letter(run: Run) -> None:
    run.report["dead_letters"].append({"queue": "OpenIncidentDeadLetterQueue", "reason": "x", "body": "{}"})


def open_an_incident_twice(run: Run) -> None:
    run.report["incidents"].append(deepcopy(run.report["incidents"][-1]))


def lose_an_incident(run: Run) -> None:
    run.report["incidents"].pop()


def lose_a_timeline_entry(run: Run) -> None:
    run.report["incidents"][0]["timeline"].pop()


def repeat_a_timeline_entry(run: Run) -> None:
    run.report["incidents"][0]["timeline"] *= 2


def lower_an_impact(run: Run) -> None:
    run.report["incidents"][0]["impact"] += 1


def tell_nobody(run: Run) -> None:
    run.report["notifications"].clear()


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        (lose_an_event, "nothing says why"),
        (leave_a_dead_letter, "has a dead letter"),
        (open_an_incident_twice, "has had another number of incidents"),
        (lose_an_incident, "is missing"),
        (lose_a_timeline_entry, "timeline is"),
        (repeat_a_timeline_entry, "timeline is"),
        (lower_an_impact, "impact is"),
        (tell_nobody, "nobody was told"),
    ],
)
def test_harm_to_incidents_is_noticed(change: Callable[[Run], None], noticed: str) -> None:
    plain = reference("incidents-OpsCenter")
    made = deepcopy_of(plain)
    assert violations(made, plain) == []
    change(made)
    assert any(noticed in problem for problem in violations(made, plain))


@pytest.mark.parametrize("member", ["Note", "Workflow", "UserDefinedFields", "Severity"])
def test_harm_to_findings_is_noticed(member: str) -> None:
    plain = reference("sweeps")
    made = deepcopy_of(plain)
    made.report["findings"][0][member] = {"Status": "x", "Text": "x"}
    assert any(member in problem for problem in violations(made, plain))


def deepcopy_of(run: Run) -> Run:
    return Run(**{**vars(run), "report": deepcopy(run.report)})


class Careless:
    """A function that writes over what people have written."""

    name = "careless"
    killed: ContainerKilled | None = None


@pytest.mark.parametrize(
    ("change", "harm"),
    [
        ({"Note": {"Text": "mine", "UpdatedBy": "careless"}}, "changed the words 'Known.'"),
        ({"UserDefinedFields": {"findingEnriched": "true"}}, "changed the field Ticket"),
        ({"Workflow": {"Status": "NEW"}}, "changed SUPPRESSED to NEW"),
    ],
)
def test_harm_to_peoples_work_is_noticed(change: dict[str, Any], harm: str) -> None:
    finding = sample("finding-control-failed")["detail"]["findings"][0]
    with WORLDS["findings"].open() as sandbox, People(sandbox) as people:
        edit(
            sandbox,
            finding,
            Note={"Text": "Known.", "UpdatedBy": "kim"},
            Workflow={"Status": "SUPPRESSED"},
            UserDefinedFields={"Ticket": "SEC-8"},
        )
        key = {"ProductArn": finding["ProductArn"], "Id": finding["Id"]}
        client = sandbox.client("securityhub")
        with sandbox.calls.made_by(Careless()):
            client.batch_update_findings(FindingIdentifiers=[key], **change)
    assert len(people.harm) == 1
    assert harm in people.harm[0]

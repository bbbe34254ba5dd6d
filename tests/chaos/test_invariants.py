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


def forget_an_event(run: Run) -> None:
    run.report["events"].pop(0)


def lose_poison(run: Run) -> None:
    run.poison = ("poison",)


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


def tell_again(run: Run) -> None:
    run.report["notifications"] *= 20


def find_a_threat_twice(run: Run) -> None:
    run.report["findings"] += [
        deepcopy(finding) for finding in run.report["findings"] if finding["Id"].startswith("correlated/")
    ]


def lose_an_update(run: Run) -> None:
    del run.report["findings"][0]["UserDefinedFields"]


def lose_a_finding(run: Run) -> None:
    run.report["findings"].pop()


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        (lose_an_event, "nothing says why"),
        (forget_an_event, "is lost"),
        (lose_poison, "what nobody can handle is lost"),
        (leave_a_dead_letter, "has a dead letter"),
        (open_an_incident_twice, "has had another number of incidents"),
        (lose_an_incident, "is missing"),
        (lose_a_timeline_entry, "timeline is"),
        (repeat_a_timeline_entry, "timeline is"),
        (lower_an_impact, "impact is"),
        (tell_nobody, "nobody was told"),
        (tell_again, "people were told"),
    ],
)
def test_harm_to_incidents_is_noticed(change: Callable[[Run], None], noticed: str) -> None:
    expect_notice("incidents-OpsCenter", change, noticed)


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        (open_an_incident_twice, "has had another number of incidents"),
        (find_a_threat_twice, "a finding correlated/"),
        (lose_an_update, "UserDefinedFields is None"),
        (lose_a_finding, "is missing"),
    ],
)
def test_harm_to_threats_is_noticed(change: Callable[[Run], None], noticed: str) -> None:
    expect_notice("threats", change, noticed)


@pytest.mark.parametrize("subject", ["SILENT", "HEARD AGAIN"])
def test_news_of_heartbeats_that_is_missing_is_noticed(subject: str) -> None:
    def lose_it(run: Run) -> None:
        news = run.report["notifications"]
        news[:] = [notice for notice in news if not notice["subject"].startswith(subject)]

    expect_notice("heartbeats", lose_it, f"people were not told: {subject}")


def expect_notice(world: str, change: Callable[[Run], None], noticed: str) -> None:
    plain = reference(world)
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

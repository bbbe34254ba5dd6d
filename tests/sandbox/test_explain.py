"""`responder explain`: which rules an event met, what was done about it, and why."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli import EVENTS, main

HUB = "111122223333/eu-west-1"

Output = pytest.CaptureFixture[str]


def explain(capsys: Output, tmp_path: Path, *events: Any, status: int = 0) -> list[dict[str, Any]]:
    files = []
    for number, event in enumerate(events):
        file = tmp_path / f"event-{number}.json"
        file.write_text(json.dumps(event))
        files.append(str(file))
    assert main(["explain", "--json", "--hub", HUB, *files]) == status
    output = capsys.readouterr()
    assert output.err == ""
    report = json.loads(output.out)
    assert report["hub"] == HUB
    explained: list[dict[str, Any]] = report["events"]
    return explained


def load(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def rules(bus: dict[str, Any]) -> dict[str, bool]:
    return {rule["rule"]: rule["matches"] for rule in bus["rules"]}


def matching(bus: dict[str, Any]) -> list[str]:
    return [rule for rule, matches in rules(bus).items() if matches]


def test_an_event_that_opens_an_incident(capsys: Output, tmp_path: Path) -> None:
    (told,) = explain(capsys, tmp_path, load("root-api-call"))
    assert (told["status"], told["reason"]) == ("handled", None)
    assert (told["member"]["account"], matching(told["member"])) == ("444455556666", ["ForwardRootActivityRule"])
    assert matching(told["hub"]) == ["RootActivityRule"]
    assert [(outcome["outcome"], outcome["incident_key"]) for outcome in told["outcomes"]] == [
        ("opened", "root/444455556666")
    ]
    (incident,) = told["incidents"]
    assert incident["key"] == "root/444455556666"
    assert told["why"] == f'open_incident opened an incident, "{incident["title"]}", impact 2.'


def test_an_event_that_no_rule_of_the_hub_wants_and_the_field_it_fails_at(capsys: Output, tmp_path: Path) -> None:
    (told,) = explain(capsys, tmp_path, load("guardduty-medium-opens-nothing"))
    assert told["status"] == "unmatched"
    assert rules(told["member"]) == {"ForwardGuardDutyFindingsRule": True}
    (nearest,) = told["hub"]["rules"]
    assert (nearest["rule"], nearest["matches"]) == ("GuardDutyFindingRule", False)
    assert nearest["mismatches"] == [{"path": "detail.severity", "expected": "a number >= 7.0", "found": [5]}]
    assert "Nearest is GuardDutyFindingRule: detail.severity: expected a number >= 7.0, found 5." in told["why"]


def test_an_event_that_is_not_forwarded(capsys: Output, tmp_path: Path) -> None:
    (told,) = explain(capsys, tmp_path, load("root-call-made-by-aws-service-opens-nothing"))
    assert told["why"].startswith("Nothing was done: no rule of its account's default bus forwards it.")
    for bus in ("member", "hub"):
        nearest = told[bus]["rules"][0]
        assert [mismatch["path"] for mismatch in nearest["mismatches"]] == ["detail.userIdentity.invokedBy"]


def test_a_rule_that_its_place_does_not_have(capsys: Output, tmp_path: Path) -> None:
    (told,) = explain(capsys, tmp_path, load("guardduty-critical") | {"account": "444455556666"})
    (rule,) = told["member"]["rules"]
    assert (rule["rule"], rule["matches"], rule["mismatches"]) == ("ForwardGuardDutyFindingsRule", False, [])
    assert rule["obstacle"] == "not deployed in 444455556666/eu-west-1: its condition ForwardsGuardDuty is false there"
    assert rule["obstacle"] in told["why"]
    assert rules(told["hub"]) == {"GuardDutyFindingRule": True}


def test_an_event_that_is_like_none_gets_only_the_nearest_rules(capsys: Output, tmp_path: Path) -> None:
    stranger = load("root-api-call") | {"source": "aws.health", "detail-type": "AWS Health Event", "detail": {}}
    (told,) = explain(capsys, tmp_path, stranger)
    assert told["status"] == "unmatched"
    for bus in ("member", "hub"):
        assert 1 <= len(told[bus]["rules"]) <= 3
        assert not any(rules(told[bus]).values())


def test_what_is_rejected_and_where(capsys: Output, tmp_path: Path) -> None:
    headless = load("guardduty-critical")
    del headless["detail"]["id"]
    by_function, by_nobody = explain(capsys, tmp_path, headless, 5, status=1)
    assert by_function["status"] == "rejected"
    assert rules(by_function["hub"]) == {"GuardDutyFindingRule": True}
    assert by_function["why"] == f"Rejected: {by_function['reason']}."
    assert by_nobody["why"] == "Rejected before it reached a bus: a JSON number is no event."
    assert by_nobody["member"]["rules"] == by_nobody["hub"]["rules"] == []


def test_what_waits_and_what_was_added(capsys: Output, tmp_path: Path) -> None:
    names = ("config-compliant-alone-opens-nothing", "guardduty-high-1-found", "guardduty-high-3-archived")
    alone, found, archived = explain(capsys, tmp_path, *map(load, names))
    assert "keeps it waiting, because it opens nothing by itself" in alone["why"]
    assert alone["incidents"] == []
    assert "added it to the open incident" in archived["why"]
    assert archived["incidents"] == found["incidents"]


def test_a_person_reads_it_line_by_line(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EVENTS.parent)
    assert main(["explain", "events/guardduty-medium-opens-nothing.json", "events/root-api-call.json"]) == 0
    medium, root = capsys.readouterr().out.rstrip("\n").split("\n\n")
    assert medium.splitlines()[0] == (
        "events/guardduty-medium-opens-nothing.json  UnauthorizedAccess:EC2/SSHBruteForce, severity 5"
    )
    assert medium.splitlines()[2:] == [
        "  default bus of 111122223333/eu-west-1",
        "    ✓ ForwardGuardDutyFindingsRule",
        "  hub's bus in 111122223333/eu-west-1",
        "    ✗ GuardDutyFindingRule",
        "        detail.severity: expected a number >= 7.0, found 5",
    ]
    assert "open_incident opened an incident" in root.splitlines()[1]


def test_events_that_cannot_be_read(capsys: Output, tmp_path: Path) -> None:
    assert main(["explain", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err == f"responder: {tmp_path / 'nowhere'}: no such file or directory\n"

"""What a run is told of its world: `--organization` and `--findings`, and how they meet events and late updates."""

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli import EVENTS, main
from sandbox.inputs import read
from sandbox.known_findings import FindingError
from sandbox.organization import SAMPLE
from sandbox.world import Sandbox

from .conftest import HUB, HUB_TEMPLATE, MEMBER, MEMBER_TEMPLATE, BuildWorld, event, open_world

PRODUCT = "arn:aws:securityhub:eu-west-1::product/aws/guardduty"

UPDATING = """
import boto3
def lambda_handler(event, context):
    client = boto3.client("securityhub")
    (found,) = client.get_findings(Filters={"Id": [{"Value": "known", "Comparison": "EQUALS"}]})["Findings"]
    fields = found.get("UserDefinedFields", {})
    if "owner" not in fields:
        client.batch_update_findings(
            FindingIdentifiers=[{"Id": "known", "ProductArn": found["ProductArn"]}],
            UserDefinedFields=fields | {"owner": "me"},
        )
"""

Output = pytest.CaptureFixture[str]


def finding(finding_id: str = "known", **members: Any) -> dict[str, Any]:
    return {
        "Id": finding_id,
        "ProductArn": PRODUCT,
        "AwsAccountId": MEMBER,
        "Title": "Known",
        "UpdatedAt": "2026-03-01T09:00:00Z",
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
    } | members


def imported(*findings: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    members = {"source": "aws.securityhub", "detail-type": "Security Hub Findings - Imported"}
    return event(**members, detail={"findings": list(findings)}, account="111122223333") | envelope


def with_findings(folder: Path, handler: str = "def lambda_handler(e, c): pass", **options: Any) -> Sandbox:
    small = open_world(folder, handler)
    return Sandbox(HUB, templates=small._templates, **options)


# Findings that are there already


def test_known_findings_are_in_the_report_and_no_event_replaces_them(tmp_path: Path) -> None:
    later = finding(Title="In the event", UpdatedAt="2026-03-02T00:00:00Z", Workflow={"Status": "NEW"})
    known = finding(Note={"Text": "An analyst's"}, Workflow={"Status": "SUPPRESSED"})
    with with_findings(tmp_path, findings=[known]) as sandbox:
        sandbox.deliver([imported(later, finding("new"))])
        found = {found["Id"]: found for found in sandbox.report()["findings"]}
        assert found["known"] == known | {"WorkflowState": "NEW"}
        assert found["new"]["Title"] == "Known"
        assert not sandbox.changed_findings


def test_functions_update_known_findings(tmp_path: Path) -> None:
    with with_findings(tmp_path, UPDATING, findings=[finding()]) as sandbox:
        sandbox.deliver([imported(finding())])
        assert sandbox.report()["findings"][0]["UserDefinedFields"] == {"owner": "me"}
        assert list(sandbox.changed_findings) == [(PRODUCT, "known")]
        assert sandbox.report()["api_calls"]["securityhub:BatchUpdateFindings"] == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (5, "findings[1]: no finding"),
        ({"Id": "x", "AwsAccountId": MEMBER}, "findings[1].ProductArn: is missing"),
        (finding(AwsAccountId=444455556666), "findings[1].AwsAccountId: must be text"),
        (finding(Id=""), "findings[1].Id: must be text"),
    ],
)
def test_what_is_no_finding_is_told_at_once(wrong: Any, message: str) -> None:
    with pytest.raises(FindingError) as error:
        Sandbox(HUB, findings=[finding(), wrong])
    assert str(error.value).startswith(message)


# Late visibility


def test_an_update_that_does_not_show_yet_is_made_again_and_the_report_tells_the_truth(tmp_path: Path) -> None:
    delay = timedelta(seconds=1)
    with with_findings(tmp_path, UPDATING, findings=[finding()], updates_visible_after=delay) as sandbox:
        (entry,) = sandbox.deliver([imported(finding())])
        calls = sandbox.report()["api_calls"]["securityhub:BatchUpdateFindings"]
        assert 1 < calls < 20  # until it shows, and then no more
        assert sandbox.report()["findings"][0]["UserDefinedFields"] == {"owner": "me"}
        assert entry.status == "handled"


# The command


def write(path: Path, value: Any) -> str:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def run_json(capsys: Output, *arguments: str) -> dict[str, Any]:
    assert main(["run", "--json", *arguments]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


QUIET = event(source="test.nobodys", account="111122223333")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("f.json", json.dumps([finding("a"), finding("b")])),
        ("f.json", json.dumps({"Findings": [finding("a"), finding("b")]})),
        ("f.jsonl", f"{json.dumps(finding('a'))}\n{json.dumps(finding('b'))}\n"),
        ("f.json.gz", json.dumps([finding("a"), finding("b")])),
    ],
)
def test_findings_in_every_form(capsys: Output, tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    events = write(tmp_path / "e.json", QUIET)
    report = run_json(capsys, events, "--findings", str(path), "--organization", str(SAMPLE), "--hub", HUB)
    assert [found["Id"] for found in report["findings"]] == ["a", "b"]


def test_a_single_finding(capsys: Output, tmp_path: Path) -> None:
    events = write(tmp_path / "e.json", QUIET)
    report = run_json(capsys, events, "--findings", write(tmp_path / "f.json", finding("a")))
    assert [found["Id"] for found in report["findings"]] == ["a"]


@pytest.mark.parametrize("command", ["run", "explain"])
@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("--organization", "{", ":1: not JSON"),
        ("--organization", '{"accounts": [{"id": "1"}]}', ": accounts[0].name: is missing"),
        ("--organization", "[]\n[]", ": 2 JSON values, where one is expected"),
        ("--organization", None, ": no such file or directory"),
        ("--findings", "[1, 2", ":1: not JSON"),
        ("--findings", '{"Findings": [{"Id": "x"}]}', ": Findings[0].ProductArn: is missing"),
        ("--findings", '[{"Id": "x"}]', ": [0].ProductArn: is missing"),
        ("--findings", '{"Id": "x"}\n5', ":1: ProductArn: is missing"),
        ("--findings", "5", ": the value: no finding"),
        ("--findings", None, ": no such file or directory"),
    ],
)
def test_an_unusable_file_is_named_with_the_place(
    capsys: Output, tmp_path: Path, command: str, option: str, content: str | None, message: str
) -> None:
    path = tmp_path / "world.json"
    if content is not None:
        write(path, content)
    assert main([command, write(tmp_path / "e.json", QUIET), option, str(path)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"responder: {path}{message}")
    assert output.err.count("\n") == 1


def test_explain_takes_them_too(capsys: Output, tmp_path: Path) -> None:
    events, known = write(tmp_path / "e.json", QUIET), write(tmp_path / "f.json", finding())
    assert main(["explain", events, "--organization", str(SAMPLE), "--findings", known]) == 0
    assert "test.nobodys" in capsys.readouterr().out


def test_a_folder_called_world_holds_no_events(tmp_path: Path) -> None:
    for name in ("a.json", "world/b.json", "more/world/c.json", "more/worldly.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, json.dumps(name))
    assert [value.value for value in read([str(tmp_path)])] == ["a.json", "more/worldly.json"]
    assert [value.value for value in read([str(tmp_path / "world")])] == ["world/b.json"]
    assert not [value for value in read([str(EVENTS)]) if "world" in value.origin.split("/")]


def test_the_small_worlds_have_no_organizations_stack(build_world: BuildWorld) -> None:
    sandbox = build_world(hub=HUB_TEMPLATE, member=MEMBER_TEMPLATE)
    assert sandbox.topology.organization is None

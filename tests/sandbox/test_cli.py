"""`responder run`, as a person or a program uses it."""

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli import EVENTS, main
from tests.conftest import SAMPLE_EVENTS

REPOSITORY = Path(__file__).parent.parent.parent
NOBODYS = {
    "source": "aws.ec2",
    "detail-type": "Nobody's",
    "detail": {},
    "account": "444455556666",
    "region": "eu-west-1",
}
ROOT = json.loads((EVENTS / "root-console-sign-in-with-mfa.json").read_text())

NOTHING_COMES_OF_IT = ("opens-nothing", "resolves-nothing", "only-starts", "is-left-alone")
"""How sample events are called that no rule needs to match."""

Output = pytest.CaptureFixture[str]


def write(path: Path, *values: Any) -> str:
    path.write_text("\n".join(json.dumps(value) for value in values))
    return str(path)


def run_json(capsys: Output, *arguments: str) -> tuple[int, dict[str, Any]]:
    status = main(["run", "--json", *arguments])
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.endswith("}\n")
    report: dict[str, Any] = json.loads(output.out)
    return status, report


def test_the_report_has_exactly_the_members_of_the_contract(capsys: Output, tmp_path: Path) -> None:
    status, report = run_json(capsys, write(tmp_path / "root.json", ROOT))
    assert status == 0
    assert list(report) == [
        "events",
        "incidents",
        "findings",
        "dead_letters",
        "notifications",
        "api_calls",
        "hub",
        "duration_ms",
    ]
    assert list(report["events"][0]) == [
        "id",
        "source",
        "detail_type",
        "account",
        "region",
        "rules",
        "functions",
        "status",
        "reason",
    ]
    (incident,) = report["incidents"]
    members = ["backend", "key", "title", "impact", "status", "arn", "timeline", "related_items"]
    assert list(incident) == members
    assert incident["key"] == f"root/{ROOT['account']}"
    assert list(incident["timeline"][0]) == ["time", "type", "data"]
    assert list(report["notifications"][0]) == ["topic", "subject", "message"]
    assert report["api_calls"]["ssm-incidents:StartIncident"] == 1
    assert report["duration_ms"] > 0


def test_shipped_events_are_all_handled_or_unmatched(capsys: Output) -> None:
    status, report = run_json(capsys)
    assert status == 0
    for path, event in zip(SAMPLE_EVENTS, report["events"], strict=True):
        assert event["id"] == json.loads(path.read_text())["id"], path
        assert (event["status"] == "unmatched") <= path.stem.endswith(NOTHING_COMES_OF_IT), path
    assert report["hub"] == "111122223333/eu-west-1"


def test_duplicates_in_any_order_give_the_same_incidents(capsys: Output) -> None:
    def incidents(*arguments: str) -> Any:
        _, report = run_json(capsys, *arguments)
        return sorted((i["key"], i["impact"], len(i["timeline"]), len(i["related_items"])) for i in report["incidents"])

    once = incidents()
    assert len(once) > 5
    assert incidents("--duplicate", "3", "--shuffle", "11") == once


def test_standard_input_and_several_paths(capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps([NOBODYS, 5]).encode())))
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "x.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [{"eventName": "x"}]}).encode()))
    status, report = run_json(capsys, "-", str(folder))
    assert status == 1
    assert [(event["status"], event["reason"]) for event in report["events"]] == [
        ("unmatched", "no rule of its account's default bus forwards it"),
        ("rejected", "a JSON number is no event"),
        ("rejected", "CloudTrail record without eventSource"),
    ]


def test_nothing_at_all(capsys: Output, tmp_path: Path) -> None:
    status, report = run_json(capsys, str(tmp_path))
    assert (status, report["events"], report["hub"]) == (0, [], "111122223333/us-east-1")


def test_the_hub_is_where_one_says(capsys: Output, tmp_path: Path) -> None:
    _, report = run_json(capsys, write(tmp_path / "a.json", NOBODYS), "--hub", "777788889999/eu-north-1")
    assert report["hub"] == "777788889999/eu-north-1"


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "bad.json:1: not JSON"), ("", "bad.json:1: empty"), ('{"a": 1}\n{', "bad.json:2: not JSON")],
)
def test_an_unusable_file_is_named_and_nothing_is_run(
    capsys: Output, tmp_path: Path, content: str, message: str
) -> None:
    good = write(tmp_path / "good.json", ROOT)
    (tmp_path / "bad.json").write_text(content)
    assert main(["run", "--json", good, str(tmp_path / "bad.json")]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"responder: {tmp_path}/{message}")
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["walk"],
        ["run", "--duplicate", "0"],
        ["run", "--duplicate", "x"],
        ["run", "--shuffle"],
        ["run", "--hub", "x"],
    ],
)
def test_a_wrong_command_line_is_explained(capsys: Output, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: responder" in capsys.readouterr().err


def test_for_a_person(capsys: Output, tmp_path: Path) -> None:
    hostile = NOBODYS | {"source": "\x1b[31mred\ud800"}
    path = write(tmp_path / "what-happened.jsonl", ROOT, hostile, 5)
    assert main(["run", path]) == 1
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert output.err == ""
    assert "\x1b" not in output.out
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("✓  what-happened.jsonl:1  signin:ConsoleLogin by Root") for line in lines)
    assert any(line.startswith("·  what-happened.jsonl:2") and line.rstrip().endswith("nothing") for line in lines)
    assert any("what-happened.jsonl:3" in line and "a JSON number is no event" in line for line in lines)
    assert any(f"root/{ROOT['account']}" in line for line in lines)
    assert any(line.startswith("1 handled · 1 unmatched · 1 rejected · 1 incident") for line in lines)


def test_as_a_program_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", NOBODYS)
    program = [sys.executable, "-m", "sandbox", "run", path, "--json"]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["events"][0]["status"] == "unmatched"

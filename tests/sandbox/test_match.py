"""`responder match`: whether events match a pattern and, if not, at which field."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli import EVENTS, main
from tests.conftest import SAMPLE_EVENTS

REPOSITORY = EVENTS.parent
HUB_TEMPLATE, MEMBER_TEMPLATE = REPOSITORY / "template.yaml", REPOSITORY / "templates" / "member.yaml"

SEVERE = json.dumps({"source": ["aws.guardduty"], "detail": {"severity": [{"numeric": [">=", 7]}]}})
MEDIUM, HIGH = (str(EVENTS / f"guardduty-{name}.json") for name in ("medium-opens-nothing", "high-1-found"))

Output = pytest.CaptureFixture[str]


def match(capsys: Output, *arguments: str) -> tuple[int, str]:
    status = main(["match", *arguments])
    output = capsys.readouterr()
    assert output.err == ""
    return status, output.out


def match_json(capsys: Output, *arguments: str) -> tuple[int, dict[str, Any]]:
    status, output = match(capsys, *arguments, "--json")
    report: dict[str, Any] = json.loads(output)
    return status, report


def refusal(capsys: Output, *arguments: str) -> str:
    assert main(["match", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("responder: ")
    assert "Traceback" not in output.err
    return output.err


def feed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


# What is told


def test_a_person_reads_the_field_at_fault(capsys: Output) -> None:
    status, output = match(capsys, SEVERE, MEDIUM, HIGH)
    assert status == 1
    assert output.splitlines() == [
        f"no match  {MEDIUM}",
        "            detail.severity: expected a number >= 7, found 5",
        f"match     {HIGH}",
        "1 of 2 events match",
    ]


def test_a_program_reads_one_object(capsys: Output) -> None:
    status, report = match_json(capsys, SEVERE, HIGH, MEDIUM)
    assert status == 1
    assert report == {
        "pattern": json.loads(SEVERE),
        "events": [
            {"id": json.loads(Path(HIGH).read_text())["id"], "file": HIGH, "matches": True, "mismatches": []},
            {
                "id": json.loads(Path(MEDIUM).read_text())["id"],
                "file": MEDIUM,
                "matches": False,
                "mismatches": [{"path": "detail.severity", "expected": "a number >= 7", "found": [5]}],
            },
        ],
    }


def test_every_event_matches(capsys: Output) -> None:
    assert match(capsys, SEVERE, HIGH) == (0, f"match     {HIGH}\n1 of 1 event matches\n")


def test_an_absent_field_is_found_as_nothing(capsys: Output) -> None:
    _, report = match_json(capsys, '{"detail": {"nobody": [{"exists": true}]}}', HIGH)
    (mismatch,) = report["events"][0]["mismatches"]
    assert mismatch == {"path": "detail.nobody", "expected": "a value", "found": []}


def test_fields_in_different_elements_of_an_array_are_told(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, json.dumps({"items": [{"a": 1, "b": 1}, {"a": 2, "b": 2}]}))
    _, report = match_json(capsys, '{"items": {"a": [1], "b": [2]}}', "-")
    told = [mismatch["expected"] for mismatch in report["events"][0]["mismatches"]]
    assert told
    assert all("in one array element with the other fields" in expected for expected in told)


def test_text_of_events_cannot_take_over_the_terminal(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, json.dumps({"source": "\x1b[2J\ud800"}))
    _, output = match(capsys, '{"source": ["aws.ec2"]}')
    assert "\x1b" not in output
    assert "\ud800" not in output


# Where events come from


def test_bare_findings_and_records_get_their_envelope(capsys: Output, tmp_path: Path) -> None:
    detail = json.loads(Path(HIGH).read_text())["detail"]
    file = tmp_path / "findings.jsonl"
    file.write_text(f"{json.dumps(detail)}\n{json.dumps(detail | {'severity': 1})}\n")
    _, report = match_json(capsys, SEVERE, str(file))
    assert [(event["file"], event["matches"]) for event in report["events"]] == [
        (f"{file}:1", True),
        (f"{file}:2", False),
    ]


def test_a_part_of_an_event_is_tried_as_it_stands(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, '{"source": "aws.guardduty", "detail": {"severity": 8}}')
    assert match(capsys, SEVERE)[0] == 0


def test_what_is_no_event_matches_nothing(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "[5]")
    status, output = match(capsys, SEVERE, "-")
    assert status == 1
    assert output.splitlines()[1].strip() == "a JSON number is no event"


@pytest.mark.parametrize("piped", [True, False])
def test_standard_input_if_something_is_piped_in_else_the_sample_events(piped: bool) -> None:
    command = [sys.executable, "-m", "sandbox", "match", SEVERE, "--json"]
    given: dict[str, Any] = {"input": Path(HIGH).read_bytes()} if piped else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False, **given)
    events = json.loads(done.stdout)["events"]
    if piped:
        assert [event["file"] for event in events] == ["stdin"]
    else:
        assert len(events) == len(SAMPLE_EVENTS)
    assert done.returncode == (0 if piped else 1)


def test_options_may_stand_between_the_positionals(capsys: Output) -> None:
    assert main(["match", SEVERE, "--hub", "111122223333/eu-west-1", HIGH, "--json", MEDIUM]) == 1
    assert len(json.loads(capsys.readouterr().out)["events"]) == 2
    with pytest.raises(SystemExit) as exit_:
        main(["match", SEVERE, "--nonsense", HIGH])
    assert exit_.value.code == 2
    assert "unrecognized arguments: --nonsense" in capsys.readouterr().err


# Where the pattern comes from


def test_a_pattern_in_a_file(capsys: Output, tmp_path: Path) -> None:
    file = tmp_path / "pattern#1.json"
    file.write_text(SEVERE)
    assert match(capsys, str(file), HIGH)[0] == 0


def test_a_rule_of_the_repository_as_deployed(capsys: Output) -> None:
    status, report = match_json(capsys, f"{HUB_TEMPLATE}#GuardDutyFindingRule", MEDIUM, HIGH)
    assert status == 1
    assert [event["matches"] for event in report["events"]] == [False, True]
    severity, attack = report["pattern"]["detail"]["$or"]
    assert severity == {"severity": [{"numeric": [">=", 7.0]}]}
    assert attack == {"type": [{"prefix": "AttackSequence:"}]}


def test_with_another_parameter(capsys: Output) -> None:
    rule = f"{HUB_TEMPLATE}#GuardDutyFindingRule"
    unused = ("--parameter", "LogLevel=DEBUG")
    assert match(capsys, rule, "--parameter", "GuardDutyMinimumSeverity=4", *unused, MEDIUM)[0] == 0


def test_a_member_rule_gets_the_hubs_outputs(capsys: Output) -> None:
    assert match(capsys, f"{MEMBER_TEMPLATE}#ForwardGuardDutyFindingsRule", HIGH)[0] == 0


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Least: {Type: Number, Default: 5}
  Names: {Type: CommaDelimitedList, Default: "a,b"}
  Unrelated: {Type: String}
Mappings:
  Sources: {Test: {Name: aws.test}}
Conditions:
  Strict: !Equals [!Ref Least, 5]
  Never: !Equals [!Ref Least, 6]
Resources:
  Computed:
    Type: AWS::Events::Rule
    DependsOn: Machine
    Properties:
      EventPattern:
        source: [!FindInMap [Sources, Test, Name]]
        account: [!Ref AWS::AccountId]
        resources: [!GetAtt Queue.Arn]
        detail: !If [Strict, {name: !Ref Names}, {name: [none]}]
      Targets: [{Id: Machine, Arn: !Ref Machine}]
  Text:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: !Sub '{"detail": {"severity": [{"numeric": [">=", ${Least}]}], "queue": ["${Queue.QueueName}"]}}'
  Absent: {Type: AWS::Events::Rule, Condition: Never, Properties: {EventPattern: {source: [x]}}}
  Refused: {Type: AWS::Events::Rule, Properties: {EventPattern: {detail: {a: [{prefix: 5}]}}}}
  Hourly: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: rate(1 hour)}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  Machine: {Type: AWS::StepFunctions::StateMachine, Properties: {Unknown: !Ref Unrelated}}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: pass
      Handler: app.handler
      Runtime: python3.13
      Events:
        Finding: {Type: EventBridgeRule, Properties: {Pattern: {source: [aws.test]}}}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "other.yaml"
    file.write_text(TEMPLATE)
    return file


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        (
            "Computed",
            {
                "source": ["aws.test"],
                "account": ["111122223333"],
                "resources": ["arn:aws:sqs:eu-west-1:111122223333:q"],
                "detail": {"name": ["a", "b"]},
            },
        ),
        ("Text", {"detail": {"severity": [{"numeric": [">=", 5]}], "queue": ["q"]}}),
        ("FunctionFinding", {"source": ["aws.test"]}),
    ],
)
def test_any_rule_of_any_template_whatever_else_is_in_it(
    capsys: Output, template: Path, rule: str, pattern: dict[str, Any]
) -> None:
    _, report = match_json(capsys, f"{template}#{rule}", "--hub", "111122223333/eu-west-1", HIGH)
    assert report["pattern"] == pattern


# What is refused


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{", "the pattern:1: not JSON"),
        ('{"detail": {"severity": [{"numeric": [">=", "7"]}]}}', "detail.severity[0].numeric[1]: must be a number"),
        ('{"source": "aws.ec2"}', "source: must be a list or an object"),
        ("{}", "the pattern: an empty object"),
        ("nowhere.json", "nowhere.json: no such file or directory (a pattern is"),
        (f"{REPOSITORY / 'README.md'}", "not JSON"),
        (f"{EVENTS}", "is a directory"),
        ("nowhere.yaml#Rule", "nowhere.yaml: no such file"),
        (f"{REPOSITORY / 'README.md'}#Rule", "README.md: not YAML"),
        (f"{HIGH}#Rule", "it has no Resources"),
    ],
)
def test_an_invalid_pattern(capsys: Output, pattern: str, told: str) -> None:
    assert told in refusal(capsys, pattern, HIGH)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("Compute",), "there is no resource Compute (did you mean Computed?)"),
        (("Queue",), "an AWS::SQS::Queue, no AWS::Events::Rule"),
        (("Hourly",), "a rule without an event pattern"),
        (("Absent",), "its condition Never is false"),
        (("Refused",), "detail.a[0].prefix: must be"),
        (("Text", "--parameter", "Unknown=1"), "the template has no parameter Unknown"),
        (("Text", "--parameter", "Least=many"), "it cannot be deployed"),
    ],
)
def test_a_rule_that_is_none(capsys: Output, template: Path, arguments: tuple[str, ...], told: str) -> None:
    rule, *options = arguments
    assert told in refusal(capsys, f"{template}#{rule}", *options, HIGH)


def test_events_that_cannot_be_read_and_no_events(capsys: Output, tmp_path: Path) -> None:
    assert "nowhere: no such file" in refusal(capsys, SEVERE, str(tmp_path / "nowhere"))
    (tmp_path / "bad.json").write_text("{\n]")
    assert "bad.json:2: not JSON" in refusal(capsys, SEVERE, str(tmp_path / "bad.json"))
    (tmp_path / "empty").mkdir()
    assert "no events" in refusal(capsys, SEVERE, str(tmp_path / "empty"))

"""`responder rules`: what authors of rules are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from responder.domain.correlation import read_rules
from sandbox.cli import EVENTS, main
from sandbox.rules.checking import RULES

Output = pytest.CaptureFixture[str]

ARN = "arn:aws:ec2:eu-west-1:444455556666:instance/i-0a1b2c3d4e5f60009"
GROUP_ARN = "arn:aws:ec2:eu-west-1:444455556666:security-group/sg-0123456789abcdef9"

RULE = f"""
id: two-alarms
title: Two alarms on one instance
description: For tests.
severity: CRITICAL
group_by: resource
resource_types: [AWS::EC2::Instance]
window: 12h
legs:
  - name: red
    pattern: {{Title: [red]}}
    related: security-group-of-instance
  - name: blue
    pattern: {{Title: [blue]}}
    distinct: {{field: Vulnerabilities.Id, count: 2}}
remediation: {{text: Mend it., url: "https://example.com/"}}
prevention: Care.
references: [{{title: none, url: "https://example.com/"}}]
false_positives: [none]
known_gaps: [none]
attack: {{version: "19", techniques: [T1190]}}
findings:
  red: {{ProductArn: p, Title: red, Resources: [{{Type: AwsEc2Instance, Id: "{ARN}"}}]}}
  blue:
    ProductArn: p
    Title: blue
    Vulnerabilities: [{{Id: one}}, {{Id: two}}]
    Resources: [{{Type: AwsEc2Instance, Id: "{ARN}"}}]
tests:
  - name: both
    given: [{{finding: red, at: 0d}}, {{finding: blue, at: 12h}}]
    fires: [{{on: "{ARN}", evidence: {{red: [red], blue: [one, two]}}}}]
  - name: too late
    given: [{{finding: red, at: 0d}}, {{finding: blue, at: 12h1m}}]
    fires: []
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rules(capsys: Output, *arguments: str, status: int = 0) -> str:
    assert main(["rules", *arguments]) == status
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    return output.out + output.err


def write(name: str, text: str) -> str:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text)
    return name


def faults(capsys: Output, text: str, name: str = "two-alarms.yaml") -> list[str]:
    *found, summary = rules(capsys, "check", write(name, text), status=1).splitlines()
    assert summary == f"1 rule, {len(found)} fault{'s' if len(found) > 1 else ''}"
    return found


def finding(title: str, day: int = 1, **change: Any) -> dict[str, Any]:
    return {
        "Id": f"{title}-id",
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/guardduty",
        "AwsAccountId": "444455556666",
        "Title": title,
        "UpdatedAt": f"2026-03-0{day}T10:00:00Z",
        "Resources": [{"Type": "AwsEc2Instance", "Id": ARN}],
    } | change


# list, test, build


def test_the_shipped_rules_are_listed_checked_tested_and_built(capsys: Output, folder: Path) -> None:
    listed = rules(capsys, "list")
    assert "backdoor-with-critical-cves  30d  EC2 instance with three or more" in listed
    assert "    critical-cves  3 different Vulnerabilities.Id\n" in listed
    assert "    open-security-group  also by security-group-of-instance\n" in listed

    *notes, summary = rules(capsys, "check").splitlines()
    assert summary.endswith(" rules, no faults")
    assert len(notes) == 2
    assert all("without an aggregator of AWS Config" in note and "for the same resource only" in note for note in notes)

    tested = rules(capsys, "test", "sensitive-data-exfiltration")
    assert "  ✓ personal data, then unusual reads\n" in tested
    assert tested.splitlines()[-1] == "10 tests, all passed"

    assert rules(capsys, "build", "--output", "out/rules.json").endswith("rules written to out/rules.json\n")
    loaded = read_rules((folder / "out" / "rules.json").read_text())
    assert [rule.id for rule in loaded] == sorted(file.stem for file in RULES.glob("*.yaml"))
    assert not {"tests", "findings"} & loaded[0].document.keys()


def test_a_test_that_fails_says_what_was_expected_and_what_came(capsys: Output, folder: Path) -> None:
    write("two-alarms.yaml", RULE.replace("at: 12h}", "at: 13h}").replace("at: 12h1m", "at: 1h"))
    told = rules(capsys, "test", "two-alarms.yaml", status=1).splitlines()
    assert told == [
        "two-alarms",
        "  ✗ both  (two-alarms.yaml:30)",
        "      expected: aws/444455556666/eu-west-1/AWS::EC2::Instance/i-0a1b2c3d4e5f60009",
        "                  red: red",
        "                  blue: one, two",
        "      got:      that it fires for nothing",
        "  ✗ too late  (two-alarms.yaml:33)",
        "      expected: to fire for nothing",
        "      got:      aws/444455556666/eu-west-1/AWS::EC2::Instance/i-0a1b2c3d4e5f60009",
        "                  red: red",
        "                  blue: one, two",
        "2 tests, 2 failed",
    ]


def test_other_evidence_than_expected_fails_too(capsys: Output, folder: Path) -> None:
    write("two-alarms.yaml", RULE.replace("blue: [one, two]", "blue: [one, three]"))
    told = rules(capsys, "test", "two-alarms.yaml", status=1)
    assert "blue: one, three" in told
    assert "blue: one, two" in told


def test_rules_with_faults_are_neither_built_nor_explained(capsys: Output, folder: Path) -> None:
    write("two-alarms.yaml", RULE.replace("12h\n", "99d\n"))
    write("finding.json", json.dumps(finding("red")))
    told = "two-alarms.yaml:8: window: is longer than the 90 days for which findings are remembered\n"
    assert rules(capsys, "build", "two-alarms.yaml", "--output", "rules.json", status=1) == told
    assert not (folder / "rules.json").exists()
    assert rules(capsys, "explain", "two-alarms.yaml", "finding.json", status=2) == told
    assert rules(capsys, "test", "two-alarms.yaml", status=1).endswith(told)


# check


def test_a_rule_without_faults(capsys: Output, folder: Path) -> None:
    assert rules(capsys, "check", write("two-alarms.yaml", RULE)).splitlines() == [
        "two-alarms.yaml:12: note: without an aggregator of AWS Config, red holds for the same resource only",
        "1 rule, no faults",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("id: two-alarms", "id: two-bells", "2: id: is two-bells, but the file's name is two-alarms.yaml"),
        ("severity: CRITICAL", "severity: HIGH", '5: severity: is "HIGH", not CRITICAL'),
        ("prevention: Care.", "prevention: Care.\nprevent: it", "18: prevent: is unknown (did you mean prevention?)"),
        ("title: Two", "title: One\ntitle: Two", "4: title: occurs twice: first on line 3"),
        ("description: For tests.\n", "", "2: description: is missing"),
        ("window: 12h", "window: 12", "8: window: is 12, not text; put it in quotes"),
        ("window: 12h", "window: 2w", '8: window: "2w" is not of the form of 30d or 12h'),
        ("window: 12h", "window: 91d", "8: window: is longer than the 90 days for which findings are remembered"),
        ("name: blue", "name: red", "13: legs[1].name: the leg on line 10 has the same"),
        ("[AWS::EC2::Instance]", "[AWS::EC2::Cow]", "7: resource_types[0]: is no type whose ids are known"),
        ("{Title: [red]}", "{Titel: [red]}", "11: legs[0].pattern.Titel: can never match: a finding has no Titel"),
        ("{Title: [red]}", "{Title: red}", '11: legs[0].pattern.Title: is "red", not an object or a list'),
        ("{Title: [red]}", "{Title: [7]}", "11: legs[0].pattern.Title[0]: can never match: Title is text"),
        ("{Title: [red]}", "{Title: [{prefx: r}]}", "11: legs[0].pattern.Title[0]: 'prefx' is no operator"),
        ("{Title: [red]}", "{Title: []}", "11: legs[0].pattern.Title: an empty list matches nothing"),
        ("{Title: [red]}", "{$or: [{Title: [red]}]}", "11: legs[0].pattern.$or: needs at least two objects, has 1"),
        (
            "{Title: [red]}",
            "{Severity: {Label: [Critical]}}",
            "11: legs[0].pattern.Severity.Label[0]: can never match: in a finding that counts, Severity.Label is",
        ),
        (
            "{Title: [red]}",
            "{RecordState: [ARCHIVED]}",
            "11: legs[0].pattern.RecordState[0]: can never match: in a finding that counts, RecordState is ACTIVE",
        ),
        (
            "{Title: [red]}",
            "{Resources: [red]}",
            "11: legs[0].pattern.Resources: can never match: Resources is an object: only the fields in it have values",
        ),
        (
            "{Title: [red]}",
            '{Severity.Normalized: ["90"]}',
            "11: legs[0].pattern.Severity.Normalized[0]: can never match: Severity.Normalized is a number",
        ),
        ("related: security-", "related: no-", '12: legs[0].related: is "no-group-of-instance", not security-group'),
        (
            "[AWS::EC2::Instance]",
            "[AWS::S3::Bucket]",
            "12: legs[0].related: security-group-of-instance is of AWS::EC2::Instance, which resource_types has not",
        ),
        ("field: Vulnerabilities.Id, ", "", "15: legs[1].distinct.field: is missing"),
        (
            "Vulnerabilities.Id, ",
            "Vulnerabilities.Name, ",
            "15: legs[1].distinct.field: a finding's Vulnerabilities has no",
        ),
        ("count: 2", "count: 0", "15: legs[1].distinct.count: is 0, less than 1"),
        ("count: 2", 'count: 2, matching: [{like: "a"}]', "15: legs[1].distinct.matching[0]: 'like' is no operator"),
        ('"19"', "19", "21: attack.version: is 19, not text; put it in quotes"),
        ("T1190", "TA0001", '21: attack.techniques[0]: "TA0001" is not of the form of T1190 or T1071.004'),
        ("Title: red,", "Titel: red,", "23: findings.red.Titel: a finding has no Titel (did you mean Title?)"),
        ("given: [{finding: red,", "given: [{finding: rad,", "31: tests[0].given[0].finding: findings has no rad"),
        ("at: 12h1m", "at: noon", '34: tests[1].given[1].at: "noon" is not of the form of 0d or 29d23h or 1h30m'),
        ("evidence: {red", "evidence: {rot", "32: tests[0].fires[0].evidence.rot: is the name of no leg"),
        ("name: too late", "name: both", "33: tests[1].name: the test on line 30 has the same"),
        (
            "fires: []",
            "fires: [{on: i-1, evidence: {red: [red]}}]",
            "29: tests: none shows when the rule does not fire",
        ),
        ("ProductArn: p, Title", "ProductArn: p, AwsAccountId: 7, Title", "31: tests[0].given[0]: is no finding: "),
        ("Two alarms on", "!Ref alarms on", "3: title: the tag !Ref is not for such a value"),
    ],
)
def test_a_fault_is_told_with_its_line(capsys: Output, folder: Path, old: str, new: str, told: str) -> None:
    assert old in RULE
    found = faults(capsys, RULE.replace(old, new, 1))
    assert f"two-alarms.yaml:{told}" in "\n".join(found)
    assert len({fault.split(":")[1] for fault in found}) <= 2, found


def test_all_faults_of_a_file_are_told_in_the_order_of_their_lines(capsys: Output, folder: Path) -> None:
    text = (
        RULE.replace("CRITICAL", "LOW").replace("[red]}", "[{prefix: 1}, {sufix: a}]}").replace("count: 2", "count: x")
    )
    found = faults(capsys, text.replace("fires: []", "fires: never"))
    assert [fault.split(": ")[0] for fault in found] == [f"two-alarms.yaml:{line}" for line in (5, 11, 11, 15, 34 + 1)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1: is empty"),
        ("- id: a\n", "1: is a list, not an object"),
        ("id: a\nlegs: [\n", "3: not YAML: "),
        ("id: a\ntitle: \x07\n", "2: not YAML: special characters are not allowed"),
        ("id: &a [*a]\n", "1: id[0]: an alias refers to what it stands in"),
        ("[" * 5000, "1: nested too deeply"),
    ],
)
def test_what_is_no_rule_at_all(capsys: Output, folder: Path, text: str, told: str) -> None:
    assert f"two-alarms.yaml:{told}" in "\n".join(faults(capsys, text))


def test_dates_and_yes_are_text(capsys: Output, folder: Path) -> None:
    text = RULE.replace("title: Two alarms on one instance", "title: yes").replace("Mend it.", "2026-03-01")
    assert "no faults" in rules(capsys, "check", write("two-alarms.yaml", text))


def test_ids_of_several_folders_must_differ(capsys: Output, folder: Path) -> None:
    write("one/two-alarms.yaml", RULE)
    write("other/two-alarms.yaml", RULE)
    told = rules(capsys, "check", "one", "other", status=1)
    assert "other/two-alarms.yaml:2: id: one/two-alarms.yaml has the same\n" in told


def test_another_ending_is_not_passed_over(capsys: Output, folder: Path) -> None:
    assert faults(capsys, RULE, "two-alarms.yml") == ["two-alarms.yml:2: the file's name must end in .yaml"]


def test_what_cannot_be_read(capsys: Output, folder: Path) -> None:
    assert rules(capsys, "check", "nowhere.yaml", status=2) == "responder: nowhere.yaml: no such file or directory\n"
    (folder / "empty").mkdir()
    assert "empty: no rules" in rules(capsys, "list", "empty", status=2)
    (folder / "latin.yaml").write_bytes(b"title: caf\xe9")
    assert rules(capsys, "check", "latin.yaml", status=2) == "responder: latin.yaml: not UTF-8 text\n"
    assert "did you mean backdoor-with-critical-cves?" in rules(capsys, "test", "backdoor-with-cves", status=2)
    write("two-alarms.yaml", RULE)
    assert "finding.json: no such file" in rules(capsys, "explain", "two-alarms.yaml", "finding.json", status=2)
    assert "no findings of Security Hub" in rules(
        capsys, "explain", "two-alarms.yaml", str(EVENTS / "root-api-call.json"), status=2
    )
    assert "rules.json" in rules(capsys, "build", "two-alarms.yaml", "--output", "two-alarms.yaml/rules.json", status=2)


# explain


def explain(capsys: Output, *findings: Any, status: int, options: tuple[str, ...] = ()) -> list[str]:
    write("two-alarms.yaml", RULE)
    write("findings.json", json.dumps(list(findings)))
    return rules(capsys, "explain", "two-alarms.yaml", "findings.json", *options, status=status).splitlines()


BLUE = {"Vulnerabilities": [{"Id": "one"}, {"Id": "two"}]}


def test_what_fires_and_on_what(capsys: Output, folder: Path) -> None:
    assert explain(capsys, finding("red"), finding("blue", **BLUE), status=0) == [
        "two-alarms  Two alarms on one instance",
        "",
        "Findings",
        "  findings.json[1]  red",
        "      red on aws/444455556666/eu-west-1/AWS::EC2::Instance/i-0a1b2c3d4e5f60009",
        "  findings.json[2]  blue",
        "      blue: one, two on aws/444455556666/eu-west-1/AWS::EC2::Instance/i-0a1b2c3d4e5f60009",
        "",
        "Resources",
        "  ✓ fires for aws/444455556666/eu-west-1/AWS::EC2::Instance/i-0a1b2c3d4e5f60009, generation 1",
        "      from 2026-03-01T10:00:00Z on; its evidence, as of 2026-03-01T10:00:00Z:",
        "      ✓ red",
        "          2026-03-01T10:00:00Z  red",
        "      ✓ blue: 2 of 2 different Vulnerabilities.Id",
        "          2026-03-01T10:00:00Z  one  blue",
        "          2026-03-01T10:00:00Z  two  blue",
    ]


def test_what_is_missing_and_why_findings_do_not_count(capsys: Output, folder: Path) -> None:
    told = "\n".join(
        explain(
            capsys,
            finding("red", Id="gone", Workflow={"Status": "RESOLVED"}),
            finding("blue", Vulnerabilities=[{"Id": "one"}]),
            finding("blue", Id="nowhere", Resources=[], **BLUE),
            finding("blue", Id="nothing"),
            finding("green", Id="other"),
            finding("red", AwsAccountId=7),
            status=1,
        )
    )
    assert "does not count: its workflow status is RESOLVED; it would match red" in told
    assert "matches blue, but none of its resources can be told for certain" in told
    assert "matches blue, but has no value that counts in Vulnerabilities.Id" in told
    assert 'matches no leg; nearest is red:\n        Title: expected "red", found "green"' in told
    assert "is left out: Security Hub finding: AwsAccountId is a JSON number, not text" in told
    assert (
        "✗ does not fire for aws/444455556666/eu-west-1/AWS::EC2::Instance/i-0a1b2c3d4e5f60009; missing: red, blue"
        in told
    )
    assert "✗ red (also by security-group-of-instance)" in told
    assert "✗ blue: 1 of 2 different Vulnerabilities.Id" in told


def test_related_resources_come_from_configuration_items(capsys: Output, folder: Path) -> None:
    item = {
        "resourceType": "AWS::EC2::Instance",
        "resourceId": "i-0a1b2c3d4e5f60009",
        "awsAccountId": "444455556666",
        "awsRegion": "eu-west-1",
        "configurationItemCaptureTime": "2026-03-01T00:00:00Z",
        "configurationItemStatus": "OK",
        "relationships": [{"resourceType": "AWS::EC2::SecurityGroup", "resourceId": "sg-0123456789abcdef9"}],
    }
    write("items.json", json.dumps([item]))
    group = finding("red", Resources=[{"Type": "AwsEc2SecurityGroup", "Id": GROUP_ARN}])
    assert "missing: red" in "\n".join(explain(capsys, group, finding("blue", **BLUE), status=1))
    told = explain(capsys, group, finding("blue", **BLUE), status=0, options=("--resources", "items.json"))
    assert any(line.startswith("  ✓ fires for aws/444455556666/eu-west-1/AWS::EC2::Instance/") for line in told)


def test_events_of_security_hub_count_at_their_own_time_and_others_are_left_out(capsys: Output, folder: Path) -> None:
    envelope = {
        "id": "e-1",
        "detail-type": "Security Hub Findings - Imported",
        "source": "aws.securityhub",
        "account": "111122223333",
        "region": "eu-west-1",
        "time": "2026-03-05T10:00:00Z",
        "detail": {"findings": [finding("red"), finding("blue", **BLUE)]},
    }
    told = explain(capsys, envelope, json.loads((EVENTS / "root-api-call.json").read_text()), status=0)
    assert "      from 2026-03-05T10:00:00Z on; its evidence, as of 2026-03-05T10:00:00Z:" in told
    assert "  and 1 event of other services, left out" in told


def test_a_title_cannot_take_over_the_terminal(capsys: Output, folder: Path) -> None:
    told = "\n".join(explain(capsys, finding("red", Id="x\x1b[2Jy", Title="a\x1b[31mb\nc"), status=1))
    assert "\x1b" not in told

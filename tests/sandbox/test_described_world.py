"""What a run is told of its world: `--organization`, `--findings` and `--resources`, and how they meet events and late
updates.
"""

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli import EVENTS, main
from sandbox.faults import Fault
from sandbox.inputs import read
from sandbox.known_findings import FindingError
from sandbox.known_resources import ResourceError, read_resources
from sandbox.organization import SAMPLE
from sandbox.world import Sandbox

from .conftest import (
    HUB,
    HUB_TEMPLATE,
    MEMBER,
    MEMBER_TEMPLATE,
    PRODUCT,
    BuildWorld,
    event,
    finding,
    instance,
    open_world,
)

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


# Resources that the Config aggregator knows

ASKING = """
import json, os
import boto3
def lambda_handler(event, context):
    name, config = os.environ["AGGREGATOR"], boto3.client("config")
    answer = config.select_aggregate_resource_config(
        Expression="SELECT resourceId, configuration.size", ConfigurationAggregatorName=name)
    counts = config.get_aggregate_discovered_resource_counts(
        ConfigurationAggregatorName=name, GroupByKey="ACCOUNT_ID")
    rows = {row["resourceId"]: row.get("configuration") for row in map(json.loads, answer["Results"])}
    print(json.dumps({"aggregator": name, "rows": rows, "total": counts["TotalDiscoveredResources"]}))
"""

ASKING_TEMPLATE = HUB_TEMPLATE.replace(
    "Resources:", '  ConfigAggregatorName: {Type: String, Default: ""}\nResources:', 1
).replace("BATCH:", "AGGREGATOR: !Ref ConfigAggregatorName\n          BATCH:")


def recorded(item: Any, member: str = "configurationItem", **envelope: Any) -> dict[str, Any]:
    kind = {"source": "aws.config", "detail-type": "Config Configuration Item Change"}
    return event(**kind, detail={member: item}, **envelope)


def with_resources(folder: Path, *items: Any, **options: Any) -> Sandbox:
    small = open_world(folder, ASKING, hub=ASKING_TEMPLATE)
    return Sandbox(HUB, templates=small._templates, resources=items, **options)


def asked(sandbox: Sandbox) -> dict[str, Any]:
    """What a function learns from the aggregator now."""
    sandbox.deliver([event()])
    answer: dict[str, Any] = sandbox.function("act").invocations[-1].log_records[-1]
    return answer


def test_functions_ask_the_aggregator(tmp_path: Path) -> None:
    with with_resources(tmp_path, instance(1), instance(2, configurationItemStatus="ResourceDeleted")) as sandbox:
        assert asked(sandbox) == {"aggregator": "sandbox", "rows": {"i-1": {"size": "small"}}, "total": 1}
        calls = sandbox.report()["api_calls"]
        assert calls["config:SelectAggregateResourceConfig"] == 1
        assert calls["config:GetAggregateDiscoveredResourceCounts"] == 1


def test_calls_of_the_aggregator_can_fail(tmp_path: Path) -> None:
    faults = [Fault.parse("config:*=0.4")]
    with with_resources(tmp_path, instance(), faults=faults, seed=3) as sandbox:
        assert asked(sandbox)["total"] == 1
        assert sandbox.report()["api_calls"]["config:SelectAggregateResourceConfig"] > 1


@pytest.mark.parametrize("member", ["configurationItem", "configurationItemSummary"])
def test_items_in_events_update_what_the_aggregator_knows(tmp_path: Path, member: str) -> None:
    with with_resources(tmp_path, instance(1), instance(2)) as sandbox:
        later = {"captured": "2026-03-01T10:00:00Z"}
        gone = instance(1, configurationItemStatus="ResourceDeleted", configuration=None, **later)
        grown, new = instance(2, configuration={"size": "large"}, **later), instance(3, **later)
        sandbox.deliver([recorded(item, member) for item in (gone, grown, new)])
        assert asked(sandbox)["rows"] == {"i-2": {"size": "large"}, "i-3": {"size": "small"}}


def test_an_event_that_comes_late_brings_no_resource_back(tmp_path: Path) -> None:
    gone = instance(captured="2026-03-01T10:00:00Z", configurationItemStatus="ResourceDeletedNotRecorded")
    with with_resources(tmp_path) as sandbox:
        sandbox.deliver([recorded(gone), recorded(instance())], duplicate=2)
        assert asked(sandbox)["rows"] == {}


@pytest.mark.parametrize("item", [None, "i-1", {"resourceId": "i-1"}, {}])
def test_an_event_without_a_valid_item_changes_nothing(tmp_path: Path, item: Any) -> None:
    with with_resources(tmp_path, instance()) as sandbox:
        (entry,) = sandbox.deliver([recorded(item)])
        assert entry.status == "unmatched"
        assert asked(sandbox)["total"] == 1


def test_without_resources_there_is_no_aggregator(tmp_path: Path) -> None:
    small = open_world(tmp_path, ASKING, hub=ASKING_TEMPLATE)
    with Sandbox(HUB, templates=small._templates) as sandbox:
        sandbox.deliver([recorded(instance())])
        assert sandbox.client("config").describe_configuration_aggregators()["ConfigurationAggregators"] == []
        assert sandbox.topology.hub.functions[0].environment["AGGREGATOR"] == ""


def test_what_is_no_resource_is_told_at_once() -> None:
    with pytest.raises(ResourceError, match=r"resources\[1\]: The configuration item has no resourceId"):
        Sandbox(HUB, resources=[instance(), instance(resourceId=None)])


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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.json", json.dumps(instance())),
        ("r.json", json.dumps([instance()])),
        ("r.json", json.dumps({"configurationItems": [instance()]})),
        ("r.json", json.dumps({"baseConfigurationItems": [instance()]})),
        ("r.json", json.dumps({"BaseConfigurationItems": [instance()]})),
        ("r.json", json.dumps({"Results": [json.dumps(instance())]})),
        ("r.jsonl", f"{json.dumps(instance())}\n"),
        ("r.json.gz", json.dumps([instance()])),
    ],
)
def test_resources_in_every_form(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    assert read_resources(str(path)) == [instance()]


def test_the_command_takes_resources(capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = open_world(tmp_path, ASKING, hub=ASKING_TEMPLATE)
    monkeypatch.setattr("sandbox.world.Templates", lambda: small._templates)
    resources = write(tmp_path / "r.json", [instance()])
    report = run_json(capsys, write(tmp_path / "e.json", event()), "--hub", HUB, "--resources", resources)
    assert report["api_calls"]["config:SelectAggregateResourceConfig"] == 1


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
        ("--resources", "[1, 2", ":1: not JSON"),
        ("--resources", "[5]", ": [0]: A configuration item is a JSON object."),
        ("--resources", '{"Results": ["{"]}', ": Results[0]: not JSON"),
        ("--resources", '{"configurationItems": [{}]}', ": configurationItems[0]: The configuration item has no acc"),
        ("--resources", "{}", ": the value: The configuration item has no accountId"),
        ("--resources", None, ": no such file or directory"),
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

"""What the README promises of filters and patterns, and that its commands are ones."""

import json
import re
import shlex
from datetime import datetime
from typing import Any, NamedTuple

import botocore.session
import pytest
from botocore.validate import ParamValidator
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from responder.patterns import compile_pattern
from sandbox.cli import _parser, main
from sandbox.envelopes import Place, imported_event
from sandbox.sam_local import SAMPLES
from sandbox.world import Sandbox
from tests.conftest import EVENTS, REPOSITORY

README = (REPOSITORY / "README.md").read_text()
HUB = "111122223333/eu-west-1"
COMMANDS = [line for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
INSIGHTS = {
    words[4]: words for words in map(shlex.split, COMMANDS) if words[:3] == ["aws", "securityhub", "create-insight"]
}


def samples(pattern: str) -> list[Any]:
    return [json.loads(path.read_text()) for path in sorted(EVENTS.glob(pattern))]


class World(NamedTuple):
    findings: dict[str, dict[str, Any]]
    by_insight: dict[str, set[str]]


@pytest.fixture(scope="module")
def world() -> World:
    """Security Hub after the sample events."""
    with Sandbox(hub=HUB, parameters={"hub": {"IncidentBackend": "OpsCenter"}}) as sandbox:
        sandbox.deliver(samples("deleted-*.json") + samples("finding-*.json"))
        client = sandbox.client("securityhub")
        by_insight = {}
        for name, words in INSIGHTS.items():
            request = {"Name": name, "GroupByAttribute": words[6], "Filters": json.loads(words[8])}
            shape = client.meta.service_model.operation_model("CreateInsight").input_shape
            assert not ParamValidator().validate(request, shape).has_errors()
            found = client.get_findings(Filters=request["Filters"])["Findings"]
            by_insight[name] = {finding["Id"] for finding in found}
        return World({finding["Id"]: finding for finding in sandbox.report()["findings"]}, by_insight)


def test_the_insight_of_findings_in_production_shows_them(world: World) -> None:
    production = world.by_insight["Open findings in production"]

    assert production == {
        id_
        for id_, finding in world.findings.items()
        if finding.get("UserDefinedFields", {}).get("Environment") == "PROD" and finding["Workflow"]["Status"] == "NEW"
    }
    assert production


def test_the_insight_of_resolved_findings_shows_them(world: World) -> None:
    assert len(world.by_insight["Resolved because the resource is gone"]) == 4


def test_the_replay_is_one_that_eventbridge_takes() -> None:
    ((*_, replay),) = (
        [line.strip()] for line in README.splitlines() if line.strip().startswith("aws events start-replay")
    )
    words = shlex.split(replay)[3:]
    given = {name[2:].title().replace("-", ""): value for name, value in zip(words[::2], words[1::2], strict=True)}
    request = given | {"Destination": dict([given["Destination"].split("=", 1)])}
    shape = botocore.session.get_session().get_service_model("events").operation_model("StartReplay").input_shape
    times = {"EventStartTime": datetime.fromisoformat(given["EventStartTime"])}
    times |= {"EventEndTime": datetime.fromisoformat(given["EventEndTime"])}
    assert not ParamValidator().validate(request | times, shape).has_errors()


ORGANIZATION = [
    shlex.split(line) for line in COMMANDS if line.strip().startswith(("aws cloudformation", "aws organizations"))
]


def request_of(words: list[str], shape: Any) -> dict[str, Any]:
    """The request of an aws command's options, which are named as the members of its shape."""
    members = {name.lower(): name for name in shape.members}
    request: dict[str, Any] = {}
    for name, *values in options_of(words):
        wanted = name.replace("-", "")
        if not values:
            request[members[wanted.removeprefix("no")]] = not wanted.startswith("no")
            continue
        kind = shape.members[members[wanted]]
        given = [read_option(value, kind.member if kind.type_name == "list" else kind) for value in values]
        request[members[wanted]] = given if kind.type_name == "list" else given[0]
    return request


def options_of(words: list[str]) -> list[list[str]]:
    options: list[list[str]] = []
    for word in words:
        if word.startswith("--"):
            options.append([word.removeprefix("--")])
        else:
            options[-1].append(word)
    return options


def read_option(value: str, shape: Any) -> Any:
    if value.startswith("file://"):
        return (REPOSITORY / value.removeprefix("file://")).read_text()
    if shape.type_name != "structure":
        return {"true": True, "false": False}[value] if shape.type_name == "boolean" else value
    read: dict[str, Any] = {}
    for part in value.split(","):
        key, _, text = part.partition("=")
        kind = shape.members[key].type_name
        word: Any = int(text) if kind == "integer" else read_option(text, shape.members[key])
        read[key] = [word] if kind == "list" else word
    return read


@pytest.mark.parametrize("words", ORGANIZATION, ids=lambda words: words[2])
def test_the_commands_for_the_organization_are_ones_that_aws_takes(words: list[str]) -> None:
    model = botocore.session.get_session().get_service_model(words[1])
    operation = model.operation_model(words[2].title().replace("-", ""))  # no acronym among these
    shape: Any = operation.input_shape
    request = request_of(words[3:], shape)

    assert not ParamValidator().validate(request, shape).has_errors()
    for name, value in request.items():
        for text, kind in [(value, shape.members[name])] if isinstance(value, str) else []:
            assert text in (kind.enum or [text])
    if "Capabilities" in request:
        assert set(request["Capabilities"]) <= set(shape.members["Capabilities"].member.enum)
    if "TemplateBody" in request:
        assert len(request["TemplateBody"].encode()) <= 51_200  # what CloudFormation takes without a bucket
        given = {parameter["ParameterKey"] for parameter in request["Parameters"]}
        parameters = yaml_parse(request["TemplateBody"])["Parameters"]
        if words[2] == "update-stack-set":  # which gives the others their defaults
            assert given == parameters.keys()
            assert all(parameter["UsePreviousValue"] for parameter in request["Parameters"])
        else:
            assert given == {name for name, parameter in parameters.items() if "Default" not in parameter}


def test_every_dead_letter_queue_is_in_the_table_with_a_queue_to_move_to_if_sqs_can_move_it() -> None:
    """SQS moves messages only from queues that another queue's redrive policy names."""
    chapter = README.split("### Dead letters\n")[1].split("\n### ")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in chapter.splitlines() if row.startswith("| `")]
    told = {row[0].split("`")[1]: row[2] for row in rows}
    moved, others = {}, set()
    for path in ("template.yaml", "templates/member.yaml"):
        resources = yaml_parse((REPOSITORY / path).read_text())["Resources"]
        queues = {name: made["Properties"] for name, made in resources.items() if made["Type"] == "AWS::SQS::Queue"}
        sources = {name: queue["RedrivePolicy"] for name, queue in queues.items() if "RedrivePolicy" in queue}
        moved |= {policy["deadLetterTargetArn"]["Fn::GetAtt"][0]: name for name, policy in sources.items()}
        others |= queues.keys() - sources.keys()

    assert told.keys() == others
    for dead_letters, source in moved.items():
        assert f"moving to `{source}`" in told[dead_letters] or "purge it" in told[dead_letters]
    assert not [name for name in others - moved.keys() if "moving" in told[name]]


SQS = [shlex.split(line) for line in COMMANDS if line.startswith("aws sqs")]


@pytest.mark.parametrize("words", SQS, ids=lambda words: words[2])
def test_the_commands_of_dead_letters_are_ones_that_sqs_takes(words: list[str]) -> None:
    model = botocore.session.get_session().get_service_model("sqs")
    shape: Any = model.operation_model(words[2].title().replace("-", "")).input_shape
    request = dict(zip((name[2:].title().replace("-", "") for name in words[3::2]), words[4::2], strict=True))
    members = {name.lower(): name for name in shape.members}

    assert {name.lower() for name in request} <= members.keys()
    assert set(shape.required_members) <= {members[name.lower()] for name in request}
    assert len(SQS) == 2


def test_redrive_is_called_as_it_is_written() -> None:
    (command,) = [line for line in COMMANDS if line.startswith(".venv/bin/responder redrive")]
    arguments = _parser().parse_args(shlex.split(command)[1:])

    assert (arguments.profile, arguments.hub_profile, arguments.look) == ("member", "hub", True)
    assert arguments.queue.startswith("https://sqs.")


def test_the_statements_of_a_key_of_ones_own_are_the_keys() -> None:
    chapter = README.split("**A key of your own**")[1].split("**A first runbook**")[0]
    key = yaml_parse((REPOSITORY / "template.yaml").read_text())["Resources"]["EncryptionKey"]["Properties"]
    sids = {statement["Sid"] for statement in key["KeyPolicy"]["Statement"]}

    assert set(re.findall(r"`([A-Z][A-Za-z]+)`", chapter)) & sids == sids


def test_stack_sets_are_created_updated_and_removed() -> None:
    assert [words[2] for words in ORGANIZATION] == [
        "activate-organizations-access",
        "create-stack-set",
        "create-stack-instances",
        "register-delegated-administrator",
        "update-stack-set",
        "delete-stack-instances",
        "delete-stack-set",
        "create-policy",
        "attach-policy",
    ]
    sets = {words[words.index("--stack-set-name") + 1] for words in ORGANIZATION if "--stack-set-name" in words}
    assert sets == {"security-responder-member"}


def test_the_pattern_routes_grave_findings_of_production(world: World) -> None:
    (pattern,) = (
        json.loads(block)
        for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL)
        if "UserDefinedFields" in block
    )
    chosen = compile_pattern(pattern)
    raised = [
        imported_event(finding, Place.parse(HUB), time="2026-03-02T15:00:00Z") for finding in world.findings.values()
    ]

    titles = {event["detail"]["findings"][0]["Title"] for event in raised if chosen.matches(event)}
    assert titles == {"S3 general purpose buckets should block public access"}
    assert not any(chosen.matches(event) for event in samples("finding-control-failed.json"))


@pytest.mark.parametrize(
    "command",
    [
        line
        for line in COMMANDS
        if line.startswith((".venv/bin/responder run", ".venv/bin/responder rules", ".venv/bin/responder costs"))
    ],
)
def test_the_commands_run(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    words = shlex.split(command.partition(" > ")[0])

    assert main(words[1:]) == 0
    assert capsys.readouterr().out


def test_every_function_is_invoked_with_its_sample_and_the_files_that_serve_writes() -> None:
    options = "--config-file build/local/samconfig.toml --env-vars build/local/env.json"
    invocations = [line for line in COMMANDS if line.startswith("sam local invoke")]

    assert invocations == [f"sam local invoke {s.function} {options} --event {s.path}" for s in SAMPLES]
    assert ".venv/bin/responder serve" in COMMANDS
    assert all((REPOSITORY / sample.path).is_file() for sample in SAMPLES)

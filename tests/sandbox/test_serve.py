"""`responder serve`: what it offers, to whom it listens, how it ends."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest

from sandbox.cli import main
from sandbox.stacks import Template
from tests.conftest import REPOSITORY, Sample
from tests.functions.invocation import CONTEXT, cold_start, forget_logger

HUB = "111122223333"


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[str]
    address: str
    offer: str
    file: Path

    @property
    def functions(self) -> dict[str, dict[str, str]]:
        return dict(json.loads(self.file.read_text()))

    def client(self, service: str, **options: Any) -> Any:
        return boto3.client(service, endpoint_url=self.address, region_name="eu-west-1", **options)


@contextmanager
def serving(folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """The command as a process of its own, once it has told that it is there."""
    file = folder / "local" / "env.json"
    command = [sys.executable, "-m", "sandbox", "serve", "--port", "0", "--env-file", str(file), *options]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            offer = ""
            while "Ctrl-C" not in offer and (line := process.stdout.readline()):
                offer += line
            found = re.search(r"http://127\.0\.0\.1:\d+", offer)
            assert found is not None, process.communicate()
            yield Served(process, found[0], offer, file)
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=30)


@dataclass(frozen=True)
class Engine:
    """What stands at the Docker engine's address, and what it was asked. It can do nothing."""

    address: str
    asked: list[str]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def parse_request(self) -> bool:
            asked.append(str(self.raw_requestline))
            return False  # and no more is said to it

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Engine(f"tcp://127.0.0.1:{server.server_port}", asked)
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Served]:
    folder, environment = tmp_path_factory.mktemp("serve"), {"DOCKER_HOST": engine.address}
    with serving(folder, "--address", "127.0.0.1", environment=environment) as found:
        yield found


def test_it_says_what_it_offers(served: Served) -> None:
    assert f"hub {HUB}/eu-west-1" in served.offer
    assert "444455556666" in served.offer
    assert "OpenIncidentFunction" in served.offer
    assert str(served.file) in served.offer


def test_the_deployed_resources_are_there(served: Served) -> None:
    variables = served.functions["OpenIncidentFunction"]

    assert variables["INCIDENTS_TABLE"] in served.client("dynamodb").list_tables()["TableNames"]
    queue = served.client("sqs").get_queue_attributes(QueueUrl=variables["DEAD_LETTER_QUEUE_URL"])
    assert queue["ResponseMetadata"]["HTTPStatusCode"] == 200
    plans = served.client("ssm-incidents").list_response_plans()["responsePlanSummaries"]
    assert variables["RESPONSE_PLAN_ARN"] in {plan["arn"] for plan in plans}


def test_security_hub_holds_the_sample_findings(served: Served, sample: Sample) -> None:
    (finding,) = sample("finding-control-failed")["detail"]["findings"]

    filters = {"Id": [{"Value": finding["Id"], "Comparison": "EQUALS"}]}
    (found,) = served.client("securityhub").get_findings(Filters=filters)["Findings"]
    assert found["Title"] == finding["Title"]


@pytest.mark.parametrize("key", ["sandbox", "defaultkey", "AKIAIOSFODNN7EXAMPLE"])
def test_whoever_calls_calls_as_the_hub(served: Served, key: str) -> None:
    identity = served.client("sts", aws_access_key_id=key, aws_secret_access_key="x").get_caller_identity()

    assert identity["Account"] == HUB


def test_roles_lead_to_their_account(served: Served) -> None:
    role = served.functions["EnrichFindingsFunction"]["ORGANIZATION_ROLE_ARN"]

    key = served.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    organizations = served.client(
        "organizations",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
    )
    assert organizations.describe_account(AccountId="444455556666")["Account"]["State"] == "ACTIVE"


def test_time_is_real(served: Served) -> None:
    queue = served.client("sqs").create_queue(QueueName="now")["QueueUrl"]
    made = served.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["CreatedTimestamp"])

    assert abs(float(made["Attributes"]["CreatedTimestamp"]) - time.time()) < 60


def test_a_function_opens_an_incident_through_it(
    served: Served, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in served.functions["OpenIncidentFunction"].items():
        monkeypatch.setenv(name, value)

    app = cold_start("open_incident")
    try:
        report = app.lambda_handler(sample("root-console-sign-in-without-mfa"), CONTEXT)
    finally:
        forget_logger("open_incident")

    assert report["outcome"] == "opened"
    record = served.client("ssm-incidents").get_incident_record(arn=report["incident"])["incidentRecord"]
    assert record["title"] == "Root console sign-in WITHOUT MFA in account 444455556666 (us-east-1)"


def test_the_file_has_every_variable_of_every_function(served: Served) -> None:
    resources = Template(REPOSITORY / "template.yaml").body["Resources"]
    declared = {
        name: set(resource["Properties"]["Environment"]["Variables"])
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    aws = json.loads(served.file.with_name("aws-env.json").read_text())

    assert {name: set(variables) for name, variables in served.functions.items()} == {
        name: variables | set(aws) for name, variables in declared.items()
    }
    assert aws == {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_SESSION_TOKEN": "sandbox",
        "AWS_ACCOUNT_ID": HUB,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": served.address,
        "AWS_REGION": "eu-west-1",
    }


def test_sam_is_told_by_one_file(served: Served) -> None:
    folder = served.file.parent
    told = tomllib.loads((folder / "samconfig.toml").read_text())["default"]

    assert told["local_invoke"]["parameters"]["env_vars"] == str(served.file)
    assert told["local_invoke"]["parameters"]["container_env_vars"] == str(folder / "aws-env.json")
    assert told["local_invoke"]["parameters"]["template"] == f"{told['build']['parameters']['build_dir']}/template.yaml"


# ----------------------------------------------------------------------------------------------------- whom it answers

SDK = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=sandbox/20260301/eu-west-1/sqs/aws4_request, SignedHeaders=host,"
    " Signature=0",
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "AmazonSQS.CreateQueue",
}


def ask(served: Served, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, dict[str, str]]:
    """Status and headers of what a request is answered with."""
    connection = HTTPConnection(served.address.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


def queues(served: Served) -> set[str]:
    return {url.rpartition("/")[2] for url in served.client("sqs").list_queues()["QueueUrls"]}


@pytest.mark.parametrize("host", [None, "localhost", "LOCALHOST:4566", "host.docker.internal:5000"])
def test_it_answers_whoever_calls_this_machine_by_its_names(served: Served, host: str | None) -> None:
    name = f"asked-{host}".replace(".", "-").replace(":", "-")
    headers = SDK | ({"Host": host} if host else {})

    assert ask(served, "POST", "/", headers, json.dumps({"QueueName": name}))[0] == 200
    assert name in queues(served)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://page.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:5000", "Host": "localhost:5000"},
        {"Host": "page.example"},
        {"Host": "page.example:5000"},
        {"Host": "127.0.0.1.page.example"},
        {"Host": "page.example:127.0.0.1"},
        {"Host": "[::1]:5000"},
        {"Host": ""},
        {"Authorization": ""},
        {"Authorization": "Basic c2FuZGJveDpzYW5kYm94"},
    ],
    ids=str,
)
def test_it_refuses_whatever_a_web_page_could_send(served: Served, headers: dict[str, str]) -> None:
    status, answered = ask(served, "POST", "/", SDK | headers, json.dumps({"QueueName": "made-by-a-page"}))

    assert (status, {name for name in answered if name.startswith("access-control-")}) == (403, set())
    assert "made-by-a-page" not in queues(served)


def test_it_refuses_what_needs_no_signature_and_no_script(served: Served) -> None:
    assert ask(served, "GET", "/sqs_eu-west-1/?Action=CreateQueue&QueueName=made-by-an-image", {})[0] == 403
    assert ask(served, "POST", "/moto-api/reset", {})[0] == 403
    preflight = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    assert ask(served, "OPTIONS", "/", preflight)[0] == 403

    left = queues(served)
    assert served.functions["OpenIncidentFunction"]["DEAD_LETTER_QUEUE_URL"].rpartition("/")[2] in left
    assert "made-by-an-image" not in left


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 without being told to")
def test_it_answers_by_the_address_that_it_was_given(tmp_path: Path) -> None:
    with serving(tmp_path, "--address", "127.0.0.2") as served:
        given = served.functions["OpenIncidentFunction"]["AWS_ENDPOINT_URL"]
        assert given == served.address.replace("127.0.0.1", "127.0.0.2")
        for address in (given, served.address):
            sts = boto3.client("sts", endpoint_url=address, region_name="eu-west-1")
            assert sts.get_caller_identity()["Account"] == HUB


def test_nothing_that_is_invoked_in_it_gets_a_container(served: Served, engine: Engine) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 'run'\n")
    role = served.client("iam").create_role(RoleName="mine", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    function = {"FunctionName": "mine", "Runtime": "python3.13", "Handler": "app.handler", "Role": role}
    made = served.client("lambda").create_function(**function, Code={"ZipFile": code.getvalue()})
    topic = served.client("sns").create_topic(Name="calls-mine")["TopicArn"]
    served.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=made["FunctionArn"])

    answer = served.client("lambda").invoke(FunctionName="mine")
    served.client("sns").publish(TopicArn=topic, Message="go")

    assert "FunctionError" in answer
    assert b"responder serve runs no containers" in answer["Payload"].read()
    assert engine.asked == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told(tmp_path: Path, number: signal.Signals) -> None:
    """Without --address, containers are told the name that they have for this machine; and other worlds are served."""
    organization = tmp_path / "organization.json"
    accounts = [{"id": "222222222222", "name": "Two", "ou_path": ["Root"]}]
    organization.write_text(json.dumps({"accounts": accounts}))
    findings, resources = tmp_path / "findings.json", tmp_path / "resources.json"
    findings.write_text("[]")
    resources.write_text("[]")
    world = ["--organization", str(organization), "--findings", str(findings), "--resources", str(resources)]

    with serving(tmp_path, *world, "--backend", "OpsCenter", "--hub", "123412341234/eu-north-1") as served:
        variables = served.functions["OpenIncidentFunction"]
        served.process.send_signal(number)
        output, errors = served.process.communicate(timeout=30)

    assert (served.process.returncode, output, errors) == (0, "", "")
    assert "member in 222222222222" in served.offer
    assert " 0 findings" in served.offer
    assert variables["INCIDENT_BACKEND"] == "OpsCenter"
    assert variables["DEAD_LETTER_QUEUE_URL"].startswith("http://host.docker.internal:")
    assert variables["AWS_ENDPOINT_URL"] == served.address.replace("127.0.0.1", "host.docker.internal")
    assert (variables["AWS_ACCOUNT_ID"], variables["AWS_REGION"]) == ("123412341234", "eu-north-1")
    assert list(served.file.parent.iterdir()) == []


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "env.json"
    file.write_text("of whoever has the port")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "--port", str(port), "--env-file", str(file)]) == 2

    assert capsys.readouterr() == ("", f"responder: cannot listen on 127.0.0.1:{port}: address already in use\n")
    assert file.read_text() == "of whoever has the port"


def test_an_address_that_is_not_this_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "0", "--address", "192.0.2.1", "--env-file", str(tmp_path / "env.json")]) == 2
    assert capsys.readouterr().err.startswith("responder: cannot listen on 192.0.2.1:")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--address", "0.0.0.0"], "0.0.0.0 is not a private address: it would answer anybody"),
        (["--address", "8.8.8.8"], "8.8.8.8 is not a private address: it would answer anybody"),
        (["--address", "localhost"], "'localhost' is no IPv4 address"),
        (["--port", "65536"], "must be from 0 to 65535"),
        (["events"], "unrecognized arguments: events"),
    ],
)
def test_a_wrong_command_line(options: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["serve", *options])

    assert exit_.value.code == 2
    assert reason in capsys.readouterr().err


def test_a_world_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--findings", "/nowhere/findings.json"]) == 2
    assert capsys.readouterr().err == "responder: /nowhere/findings.json: no such file or directory\n"

"""Faults: AWS's own errors at a rate, the same for the same seed, and the promise that holds in spite of them."""

import json
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import dynamodb_backends

from sandbox.cli import EVENTS, main
from sandbox.faults import Fault, FaultError, Faults
from sandbox.world import Sandbox

from .conftest import MEMBER, BuildWorld, event

OF_ONE_ACCOUNT = ("root-api-call", "root-console-sign-in-without-mfa", "root-console-sign-in-failed")


def handler(body: str) -> str:
    head = """
    import os
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    topic = os.environ["TOPIC_ARN"]
    def client(service, attempts=1):
        return boto3.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": attempts}))
    def lambda_handler(event, context):
    """
    return textwrap.dedent(head) + textwrap.indent(textwrap.dedent(body), "    ")


def publishing(attempts: int = 1, times: int = 1) -> str:
    return handler(
        f"""
        sns, outcomes = client("sns", {attempts}), []
        for number in range({times}):
            try:
                sns.publish(TopicArn=topic, Message=str(number))
                outcomes.append("published")
            except ClientError as error:
                outcomes.append(error.response["Error"]["Code"])
            except BotoCoreError as error:
                outcomes.append(type(error).__name__)
        return outcomes
        """
    )


def with_faults(sandbox: Sandbox, *faults: str, seed: int = 0) -> Sandbox:
    sandbox.calls.faults = Faults(map(Fault.parse, faults), seed=seed)
    return sandbox


# What --fault takes


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sns:Publish=0.3", Fault("sns", "Publish", 0.3)),
        ("SSM-Incidents:startincident=1:LOSTRESPONSE", Fault("ssm-incidents", "StartIncident", 1, "LostResponse")),
        ("dynamodb:*=0:InternalServerError", Fault("dynamodb", "*", 0, "InternalServerError")),
        ("*:*=.5:timeout", Fault("*", "*", 0.5, "Timeout")),
        ("*:publish=1e-3", Fault("*", "Publish", 0.001)),
    ],
)
def test_services_and_operations_in_any_case_or_all(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sns:Publish", "is not SERVICE:OPERATION=RATE"),
        ("sns=0.3", "is not SERVICE:OPERATION=RATE"),
        ("", "is not SERVICE:OPERATION=RATE"),
        ("sns:Publish=0.3:A:B", "is not SERVICE:OPERATION=RATE"),
        ("sns:Publish=30%", "the rate '30%' is not a number from 0 to 1"),
        ("sns:Publish=1.1", "the rate '1.1'"),
        ("sns:Publish=-0.1", "the rate '-0.1'"),
        ("sns:Publish=nan", "the rate 'nan'"),
        ("ssm-incident:StartIncident=0.3", "no AWS service 'ssm-incident' (did you mean ssm-incidents?)"),
        ("dynamodb:Put=0.3", "dynamodb has no operation 'Put' (did you mean PutItem?)"),
        ("sns:Publish=0.3:Not a code", "'Not a code' is not an error code"),
    ],
)
def test_anything_else_is_a_usage_error_with_an_example(
    text: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FaultError) as raised:
        Fault.parse(text)
    assert problem in str(raised.value)
    with pytest.raises(SystemExit) as exit_:
        main(["run", "--fault", text])
    assert exit_.value.code == 2
    assert problem in (told := capsys.readouterr().err)
    assert "for example, ssm-incidents:StartIncident=0.3" in told


# What functions see


@pytest.mark.parametrize(
    ("call", "code", "expected"),
    [
        ("client('sns').publish(TopicArn=topic, Message='x')", "", ("Throttling", 400)),
        ("client('sqs').list_queues()", "", ("Throttling", 400)),
        ("client('sts').get_caller_identity()", "", ("Throttling", 400)),
        ("client('dynamodb').query(TableName='t')", "", ("ProvisionedThroughputExceededException", 400)),
        ("client('dynamodb').list_tables()", "", ("ThrottlingException", 400)),
        ("client('ssm-incidents').list_incident_records()", "", ("ThrottlingException", 429)),
        ("client('ssm').list_documents()", "", ("ThrottlingException", 400)),
        ("client('securityhub').get_findings()", "", ("ThrottlingException", 429)),
        ("client('organizations').list_accounts()", "", ("TooManyRequestsException", 400)),
        ("client('ec2').describe_instances()", "", ("RequestLimitExceeded", 400)),
        ("client('s3').list_buckets()", "", ("SlowDown", 503)),
        ("client('dynamodb').list_tables()", ":InternalServerError", ("InternalServerError", 500)),
        ("client('sns').list_topics()", ":ServiceUnavailable", ("ServiceUnavailable", 503)),
        ("client('sns').list_topics()", ":AuthorizationError", ("AuthorizationError", 403)),
        ("client('ssm-incidents').list_incident_records()", ":AccessDeniedException", ("AccessDeniedException", 403)),
        ("client('ssm-incidents').list_incident_records()", ":NotInTheModel", ("NotInTheModel", 400)),
    ],
)
def test_botocore_reads_the_services_own_error(
    build_world: BuildWorld, call: str, code: str, expected: tuple[str, int]
) -> None:
    body = f"""
    try:
        {call}
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    """
    sandbox = with_faults(build_world(handler(body)), f"*:*=1{code}")
    invocation = sandbox.invoke("act", {})
    assert invocation.response == list(expected), invocation.error


@pytest.mark.parametrize("code", ["", ":InternalError", ":ServiceUnavailable", ":LostResponse", ":Timeout"])
def test_botocore_tries_again_as_it_does_with_aws_and_nothing_really_waits(build_world: BuildWorld, code: str) -> None:
    sandbox = with_faults(build_world(publishing(attempts=3)), f"sns:Publish=1{code}")
    began, clock = time.perf_counter(), sandbox.clock.now
    if code == ":Timeout":
        assert "Task timed out after 10.00 seconds" in str(sandbox.invoke("act", {}).error)
        return
    assert sandbox.invoke("act", {}).response != ["published"]
    assert sandbox.report()["api_calls"] == {"sns:Publish": 3}
    assert sandbox.calls.faults.injected.total() == 3
    assert sandbox.clock.now > clock
    assert time.perf_counter() - began < 5


def test_a_retry_that_no_fault_strikes_succeeds(build_world: BuildWorld) -> None:
    sandbox = with_faults(build_world(publishing(attempts=9, times=10)), "sns:Publish=0.4")
    assert sandbox.invoke("act", {}).response == ["published"] * 10
    report = sandbox.report()
    assert len(report["notifications"]) == 10
    assert report["api_calls"]["sns:Publish"] == 10 + sandbox.calls.faults.injected.total() > 10


def test_a_lost_response_took_effect_and_a_time_out_did_not(build_world: BuildWorld) -> None:
    sandbox = build_world(publishing())
    assert with_faults(sandbox, "sns:Publish=1:LostResponse").invoke("act", {}).response == ["ConnectionClosedError"]
    assert len(sandbox.report()["notifications"]) == 1
    waiting = handler(
        """
        sns = boto3.client("sns", config=Config(read_timeout=4, retries={"total_max_attempts": 1}))
        try:
            sns.publish(TopicArn=topic, Message="x")
        except BotoCoreError as error:
            return type(error).__name__
        """
    )
    sandbox.close()
    sandbox = with_faults(build_world(waiting), "sns:Publish=1:Timeout")
    began = sandbox.clock.now
    assert sandbox.invoke("act", {}).response == "ReadTimeoutError"
    assert sandbox.report()["notifications"] == []
    assert 4 <= (sandbox.clock.now - began).total_seconds() < 5


def test_the_same_seed_strikes_the_same_attempts(build_world: BuildWorld) -> None:
    sandbox = build_world(publishing(times=40))

    def outcomes(*faults: str, seed: int = 0) -> list[str]:
        response: list[str] = with_faults(sandbox, *faults, seed=seed).invoke("act", {}).response
        return response

    first = outcomes("sns:Publish=0.3")
    assert 4 < first.count("Throttling") < 20
    assert outcomes("sns:Publish=0.3") == first
    assert outcomes("sns:Publish=0.3", "*:*=0") == first
    assert outcomes("sns:Publish=0.3", seed=1) != first


def test_the_first_fault_that_strikes_is_the_one(build_world: BuildWorld) -> None:
    sandbox = with_faults(
        build_world(publishing(times=20)),
        *("sns:ListTopics=1:A", "sns:Publish=0:B", "sns:*=0.5:First", "*:Publish=1:Second", "*:*=1:Third"),
    )
    assert set(sandbox.invoke("act", {}).response) == {"First", "Second"}
    assert set(sandbox.calls.faults.injected) == {"sns:*=0.5:First", "*:Publish=1:Second"}


def test_nobodys_calls_but_the_functions_fail(build_world: BuildWorld) -> None:
    sandbox = with_faults(build_world(), "*:*=1")
    sandbox.client("sns").list_topics()
    (entry,) = sandbox.deliver([event()])
    assert entry.status == "handled"
    assert not sandbox.calls.faults.injected


# The promise


@pytest.fixture(scope="module")
def undisturbed(samples: list[dict[str, Any]]) -> dict[str, Any]:
    with Sandbox() as sandbox:
        sandbox.deliver(samples)
        return essence(sandbox.report())


@pytest.fixture(scope="module")
def samples() -> list[dict[str, Any]]:
    return [json.loads((EVENTS / f"{name}.json").read_text()) for name in OF_ONE_ACCOUNT]


def essence(report: dict[str, Any]) -> dict[str, Any]:
    return {
        incident["key"]: (
            incident["title"],
            incident["impact"],
            sorted((entry["time"], entry["data"]) for entry in incident["timeline"]),
            sorted(item["title"] + str(item["identifier"]) for item in incident["related_items"]),
        )
        for incident in report["incidents"]
    }


@pytest.mark.parametrize("code", ["", ":LostResponse"])
def test_with_a_third_of_the_calls_failing_the_incidents_are_the_same(
    samples: list[dict[str, Any]], undisturbed: dict[str, Any], code: str
) -> None:
    with Sandbox(faults=[Fault.parse(f"*:*=0.3{code}")], seed=7) as sandbox:
        sandbox.deliver(samples, duplicate=3, shuffle=7)
        report = sandbox.report()
        assert sandbox.calls.faults.injected.total() > 5
    assert essence(report) == undisturbed
    assert report["dead_letters"] == []
    assert {entry["status"] for entry in report["events"]} == {"handled"}


def test_the_command_counts_the_faults_and_runs_the_same_twice(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", str(EVENTS / "root-api-call.json"), "--duplicate", "3", "--shuffle", "2", "--fault", "*:*=0.3"]
    reports = []
    for _ in range(2):
        assert main([*arguments, "--json"]) == 0
        reports.append(json.loads(capsys.readouterr().out) | {"duration_ms": 0})
    assert reports[0] == reports[1]
    assert main(arguments) == 0
    footer = " ".join(capsys.readouterr().out.split())
    assert "faults injected" in footer
    assert "· 0 faults" not in footer


# DynamoDB's transactions, which everything above rests on


@pytest.fixture
def dynamodb(build_world: BuildWorld) -> Iterator[Any]:
    client = build_world().client("dynamodb")
    client.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in "kr"],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    for name in ("counter", "doomed"):
        client.put_item(TableName="t", Item=row(name) | {"n": {"N": "1"}})
    return client


def row(name: str) -> dict[str, Any]:
    return {"k": {"S": "key"}, "r": {"S": name}}


def everything(client: Any) -> list[Any]:
    return sorted(client.scan(TableName="t")["Items"], key=str)


def counting(by: str = "1") -> dict[str, Any]:
    update = {"Key": row("counter"), "UpdateExpression": "ADD n :by", "ExpressionAttributeValues": {":by": {"N": by}}}
    return {"Update": {"TableName": "t", **update}}


IMPOSSIBLE = {"TableName": "t", "Key": row("absent"), "ConditionExpression": "attribute_exists(k)"}
CHANGES = [
    {"Put": {"TableName": "t", "Item": row("new")}},
    {"Delete": {"TableName": "t", "Key": row("doomed")}},
    counting(),
]


@pytest.mark.parametrize("last", [{"ConditionCheck": IMPOSSIBLE}, counting(), {"Put": {"TableName": "t", "Item": {}}}])
def test_a_cancelled_transaction_changes_nothing(dynamodb: Any, last: dict[str, Any]) -> None:
    before = everything(dynamodb)
    stream = dynamodb_backends["111122223333"]["eu-west-1"].tables["t"].stream_shard
    assert stream is not None
    records = len(stream.items)
    with pytest.raises(ClientError):
        dynamodb.transact_write_items(TransactItems=[*CHANGES, last])
    assert everything(dynamodb) == before
    assert len(stream.items) == records


def test_a_transaction_changes_all_it_names(dynamodb: Any) -> None:
    dynamodb.transact_write_items(TransactItems=CHANGES)
    assert everything(dynamodb) == [row("counter") | {"n": {"N": "2"}}, row("new")]


def test_a_transaction_sent_again_with_its_token_is_done_already(dynamodb: Any) -> None:
    for _ in range(3):
        dynamodb.transact_write_items(TransactItems=[counting()], ClientRequestToken="token")
    assert everything(dynamodb)[0]["n"] == {"N": "2"}
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        dynamodb.transact_write_items(TransactItems=[counting("5")], ClientRequestToken="token")
    dynamodb.transact_write_items(TransactItems=[counting()], ClientRequestToken="another")
    assert everything(dynamodb)[0]["n"] == {"N": "3"}


def test_two_thousand_transactions_of_one_account_take_no_longer_than_their_number(dynamodb: Any) -> None:
    backend = dynamodb_backends["111122223333"]["eu-west-1"]
    began = time.process_time()
    for number in range(2_000):
        put = {"TableName": "t", "Item": row(f"{MEMBER}/{number}") | {"text": {"S": "x" * 1_000}}}
        backend.transact_write_items([{"Put": put}, counting()])
    assert time.process_time() - began < 15  # copying the table each time took minutes
    counter = dynamodb.get_item(TableName="t", Key=row("counter"))["Item"]
    assert counter["n"] == {"N": "2001"}

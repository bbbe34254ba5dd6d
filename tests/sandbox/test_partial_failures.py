"""Faults that strike items of a batch: the others take effect, and the answer says which were not processed."""

import textwrap
from typing import Any

import pytest

from sandbox.aws_services import security_hub
from sandbox.cli import main
from sandbox.faults import Fault, FaultError, Faults
from sandbox.world import Sandbox

from .conftest import HUB_TEMPLATE, BuildWorld

ACCOUNT, REGION = "111122223333", "eu-west-1"
PRODUCT = f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default"
TABLE = """
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: rows
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
"""


def handler(body: str) -> str:
    head = """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
    def client(service):
        return boto3.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": 1}))
    def identifiers(numbers):
        return [{"Id": f"f-{n}", "ProductArn": "PRODUCT"} for n in numbers]
    def lambda_handler(event, context):
        try:
            return act(event)
        except ClientError as error:
            return error.response["Error"]["Code"]
    def act(event):
    """
    return (textwrap.dedent(head) + textwrap.indent(textwrap.dedent(body), "    ")).replace("PRODUCT", PRODUCT)


def world(build_world: BuildWorld, body: str, *faults: str, seed: int = 0) -> Sandbox:
    sandbox = build_world(handler(body), hub=HUB_TEMPLATE.replace("\nOutputs:", f"{TABLE}\nOutputs:"))
    return with_faults(sandbox, *faults, seed=seed)


def with_faults(sandbox: Sandbox, *faults: str, seed: int = 0) -> Sandbox:
    sandbox.calls.faults = Faults(map(Fault.parse, faults), seed=seed)
    return sandbox


def injected(sandbox: Sandbox) -> int:
    return sandbox.calls.faults.injected.total()


UPDATE = """
answer = client("securityhub").batch_update_findings(
    FindingIdentifiers=identifiers(range(event["findings"])), Workflow={"Status": "RESOLVED"}
)
return answer["ProcessedFindings"], answer["UnprocessedFindings"]
"""


def put_findings(count: int) -> None:
    for number in range(count):
        security_hub.put_finding(ACCOUNT, REGION, {"Id": f"f-{number}", "ProductArn": PRODUCT})


def resolved() -> set[str]:
    found = security_hub.findings(ACCOUNT, REGION)
    return {finding["Id"] for finding in found if finding["Workflow"]["Status"] == "RESOLVED"}


@pytest.mark.parametrize("code", ["ConcurrentUpdateError", "InternalFailure", "FindingNotFound", "invalidinput"])
def test_some_findings_are_not_updated_and_the_others_are(build_world: BuildWorld, code: str) -> None:
    sandbox = world(build_world, UPDATE, f"securityhub:BatchUpdateFindings=0.3:{code}")
    put_findings(100)
    processed, unprocessed = sandbox.invoke("act", {"findings": 100}).response
    assert resolved() == {identifier["Id"] for identifier in processed}
    assert {entry["ErrorCode"].lower() for entry in unprocessed} == {code.lower()}
    struck = {entry["FindingIdentifier"]["Id"] for entry in unprocessed}
    assert len(struck) + len(resolved()) == 100
    assert not struck & resolved()
    assert 15 < injected(sandbox) == len(struck) < 45
    assert sandbox.report()["api_calls"]["securityhub:BatchUpdateFindings"] == 1


def test_all_of_them_and_none(build_world: BuildWorld) -> None:
    sandbox = world(build_world, UPDATE, "securityhub:BatchUpdateFindings=1:ConcurrentUpdateError")
    put_findings(2)
    processed, unprocessed = sandbox.invoke("act", {"findings": 2}).response
    assert (processed, len(unprocessed), resolved()) == ([], 2, set())
    with_faults(sandbox, "securityhub:BatchUpdateFindings=0:ConcurrentUpdateError")
    assert len(sandbox.invoke("act", {"findings": 2}).response[0]) == 2


def test_what_the_service_refuses_itself_stays(build_world: BuildWorld) -> None:
    sandbox = world(build_world, UPDATE, "securityhub:BatchUpdateFindings=0.9:ConcurrentUpdateError")
    assert sandbox.invoke("act", {"findings": 101}).response == "InvalidInputException"
    _, unprocessed = sandbox.invoke("act", {"findings": 20}).response
    assert {entry["ErrorCode"] for entry in unprocessed} == {"ConcurrentUpdateError", "FindingNotFound"}
    assert len(unprocessed) == 20


def test_the_same_seed_strikes_the_same_items(build_world: BuildWorld) -> None:
    sandbox = world(build_world, UPDATE)
    put_findings(40)

    def struck(*faults: str, seed: int = 0) -> list[Any]:
        return list(with_faults(sandbox, *faults, seed=seed).invoke("act", {"findings": 40}).response[1])

    fault = "securityhub:BatchUpdateFindings=0.3:ConcurrentUpdateError"
    assert struck(fault) == struck(fault) == struck(fault, "*:*=0") != struck(fault, seed=1)


def test_calls_and_items_can_fail_together(build_world: BuildWorld) -> None:
    sandbox = world(
        build_world,
        UPDATE,
        *("securityhub:*=0.5", "securityhub:*=0.5:ConcurrentUpdateError", "*:*=0.5:FindingNotFound"),
    )
    put_findings(10)
    answers = [sandbox.invoke("act", {"findings": 10}).response for _ in range(20)]
    assert 4 < answers.count("ThrottlingException") < 16
    codes = {entry["ErrorCode"] for answer in answers if isinstance(answer, list) for entry in answer[1]}
    assert codes == {"ConcurrentUpdateError", "FindingNotFound"}


WRITE = """
rows = [{"PutRequest": {"Item": {"id": {"S": str(n)}}}} for n in range(event["rows"])]
return client("dynamodb").batch_write_item(RequestItems={"rows": rows})["UnprocessedItems"]
"""


def test_some_items_are_not_written(build_world: BuildWorld) -> None:
    sandbox = world(build_world, WRITE, "dynamodb:BatchWriteItem=0.3:UnprocessedItems")
    unprocessed = sandbox.invoke("act", {"rows": 25}).response
    missing = {write["PutRequest"]["Item"]["id"]["S"] for write in unprocessed["rows"]}
    written = {item["id"]["S"] for item in sandbox.client("dynamodb").scan(TableName="rows")["Items"]}
    assert 2 < len(missing) == injected(sandbox) < 15
    assert (missing | written, missing & written) == ({str(number) for number in range(25)}, set())
    with_faults(sandbox, "dynamodb:*=0:UnprocessedItems")
    assert sandbox.invoke("act", {"rows": 25}).response == {}


READ = """
keys = [{"id": {"S": str(n)}} for n in range(event["rows"])]
asked = {"rows": {"Keys": keys, "ConsistentRead": True}}
answer = client("dynamodb").batch_get_item(RequestItems=asked)
return answer["Responses"], answer["UnprocessedKeys"]
"""


def test_some_keys_are_not_read(build_world: BuildWorld) -> None:
    sandbox = world(build_world, READ, "dynamodb:BatchGetItem=0.3:UnprocessedKeys")
    for number in range(50):
        sandbox.client("dynamodb").put_item(TableName="rows", Item={"id": {"S": str(number)}})
    found, unprocessed = sandbox.invoke("act", {"rows": 50}).response
    read = {item["id"]["S"] for item in found["rows"]}
    missing = {key["id"]["S"] for key in unprocessed["rows"]["Keys"]}
    assert unprocessed["rows"]["ConsistentRead"] is True
    assert 5 < len(missing) == injected(sandbox) < 25
    assert (missing | read, missing & read) == ({str(number) for number in range(50)}, set())
    with_faults(sandbox, "dynamodb:BatchGetItem=1:UnprocessedKeys")
    found, unprocessed = sandbox.invoke("act", {"rows": 50}).response
    assert (found, len(unprocessed["rows"]["Keys"])) == ({"rows": []}, 50)


@pytest.mark.parametrize("rows", [1, 4])
def test_what_is_asked_for_again_comes_in_the_end(build_world: BuildWorld, rows: int) -> None:
    again = """
    waiting = {"rows": {"Keys": [{"id": {"S": str(n)}} for n in range(event["rows"])]}}
    found = []
    while waiting:
        answer = client("dynamodb").batch_get_item(RequestItems=waiting)
        found += answer["Responses"].get("rows", [])
        waiting = answer["UnprocessedKeys"]
    return len(found)
    """
    sandbox = world(build_world, again, "dynamodb:BatchGetItem=0.5:UnprocessedKeys")
    for number in range(rows):
        sandbox.client("dynamodb").put_item(TableName="rows", Item={"id": {"S": str(number)}})
    assert sandbox.invoke("act", {"rows": rows}).response == rows


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dynamodb:PutItem=0.3:UnprocessedKeys", "only dynamodb:BatchGetItem reports UnprocessedKeys"),
        ("dynamodb:BatchGetItem=0.3:UnprocessedItems", "only dynamodb:BatchWriteItem reports UnprocessedItems"),
        ("sns:*=0.3:concurrentupdateerror", "only securityhub:BatchUpdateFindings reports ConcurrentUpdateError"),
    ],
)
def test_a_code_of_another_operation_is_a_usage_error(
    text: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FaultError, match=problem):
        Fault.parse(text)
    with pytest.raises(SystemExit):
        main(["run", "--fault", text])
    assert problem in capsys.readouterr().err

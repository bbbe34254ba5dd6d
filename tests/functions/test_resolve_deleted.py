"""The function as Lambda calls it, in the hub."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
import time_machine
from moto import mock_aws

from sandbox.aws_services import install, security_hub
from tests.conftest import Sample
from tests.deletion_world import TABLES, resolver_environment
from tests.functions.invocation import CONTEXT, batch, cold_start, forget_logger, log, metrics, set_aside
from tests.tables import create_keyed_tables

HUB, REGION = "123456789012", "eu-west-1"  # moto's own account


@pytest.fixture
def queue() -> Iterator[str]:
    install()
    with mock_aws(), time_machine.travel("2026-03-02T02:00:00Z", tick=False):
        yield str(boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"])


@pytest.fixture
def app(queue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    create_keyed_tables(boto3.client("dynamodb"), *TABLES)
    for name, value in resolver_environment(hub=HUB, dead_letters=queue).items():
        monkeypatch.setenv(name, value)
    yield cold_start("resolve_deleted")
    forget_logger("resolve_deleted")


def placed(event: dict[str, Any]) -> dict[str, Any]:
    (finding,) = event["detail"]["findings"]
    security_hub.put_finding(HUB, REGION, finding)
    return dict(finding)


def state(finding: dict[str, Any]) -> tuple[str, str | None]:
    found = security_hub.find_finding(HUB, REGION, finding_id=finding["Id"], product_arn=finding["ProductArn"])
    assert found is not None
    return found["Workflow"]["Status"], found.get("Note", {}).get("UpdatedBy")


def test_a_single_event_resolves_and_reports_it(app: ModuleType, sample: Sample) -> None:
    finding = placed(sample("deleted-bucket-1-finding"))

    assert app.lambda_handler(sample("deleted-bucket-2-call"), CONTEXT) == {
        "outcome": "resolved",
        "resource": "aws/444455556666/eu-west-1/AWS::S3::Bucket/acme-build-cache",
        "resources": 1,
        "findings": 1,
    }
    assert state(finding) == ("RESOLVED", "DeletedResourceFindingResolver")


def test_in_a_batch_each_event_ends_by_itself(
    app: ModuleType, sample: Sample, queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    role = placed(sample("deleted-role-1-finding"))
    starts = sample("deleted-database-2-call-only-starts")
    bad = sample("deleted-database-3-config-item")
    del bad["detail"]["configurationItem"]["configurationItemStatus"]

    answer = app.lambda_handler(batch(sample("deleted-role-2-call-names-no-path"), "{nonsense", bad, starts), CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert state(role)[0] == "RESOLVED"
    assert sorted(set_aside(queue))[0] == (
        bad["id"],
        "detail.configurationItem.configurationItemStatus: is missing",
    )
    written = capsys.readouterr().out
    outcomes = [line["outcome"] for line in log(written) if "outcome" in line]
    assert outcomes == ["resolved", "rejected", "rejected", "not_deleted"]
    told = metrics(written)
    assert (told["EventsReceived"], told["EventsRejected"], told["FindingsResolved"]) == (4, 2, 1)


def test_what_a_resource_of_several_waits_for_is_remembered_between_containers(app: ModuleType, sample: Sample) -> None:
    event = sample("deleted-bucket-1-finding")
    (finding,) = event["detail"]["findings"]
    finding["Resources"].append(
        {"Type": "AwsEc2Instance", "Id": "i-0de1e7ed000000001", "Partition": "aws", "Region": "eu-west-1"}
    )
    placed(event)

    app.lambda_handler(sample("deleted-instances-2-call"), CONTEXT)
    before = state(finding)
    cold_start("resolve_deleted").lambda_handler(sample("deleted-bucket-2-call"), CONTEXT)

    assert (before[0], state(finding)[0]) == ("NEW", "RESOLVED")

"""The function as Lambda calls it, in the management account of an organization."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
import time_machine
from moto import mock_aws

from responder.runtime.settings import InvalidSetting
from sandbox.aws_services import install, security_hub
from tests.conftest import Sample
from tests.enrichment_world import TABLES, create_organization, function_environment
from tests.functions.invocation import CONTEXT, batch, cold_start, forget_logger, log, metrics, set_aside
from tests.tables import create_keyed_tables

ACCOUNT, REGION = "123456789012", "eu-west-1"


@pytest.fixture
def queue() -> Iterator[str]:
    install()
    with mock_aws(), time_machine.travel("2026-03-02T14:03:25Z", tick=False):
        yield str(boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"])


@pytest.fixture
def environment(queue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    create_keyed_tables(boto3.client("dynamodb"), *TABLES)
    create_organization(ACCOUNT)
    variables = function_environment(account=ACCOUNT, dead_letters=queue)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield variables
    forget_logger("enrich_findings")


@pytest.fixture
def app(environment: dict[str, str]) -> ModuleType:
    return cold_start("enrich_findings")


def placed(event: dict[str, Any]) -> dict[str, Any]:
    """The event, whose findings Security Hub holds."""
    for finding in event["detail"]["findings"]:
        security_hub.put_finding(ACCOUNT, REGION, finding)
    return event


def finding(event: dict[str, Any], number: int = 0) -> dict[str, Any]:
    sent = event["detail"]["findings"][number]
    found = security_hub.find_finding(ACCOUNT, REGION, finding_id=sent["Id"], product_arn=sent["ProductArn"])
    assert found is not None
    return found


def test_a_single_event_has_its_finding_enriched_and_reports_it(app: ModuleType, sample: Sample) -> None:
    event = placed(sample("finding-control-failed"))

    assert app.lambda_handler(event, CONTEXT) == {
        "outcome": "enriched",
        "finding_id": event["detail"]["findings"][0]["Id"],
        "findings": 1,
    }
    assert finding(event)["UserDefinedFields"]["OUPath"] == "Root/Workloads/Prod"
    assert finding(event)["Note"]["UpdatedBy"] == "FindingEnricher"


def test_in_a_batch_the_good_are_enriched_and_the_bad_set_aside_with_their_reason(
    app: ModuleType, sample: Sample, queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good, note = placed(sample("finding-control-failed")), placed(sample("finding-with-an-analysts-note"))
    bad = sample("finding-in-another-region")
    del bad["detail"]["findings"][0]["AwsAccountId"]

    answer = app.lambda_handler(batch(good, "{nonsense", bad, good, note), CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert [finding(event)["UserDefinedFields"]["findingEnriched"] for event in (good, note)] == ["true", "true"]
    assert sorted(set_aside(queue)) == [
        (bad["id"], "detail.findings.0.AwsAccountId: is missing"),
        ("unknown", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ]
    counted = metrics(capsys.readouterr().out)
    assert (counted["EventsReceived"], counted["EventsRejected"], counted["FindingsEnriched"]) == (5, 2, 2)
    assert counted["ContextsFetched"] == 1


def test_only_what_failed_is_delivered_again(app: ModuleType, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    good, other = placed(sample("finding-control-failed")), placed(sample("finding-in-another-region"))
    update = app.enricher._findings._client.batch_update_findings

    def partly(**request: Any) -> Any:
        answer = update(**request)
        failed = [item for item in answer["ProcessedFindings"] if item["Id"].endswith("f02")]
        error = {"ErrorCode": "ConcurrentUpdateError", "ErrorMessage": "busy"}
        return answer | {"UnprocessedFindings": [{"FindingIdentifier": item} | error for item in failed]}

    monkeypatch.setattr(app.enricher._findings._client, "batch_update_findings", partly)

    assert app.lambda_handler(batch(good, other), CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}


def test_logs_tell_event_and_finding_of_each_record_and_no_contact(
    app: ModuleType, sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    event = placed(sample("finding-control-failed"))
    app.lambda_handler(batch(event), CONTEXT)

    output = capsys.readouterr().out
    (line,) = [line for line in log(output) if "outcome" in line]
    assert (line["event_id"], line["outcome"]) == (event["id"], "enriched")
    assert line["finding_id"] == event["detail"]["findings"][0]["Id"]
    assert "payments-security@example.com" in finding(event)["Note"]["Text"]
    assert "payments-security@example.com" not in output


def test_contexts_are_read_through_a_role_in_the_management_account(
    environment: dict[str, str], sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_organization("999999999999")
    monkeypatch.setenv("ORGANIZATION_ROLE_ARN", "arn:aws:iam::999999999999:role/reader")
    app = cold_start("enrich_findings")
    one, other = placed(sample("finding-control-failed")), placed(sample("finding-in-another-region"))

    for event in (one, other):
        app.lambda_handler(event, CONTEXT)

    assert finding(one)["UserDefinedFields"]["AccountName"] == "Payments Production"
    assert finding(other)["UserDefinedFields"]["OUPath"] == "Root/Workloads/NonProd/Test"


@pytest.mark.parametrize("name", ["ACCOUNT_CONTEXTS_TABLE", "HUB_ACCOUNT_ID", "MAXIMUM_CONCURRENCY"])
def test_a_missing_setting_fails_at_cold_start_with_its_name(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(InvalidSetting, match=name):
        cold_start("enrich_findings")

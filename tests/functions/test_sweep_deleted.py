"""The function as Lambda calls it, with a Config aggregator that knows one instance."""

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
import time_machine
from moto import mock_aws

from responder.domain.deletion.sweep import PORTIONS
from responder.runtime.settings import InvalidSetting
from sandbox.aws_services import config_aggregator, install, security_hub
from tests import deletion_world
from tests.functions.invocation import CONTEXT, batch, cold_start, forget_logger, log, metrics, set_aside
from tests.tables import create_keyed_tables

ACCOUNT, REGION, MEMBER = "123456789012", "eu-west-1", "444455556666"
PRODUCT = f"arn:aws:securityhub:{REGION}::product/aws/guardduty"


Start = Callable[[], ModuleType]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the function in a world whose time passes only while it waits for its pace."""
    install()
    with mock_aws(), time_machine.travel("2026-03-10T03:00:00Z", tick=False) as traveller:

        def start_function() -> ModuleType:
            app = cold_start("sweep_deleted")
            for pace in (app.security_hub._pace, app.sweeper._inventory._pace):
                pace._sleep = traveller.shift
            return app

        yield start_function


@pytest.fixture
def queues(start: Start) -> dict[str, str]:
    sqs = boto3.client("sqs")
    return {name: str(sqs.create_queue(QueueName=name)["QueueUrl"]) for name in ("sweep", "dead-letters")}


@pytest.fixture
def environment(queues: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    create_keyed_tables(boto3.client("dynamodb"), "recent-updates")
    config_aggregator.create_organization_aggregator(ACCOUNT, REGION, deletion_world.AGGREGATOR)
    put_item("i-1ives")
    variables = deletion_world.sweeper_environment(queue=queues["sweep"], dead_letters=queues["dead-letters"])
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield
    forget_logger("sweep_deleted")


@pytest.fixture
def app(start: Start, environment: None) -> ModuleType:
    return start()


def put_item(id_: str, account: str = MEMBER) -> None:
    config_aggregator.put_item(
        ACCOUNT,
        REGION,
        {
            "awsAccountId": account,
            "awsRegion": REGION,
            "resourceType": "AWS::EC2::Instance",
            "resourceId": id_,
            "ARN": f"arn:aws:ec2:{REGION}:{account}:instance/{id_}",
            "configurationItemCaptureTime": "2026-03-05T10:00:00.000Z",
            "configurationItemStatus": "OK",
        },
    )


def put_finding(number: int, *ids: str, account: str = MEMBER, **change: Any) -> str:
    finding = {
        "Id": f"finding-{number:04}",
        "ProductArn": PRODUCT,
        "AwsAccountId": account,
        "Region": REGION,
        "CreatedAt": "2026-03-01T10:00:00Z",
        "UpdatedAt": "2026-03-01T10:00:00Z",
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
        "Resources": [
            {"Type": "AwsEc2Instance", "Id": f"arn:aws:ec2:{REGION}:{account}:instance/{id_}", "Region": REGION}
            for id_ in ids
        ],
    }
    security_hub.put_finding(ACCOUNT, REGION, finding | change)
    return f"finding-{number:04}"


def finding(id_: str) -> dict[str, Any]:
    found = security_hub.find_finding(ACCOUNT, REGION, finding_id=id_, product_arn=PRODUCT)
    assert found is not None
    return found


def status(id_: str) -> str:
    return str(finding(id_)["Workflow"]["Status"])


def scheduled(**detail: Any) -> dict[str, Any]:
    """What the schedule of template.yaml sends."""
    return {
        "version": "0",
        "id": "d32c5kddcf5bb8c3",
        "source": "security-responder",
        "detail-type": "Deleted Resources Sweep",
        "account": ACCOUNT,
        "region": REGION,
        "time": "2026-03-10T03:00:00Z",
        "resources": [],
        "detail": {"dry_run": False} | detail,
    }


def sent(queue: str) -> list[dict[str, Any]]:
    answer = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=900)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def test_a_sweep_resolves_what_is_gone_and_nothing_else(
    app: ModuleType, queues: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    gone = put_finding(1, "i-90ne", Note={"Text": "Asked the owner.", "UpdatedBy": "ada"})
    open_ones = [
        put_finding(2, "i-1ives"),
        put_finding(3, "i-90ne", "i-1ives"),
        put_finding(4, "i-90ne", account="222222222222"),
        put_finding(5, "i-90ne", CreatedAt="2026-03-09T23:00:00Z"),
    ]
    suppressed = put_finding(6, "i-90ne", Workflow={"Status": "SUPPRESSED"})

    answer = app.lambda_handler(batch(scheduled()), CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert (status(gone), status(suppressed)) == ("RESOLVED", "SUPPRESSED")
    assert [status(id_) for id_ in open_ones] == ["NEW"] * len(open_ones)
    assert finding(gone)["Note"]["UpdatedBy"] == "DeletedResourceFindingResolver"
    assert finding(gone)["Note"]["Text"].startswith("Asked the owner.\n[Security responder: AWS::EC2::Instance/i-90ne")
    assert sent(queues["sweep"]) == []
    output = capsys.readouterr().out
    counted = metrics(output)
    assert (counted["FindingsSwept"], counted["FindingsSweptGone"], counted["FindingsResolved"]) == (5, 1, 1)
    assert counted["ResourcesWithoutProof"] == 1
    (page,) = [line for line in log(output) if line.get("message") == "page swept" and line["findings"]]
    assert page["gone"] == [
        {"finding_id": gone, "resources": [f"aws/{MEMBER}/{REGION}/AWS::EC2::Instance/i-90ne"]},
    ]


def test_a_single_event_is_a_dry_run_by_hand(app: ModuleType) -> None:
    gone = put_finding(1, "i-90ne")

    report = app.lambda_handler(scheduled(dry_run=True), CONTEXT)

    assert report == {
        "outcome": "swept",
        "sweep": "d32c5kddcf5bb8c3",
        "part": 1,
        "dry_run": True,
        "pages": len(PORTIONS),
        "findings": 1,
        "gone": 1,
    }
    assert status(gone) == "NEW"


def test_a_sweep_goes_on_through_its_queue(
    start: Start, environment: None, queues: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = [put_finding(number, "i-90ne" if number % 100 == 0 else "i-1ives") for number in range(500)][::100]
    monkeypatch.setenv("TIME_LIMIT_SECONDS", "1")
    app = start()

    reports, events = [], [scheduled()]
    while events:
        reports += [app.lambda_handler(event, CONTEXT) for event in events]
        events = sent(queues["sweep"])

    assert len(reports) > 2
    assert [report["outcome"] for report in reports] == ["to_be_continued"] * (len(reports) - 1) + ["swept"]
    assert (reports[-1]["findings"], reports[-1]["gone"]) == (500, 5)
    assert [status(id_) for id_ in gone] == ["RESOLVED"] * 5


def test_a_token_that_security_hub_does_not_know_begins_the_portion_anew(app: ModuleType) -> None:
    gone = put_finding(1, "i-90ne")

    report = app.lambda_handler(scheduled(sweep="s-1", part=2, token="expired"), CONTEXT)

    assert (report["outcome"], status(gone)) == ("swept", "RESOLVED")


def test_an_aggregator_that_is_not_there_fails_and_resolves_nothing(
    start: Start, environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = put_finding(1, "i-90ne")
    monkeypatch.setenv("CONFIG_AGGREGATOR_NAME", "another")
    app = start()

    assert app.lambda_handler(batch(scheduled()), CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert status(gone) == "NEW"


def test_nonsense_is_set_aside_with_its_reason(app: ModuleType, queues: dict[str, str]) -> None:
    answer = app.lambda_handler(batch(scheduled(dry_run="no")), CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert set_aside(queues["dead-letters"]) == [("d32c5kddcf5bb8c3", "detail.dry_run: is 'no', not boolean")]


@pytest.mark.parametrize("name", ["CONFIG_AGGREGATOR_NAME", "QUEUE_URL", "MAXIMUM_CONCURRENCY", "PAGE_LIMIT_SECONDS"])
def test_a_missing_setting_fails_at_cold_start_with_its_name(
    environment: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(InvalidSetting, match=name):
        cold_start("sweep_deleted")

"""Functions as Lambda calls them: cold starts, batches, and what they log."""

import importlib.util
import json
import logging
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3

from tests.conftest import REPOSITORY

CONTEXT = SimpleNamespace(aws_request_id="c0ffee00-0000-4000-8000-000000000000", function_name="function")


def cold_start(function: str) -> ModuleType:
    """Load the function as a new container does: nothing is left of the last one's logger."""
    forget_logger(function)
    path = REPOSITORY / "functions" / function / "app.py"
    specification = importlib.util.spec_from_file_location(f"{function}_app", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.logger.handlers[0].setStream(_StandardOutput())
    return module


def forget_logger(function: str) -> None:
    logging.root.manager.loggerDict.pop(function, None)


class _StandardOutput:
    """Whatever standard output is when it is written to: pytest changes it between the phases of a test."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def batch(*bodies: Any) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{n}",
                "receiptHandle": f"handle-{n}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:open-incident",
                "awsRegion": "eu-west-1",
            }
            for n, body in enumerate(bodies)
        ]
    }


def set_aside(queue: str) -> list[tuple[str, str]]:
    """What lies in the dead-letter queue: event id and reason."""
    answer = boto3.client("sqs").receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
    )
    return [
        tuple(message["MessageAttributes"][name]["StringValue"] for name in ("EventId", "RejectionReason"))
        for message in answer.get("Messages", [])
    ]


def log(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def metrics(text: str) -> dict[str, float]:
    """The sums of the metrics in the log, and that each is declared as CloudWatch wants it."""
    sums: dict[str, float] = {}
    for line in log(text):
        for declared in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert (declared["Namespace"], declared["Dimensions"]) == ("SecurityResponder", [["service"]])
            for metric in declared["Metrics"]:
                sums[metric["Name"]] = sums.get(metric["Name"], 0) + sum(line[metric["Name"]])
    return sums

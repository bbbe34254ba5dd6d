"""A function's own queue (SQS), to which it sends what it will do later."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from responder.aws.faults import aws_call

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_DELAY = timedelta(minutes=15)
"""Source: SQS SendMessage, API reference."""


class OwnQueue:
    """See :class:`~responder.domain.deletion.ports.Later`. Raises AwsUnavailable or AwsRefused."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, event: Mapping[str, Any], *, delay: timedelta) -> None:
        with aws_call("send an event to the function's own queue"):
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=json.dumps(event),
                DelaySeconds=int(min(delay, LONGEST_DELAY).total_seconds()),
            )

"""A function's dead-letter queue (SQS), where rejected events go with the reason."""

from typing import TYPE_CHECKING

from responder.aws.faults import aws_call
from responder.domain.text import one_line, well_formed

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

MAX_MESSAGE = 1_048_576
"""Largest message with its attributes, in bytes. Source: SQS SendMessage, API reference."""


class DeadLetterQueue:
    """Sets events aside that can never be handled. Their body is kept as it came, but for what SQS refuses."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def set_aside(self, body: str, *, event_id: str, reason: str) -> None:
        """Send the body with the attributes ``RejectionReason`` and ``EventId``.

        A body that leaves no room for them goes without: the log has the reason then, by the event's id. What SQS
        takes nowhere, lone surrogates, is replaced.
        """
        body = well_formed(body)
        attributes: dict[str, MessageAttributeValueTypeDef] = {
            "RejectionReason": {"DataType": "String", "StringValue": one_line(reason, 500) or "unknown"},
            "EventId": {"DataType": "String", "StringValue": one_line(event_id, 256) or "unknown"},
        }
        size = len(body.encode()) + sum(
            len(name.encode()) + len(value["DataType"].encode()) + len(value["StringValue"].encode())
            for name, value in attributes.items()
        )
        with aws_call("send a rejected event to the dead-letter queue"):
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=body,
                MessageAttributes=attributes if size <= MAX_MESSAGE else {},
            )

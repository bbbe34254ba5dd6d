"""SQS queues as messages see them: what waits, what is in flight, and when that changes.

What EventBridge and Lambda do with a queue is done to moto's own: by way of calls it would be most of a run's time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import count
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from moto.core.exceptions import ServiceException
from moto.core.utils import camelcase_to_underscores
from moto.sqs import models as sqs_models
from moto.sqs.models import SQSBackend, sqs_backends
from moto.sqs.utils import validate_message_attributes

from .accounts import Accounts
from .stacks import QueueResource

MAXIMUM_RECEIVE = 10  # messages that one ReceiveMessage call gives at most

sqs_models.camelcase_to_underscores = cache(camelcase_to_underscores)  # moto asks it for twenty names a message
_receipts = count(1)
sqs_models.generate_receipt_handle = lambda: f"receipt-{next(_receipts)}"  # moto draws 185 letters one by one

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Peek(NamedTuple):
    """What is in a queue at a moment."""

    ready: int
    ready_since: datetime | None
    """Since when the first of the ready messages has been waiting."""

    next_ready: datetime | None
    """When the next of the others becomes ready."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody reads any more."""

    queue: str
    message_id: str
    body: str
    attributes: Mapping[str, str]
    receives: int


class Queue:
    """A deployed queue."""

    def __init__(self, resource: QueueResource, accounts: Accounts) -> None:
        self.resource = resource
        self.name = resource.name
        self._accounts = accounts
        self._backend = sqs_backends[resource.place.account][resource.place.region]

    @cached_property
    def _client(self) -> Any:
        return self._accounts.client("sqs", *self.resource.place)

    def send(self, body: str, attributes: Mapping[str, str] | None = None) -> str:
        """Send a message and give its id; botocore's `ClientError` when SQS refuses it."""
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()}
        try:
            validate_message_attributes(typed)
            message = self._backend.send_message(self._backend_name, body, typed)
        except ServiceException as error:
            refusal = {"Error": {"Code": str(error.code), "Message": str(error.message)}}
            raise ClientError(refusal, "SendMessage") from error
        return str(message.id)

    def receive(self, limit: int) -> list[dict[str, Any]]:
        """Up to `limit` ready messages. Those received too often go to the dead-letter queue instead, as SQS has it."""
        messages: list[dict[str, Any]] = []
        while (wanted := min(MAXIMUM_RECEIVE, limit - len(messages))) > 0:
            answer = self._client.receive_message(
                QueueUrl=self.resource.url,
                MaxNumberOfMessages=wanted,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = answer.get("Messages", [])
            messages += received
            if len(received) < wanted:
                break
        return messages

    def delete(self, messages: Iterable[Mapping[str, Any]]) -> None:
        self.drop({message["MessageId"] for message in messages})

    def size(self) -> int:
        """How many messages there are, ready or not."""
        return len(self._messages())

    def peek(self, now: datetime) -> Peek:
        """Look without receiving, which no call of SQS's can; therefore from moto's own state."""
        at = _milliseconds(now)
        ready, ready_since, next_ready = 0, None, None
        for message in self._messages():
            hidden_until = max(message.visible_at, message.delayed_until)
            if hidden_until < at - 0.5:  # from the next millisecond on, as moto has it; its floats are not exact
                ready += 1
                since = max(message.sent_timestamp, hidden_until)
                ready_since = since if ready_since is None else min(ready_since, since)
            else:
                next_ready = hidden_until if next_ready is None else min(next_ready, hidden_until)
        return Peek(
            ready,
            None if ready_since is None else _moment(ready_since),
            None if next_ready is None else _moment(next_ready + 1),
        )

    def dead_letters(self) -> list[DeadLetter]:
        """Everything in the queue, oldest first; for queues that no function reads."""
        return [
            DeadLetter(
                queue=self.name,
                message_id=message.id,
                body=message.body,
                attributes={
                    name: attribute["StringValue"]
                    for name, attribute in message.message_attributes.items()
                    if "StringValue" in attribute
                },
                receives=message.approximate_receive_count,
            )
            for message in self._messages()
        ]

    def expire(self, now: datetime) -> set[str]:
        """Drop what is older than the queue retains, which moto would neither give nor forget; its message ids."""
        retained_from = _milliseconds(now) - int(self.attributes["MessageRetentionPeriod"]) * 1000
        expired = {message.id for message in self._messages() if message.sent_timestamp <= retained_from}
        self.drop(expired)
        return expired

    def drop(self, message_ids: set[str]) -> None:
        if message_ids:
            queue = self._backend.queues[self._backend_name]
            dropped = [message for message in queue._messages if message.id in message_ids]
            queue._messages = [message for message in queue._messages if message.id not in message_ids]
            queue.pending_messages.difference_update(dropped)

    @cached_property
    def attributes(self) -> Mapping[str, str]:
        """As deployed; SQS's own names."""
        answer = self._client.get_queue_attributes(QueueUrl=self.resource.url, AttributeNames=["All"])
        attributes: Mapping[str, str] = answer["Attributes"]
        return attributes

    @property
    def dead_letter_arn(self) -> str | None:
        """Where SQS moves what was received too often."""
        policy = json.loads(self.attributes.get("RedrivePolicy", "{}"))
        arn: str | None = policy.get("deadLetterTargetArn")
        return arn

    @property
    def _backend_name(self) -> str:
        return self.resource.url.rsplit("/", 1)[-1]

    def _messages(self) -> list[Any]:
        queue = self._backend.queues.get(self._backend_name)
        return queue._messages if queue is not None else []


Watcher = Callable[[str, str, str], None]
"""Told of a message: its queue's ARN, its id, its body."""


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of every message that anybody sends to a queue, also when the sender does not get the answer."""
    send = SQSBackend.send_message

    def send_and_tell(backend: SQSBackend, queue_name: str, *args: Any, **kwargs: Any) -> Any:
        message = send(backend, queue_name, *args, **kwargs)
        watcher(backend.get_queue(queue_name).queue_arn, message.id, message.body)
        return message

    SQSBackend.send_message = send_and_tell  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        SQSBackend.send_message = send  # type: ignore[method-assign]


def _moment(milliseconds: float) -> datetime:
    return _EPOCH + timedelta(milliseconds=round(milliseconds))


def _milliseconds(moment: datetime) -> float:
    return (moment - _EPOCH) / timedelta(milliseconds=1)

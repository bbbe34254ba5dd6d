"""Lambda's poller of a queue: batches in, partial failures out.

Semantics after the Lambda developer guide, "Using Lambda with Amazon SQS" and "Handling errors for an SQS event
source":

- a batch holds up to the mapping's batch size and 6 MB, and is taken when it is full or the batching window is over;
- messages that no filter of the mapping matches are deleted;
- an exception fails the whole batch, as does an answer to ReportBatchItemFailures that does not hold to its form or
  names a message that is not in the batch; no answer is a success;
- what failed stays hidden for the queue's visibility time-out and is then received again; SQS moves it to the
  dead-letter queue when it was received too often;
- so does a message of a function that keeps invoking itself with messages, if Lambda stops it ("Use Lambda recursive
  loop detection");
- of what was handled some comes again all the same, if the sandbox is told so (`repeats`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from .clock import Clock
from .functions import Function, Invocation
from .queues import Queue
from .repeats import MOST_RECEIVES, Repeats
from .stacks import QueueMapping

MAXIMUM_INVOCATION_BYTES = 6 * 1024 * 1024
MAXIMUM_RECEIVES_WITHOUT_REDRIVE = 100
"""A queue without a dead-letter queue gives up then, so that a run ends; SQS would go on until retention ends."""

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """One invocation's messages, or a stream's records, and how they came out of it."""

    messages: Sequence[Message]
    invocation: Invocation
    failed: Sequence[Message]
    error: str | None
    """Why the whole batch, or the items that the function reported, failed."""

    repeated: Sequence[Message] = ()
    """Those that were handled, and come again all the same."""


class Observer(Protocol):
    """Who keeps the books of what happens to messages."""

    def admits(self, function: Function, message: Message) -> bool: ...

    def begun(self, function: Function, messages: Sequence[Message]) -> None: ...

    def finished(self, batch: Batch) -> None: ...

    def filtered(self, messages: Sequence[Message]) -> None: ...

    def given_up(self, message_ids: Iterable[str], reason: str) -> None: ...


class Poller:
    """Polls one queue for one function.

    The sandbox asks it three things: when it is due, whether that is at once, and to do it. A stream's poller answers
    the same.
    """

    def __init__(
        self,
        mapping: QueueMapping,
        queue: Queue,
        function: Function,
        *,
        clock: Clock,
        observer: Observer,
        repeats: Repeats | None = None,
    ) -> None:
        self.queue = queue
        self.function = function
        self._mapping = mapping
        self._window = timedelta(seconds=mapping.window_seconds)
        self._clock = clock
        self._observer = observer
        self._repeats = repeats or Repeats()
        self._redrives = queue.dead_letter_arn is not None

    def due(self) -> datetime | None:
        """When there is something to do next; None as long as nothing is sent to the queue."""
        peek = self.queue.peek(self._clock.now)
        if peek.ready >= self._mapping.batch_size:
            return self._clock.now
        moments = [peek.next_ready] if peek.next_ready else []
        if peek.ready_since:
            moments.append(peek.ready_since + self._window)
        return max(min(moments), self._clock.now) if moments else None

    def is_full(self) -> bool:
        size = self._mapping.batch_size
        return self.queue.size() >= size and self.queue.peek(self._clock.now).ready >= size  # it is asked often

    def poll(self) -> bool:
        """Take a batch and invoke the function with it; whether there was one."""
        self._observer.given_up(self.queue.expire(self._clock.now), "not handled within the retention period")
        received = self.queue.receive(self._mapping.batch_size)
        messages, filtered = self._filter(received)
        self.queue.delete(filtered)
        self._observer.filtered(filtered)
        for batch in _within_payload(self._admit(messages), self.queue):
            self._invoke(batch)
        return bool(received)

    def _admit(self, messages: Sequence[Message]) -> list[Message]:
        """The messages that Lambda invokes the function with; the others come again until they are dead."""
        admitted: list[Message] = []
        stopped: list[Message] = []
        for message in messages:
            (admitted if self._observer.admits(self.function, message) else stopped).append(message)
        self._give_up(stopped)
        return admitted

    def _invoke(self, records: Sequence[tuple[Message, str]]) -> None:
        messages = [message for message, _ in records]
        self._observer.begun(self.function, messages)
        invocation = self.function.invoke_json(f'{{"Records":[{",".join(record for _, record in records)}]}}')
        error = invocation.error
        failed_ids: set[str] = set()
        if error is None and self._mapping.reports_item_failures:
            try:
                failed_ids = reported_failures(invocation.response, {message["MessageId"] for message in messages})
            except ReportError as fault:
                error = str(fault)
        if error is not None:
            failed_ids = {message["MessageId"] for message in messages}
        failed = [message for message in messages if message["MessageId"] in failed_ids]
        handled = [message for message in messages if message["MessageId"] not in failed_ids]
        repeated: list[Message] = []
        if handled and self._repeats.of_queue(self.queue.name):
            repeated = [message for message in handled if _receives(message) < MOST_RECEIVES]
        self.queue.delete(message for message in handled if message not in repeated)
        self._observer.finished(Batch(messages, invocation, failed, error, repeated))
        self._give_up(failed)

    def _filter(self, messages: Sequence[Message]) -> tuple[list[Message], list[Message]]:
        if not self._mapping.filters:
            return list(messages), []
        wanted: list[Message] = []
        filtered: list[Message] = []
        for message in messages:
            subject = _filter_subject(message)
            matches = any(pattern.matches(subject) for pattern in self._mapping.filters)
            (wanted if matches else filtered).append(message)
        return wanted, filtered

    def _give_up(self, failed: Sequence[Message]) -> None:
        if self._redrives:
            return
        hopeless = {
            message["MessageId"] for message in failed if _receives(message) >= MAXIMUM_RECEIVES_WITHOUT_REDRIVE
        }
        self.queue.drop(hopeless)
        self._observer.given_up(hopeless, f"received {MAXIMUM_RECEIVES_WITHOUT_REDRIVE} times without success")


def _receives(message: Message) -> int:
    return int(message["Attributes"]["ApproximateReceiveCount"])


class ReportError(Exception):
    """An answer that Lambda does not take for a report of item failures; the batch counts as failed."""


def reported_failures(response: Any, identifiers: set[str]) -> set[str]:
    """Which of the batch's identifiers an answer reports as failed: message ids, or sequence numbers of a stream."""
    if response is None:
        return set()
    if not isinstance(response, dict):
        raise ReportError("the function returned no object, where batchItemFailures are expected")
    items = response.get("batchItemFailures")
    if items is None:
        return set()
    if not isinstance(items, list):
        raise ReportError("batchItemFailures is no list")
    failed = set()
    for item in items:
        identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
        if not isinstance(identifier, str) or not identifier:
            raise ReportError("an element of batchItemFailures has no itemIdentifier")
        if identifier not in identifiers:
            raise ReportError(f"batchItemFailures names {identifier}, which is not in the batch")
        failed.add(identifier)
    return failed


def _within_payload(messages: Sequence[Message], queue: Queue) -> Iterator[list[tuple[Message, str]]]:
    """The messages with their records' JSON, in as few invocations as their sizes allow."""
    batch: list[tuple[Message, str]] = []
    size = 0
    for message in messages:
        record = json.dumps(_record(message, queue))
        if batch and size + len(record) > MAXIMUM_INVOCATION_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((message, record))
        size += len(record)
    if batch:
        yield batch


def _record(message: Message, queue: Queue) -> dict[str, Any]:
    """A message as Lambda hands it to a function."""
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {name: _lambda_attribute(attribute) for name, attribute in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.resource.arn,
        "awsRegion": queue.resource.place.region,
    }


def _lambda_attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    return {
        "stringValue": attribute.get("StringValue"),
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute["DataType"],
    }


def _filter_subject(message: Message) -> dict[str, Any]:
    try:
        body = json.loads(message["Body"])
    except (ValueError, RecursionError):
        body = message["Body"]
    return {"messageId": message["MessageId"], "body": body, "attributes": message["Attributes"]}

"""Lambda's poller of a DynamoDB stream: records in order, retries that block, and what becomes of what is given up.

Semantics after the Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB", its pages on polling and batching,
partial batch responses, discarded records and event filtering:

- a shard is polled four times a second; a batch holds up to the mapping's batch size and 6 MB, and is taken when it is
  full or its window is over;
- records that no filter of the mapping matches are done with;
- with a parallelization factor, as many batches of the shard are under way at a time, and the records of an item stay
  in order;
- a batch that fails is tried again, and the records behind it wait: until it succeeds, it was retried or is as old as
  the mapping allows, or the stream keeps it no longer. With ReportBatchItemFailures, from the first record on that the
  function reports. Bisected, if the mapping says so, which counts as no retry;
- what is given up goes to the destination on failure, as metadata, without the records; without one it is lost;
- a batch that was handled comes again, now and then, with those before it, if the sandbox is told so (`repeats`).

AWS does not document, and here is chosen: the waiting times between retries (`FIRST_BACK_OFF` and on); that the retries
of a batch count on when some of its records are done (without bisecting); that records which the stream keeps no longer
are lost, with a destination too.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Protocol
from uuid import UUID, uuid5

from .clock import Clock, format_time
from .functions import Function, Invocation
from .ledger import Delivery
from .pollers import MAXIMUM_INVOCATION_BYTES, Batch, Message, Observer, ReportError, reported_failures
from .queues import Queue
from .repeats import REMEMBERED, Repeats
from .stacks import StreamMapping
from .streams import Record, Stream

POLLING_INTERVAL = timedelta(seconds=0.25)
RETENTION = timedelta(hours=24)  # of every DynamoDB stream

FIRST_BACK_OFF = timedelta(seconds=1)
"""How long a failed batch waits before it is tried again; each time twice as long, up to `LONGEST_BACK_OFF`."""

LONGEST_BACK_OFF = timedelta(minutes=5)

_REQUEST_IDS = UUID("5b7b7c0e-4a57-5f0d-9b7e-0d9a1c1f6f52")

Destination = Callable[[str], tuple[str, Queue] | None]
"""Sends the word of discarded records on; for a queue, it gives the message's id, and the queue."""


class StreamObserver(Observer, Protocol):
    """Who keeps the books of what happens to records, too."""

    def arrived(self, record_id: str, delivery: Delivery) -> None: ...

    def discarded(self, record_ids: Sequence[str], reason: str, letter: tuple[str, Queue] | None = None) -> None: ...


@dataclass(slots=True)
class _Attempt:
    """Records that are tried together, at least once."""

    records: list[Record]
    retries: int = 0
    """Those that count against the mapping's maximum."""

    invocations: int = 0
    last: Invocation | None = None
    is_repeat: bool = False
    """It was handled before."""


@dataclass(slots=True)
class _Lane:
    """What is done one after the other: a share of the shard's items."""

    waiting: deque[Record] = field(default_factory=deque)
    waiting_bytes: int = 0
    attempts: deque[_Attempt] = field(default_factory=deque)
    """Of one batch. As long as there are any, what is waiting waits."""

    failures: int = 0
    """On end."""

    again_at: datetime | None = None
    handled: list[Record] = field(default_factory=list)
    """What would come again with the next batch that does."""

    def add(self, record: Record) -> None:
        self.waiting.append(record)
        self.waiting_bytes += len(record.text)

    def begin(self, batch_size: int) -> None:
        """Make a batch of what has waited longest."""
        records: list[Record] = []
        size = 0
        while self.waiting and len(records) < batch_size:
            size += len(self.waiting[0].text)
            if records and size > MAXIMUM_INVOCATION_BYTES:
                break
            records.append(self.waiting.popleft())
            self.waiting_bytes -= len(records[-1].text)
        self.attempts.append(_Attempt(records))

    def go_on(self) -> None:
        """The first attempt has come to its end, whichever."""
        self.attempts.popleft()
        self.failures, self.again_at = 0, None

    def put_off(self, attempts: Iterable[_Attempt], now: datetime) -> None:
        """The first attempt has failed, and goes on as others, later."""
        self.attempts.popleft()
        self.attempts.extendleft(reversed(list(attempts)))
        self.again_at = now + min(FIRST_BACK_OFF * 2 ** min(self.failures, 30), LONGEST_BACK_OFF)
        self.failures += 1


class StreamPoller:
    """Polls one stream for one function. It answers what a queue's poller does."""

    def __init__(
        self,
        mapping: StreamMapping,
        stream: Stream,
        function: Function,
        *,
        destination: Destination | None,
        clock: Clock,
        observer: StreamObserver,
        repeats: Repeats | None = None,
    ) -> None:
        self.stream = stream
        self.function = function
        self._mapping = mapping
        self._destination = destination
        self._clock = clock
        self._observer = observer
        self._repeats = repeats or Repeats()
        self._wait = max(timedelta(seconds=mapping.window_seconds), POLLING_INTERVAL)
        self._maximum_age = mapping.maximum_age_seconds
        if self._maximum_age is not None and timedelta(seconds=self._maximum_age) > RETENTION:
            self._maximum_age = None
        self._kept_for = RETENTION if self._maximum_age is None else timedelta(seconds=self._maximum_age)
        self._lanes = [_Lane() for _ in range(mapping.parallelization)]
        self._position = 0 if mapping.from_the_beginning else stream.length

    def due(self) -> datetime | None:
        """When there is something to do next; None as long as nothing is written to the table."""
        self._read()
        moments = [moment for lane in self._lanes if (moment := self._due(lane)) is not None]
        return max(min(moments), self._clock.now) if moments else None

    def is_full(self) -> bool:
        self._read()
        return any(not lane.attempts and self._fills_a_batch(lane) for lane in self._lanes)

    def poll(self) -> bool:
        """Do what is due first: invoke the function with a batch, or give it up for its age; whether there was one."""
        self._read()
        lanes = [(moment, number) for number, lane in enumerate(self._lanes) if (moment := self._due(lane)) is not None]
        if not lanes:
            return False
        lane = self._lanes[min(lanes)[1]]
        if not lane.attempts:
            lane.begin(self._mapping.batch_size)
        self._give_up_the_aged(lane)
        if lane.attempts:
            self._try(lane, lane.attempts[0])
        return True

    def _read(self) -> None:
        """Take from the stream what is new in it, apart from what no filter wants."""
        if (length := self.stream.length) == self._position:
            return
        for record in self.stream.records(self._position):
            if not self._mapping.filters or any(pattern.matches(record.fields) for pattern in self._mapping.filters):
                self._observer.arrived(self._id(record), record.delivery)
                self._lanes[_share(record.item, len(self._lanes))].add(record)
        self._position = length

    def _due(self, lane: _Lane) -> datetime | None:
        if lane.attempts:
            oldest = lane.attempts[0].records[0]
            return min(lane.again_at or self._clock.now, oldest.created + self._kept_for)
        if not lane.waiting:
            return None
        return self._clock.now if self._fills_a_batch(lane) else lane.waiting[0].created + self._wait

    def _fills_a_batch(self, lane: _Lane) -> bool:
        return len(lane.waiting) >= self._mapping.batch_size or lane.waiting_bytes >= MAXIMUM_INVOCATION_BYTES

    def _give_up_the_aged(self, lane: _Lane) -> None:
        attempt = lane.attempts[0]
        aged = [record for record in attempt.records if self._clock.now >= record.created + self._kept_for]
        if not aged:
            return
        attempt.records = attempt.records[len(aged) :]  # in order, they are the first
        if not attempt.records:
            lane.go_on()
        if self._maximum_age is None:
            reason = "lost, not handled within the 24 hours that a stream keeps a record"
            self._observer.discarded(self._ids(aged), reason)
        else:
            self._discard(aged, "RecordAgeExceeded", f"not handled within {self._maximum_age} seconds", attempt)

    def _try(self, lane: _Lane, attempt: _Attempt) -> None:
        self._admit(attempt)
        if not (records := attempt.records):
            lane.go_on()
            return
        messages = [self._message(record) for record in records]
        self._observer.begun(self.function, messages)
        invocation = self.function.invoke_json(f'{{"Records":[{",".join(record.text for record in records)}]}}')
        attempt.invocations += 1
        attempt.last = invocation
        error, done = self._outcome(invocation, records)
        self._observer.finished(Batch(messages, invocation, messages[done:], error))
        if done < len(records):
            self._retry(lane, attempt, done)
        elif attempt.is_repeat:
            lane.go_on()
        else:
            self._note_handled(lane, records)

    def _note_handled(self, lane: _Lane, records: Sequence[Record]) -> None:
        """Go on behind records, or begin again with those that were handled lately."""
        oldest = self._clock.now - REMEMBERED
        lane.handled = [record for record in (*lane.handled, *records) if record.created > oldest]
        if lane.handled and self._repeats.of_stream(self.stream.name):
            size = self._mapping.batch_size
            batches = (lane.handled[start : start + size] for start in range(0, len(lane.handled), size))
            lane.put_off([_Attempt(batch, is_repeat=True) for batch in batches], self._clock.now)
        else:
            lane.go_on()

    def _admit(self, attempt: _Attempt) -> None:
        """Leave out what must not go on. AWS would not stop it: of loops through a table, Lambda knows nothing."""
        stopped = [r for r in attempt.records if not self._observer.admits(self.function, self._message(r))]
        if stopped:
            self._observer.discarded(self._ids(stopped), "given up")
            attempt.records = [record for record in attempt.records if record not in stopped]

    def _outcome(self, invocation: Invocation, records: Sequence[Record]) -> tuple[str | None, int]:
        """Why the whole batch failed, if it did, and how many records are done: those before the first that failed."""
        if invocation.error is not None:
            return invocation.error, 0
        if not self._mapping.reports_item_failures:
            return None, len(records)
        numbers = [record.sequence_number for record in records]
        try:
            failed = reported_failures(invocation.response, set(numbers))
        except ReportError as fault:
            return str(fault), 0
        return None, min((numbers.index(number) for number in failed), default=len(records))

    def _retry(self, lane: _Lane, attempt: _Attempt, done: int) -> None:
        """Try again what is left after the first `done` records, bisected or as it is, or give it up."""
        bisects = self._mapping.bisects
        attempt.records = attempt.records[done:]
        if bisects and not done and len(attempt.records) > 1:
            middle = len(attempt.records) // 2
            halves = attempt.records[:middle], attempt.records[middle:]
            lane.put_off((_Attempt(half, attempt.retries) for half in halves), self._clock.now)
            return
        if not (bisects and done):
            attempt.retries += 1
        maximum = self._mapping.maximum_retries
        if maximum is None or attempt.retries <= maximum:
            lane.put_off([attempt], self._clock.now)
        else:
            lane.go_on()
            times = "once" if attempt.invocations == 1 else f"{attempt.invocations} times"
            self._discard(attempt.records, "RetryAttemptsExhausted", f"tried {times} without success", attempt)

    def _discard(self, records: Sequence[Record], condition: str, reason: str, attempt: _Attempt) -> None:
        if self._destination is None:
            self._observer.discarded(self._ids(records), f"lost, {reason}, and without a destination on failure")
        else:
            letter = self._destination(json.dumps(self._word_of(records, condition, attempt)))
            self._observer.discarded(self._ids(records), reason, letter)

    def _word_of(self, records: Sequence[Record], condition: str, attempt: _Attempt) -> dict[str, Any]:
        """What Lambda sends of discarded records. AWS shows it in "Retain discarded records" for a DynamoDB source."""
        last = attempt.last
        word: dict[str, Any] = {
            "requestContext": {
                "requestId": last.request_id if last else str(uuid5(_REQUEST_IDS, self._id(records[0]))),
                "functionArn": self._mapping.function_arn,
                "condition": condition,
                "approximateInvokeCount": attempt.invocations,
            }
        }
        if last is not None:
            word["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST"}
            if last.error is not None:
                word["responseContext"]["functionError"] = "Unhandled"
        return word | {
            "version": "1.0",
            "timestamp": self._clock.now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "DDBStreamBatchInfo": {
                "shardId": self.stream.shard_id,
                "startSequenceNumber": records[0].sequence_number,
                "endSequenceNumber": records[-1].sequence_number,
                "approximateArrivalOfFirstRecord": format_time(records[0].created.replace(microsecond=0)),
                "approximateArrivalOfLastRecord": format_time(records[-1].created.replace(microsecond=0)),
                "batchSize": len(records),
                "streamArn": self.stream.arn,
            },
        }

    def _message(self, record: Record) -> Message:
        return {"MessageId": self._id(record), "Body": record.text}

    def _id(self, record: Record) -> str:
        """By which the books know it: other mappings have records of the same ids."""
        return f"{self._mapping.name}/{record.event_id}"

    def _ids(self, records: Iterable[Record]) -> list[str]:
        return [self._id(record) for record in records]


def _share(item: str, shares: int) -> int:
    """Which of the shares an item belongs to, always the same one."""
    return int.from_bytes(blake2b(item.encode(), digest_size=4).digest()) % shares

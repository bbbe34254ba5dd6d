"""A function's inbox: one frame around every handler that takes events in, one at a time or a batch at once.

Guarantees
----------
1. Every record of a batch ends as handled, rejected or failed; what becomes of one touches no other.
2. A rejected record lies in the dead-letter queue with its reason before it leaves the source queue.
3. A failed record is reported to Lambda and delivered again; nothing is swallowed.
4. Each record makes one log line that says what became of it, with the event's id.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from responder.domain.event import Event, parse_event, read_event
from responder.runtime.settling import (
    DeadLetters,
    Handle,
    Item,
    Record,
    Report,
    Settling,
    one_by_one,
    read_item,
    shown_id,
    utc_now,
)

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["Inbox", "Report", "one_by_one", "utc_now"]


class Inbox:
    """Feeds events to a handler: an SQS batch, or a single one as ``sam local invoke`` and direct targets send it."""

    def __init__(self, handle: Handle[Event], *, dead_letters: DeadLetters, logger: Logger, metrics: Metrics) -> None:
        self._settling = Settling(handle, dead_letters=dead_letters, logger=logger, metrics=metrics)

    def receive(self, payload: Any, context: "LambdaContext") -> dict[str, Any]:
        """Handle an invocation.

        Returns
        -------
        For a batch, Lambda's partial batch response. For a single event, its report.

        Raises
        ------
        Exception
            For a single event only, what its handling raised: Lambda's own retries take it from there.
        """
        with self._settling.invocation(context):
            if _is_queue_batch(payload):
                return self._receive_batch(payload["Records"])
            (single,) = self._settling.handled([_record(json.dumps(payload), read_item(read_event, payload))])
            if isinstance(outcome := self._settling.settle(*single), Exception):
                raise outcome
            return dict(outcome)

    def _receive_batch(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        # Powertools' BatchProcessor does no more than this, and takes a tenth of a cold start to import.
        records = [_record(message["body"], read_item(parse_event, message["body"])) for message in messages]
        outcomes = [self._settling.settle(*handled) for handled in self._settling.handled(records)]
        failed = [
            message["messageId"]
            for message, outcome in zip(messages, outcomes, strict=True)
            if isinstance(outcome, Exception)
        ]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _record(body: str, content: Item[Event] | Exception) -> Record[Event]:
    claimed = content.value.id if isinstance(content, Item) else _claimed_id(body)
    return Record(shown_id(claimed), body, content)


def _is_queue_batch(payload: Any) -> bool:
    records = payload.get("Records") if isinstance(payload, Mapping) else None
    return isinstance(records, list) and bool(records) and all(map(_is_message, records))


def _is_message(record: Any) -> bool:
    return (
        isinstance(record, Mapping)
        and record.get("eventSource") == "aws:sqs"
        and isinstance(record.get("body"), str)
        and isinstance(record.get("messageId"), str)
    )


def _claimed_id(body: str) -> object:
    """What a rejected body has for its event's id, if anything."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value.get("id") if isinstance(value, Mapping) else None

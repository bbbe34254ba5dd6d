"""A function's inbox: one frame around every handler that takes events in, one at a time or a batch at once.

Guarantees
----------
1. Every record of a batch ends as handled, rejected or failed; what becomes of one touches no other.
2. A rejected record lies in the dead-letter queue with its reason before it leaves the source queue.
3. A failed record is reported to Lambda and delivered again; nothing is swallowed.
4. Each record makes one log line that says what became of it, with the event's id.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

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
    utc_now,
)

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["Inbox", "Report", "one_by_one", "utc_now"]


class _UndoneError(Exception):
    """Tells Powertools that a record must be delivered again."""


class Inbox:
    """Feeds events to a handler: an SQS batch, or a single one as ``sam local invoke`` and direct targets send it."""

    def __init__(self, handle: Handle[Event], *, dead_letters: DeadLetters, logger: Logger, metrics: Metrics) -> None:
        self._settling = Settling(handle, dead_letters=dead_letters, logger=logger, metrics=metrics)
        # A batch in which every record failed is no failure of the function: each record is reported as any other is.
        self._batch = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

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
                bodies = [record["body"] for record in payload["Records"]]
                handled = self._settling.handled([_record(body, read_item(parse_event, body)) for body in bodies])

                def settle_next(record: "SQSRecord") -> None:  # Powertools asks in the records' order
                    if isinstance(outcome := self._settling.settle(*next(handled)), Exception):
                        raise _UndoneError(str(outcome))

                return dict(process_partial_response(payload, settle_next, self._batch, context))
            (single,) = self._settling.handled([_record(json.dumps(payload), read_item(read_event, payload))])
            if isinstance(outcome := self._settling.settle(*single), Exception):
                raise outcome
            return dict(outcome)


def _record(body: str, content: Item[Event] | Exception) -> Record[Event]:
    return Record(content.value.id if isinstance(content, Item) else _claimed_id(body), body, content)


def _is_queue_batch(payload: Any) -> bool:
    records = payload.get("Records") if isinstance(payload, Mapping) else None
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(record, Mapping) and record.get("eventSource") == "aws:sqs" for record in records)
    )


def _claimed_id(body: str) -> str:
    """The id that a rejected body claims as its event's; ``unknown`` when none can be read."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "unknown"
    claimed = value.get("id") if isinstance(value, Mapping) else None
    return claimed if isinstance(claimed, str) and claimed else "unknown"

"""A function's inbox for a DynamoDB stream: one frame around every handler that takes rows in as they are written.

Guarantees
----------
1. Every record of a batch ends as handled, ignored, rejected or failed; what becomes of one touches no other.
2. A rejected record lies in the dead-letter queue with its reason before the stream goes on behind it.
3. Lambda is told of the first failed record and delivers it again, with all behind it: what was handled there is
   handled again, what was set aside there is set aside again. Nothing is swallowed.
4. Each record makes one log line that says what became of it, with the record's id.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aws_lambda_powertools import Logger, Metrics

from responder.domain.text import quoted
from responder.runtime.settling import DeadLetters, Handle, Record, Settling, read_item, shown_id

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

T = TypeVar("T")

_SOURCE = "aws:dynamodb"


class StreamInbox(Generic[T]):
    """Feeds the rows that were written to a table to a handler: a batch of its stream, or a single record of one.

    Parameters
    ----------
    read
        Reads a row from a record's ``NewImage``; raises Rejected when it can never be handled.
    """

    def __init__(
        self,
        handle: Handle[T],
        *,
        read: Callable[[Mapping[str, Any]], T],
        dead_letters: DeadLetters,
        logger: Logger,
        metrics: Metrics,
    ) -> None:
        self._settling = Settling(handle, dead_letters=dead_letters, logger=logger, metrics=metrics)
        self._read = read
        self._logger = logger

    def receive(self, payload: Any, context: "LambdaContext") -> dict[str, Any]:
        """Handle an invocation.

        Returns
        -------
        Lambda's partial batch response, for a single record too.

        Raises
        ------
        ValueError
            When the payload is neither a batch of a DynamoDB stream nor a record of one, naming what is wrong.
        """
        with self._settling.invocation(context):
            try:
                raw_records = _raw_records(payload)
            except ValueError as fault:
                self._logger.error("payload refused", extra={"outcome": "failed", "reason": str(fault)})
                raise
            outcomes = [
                self._settling.settle(record, outcome)
                for record, outcome in self._settling.handled([self._record(raw) for raw in raw_records])
            ]
        # "If the batchItemFailures array contains multiple items, Lambda uses the record with the lowest sequence
        # number as the checkpoint. Lambda then retries all records starting from that checkpoint." Lambda developer
        # guide, "Configuring partial batch response with DynamoDB and Lambda". A batch is in the order of the numbers.
        failed = [
            raw["dynamodb"]["SequenceNumber"]
            for raw, outcome in zip(raw_records, outcomes, strict=True)
            if isinstance(outcome, Exception)
        ]
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failed[:1]]}

    def _record(self, raw: Mapping[str, Any]) -> Record[T]:
        image = raw["dynamodb"].get("NewImage")
        return Record(
            event_id=shown_id(raw.get("eventID")),
            body=json.dumps(raw),
            content={"outcome": "ignored", "reason": "no new image"} if image is None else read_item(self._read, image),
        )


def _raw_records(payload: Any) -> Sequence[Mapping[str, Any]]:
    """The records of a batch, or the single one that the payload is. Each is of a DynamoDB stream, and has a number."""
    if not isinstance(payload, Mapping) or not ("Records" in payload or "eventSource" in payload):
        raise ValueError("Records: is missing")
    if "Records" not in payload:
        return [_checked(payload)]
    records = payload["Records"]
    if not isinstance(records, list) or not records:
        raise ValueError("Records: is not a list of at least one record")
    return [_checked(record, f"Records.{position}.") for position, record in enumerate(records)]


def _checked(record: Any, at: str = "") -> Mapping[str, Any]:
    source = record.get("eventSource") if isinstance(record, Mapping) else None
    if source != _SOURCE:
        raise ValueError(f"{at}eventSource: is {quoted(source)}, not {_SOURCE!r}")
    change = record.get("dynamodb")
    number = change.get("SequenceNumber") if isinstance(change, Mapping) else None
    if not isinstance(number, str) or not number:  # Lambda takes an empty one for the failure of the whole batch
        raise ValueError(f"{at}dynamodb.SequenceNumber: is {quoted(number)}, not a number's text")
    checked: Mapping[str, Any] = record
    return checked

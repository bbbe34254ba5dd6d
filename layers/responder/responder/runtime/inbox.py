"""A function's inbox: one frame around every handler that takes events in, one at a time.

Guarantees
----------
1. Every record of a batch ends as handled, rejected or failed; what becomes of one touches no other.
2. A rejected record lies in the dead-letter queue with its reason before it leaves the source queue.
3. A failed record is reported to Lambda and delivered again; nothing is swallowed.
4. Each record makes one log line that says what became of it, with the event's id.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from responder.domain.event import Event, parse_event, read_event
from responder.domain.faults import Rejected

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

Report = Mapping[str, Any]
"""What became of an event, for log and caller: ``outcome``, and what else tells it (``incident_key``, ``reason``)."""


class DeadLetters(Protocol):
    """Where rejected records go."""

    def set_aside(self, body: str, *, event_id: str, reason: str) -> None:
        """Keep the body, with the reason. Returns only once it is kept."""


def utc_now() -> datetime:
    """The clock of the functions."""
    return datetime.now(UTC)


class Inbox:
    """Feeds events to a handler: from an SQS batch, or a single one as ``sam local invoke`` and direct targets send it.

    Parameters
    ----------
    handle
        Takes one event in and reports on it, its ``outcome`` at least. Raises Rejected for an event that can never be
        handled; anything else that it raises means "deliver it again".
    """

    def __init__(
        self, handle: Callable[[Event], Report], *, dead_letters: DeadLetters, logger: Logger, metrics: Metrics
    ) -> None:
        self._handle = handle
        self._dead_letters = dead_letters
        self._logger = logger
        self._metrics = metrics
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
        self._logger.append_keys(function_request_id=context.aws_request_id)
        try:
            if _is_queue_batch(payload):
                return dict(process_partial_response(payload, self._take_record, self._batch, context))
            return dict(self._take(json.dumps(payload), lambda: read_event(payload)))
        finally:
            self._metrics.flush_metrics()

    def _take_record(self, record: "SQSRecord") -> None:
        self._take(record.body, lambda: parse_event(record.body))

    def _take(self, body: str, read: Callable[[], Event]) -> Report:
        """Handle one event, whatever it is, and say what became of it."""
        self._metrics.add_metric("EventsReceived", MetricUnit.Count, 1)
        event: Event | None = None
        try:
            try:
                event = read()
                report = self._handle(event)
            except Rejected as rejection:
                return self._reject(body, event.id if event else _claimed_id(body), rejection)
        except Exception as failure:
            self._metrics.add_metric("EventsFailed", MetricUnit.Count, 1)
            told = {"event_id": event.id if event else _claimed_id(body), "outcome": "failed", "reason": str(failure)}
            self._logger.exception("event failed", extra=told)
            raise
        key = report.get("incident_key")
        correlation = {"correlation_id": key} if key else {}
        self._logger.info("event handled", extra={"event_id": event.id, **correlation, **report})
        return report

    def _reject(self, body: str, event_id: str, rejection: Rejected) -> Report:
        self._dead_letters.set_aside(body, event_id=event_id, reason=str(rejection))
        self._metrics.add_metric("EventsRejected", MetricUnit.Count, 1)
        report = {"outcome": "rejected", "field": rejection.field, "reason": str(rejection)}
        self._logger.warning("event rejected", extra={"event_id": event_id, **report})
        return report


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

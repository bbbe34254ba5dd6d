"""A function's inbox: one frame around every handler that takes events in, one at a time or a batch at once.

Guarantees
----------
1. Every record of a batch ends as handled, rejected or failed; what becomes of one touches no other.
2. A rejected record lies in the dead-letter queue with its reason before it leaves the source queue.
3. A failed record is reported to Lambda and delivered again; nothing is swallowed.
4. Each record makes one log line that says what became of it, with the event's id.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from responder.domain.event import Event, parse_event, read_event
from responder.domain.faults import Permanent, Rejected, Retryable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

T = TypeVar("T")

Report = Mapping[str, Any]
"""What became of an event, for log and caller: ``outcome``, and what else tells it (``incident_key``, ``reason``)."""


class DeadLetters(Protocol):
    """Where rejected records go."""

    def set_aside(self, body: str, *, event_id: str, reason: str) -> None:
        """Keep the body, with the reason. Returns only once it is kept."""


def utc_now() -> datetime:
    """The clock of the functions."""
    return datetime.now(UTC)


Handle = Callable[[Sequence[Event]], Iterable[Report | Exception]]
"""Takes events in and gives, in order, each one's report, with its ``outcome`` at least, or what went wrong with it:
Rejected when it can never be handled, anything else for "deliver it again". What it raises holds for all that are left.
"""


def one_by_one(handle: Callable[[Event], Report]) -> Handle:
    """A handler of single events, for an inbox: each is settled before the next is taken."""

    def handle_all(events: Sequence[Event]) -> Iterator[Report | Exception]:
        for event in events:
            try:
                outcome: Report | Exception = handle(event)
            except Exception as failure:  # noqa: BLE001 - the inbox counts it, logs it and raises it again
                outcome = failure
            yield outcome

    return handle_all


class _UndoneError(Exception):
    """Tells Powertools that a record must be delivered again."""


class Inbox:
    """Feeds events to a handler: an SQS batch, or a single one as ``sam local invoke`` and direct targets send it."""

    def __init__(self, handle: Handle, *, dead_letters: DeadLetters, logger: Logger, metrics: Metrics) -> None:
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
                bodies = [record["body"] for record in payload["Records"]]
                settled = self._settled([(body, _read(parse_event, body)) for body in bodies])

                def settle_next(record: "SQSRecord") -> None:  # Powertools asks in the records' order
                    if isinstance(outcome := next(settled)(), Exception):
                        raise _UndoneError(str(outcome))

                return dict(process_partial_response(payload, settle_next, self._batch, context))
            (settle,) = self._settled([(json.dumps(payload), _read(read_event, payload))])
            if isinstance(outcome := settle(), Exception):
                raise outcome
            return dict(outcome)
        finally:
            if self._metrics.metric_set:  # Powertools has written it already after each hundred values
                self._metrics.flush_metrics()

    def _settled(self, records: Sequence[tuple[str, Event | Rejected]]) -> Iterator[Callable[[], Report | Exception]]:
        """For each record, in order, what settles it, and gives why it must be delivered again if it must."""
        outcomes = self._outcomes([event for _, event in records if isinstance(event, Event)])
        for body, event in records:
            if isinstance(event, Event):
                yield partial(self._settle, body, event.id, next(outcomes))
            else:
                yield partial(self._settle, body, _claimed_id(body), event)

    def _outcomes(self, events: Sequence[Event]) -> Iterator[Report | Exception]:
        try:
            yield from self._handle(events) if events else ()
        except Exception as failure:  # noqa: BLE001 - counted, logged and raised again for each that is left
            yield from repeat(failure)

    def _settle(self, body: str, event_id: str, outcome: Report | Exception) -> Report | Exception:
        """Say what became of an event, and set a rejected one aside. Never raises: many events may share a failure."""
        self._metrics.add_metric("EventsReceived", MetricUnit.Count, 1)
        if isinstance(outcome, Rejected):
            try:
                return self._reject(body, event_id, outcome)
            except (Retryable, Permanent) as failure:
                outcome = failure
        if isinstance(outcome, Exception):
            self._metrics.add_metric("EventsFailed", MetricUnit.Count, 1)
            told = {"event_id": event_id, "outcome": "failed", "reason": str(outcome)}
            expected = isinstance(outcome, Retryable | Permanent)  # says all there is to say itself
            self._logger.error("event failed", exc_info=None if expected else outcome, extra=told)
            return outcome
        key = outcome.get("incident_key")
        correlation = {"correlation_id": key} if key else {}
        self._logger.info("event handled", extra={"event_id": event_id, **correlation, **outcome})
        return outcome

    def _reject(self, body: str, event_id: str, rejection: Rejected) -> Report:
        self._dead_letters.set_aside(body, event_id=event_id, reason=str(rejection))
        self._metrics.add_metric("EventsRejected", MetricUnit.Count, 1)
        report = {"outcome": "rejected", "field": rejection.field, "reason": str(rejection)}
        self._logger.warning("event rejected", extra={"event_id": event_id, **report})
        return report


def _read(read: Callable[[T], Event], value: T) -> Event | Rejected:
    try:
        return read(value)
    except Rejected as rejection:
        return rejection


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

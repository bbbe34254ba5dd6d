"""Settling records, whatever brings them in: they are handled together, then each is counted, logged and, if it can
never be handled, set aside.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from responder.domain.faults import Permanent, Rejected, Retryable
from responder.domain.text import one_line

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MOST_TOLD = 1100
"""Characters of a text in the log; the longest that we make ourselves, incident keys, have up to 1,024."""

_MOST_ID = 256

T = TypeVar("T")
Raw = TypeVar("Raw")

Report = Mapping[str, Any]
"""What became of an event, for log and caller: ``outcome``, and what else tells it (``incident_key``, ``reason``)."""

Outcome = Report | Exception
"""The report, or what went wrong: Rejected when it can never be handled, anything else for "deliver it again"."""

Handle = Callable[[Sequence[T]], Iterable[Outcome]]
"""Takes items in and gives each one's outcome, in order. What it raises holds for all that are left."""


class DeadLetters(Protocol):
    """Where rejected records go."""

    def set_aside(self, body: str, *, event_id: str, reason: str) -> None:
        """Keep the body, with the reason. Returns only once it is kept."""


def utc_now() -> datetime:
    """The clock of the functions."""
    return datetime.now(UTC)


def one_by_one(handle: Callable[[T], Report]) -> Handle[T]:
    """A handler of single items, for an inbox: each is settled before the next is taken."""

    def handle_all(items: Sequence[T]) -> Iterator[Outcome]:
        for item in items:
            try:
                outcome: Outcome = handle(item)
            except Exception as failure:  # noqa: BLE001 - the inbox counts it, logs it and has it delivered again
                outcome = failure
            yield outcome

    return handle_all


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """What a record holds for the handler."""

    value: T


def shown_id(claimed: object) -> str:
    """A record's own word for its id, as log and dead-letter queue show it; ``unknown`` if it says nothing of use."""
    return (one_line(claimed, _MOST_ID) if isinstance(claimed, str) else "") or "unknown"


@dataclass(frozen=True, slots=True)
class Record(Generic[T]):
    """A record that came in."""

    event_id: str
    """By :func:`shown_id`."""

    body: str
    """What is set aside of it."""

    content: Item[T] | Outcome
    """What the handler gets of it, or what became of it without one."""


def read_item(read: Callable[[Raw], T], raw: Raw) -> Item[T] | Exception:
    """What a record holds for the handler, or why it cannot be read."""
    try:
        return Item(read(raw))
    except Exception as failure:  # noqa: BLE001 - the record's outcome, and no other's
        return failure


class Settling(Generic[T]):
    """Has records handled, and settles each."""

    def __init__(self, handle: Handle[T], *, dead_letters: DeadLetters, logger: Logger, metrics: Metrics) -> None:
        self._handle = handle
        self._dead_letters = dead_letters
        self._logger = logger
        self._metrics = metrics
        self._counts: Counter[str] = Counter()

    @contextmanager
    def invocation(self, context: "LambdaContext") -> Iterator[None]:
        """An invocation: what is logged within it names it, what is counted within it is written at its end."""
        self._logger.append_keys(function_request_id=context.aws_request_id)
        try:
            yield
        finally:
            for name, number in self._counts.items():
                self._metrics.add_metric(name, MetricUnit.Count, number)
            self._counts.clear()
            if self._metrics.metric_set:  # Powertools has written it already after each hundred values
                self._metrics.flush_metrics()

    def handled(self, records: Sequence[Record[T]]) -> Iterator[tuple[Record[T], Outcome]]:
        """The records, in order, each with what became of it. Goes no further ahead than the handler does."""
        outcomes = self._outcomes([record.content.value for record in records if isinstance(record.content, Item)])
        for record in records:
            yield record, next(outcomes) if isinstance(record.content, Item) else record.content

    def _outcomes(self, items: Sequence[T]) -> Iterator[Outcome]:
        """Of each item, and on without an end: a handler that gives too few outcomes has failed the rest."""
        failure: Exception = RuntimeError("the handler gave no outcome")
        try:
            yield from self._handle(items) if items else ()
        except Exception as raised:  # noqa: BLE001 - counted and logged for each that is left, and delivered again
            failure = raised
        yield from repeat(failure)

    def settle(self, record: Record[T], outcome: Outcome) -> Outcome:
        """Say what became of a record, and set a rejected one aside.

        Gives the report, or why it must be delivered again. Raises neither: many records may share a failure.
        """
        self._counts["EventsReceived"] += 1
        if not isinstance(outcome, (Mapping, Exception)):
            outcome = TypeError(f"the handler gave {type(outcome).__name__}, which is no outcome")
        if isinstance(outcome, Rejected):
            try:
                return self._reject(record, outcome)
            except Exception as failure:  # noqa: BLE001 - what is not set aside is delivered again
                outcome = failure
        if isinstance(outcome, Exception):
            self._counts["EventsFailed"] += 1
            told = _told(record, {"outcome": "failed", "reason": str(outcome)})
            expected = isinstance(outcome, Retryable | Permanent)  # says all there is to say itself
            self._logger.error("event failed", exc_info=None if expected else outcome, extra=told)
            return outcome
        key = outcome.get("incident_key")
        correlation = {"correlation_id": key} if key else {}
        self._logger.info("event handled", extra=_told(record, {**correlation, **outcome}))
        return outcome

    def _reject(self, record: Record[T], rejection: Rejected) -> Report:
        self._dead_letters.set_aside(record.body, event_id=record.event_id, reason=str(rejection))
        self._counts["EventsRejected"] += 1
        report = {"outcome": "rejected", "field": rejection.field, "reason": str(rejection)}
        self._logger.warning("event rejected", extra=_told(record, report))
        return report


def _told(record: Record[T], report: Report) -> dict[str, Any]:
    """What a log line says: which record, and what became of it, in texts of a line and of bounded length each."""
    told = {name: one_line(value, MOST_TOLD) if isinstance(value, str) else value for name, value in report.items()}
    return {"event_id": record.event_id, **told}

"""How long a full queue takes to drain under AWS's quotas: a simulation, without AWS, the same every time.

Containers of a function run at once. Each takes a batch, and makes the calls that its handler makes for one, in their
order, one after the other. A call waits for the pace that the handlers keep (:class:`~responder.aws.pace.Pace`, their
own code), then for a token of its quota, whose bucket all containers share, and then takes the time of an exchange.

Whoever waits for a token gets the next one: no throttled attempt is wasted, and nothing is given up. That favours
whoever calls more, the function of one event an invocation that the drain is compared with.
"""

import heapq
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat

from responder.aws import organization, security_hub
from responder.aws.pace import Pace, Quota

MAXIMUM_INVOCATION_BYTES = 6 * 1024 * 1024
"""What an invocation carries at most. Source: Lambda, quotas."""

MEGABYTES_PER_CPU = 1769
"""Of memory that come with a whole processor. Source: Lambda developer guide, "Configure Lambda function memory"."""

UNPACED_CONTAINERS = 1000
"""Of a function that is invoked for each event. Source: Lambda, quotas: an account's concurrency."""


_OF_ACCOUNTS = {"GetAlternateContact": "account"}

QUOTAS: Mapping[str, Quota] = {
    **{f"securityhub:{operation}": quota for operation, quota in security_hub.QUOTAS.items()},
    **{
        f"{_OF_ACCOUNTS.get(operation, 'organizations')}:{operation}": quota
        for operation, quota in organization.QUOTAS.items()
    },
}
"""Operations that are not here, DynamoDB's and STS's, admit far more than these leave to ask."""

SECONDS_PER_CALL = {"dynamodb": 0.01}
SECONDS_PER_OTHER_CALL = 0.2
"""Of an exchange, by service: assumed. AWS promises none."""


class TokenBucket:
    """Admits calls as AWS's throttling does: a bucket of ``burst`` tokens, full at time 0, filled at ``rate`` a second.

    >>> bucket = TokenBucket(Quota(rate=10, burst=30))
    >>> round([bucket.take(0) for _ in range(130)][-1], 9)
    10.0
    """

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._tokens = quota.burst
        self._at = 0.0

    def take(self, at: float) -> float:
        """When a token that is asked for ``at`` that time is had. Who asked before is served before."""
        now = max(at, self._at)
        tokens = min(self._quota.burst, self._tokens + (now - self._at) * self._quota.rate)
        if tokens < 1:
            now += (1 - tokens) / self._quota.rate
            tokens = 1.0
        self._at, self._tokens = now, tokens - 1
        return now


@dataclass(frozen=True, slots=True)
class Batch:
    """An invocation: the operations that its handler calls, in their order, and its own time in seconds."""

    calls: Sequence[str]
    own_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a function gets its events, and how it keeps to the quotas.

    Attributes
    ----------
    paces
        What all containers together allow themselves, by operation; of none that waits for nothing.
    """

    batch_size: int
    window_seconds: float
    containers: int
    memory_megabytes: int
    paces: Mapping[str, Quota]

    def events_per_batch(self, record_bytes: int) -> int:
        """How many records of that size an invocation takes of a full queue.

        >>> Settings(2000, 30, 2, 1024, {}).events_per_batch(6 * 1024)
        1024
        """
        return max(1, min(self.batch_size, MAXIMUM_INVOCATION_BYTES // record_bytes))

    def own_seconds(self, milliseconds_per_event: float, events: int) -> float:
        """What handling so many events takes of a container's part of a processor, the AWS calls not counted."""
        return milliseconds_per_event / 1000 * events * max(1.0, MEGABYTES_PER_CPU / self.memory_megabytes)


def drain_seconds(batches: Iterable[Batch], settings: Settings) -> float:
    """Seconds from a full queue to an empty one: until the last of these batches is done, the window before the first.

    A queue that is full fills a batch at once, so that the window counts once.
    """
    buckets = {operation: TokenBucket(quota) for operation, quota in QUOTAS.items()}
    backlog = iter(batches)
    containers = [_container(backlog, buckets, settings) for _ in range(settings.containers)]
    moments: list[tuple[float, int]] = [(settings.window_seconds, number) for number in range(len(containers))]
    for container in containers:
        next(container)
    end = 0.0
    while moments:
        now, number = heapq.heappop(moments)
        try:
            heapq.heappush(moments, (containers[number].send(now), number))
        except StopIteration:
            end = max(end, now)
    return end


def _container(
    backlog: Iterator[Batch], buckets: Mapping[str, TokenBucket], settings: Settings
) -> Generator[float, float, None]:
    """Handles batch after batch. Yields when it goes on, and gets that moment when it has come."""
    now = yield 0.0
    paced = _Paced(settings)
    for batch in backlog:
        now = yield now + batch.own_seconds
        for operation in batch.calls:
            now = yield paced.due(operation, now)
            admitted = buckets[operation].take(now) if operation in buckets else now
            now = yield admitted + SECONDS_PER_CALL.get(operation.partition(":")[0], SECONDS_PER_OTHER_CALL)


class _Paced:
    """The handlers' own pace, in simulated time."""

    _START = datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self, settings: Settings) -> None:
        self._operations = settings.paces.keys()
        self._now = self._START
        self._waits = 0.0
        self._pace = Pace.share(
            settings.paces, of=settings.containers, clock=lambda: self._now, sleep=self._note_waiting
        )

    def due(self, operation: str, now: float) -> float:
        if operation not in self._operations:
            return now
        self._now, self._waits = self._START + timedelta(seconds=now), 0.0
        self._pace.wait(operation)
        return now + self._waits

    def _note_waiting(self, seconds: float) -> None:
        self._waits = seconds


def split(events: int, per_batch: int, batch: Callable[[int], Batch]) -> Iterator[Batch]:
    """The batches of so many events."""
    for start in range(0, events, per_batch):
        yield batch(min(per_batch, events - start))


def one_by_one_seconds(events: int, calls: Sequence[str]) -> float:
    """The time of a function that is invoked for each event, and makes these calls for it."""
    each = Settings(batch_size=1, window_seconds=0, containers=UNPACED_CONTAINERS, memory_megabytes=1769, paces={})
    return drain_seconds(repeat(Batch(calls), events), each)

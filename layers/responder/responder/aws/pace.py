"""Keeps calls below a quota: an operation's calls wait here instead of being throttled."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple


class Quota(NamedTuple):
    """Calls that an operation admits: steadily a second, and at once after a rest, as AWS's token buckets do."""

    rate: float
    burst: float


class Pace:
    """Admits each operation at its quota's rate, and up to its burst at once after a rest.

    Each container has its own: AWS's quotas divided by how many containers of its function may run at once. Functions
    do not share them: two that are busy with the same operation are throttled, and botocore tries again.
    """

    def __init__(
        self, quotas: Mapping[str, Quota], *, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self._intervals = {operation: timedelta(seconds=1 / quota.rate) for operation, quota in quotas.items()}
        self._credits = {
            operation: max(quota.burst - 1, 0) * self._intervals[operation] for operation, quota in quotas.items()
        }
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, datetime] = {}

    @classmethod
    def share(
        cls,
        quotas: Mapping[str, Quota],
        *,
        of: float,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> "Pace":
        """The pace of one of so many containers."""
        shares = {operation: Quota(quota.rate / of, quota.burst / of) for operation, quota in quotas.items()}
        return cls(shares, clock=clock, sleep=sleep)

    def wait(self, operation: str) -> None:
        """Return when the operation may be called. Raises KeyError for one without a quota."""
        now = self._clock()
        earliest = now - self._credits[operation]
        due = max(self._next.get(operation, earliest), earliest)
        if due > now:
            self._sleep((due - now).total_seconds())
        self._next[operation] = due + self._intervals[operation]

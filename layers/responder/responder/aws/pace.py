"""Keeps calls below a quota: an operation's calls are spread out instead of throttled."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta


class Pace:
    """Admits each operation so many times a second, evenly.

    Each container has its own: AWS's rates divided by how many containers may run at once.
    """

    def __init__(
        self, per_second: Mapping[str, float], *, clock: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self._intervals = {operation: timedelta(seconds=1 / rate) for operation, rate in per_second.items()}
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, datetime] = {}

    @classmethod
    def share(
        cls,
        per_second: Mapping[str, float],
        *,
        of: float,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> "Pace":
        """The pace of one of so many containers."""
        return cls({operation: rate / of for operation, rate in per_second.items()}, clock=clock, sleep=sleep)

    def wait(self, operation: str) -> None:
        """Return when the operation may be called. Raises KeyError for one without a rate."""
        now = self._clock()
        due = self._next.get(operation, now)
        if due > now:
            self._sleep((due - now).total_seconds())
        self._next[operation] = max(due, now) + self._intervals[operation]

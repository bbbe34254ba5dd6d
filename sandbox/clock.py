"""Simulated time: it follows the events, and nothing ever waits.

Recorded logs behave as they did then: leases, windows, back-off and visibility time-outs all run on the events' own
time, in handlers, botocore, Powertools and moto alike.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Self

if "pytest" in sys.modules:
    import time_machine
else:
    sys.modules["pytest"] = None  # type: ignore[assignment] # it would import it, which takes a quarter of a second
    import time_machine

    del sys.modules["pytest"]

BEFORE_ANY_EVENT = datetime(2006, 1, 1, tzinfo=UTC)
"""Where time starts: the stacks are deployed before the first event, whatever its age."""

AFTER_ANY_EVENT = datetime(2200, 1, 1, tzinfo=UTC)
"""Times from here on are mistakes, not events; time-machine itself ends in 2262."""


class Clock:
    """Monotonic time in UTC, in whole milliseconds, as the whole process sees it between `start` and `stop`.

    It moves only when it is told to: to an event's time (`follow`), by simulated work (`advance`), or because something
    sleeps. `time.sleep` returns at once, later. `time.perf_counter` stays real.
    """

    def __init__(self, start: datetime = BEFORE_ANY_EVENT) -> None:
        self._now = _whole_milliseconds(start)
        self._deadline: tuple[datetime, BaseException] | None = None
        self._travel = time_machine.travel(self._now, tick=False)
        self._traveller: time_machine.Traveller | None = None
        self._real_sleep = time.sleep

    def start(self) -> Self:
        self._traveller = self._travel.start()
        time.sleep = self.sleep  # type: ignore[assignment] # botocore, urllib3 and Powertools all call it through the module
        return self

    def stop(self) -> None:
        time.sleep = self._real_sleep
        self._travel.stop()
        self._traveller = None

    @property
    def now(self) -> datetime:
        return self._now

    def follow(self, moment: datetime) -> None:
        """Move on to `moment`; never back, and not to a time that no event can have."""
        if self._now < moment < AFTER_ANY_EVENT:
            self._move(_whole_milliseconds(moment))

    def advance(self, seconds: float) -> None:
        """Let time pass, rounded up to a millisecond. At most up to the deadline, whose exception is then raised."""
        moment = self._now + timedelta(milliseconds=math.ceil(round(seconds * 1000, 6)))
        if self._deadline is not None and moment >= self._deadline[0]:
            moment, exception = self._deadline
            self._move(max(moment, self._now))
            raise exception
        self._move(moment)

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.advance(seconds)

    @contextmanager
    def deadline(self, moment: datetime, exception: BaseException) -> Iterator[None]:
        """Within it, time that reaches `moment` raises `exception` wherever it passes."""
        self._deadline = (moment, exception)
        try:
            yield
        finally:
            self._deadline = None

    def _move(self, moment: datetime) -> None:
        self._now = min(moment, AFTER_ANY_EVENT)
        if self._traveller is not None:
            self._traveller.move_to(self._now)


def parse_time(text: object) -> datetime | None:
    """The moment that an ISO 8601 text names, UTC unless it says otherwise; None for anything else.

    >>> parse_time("2026-03-01T08:15:30Z")
    datetime.datetime(2026, 3, 1, 8, 15, 30, tzinfo=datetime.timezone.utc)
    >>> parse_time("yesterday") is None
    True
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_time(moment: datetime) -> str:
    """As AWS writes it: `2026-03-01T08:15:30Z`, with milliseconds only where there are any."""
    moment = moment.astimezone(UTC)
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.removesuffix("+00:00") + "Z"


def _whole_milliseconds(moment: datetime) -> datetime:
    # SQS keeps time in milliseconds; a finer clock would put a message before the moment it was sent.
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

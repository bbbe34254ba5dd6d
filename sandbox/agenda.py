"""What is due next, of everything that waits in the sandbox's world.

Looking at a queue takes as many steps as it holds messages. A queue is therefore looked at only when what was seen of
it may no longer hold: n messages that arrive one by one in one batch take n steps, not n².
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from .clock import Clock
from .pollers import Poller


class Task(Protocol):
    """What an agenda keeps: it says when it is due, whether that is at once, and does it."""

    def due(self) -> datetime | None: ...

    def is_full(self) -> bool: ...

    def poll(self) -> bool: ...


class Agenda:
    """All tasks; of those due at the same moment the one that was added first comes first.

    Whoever adds to a queue, or works on anything else than through the tasks, says so: `arrived`, `look_again`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: list[Task] = []
        self._watches: dict[str, _Watch] = {}

    def add(self, task: Task) -> None:
        self._tasks.append(task)

    def add_poller(self, poller: Poller, *, queue_arn: str, batch_size: int) -> None:
        self._watches[queue_arn] = watch = _Watch(poller, batch_size, self._clock)
        self.add(watch)

    def arrived(self, queue_arn: str) -> None:
        """A message is about to be put on a queue."""
        if watch := self._watches.get(queue_arn):
            watch.message_arrived()

    def look_again(self) -> None:
        """Queues may have changed in any way."""
        for watch in self._watches.values():
            watch.forget()

    def next(self) -> tuple[datetime, Task] | None:
        """When something is due next, not before now, and what; None when nothing waits."""
        earliest: tuple[datetime, Task] | None = None
        for task in self._tasks:
            moment = task.due()
            if moment is not None and (earliest is None or moment < earliest[0]):
                earliest = (moment, task)
        return earliest

    def full(self) -> Iterator[Task]:
        """The tasks that cannot wait, whatever the time; each until it can."""
        for task in self._tasks:
            while task.is_full():
                yield task

    def do(self, task: Task) -> bool:
        """Do what is due; whether there was anything. A function may have run, and have changed any queue."""
        done = task.poll()
        self.look_again()
        return done


class _Watch:
    """A poller, and what was last seen of its queue."""

    def __init__(self, poller: Poller, batch_size: int, clock: Clock) -> None:
        self._poller = poller
        self._batch_size = batch_size
        self._clock = clock
        self._known = False
        self._due: datetime | None = None
        self._ready = 0
        self._changes: datetime | None = None

    def due(self) -> datetime | None:
        self._look()
        return None if self._due is None else max(self._due, self._clock.now)

    def is_full(self) -> bool:
        self._look()
        return self._ready >= self._batch_size

    def poll(self) -> bool:
        return self._poller.poll()

    def forget(self) -> None:
        self._known = False

    def message_arrived(self) -> None:
        """The window of a batch runs from its first message: another one changes nothing until the batch is full."""
        self._ready += 1
        if not 1 < self._ready < self._batch_size:
            self.forget()

    def _look(self) -> None:
        if self._known and (self._changes is None or self._clock.now < self._changes):
            return
        peek = self._poller.queue.peek(self._clock.now)
        self._ready, self._changes = peek.ready, peek.next_ready
        self._due = self._poller.due()
        self._known = True

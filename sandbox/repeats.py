"""Batches that come again although a function has handled them: SQS and Lambda deliver at least once.

Messages are deleted, and how far a stream was read is noted, only after the function has returned; when that gets lost,
Lambda begins again with what it believes to be undone.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

MOST_RECEIVES = 3
"""A message that was received as often is deleted, so that no repeat brings a handled one into a dead-letter queue."""

REMEMBERED = timedelta(hours=1)
"""With a batch of a stream, those come again that were handled so little before it: records do not grow too old."""


class Repeats:
    """`queues` and `streams` are the shares (0 to 1) of the handled batches that come again.

    Which of a queue's or stream's batches do follows from the seed and from nothing else.
    """

    def __init__(self, *, queues: float = 0, streams: float = 0, seed: int = 0) -> None:
        self.injected: Counter[str] = Counter()
        """How many batches came again, by the queue or the stream."""

        self._queues = queues
        self._streams = streams
        self._seed = seed
        self._draws: dict[str, random.Random] = {}

    def of_queue(self, name: str) -> bool:
        """Whether the batch of a queue that was just handled comes again."""
        return self._strikes(name, self._queues)

    def of_stream(self, name: str) -> bool:
        """Whether the batch of a stream that was just handled comes again."""
        return self._strikes(name, self._streams)

    def _strikes(self, name: str, rate: float) -> bool:
        if not rate:
            return False
        if (draws := self._draws.get(name)) is None:
            draws = self._draws[name] = random.Random(f"{self._seed}/{name}")
        struck = draws.random() < rate
        self.injected[name] += struck
        return struck

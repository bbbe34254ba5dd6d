"""What an operation's calls wait for."""

from datetime import UTC, datetime, timedelta

import pytest

from responder.aws.pace import Pace, Quota

START = datetime(2026, 3, 2, tzinfo=UTC)


class World:
    """A pace, whose waits pass the world's time."""

    def __init__(self, quota: Quota, *, containers: float = 1) -> None:
        self.now = START
        self._pace = Pace.share({"GetFindings": quota}, of=containers, clock=lambda: self.now, sleep=self.rest)

    def rest(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def calls(self, number: int, *, seconds: float = 0) -> list[float]:
        """When so many calls begin that take so long each, one after the other, in seconds since the start."""
        begun: list[float] = []
        for _ in range(number):
            self._pace.wait("GetFindings")
            begun.append((self.now - START).total_seconds())
            self.rest(seconds)
        return begun


def test_calls_that_take_no_time_begin_at_the_rate_after_the_burst() -> None:
    assert World(Quota(2, 1)).calls(4) == [0, 0.5, 1, 1.5]
    assert World(Quota(2, 3)).calls(6) == [0, 0, 0, 0.5, 1, 1.5]


def test_calls_that_take_longer_than_the_rate_asks_for_wait_for_nothing() -> None:
    assert World(Quota(2, 1)).calls(3, seconds=0.75) == [0, 0.75, 1.5]


def test_a_rest_gives_no_more_than_the_burst() -> None:
    world = World(Quota(2, 3))
    world.calls(5)
    world.rest(100)

    rested = (world.now - START).total_seconds()
    assert [begun - rested for begun in world.calls(5)] == [0, 0, 0, 0.5, 1]


@pytest.mark.parametrize("containers", [2, 3, 7])
def test_containers_together_keep_to_the_quota(containers: int) -> None:
    quota = Quota(3, 21)
    begun = [begun for _ in range(containers) for begun in World(quota, containers=containers).calls(30)]

    for end in begun:
        assert sum(other <= end for other in begun) <= quota.burst + quota.rate * end + 1e-3


def test_a_share_of_less_than_a_call_is_a_call() -> None:
    assert World(Quota(2, 2), containers=4).calls(3) == [0, 2, 4]

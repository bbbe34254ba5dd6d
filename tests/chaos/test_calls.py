"""AWS calls that fail, and everything at once: the end is that of a run without faults."""

from datetime import timedelta

import pytest

from tests.chaos.conftest import Judge
from tests.chaos.runs import Chaos, run
from tests.chaos.worlds import World

ITEMS = (
    "dynamodb:BatchGetItem=0.5:UnprocessedKeys",
    "dynamodb:BatchWriteItem=0.5:UnprocessedItems",
    "securityhub:BatchUpdateFindings=0.3:ConcurrentUpdateError",
    "securityhub:BatchUpdateFindings=0.3:InternalFailure",
)

FAULTS = {
    "throttling": ("*:*=0.3",),
    "5xx": ("*:*=0.2:InternalServerError", "*:*=0.2:ServiceUnavailable"),
    "timeouts": ("*:*=0.2:Timeout",),
    "lost answers": ("*:*=0.3:LostResponse",),
    "partial failures": ITEMS,
}

EVERYTHING = Chaos(
    faults=("*:*=0.08", "*:*=0.08:InternalServerError", "*:*=0.04:Timeout", "*:*=0.08:LostResponse", *ITEMS),
    duplicate=2,
    shuffled=True,
    late_by=timedelta(hours=2),
    queues_repeat=0.3,
    streams_repeat=0.3,
    visible_after=timedelta(minutes=3),
)


@pytest.mark.long_form
@pytest.mark.seeds(short=[], long=range(2))
@pytest.mark.parametrize("kind", FAULTS)
def test_calls_that_fail_change_nothing(kind: str, world: World, seed: int, judge: Judge) -> None:
    judge(kind, world, run(world, Chaos(faults=FAULTS[kind]), seed))


@pytest.mark.seeds(short=[1], long=range(1, 4))
def test_everything_at_once_changes_nothing(world: World, seed: int, judge: Judge) -> None:
    judge("everything at once", world, run(world, EVERYTHING, seed))

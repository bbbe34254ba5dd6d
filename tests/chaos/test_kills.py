"""A container killed between any two AWS calls, or after the last: what it left undone is done by another one."""

import pytest

from tests.chaos.conftest import Judge
from tests.chaos.runs import KILLED_EVERY, Chaos, run
from tests.chaos.worlds import World


@pytest.mark.seeds(short=[7], long=range(KILLED_EVERY))
def test_a_kill_between_two_calls_changes_nothing(world: World, seed: int, judge: Judge) -> None:
    made = run(world, Chaos(kill_after=seed), seed)

    judge("killed containers", world, made)
    assert made.kills

"""Deliveries that are late, repeated, out of order, or stamped by a wrong clock; and changes that show late."""

from datetime import timedelta

import pytest

from tests.chaos.conftest import Judge
from tests.chaos.runs import Chaos, run
from tests.chaos.worlds import WORLDS, World

BY_EVENTS = [name for name, world in WORLDS.items() if world.by_events]
BY_EVENTS_AND_ONE_IN_THE_SHORT_FORM = [
    pytest.param(name, marks=() if name == "incidents-OpsCenter" else pytest.mark.long_form) for name in BY_EVENTS
]
WITH_SIGNALS = ["findings", "threats"]
WITH_FINDINGS = [*WITH_SIGNALS, "sweeps"]


@pytest.mark.long_form
@pytest.mark.seeds(short=[], long=range(2))
def test_duplicates_change_nothing(world: World, seed: int, judge: Judge) -> None:
    judge("duplicates", world, run(world, Chaos(duplicate=3), seed))


@pytest.mark.long_form
@pytest.mark.seeds(short=[], long=range(3))
@pytest.mark.parametrize("world", BY_EVENTS, indirect=True)
def test_disorder_changes_nothing(world: World, seed: int, judge: Judge) -> None:
    judge("shuffled deliveries", world, run(world, Chaos(shuffled=True), seed))


@pytest.mark.long_form
@pytest.mark.seeds(short=[], long=range(3))
@pytest.mark.parametrize("world", BY_EVENTS, indirect=True)
def test_delays_change_nothing(world: World, seed: int, judge: Judge) -> None:
    made = run(world, Chaos(late_by=timedelta(hours=12)), seed)

    judge("delayed deliveries", world, made)
    assert made.injected["late"]


@pytest.mark.long_form
@pytest.mark.seeds(short=[], long=range(2))
def test_batches_that_come_again_after_success_change_nothing(world: World, seed: int, judge: Judge) -> None:
    made = run(world, Chaos(queues_repeat=0.6), seed)

    judge("redelivered SQS batches", world, made)
    assert made.injected["repeated batches"]


@pytest.mark.long_form
@pytest.mark.seeds(short=[], long=range(3))
@pytest.mark.parametrize("world", WITH_SIGNALS, indirect=True)
def test_replayed_stream_batches_change_nothing(world: World, seed: int, judge: Judge) -> None:
    made = run(world, Chaos(streams_repeat=0.8), seed)

    judge("replayed stream batches", world, made)
    assert made.injected["repeated batches"]


@pytest.mark.long_form
@pytest.mark.seeds(short=[], long=range(3))
@pytest.mark.parametrize("world", WITH_FINDINGS, indirect=True)
def test_changes_that_show_late_change_nothing(world: World, seed: int, judge: Judge) -> None:
    chaos = Chaos(visible_after=timedelta(minutes=2 + 4 * seed), duplicate=2)

    made = run(world, chaos, seed)

    judge("updates that show late", world, made)
    assert made.injected["updates that show late"]


@pytest.mark.seeds(short=[0], long=range(3))
@pytest.mark.parametrize("world", BY_EVENTS_AND_ONE_IN_THE_SHORT_FORM, indirect=True)
def test_clocks_that_are_wrong_change_nothing_but_times(world: World, seed: int, judge: Judge) -> None:
    """Two minutes either way: more than AWS's producers are ever apart, less than between any two causes here."""
    made = run(world, Chaos(skew=timedelta(minutes=2)), seed)

    judge("clock skew", world, made, clocks_right=False)
    assert made.injected["skewed"]

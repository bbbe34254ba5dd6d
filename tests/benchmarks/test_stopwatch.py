"""Replays of an invocation: the same calls, AWS's recorded answers, and nothing of it in AWS."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.stopwatch import Timed, replay, timed_invocations
from benchmarks.workload import HUB, queue_batch, root_calls
from sandbox.clock import Clock
from sandbox.functions import Container, Function
from sandbox.world import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(HUB) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def function(sandbox: Sandbox) -> Function:
    return sandbox.function("open_incident")


@pytest.fixture(scope="module")
def recorded(function: Function) -> Timed:
    with timed_invocations() as done:
        function.invoke(queue_batch(root_calls(2)))
    (timed,) = done
    return timed


def test_a_replay_makes_the_same_calls_and_reaches_nothing(
    sandbox: Sandbox, function: Function, recorded: Timed
) -> None:
    attempts = sandbox.calls.attempts.total()

    replays = replay(function, recorded, times=3)

    assert sandbox.calls.attempts.total() == attempts > 0
    assert [timed.calls for timed in replays] == [recorded.calls] * 3
    assert all(timed.own_seconds > 0 for timed in replays)
    assert "ssm-incidents:StartIncident" in {call.name for call in recorded.calls}  # the event is taken for a new one


@pytest.mark.parametrize("change", ["one less", "one more", "another"])
def test_a_replay_that_asks_for_something_else_is_an_error(function: Function, recorded: Timed, change: str) -> None:
    first, *rest = recorded.calls
    calls = {
        "one less": recorded.calls[:-1],
        "one more": [*recorded.calls, first],
        "another": [first._replace(name="s3:GetObject"), *rest],
    }[change]

    with pytest.raises(RuntimeError, match="open_incident, replayed, asks for"):
        replay(function, Timed(recorded.function, recorded.payload, calls=calls), times=1)


def test_what_the_sandbox_does_while_a_function_sleeps_is_not_its_time(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = 0.0

    def advance(clock: Clock, seconds: float) -> None:
        nonlocal spent
        spent += 100.0

    def handle(container: Container, payload: str, context: Any) -> None:
        nonlocal spent
        spent += 1.0
        time.sleep(60)
        spent += 2.0

    monkeypatch.setattr("benchmarks.stopwatch.time", SimpleNamespace(thread_time=lambda: spent))
    monkeypatch.setattr(Clock, "advance", advance)
    monkeypatch.setattr(Container, "handle", handle)

    with timed_invocations() as done:
        function.invoke({})

    assert spent > 100.0
    assert [timed.own_seconds for timed in done] == [3.0]

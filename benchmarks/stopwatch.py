"""What an invocation in the sandbox takes of the processor, and what it asks of AWS.

Time is the thread's own on the processor, so that what else runs on the machine does not count. An invocation's begins
with the JSON that Lambda hands over and ends with the handler's answer. Left out of it are calls of boto3's clients,
from the method's beginning to its end, and so all of moto, and what the sandbox does to let time pass where the
function sleeps.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import patch

from botocore.client import BaseClient

from sandbox.clock import Clock
from sandbox.functions import Container, Function


class Call(NamedTuple):
    """A call of a client's method, with its answer. `name` is `service:operation`, as the sandbox has it."""

    name: str
    answer: Any


@dataclass
class Timed:
    """An invocation. `own_seconds` are on the processor, outside AWS calls."""

    function: str
    payload: str
    own_seconds: float = 0.0
    calls: list[Call] = field(default_factory=list)


AnswerCall = Callable[[Any, str, Any], Any]
"""Answers a call: its client, operation and parameters are given, as to `BaseClient._make_api_call`."""


@contextmanager
def timed_invocations(answer_call: AnswerCall | None = None) -> Iterator[list[Timed]]:
    """Within it, the list grows by each invocation that ends in a sandbox. One of them runs at a time.

    Calls are answered by `answer_call`, if it is given, instead of by boto3.
    """
    done: list[Timed] = []
    running: list[Timed] = []
    handle, call_api = Container.handle, BaseClient._make_api_call
    depth = 0

    def timed_handle(container: Container, payload: str, context: Any) -> Any:
        timed = Timed(container.name, payload)
        running.append(timed)
        start = time.thread_time()
        try:
            return handle(container, payload, context)
        finally:
            timed.own_seconds += time.thread_time() - start
            done.append(running.pop())

    def left_out(work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            nonlocal depth
            start = time.thread_time()
            depth += 1
            try:
                return work(*arguments)
            finally:
                depth -= 1
                if running and not depth:  # what is within is part of it: a call to assume a role, the time of a call
                    running[-1].own_seconds -= time.thread_time() - start

        return timed

    def answered(client: Any, operation: str, parameters: Any) -> Any:
        if not running or depth > 1:
            return call_api(client, operation, parameters)
        answer = (answer_call or call_api)(client, operation, parameters)
        running[-1].calls.append(Call(call_name(client, operation), answer))
        return answer

    with (
        patch.object(Container, "handle", timed_handle),
        patch.object(BaseClient, "_make_api_call", left_out(answered)),
        patch.object(Clock, "advance", left_out(Clock.advance)),
    ):
        yield done


def call_name(client: Any, operation: str) -> str:
    return f"{client.meta.service_model.service_name}:{operation}"


def replay(function: Function, recorded: Timed, *, times: int) -> list[Timed]:
    """Invoke a function so many times with what it got before, and answer its calls as they were answered then.

    Raises
    ------
    RuntimeError
        When it does not make the same calls in the same order again, or does not settle the batch.
    """
    gc.collect()
    gc.freeze()  # what the collector goes through is what the function makes, and not what moto and the sandbox hold
    try:
        return [_replayed(function, recorded) for _ in range(times)]
    finally:
        gc.unfreeze()


def _replayed(function: Function, recorded: Timed) -> Timed:
    tape = iter(deepcopy(recorded.calls))  # whoever changes an answer changes it for this time only

    def answer_call(client: Any, operation: str, _: Any) -> Any:
        name, answer = next(tape, ("nothing", None))
        if name != call_name(client, operation):
            differences.append(f"{call_name(client, operation)} and not {name}")
            raise RuntimeError(f"asks for {differences[-1]}")
        return answer

    differences: list[str] = []
    with timed_invocations(answer_call) as done:
        invocation = function.invoke_json(recorded.payload)
    differences += (f"no {call.name} any more" for call in tape)
    if differences:
        raise RuntimeError(f"{function.name}, replayed, asks for {differences[0]}")
    if invocation.error is not None or invocation.response != {"batchItemFailures": []}:
        raise RuntimeError(f"{function.name}, replayed, failed: {invocation.error or invocation.response}")
    (timed,) = done
    return timed

"""What an invocation in the sandbox takes of the processor, and what it asks of AWS.

Time is the thread's own on the processor, so that what else runs on the machine does not count. An invocation's begins
with the JSON that Lambda hands over and ends with the handler's answer; calls of boto3's clients, from the method's
beginning to its end, and so all of moto and the sandbox, are left out of it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import patch

from botocore.client import BaseClient

from sandbox.functions import Container


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


@contextmanager
def timed_invocations() -> Iterator[list[Timed]]:
    """Within it, the list grows by each invocation that ends in a sandbox. One of them runs at a time."""
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

    def timed_call(client: Any, operation: str, parameters: Any) -> Any:
        nonlocal depth
        if not running or depth:  # a call within a call, to assume a role, is part of it
            return call_api(client, operation, parameters)
        depth, start = 1, time.thread_time()
        try:
            answer = call_api(client, operation, parameters)
            running[-1].calls.append(Call(f"{client.meta.service_model.service_name}:{operation}", answer))
            return answer
        finally:
            running[-1].own_seconds -= time.thread_time() - start
            depth = 0

    replaced: list[tuple[Any, str, Callable[..., Any]]] = [
        (Container, "handle", timed_handle),
        (BaseClient, "_make_api_call", timed_call),
    ]
    with patch.object(*replaced[0]), patch.object(*replaced[1]):
        yield done

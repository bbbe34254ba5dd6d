"""The one gate that every AWS call of this process passes, ahead of moto.

It counts what functions ask of AWS, lets simulated time pass, tells whoever watches, and sees to it that nothing leaves
the machine. Faults are injected here, attempt by attempt.

botocore gives each new session the handlers in `BUILTIN_HANDLERS`, moto's among them; the gate takes moto's place in
that list and passes on to it, so it works for clients that handlers create, whenever and however they do.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.handlers import BUILTIN_HANDLERS
from botocore.model import OperationModel
from moto.core.models import botocore_stubber

from .clock import Clock
from .faults import Attempt, Faults

SECONDS_PER_ATTEMPT = 0.02
"""Simulated time of one HTTP exchange with an AWS service."""


class ContainerKilled(BaseException):
    """A function's container is gone: no code of it goes on, and its next invocation starts cold."""


class UnreachableServiceError(Exception):
    """A request that moto does not serve. It is not sent: the sandbox never leaves the machine."""


@dataclass(frozen=True, slots=True)
class AwsCall:
    """A call that a function makes, retries included. Names are boto3's: `securityhub`, `BatchUpdateFindings`."""

    function: str
    service: str
    operation: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


Moment = Literal["before", "after"]
Subscriber = Callable[[Moment, AwsCall], None]
Observer = Callable[[AwsCall, AWSPreparedRequest], None]


class Caller(Protocol):
    """Who makes the calls: a function's container."""

    name: str
    killed: ContainerKilled | None


@dataclass(frozen=True, slots=True)
class _Begun:
    call: AwsCall
    model: OperationModel
    read_timeout_seconds: float


class Calls:
    """Watches the AWS calls of one sandbox between `start` and `stop`.

    `attempts` counts every HTTP attempt of functions by `service:operation`; the sandbox's own calls do not count.
    `faults` strike functions' attempts only.
    """

    def __init__(self, clock: Clock, faults: Faults | None = None) -> None:
        self.attempts: Counter[str] = Counter()
        self.faults = faults or Faults()
        self._clock = clock
        self._subscribers: list[Subscriber] = []
        self._observers: list[Observer] = []
        self._caller: Caller | None = None
        self._threads = threading.local()

    def start(self) -> None:
        global _running
        if _running is not None:
            raise RuntimeError("another sandbox is running in this process")
        _running = self

    def stop(self) -> None:
        global _running
        _running = None

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell `subscriber` before and after each call of a function; the returned function ends that.

        "before" comes ahead of the first attempt, "after" when AWS has acted (also when it answered with an error).
        A subscriber that raises `ContainerKilled` ends the invocation there. Calls that it makes itself do not count.
        """
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Show `observer` each attempt of a function's call as it goes out, signed; the returned function ends that.

        Attempts that a fault strikes go out too. The observer only looks: it makes no calls, and changes nothing.
        """
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    @contextmanager
    def made_by(self, caller: Caller) -> Iterator[None]:
        """Count and announce calls as `caller`'s."""
        self._caller = caller
        self._under_way.clear()  # what a killed container had begun never ends
        try:
            yield
        finally:
            self._caller = None

    @property
    def _under_way(self) -> list[_Begun]:
        """The calls of this thread that have begun; to make one, botocore may make another: to assume a role."""
        calls: list[_Begun] = self._threads.__dict__.setdefault("under_way", [])
        return calls

    def begin(self, call: AwsCall, model: OperationModel, read_timeout_seconds: float) -> None:
        self._under_way.append(_Begun(call, model, read_timeout_seconds))
        self._announce("before", call)

    def end(self) -> None:
        """AWS has answered the call that was begun last."""
        self._announce("after", self._under_way.pop().call)

    def give_up(self) -> None:
        """The call that was begun last got no answer."""
        self._under_way.pop()

    def send(self, request: AWSPreparedRequest, event_name: str) -> AWSResponse:
        """One attempt. For a dead container it raises `ContainerKilled`: no `finally` of it reaches AWS any more."""
        if self._caller is not None:
            with _stays_dead(self._caller):
                begun = self._under_way[-1] if self._under_way else None
                # Where none was announced, botocore's event tells which call it is.
                self.attempts[str(begun.call) if begun else ":".join(event_name.split(".")[1:3])] += 1
                self._clock.advance(SECONDS_PER_ATTEMPT)
                if begun:
                    for observer in tuple(self._observers):
                        observer(begun.call, request)
                    attempt = Attempt(begun.model, request.url, begun.read_timeout_seconds, _body_of(request))
                    answer = partial(_answer_with, request, event_name)
                    return self.faults.exchange(attempt, answer, self._clock.advance)
        return _answer(request, event_name)

    @property
    def caller(self) -> Caller | None:
        return self._caller

    def _announce(self, moment: Moment, call: AwsCall) -> None:
        caller, self._caller = self._caller, None
        try:
            with _stays_dead(caller):
                for subscriber in tuple(self._subscribers):
                    subscriber(moment, call)
        finally:
            self._caller = caller


@contextmanager
def _stays_dead(caller: Caller | None) -> Iterator[None]:
    """Remember that a container was killed, whatever its code does with the exception."""
    if caller is not None and caller.killed is not None:
        raise caller.killed
    try:
        yield
    except ContainerKilled as killed:
        if caller is not None:
            caller.killed = killed
        raise


_running: Calls | None = None


def _is_aws(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _answer(request: AWSPreparedRequest, event_name: str) -> AWSResponse:
    response = botocore_stubber(event_name, request) if _is_aws(request.url) else None
    if response is None:
        raise UnreachableServiceError(f"the sandbox does not serve {request.url}, and nothing may leave this machine")
    return response


def _answer_with(request: AWSPreparedRequest, event_name: str, body: bytes | None) -> AWSResponse:
    """The answer to a request, with another body if one is given."""
    if body is not None:
        headers = copy(request.headers)
        headers["Content-Length"] = str(len(body))
        request = AWSPreparedRequest(request.method, request.url, headers, body, stream_output=False)
    return _answer(request, event_name)


def _body_of(request: AWSPreparedRequest) -> bytes:
    body = request.body
    return body if isinstance(body, bytes) else b""


def _keep_parameters(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["sandbox_parameters"] = params


def _before_call(model: Any, context: dict[str, Any], **_: Any) -> None:
    if _running is not None and (caller := _running.caller) is not None:
        parameters = context.get("sandbox_parameters", {})
        call = AwsCall(caller.name, model.service_model.service_name, model.name, parameters)
        _running.begin(call, model, context.get("read_timeout") or context["client_config"].read_timeout)


def _after_call(**_: Any) -> None:
    if _running is not None and _running.caller is not None:
        _running.end()


def _after_call_error(**_: Any) -> None:
    if _running is not None and _running.caller is not None:
        _running.give_up()


def _before_send(request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
    if _running is None:
        return botocore_stubber(event_name, request)
    return _running.send(request, event_name)


def _take_place_of_moto() -> None:
    BUILTIN_HANDLERS[:] = [entry for entry in BUILTIN_HANDLERS if entry[1] is not botocore_stubber]
    BUILTIN_HANDLERS.extend(
        [
            ("before-parameter-build", _keep_parameters),
            ("before-call", _before_call),
            ("before-send", _before_send),
            ("after-call", _after_call),
            ("after-call-error", _after_call_error),
        ]
    )


_take_place_of_moto()

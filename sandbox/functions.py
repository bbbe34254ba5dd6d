"""Lambda functions, each in a container of its own: its modules, its environment, its log.

What AWS isolates with a micro-VM is isolated here with care: while a container runs, `os.environ`, `sys.path`,
`sys.stdout`, `sys.stderr`, the root logger and the modules from the function's folder and layers are its own; what
comes from site-packages is shared. Containers run one at a time.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid5

import boto3

from .accounts import Accounts
from .calls import Calls, ContainerKilled
from .clock import Clock
from .stacks import FunctionResource

SECONDS_PER_INVOCATION = 0.05
"""Simulated time of an invocation, its AWS calls and its sleeping not counted."""

KEPT_INVOCATIONS = 100
KEPT_LOG_CHARACTERS = 100_000
MAXIMUM_LOG_CHARACTERS = 10_000_000
"""What an invocation writes beyond that is lost, so that a function gone wild cannot fill the memory."""

_REQUEST_IDS = UUID("b9a8a3ce-5d0f-5c5e-8b8b-3f6a7d3a9c11")


class TimedOut(ContainerKilled):
    """The function ran into its time-out, in simulated time."""


@dataclass
class Invocation:
    """What became of one invocation. `error` is None exactly when the function returned."""

    function: str
    request_id: str
    started: datetime
    response: Any = None
    error: str | None = None
    log: str = ""

    @property
    def log_records(self) -> list[dict[str, Any]]:
        """The JSON objects among the log's lines."""
        return list(_json_objects(self.log))


class Function:
    """A deployed function. A container is made when none is left, and kept until it is killed or fails to start."""

    def __init__(self, resource: FunctionResource, *, accounts: Accounts, clock: Clock, calls: Calls) -> None:
        self.resource = resource
        self.name = resource.name
        self.invocations: deque[Invocation] = deque(maxlen=KEPT_INVOCATIONS)
        """The latest, oldest first."""

        self._count = 0
        self._accounts = accounts
        self._clock = clock
        self._calls = calls
        self._container: Container | None = None

    def invoke(self, event: Any) -> Invocation:
        """Run the handler on a fresh copy of the event, as Lambda does, and never raise what it raises."""
        return self.invoke_json(json.dumps(event))

    def invoke_json(self, payload: str) -> Invocation:
        self._count += 1
        request_id = str(uuid5(_REQUEST_IDS, f"{self.name}/{self._count}"))
        invocation = Invocation(self.name, request_id, started=self._clock.now)
        context = Context(self.resource, request_id, clock=self._clock)
        timed_out = TimedOut(f"Task timed out after {self.resource.timeout_seconds:.2f} seconds")
        output = io.StringIO()
        try:
            container = self._warm_container()
            with (
                container.running(output),
                self._calls.made_by(container),
                self._clock.deadline(context.deadline, timed_out),
            ):
                self._clock.advance(SECONDS_PER_INVOCATION)
                response = container.handle(payload, context)
                self._clock.advance(0)  # a handler may have caught the time-out, and gone on
                invocation.response = response
        except ContainerKilled as killed:
            self._discard(killed)
            invocation.error = str(killed) or "the container was killed"
        except SystemExit as exit_:
            self._discard(ContainerKilled("the handler called sys.exit"))
            invocation.error = f"Runtime.ExitError: exit status {exit_.code}"
        except _StartError as failure:
            self._discard(ContainerKilled("the container did not start"))
            invocation.error = str(failure)
            output.write(failure.details)
        except _MarshalError as error:
            invocation.error = str(error)
        except Exception as error:  # noqa: BLE001 - a handler may raise anything, and Lambda reports it
            invocation.error = f"{type(error).__name__}: {error}"
            output.write(traceback.format_exc())
        invocation.log = output.getvalue()
        self._keep(invocation)
        return invocation

    def close(self) -> None:
        self._discard(ContainerKilled("the sandbox was closed"))

    def _warm_container(self) -> Container:
        if self._container is None:
            self._container = Container(self.resource, self._accounts.credentials(self.resource.role_arn))
        return self._container

    def _keep(self, invocation: Invocation) -> None:
        if self.invocations:  # whoever wanted it whole has read it
            self.invocations[-1].log = self.invocations[-1].log[-KEPT_LOG_CHARACTERS:]
        self.invocations.append(invocation)

    def _discard(self, killed: ContainerKilled) -> None:
        if self._container is not None:
            self._container.kill(killed)
            self._container = None


class _StartError(Exception):
    """A container could not import its handler."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"Runtime.ImportModuleError: {type(error).__name__}: {error}")
        self.details = "".join(traceback.format_exception(error))


class _MarshalError(Exception):
    """A handler returned what is not JSON."""


class Container:
    """The process of a function: modules, environment and output of its own."""

    def __init__(self, resource: FunctionResource, credentials: dict[str, str]) -> None:
        self.name = resource.name
        self.killed: ContainerKilled | None = None
        self._resource = resource
        self._environment = _environment(resource, credentials)
        layers = reversed(resource.layers)  # modules come from the uppermost that has them
        self._folders = (resource.folder, *(f for layer in layers for f in (layer / "python", layer)))
        self._own_names = {entry.name.removesuffix(".py") for f in self._folders if f.is_dir() for entry in f.iterdir()}
        self._modules: dict[str, ModuleType] = {}
        self._handler: Callable[[Any, Context], Any] | None = None
        self._default_session: boto3.Session | None = None
        self._loggers_before = set(logging.root.manager.loggerDict)

    def handle(self, payload: str, context: Context) -> Any:
        if self._handler is None:
            self._handler = self._import_handler()
        response = self._handler(json.loads(payload), context)
        if self.killed is not None:  # and the handler caught it: a process that is gone returns nothing
            raise self.killed
        try:
            return json.loads(json.dumps(response))
        except (TypeError, ValueError) as error:
            raise _MarshalError(f"Runtime.MarshalError: Unable to marshal response: {error}") from error

    @contextmanager
    def running(self, output: io.StringIO) -> Iterator[None]:
        """Put the container in the place of this process's own modules, environment and output."""
        environment, path, default_session = dict(os.environ), sys.path[:], boto3.DEFAULT_SESSION
        root_handlers, root_level = logging.root.handlers, logging.root.level
        hidden = self._take_out_own_modules()
        sys.modules.update(self._modules)
        sys.path[:0] = [str(folder) for folder in self._folders]
        boto3.DEFAULT_SESSION = self._default_session
        _replace_environment(self._environment)
        _STDOUT.sink = _STDERR.sink = output
        logging.root.handlers, logging.root.level = [_ROOT_HANDLER], logging.WARNING
        try:
            with redirect_stdout(_STDOUT), redirect_stderr(_STDERR):
                yield
        finally:
            logging.root.handlers, logging.root.level = root_handlers, root_level
            _STDOUT.sink = _STDERR.sink = None
            _replace_environment(environment)
            self._default_session, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, default_session
            sys.path[:] = path
            self._modules = self._take_out_own_modules()
            sys.modules.update(hidden)

    def kill(self, killed: ContainerKilled) -> None:
        """Nothing of the container may act any more; what it left in the process goes."""
        self.killed = killed
        self._forget_loggers()

    def _import_handler(self) -> Callable[[Any, Context], Any]:
        importlib.invalidate_caches()
        module_name, _, function_name = self._resource.handler.rpartition(".")
        try:
            module = importlib.import_module(module_name.replace("/", "."))
            handler: Callable[[Any, Context], Any] = getattr(module, function_name)
        except Exception as error:
            raise _StartError(error) from error
        return handler

    def _take_out_own_modules(self) -> dict[str, ModuleType]:
        own = self._own_names
        names = [name for name in sys.modules if name.partition(".")[0] in own]
        return {name: sys.modules.pop(name) for name in names}

    def _forget_loggers(self) -> None:
        # Powertools configures a logger only once a process; the next container's must begin anew.
        loggers = logging.root.manager.loggerDict
        for name in set(loggers) - self._loggers_before:
            if hasattr(loggers[name], "init") or name.partition(".")[0] in self._own_names:
                del loggers[name]


@dataclass
class Context:
    """The second argument of a handler, as AWS documents it for Python."""

    resource: FunctionResource
    aws_request_id: str
    clock: Clock
    deadline: datetime = field(init=False)
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    def __post_init__(self) -> None:
        self.deadline = self.clock.now + timedelta(seconds=self.resource.timeout_seconds)
        self.function_name = self.resource.deployed_name
        self.invoked_function_arn = self.resource.arn
        self.memory_limit_in_mb = str(self.resource.memory_mb)
        self.log_group_name = f"/aws/lambda/{self.resource.deployed_name}"
        self.log_stream_name = f"{self.clock.now:%Y/%m/%d}/[$LATEST]sandbox"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - self.clock.now) / timedelta(milliseconds=1)))


class _Output(io.TextIOBase):
    """Standard output or error of whichever container runs. One object for all: loggers keep the one they first saw."""

    encoding = "utf-8"
    errors = "strict"
    sink: io.StringIO | None = None

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.sink is not None:
            text.encode(self.encoding, self.errors)  # fails where Lambda's would
            if self.sink.tell() < MAXIMUM_LOG_CHARACTERS:
                self.sink.write(text)
        return len(text)


class _ErrorOutput(_Output):
    errors = "backslashreplace"


_STDOUT = _Output()
_STDERR = _ErrorOutput()

_ROOT_HANDLER = logging.StreamHandler(_STDOUT)  # Lambda configures the root logger like this
_ROOT_HANDLER.setFormatter(logging.Formatter("[%(levelname)s]\t%(message)s"))

_OPT = "/opt/"  # where Lambda lays a function's layers over one another
_KEPT_VARIABLES = ("HOME", "LANG", "PATH", "TMPDIR")


def _environment(resource: FunctionResource, credentials: dict[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES or name.startswith("MOTO_")}
    of_lambda = {
        "AWS_REGION": resource.place.region,
        "AWS_DEFAULT_REGION": resource.place.region,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(resource.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": resource.deployed_name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{resource.deployed_name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "sandbox",
        "LAMBDA_TASK_ROOT": str(resource.folder),
        "TZ": ":UTC",
        "_HANDLER": resource.handler,
    }
    given = {name: _in_layers(value, resource.layers) for name, value in resource.environment.items()}
    return own | given | of_lambda | credentials


def _in_layers(value: str, layers: Sequence[Path]) -> str:
    """A path under /opt as that of the file in the uppermost layer that has it; any other value as it is."""
    if value.startswith(_OPT):
        for layer in reversed(layers):
            if (file := layer / value.removeprefix(_OPT)).exists():
                return str(file)
    return value


def _replace_environment(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _json_objects(log: str) -> Iterator[dict[str, Any]]:
    for line in log.splitlines():
        if line.startswith("{"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value

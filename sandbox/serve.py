"""`responder serve`: the deployed topology's AWS on this machine, kept up for functions in `sam local invoke`.

Unlike in `responder run`, time is real, and nothing moves by itself: no event is routed, no queue or stream is read.
Whoever invokes a function does all that Lambda would.

It listens on loopback only, since it asks nobody for a secret. Docker Desktop and its like lead `host.docker.internal`,
in a container, to this machine's loopback. An engine that runs on Linux itself has no such way in, and SAM takes its
`--docker-network host` for no network. There, one lets it listen on the address of the engine's bridge too, which this
machine and its containers reach.

Loopback is within reach of web pages too, in a browser on this machine. So it answers only what AWS's SDKs send and
pages cannot. And nobody can have it run anything: no function or job that is created here gets a container.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import signal
import socket
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import moto.iam.models
from moto import mock_aws
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.utilities.docker_utilities import DockerModel
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from . import aws_services, moto_gaps
from .aws_services import security_hub
from .inputs import read
from .stacks import HUB_STACK
from .world import Sandbox, offline

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = IPv4Address("127.0.0.1")

CONTAINERS_NAME = "host.docker.internal"
"""What containers call the machine that they run on."""

DEBUG_PORT = 5890
"""`sam local invoke` hands on variables that no template declares only while it is debugging. Nothing listens there."""

_NO_SECRET = "sandbox"  # every key is the hub's, but those that AssumeRole gives

_SIGNED = "AWS4-HMAC-SHA256 "  # how the Authorization header of every request of an SDK begins


class ServeError(Exception):
    """Why it cannot be served; the message is for whoever asked for it."""


class ServedSandbox(Sandbox):
    """A sandbox in real time, with all that there is before the first event, and nobody who acts."""

    def _open(self, undo: ExitStack) -> None:
        undo.enter_context(offline(self.hub))
        aws_services.install()
        moto_gaps.install()
        mock = mock_aws()
        mock.start()
        undo.callback(mock.stop)
        # Not `use_docker: False` of mock_aws(): of the ways to invoke a function that closes some, and feigns success.
        undo.enter_context(patch.object(DockerModel, "docker_client", property(_no_container)))
        # moto takes the account from the access key. Of one that it did not give it knows none, and takes its own.
        moto.iam.models.DEFAULT_ACCOUNT_ID = self.hub.account
        self._deploy()
        for account in self.organization.accounts:
            self.topology.member(account.id, self.hub.region)

    def receive_findings(self, events: str) -> None:
        """Have Security Hub hold the findings that the events of a folder carry, as if they had come in."""
        for value in read([events]):
            if isinstance(event := value.value, dict) and event.get("source") == "aws.securityhub":
                for finding in event["detail"]["findings"]:
                    security_hub.receive_finding(*self.hub, finding)

    def function_variables(self, endpoint: str) -> dict[str, dict[str, str]]:
        """Each function's environment variables by its logical id; what is a queue's URL leads to the endpoint."""
        urls = {queue.url: endpoint + queue.url[queue.url.index("/", len("https://")) :] for queue in self._hub.queues}
        stack = self.client("cloudformation").list_stack_resources(StackName=HUB_STACK)["StackResourceSummaries"]
        names = {resource["PhysicalResourceId"]: resource["LogicalResourceId"] for resource in stack}
        return {
            names[function.deployed_name]: {
                name: urls.get(value, value) for name, value in function.environment.items()
            }
            for function in self._hub.functions
        }

    def aws_variables(self, endpoint: str) -> dict[str, str]:
        """What Lambda itself sets, and where AWS is: credentials that are none, and the hub's Region and account."""
        return {
            "AWS_ACCESS_KEY_ID": _NO_SECRET,
            "AWS_SECRET_ACCESS_KEY": _NO_SECRET,
            "AWS_SESSION_TOKEN": _NO_SECRET,  # or the container would get whoever's is in the shell
            "AWS_ACCOUNT_ID": self.hub.account,
            "AWS_DEFAULT_REGION": self.hub.region,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": self.hub.region,
        }

    @property
    def _hub(self) -> Any:
        return self.topology.hub


@dataclass(frozen=True)
class Files:
    """What `sam local invoke` is told: `--env-vars`, `--container-env-vars`, and `--config-file` with all of it."""

    functions: Path

    @property
    def aws(self) -> Path:
        return self.functions.with_name(f"aws-{self.functions.name}")

    @property
    def configuration(self) -> Path:
        return self.functions.with_name("samconfig.toml")

    def write(self, functions: Mapping[str, Mapping[str, str]], aws: Mapping[str, str]) -> None:
        """Write them; the first one is the last, and whole when it is there."""
        self.aws.write_text(_json(aws))
        self.configuration.write_text(_configuration(self))
        scratch = self.functions.with_name(f".{self.functions.name}.{os.getpid()}")
        scratch.write_text(_json({name: {**variables, **aws} for name, variables in functions.items()}))
        scratch.replace(self.functions)

    def remove(self) -> None:
        for file in (self.functions, self.aws, self.configuration):
            file.unlink(missing_ok=True)


def serve(
    sandbox: ServedSandbox, *, port: int, address: IPv4Address | None, files: Files, events: str | None = None
) -> None:
    """Serve the sandbox until SIGINT or SIGTERM.

    Parameters
    ----------
    port
        Where to listen; 0 takes a free one.
    address
        Under which functions reach this machine; it listens there, too. Without, they do by `CONTAINERS_NAME`.
    files
        What is written when everything is there, and removed in the end.
    events
        A folder whose findings Security Hub holds.

    Raises
    ------
    ServeError
        A port is taken, an address not this machine's, or a file cannot be written.
    """
    stopped = Event()
    with ExitStack() as undo:
        undo.enter_context(_until_told(stopped))
        listeners = [undo.enter_context(_listening(LOOPBACK, port))]
        port = listeners[0].getsockname()[1]
        if address not in (None, LOOPBACK):
            listeners.append(undo.enter_context(_listening(address, port)))
        undo.callback(_remove, files)
        _remove(files)
        undo.enter_context(sandbox)
        if events is not None:
            sandbox.receive_findings(events)
        names = {str(LOOPBACK), "localhost", CONTAINERS_NAME, str(address or LOOPBACK)}
        application = ClientsOnly(DomainDispatcherApplication(create_backend_app), names)
        for listener in listeners:
            undo.enter_context(_served(application, listener))
        endpoint = f"http://{address or CONTAINERS_NAME}:{port}"
        try:
            files.functions.parent.mkdir(parents=True, exist_ok=True)
            files.write(sandbox.function_variables(endpoint), sandbox.aws_variables(endpoint))
        except OSError as error:
            raise ServeError(f"{error.filename}: {(error.strerror or str(error)).lower()}") from None
        _print_offer(sandbox, port, files)
        stopped.wait()


class ClientsOnly:
    """An application that only AWS's SDKs reach: it refuses, with 403, requests that a web page could have sent.

    A page cannot sign them: for a header `Authorization` the browser asks first, with the page's `Origin`. Nor does a
    page get through whose own name has come to lead here ("DNS rebinding"): the browser calls this machine by it.

    Parameters
    ----------
    names
        What this machine is called in the requests of those who may ask; with which port does not matter.
    """

    def __init__(self, application: WSGIApplication, names: Collection[str]) -> None:
        self._application = application
        self._names = frozenset(names)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if reason := self._refusal(environ):
            return Response(f"responder serve: {reason}\n", 403, mimetype="text/plain")(environ, start_response)
        return self._application(environ, start_response)

    def _refusal(self, environ: WSGIEnvironment) -> str | None:
        if "HTTP_ORIGIN" in environ:
            return "a web page has no business here"
        if (name := environ.get("HTTP_HOST", "").split(":")[0].lower()) not in self._names:
            return f"this is not {name or 'somebody without a name'}"
        if not environ.get("HTTP_AUTHORIZATION", "").startswith(_SIGNED):
            return "requests must be signed, with whatever key"
        return None


def _no_container(_: DockerModel) -> Any:
    """In place of moto's client of the Docker engine, for Lambda and Batch."""
    from docker.errors import DockerException  # type: ignore[import-untyped] # comes with aws-sam-cli

    raise DockerException("responder serve runs no containers: use sam local invoke")


@contextmanager
def _until_told(stopped: Event) -> Iterator[None]:
    """SIGINT and SIGTERM set the event, also where SIGINT is off: in the background of a shell's script."""
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(address: IPv4Address, port: int) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((str(address), port))
            listener.listen(128)
        except (OSError, OverflowError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise ServeError(f"cannot listen on {address}:{port}: {reason}") from None
        yield listener


@contextmanager
def _served(application: WSGIApplication, listener: socket.socket) -> Iterator[None]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it tells of every request
    host, port = listener.getsockname()
    server = make_server(
        host, port, application, threaded=True, request_handler=MotoRequestHandler, fd=listener.fileno()
    )
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _remove(files: Files) -> None:
    with suppress(OSError):
        files.remove()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"


def _configuration(files: Files) -> str:
    folder = files.functions.parent.resolve()
    machine = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
    return f"""\
# Written by `responder serve`. It builds for this machine, and so not where `sam deploy` would find it.
version = 0.1

[default.build.parameters]
build_dir = {json.dumps(str(folder / "sam"))}
cache_dir = {json.dumps(str(folder / "sam-cache"))}
cached = true
parallel = true
parameter_overrides = "Architecture={machine}"

[default.local_invoke.parameters]
template = {json.dumps(str(folder / "sam" / "template.yaml"))}
parameter_overrides = "Architecture={machine}"
env_vars = {json.dumps(str(files.functions.resolve()))}
# Where AWS is, and credentials that are none. Variables that no template declares are handed on only while debugging;
# nothing waits for a debugger.
container_env_vars = {json.dumps(str(files.aws.resolve()))}
debug_port = {DEBUG_PORT}
"""


def _print_offer(sandbox: ServedSandbox, port: int, files: Files) -> None:
    hub = sandbox.topology.hub
    members = ", ".join(account.id for account in sandbox.organization.accounts)
    lines = [
        f"AWS of hub {sandbox.hub} at http://{LOOPBACK}:{port}",
        f"  stacks     hub; member in {members}; organization in {sandbox.organization.management_account}",
        f"  functions  {', '.join(sorted(sandbox.function_variables('')))}",
        f"  holds      {len(hub.queues)} queues, {len(security_hub.findings(*sandbox.hub))} findings",
        f"  for sam    {files.functions}, {files.aws}, {files.configuration}",
        f"  from here  AWS_ENDPOINT_URL=http://{LOOPBACK}:{port} AWS_ACCESS_KEY_ID={_NO_SECRET}"
        f" AWS_SECRET_ACCESS_KEY={_NO_SECRET} AWS_REGION={sandbox.hub.region}",
        "Ctrl-C ends it; what was done in it is gone then.",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()

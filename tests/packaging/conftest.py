"""What `sam build` makes of the functions, run as Lambda runs it, against an AWS on loopback.

The Lambda runtime interface emulator comes with aws-sam-cli; Python, boto3 and the interface client are a runtime of
their own, so that what the layer forgets to ship is missing here too.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from sandbox.aws_services import install
from tests.conftest import REPOSITORY

RUNTIME = "python3.13"
ARCHITECTURE = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
BUILD = REPOSITORY / "build" / "packaging" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
"""Each of the processes that share the tests builds for itself."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the Lambda runtime's Python these tests fail in CI, and are skipped with a loud line elsewhere."""
    if sys.version_info[:2] == (3, 13) or os.environ.get("CI"):
        return
    reason = f"NO {RUNTIME.upper()}: WHAT IS DEPLOYED IS NOT TESTED (run `make test` where it is installed)"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Built:
    """What `sam build` leaves: a folder for each function, and for each of their layers."""

    folder: Path

    @property
    def layer(self) -> Path:
        return self.folder / "ResponderLayer" / "python"

    @property
    def rules(self) -> Path:
        """What is /opt/rules/rules.json on Lambda."""
        return self.folder / "RulesLayer" / "rules" / "rules.json"


@pytest.fixture(scope="session")
def built() -> Built:
    """`sam build` for this machine's architecture."""
    bin_folder = Path(sys.executable).parent
    _run(
        [
            *(bin_folder / "sam", "build", "--parameter-overrides", f"Architecture={ARCHITECTURE}"),
            *("--build-dir", BUILD / "sam", "--cache-dir", BUILD / "cache"),
        ],
        environment={"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"},
    )
    return Built(BUILD / "sam")


@pytest.fixture(scope="session")
def lambda_python() -> Path:
    """The managed runtime's stand-in: the interface client and the SDK, nothing of ours."""
    runtime, lock = BUILD / "runtime", REPOSITORY / "requirements" / "lambda-runtime.txt"
    python, stamp = runtime / "bin" / "python", runtime / "lock"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        shutil.rmtree(runtime, ignore_errors=True)
        _run([sys.executable, "-m", "venv", runtime])
        _run([python, "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "-r", lock])
        stamp.write_text(lock.read_text())
    return python


def _run(command: list[str | Path], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=REPOSITORY,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def aws() -> Iterator[str]:
    """moto, with what the sandbox adds to it, on loopback. Its address."""
    install()
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{address}/moto-api/reset", method="POST"), timeout=10).close()
    try:
        yield address
    finally:
        server.stop()


def client(service: str, address: str) -> Any:
    return boto3.client(service, endpoint_url=address)


@contextmanager
def running(built: Built, name: str, python: Path, environment: dict[str, str]) -> Iterator[str]:
    """The function of that logical id under the runtime interface emulator. Yields the address to invoke it at."""
    specification = find_spec("samcli")
    assert specification is not None
    assert specification.origin is not None
    emulator = Path(specification.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{ARCHITECTURE}"
    front, back = f"127.0.0.1:{_free_port()}", f"127.0.0.1:{_free_port()}"
    executable = BUILD / emulator.name
    shutil.copy(emulator, executable)
    executable.chmod(0o755)
    addresses = ["--runtime-interface-emulator-address", front, "--runtime-api-address", back]
    function = built.folder / name
    process = subprocess.Popen(
        [str(executable), *addresses, str(python), "-m", "awslambdaric", "app.lambda_handler"],
        cwd=function,
        env={
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(function),
            "PYTHONPATH": f"{function}{os.pathsep}{built.layer}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            **environment,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(front)
        yield f"http://{front}/2015-03-31/functions/function/invocations"
    finally:
        process.terminate()
        process.wait(timeout=10)


def invoke(address: str, event: Any) -> Any:
    """Invoke a running function, as Lambda does."""
    request = urllib.request.Request(address, data=json.dumps(event).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens at {address}")

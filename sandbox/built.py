"""What `sam build` makes of the functions, and how to run it as Lambda does.

The Lambda runtime interface emulator comes with aws-sam-cli. Python, boto3 and the interface client are a runtime of
their own, so that what the layer forgets to ship is missing here too.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
RUNTIME = "python3.13"
ARCHITECTURE = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


@dataclass(frozen=True)
class Built:
    """What `sam build` leaves: a folder for each function, and for each of their layers."""

    folder: Path

    @property
    def layer(self) -> Path:
        """What is /opt/python on Lambda."""
        return self.folder / "ResponderLayer" / "python"

    @property
    def rules(self) -> Path:
        """What is /opt/rules/rules.json on Lambda."""
        return self.folder / "RulesLayer" / "rules" / "rules.json"

    def modules(self, name: str) -> str:
        """Where the function of that logical id finds its modules before those of the runtime, as a PYTHONPATH."""
        return f"{self.folder / name}{os.pathsep}{self.layer}"


def build(folder: Path) -> Built:
    """`sam build` of the hub's template for this machine, into and with a cache in `folder`.

    Raises RuntimeError with what SAM said if it fails.
    """
    bin_folder = Path(sys.executable).parent
    _run(
        [
            *(bin_folder / "sam", "build", "--parameter-overrides", f"Architecture={ARCHITECTURE}"),
            *("--build-dir", folder / "sam", "--cache-dir", folder / "cache"),
        ],
        environment={"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"},
    )
    return Built(folder / "sam")


def lambda_python(folder: Path) -> Path:
    """The Python of the managed runtime's stand-in in `folder`: the interface client and the SDK, nothing of ours.

    Raises RuntimeError when this process does not run the runtime's version of Python, or with what pip said.
    """
    if (here := f"python{sys.version_info.major}.{sys.version_info.minor}") != RUNTIME:
        raise RuntimeError(f"functions run with {RUNTIME}, and this is {here}")
    runtime, lock = folder / "runtime", REPOSITORY / "requirements" / "lambda-runtime.txt"
    python, stamp = runtime / "bin" / "python", runtime / "lock"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        shutil.rmtree(runtime, ignore_errors=True)
        _run([sys.executable, "-m", "venv", runtime])
        _run([python, "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "-r", lock])
        stamp.write_text(lock.read_text())
    return python


@contextmanager
def running(built: Built, name: str, python: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The function of that logical id under the emulator. Yields the address to invoke it at: then it starts."""
    specification = find_spec("samcli")
    if specification is None or specification.origin is None:
        raise RuntimeError("aws-sam-cli, which has the emulator, is not installed")
    emulator = Path(specification.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{ARCHITECTURE}"
    front, back = f"127.0.0.1:{_free_port()}", f"127.0.0.1:{_free_port()}"
    executable = built.folder.parent / emulator.name
    if not executable.exists():
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
            "PYTHONPATH": built.modules(name),
            "PYTHONDONTWRITEBYTECODE": "1",  # Lambda cannot write there
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


def _run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)


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

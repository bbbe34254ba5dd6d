"""Every function, built and invoked with a sample event by `sam local invoke`, against the AWS of `responder serve`.

`make sam-local` runs it. Its exit status is 0 when every function answered as it should, 1 when one did not or nothing
could be built, and 3, and nothing was run, when no Docker engine answers. What is given on the command line, such as
`--skip-pull-image`, goes to `sam local invoke`.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
WORKING, BROKEN, NO_ENGINE = 0, 1, 3

SECONDS_TO_START = 120

_DAY_OF_A_SAMPLE = re.compile(r"\b2026-\d\d-\d\d(?=T)")


@dataclass(frozen=True)
class Sample:
    """A sample event for a function, and what the function answers, at least, when it takes it in first."""

    function: str
    path: str
    answer: Mapping[str, Any]
    ages: bool = False
    """Whether nothing comes of it any more when its day is ninety days ago."""

    @property
    def event(self) -> Any:
        """The event; one that ages, as of yesterday."""
        text = (REPOSITORY / self.path).read_text("utf-8")
        if self.ages:
            text = _DAY_OF_A_SAMPLE.sub(f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}", text)
        return json.loads(text)

    def fault(self, answer: object) -> str | None:
        """How an answer differs from what it should be; None if it does not."""
        if isinstance(answer, dict) and self.answer.items() <= answer.items():
            return None
        return f"answered {json.dumps(answer)}, not {json.dumps(self.answer)}"


SAMPLES = (
    Sample("OpenIncidentFunction", "events/root-console-sign-in-without-mfa.json", {"outcome": "opened"}),
    Sample("EnrichFindingsFunction", "events/finding-control-failed.json", {"outcome": "enriched"}),
    Sample("ResolveDeletedFunction", "events/deleted-bucket-2-call.json", {"outcome": "resolved"}),
    Sample(
        "CollectSignalsFunction",
        "events/threats/backdoor-with-critical-cves/1-critical-vulnerability.json",
        {"outcome": "collected"},
        ages=True,
    ),
    Sample(
        "CorrelateSignalsFunction",
        "tests/payloads/signals-of-a-backdoor-with-critical-cves.json",
        {"batchItemFailures": []},
        ages=True,
    ),
    Sample("SweepDeletedFunction", "tests/payloads/sweep-by-schedule.json", {"outcome": "swept"}),
    Sample("WatchHeartbeatsFunction", "events/heartbeat.json", {"outcome": "heard"}),
)
"""One for each function of the hub's template."""


@contextmanager
def served(folder: Path, *options: str) -> Iterator[dict[str, dict[str, str]]]:
    """`responder serve` in a process of its own, with its files in a folder. Yields what it wrote for the functions."""
    file = folder / "env.json"
    file.unlink(missing_ok=True)
    with tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, "-m", "sandbox", "serve", "--port", "0", "--env-file", str(file), *options]
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + SECONDS_TO_START
            while not file.exists():
                if process.poll() is not None or time.monotonic() > until:
                    output.seek(0)
                    raise RuntimeError(f"responder serve did not start:\n{output.read()}")
                time.sleep(0.1)
            yield json.loads(file.read_text("utf-8"))
        finally:
            process.terminate()
            process.wait(timeout=30)


def main(options_of_sam: Sequence[str]) -> int:
    """Run all samples, with more options of `sam local invoke`, and give the exit status."""
    try:
        options = _options_for(_engine())
    except _NoEngineError as error:
        _say(f"NO DOCKER ENGINE ANSWERS: sam local invoke IS NOT TRIED ({error})")
        _say("Start Docker, or install it: Docker Desktop, or on Debian: apt-get install docker.io")
        return NO_ENGINE
    folder = REPOSITORY / "build" / "local"
    with served(folder, *options) as functions:
        configuration = ("--config-file", str(folder / "samconfig.toml"))
        if _sam("build", *configuration).returncode != 0:
            return BROKEN
        lines = [f"✗ {name}: no sample event" for name in functions.keys() - {sample.function for sample in SAMPLES}]
        for sample in SAMPLES:
            event = json.dumps(sample.event)
            done = _sam("local", "invoke", sample.function, *configuration, "--event", "-", *options_of_sam, text=event)
            fault = sample.fault(_last_json(done.stdout)) if done.returncode == 0 else f"exit status {done.returncode}"
            lines.append(f"✗ {sample.function}: {fault}" if fault else f"✓ {sample.function}: {sample.path}")
    for line in lines:
        _say(line)
    return BROKEN if any(line.startswith("✗") for line in lines) else WORKING


class _NoEngineError(Exception):
    """No Docker engine answers; the message says why."""


def _engine() -> Any:
    """A client of the engine that SAM would use."""
    import docker  # type: ignore[import-untyped] # comes with aws-sam-cli

    try:
        client = docker.from_env(timeout=10)
        client.ping()
    except docker.errors.DockerException as error:
        raise _NoEngineError(str(error).splitlines()[0]) from None
    return client


def _options_for(engine: Any) -> list[str]:
    """How containers reach what is served. On Linux itself no name leads them to loopback: they have their bridge."""
    if platform.system() != "Linux" or "Docker Desktop" in engine.info()["OperatingSystem"]:
        return []
    bridge = engine.networks.get("bridge").attrs["IPAM"]["Config"][0]
    return ["--address", bridge.get("Gateway") or str(next(IPv4Network(bridge["Subnet"]).hosts()))]


def _sam(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run SAM. What it logs is shown, and what it answers is kept."""
    sam = Path(sys.executable).parent / "sam"
    return subprocess.run(
        [str(sam), *arguments], cwd=REPOSITORY, input=text, stdout=subprocess.PIPE, text=True, check=False
    )


def _last_json(output: str) -> Any:
    """What a function answered: the last line of SAM's output."""
    lines = output.strip().splitlines()
    try:
        return json.loads(lines[-1]) if lines else None
    except ValueError:
        return lines[-1]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

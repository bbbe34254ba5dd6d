"""How long a function takes to start and answer a first event, as a multiple of the least that any such takes.

Measured is what `sam build` makes, under the runtime interface emulator that comes with SAM: from the invocation, with
which the emulator starts the process, to the answer. Each function of the template gets its sample event, which has it
call AWS. Waiting does not count, within HTTP exchanges or for AWS's quotas: a first run, against the AWS of `responder
serve`, records what AWS answers, the measured ones are answered that at once, and nothing sleeps.

The *floor* is a handler that imports Powertools' Logger, makes the boto3 clients that the function made in its recorded
run, with their configuration, and answers ``{}``. It runs under the same emulator, with the same Python, layer and byte
code, and calls nothing: what the function's calls cost besides waiting counts against it.

boto3 is that of the runtime's stand-in, as on Lambda; the layer has none. Nothing may write byte code, as on Lambda. A
function and its floor take turns. The ratio is that of their medians.
"""

import statistics
import tempfile
import time
from collections.abc import Mapping
from json import loads
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from sandbox.built import REPOSITORY, Built, build, invoke, lambda_python, running
from sandbox.sam_local import SAMPLES, Sample, served

NAME = "cold_start_ratio_to_floor"
RUNS = 9
GOAL = 1.5

_BUILD = REPOSITORY / "build" / "benchmarks"
_TAPED = Path(__file__).parent / "taped"

_FLOOR = """\
import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

logger = Logger()
session = boto3.session.Session()
config = Config(connect_timeout=1, read_timeout=4, retries={{"mode": "standard", "total_max_attempts": 6}})
clients = [session.client(service, config=config) for service in {services}]


def lambda_handler(event, context):
    return {{}}
"""


def measure(runs: int = RUNS) -> list[Figure]:
    """The ratio of the worst function, with each one's in the note.

    Raises RuntimeError when a function does not answer as its sample says, or does not ask AWS the same each time.
    """
    built, python = build(_BUILD), lambda_python(_BUILD)
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch), "--address", "127.0.0.1") as functions:
        ratios = {
            sample.function: _ratio(built, python, functions[sample.function], sample, Path(scratch), runs)
            for sample in SAMPLES
        }
    worst = max(ratios, key=lambda name: ratios[name][0])
    each = ", ".join(
        f"{name} {ratio:.2f} ({ours * 1000:.0f} ms over {floor * 1000:.0f} ms)"
        for name, (ratio, ours, floor) in sorted(ratios.items(), key=lambda item: -item[1][0])
    )
    note = f"{worst}, to its first answer, over a handler with Logger and the same clients; medians of {runs}: {each}"
    return [
        Figure(
            name=NAME,
            value=round(ratios[worst][0], 3),
            unit="ratio",
            goal=GOAL,
            better="lower",
            note=note,
        )
    ]


def _ratio(
    built: Built, python: Path, variables: Mapping[str, str], sample: Sample, scratch: Path, runs: int
) -> tuple[float, float, float]:
    """A function's ratio, and the medians that it is of, in seconds: its own, and its floor's."""
    environment = dict(variables) | {"TAPE": str(scratch / f"{sample.function}.json")}
    if "RULES_FILE" in environment:
        environment["RULES_FILE"] = str(built.rules)
    event, floor = sample.event, f"FloorOf{sample.function}"
    _first_answer(built, sample.function, python, environment | {"RECORD": "yes"}, event, sample.answer)
    _write_floor(built, floor, services=loads(Path(environment["TAPE"]).read_text())["clients"])
    ours, floors = [], []
    for _ in range(runs):
        ours.append(_first_answer(built, sample.function, python, environment, event, sample.answer))
        floors.append(_first_answer(built, floor, python, environment, event, {}))
    median, least = statistics.median(ours), statistics.median(floors)
    return median / least, median, least


def _write_floor(built: Built, name: str, *, services: list[str]) -> None:
    folder = built.folder / name
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(_FLOOR.format(services=services))


def _first_answer(
    built: Built, name: str, python: Path, environment: Mapping[str, str], event: Any, wanted: Mapping[str, Any]
) -> float:
    """Seconds from the start of the process until its first answer, which must be at least what is wanted."""
    taped = {**environment, "PYTHONPATH": f"{_TAPED}:{built.modules(name)}"}
    with running(built, name, python, taped) as address:
        start = time.perf_counter()
        answer = invoke(address, event)
        seconds = time.perf_counter() - start
    if not (isinstance(answer, dict) and wanted.items() <= answer.items()):
        raise RuntimeError(f"{name} answered {answer}, not {dict(wanted)}")
    return seconds

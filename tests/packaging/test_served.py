"""What `make sam-local` invokes in containers, by the runtime interface emulator: all functions, one served AWS."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.built import Built, invoke, running
from sandbox.sam_local import SAMPLES, Sample, served
from tests.packaging.conftest import client

Functions = dict[str, dict[str, str]]

HEAVY = {
    "asyncio",
    "attr",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_xray_sdk",
    "fastjsonschema",
    "jsonschema",
    "pydantic",
    "requests",
    "yaml",
}
"""What takes long to import, and a function can do without."""

FIRST_EVENT = """
import json, sys, time, types
time.sleep = lambda seconds: None  # a sweep takes its time
import app
app.lambda_handler(json.loads(sys.argv[1]), types.SimpleNamespace(aws_request_id="1"))
print(json.dumps([*sys.modules]))
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with served(tmp_path_factory.mktemp("served"), "--address", "127.0.0.1") as functions:
        yield functions


def answer(built: Built, python: Path, functions: Functions, sample: Sample) -> Any:
    """What the built function answers to the sample."""
    with running(built, sample.function, python, variables(built, functions, sample)) as function:
        return invoke(function, sample.event)


def variables(built: Built, functions: Functions, sample: Sample) -> dict[str, str]:
    """The variables of the sample's function."""
    environment = functions[sample.function] | {"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"}
    return environment | ({"RULES_FILE": str(built.rules)} if "RULES_FILE" in environment else {})


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.function)
def test_the_built_function_answers(built: Built, lambda_python: Path, functions: Functions, sample: Sample) -> None:
    assert sample.fault(answer(built, lambda_python, functions, sample)) is None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.function)
def test_a_first_event_imports_nothing_heavy(
    built: Built, lambda_python: Path, functions: Functions, sample: Sample
) -> None:
    done = subprocess.run(
        [str(lambda_python), "-c", FIRST_EVENT, json.dumps(sample.event)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": built.modules(sample.function),
            **variables(built, functions, sample),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert "responder.runtime.settling" in imported
    assert imported & HEAVY == set()


def test_every_function_has_a_sample(functions: Functions) -> None:
    assert sorted(sample.function for sample in SAMPLES) == sorted(functions)


def test_the_sample_signals_make_a_threat(built: Built, lambda_python: Path, functions: Functions) -> None:
    (sample,) = (sample for sample in SAMPLES if sample.function == "CorrelateSignalsFunction")

    answer(built, lambda_python, functions, sample)

    security_hub = client("securityhub", functions[sample.function]["AWS_ENDPOINT_URL"])
    pages = security_hub.get_paginator("get_findings").paginate()
    assert "backdoor-with-critical-cves" in {finding["GeneratorId"] for page in pages for finding in page["Findings"]}

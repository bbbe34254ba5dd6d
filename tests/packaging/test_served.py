"""What `make sam-local` invokes in containers, by the runtime interface emulator: all functions, one served AWS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.sam_local import SAMPLES, Sample, served
from tests.packaging.conftest import Built, client, invoke, running

Functions = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with served(tmp_path_factory.mktemp("served"), "--address", "127.0.0.1") as functions:
        yield functions


def answer(built: Built, python: Path, functions: Functions, sample: Sample) -> Any:
    """What the built function answers to the sample."""
    environment = functions[sample.function] | {"AWS_LAMBDA_FUNCTION_TIMEOUT": "60"}
    if "RULES_FILE" in environment:
        environment["RULES_FILE"] = str(built.rules)
    with running(built, sample.function, python, environment) as function:
        return invoke(function, sample.event)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.function)
def test_the_built_function_answers(built: Built, lambda_python: Path, functions: Functions, sample: Sample) -> None:
    assert sample.fault(answer(built, lambda_python, functions, sample)) is None


def test_every_function_has_a_sample(functions: Functions) -> None:
    assert sorted(sample.function for sample in SAMPLES) == sorted(functions)


def test_the_sample_signals_make_a_threat(built: Built, lambda_python: Path, functions: Functions) -> None:
    (sample,) = (sample for sample in SAMPLES if sample.function == "CorrelateSignalsFunction")

    answer(built, lambda_python, functions, sample)

    security_hub = client("securityhub", functions[sample.function]["AWS_ENDPOINT_URL"])
    pages = security_hub.get_paginator("get_findings").paginate()
    assert "backdoor-with-critical-cves" in {finding["GeneratorId"] for page in pages for finding in page["Findings"]}

"""What `sam build` makes of the functions, run as Lambda runs it, against an AWS on loopback."""

import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from sandbox import built as packaging
from sandbox.aws_services import install
from sandbox.built import RUNTIME, Built
from tests.conftest import REPOSITORY

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


@pytest.fixture(scope="session")
def built() -> Built:
    """`sam build` for this machine's architecture."""
    return packaging.build(BUILD)


@pytest.fixture(scope="session")
def lambda_python() -> Path:
    """The managed runtime's stand-in: the interface client and the SDK, nothing of ours."""
    return packaging.lambda_python(BUILD)


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

"""What tests all over the tree share: the sample events, and a private AWS."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent
EVENTS = REPOSITORY / "events"
SAMPLE_EVENTS = sorted(path for path in EVENTS.rglob("*.json") if path.parent.name != "world")
MALFORMED_EVENTS = REPOSITORY / "tests" / "events"

Sample = Callable[..., dict[str, Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the chaos suite and the fuzzing in their long forms")
    parser.addoption("--chaos-seed", type=int, metavar="N", help="run the chaos suite with this seed alone")


@pytest.fixture
def sample() -> Sample:
    """Loads a sample event by name; keyword arguments replace members of its detail, by path with ``__`` for a dot."""

    def load(name: str, **changes: Any) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
        for path, value in changes.items():
            *parents, last = path.split("__")
            parent = event["detail"]
            for step in parents:
                parent = parent[step]
            parent[last] = value
        return event

    return load


@pytest.fixture(autouse=True, scope="session")
def _no_real_aws() -> Iterator[None]:
    """No test can reach an AWS account: credentials are not real, the Region is not the machine's."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_SESSION_TOKEN": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            environment.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            environment.delenv(name, raising=False)
        yield

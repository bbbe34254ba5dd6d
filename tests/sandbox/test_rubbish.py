"""Whatever is put in, every element comes out with a status, and the run ends."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.envelopes import Place, complete, derive_hub, submissions
from sandbox.inputs import InputError, JsonValue, read
from sandbox.world import Sandbox

from .conftest import open_world

MEMBERS = [
    *(
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
        "Records",
        "Findings",
    ),
    *(
        "eventSource",
        "eventName",
        "eventType",
        "eventTime",
        "eventID",
        "awsRegion",
        "recipientAccountId",
        "userIdentity",
    ),
    *(
        "Id",
        "ProductArn",
        "AwsAccountId",
        "Region",
        "UpdatedAt",
        "findings",
        "severity",
        "accountId",
        "type",
        "readOnly",
    ),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["aws.securityhub", "test.app", "111122223333", "eu-west-1", "2026-03-01T10:00:00Z", "\ud800", ""]),
    st.sampled_from(["Security Hub Findings - Imported", "AWS API Call via CloudTrail", "AwsCloudTrailInsight"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=5), inner, max_size=9)
    ),
    max_leaves=25,
)
EVENTS = st.fixed_dictionaries(
    {"source": SCALARS, "detail-type": SCALARS, "detail": VALUES},
    optional={"account": SCALARS, "region": SCALARS, "time": SCALARS, "id": SCALARS, "resources": VALUES},
)


@given(st.lists(VALUES | EVENTS, max_size=5))
def test_every_value_is_events_or_reasons(values: list[Any]) -> None:
    taken = list(submissions([JsonValue(value, "x") for value in values]))
    hub = derive_hub(taken)
    assert Place.parse(str(hub)) == hub
    for submission in taken:
        completed = complete(submission, hub)
        assert (completed.event is None) == bool(completed.reason)
        if completed.event is not None:
            json.dumps(completed.event, allow_nan=False)
            assert all(isinstance(completed.event[name], str) for name in ("id", "source", "account", "region"))


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_file_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("x.json", "x.jsonl", "x.gz"):
        path = tmp_path / name
        path.write_bytes(content)
        with suppress(InputError):
            read([str(path)])


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with open_world(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@given(st.lists(EVENTS | VALUES, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_every_event_ends_somewhere(sandbox: Sandbox, values: list[Any]) -> None:
    for entry in sandbox.deliver(values):
        assert entry.status in ("handled", "unmatched", "rejected")
        assert (entry.reason is None) == (entry.status == "handled")
    json.dumps(sandbox.report())

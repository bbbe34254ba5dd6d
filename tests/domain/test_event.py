import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.domain.event import parse_event, read_event
from responder.domain.faults import Rejected
from tests.conftest import Sample


@pytest.mark.parametrize("field", ["id", "source", "detail-type", "account", "region", "time", "detail"])
def test_a_missing_member_is_named(sample: Sample, field: str) -> None:
    event = sample("root-api-call")
    del event[field]

    with pytest.raises(Rejected) as rejected:
        read_event(event)

    assert rejected.value.field == field
    assert rejected.value.reason == "is missing"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("account", 111122223333, "is 111122223333, not string"),
        ("detail", "text", "is 'text', not object"),
        ("detail", ["a"], "is a list, not object"),
        ("time", "yesterday", "'yesterday' is not a time in ISO 8601"),
        ("id", "", "is '', not of at least 1 characters"),
    ],
)
def test_a_wrong_member_is_named(sample: Sample, field: str, value: Any, reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        read_event(sample("root-api-call") | {field: value})

    assert str(rejected.value) == f"{field}: {reason}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{not json", "not JSON"),
        ("", "not JSON"),
        ('{"id": NaN}', "NaN is no JSON number"),
        ("[" * 100_000, "nested deeper than 100 levels"),
        ('{"detail":' * 200 + "1" + "}" * 200, "nested deeper than 100 levels"),
        ("[]", "is a list, not object"),
        ('"text"', "is 'text', not object"),
        ("null", "is None, not object"),
    ],
)
def test_a_body_that_is_no_event_is_rejected_with_the_reason(body: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        parse_event(body)


def test_a_lone_surrogate_hides_nothing(sample: Sample) -> None:
    body = json.dumps(sample("root-api-call", userAgent="curl\ud800"))

    assert parse_event(body).detail["userAgent"] == "curl\ufffd"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda m: st.lists(m) | st.dictionaries(st.text(), m)
    )
)
def test_any_json_value_is_read_or_rejected(value: Any) -> None:
    with pytest.raises(Rejected):
        read_event(value)

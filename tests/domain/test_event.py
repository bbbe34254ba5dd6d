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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"a\uD800", "a\ufffd"),
        (r"a\udfff", "a\ufffd"),
        (r"\uDC00\uD800", "\ufffd\ufffd"),
        ("a\udbff", "a\ufffd"),
        ("é\udc00", "é\ufffd"),
        (r"\uD83D\ude00", "😀"),
        ("😀", "😀"),
        (r"C:\\udata", r"C:\udata"),
    ],
)
def test_halves_of_characters_are_replaced_however_they_are_written(sample: Sample, written: str, read: str) -> None:
    body = json.dumps(sample("root-api-call", userAgent="HERE", HERE=["HERE"]), ensure_ascii=False)

    event = parse_event(body.replace("HERE", written))

    assert event.detail["userAgent"] == read
    assert event.detail[read] == [read]
    json.dumps(event.document, ensure_ascii=False).encode()


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_a_text_is_read_as_its_value_is(sample: Sample, ensure_ascii: bool) -> None:
    texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=4)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | texts,
            lambda m: st.lists(m) | st.dictionaries(texts, m),
        )
    )
    def holds(value: Any) -> None:
        event = sample("root-api-call", more=value)
        assert parse_event(json.dumps(event, ensure_ascii=ensure_ascii)) == read_event(event)

    holds()


@pytest.mark.parametrize("wide", [0, 200])
@pytest.mark.parametrize(("depth", "is_read"), [(98, True), (99, False)])
def test_it_is_the_depth_that_counts_and_not_the_number_of_brackets(
    sample: Sample, depth: int, is_read: bool, wide: int
) -> None:
    event = sample("root-api-call", more=json.loads("[" * depth + "]" * depth), wide=[[] for _ in range(wide)])

    for read in (lambda: parse_event(json.dumps(event)), lambda: read_event(event)):
        if is_read:
            assert read().document == event
        else:
            with pytest.raises(Rejected, match="nested deeper than 100 levels"):
                read()


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda m: st.lists(m) | st.dictionaries(st.text(), m)
    )
)
def test_any_json_value_is_read_or_rejected(value: Any) -> None:
    with pytest.raises(Rejected):
        read_event(value)

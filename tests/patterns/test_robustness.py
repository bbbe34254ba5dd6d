"""Whatever the event, a pattern answers True or False, and soon."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.patterns import EventPattern, InvalidPattern, compile_pattern

from .strategies import ANY_VALUE, EVENTS, PATTERNS, TRIALS

ALL_OPERATORS: EventPattern = compile_pattern(
    {
        "$or": [
            {
                "a": [
                    "x",
                    "10.0.0.1",
                    5,
                    None,
                    True,
                    {"prefix": "p"},
                    {"suffix": {"equals-ignore-case": "é"}},
                    {"equals-ignore-case": "E"},
                    {"wildcard": "w*w"},
                    {"numeric": [">", 0, "<", 3]},
                    {"cidr": "10.0.0.0/8"},
                    {"exists": False},
                ],
                "b": {"a": [{"anything-but": 3}], "b": {"c": [{"exists": False}]}},
            },
            {"a": {"b": [{"anything-but": {"wildcard": "*x*"}}]}},
            {"b": {"a": {"a": [{"anything-but": ["x"]}, 10**30]}}},
        ]
    }
)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer: far more than it needs, and far less than an explosion would take."""
    start = time.process_time()
    yield
    assert time.process_time() - start < seconds


@TRIALS
@given(ANY_VALUE)
def test_any_value_at_all_is_answered(event: Any) -> None:
    answer = ALL_OPERATORS.matches(event)
    assert isinstance(answer, bool)
    assert bool(ALL_OPERATORS.explain(event)) is not answer


@TRIALS
@given(st.dictionaries(st.sampled_from(["a", "b", "a.b", "c", 1, None, (1, 2)]), ANY_VALUE))
def test_any_event_at_all_is_answered(event: Any) -> None:
    answer = ALL_OPERATORS.matches(event)
    assert isinstance(answer, bool)
    assert [str(mismatch) for mismatch in ALL_OPERATORS.explain(event)] != [] or answer


@TRIALS
@given(ANY_VALUE)
def test_any_pattern_at_all_is_compiled_or_refused(pattern: Any) -> None:
    with suppress(InvalidPattern):
        assert isinstance(compile_pattern(pattern).matches({}), bool)


@TRIALS
@given(PATTERNS, EVENTS)
def test_neither_the_pattern_nor_the_event_is_changed(pattern: Any, event: Any) -> None:
    before = repr((pattern, event))
    compiled = compile_pattern(pattern)
    first = compiled.matches(event)
    assert compiled.matches(event) == first
    assert repr((pattern, event)) == before


@pytest.mark.parametrize("event", [None, [], [{"a": "x"}], "a", 1, True, (), object()])
def test_what_is_no_object_matches_nothing(event: Any) -> None:
    assert not compile_pattern({"a": [{"exists": False}]}).matches(event)
    assert str(compile_pattern({"a": ["x"]}).explain(event)[0]) == "the event: expected an object, found nothing"


def test_mappings_of_other_kinds_are_objects() -> None:
    event = MappingProxyType({"a": MappingProxyType({"b": (MappingProxyType({"c": 1}),)})})
    assert compile_pattern({"a": {"b": {"c": [1]}}}).matches(event)
    assert compile_pattern({"a": {"b": {"d": [{"exists": False}]}}}).matches(event)


def test_nesting_far_beyond_the_recursion_limit() -> None:
    depth = sys.getrecursionlimit() * 20
    arrays: Any = "x"
    objects: Any = "x"
    for _ in range(depth):
        arrays, objects = [arrays], {"a": objects}
    with within(5):
        assert compile_pattern({"a": ["x"]}).matches({"a": arrays})
        assert not compile_pattern({"a": {"a": ["x"]}}).matches(objects)
        assert compile_pattern({"a": {"a": [{"exists": False}]}}).matches(objects)


def test_deep_arrays_with_a_choice_at_every_level() -> None:
    value: Any = {"x": 1, "y": 2}
    for _ in range(sys.getrecursionlimit() * 2):
        value = [value, {"x": 2, "y": 1}]
    with within(10):
        assert compile_pattern({"a": {"x": [1], "y": [2]}}).matches({"a": value})
        assert not compile_pattern({"a": {"x": [1], "y": [1]}}).matches({"a": value})


def test_wide_arrays() -> None:
    elements = [{"x": 1, "y": 0}, {"x": 0, "y": 1}] * 5_000
    with within(10):
        assert not compile_pattern({"a": {"x": [1], "y": [1]}}).matches({"a": elements})
        assert compile_pattern({"a": {"x": [1], "y": [1]}}).matches({"a": [*elements, {"x": 1, "y": 1}]})


@pytest.mark.parametrize("entry", [1, {"numeric": [">", 0]}])
def test_sibling_arrays_do_not_multiply(entry: Any) -> None:
    """20 arrays of 40 elements, and a contradiction in the last: 40 to the power of 20 combinations."""
    siblings = "abcdefghijklmnopqrst"
    event: dict[str, Any] = {name: [{"x": 1, "y": 0}, {"x": 0, "y": 1}] * 20 for name in siblings}
    # x is tested before y, all of them before any y: the fields of one array are not neighbours in that order.
    pattern: dict[str, Any] = {name: {"x": [1], "y": [{"anything-but": 1}]} for name in siblings}
    pattern["t"] = {"x": [1], "y": [entry]}
    with within(10):
        assert not compile_pattern(pattern).matches(event)
    event["t"].append({"x": 1, "y": 1})
    with within(10):
        assert compile_pattern(pattern).matches(event)


def test_arrays_of_arrays_of_objects_do_not_explode() -> None:
    def grid(depth: int) -> Any:
        return [grid(depth - 1) for _ in range(4)] if depth else {"x": 1, "y": 0, "z": 0}

    with within(10):
        pattern = compile_pattern({"a": {"x": [1], "y": [0], "z": [1, {"exists": False}]}})
        assert not pattern.matches({"a": grid(6)})


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({"wildcard": "*a" * 200 + "*b"}, "a" * 200_000),
        ({"wildcard": "*aab*aab*aab*"}, "a" * 200_000),
        ({"prefix": {"equals-ignore-case": "éß" * 500 + "x"}}, "éß" * 100_000),
        ({"suffix": {"equals-ignore-case": "xéß" * 500}}, "éß" * 100_000),
        ({"cidr": "::/0"}, ":" * 200_000 + "x"),
        ({"cidr": "0.0.0.0/0"}, "1.2.3." + "4" * 200_000),
        ("10.0.0.1", "1" * 200_000 + ".0.0.1"),
        ({"numeric": [">", 0]}, -(10**50_000)),
        (5, 10**50_000),
    ],
    ids=lambda value: f"{value!s:.30}" if not isinstance(value, int) else "",
)
def test_long_values_take_time_in_proportion(entry: Any, value: Any) -> None:
    with within(2):
        assert not compile_pattern({"a": [entry]}).matches({"a": value})
        assert compile_pattern({"a": [entry]}).explain({"a": value})

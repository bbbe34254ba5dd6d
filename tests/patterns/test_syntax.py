"""Which patterns are refused, and where the fault is said to be; what ``$or`` and dotted names mean."""

from __future__ import annotations

import pickle
from types import MappingProxyType
from typing import Any

import pytest

from responder.patterns import InvalidPattern, compile_pattern


def nested(levels: int) -> dict[str, Any]:
    pattern: Any = ["x"]
    for _ in range(levels):
        pattern = {"a": pattern}
    return pattern  # type: ignore[no-any-return]


# (pattern, path of the fault, a word of the reason)
REFUSED: list[tuple[Any, str, str]] = [
    (None, "", "object"),
    ([], "", "object"),
    ("{}", "", "object"),
    ({}, "", "empty object"),
    ({"a": {}}, "a", "empty object"),
    ({"a": []}, "a", "empty list"),
    ({"a": "x"}, "a", "must be a list or an object"),
    ({"detail": {"a": 1}}, "detail.a", "must be a list or an object"),
    ({"a": None}, "a", "null"),
    ({1: ["x"]}, "", "name must be a string"),
    ({"a": {"b": {2: ["x"]}}}, "a.b", "name must be a string"),
    ({"a": [["x"]]}, "a[0]", "a list"),
    ({"a": ["x", {}]}, "a[1]", "exactly one operator"),
    ({"a": [{"prefix": "x", "suffix": "y"}]}, "a[0]", "exactly one operator"),
    ({"a": [{"regex": "x"}]}, "a[0]", "'regex' is no operator"),
    ({"a": [{"b": ["x"]}]}, "a[0]", "no operator"),
    ({"a": [{3: "x"}]}, "a[0]", "no operator"),
    ({"a": [float("nan")]}, "a[0]", "must be"),
    ({"a": [float("inf")]}, "a[0]", "must be"),
    ({"a": [b"x"]}, "a[0]", "bytes, which is not JSON"),
    ({"a": [{"x"}]}, "a[0]", "set, which is not JSON"),
    ({"a": [object()]}, "a[0]", "not JSON"),
    ({"a": [{"exactly": 5}]}, "a[0].exactly", "must be a string"),
    ({"a": [{"prefix": 5}]}, "a[0].prefix", "must be a string"),
    ({"a": [{"prefix": ["x"]}]}, "a[0].prefix", "must be a string"),
    ({"a": [{"prefix": {"suffix": "x"}}]}, "a[0].prefix", "equals-ignore-case"),
    ({"a": [{"prefix": {}}]}, "a[0].prefix", "equals-ignore-case"),
    ({"a": [{"suffix": {"equals-ignore-case": 1}}]}, "a[0].suffix.equals-ignore-case", "must be a string"),
    ({"a": [{"equals-ignore-case": ["x"]}]}, "a[0].equals-ignore-case", "must be a string"),
    ({"a": [{"wildcard": 5}]}, "a[0].wildcard", "must be a string"),
    ({"a": [{"wildcard": "a**b"}]}, "a[0].wildcard", "two wildcards in a row at character 2"),
    ({"a": [{"wildcard": r"a\x"}]}, "a[0].wildcard", "backslash"),
    ({"a": [{"wildcard": "a\\"}]}, "a[0].wildcard", "backslash"),
    ({"a": [{"numeric": 5}]}, "a[0].numeric", "must be a list"),
    ({"a": [{"numeric": []}]}, "a[0].numeric", "an operator and a number"),
    ({"a": [{"numeric": [">"]}]}, "a[0].numeric", "an operator and a number"),
    ({"a": [{"numeric": [5, ">"]}]}, "a[0].numeric[0]", "must be one of"),
    ({"a": [{"numeric": ["~", 5]}]}, "a[0].numeric[0]", "must be one of"),
    ({"a": [{"numeric": [">", "5"]}]}, "a[0].numeric[1]", "must be a number, not a string"),
    ({"a": [{"numeric": [">", True]}]}, "a[0].numeric[1]", "must be a number"),
    ({"a": [{"numeric": [">", None]}]}, "a[0].numeric[1]", "must be a number"),
    ({"a": [{"numeric": [">", 2**53 + 1]}]}, "a[0].numeric[1]", "cannot be compared"),
    ({"a": [{"numeric": [">", 5, "<", 3]}]}, "a[0].numeric", "must be below"),
    ({"a": [{"numeric": [">=", 5, "<=", 5]}]}, "a[0].numeric", "must be below"),
    ({"a": [{"numeric": ["<", 5, ">", 3]}]}, "a[0].numeric", "a range is"),
    ({"a": [{"numeric": ["=", 5, "=", 5]}]}, "a[0].numeric", "a range is"),
    ({"a": [{"numeric": ["<", 5, "<", 6]}]}, "a[0].numeric", "a range is"),
    ({"a": [{"numeric": [">", 1, "<", 2, "<", 3]}]}, "a[0].numeric", "a range is"),
    ({"a": [{"numeric": [">", 1, "<"]}]}, "a[0].numeric", "an operator and a number"),
    ({"a": [{"cidr": 10}]}, "a[0].cidr", "must be a string"),
    ({"a": [{"cidr": "10.0.0.0"}]}, "a[0].cidr", "one '/'"),
    ({"a": [{"cidr": "10.0.0.0/"}]}, "a[0].cidr", "one '/'"),
    ({"a": [{"cidr": "10.0.0.0/8/8"}]}, "a[0].cidr", "one '/'"),
    ({"a": [{"cidr": "10.0.0/8"}]}, "a[0].cidr", "is not an IP address"),
    ({"a": [{"cidr": "example.com/8"}]}, "a[0].cidr", "is not an IP address"),
    ({"a": [{"cidr": "10.0.0.0/x"}]}, "a[0].cidr", "whole number"),
    ({"a": [{"cidr": "10.0.0.0/-1"}]}, "a[0].cidr", "0 to 31"),
    ({"a": [{"cidr": "10.0.0.0/32"}]}, "a[0].cidr", "0 to 31"),
    ({"a": [{"cidr": "2001:db8::/128"}]}, "a[0].cidr", "0 to 127"),
    ({"a": [{"exists": "yes"}]}, "a[0].exists", "true or false"),
    ({"a": [{"exists": 1}]}, "a[0].exists", "true or false"),
    ({"a": [{"anything-but": None}]}, "a[0].anything-but", "must be a number, not null"),
    ({"a": [{"anything-but": True}]}, "a[0].anything-but", "must be a number, not true or false"),
    ({"a": [{"anything-but": []}]}, "a[0].anything-but", "empty list"),
    ({"a": [{"anything-but": ["x", 5]}]}, "a[0].anything-but[1]", "must be a string, not a number"),
    ({"a": [{"anything-but": [5, "x"]}]}, "a[0].anything-but[1]", "must be a number, not a string"),
    ({"a": [{"anything-but": [None]}]}, "a[0].anything-but[0]", "not null"),
    ({"a": [{"anything-but": [["x"]]}]}, "a[0].anything-but[0]", "not a list"),
    ({"a": [{"anything-but": {}}]}, "a[0].anything-but", "exactly one operator"),
    ({"a": [{"anything-but": {"prefix": "a", "suffix": "b"}}]}, "a[0].anything-but", "exactly one operator"),
    ({"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}, "a[0].anything-but", "cannot exclude by 'cidr'"),
    ({"a": [{"anything-but": {"numeric": ["=", 1]}}]}, "a[0].anything-but", "cannot exclude by 'numeric'"),
    ({"a": [{"anything-but": {"prefix": ""}}]}, "a[0].anything-but.prefix", "every string"),
    ({"a": [{"anything-but": {"suffix": ["x", ""]}}]}, "a[0].anything-but.suffix[1]", "every string"),
    ({"a": [{"anything-but": {"prefix": 5}}]}, "a[0].anything-but.prefix", "must be a string"),
    (
        {"a": [{"anything-but": {"prefix": {"equals-ignore-case": "a"}}}]},
        "a[0].anything-but.prefix",
        "must be a string, not an object",
    ),
    ({"a": [{"anything-but": {"equals-ignore-case": [1]}}]}, "a[0].anything-but.equals-ignore-case[0]", "string"),
    ({"a": [{"anything-but": {"wildcard": "**"}}]}, "a[0].anything-but.wildcard", "two wildcards"),
    ({"a": [{"anything-but": {"wildcard": ["a", "**"]}}]}, "a[0].anything-but.wildcard[1]", "two wildcards"),
    ({"a": [{"anything-but": {"wildcard": []}}]}, "a[0].anything-but.wildcard", "empty list"),
    ({"$or": []}, "$or", "at least two"),
    ({"$or": [{"a": ["x"]}]}, "$or", "at least two"),
    ({"$or": [{"a": ["x"]}, "b"]}, "$or[1]", "must be an object"),
    ({"$or": [{"a": ["x"]}, {}]}, "$or[1]", "empty object"),
    ({"detail": {"$or": [{"a": ["x"]}, {"b": [{"prefix": 1}]}]}}, "detail.$or[1].b[0].prefix", "must be a string"),
    ({"$or": [{"a": ["x"]}, {"prefix": {"b": ["x"]}}]}, "$or[1].prefix", "named like an operator"),
    ({"$or": [{"a": ["x"]}, {"b": {"regex": ["x"]}}]}, "$or[1].b.regex", "named like an operator"),
    (nested(201), ".".join("a" * 200), "nested deeper"),
    (nested(100_000), ".".join("a" * 200), "nested deeper"),
    ({f"f{i}": ["x"] for i in range(257)}, "", "257 fields"),
    ({f"f{i}": {"$or": [{"a": ["x"]}, {"b": ["x"]}]} for i in range(10)}, "f9.$or", "1000 combinations"),
    ({"$or": [{"a": ["x"]}] * 1001}, "$or", "1000 combinations"),
    ({"$or": [{"$or": [{"a": ["x"]}] * 600}] * 2}, "$or", "1000 combinations"),
]


@pytest.mark.parametrize(
    ("pattern", "path", "reason"), REFUSED, ids=lambda value: value[:60] if isinstance(value, str) else ""
)
def test_the_refusal_names_the_place_and_the_reason(pattern: Any, path: str, reason: str) -> None:
    with pytest.raises(InvalidPattern) as refusal:
        compile_pattern(pattern)
    assert refusal.value.path == path
    assert reason in refusal.value.reason
    assert str(refusal.value) == f"{path or 'the pattern'}: {refusal.value.reason}"
    assert isinstance(refusal.value, ValueError)


def test_a_refusal_survives_a_process_boundary() -> None:
    fault = pickle.loads(pickle.dumps(InvalidPattern("a[0]", "why")))
    assert (fault.path, fault.reason, str(fault)) == ("a[0]", "why", "a[0]: why")


ACCEPTED: list[Any] = [
    nested(200),
    {f"f{i}": ["x"] for i in range(256)},
    {f"f{i}": {"$or": [{"a": ["x"]}, {"b": ["x"]}]} for i in range(9)},
    {"$or": [{"a": ["x"]}] * 1000},
    {f"f{i}": {"a": ["x"]} for i in range(250)},
    {"$or": [{"a": ["x"]}, {"b": ["x"]}], "prefix": ["x"], "detail": {"exists": ["x"]}},
    MappingProxyType({"a": ("x", "y")}),
    {"a": [{"cidr": "10.0.0.0/+8"}]},
    {"a": [{"cidr": "10.0.0.0/024/"}]},
    {"a": [10**400]},
    {"prefix": ["x"]},
    {"a": {"anything-but": ["x"]}},
]


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_what_is_unusual_but_allowed(pattern: Any) -> None:
    compile_pattern(pattern)


class TestNames:
    def test_a_dot_in_a_key_is_the_dot_of_a_path(self) -> None:
        events = [{"a": {"b": {"c": 1}}}, {"a.b": {"c": 1}}, {"a": {"b.c": 1}}, {"a.b.c": 1}]
        for pattern in ({"a": {"b": {"c": [1]}}}, {"a.b": {"c": [1]}}, {"a": {"b.c": [1]}}, {"a.b.c": [1]}):
            compiled = compile_pattern(pattern)
            assert [compiled.matches(event) for event in events] == [True] * 4

    def test_values_of_one_name_add_up(self) -> None:
        both = {"a": {"b": 1}, "a.b": 2}
        assert compile_pattern({"a": {"b": [1]}}).matches(both)
        assert compile_pattern({"a": {"b": [2]}}).matches(both)
        assert not compile_pattern({"a": {"b": [3]}}).matches(both)
        assert not compile_pattern({"a": {"b": [{"exists": False}]}}).matches({"a": {}, "a.b": 2})

    def test_of_two_lists_for_one_field_the_later_counts(self) -> None:
        later = compile_pattern({"a": {"b": ["old"]}, "a.b": ["new"]})
        assert later.matches({"a": {"b": "new"}})
        assert not later.matches({"a": {"b": "old"}})

    def test_a_key_is_not_trimmed_or_folded(self) -> None:
        pattern = compile_pattern({"detail-type": ["x"]})
        assert not pattern.matches({"Detail-Type": "x"})
        assert not pattern.matches({"detail-type ": "x"})


class TestOr:
    def test_source_and_one_of_three(self) -> None:
        """The README's "Or has an And inside"."""
        pattern = compile_pattern(
            {
                "source": ["aws.cloudwatch"],
                "$or": [
                    {"metricName": ["CPUUtilization", "ReadLatency"]},
                    {"metricType": ["MetricType"], "namespace": ["AWS/EC2", "AWS/ES"]},
                    {"scope": ["Service"]},
                ],
            }
        )
        assert pattern.matches({"source": "aws.cloudwatch", "scope": "Service"})
        assert pattern.matches({"source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/ES"})
        assert not pattern.matches({"source": "aws.cloudwatch", "metricType": "MetricType"})
        assert not pattern.matches({"source": "aws.ec2", "scope": "Service"})

    def test_parallel_and_nested(self) -> None:
        pattern = compile_pattern(
            {
                "$or": [{"a": [1]}, {"b": [1], "$or": [{"c": [1]}, {"d": [1]}]}],
                "detail": {"$or": [{"x": [1]}, {"y": [1]}]},
            }
        )
        assert pattern.matches({"a": 1, "detail": {"y": 1}})
        assert pattern.matches({"b": 1, "d": 1, "detail": {"x": 1}})
        assert not pattern.matches({"b": 1, "detail": {"x": 1}})
        assert not pattern.matches({"a": 1, "detail": {}})

    def test_options_may_overlap(self) -> None:
        pattern = compile_pattern({"$or": [{"a": ["x", "y"]}, {"a": ["y", "z"]}]})
        assert [pattern.matches({"a": value}) for value in ("x", "y", "z", "w")] == [True, True, True, False]

    def test_a_later_list_overrides_an_option_and_an_option_an_earlier_list(self) -> None:
        after = compile_pattern({"$or": [{"a": ["x"]}, {"b": ["x"]}], "a": ["y"]})
        assert after.matches({"a": "y"})
        assert not after.matches({"a": "x"})
        before = compile_pattern({"a": ["y"], "$or": [{"a": ["x"]}, {"b": ["x"]}]})
        assert before.matches({"a": "x"})
        assert not before.matches({"a": "y"})
        assert before.matches({"a": "y", "b": "x"})

    @pytest.mark.parametrize(
        ("pattern", "event"),
        [
            ({"$or": ["x", "y"]}, {"$or": "y"}),
            ({"$or": [{"prefix": "x"}, {"suffix": "y"}]}, {"$or": "xz"}),
            ({"$or": {"a": ["x"]}}, {"$or": {"a": "x"}}),
            ({"detail": {"$or": [1]}}, {"detail": {"$or": 1}}),
        ],
    )
    def test_what_cannot_be_a_choice_is_a_field_of_that_name(self, pattern: Any, event: Any) -> None:
        assert compile_pattern(pattern).matches(event)
        assert not compile_pattern(pattern).matches({})

"""A person sees at which field an event fails a pattern."""

from __future__ import annotations

from typing import Any

from responder.patterns import Mismatch, compile_pattern

PATTERN = {
    "source": ["aws.guardduty"],
    "detail": {
        "severity": [{"numeric": [">=", 7]}],
        "type": [{"prefix": "Crypto"}, {"prefix": "Backdoor"}],
        "service": {"additionalInfo": {"sample": [{"exists": False}]}},
    },
}
EVENT: dict[str, Any] = {"source": "aws.guardduty", "detail": {"severity": 8, "type": "CryptoCurrency:EC2/x"}}


def explained(pattern: Any, event: Any) -> list[str]:
    return [str(mismatch) for mismatch in compile_pattern(pattern).explain(event)]


def test_a_match_needs_no_explanation() -> None:
    assert explained(PATTERN, EVENT) == []


def test_every_field_that_fails_is_named_with_what_was_expected_and_found() -> None:
    event = {
        "source": "aws.guardduty",
        "detail": {"severity": "8", "type": "Recon:EC2/x", "service": {"additionalInfo": {"sample": True}}},
    }
    assert explained(PATTERN, event) == [
        "detail.service.additionalInfo.sample: expected no value, found true",
        'detail.severity: expected a number >= 7, found "8"',
        'detail.type: expected a string beginning with "Crypto" or a string beginning with "Backdoor", '
        'found "Recon:EC2/x"',
    ]


def test_an_absent_field_is_said_to_be_absent() -> None:
    assert compile_pattern(PATTERN).explain({**EVENT, "detail": {"type": "Crypto"}}) == [
        Mismatch(path="detail.severity", expected="a number >= 7", found=())
    ]
    assert explained({"a": [None]}, {}) == ["a: expected null, found nothing"]


def test_fields_that_would_do_but_in_different_elements() -> None:
    pattern = {"source": ["x"], "findings": {"Severity": ["CRITICAL"], "Product": ["Inspector"]}}
    event = {
        "source": "x",
        "findings": [{"Severity": "CRITICAL", "Product": "x"}, {"Severity": "LOW", "Product": "Inspector"}],
    }
    mismatches = compile_pattern(pattern).explain(event)
    assert [(mismatch.path, mismatch.elsewhere) for mismatch in mismatches] == [
        ("findings.Product", True),
        ("findings.Severity", True),
    ]
    assert str(mismatches[1]).endswith("but not in one array element with the other fields")


def test_of_an_or_the_nearest_branch_is_explained() -> None:
    pattern = {"source": ["x"], "$or": [{"a": [1], "b": [1], "c": [1]}, {"d": [1]}]}
    assert explained(pattern, {"source": "x", "a": 1, "b": 1}) == ["c: expected 1, found nothing"]
    assert explained(pattern, {"source": "x", "d": 2}) == ["d: expected 1, found 2"]


def test_expectations_are_words_for_every_operator() -> None:
    entries: list[Any] = [
        "x",
        "10.0.0.1",
        True,
        {"exactly": "y"},
        {"suffix": {"equals-ignore-case": "z"}},
        {"equals-ignore-case": "q"},
        {"wildcard": "w*"},
        {"cidr": "10.0.0.0/8"},
        {"numeric": [">", 0, "<=", 5]},
    ]
    (mismatch,) = compile_pattern({"f": entries}).explain({"f": None})
    assert mismatch.expected == (
        '"x" or the address 10.0.0.1 or true or "y" or a string ending with "z" in any case or "q" in any case or '
        'a string of the shape "w*" or an address in 10.0.0.0/8 or a number > 0 and <= 5'
    )
    (mismatch,) = compile_pattern({"f": [{"anything-but": {"prefix": ["a", "b"]}}]}).explain({"f": "ab"})
    assert mismatch.expected == 'anything but prefix "a" or prefix "b"'
    (mismatch,) = compile_pattern({"f": [{"anything-but": [2, 1]}]}).explain({"f": 1})
    assert mismatch.expected == "anything but 1 or 2"


def test_long_and_many_values_are_cut_short() -> None:
    pattern = compile_pattern({"f": ["x"]})
    (mismatch,) = pattern.explain({"f": ["y" * 10_000] * 100})
    assert len(mismatch.found) < 10
    assert len(str(mismatch)) < 2_000
    (mismatch,) = pattern.explain({"f": 10**10_000})
    assert str(mismatch) == 'f: expected "x", found a very long number'


def test_a_pattern_shows_its_fields() -> None:
    assert repr(compile_pattern({"a": [1], "$or": [{"b": [1]}, {"c": [1]}]})) == "<EventPattern a, b or a, c>"

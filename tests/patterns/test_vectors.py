"""Every verdict of AWS's event-ruler 2.0.1 that we have.

``vectors.jsonl`` holds one object per line: ``pattern``, ``event``, and ``expect``, which is event-ruler's verdict:
true, false, or "invalid" if it refused the pattern.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from responder.patterns import InvalidPattern, compile_pattern

from .oracle import oracle_matches

VECTORS: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("vectors.jsonl").read_text(encoding="utf-8").splitlines()
]


def verdict(pattern: Any, event: Any) -> bool | str:
    try:
        return compile_pattern(pattern).matches(event)
    except InvalidPattern:
        return "invalid"


def test_there_are_verdicts_of_every_kind() -> None:
    assert Counter(vector["expect"] for vector in VECTORS) == {True: 614, False: 689, "invalid": 47}


@pytest.mark.parametrize("vector", VECTORS, ids=range(1, len(VECTORS) + 1))  # the id is the line
def test_the_verdict_is_event_rulers(vector: dict[str, Any]) -> None:
    assert verdict(vector["pattern"], vector["event"]) == vector["expect"]


def test_the_oracle_of_the_property_tests_is_right_about_them_too() -> None:
    wrong = [
        line
        for line, vector in enumerate(VECTORS, start=1)
        if vector["expect"] != "invalid" and oracle_matches(vector["pattern"], vector["event"]) != vector["expect"]
    ]
    assert wrong == []

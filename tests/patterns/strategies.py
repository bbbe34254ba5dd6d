"""Patterns and events for the property tests: few names and few values, so that they meet."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

TRIALS = settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.sampled_from(["a", "b", "c", "a.b", "b.c"])
TEXTS = st.sampled_from(["", "a", "A", "ab", "aB", "a*b", "é", "É", "7", "true", "10.0.0.5", "10.0.1.7", "2001:db8::1"])
NUMBERS = st.sampled_from([0, 1, 7, 7.0, -3, 0.1, 8.5, 300])
SCALARS = TEXTS | NUMBERS | st.sampled_from([True, False, None])
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
EVENTS = st.dictionaries(NAMES, VALUES, max_size=4)

FRAGMENTS = TEXTS.map(lambda text: text[:2])


def _one_or_two(texts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return texts | st.lists(texts, min_size=1, max_size=2)


def _ranges(low: float, width: int) -> list[Any]:
    return [">=", low, "<", low + width]


SHAPES = st.sampled_from(["*", "a*", "*b", "a*b", "a\\*b", "*a*", "*.*.*", "é*", ""])
FULL_FRAGMENTS = FRAGMENTS.filter(bool)
OPERATORS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"prefix": FRAGMENTS | st.fixed_dictionaries({"equals-ignore-case": FRAGMENTS})}),
    st.fixed_dictionaries({"suffix": FRAGMENTS | st.fixed_dictionaries({"equals-ignore-case": FRAGMENTS})}),
    st.fixed_dictionaries({"equals-ignore-case": TEXTS}),
    st.fixed_dictionaries({"wildcard": SHAPES}),
    st.fixed_dictionaries(
        {
            "numeric": st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBERS).map(list)
            | st.builds(_ranges, NUMBERS, st.integers(1, 300))
        }
    ),
    st.fixed_dictionaries({"cidr": st.sampled_from(["10.0.0.0/24", "10.0.9.9/8", "2001:db8::/32"])}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"anything-but": _one_or_two(TEXTS) | _one_or_two(NUMBERS)}),
    st.fixed_dictionaries(
        {
            "anything-but": st.one_of(
                st.fixed_dictionaries({"prefix": _one_or_two(FULL_FRAGMENTS)}),
                st.fixed_dictionaries({"suffix": _one_or_two(FULL_FRAGMENTS)}),
                st.fixed_dictionaries({"equals-ignore-case": _one_or_two(TEXTS)}),
                st.fixed_dictionaries({"wildcard": _one_or_two(SHAPES)}),
            )
        }
    ),
)
ENTRIES = st.lists(SCALARS | OPERATORS, min_size=1, max_size=3)
PLAIN_PATTERNS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(NAMES, ENTRIES, min_size=1, max_size=3),
    lambda inner: st.dictionaries(NAMES, ENTRIES | inner, min_size=1, max_size=3),
    max_leaves=3,
)


def _with_choice(pattern: dict[str, Any], options: list[dict[str, Any]], last: bool) -> dict[str, Any]:
    return {**pattern, "$or": options} if last else {"$or": options, **pattern}


PATTERNS = PLAIN_PATTERNS | st.builds(
    _with_choice, PLAIN_PATTERNS, st.lists(PLAIN_PATTERNS, min_size=2, max_size=3), st.booleans()
)

ODDITIES = st.sampled_from([float("nan"), float("inf"), 10**400, b"x", (), {1, 2}, object(), "\ud800"])
ANY_VALUE: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.text(max_size=5) | st.floats() | st.integers() | ODDITIES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES | st.text(max_size=3) | st.integers() | st.just("$or") | st.just("prefix"), inner)
    ),
    max_leaves=25,
)

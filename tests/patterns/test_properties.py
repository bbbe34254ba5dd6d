"""What must hold for every pattern and every event."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from responder.patterns import compile_pattern

from .oracle import oracle_matches
from .strategies import EVENTS, NAMES, NUMBERS, PATTERNS, PLAIN_PATTERNS, SCALARS, TEXTS, TRIALS, VALUES


def matches(pattern: Any, happening: Any) -> bool:
    return compile_pattern(pattern).matches(happening)


def leaf_paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaf_paths(child, (*path, key))
    elif isinstance(value, list):
        for child in value:
            yield from leaf_paths(child, path)
    else:
        yield path, value


def pattern_at(path: tuple[str, ...], entries: list[Any]) -> dict[str, Any]:
    pattern: Any = entries
    for key in reversed(path):
        pattern = {key: pattern}
    return pattern  # type: ignore[no-any-return]


@TRIALS
@given(PATTERNS, EVENTS)
def test_the_slow_oracle_agrees(pattern: Any, happening: Any) -> None:
    expected = oracle_matches(pattern, happening)
    event(f"matches: {expected}")
    assert matches(pattern, happening) == expected


@TRIALS
@given(st.data(), EVENTS)
def test_the_slow_oracle_agrees_on_patterns_made_from_the_event(data: st.DataObject, happening: Any) -> None:
    """Patterns that have a chance: fields and values that the event has, with one or another changed."""
    leaves = list(leaf_paths(happening))
    assume(leaves)
    pattern: dict[str, Any] = {}
    for path, value in data.draw(st.lists(st.sampled_from(leaves), min_size=1, max_size=3)):
        entry = data.draw(st.just(value) | st.sampled_from([{"exists": True}, {"exists": False}, "zz"]) | SCALARS)
        pattern[".".join(path)] = [entry]
    expected = oracle_matches(pattern, happening)
    event(f"matches: {expected}")
    assert matches(pattern, happening) == expected


ELEMENTS = st.lists(st.dictionaries(st.sampled_from("xyz"), st.sampled_from([0, 1]) | VALUES), max_size=4)


@TRIALS
@given(
    st.dictionaries(
        st.sampled_from("xyz"), st.lists(st.sampled_from([0, 1, {"exists": False}, {"anything-but": 1}]), min_size=1)
    ).filter(bool),
    ELEMENTS | st.lists(ELEMENTS, max_size=3),
)
def test_the_slow_oracle_agrees_on_array_consistency(wanted: Any, elements: Any) -> None:
    expected = oracle_matches({"a": wanted}, {"a": elements})
    event(f"matches: {expected}")
    assert matches({"a": wanted}, {"a": elements}) == expected


@TRIALS
@given(EVENTS)
def test_the_exact_value_of_every_leaf_matches(happening: Any) -> None:
    for path, value in leaf_paths(happening):
        assert matches(pattern_at(path, [value]), happening)
        assert matches(pattern_at(path, [{"exists": True}]), happening)
        assert not matches(pattern_at(path, [{"exists": False}]), happening)


@TRIALS
@given(EVENTS, EVENTS)
def test_a_leaf_that_is_not_there_is_absent(happening: Any, other: Any) -> None:
    names = {".".join(path) for path, _ in leaf_paths(happening)}
    for path, _ in leaf_paths(other):
        assert matches(pattern_at(path, [{"exists": False}]), happening) == (".".join(path) not in names)


@TRIALS
@given(EVENTS, st.dictionaries(st.sampled_from(["new", "newer"]), VALUES, min_size=1))
def test_more_fields_never_spoil_what_is_required(happening: Any, more: Any) -> None:
    def grown(value: Any) -> Any:
        if isinstance(value, dict):
            return {**{key: grown(child) for key, child in value.items()}, **more}
        return [grown(child) for child in value] if isinstance(value, list) else value

    pattern: dict[str, Any] = {}
    for index, (path, value) in enumerate(leaf_paths(happening)):
        pattern[".".join(path)] = [value if index % 2 else {"exists": True}]
    assume(pattern)
    if matches(pattern, happening):
        assert matches(pattern, grown(happening))
    else:
        event("the leaves of several elements contradict each other")


@TRIALS
@given(PLAIN_PATTERNS, PLAIN_PATTERNS, EVENTS)
def test_or_is_the_disjunction(one: Any, other: Any, happening: Any) -> None:
    either = matches(one, happening) or matches(other, happening)
    assert matches({"$or": [one, other]}, happening) == either
    assert matches({"$or": [other, one, other]}, happening) == either


@TRIALS
@given(NAMES, SCALARS, st.lists(SCALARS, min_size=1, max_size=4))
def test_a_list_of_entries_is_the_disjunction_of_its_entries(name: str, value: Any, entries: list[Any]) -> None:
    assert matches({name: entries}, {name: value}) == any(matches({name: [entry]}, {name: value}) for entry in entries)


@TRIALS
@given(TEXTS | NUMBERS, SCALARS)
def test_anything_but_is_the_complement_for_a_single_value(excluded: Any, value: Any) -> None:
    literal = {"exactly": excluded} if isinstance(excluded, str) else excluded
    assert matches({"f": [{"anything-but": excluded}]}, {"f": value}) != matches({"f": [literal]}, {"f": value})


@TRIALS
@given(PATTERNS, EVENTS, st.randoms(use_true_random=False))
def test_the_order_of_elements_and_keys_does_not_matter(pattern: Any, happening: Any, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in random.sample(list(value), len(value))}
        return [shuffled(child) for child in random.sample(value, len(value))] if isinstance(value, list) else value

    assert matches(pattern, shuffled(happening)) == matches(pattern, happening)


@TRIALS
@given(PATTERNS, EVENTS)
def test_an_array_around_a_value_does_not_matter(pattern: Any, happening: Any) -> None:
    def wrapped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: [wrapped(child)] for key, child in value.items()}
        return [wrapped(child) for child in value] if isinstance(value, list) else value

    assert matches(pattern, wrapped(happening)) == matches(pattern, happening)


@TRIALS
@given(st.text(alphabet="ab*", max_size=6).filter(lambda shape: "**" not in shape), st.text(alphabet="ab", max_size=8))
def test_a_wildcard_is_the_regular_expression(shape: str, text: str) -> None:
    expected = re.fullmatch(shape.replace("*", ".*"), text) is not None
    assert matches({"f": [{"wildcard": shape}]}, {"f": text}) == expected
    assert matches({"f": [{"anything-but": {"wildcard": shape}}]}, {"f": text}) != expected


CASES: dict[str, Callable[[str, str], bool]] = {"prefix": str.startswith, "suffix": str.endswith}


@TRIALS
@given(st.sampled_from(sorted(CASES)), st.text(alphabet="aAéÉß", max_size=3), st.text(alphabet="aAéÉßS", max_size=5))
def test_beginnings_and_endings(operator: str, part: str, text: str) -> None:
    assert matches({"f": [{operator: part}]}, {"f": text}) == CASES[operator](text, part)
    # Of these letters only ß changes its length with its case; so a part has a few spellings, and no others.
    spellings = {""}
    for letter in part:
        spellings = {spelling + form for spelling in spellings for form in (letter.lower(), letter.upper())}
    folded = matches({"f": [{operator: {"equals-ignore-case": part}}]}, {"f": text})
    assert folded == any(CASES[operator](text, spelling) for spelling in spellings)
    assert matches({"f": [{"equals-ignore-case": part}]}, {"f": text}) == (text in spellings)


@TRIALS
@given(PATTERNS, EVENTS)
def test_a_mismatch_is_explained_and_a_match_is_not(pattern: Any, happening: Any) -> None:
    compiled = compile_pattern(pattern)
    mismatches = compiled.explain(happening)
    assert compiled.matches(happening) == (mismatches == [])
    for mismatch in mismatches:
        assert str(mismatch).startswith(f"{mismatch.path}: expected ")
        assert mismatch.path in {field.name for branch in compiled.branches for field in branch}

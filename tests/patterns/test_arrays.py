"""Fields inside one array must come from one element of it; and what absence means there."""

from __future__ import annotations

from typing import Any

import pytest

from responder.patterns import compile_pattern


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    return compile_pattern(pattern).matches(event)


CRITICAL_INSPECTOR = {"findings": {"Severity": {"Label": ["CRITICAL"]}, "ProductName": ["Inspector"]}}


def test_conditions_on_one_finding_are_not_met_by_two() -> None:
    critical_other = {"Severity": {"Label": "CRITICAL"}, "ProductName": "GuardDuty"}
    low_inspector = {"Severity": {"Label": "LOW"}, "ProductName": "Inspector"}
    critical_inspector = {"Severity": {"Label": "CRITICAL"}, "ProductName": "Inspector"}
    assert not matches(CRITICAL_INSPECTOR, {"findings": [critical_other, low_inspector]})
    assert matches(CRITICAL_INSPECTOR, {"findings": [critical_other, low_inspector, critical_inspector]})
    assert matches(CRITICAL_INSPECTOR, {"findings": critical_inspector})


def test_the_arrays_of_the_documentation() -> None:
    """README, "JSON Array Matching": a bear that is a member of one band and plays in another."""
    event = {
        "employees": [{"firstName": "John", "lastName": "Doe"}, {"firstName": "Anna", "lastName": "Smith"}],
        "children": [{"name": "Bob", "toys": [{"kind": "car"}, {"kind": "doll"}]}, {"name": "Eve", "toys": []}],
    }
    assert not matches({"employees": {"firstName": ["Anna"], "lastName": ["Doe"]}}, event)
    assert matches({"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}, event)
    assert not matches({"children": {"name": ["Eve"], "toys": {"kind": ["car"]}}}, event)
    assert matches({"children": {"name": ["Bob"], "toys": {"kind": ["doll"]}}}, event)


def test_sibling_arrays_are_chosen_from_independently() -> None:
    event = {"a": [{"x": 1}, {"x": 2}], "b": [{"x": 1}, {"x": 2}]}
    assert matches({"a": {"x": [1]}, "b": {"x": [2]}}, event)


def test_values_directly_in_an_array_belong_to_no_element() -> None:
    assert matches({"tags": ["a"], "detail": {"x": [1]}}, {"tags": ["b", "a"], "detail": {"x": 1}})
    event = {"items": [{"tags": ["a", "b"], "n": 1}, {"tags": ["c"], "n": 2}]}
    assert matches({"items": {"tags": ["b"], "n": [1]}}, event)
    assert not matches({"items": {"tags": ["c"], "n": [1]}}, event)
    assert matches({"items": ["x"], "items.n": [1]}, {"items": ["x", {"n": 1}]})
    assert not matches({"items": ["x"], "items.n": [1]}, {"items": [["x", "y"], {"n": 1}]})


def test_arrays_in_arrays() -> None:
    event = {"grid": [[{"x": 1, "y": 1}, {"x": 2, "y": 2}], [{"x": 3, "y": 3}, 7]]}
    assert matches({"grid": {"x": [2], "y": [2]}}, event)
    assert not matches({"grid": {"x": [1], "y": [2]}}, event)
    assert not matches({"grid": {"x": [1], "y": [3]}}, event)
    assert matches({"grid": [7]}, event)


def test_inner_arrays_of_one_element_agree_on_the_outer_element() -> None:
    event = {"f": [{"r": [{"t": "a"}, {"t": "b"}], "s": 1}, {"r": [{"t": "c"}], "s": 2}]}
    assert matches({"f": {"r": {"t": ["b"]}, "s": [1]}}, event)
    assert not matches({"f": {"r": {"t": ["c"]}, "s": [1]}}, event)


def test_of_several_values_in_one_element_any_may_do() -> None:
    event = {"a": [{"x": [1, 0], "y": [0, 1]}, {"x": [0, 0], "y": [0, 0]}]}
    assert matches({"a": {"x": [1], "y": [1]}}, event)


def test_an_option_of_an_or_is_consistent_in_itself_and_with_the_fields_around_it() -> None:
    event = {"a": [{"x": 1, "y": 0}, {"x": 0, "y": 1}], "z": 0}
    assert not matches({"$or": [{"a": {"x": [1], "y": [1]}}, {"z": [1]}]}, event)
    assert not matches({"a": {"x": [1], "$or": [{"y": [1]}, {"z": [1]}]}}, event)
    assert matches({"a": {"x": [1], "$or": [{"y": [1]}, {"y": [0]}]}}, event)


class TestAbsence:
    """``exists: false`` asks about the elements that fields *earlier in the alphabet* have chosen."""

    def test_named_later_it_means_the_chosen_element(self) -> None:
        event = {"d": [{"a": 1}, {"a": 2, "b": 1}]}
        assert matches({"d": {"a": [1], "b": [{"exists": False}]}}, event)
        assert not matches({"d": {"a": [2], "b": [{"exists": False}]}}, event)

    def test_named_earlier_it_means_every_element(self) -> None:
        event = {"d": [{"b": 1}, {"a": 1, "b": 2}]}
        assert not matches({"d": {"a": [{"exists": False}], "b": [1]}}, event)
        assert matches({"d": {"a": [{"exists": False}], "b": [1]}}, {"d": [{"b": 1}, {"b": 2}]})

    def test_alone_it_means_every_element(self) -> None:
        pattern = {"d": {"a": [{"exists": False}]}}
        assert not matches(pattern, {"d": [{}, {"a": 1}]})
        assert matches(pattern, {"d": [{}, {"b": 1}]})

    def test_the_other_entries_of_the_list_still_count(self) -> None:
        pattern = {"d": {"a": [1], "b": [{"exists": False}, {"anything-but": "bot"}]}}
        assert matches(pattern, {"d": [{"a": 1, "b": "alice"}, {"a": 2, "b": "bot"}]})
        assert matches(pattern, {"d": [{"a": 1}, {"a": 2, "b": "bot"}]})
        assert not matches(pattern, {"d": [{"a": 1, "b": "bot"}, {"a": 2}]})

    def test_it_may_hold_by_the_choice_of_a_field_that_need_not_choose(self) -> None:
        event = {"d": [{"a": 1, "b": 1}, {"a": 1}], "d.a": 1}
        assert matches({"d": {"a": [1], "b": [{"exists": False}]}}, event)

    def test_names_are_ordered_as_java_orders_them(self) -> None:
        astral, private = "\U00010000", "\uffff"  # by code point the other way round than by UTF-16 unit
        event = {"d": [{astral: 1}, {astral: 2, private: 1}]}
        assert matches({"d": {astral: [1], private: [{"exists": False}]}}, event)
        event = {"d": [{private: 1}, {private: 2, astral: 1}]}
        assert not matches({"d": {private: [1], astral: [{"exists": False}]}}, event)


def test_the_same_list_at_two_places_is_two_arrays() -> None:
    shared = [{"x": 1, "y": 0}, {"x": 0, "y": 1}]
    event = {"a": shared, "b": shared}
    assert matches({"a": {"x": [1]}, "b": {"y": [1]}}, event)
    assert not matches({"a": {"x": [1], "y": [1]}}, event)


@pytest.mark.parametrize("elements", [1, 2, 50])
def test_an_array_of_one_element_is_like_its_element(elements: int) -> None:
    event = {"f": [{"a": 1, "b": [{"c": 2}]}] + [{"a": 0}] * (elements - 1)}
    assert matches({"f": {"a": [1], "b": {"c": [2]}}}, event)
    assert matches({"f": {"a": [1], "z": [{"exists": False}]}}, event)

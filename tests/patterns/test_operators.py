"""What each entry of a field's list accepts, by AWS's documentation and by event-ruler's source.

Documentation: "Comparison operators for use in event patterns in Amazon EventBridge" (eb-create-pattern-operators).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from responder.patterns import compile_pattern


def accepts(entry: Any, value: Any) -> bool:
    return compile_pattern({"detail": {"field": [entry]}}).matches({"detail": {"field": value}})


# (entry, values it accepts, values it does not)
DOCUMENTED: list[tuple[Any, list[Any], list[Any]]] = [
    ("running", ["running"], ["Running", "running ", "", 1, None]),
    ("", [""], [" ", None, []]),
    (None, [None], ["null", "", False, 0]),
    (True, [True], ["true", 1, False]),
    (False, [False], ["false", 0, None, True]),
    ({"prefix": "us-"}, ["us-east-1", "us-"], ["eu-west-1", "US-east-1", "us", 1]),
    ({"prefix": {"equals-ignore-case": "EventB"}}, ["EventBridge", "eventb", "EVENTBRIDGE"], ["Event", "xEventB"]),
    ({"suffix": ".png"}, ["a.png", ".png"], ["a.PNG", "a.png ", "png", 1]),
    ({"suffix": {"equals-ignore-case": ".png"}}, ["a.png", "a.PNG"], ["a.jpg", "png"]),
    ({"equals-ignore-case": "alice"}, ["alice", "ALICE", "aLiCe"], ["alice ", "alic", "", 1]),
    ({"wildcard": "dir/*.png"}, ["dir/a.png", "dir/.png", "dir/a/b.png"], ["dir.png", "dir/a.png2", "Dir/a.png"]),
    ({"wildcard": "*/lib/*"}, ["/lib/", "usr/lib/x"], ["lib", "/lib", "lib/"]),
    ({"numeric": ["=", 3.018e2]}, [301.8, 3.018e2], [301.81, "301.8", None]),
    ({"numeric": [">", 0, "<=", 5]}, [5, 5.0, 0.000001, 1], [0, 5.0000001, -1, "3", True]),
    ({"numeric": [">", 0, "<", 5]}, [1, 4.999], [0, 5]),
    ({"numeric": [">=", 0, "<", 5]}, [0, 4.999], [-0.1, 5]),
    ({"numeric": [">=", 0, "<=", 5]}, [0, 5], [-0.1, 5.1]),
    ({"numeric": ["<", 10]}, [9.99, -1e300], [10, 10.0, 1e300]),
    ({"cidr": "10.0.0.0/24"}, ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "10.0.0", "::ffff:b00:1", 10, ""]),
    ({"cidr": "2001:db8::/32"}, ["2001:db8::1", "2001:0DB8:ffff::"], ["2001:db9::1", "10.0.0.1", "2001:db8::g"]),
    ({"exists": True}, ["", 0, False, None, "x", ["x"]], [[], {}, {"a": 1}, [{}], [{"a": 1}]]),
    ({"exists": False}, [[], {}, {"a": 1}, [[], {}]], ["", 0, False, None, ["x"]]),
    ({"anything-but": "initializing"}, ["running", "", 1, None, True], ["initializing", [], {}]),
    ({"anything-but": ["stopped", "overloaded"]}, ["running", 1], ["stopped", "overloaded"]),
    ({"anything-but": 123}, [124, "123", None, True], [123, 123.0]),
    ({"anything-but": [100, 200]}, [300, "100"], [100, 2e2]),
    ({"anything-but": {"prefix": "init"}}, ["running", "INIT", 1], ["init", "initializing"]),
    ({"anything-but": {"prefix": ["a", "b"]}}, ["c", ""], ["a1", "b2"]),
    ({"anything-but": {"suffix": ".txt"}}, ["a.png", 1, None], ["a.txt"]),
    ({"anything-but": {"suffix": [".txt", ".rtf"]}}, ["a.png"], ["a.txt", "a.rtf"]),
    ({"anything-but": {"equals-ignore-case": "initializing"}}, ["running", 1], ["INITIALIZING", "initializing"]),
    ({"anything-but": {"equals-ignore-case": ["a", "é"]}}, ["b"], ["A", "a", "É"]),
    ({"anything-but": {"wildcard": "*/lib/*"}}, ["/bin/x", 1], ["/usr/lib/x"]),
    ({"anything-but": {"wildcard": ["*.jar", "tmp*"]}}, ["x.zip"], ["x.jar", "tmp/x"]),
]


@pytest.mark.parametrize(("entry", "accepted", "refused"), DOCUMENTED, ids=lambda value: str(value)[:50])
def test_documented_operators(entry: Any, accepted: list[Any], refused: list[Any]) -> None:
    assert [value for value in accepted if not accepts(entry, value)] == []
    assert [value for value in refused if accepts(entry, value)] == []


def test_a_list_accepts_what_any_entry_accepts() -> None:
    entries = ["x", 7, {"prefix": "a"}, {"cidr": "10.0.0.0/8"}, {"numeric": [">", 100]}, None]
    pattern = compile_pattern({"f": entries})
    assert all(pattern.matches({"f": value}) for value in ("x", 7.0, "ab", "10.9.9.9", 101, None))
    assert not any(pattern.matches({"f": value}) for value in ("y", 8, "ba", "11.0.0.0", 100, False))


def test_of_an_arrays_values_one_is_enough_even_for_anything_but() -> None:
    assert accepts("x", ["y", "x"])
    assert accepts({"anything-but": "bot"}, ["bot", "alice"])
    assert not accepts({"anything-but": "bot"}, ["bot", "bot"])
    assert not accepts({"anything-but": "bot"}, [])


def test_an_absent_field_satisfies_only_exists_false() -> None:
    event: dict[str, Any] = {"detail": {}}
    assert compile_pattern({"detail": {"field": [{"exists": False}]}}).matches(event)
    assert compile_pattern({"detail": {"field": [{"anything-but": "x"}, {"exists": False}]}}).matches(event)
    for entry in ({"anything-but": "x"}, {"exists": True}, {"wildcard": "*"}, None):
        assert not compile_pattern({"detail": {"field": [entry]}}).matches(event)


class TestNumbers:
    @pytest.mark.parametrize("value", [5, 5.0, Decimal(5), Decimal("5.00"), Decimal("0.5e1")])
    def test_one_number_has_many_spellings(self, value: Any) -> None:
        assert accepts(5, value)
        assert accepts(5.0, value)
        assert accepts({"numeric": ["=", 5]}, value)
        assert not accepts({"anything-but": 5}, value)

    def test_zero_has_no_sign(self) -> None:
        assert accepts(0, -0.0)
        assert accepts({"numeric": ["<=", 0]}, -0.0)

    def test_every_double_can_be_compared(self) -> None:
        assert accepts({"numeric": [">", 5_000_000_000]}, 5_000_000_001)
        assert accepts({"numeric": ["<", 1e-300]}, 1e-301)
        assert accepts({"numeric": [">", 0.1, "<", 0.30000000000000004]}, 0.3)
        assert accepts(1e23, 10**23)

    def test_a_number_no_double_can_hold_equals_only_its_own_digits(self) -> None:
        digits = 2**53 + 1
        assert accepts(digits, digits)
        assert not accepts(digits, digits - 1)
        assert not accepts({"numeric": [">", 0]}, digits)
        assert accepts({"anything-but": 5}, digits)
        assert not accepts({"numeric": [">", 0]}, Decimal("0.1000000000000000055511151231257827"))

    def test_true_and_false_are_no_numbers(self) -> None:
        assert not accepts(1, True)
        assert not accepts(True, 1)
        assert not accepts({"numeric": [">=", 0]}, True)
        assert accepts({"anything-but": 1}, True)

    @pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
    def test_what_json_cannot_write_is_there_but_no_number(self, value: float) -> None:
        assert accepts({"exists": True}, value)
        assert accepts({"anything-but": 1}, value)
        assert not accepts({"numeric": [">=", 0]}, value)
        assert not accepts({"numeric": ["<=", 0]}, value)


class TestText:
    def test_a_wildcard_can_be_escaped(self) -> None:
        assert accepts({"wildcard": r"a\*b"}, "a*b")
        assert not accepts({"wildcard": r"a\*b"}, "axb")
        assert accepts({"wildcard": r"C:\\*"}, "C:\\temp")

    def test_the_parts_of_a_wildcard_do_not_overlap(self) -> None:
        assert not accepts({"wildcard": "ab*ba"}, "aba")
        assert accepts({"wildcard": "ab*ba"}, "abba")
        assert not accepts({"wildcard": "*aa*a"}, "aa")
        assert not accepts({"wildcard": "a*bc*bc*d"}, "abcd")

    def test_a_wildcard_spans_lines_and_letters_of_any_script(self) -> None:
        assert accepts({"wildcard": "é*é"}, "é\n大\x00é")

    def test_letters_differ_in_case_in_every_script(self) -> None:
        assert accepts({"equals-ignore-case": "ÉTAT"}, "état")
        assert accepts({"prefix": {"equals-ignore-case": "ét"}}, "ÉTat")
        assert accepts({"suffix": {"equals-ignore-case": "Ét"}}, "xxÉT")
        assert accepts({"suffix": {"equals-ignore-case": "straße"}}, "Hauptstrasse"[:5] + "STRASSE")

    def test_a_letter_is_only_its_own_two_forms(self) -> None:
        kelvin = "\N{KELVIN SIGN}"
        assert not accepts({"equals-ignore-case": "k"}, kelvin)
        assert not accepts({"prefix": {"equals-ignore-case": "k"}}, kelvin)
        assert not accepts({"suffix": {"equals-ignore-case": "k"}}, kelvin)

    def test_empty_operands_accept_every_string(self) -> None:
        for entry in (
            {"prefix": ""},
            {"suffix": ""},
            {"prefix": {"equals-ignore-case": ""}},
            {"suffix": {"equals-ignore-case": ""}},
            {"wildcard": "*"},
        ):
            assert accepts(entry, "")
            assert accepts(entry, "É")
            assert not accepts(entry, 1)
            assert not accepts(entry, None)

    def test_but_the_empty_text_is_only_the_empty_string(self) -> None:
        for entry in ({"equals-ignore-case": ""}, {"wildcard": ""}, {"exactly": ""}):
            assert accepts(entry, "")
            assert not accepts(entry, "x")


class TestAddresses:
    def test_a_literal_address_is_an_address_however_it_is_written(self) -> None:
        assert accepts("10.0.0.5", "10.0.0.5")
        assert accepts("10.0.0.5", "010.000.000.005")
        assert accepts("10.0.0.5", "::ffff:a00:5")
        assert accepts("2001:db8::1", "2001:DB8:0:0:0:0:0:1")
        assert not accepts("10.0.0.5", "10.0.0.50")

    def test_exactly_and_anything_but_take_it_as_text(self) -> None:
        assert not accepts({"exactly": "10.0.0.5"}, "010.0.0.5")
        assert accepts({"anything-but": "10.0.0.5"}, "010.0.0.5")
        assert not accepts({"anything-but": "10.0.0.5"}, "10.0.0.5")

    @pytest.mark.parametrize(
        "text", ["08:23", "10.0.0.256", "1:2:3:4:5:6:7", ":::", "1::2::3", ":", "1.2.3.4.5", "1:2:3:4::5:6:7:8"]
    )
    def test_what_only_looks_like_an_address_is_text(self, text: str) -> None:
        assert accepts(text, text)
        assert not accepts({"cidr": "0.0.0.0/0"}, text)
        assert not accepts({"cidr": "::/0"}, text)

    def test_a_range_begins_at_its_first_address_whatever_address_names_it(self) -> None:
        assert accepts({"cidr": "10.0.0.77/24"}, "10.0.0.1")
        assert accepts({"cidr": "255.255.255.255/31"}, "255.255.255.254")

    def test_a_range_holds_only_its_own_family(self) -> None:
        assert not accepts({"cidr": "0.0.0.0/0"}, "::1")
        assert not accepts({"cidr": "::/0"}, "1.2.3.4")
        assert accepts({"cidr": "0.0.0.0/0"}, "255.255.255.255")
        assert accepts({"cidr": "::/0"}, "ffff::")


def test_values_of_other_types_are_taken_for_what_they_are() -> None:
    class Region(StrEnum):
        IRELAND = "eu-west-1"

    assert accepts("eu-west-1", Region.IRELAND)
    assert accepts("eu-west-1", (Region.IRELAND, "us-east-1"))
    assert accepts({"numeric": [">=", 7]}, Decimal("8.5"))
    assert not accepts({"numeric": [">=", 7]}, Decimal("NaN"))
    assert accepts({"anything-but": "x"}, b"bytes")
    assert not accepts("bytes", b"bytes")

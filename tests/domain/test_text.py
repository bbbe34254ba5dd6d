import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.domain.text import ascii_line, cut, cut_json, one_line, units, well_formed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=300),
    lambda member: st.lists(member, max_size=6) | st.dictionaries(st.text(max_size=40), member, max_size=6),
    max_leaves=60,
)


@given(st.text(max_size=400), st.integers(1, 200))
def test_a_cut_text_keeps_to_the_limit_and_begins_as_the_whole_does(text: str, limit: int) -> None:
    result = cut(text, limit)

    assert units(result) <= limit
    assert result == text or text.startswith(result.removesuffix("…"))


@pytest.mark.parametrize(
    "character",
    ["e\u0301", "👩🏽‍🚒", "🇩🇪", "❤️", "नि"],
    ids=["accent", "emoji sequence", "flag", "variation selector", "vowel sign"],
)
def test_a_cut_never_falls_within_a_character(character: str) -> None:
    for limit in range(1, units(character) + 4):
        kept = cut(f"ab{character}cdefgh", limit).removesuffix("…")

        assert kept in ("", "a", "ab", f"ab{character}", f"ab{character}c"), limit


def test_one_line_lets_nobody_write_lines_or_turn_the_text_around() -> None:
    line = one_line("a\nb\r\nc\x1b[31m\u2028d\u202ee\ud800f\uffffg\x00")

    assert line == "a b c [31m d e f g"


@given(st.text())
def test_one_line_holds_no_control_character(text: str) -> None:
    assert not [c for c in one_line(text) if unicodedata.category(c) in ("Cc", "Zl", "Zp")]


@given(st.text(), st.integers(4, 120))
def test_an_ascii_line_is_printable_ascii_within_the_limit(text: str, limit: int) -> None:
    line = ascii_line(text, limit)

    assert len(line) <= limit
    assert all(" " <= character <= "~" for character in line)


@given(st.dictionaries(st.text(max_size=30), JSON, max_size=8), st.integers(200, 3000))
def test_cut_json_is_json_within_the_limit(value: dict[str, object], limit: int) -> None:
    text = cut_json(value, limit)

    assert len(text) <= limit
    assert isinstance(json.loads(text), dict)
    whole = json.dumps(value, separators=(",", ":"))
    assert len(whole) > limit or json.loads(text) == value


def test_cut_json_keeps_what_comes_first_of_a_megabyte() -> None:
    value = {"incident_key": "root/111122223333", "event": {"id": "e1", "detail": {"blob": "x" * 1_000_000}}}

    kept = json.loads(cut_json(value, 10_000))

    assert kept["incident_key"] == "root/111122223333"
    assert kept["event"]["id"] == "e1"


def test_lone_surrogates_become_replacement_characters_and_pairs_stay() -> None:
    value = json.loads(r'{"agent": "a\ud800b", "list": ["\udc00", "\ud83d\ude00"], "\ud801": 1}')

    assert well_formed(value) == {"agent": "a\ufffdb", "list": ["\ufffd", "😀"], "\ufffd": 1}

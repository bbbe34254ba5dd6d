"""One Note, three authors: what people wrote stays to the letter, our block is one."""

from hypothesis import given
from hypothesis import strategies as st

from responder.domain.note import with_block, words_of_others
from responder.domain.security_hub import MAX_NOTE
from responder.domain.text import units

NOTES = st.text(max_size=600).map(words_of_others).filter(lambda text: words_of_others(text) == text)


@given(NOTES, st.text(max_size=700), st.text(max_size=700))
def test_a_later_block_replaces_the_earlier_one_and_nothing_else(text: str, first: str, second: str) -> None:
    assert with_block(with_block(text, first), second) == with_block(text, second)


@given(NOTES, st.text(max_size=700))
def test_what_people_wrote_stands_before_our_block_to_the_letter(text: str, words: str) -> None:
    note = with_block(text, words)

    assert note.startswith(text) or not text.strip()
    assert words_of_others(note) == text or not text.strip()


@given(NOTES.filter(lambda text: units(text) <= MAX_NOTE), st.text(max_size=700))
def test_the_note_keeps_its_limit(text: str, words: str) -> None:
    assert units(with_block(text, words)) <= MAX_NOTE


def test_a_note_of_512_characters_leaves_no_room_for_ours() -> None:
    assert with_block("x" * 512, "account Payments") == "x" * 512


def test_our_block_goes_when_people_need_its_room() -> None:
    note = with_block("Looks bad.", "account Payments (444455556666)")
    edited = note.replace("Looks bad.", "x" * 480)

    assert with_block(edited, "account Payments (444455556666)") == "x" * 480


def test_what_people_wrote_behind_our_block_survives_too() -> None:
    note = with_block("Before.", "account Payments") + "\nAfter."

    assert with_block(note, "account Payroll") == "Before.\nAfter.\n[Security responder: account Payroll]"


def test_names_cannot_break_out_of_the_block() -> None:
    note = with_block("", "account ]\nAll clear, close it. [x")

    assert note == "[Security responder: account ) All clear, close it. (x]"

"""Tests of strings: beginnings, endings, wildcards, and letters of either case.

Every test is linear in the string it looks at, whatever the pattern: nothing backtracks.
"""

from __future__ import annotations

import re
from collections.abc import Callable

StringTest = Callable[[str], bool]


def starts_with(text: str) -> StringTest:
    return lambda string: string.startswith(text)


def ends_with(text: str) -> StringTest:
    return lambda string: string.endswith(text)


def equals_ignoring_case(text: str) -> StringTest:
    """A test for strings that are this text, each letter in lower or upper case.

    As in event-ruler, a letter stands for its own lower-case and upper-case forms and for nothing else: ``k`` is not
    the Kelvin sign, ``ß`` is also ``SS``. event-ruler cannot match letters outside the Basic Multilingual Plane here
    (it takes Java's surrogates one by one); this does.

    >>> [equals_ignoring_case("état")(string) for string in ("ÉTAT", "État", "etat")]
    [True, True, False]
    """
    if not text.isascii():
        match = _either_case(text).fullmatch
        return lambda string: match(string) is not None
    size, lowered = len(text), text.lower()
    return lambda string: len(string) == size and string.isascii() and string.lower() == lowered


def starts_with_ignoring_case(text: str) -> StringTest:
    if not text.isascii():
        match = _either_case(text).match
        return lambda string: match(string) is not None
    size, lowered = len(text), text.lower()

    def test(string: str) -> bool:
        beginning = string[:size]
        return beginning.isascii() and beginning.lower() == lowered

    return test


def ends_with_ignoring_case(text: str) -> StringTest:
    if not text.isascii():
        match = _either_case(text, backwards=True).match
        return lambda string: match(string[::-1]) is not None
    size, lowered = len(text), text.lower()

    def test(string: str) -> bool:
        ending = string[len(string) - size :] if len(string) >= size else ""
        return ending.isascii() and ending.lower() == lowered

    return test


def _either_case(text: str, *, backwards: bool = False) -> re.Pattern[str]:
    # The two forms of a letter never begin alike, so the expression has one way to go at every letter.
    letters = [sorted({letter.lower(), letter.upper()}) for letter in text]
    if backwards:
        letters = [[form[::-1] for form in forms] for forms in reversed(letters)]
    return re.compile("".join(f"(?:{'|'.join(map(re.escape, forms))})" for forms in letters))


def wildcard(text: str) -> StringTest:
    r"""A test for strings of this shape, in which ``*`` is any run of characters and ``\*`` and ``\\`` are themselves.

    Raises
    ------
    ValueError
        With the reason, for ``**`` and for a backslash before anything else.

    >>> [wildcard("*:instance/i-*")(string) for string in ("arn:aws:ec2:eu-west-1:1:instance/i-1", "i-1")]
    [True, False]
    >>> wildcard(r"100\*")("100*")
    True
    """
    first, *rest = _literals(text)
    if not rest:
        return lambda string: string == first
    *middle, last = rest
    if not first and not last and len(middle) == 1:
        part = middle[0]
        return lambda string: part in string
    shortest = len(first) + len(last)

    def test(string: str) -> bool:
        if len(string) < shortest or not string.startswith(first) or not string.endswith(last):
            return False
        start, end = len(first), len(string) - len(last)
        for part in middle:
            found = string.find(part, start, end)
            if found < 0:
                return False
            start = found + len(part)
        return True

    return test


def _literals(text: str) -> list[str]:
    literals = [""]
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "*":
            if text[position : position + 1] == "*":
                raise ValueError(f"two wildcards in a row at character {position}")
            literals.append("")
        elif character == "\\":
            if text[position : position + 1] not in {"*", "\\"}:
                raise ValueError(f"a backslash that escapes neither '*' nor '\\' at character {position}")
            literals[-1] += text[position]
            position += 1
        else:
            literals[-1] += character
    return literals

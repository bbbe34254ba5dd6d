"""What is said of a pattern that EventBridge would refuse."""

from __future__ import annotations

from collections.abc import Mapping


class InvalidPattern(ValueError):  # noqa: N818 (the contract names it so)
    """The pattern breaks the language; it can never be compiled, so a retry is no use.

    Attributes
    ----------
    path
        Where the fault is in the pattern as it is written, such as ``detail.severity[0].numeric[1]`` or
        ``$or[1].source``. Empty for the pattern as a whole.
    reason
        What is wrong there, in words for the pattern's author.

    >>> print(InvalidPattern("detail.severity[0].numeric", "needs an operator and a number"))
    detail.severity[0].numeric: needs an operator and a number
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path or 'the pattern'}: {self.reason}"


def kind_of(value: object) -> str:
    """What a value is, in JSON's words, for the reason of a refusal."""
    if value is None:
        return "null"
    for types, words in _KINDS:
        if isinstance(value, types):
            return words
    return f"a Python {type(value).__name__}, which is not JSON"


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a string"),
    ((list, tuple), "a list"),
    (Mapping, "an object"),
)

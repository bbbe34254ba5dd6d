"""The words of an advanced query, and where each stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .values import Literal

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<text>'(?:[^']|'')*')
    | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
    | (?P<word>[A-Za-z_]\w*(?:\.[\w-]+)*)
    | (?P<operator><>|!=|<=|>=|[=<>])
    | (?P<sign>[(),*])
    """,
    re.VERBOSE,
)


class ExpressionError(Exception):
    """What is wrong with an expression, and where: lines and columns are counted from one."""

    def __init__(self, line: int, column: int, complaint: str) -> None:
        # The words before the colon are AWS's own (github.com/awslabs/backstage-plugins-for-aws/pull/182).
        super().__init__(f"syntax error at line {line}, column {column}: {complaint}")


@dataclass(frozen=True)
class Token:
    """A word, text, number, operator, sign, or the end."""

    kind: str
    text: str
    line: int
    column: int

    @property
    def keyword(self) -> str:
        """A word or sign in capitals; nothing for a text, which is never a keyword."""
        return self.text.upper() if self.kind in ("word", "sign", "operator") else ""

    @property
    def shown(self) -> str:
        return "the end" if self.kind == "end" else self.text

    @property
    def value(self) -> Literal:
        """What a text, a number, true or false means. A quote within a text is written twice."""
        if self.kind == "text":
            return self.text[1:-1].replace("''", "'")
        if self.kind == "number":
            return float(self.text) if "." in self.text else int(self.text)
        return self.keyword == "TRUE"

    def error(self, complaint: str) -> ExpressionError:
        return ExpressionError(self.line, self.column, complaint)


def tokens(expression: str) -> Iterator[Token]:
    """The tokens of an expression, the last of which is the end.

    >>> [token.text for token in tokens("SELECT tags WHERE resourceId='it''s'")]
    ['SELECT', 'tags', 'WHERE', 'resourceId', '=', "'it''s'", '']
    """
    position = 0
    while position < len(expression):
        line, column = _place(expression, position)
        match = _TOKEN.match(expression, position)
        if match is None:
            raise ExpressionError(line, column, _complaint(expression[position]))
        if match.lastgroup != "space":
            yield Token(match.lastgroup or "", match.group(), line, column)
        position = match.end()
    yield Token("end", "", *_place(expression, position))


def _place(expression: str, position: int) -> tuple[int, int]:
    before = expression[:position]
    return before.count("\n") + 1, position - before.rfind("\n")


def _complaint(character: str) -> str:
    if character == "'":
        return "the text that begins here does not end"
    if character in '"`':
        return f"unexpected {character}; texts are written in single quotes, properties without quotes"
    return f"unexpected {character}"

"""One Note, three authors: people, and two functions of this application.

A finding has a single note, which every update replaces. Ours is one block in it, ``[Security responder: …]``, after
what people wrote; a later block replaces the earlier one, whichever function wrote it. What is not our block is kept to
the letter, wherever it stands. When the note's 512 characters do not hold both, ours gives way.
"""

import re

from responder.domain.security_hub import MAX_NOTE
from responder.domain.text import cut, one_line, units

ENRICHER = "FindingEnricher"
RESOLVER = "DeletedResourceFindingResolver"
"""What Security Hub shows as the note's author, Note.UpdatedBy."""

_BEGIN, _END = "[Security responder: ", "]"
_BLOCK = re.compile(r"\n?" + re.escape(_BEGIN) + r"[^\]\n]*\]")

_LEAST_WORDS = 30
"""Characters below which a block would say nothing."""


def words_of_others(text: str) -> str:
    r"""The note without our block.

    >>> words_of_others("Asked the owner.\n[Security responder: account Payments]")
    'Asked the owner.'
    """
    return _BLOCK.sub("", text)


def with_block(text: str, words: str) -> str:
    r"""The note with our block renewed, shortened, or left out where people's words leave no room for it.

    >>> with_block("Asked the owner.\n[Security responder: account Payments]", "account Payroll")
    'Asked the owner.\n[Security responder: account Payroll]'
    >>> with_block("x" * 500, "account Payroll, OU Root/Prod") == "x" * 500
    True
    """
    others = words_of_others(text)
    separator = "\n" if others.strip() else ""
    if not separator:
        others = ""
    room = MAX_NOTE - units(others) - len(separator + _BEGIN + _END)
    plain = one_line(words, 2 * len(words)).replace("[", "(").replace("]", ")")
    if room < min(_LEAST_WORDS, units(plain)):
        return others
    return f"{others}{separator}{_BEGIN}{cut(plain, room)}{_END}"

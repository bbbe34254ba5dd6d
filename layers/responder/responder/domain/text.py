"""Text from events, made fit for people and for AWS's limits.

Events quote what attackers typed (user agents, names, domains): nothing here trusts it. Lengths are counted in UTF-16
code units, as AWS's services do for "characters"; a text that keeps to a limit in them keeps to it in code points too.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

ELLIPSIS = "…"

_MAX_QUOTED = 39
"""Characters of a text that a reason tells: a secret access key of AWS's has one more."""

_ZERO_WIDTH_JOINER = "\u200d"
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def units(text: str) -> int:
    """Length in UTF-16 code units.

    >>> units("a"), units("😀")
    (1, 2)
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis when it is longer than ``limit`` UTF-16 code units.

    Never cuts within a character as people see it: accents, emoji sequences and flags stay whole.

    >>> cut("security", 8), cut("security", 5)
    ('security', 'secu…')
    >>> cut("cafe\u0301 noir", 5)
    'caf…'
    """
    if 2 * len(text) <= limit or units(text) <= limit:  # no character has more than two
        return text
    kept, room = [], limit - units(ELLIPSIS)
    for cluster in _clusters(text):
        room -= units(cluster)
        if room < 0:
            break
        kept.append(cluster)
    return "".join(kept).rstrip() + ELLIPSIS


def _clusters(text: str) -> Iterator[str]:
    """Splits into what people see as characters: the rules of Unicode's UAX #29 that occur in names and titles."""
    cluster = ""
    for character in text:
        if cluster and not _continues(cluster, character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _continues(cluster: str, character: str) -> bool:
    code = ord(character)
    if code in _REGIONAL_INDICATORS:  # two of them make a flag
        return len(cluster) == 1 and ord(cluster) in _REGIONAL_INDICATORS
    return (
        character == _ZERO_WIDTH_JOINER
        or cluster[-1] == _ZERO_WIDTH_JOINER
        or code in _SKIN_TONES
        or unicodedata.category(character) in ("Mn", "Me", "Mc")  # accents, variation selectors, vowel signs
    )


def one_line(value: object, limit: int = 300) -> str:
    """A value of an event on one line: control characters become spaces, so that nobody writes lines of their own.

    >>> one_line("curl/8\\nFirst: all clear")
    'curl/8 First: all clear'
    """
    text = str(value)
    if not text.isprintable():
        text = "".join(" " if _is_control(character) else character for character in text)
    elif len(text) <= limit and text.isascii() and "  " not in text:  # as nearly all is, which is soon told
        return text.strip()
    return cut(" ".join(text.split()), limit)


def _is_control(character: str) -> bool:
    """Line ends, escapes, marks that turn the direction of writing, lone surrogates; not what joins an emoji.

    And the two that are no characters, which SQS takes as little as those.
    """
    if character in "\ufffe\uffff":
        return True
    return character != _ZERO_WIDTH_JOINER and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def quoted(value: object) -> str:
    """A value of an event as a reason may tell it, which is logged: no text as long as AWS's keys and tokens are.

    >>> quoted("soon"), quoted(None), quoted(["soon"]), quoted("x" * 40)
    ("'soon'", 'None', 'a list', 'a text of 40 characters')
    """
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else "a list"
    if isinstance(value, str) and units(value) > _MAX_QUOTED:
        return f"a text of {units(value)} characters"
    return one_line(repr(value), 40)


def ascii_line(text: str, limit: int) -> str:
    """One line of printable ASCII of at most ``limit`` characters, for fields that take nothing else.

    >>> ascii_line("Root sign-in – account 111122223333", 24)
    'Root sign-in - accoun...'
    """
    plain = one_line(text, 2 * len(text)).replace("–", "-").replace("—", "-").replace(ELLIPSIS, "...")
    plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode("ascii")
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."


def well_formed(value: Any) -> Any:
    """The JSON value with every lone surrogate, which no AWS service accepts, replaced by U+FFFD.

    Costs one scan when there is none. Raises nothing: whoever puts one into a user agent does not hide by it.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, Mapping):
        return {well_formed(key): well_formed(member) for key, member in value.items()}
    if isinstance(value, list):
        return [well_formed(member) for member in value]
    return value


# (longest text, longest list, greatest depth) that each attempt at shortening leaves.
_EVER_TIGHTER = ((2000, 50, 24), (500, 20, 12), (200, 10, 8), (100, 5, 6), (50, 3, 4), (16, 1, 2))


def cut_json(value: Mapping[str, Any], limit: int) -> str:
    """The value as JSON (ASCII) of at most ``limit`` characters that still is JSON.

    What does not fit is shortened inside, gently first: long texts, then long lists, then depth. Keys stay in their
    order, so put first what must survive.

    >>> cut_json({"id": "1", "data": "x" * 90}, 60)
    '{"id":"1","data":"xxxxxxxxxxxxxxx\\\\u2026"}'
    """
    text = _dumps(value)
    for bounds in _EVER_TIGHTER:
        if len(text) <= limit:
            return text
        text = _dumps(_pruned(value, *bounds))
    while len(text) > limit and value:
        value = dict(list(value.items())[:-1])
        text = _dumps(_pruned(value, *_EVER_TIGHTER[-1]))
    return text


def _dumps(value: object) -> str:
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str)


def _pruned(value: Any, text_limit: int, list_limit: int, depth: int) -> Any:
    if isinstance(value, str):
        return cut(value, text_limit)
    if isinstance(value, Mapping):
        if depth == 0:
            return ELLIPSIS
        tighter = (text_limit, list_limit, depth - 1)
        return {cut(key, text_limit): _pruned(member, *tighter) for key, member in value.items()}
    if isinstance(value, list):
        if depth == 0:
            return ELLIPSIS
        members = [_pruned(member, text_limit, list_limit, depth - 1) for member in value[:list_limit]]
        return [*members, ELLIPSIS] if len(value) > list_limit else members
    return value

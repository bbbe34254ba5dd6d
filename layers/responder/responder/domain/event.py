"""One EventBridge event: its envelope, checked, and its detail, not yet.

What a detail says is the business of :mod:`~responder.domain.cloudtrail`, :mod:`~responder.domain.guardduty` and
:mod:`~responder.domain.config`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from responder.domain.faults import Rejected
from responder.domain.schema import require_valid
from responder.domain.text import quoted, well_formed
from responder.domain.times import parse_time

MAX_DEPTH = 100
"""Deepest nesting that is read. CloudTrail's deepest records have about twenty levels."""

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""Whatever writes half a character into JSON in ASCII, and most that writes a whole one of those beyond U+FFFF."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a rule delivers it. ``account`` and ``region`` say where it was emitted, not what it is about."""

    id: str
    source: str
    detail_type: str
    account: str
    region: str
    time: datetime
    detail: Mapping[str, Any]
    document: Mapping[str, Any]
    """The whole event, as it came."""


def read_event(value: object) -> Event:
    """Check an event's envelope.

    Raises
    ------
    Rejected
        Naming the first member that is missing or wrong.

    >>> read_event({"source": "aws.config"})
    Traceback (most recent call last):
    ...
    responder.domain.faults.Rejected: id: is missing
    """
    if _depth_exceeds(value, MAX_DEPTH):
        raise Rejected("", f"nested deeper than {MAX_DEPTH} levels")
    return _read_envelope(well_formed(value))


def _read_envelope(document: Any) -> Event:
    require_valid("event", document)
    return Event(
        id=document["id"],
        source=document["source"],
        detail_type=document["detail-type"],
        account=document["account"],
        region=document["region"],
        time=parse_time(document["time"], "time"),
        detail=document["detail"],
        document=document,
    )


def require_of_aws(event: Event) -> None:
    """Insist that AWS emitted an event: nobody can put one with such a source on a bus, but for SaaS partners.

    A pattern cannot say it, ``aws.partner/`` being a name that begins with ``aws.`` like the others.

    Raises
    ------
    Rejected
        Naming the source.
    """
    if not event.source.startswith("aws.") or event.source.startswith("aws.partner/"):
        raise Rejected("source", f"is {quoted(event.source)}, which is no service of AWS's")


def require_own_account(event: Event, account: str | None, at: str) -> None:
    """Insist that what is told at a path of the detail was emitted in the account that it is about, if it says which.

    Whoever can bring a detail onto a bus cannot choose the envelope's account.

    Raises
    ------
    Rejected
        Naming the path.
    """
    if account and account != event.account:
        raise Rejected(at, f"is {quoted(account)}, but the event comes from the account {event.account}")


def parse_event(body: str) -> Event:
    """Read an event from its JSON text.

    Raises
    ------
    Rejected
        When the text is not JSON, or not an event's.
    """
    try:
        value = _DECODER.decode(body)
    except RecursionError:
        raise Rejected("", f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise Rejected("", f"not JSON: {error}") from None
    return _read_envelope(value) if _is_harmless(body) else read_event(value)


def _is_harmless(body: str) -> bool:
    """Whether a text, without a look at each of its values, can be told to be neither too deep nor ill-formed."""
    return (
        body.count("{") + body.count("[") <= MAX_DEPTH
        and (body.isascii() or _is_encodable(body))
        and _ESCAPED_SURROGATE.search(body) is None
    )


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _depth_exceeds(value: object, limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        level = [member for parent in level for member in _members(parent)]
        if not level:
            return False
    return True


def _members(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []

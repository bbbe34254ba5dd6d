"""Points in time as events write them."""

from datetime import UTC, datetime

from responder.domain.faults import Rejected
from responder.domain.text import quoted

PLAUSIBLE_YEARS = range(2006, 2100)
"""From AWS's beginnings. An event from a far future would be newer than every resolution."""


def parse_time(value: object, field: str) -> datetime:
    """A point in time in UTC from ISO 8601, as ``2026-03-01T02:13:05Z`` (a missing offset is read as UTC).

    Raises
    ------
    Rejected
        With ``field``, when the value is no such text.
    """
    try:
        moment = datetime.fromisoformat(str(value))
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Rejected(field, f"{quoted(value)} is not a time in ISO 8601") from None
    if moment.year not in PLAUSIBLE_YEARS:
        raise Rejected(field, f"{quoted(value)} is no time at which AWS can have seen anything")
    return moment


def time_or_none(value: object) -> datetime | None:
    """The same; None from what is no time."""
    try:
        return parse_time(value, "")
    except Rejected:
        return None


def show_time(moment: datetime) -> str:
    """The form that people and rows get: UTC, to the second.

    >>> show_time(datetime(2026, 3, 1, 2, 13, 5, 900, tzinfo=UTC))
    '2026-03-01T02:13:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show_exactly(moment: datetime) -> str:
    """To the microsecond, where two moments within a second are two.

    >>> show_exactly(datetime(2026, 3, 1, 2, 13, 5, 900, tzinfo=UTC))
    '2026-03-01T02:13:05.000900Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

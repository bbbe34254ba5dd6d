"""Points in time as events write them."""

from datetime import UTC, datetime

from responder.domain.faults import Rejected

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
        raise Rejected(field, f"{str(value)[:60]!r} is not a time in ISO 8601") from None
    if moment.year not in PLAUSIBLE_YEARS:
        raise Rejected(field, f"{str(value)[:60]!r} is no time at which AWS can have seen anything")
    return moment


def show_time(moment: datetime) -> str:
    """The form that people and rows get: UTC, to the second.

    >>> show_time(datetime(2026, 3, 1, 2, 13, 5, 900, tzinfo=UTC))
    '2026-03-01T02:13:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

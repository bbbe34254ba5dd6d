"""Points in time as events write them."""

from datetime import UTC, datetime

from responder.domain.faults import Rejected


def parse_time(value: object, field: str) -> datetime:
    """A point in time in UTC from ISO 8601, as ``2026-03-01T02:13:05Z`` (a missing offset is read as UTC).

    Raises
    ------
    Rejected
        With ``field``, when the value is no such text.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            try:
                return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            except OverflowError:
                pass
    raise Rejected(field, f"{str(value)[:60]!r} is not a time in ISO 8601")


def show_time(moment: datetime) -> str:
    """The form that people and rows get: UTC, to the second.

    >>> show_time(datetime(2026, 3, 1, 2, 13, 5, 900, tzinfo=UTC))
    '2026-03-01T02:13:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

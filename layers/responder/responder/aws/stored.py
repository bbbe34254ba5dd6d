"""Values as rows of a table keep them: JSON text."""

import json
from datetime import datetime, timedelta
from typing import Any


def to_json(value: Any) -> str:
    """A dataclass, or what holds some, as JSON (ASCII); equal values have equal texts.

    A dataclass is an object of its fields, a time its ISO 8601 form, a length of time its seconds.

    >>> to_json({"noticed_within": timedelta(minutes=1), "also": (None, "a")})
    '{"noticed_within": 60.0, "also": [null, "a"]}'
    """
    return _ENCODER.encode(value)


def members(value: Any) -> Any:
    """One step of it. Nothing is copied, as ``dataclasses.asdict`` does with all that it meets, at a high price."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


_ENCODER = json.JSONEncoder(default=members)

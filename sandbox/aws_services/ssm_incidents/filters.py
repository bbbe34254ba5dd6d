"""The filters of ListIncidentRecords and ListTimelineEvents.

Every filter must hold; of several values of one filter, one is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from .exceptions import ValidationException
from .records import Incident, TimelineEvent

Record = TypeVar("Record")
_Getter = Callable[[Any], Any]

_TIME, _STRING, _INTEGER = "time", "stringValues", "integerValues"

# Filter key -> the kind of condition it takes, and the value it looks at.
_INCIDENT_KEYS: dict[str, tuple[str, _Getter]] = {
    "creationTime": (_TIME, lambda incident: incident.created_at),
    "impact": (_INTEGER, lambda incident: [incident.impact]),
    "status": (_STRING, lambda incident: [incident.status]),
    "createdBy": (_STRING, lambda incident: [incident.created_by]),
}
_TIMELINE_KEYS: dict[str, tuple[str, _Getter]] = {
    "eventTime": (_TIME, lambda event: event.time),
    "eventType": (_STRING, lambda event: [event.type]),
    "eventReference": (_STRING, lambda event: [value for ref in event.references or () for value in ref.values()]),
}


def select_incidents(incidents: Iterable[Incident], filters: list[dict[str, Any]]) -> list[Incident]:
    return _select(incidents, filters, _INCIDENT_KEYS)


def select_events(events: Iterable[TimelineEvent], filters: list[dict[str, Any]]) -> list[TimelineEvent]:
    return _select(events, filters, _TIMELINE_KEYS)


def _select(
    records: Iterable[Record], filters: list[dict[str, Any]], keys: Mapping[str, tuple[str, _Getter]]
) -> list[Record]:
    tests = [_test(wanted, keys) for wanted in filters]
    return [record for record in records if all(test(record) for test in tests)]


def _test(wanted: dict[str, Any], keys: Mapping[str, tuple[str, _Getter]]) -> Callable[[Any], bool]:
    key, condition = wanted["key"], wanted["condition"]
    if key not in keys:
        raise ValidationException(f"Filter key {key} is not one of {', '.join(keys)}.")
    kind, get = keys[key]
    if kind == _TIME and "after" in condition:
        return lambda record: get(record) > condition["after"]
    if kind == _TIME and "before" in condition:
        return lambda record: get(record) < condition["before"]
    if kind != _TIME and kind in condition.get("equals", {}):
        values = set(condition["equals"][kind])
        return lambda record: not values.isdisjoint(get(record))
    expected = "before or after" if kind == _TIME else f"equals with {kind}"
    raise ValidationException(f"Filter key {key} takes the condition {expected}.")

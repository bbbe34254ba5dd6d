"""The filters of DescribeOpsItems and ListOpsItemRelatedItems.

Every filter must hold; of several values of one filter, one is enough. Which operators a key takes is documented with
DescribeOpsItems. Values of OperationalDataValue have 4 to 20 characters and those of ResourceId 2 to 20, as AWS answers
(github.com/cloud-custodian/cloud-custodian/issues/5024 and /5323); Title takes 100, and compares the first 100.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.utils import parse_timestamp

from .exceptions import OpsCenterInvalidArgumentError
from .items import OpsItem, RelatedItem
from .operational_data import AUTOMATIONS, resource_arns, searchable

_Values = Callable[[OpsItem], Iterable[Any]]


@dataclass(frozen=True)
class _Key:
    operators: tuple[str, ...]
    values: _Values
    lengths: tuple[int, int] = (1, 1024)


def _searchable_values(item: OpsItem) -> list[str]:
    return [entry["Value"] for entry in searchable(item.operational_data).values()]


def _pairs(item: OpsItem) -> list[tuple[str, str]]:
    return [(key, entry["Value"]) for key, entry in searchable(item.operational_data).items()]


_KEYS: Mapping[str, _Key] = {
    "AccountId": _Key(("Equal",), lambda item: [item.arn.split(":")[4]]),
    "AutomationId": _Key(("Equal",), lambda item: [item.operational_data.get(AUTOMATIONS, {}).get("Value")]),
    "Category": _Key(("Equal",), lambda item: [item.category]),
    "CreatedBy": _Key(("Equal", "Contains"), lambda item: [item.created_by]),
    "CreatedTime": _Key(("GreaterThan", "LessThan"), lambda item: [item.created_at]),
    "LastModifiedTime": _Key(("GreaterThan", "LessThan"), lambda item: [item.last_modified_at]),
    "OperationalData": _Key(("Equal",), _pairs),
    "OperationalDataKey": _Key(("Equal",), lambda item: searchable(item.operational_data)),
    "OperationalDataValue": _Key(("Equal", "Contains"), _searchable_values, (4, 20)),
    "OpsItemId": _Key(("Equal",), lambda item: [item.id]),
    "OpsItemType": _Key(("Equal",), lambda item: [item.type]),
    "Priority": _Key(("Equal",), lambda item: [str(item.priority)]),
    "ResourceId": _Key(("Contains",), lambda item: resource_arns(item.operational_data), (2, 20)),
    "Severity": _Key(("Equal",), lambda item: [item.severity]),
    "Source": _Key(("Equal", "Contains"), lambda item: [item.source]),
    "Status": _Key(("Equal",), lambda item: [item.status]),
    "Title": _Key(("Equal", "Contains"), lambda item: [item.title[:100]], (1, 100)),
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equal": lambda found, wanted: found == wanted,
    "Contains": lambda found, wanted: wanted in found,
    "GreaterThan": lambda found, wanted: found > wanted,
    "LessThan": lambda found, wanted: found < wanted,
}
_RELATED_ITEM_KEYS: Mapping[str, Callable[[RelatedItem], str]] = {
    "AssociationId": lambda item: item.association_id,
    "ResourceType": lambda item: item.resource_type,
    "ResourceUri": lambda item: item.resource_uri,
}


def select_ops_items(items: Iterable[OpsItem], filters: list[dict[str, Any]]) -> list[OpsItem]:
    tests = [_test(wanted) for wanted in filters]
    return [item for item in items if all(test(item) for test in tests)]


def select_related_items(items: Iterable[RelatedItem], filters: list[dict[str, Any]]) -> list[RelatedItem]:
    return [
        item for item in items if all(_RELATED_ITEM_KEYS[wanted["Key"]](item) in wanted["Values"] for wanted in filters)
    ]


def _test(wanted: dict[str, Any]) -> Callable[[OpsItem], bool]:
    name, operator = wanted["Key"], wanted["Operator"]
    key = _KEYS.get(name)
    if key is None:
        raise OpsCenterInvalidArgumentError(f"Filter '{name}' is not served by the sandbox.")
    if operator not in key.operators:
        raise OpsCenterInvalidArgumentError(f"Filter '{name}': the operator must be one of {key.operators}.")
    for value in wanted["Values"]:
        if not key.lengths[0] <= len(value) <= key.lengths[1]:
            raise OpsCenterInvalidArgumentError(
                f"Filter '{name}': '{value}' - length of the value must be between {key.lengths[0]} and "
                f"{key.lengths[1]}."
            )
    values = [_value(name, value) for value in wanted["Values"]]
    holds = _COMPARISONS[operator]
    return lambda item: any(holds(found, value) for found in key.values(item) if found is not None for value in values)


def _value(name: str, text: str) -> Any:
    if name.endswith("Time"):
        return _time(name, text)
    if name == "OperationalData":
        return _pair(text)
    return text


def _time(name: str, text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise OpsCenterInvalidArgumentError(f"Filter '{name}': '{text}' is not a timestamp.") from error


def _pair(text: str) -> tuple[str, str]:
    try:
        pair = json.loads(text)
        return pair["key"], pair["value"]
    except (ValueError, KeyError, TypeError) as error:
        raise OpsCenterInvalidArgumentError(
            f"Filter 'OperationalData': '{text}' is not {{\"key\": ..., \"value\": ...}}."
        ) from error

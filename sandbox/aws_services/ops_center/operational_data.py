"""An OpsItem's operational data: its bounds, and the keys that mean something to OpsCenter.

Sources: CreateOpsItem (keys of 128 characters that may not begin with AWS's prefixes, values of 20 KB); Systems Manager
User Guide, "Managing duplicate OpsItems" (deduplication) and "Working with OpsItems" (100 related resources).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .exceptions import OpsItemInvalidParameterException, OpsItemLimitExceededException

DEDUP = "/aws/dedup"
RESOURCES = "/aws/resources"
AUTOMATIONS = "/aws/automations"

MAX_VALUE_BYTES = 20 * 1024
MAX_RESOURCES = 100

_RESERVED = tuple(f"{slash}{name}" for slash in ("", "/") for name in ("amazon", "aws", "amzn", "ssm"))
_KNOWN = (DEDUP, RESOURCES, AUTOMATIONS)

Data = Mapping[str, Mapping[str, str]]
# The deduplication string in lower case with the resources it is about.
DedupKey = tuple[str, frozenset[str]]


def check_keys(keys: Iterable[str]) -> None:
    for key in keys:
        if key not in _KNOWN and key.lower().startswith(_RESERVED):
            raise _invalid(f"The key {key} begins with a prefix that is reserved for AWS.")


def check_data(data: Data) -> None:
    """Refuse operational data that OpsCenter would not take."""
    check_keys(data)
    for key, entry in data.items():
        if "Value" not in entry:
            raise _invalid(f"The key {key} has no value.")
        if len(entry["Value"].encode()) > MAX_VALUE_BYTES:
            raise _invalid(f"The value of {key} is larger than 20 KB.")
    dedup_key(data)
    if len(resource_arns(data)) > MAX_RESOURCES:
        raise OpsItemLimitExceededException("related resources per OpsItem", MAX_RESOURCES, "RelatedResources")


def dedup_key(data: Data) -> DedupKey | None:
    """What two open OpsItems may not share: the deduplication string, whatever its case, for the same resources."""
    if DEDUP not in data:
        return None
    dedup = _json(data, DEDUP)
    text = dedup.get("dedupString") if isinstance(dedup, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise _invalid(f'The value of {DEDUP} must be {{"dedupString": "..."}}.')
    return text.lower(), frozenset(resource_arns(data))


def resource_arns(data: Data) -> list[str]:
    """The related resources, from `[{"arn": "..."}]`."""
    if RESOURCES not in data:
        return []
    listed = _json(data, RESOURCES)
    if not isinstance(listed, list) or not all(isinstance(item, dict) and "arn" in item for item in listed):
        raise _invalid(f'The value of {RESOURCES} must be [{{"arn": "..."}}].')
    return [str(item["arn"]) for item in listed]


def searchable(data: Data) -> dict[str, Mapping[str, str]]:
    """What a listing shows and can be searched by; the rest is for who may get the OpsItem itself."""
    return {key: entry for key, entry in data.items() if entry["Type"] == "SearchableString"}


def _json(data: Data, key: str) -> Any:
    try:
        return json.loads(data[key]["Value"])
    except ValueError as error:
        raise _invalid(f"The value of {key} is not JSON.") from error


def _invalid(message: str) -> OpsItemInvalidParameterException:
    return OpsItemInvalidParameterException(message, "OperationalData")

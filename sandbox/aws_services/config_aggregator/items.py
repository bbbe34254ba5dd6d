"""Configuration items, brought into the one form that advanced queries see.

Its property names are those of `AWS.properties.json` in github.com/awslabs/aws-config-resource-schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from .values import instant

Key = tuple[str, str, str, str]

IDENTITY = ("accountId", "awsRegion", "resourceType", "resourceId")
# What no query finds: the guide's "Limitations" for the last, FACTS.md for the deleted.
NOT_QUERIED = ("ResourceDeleted", "ResourceDeletedNotRecorded", "ResourceNotRecorded")

# What a recorded item calls these.
_RECORDED_NAMES = {"awsAccountId": "accountId", "ARN": "arn", "configurationItemVersion": "version"}


class InvalidItemError(ValueError):
    """What was given is no configuration item."""


@dataclass
class ItemStore:
    """The latest configuration item of each resource, in the order in which the resources became known."""

    _items: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._items.values())

    def get(self, key: Key) -> dict[str, Any] | None:
        return self._items.get(key)

    def put(self, given: Mapping[str, Any]) -> bool:
        """Whether the item was taken, and is another than the one known until now.

        A deleted resource's item stays, so that an older one that comes late does not bring the resource back.
        """
        item = normalised(given)
        key = (item["accountId"], item["awsRegion"], item["resourceType"], item["resourceId"])
        known = self._items.get(key)
        if known is not None and (item == known or _is_earlier(item, known)):
            return False
        self._items[key] = item
        return True


def normalised(given: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration item as queries see it; members that are null are left out.

    >>> item = normalised({"awsAccountId": "1", "awsRegion": "r", "resourceType": "t", "resourceId": "i", "ARN": "a",
    ...                    "configuration": '{"state": {"name": "running"}}', "tags": {"env": "prod"}})
    >>> item["accountId"], item["arn"], item["configuration"], item["tags"]
    ('1', 'a', {'state': {'name': 'running'}}, [{'key': 'env', 'value': 'prod', 'tag': 'env=prod'}])
    """
    if not isinstance(given, Mapping):
        raise InvalidItemError("A configuration item is a JSON object.")
    item = {_RECORDED_NAMES.get(name, name): deepcopy(value) for name, value in given.items() if value is not None}
    for name in IDENTITY:
        if not isinstance(item.get(name), str) or not item[name]:
            raise InvalidItemError(f"The configuration item has no {name}.")
    if "configuration" in item:
        item["configuration"] = _decoded(item["configuration"])
    if isinstance(supplementary := item.get("supplementaryConfiguration"), Mapping):
        item["supplementaryConfiguration"] = {name: _decoded(value) for name, value in supplementary.items()}
    if "configurationStateId" in item:
        item["configurationStateId"] = str(item["configurationStateId"])
    item["relationships"] = _relationships(item.get("relationships", []))
    item["tags"] = _tags(item.get("tags", []))
    return item


def _decoded(value: Any) -> Any:
    """The API gives configurations as JSON in a string; what is no such string stays as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _relationships(related: Any) -> list[dict[str, Any]]:
    if not isinstance(related, list) or not all(isinstance(each, Mapping) for each in related):
        raise InvalidItemError("The relationships of the configuration item are no list of objects.")
    return [{"relationshipName" if name == "name" else name: value for name, value in each.items()} for each in related]


def _tags(tags: Any) -> list[dict[str, str]]:
    """Recorded as an object; queried as a list whose `tag` is key and value in one (`tags.tag = 'env=prod'`)."""
    if isinstance(tags, Mapping):
        pairs = list(tags.items())
    elif isinstance(tags, list) and all(isinstance(tag, Mapping) and {"key", "value"} <= tag.keys() for tag in tags):
        pairs = [(tag["key"], tag["value"]) for tag in tags]
    else:
        raise InvalidItemError("The tags of the configuration item are neither an object nor a list of key and value.")
    return [{"key": key, "value": value, "tag": f"{key}={value}"} for key, value in pairs]


def _is_earlier(item: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    times = [instant(each.get("configurationItemCaptureTime")) for each in (item, known)]
    return None not in times and times[0] < times[1]  # type: ignore[operator]

"""Configuration items that the organization's Config aggregator knows: what `--resources` gives, tests, and events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .envelopes import Event
from .inputs import InputError, JsonValue, read

Item = dict[str, Any]

AGGREGATOR = "sandbox"
"""The aggregator's name. It is the hub's, and aggregates all accounts and Regions of the organization."""

_LISTS = ("configurationItems", "baseConfigurationItems", "BaseConfigurationItems")
"""Under which name a snapshot in S3 and the answers of Config's API list items."""

_RESULTS = "Results"
"""The same of a query's answer, in which each item is a string of JSON."""

_CARRIED_AS = ("configurationItem", "configurationItemSummary")
"""An item in an event; the summary is that of an item too large for one."""


class ResourceError(ValueError):
    """A value that is no configuration item; the message says what is wrong and where."""


def read_resources(path: str) -> list[Item]:
    """The items in a file: a list, single ones, a configuration snapshot, or what `aws configservice` prints.

    Raises
    ------
    InputError
        The file cannot be read, or something in it is no configuration item. The message names file and place.
    """
    items: list[Item] = []
    for value in read([path]):
        if value.fault is not None:
            raise InputError(value.origin, value.fault)
        try:
            items += checked(_elements(value))
        except ResourceError as error:
            raise InputError(value.origin, str(error)) from None
    return items


def checked(elements: Iterable[tuple[str, Any]]) -> Iterator[Item]:
    """Items by their place, if the aggregator takes them as they are."""
    # Here, because moto takes two seconds to import, and most runs are given no resources.
    from .aws_services.config_aggregator import InvalidItemError
    from .aws_services.config_aggregator.items import normalised

    for place, element in elements:
        try:
            normalised(element)
        except InvalidItemError as error:
            raise ResourceError(f"{place or 'the value'}: {error}") from None
        yield element


def carried_by(event: Event) -> Item | None:
    """The item that an event of AWS Config's carries; None for any other event."""
    if event["source"] != "aws.config" or event["detail-type"] != "Config Configuration Item Change":
        return None
    found = (event["detail"].get(name) for name in _CARRIED_AS)
    return next((item for item in found if isinstance(item, dict)), None)


def _elements(value: JsonValue) -> Iterator[tuple[str, Any]]:
    content, name = value.value, ""
    if isinstance(content, dict):
        name = next((name for name in (*_LISTS, _RESULTS) if isinstance(content.get(name), list)), "")
        content = content[name] if name else content
    if not isinstance(content, list):
        yield "", content
        return
    for number, element in enumerate(content):
        place = f"{name}[{number}]"
        yield place, _decoded(place, element) if name == _RESULTS else element


def _decoded(place: str, element: Any) -> Any:
    if not isinstance(element, str):
        return element
    try:
        return json.loads(element)
    except (ValueError, RecursionError):
        raise ResourceError(f"{place}: not JSON, as each result of a query is") from None

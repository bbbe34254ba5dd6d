"""Findings that Security Hub holds before the first event: what `--findings` gives, and tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .inputs import InputError, JsonValue, read

Finding = dict[str, Any]

_IDENTITY = ("Id", "ProductArn", "AwsAccountId")


class FindingError(ValueError):
    """A value that is no finding; the message says what is wrong and where."""


def read_findings(path: str) -> list[Finding]:
    """The findings in a file: a list, single ones, or what `aws securityhub get-findings` prints.

    Raises
    ------
    InputError
        The file cannot be read, or something in it is no finding. The message names the file and the place.
    """
    findings: list[Finding] = []
    for value in read([path]):
        if value.fault is not None:
            raise InputError(value.origin, value.fault)
        try:
            findings += checked(_elements(value))
        except FindingError as error:
            raise InputError(value.origin, str(error)) from None
    return findings


def checked(elements: Iterable[tuple[str, Any]]) -> Iterator[Finding]:
    """Findings by their place, if each has an identity as text: Id, ProductArn and AwsAccountId."""
    for place, element in elements:
        prefix = f"{place}." if place else ""
        if not isinstance(element, dict):
            raise FindingError(f"{place or 'the value'}: no finding, which would be an object")
        for name in _IDENTITY:
            if name not in element:
                raise FindingError(f"{prefix}{name}: is missing, which every finding has")
            if not isinstance(element[name], str) or not element[name]:
                raise FindingError(f"{prefix}{name}: must be text that is not empty")
        yield element


def _elements(value: JsonValue) -> Iterator[tuple[str, Any]]:
    content, name = value.value, ""
    if isinstance(content, dict) and isinstance(content.get("Findings"), list):
        content, name = content["Findings"], "Findings"
    if isinstance(content, list):
        yield from ((f"{name}[{number}]", element) for number, element in enumerate(content))
    else:
        yield "", content

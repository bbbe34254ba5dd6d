"""Failures of parts of a batch: the call succeeds, and its answer names the items that it did not process.

The struck items are taken out of the request before it goes on, and put into the answer when it comes back. What the
services refuse as a whole stays refused: a request that is too long, or names an item twice, is passed on as it is.
That every item is struck is possible here; AWS would rather throttle the call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel

Json = dict[str, Any]
Strike = Callable[[], str | None]
"""Draws whether an item is struck: the code of what strikes it."""

SECURITY_HUB_CODES = (
    "ConcurrentUpdateError",
    "DuplicatedFindingIdentifier",
    "FindingNotFound",
    "FindingSizeExceeded",
    "InternalFailure",
    "InvalidInput",
)


@dataclass(frozen=True, slots=True)
class BatchOperation:
    """An operation that reports items it did not process, and how its requests and answers name them."""

    codes: Sequence[str]
    maximum_items: int
    items: Callable[[Json], list[Any]]
    with_items: Callable[[Json, Iterable[int]], Json]
    """The request with only the items of these numbers."""

    answer_without: Callable[[Json], Json]
    """The answer to a request of which nothing was processed."""

    report: Callable[[Json, Json, Mapping[int, str]], None]
    """Add to an answer the items of a request that were struck, with the code of each."""


@dataclass(frozen=True, slots=True)
class Split:
    """A request, and which of its items are struck by which code."""

    operation: BatchOperation
    request: Json
    struck: Mapping[int, str]

    @property
    def rest(self) -> bytes | None:
        """The body of the request for the other items; None if there are none."""
        numbers = range(len(self.operation.items(self.request)))
        kept = [number for number in numbers if number not in self.struck]
        return json.dumps(self.operation.with_items(self.request, kept)).encode() if kept else None

    def answer(self, content: bytes | None) -> bytes:
        """The whole answer, where `content` is the answer to the rest."""
        answer = self.operation.answer_without(self.request) if content is None else json.loads(content)
        self.operation.report(answer, self.request, self.struck)
        return json.dumps(answer).encode()


def batch_operation(model: OperationModel) -> BatchOperation | None:
    return _OPERATIONS.get((model.service_model.service_name, model.name))


def operation_of_code(code: str) -> tuple[str, str] | None:
    """Service and operation that alone know a code; None for one that other calls fail with, too."""
    if code in _ALSO_OF_WHOLE_CALLS:
        return None
    return next((name for name, operation in _OPERATIONS.items() if code in operation.codes), None)


def codes() -> list[str]:
    return [code for operation in _OPERATIONS.values() for code in operation.codes]


def split(operation: BatchOperation, body: bytes, strike: Strike) -> Split | None:
    """Strike the items of a request; None if none is struck, or the service would refuse the request as a whole."""
    request = json.loads(body)
    try:
        items = operation.items(request)
    except (AttributeError, KeyError, TypeError):  # malformed, which the service shall say
        return None
    texts = [json.dumps(item, sort_keys=True) for item in items]
    if len(items) > operation.maximum_items or len(set(texts)) < len(texts):
        return None
    struck = {number: code for number in range(len(items)) if (code := strike())}
    return Split(operation, request, struck) if struck else None


# Security Hub: BatchUpdateFindings


def _findings(request: Json) -> list[Any]:
    return list(request["FindingIdentifiers"])


def _with_findings(request: Json, numbers: Iterable[int]) -> Json:
    identifiers = _findings(request)
    return request | {"FindingIdentifiers": [identifiers[number] for number in numbers]}


def _report_findings(answer: Json, request: Json, struck: Mapping[int, str]) -> None:
    identifiers = _findings(request)
    answer["UnprocessedFindings"] += [
        {"FindingIdentifier": identifiers[number], "ErrorCode": code, "ErrorMessage": "Injected by the sandbox"}
        for number, code in struck.items()
    ]


# DynamoDB: items are listed by table, in the answer in the form of the request


def _flat(by_table: Mapping[str, Any], items_of: Callable[[Any], list[Any]]) -> list[Any]:
    return [[table, item] for table, request in by_table.items() for item in items_of(request)]


def _keys(request: Json) -> list[Any]:
    return _flat(request["RequestItems"], lambda of_table: of_table["Keys"])


def _writes(request: Json) -> list[Any]:
    return _flat(request["RequestItems"], lambda of_table: of_table)


def _chosen_keys(request: Json, numbers: Iterable[int]) -> Json:
    keys = _keys(request)
    chosen: Json = {}
    for table, key in (keys[number] for number in numbers):
        chosen.setdefault(table, request["RequestItems"][table] | {"Keys": []})["Keys"].append(key)
    return chosen


def _chosen_writes(request: Json, numbers: Iterable[int]) -> Json:
    writes = _writes(request)
    chosen: Json = {}
    for table, write in (writes[number] for number in numbers):
        chosen.setdefault(table, []).append(write)
    return chosen


def _report_keys(answer: Json, request: Json, struck: Mapping[int, str]) -> None:
    for table, missing in _chosen_keys(request, struck).items():
        answer["UnprocessedKeys"].setdefault(table, missing | {"Keys": []})["Keys"].extend(missing["Keys"])
        answer["Responses"].setdefault(table, [])


def _report_writes(answer: Json, request: Json, struck: Mapping[int, str]) -> None:
    for table, missing in _chosen_writes(request, struck).items():
        answer["UnprocessedItems"].setdefault(table, []).extend(missing)


_OPERATIONS = {
    ("securityhub", "BatchUpdateFindings"): BatchOperation(
        codes=SECURITY_HUB_CODES,
        maximum_items=100,
        items=_findings,
        with_items=_with_findings,
        answer_without=lambda _: {"ProcessedFindings": [], "UnprocessedFindings": []},
        report=_report_findings,
    ),
    ("dynamodb", "BatchGetItem"): BatchOperation(
        codes=("UnprocessedKeys",),
        maximum_items=100,
        items=_keys,
        with_items=lambda request, numbers: request | {"RequestItems": _chosen_keys(request, numbers)},
        answer_without=lambda _: {"Responses": {}, "UnprocessedKeys": {}},
        report=_report_keys,
    ),
    ("dynamodb", "BatchWriteItem"): BatchOperation(
        codes=("UnprocessedItems",),
        maximum_items=25,
        items=_writes,
        with_items=lambda request, numbers: request | {"RequestItems": _chosen_writes(request, numbers)},
        answer_without=lambda _: {"UnprocessedItems": {}},
        report=_report_writes,
    ),
}

_ALSO_OF_WHOLE_CALLS = ("InternalFailure",)

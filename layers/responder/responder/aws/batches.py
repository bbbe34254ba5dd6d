"""Many rows of a DynamoDB table in few calls; what a call leaves unprocessed is asked for again."""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from responder.aws.faults import AwsUnavailable, aws_call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

READS = 100
WRITES = 25
"""Rows a call. Source: DynamoDB, BatchGetItem and BatchWriteItem."""

ROUNDS = 5
"""Calls without progress until the table counts as throttled."""

_FIRST_PAUSE = 0.05

Row = dict[str, Any]


def read_items(client: "DynamoDBClient", table: str, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows of these keys that there are, read consistently, in no order.

    Raises
    ------
    AwsUnavailable, AwsRefused
        When any could not be read.
    """
    pending = iter(keys)
    asked: Sequence[Row] = list(islice(pending, READS))
    pauses = _pauses()
    while asked:
        with aws_call("read rows of a table"):
            answer = client.batch_get_item(RequestItems={table: {"Keys": asked, "ConsistentRead": True}})
        yield from answer["Responses"].get(table, [])
        unprocessed = answer.get("UnprocessedKeys") or {}
        left = unprocessed[table]["Keys"] if table in unprocessed else []
        pauses = _pause(pauses) if len(left) == len(asked) else _pauses()
        asked = [*left, *islice(pending, READS - len(left))]


def write_items(client: "DynamoDBClient", table: str, items: Sequence[Row]) -> None:
    """Put these rows, of different keys, in no order.

    Raises
    ------
    AwsUnavailable, AwsRefused
        When any could not be written; others may have been.
    """
    _write(client, table, [{"PutRequest": {"Item": item}} for item in items])


def delete_items(client: "DynamoDBClient", table: str, keys: Sequence[Row]) -> None:
    """Delete the rows of these keys, which differ. Raises as ``write_items`` does."""
    _write(client, table, [{"DeleteRequest": {"Key": key}} for key in keys])


def _write(client: "DynamoDBClient", table: str, requests: Sequence[Any]) -> None:
    pending = iter(requests)
    asked: Sequence[Any] = list(islice(pending, WRITES))
    pauses = _pauses()
    while asked:
        with aws_call("write rows of a table"):
            answer = client.batch_write_item(RequestItems={table: asked})
        left = answer.get("UnprocessedItems", {}).get(table, [])
        pauses = _pause(pauses) if len(left) == len(asked) else _pauses()
        asked = [*left, *islice(pending, WRITES - len(left))]


def _pauses() -> Iterator[float]:
    return iter([_FIRST_PAUSE * 2**number for number in range(ROUNDS)])


def _pause(pauses: Iterator[float]) -> Iterator[float]:
    pause = next(pauses, None)
    if pause is None:
        raise AwsUnavailable("the table is throttled: it processes no row")
    time.sleep(pause)
    return pauses

"""Many rows of a DynamoDB table in few calls; what a call leaves unprocessed is asked for again."""

import random
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from responder.aws.faults import AwsUnavailable, aws_call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

READS = 100
WRITES = 25
"""Rows a call. Source: DynamoDB, BatchGetItem and BatchWriteItem."""

TOGETHER = 100
"""Rows that are written as one, for twice the price. Source: DynamoDB, TransactWriteItems."""

ROUNDS = 5
"""Calls without progress until the table counts as throttled."""

_FIRST_PAUSE = 0.05

_PASSING = frozenset(
    {
        "None",
        "ConditionalCheckFailed",
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)
"""Why a transaction is cancelled without being refused for good. Source: DynamoDB, TransactionCanceledException."""

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


def write_together(client: "DynamoDBClient", writes: "Sequence[TransactWriteItemTypeDef]") -> list[int]:
    """Do these writes, of different rows, but for those whose condition does not hold; all of a hundred or none.

    They are tried again while another transaction has one of the rows. A lost answer lets no condition fail that held:
    boto3 repeats a call as the same transaction.

    Returns
    -------
    The numbers of the writes whose condition did not hold.

    Raises
    ------
    AwsUnavailable, AwsRefused
        When any could not be done for another reason; other hundreds may have been.
    """
    refused: list[int] = []
    for start in range(0, len(writes), TOGETHER):
        asked = list(range(start, min(start + TOGETHER, len(writes))))
        pauses = _pauses()
        while asked:
            codes = _cancelled(client, [writes[number] for number in asked])
            if codes is None:
                break
            fails = [code == "ConditionalCheckFailed" for code in codes]
            refused += [number for number, failed in zip(asked, fails, strict=True) if failed]
            asked = [number for number, failed in zip(asked, fails, strict=True) if not failed]
            pauses = _pauses() if any(fails) else _pause(pauses)
    return refused


def _cancelled(client: "DynamoDBClient", writes: "Sequence[TransactWriteItemTypeDef]") -> list[str] | None:
    """Why the transaction was cancelled, write by write, if that can change; None when all was done."""
    with aws_call("write rows of a table together"):
        try:
            client.transact_write_items(TransactItems=writes)
        except client.exceptions.TransactionCanceledException as error:
            codes = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
            if len(codes) != len(writes) or not _PASSING.issuperset(codes):
                raise
            return codes
    return None


def _pauses() -> Iterator[float]:
    # None of the same length, or two that are in one another's way go on being so.
    return (_FIRST_PAUSE * 2**number * random.uniform(0.5, 1) for number in range(ROUNDS))


def _pause(pauses: Iterator[float]) -> Iterator[float]:
    pause = next(pauses, None)
    if pause is None:
        raise AwsUnavailable("the table is throttled, or others write the same rows: it processes none")
    time.sleep(pause)
    return pauses

"""What this application wrote into findings in the last minutes, while Security Hub may not show it yet (DynamoDB).

One row a finding, in which each author has its own attribute, so that neither erases what the other says.
"""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from responder.aws.batches import read_items, write_together
from responder.domain.note import ENRICHER, RESOLVER
from responder.domain.ports import RecentUpdate
from responder.domain.security_hub import FindingKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

REMEMBERED = timedelta(minutes=15)
"""Longer than the minutes after which AWS documents an update to be visible."""


class RecentUpdatesTable:
    """See :class:`~responder.domain.ports.RecentUpdates`. Raises AwsUnavailable or AwsRefused."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def of(self, keys: Collection[FindingKey], now: datetime) -> dict[FindingKey, RecentUpdate]:
        by_row = {_row_key(key): key for key in keys}
        rows = read_items(self._client, self._table, [{"key": {"S": row_key}} for row_key in by_row])
        return {by_row[row["key"]["S"]]: update for row in rows if (update := _update(row, now))}

    def remember(self, updates: Mapping[FindingKey, RecentUpdate], now: datetime) -> None:
        expiry = str(int((now + REMEMBERED).timestamp()))
        writes: list[TransactWriteItemTypeDef] = [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": {"key": {"S": _row_key(key)}},
                    "UpdateExpression": "SET #author = :update, expires_at = :expiry",
                    "ExpressionAttributeNames": {"#author": update.author},
                    "ExpressionAttributeValues": {
                        ":update": {"M": {"mark": {"S": update.mark}, "expires_at": {"N": expiry}}},
                        ":expiry": {"N": expiry},
                    },
                }
            }
            for key, update in updates.items()
        ]
        write_together(self._client, writes)


def _update(row: Mapping[str, Any], now: datetime) -> RecentUpdate | None:
    for author in (RESOLVER, ENRICHER):
        written = row.get(author, {}).get("M")
        # DynamoDB deletes expired rows within days, not at once, and one author's update may outlast the other's.
        if written and int(written["expires_at"]["N"]) > now.timestamp():
            return RecentUpdate(author, written["mark"]["S"])
    return None


def _row_key(key: FindingKey) -> str:
    """Ids of findings together with their product may be longer than a key of DynamoDB, 2,048 bytes."""
    return hashlib.sha256(f"{len(key.product_arn)}:{key.product_arn}{key.id}".encode()).hexdigest()[:40]

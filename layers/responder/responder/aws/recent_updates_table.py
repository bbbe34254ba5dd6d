"""What this application wrote into findings in the last minutes, while Security Hub may not show it yet (DynamoDB)."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from responder.aws.batches import read_items, write_items
from responder.domain.ports import RecentUpdate
from responder.domain.security_hub import FindingKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REMEMBERED = timedelta(minutes=15)
"""Longer than the minutes after which AWS documents an update to be visible."""


class RecentUpdatesTable:
    """See :class:`~responder.domain.ports.RecentUpdates`. Raises AwsUnavailable or AwsRefused."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def of(self, keys: Collection[FindingKey], now: datetime) -> dict[FindingKey, RecentUpdate]:
        by_digest = {_digest(key): key for key in keys}
        rows = read_items(self._client, self._table, [{"key": {"S": digest}} for digest in by_digest])
        return {
            by_digest[row["key"]["S"]]: RecentUpdate(row["author"]["S"], row["mark"]["S"])
            for row in rows
            if int(row["expires_at"]["N"]) > now.timestamp()  # DynamoDB deletes expired rows within days, not at once
        }

    def remember(self, updates: Mapping[FindingKey, RecentUpdate], now: datetime) -> None:
        expiry = str(int((now + REMEMBERED).timestamp()))
        items: list[dict[str, Any]] = [
            {
                "key": {"S": _digest(key)},
                "author": {"S": update.author},
                "mark": {"S": update.mark},
                "expires_at": {"N": expiry},
            }
            for key, update in updates.items()
        ]
        write_items(self._client, self._table, items)


def _digest(key: FindingKey) -> str:
    """Ids of findings together with their product may be longer than a key of DynamoDB, 2,048 bytes."""
    return hashlib.sha256(f"{len(key.product_arn)}:{key.product_arn}{key.id}".encode()).hexdigest()[:40]

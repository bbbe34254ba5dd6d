"""What this application wrote into findings in the last minutes, while Security Hub may not show it yet (DynamoDB).

One row a finding and author, so that neither author erases what the other says.
"""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from responder.aws.batches import read_items, write_items
from responder.domain.note import ENRICHER, RESOLVER
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
        by_row = {_row_key(key, author): key for author in (ENRICHER, RESOLVER) for key in keys}
        rows = read_items(self._client, self._table, [{"key": {"S": row_key}} for row_key in by_row])
        recent: dict[FindingKey, RecentUpdate] = {}
        for row in rows:
            if int(row["expires_at"]["N"]) <= now.timestamp():  # DynamoDB deletes expired rows within days, not at once
                continue
            key, update = by_row[row["key"]["S"]], RecentUpdate(row["author"]["S"], row["mark"]["S"])
            if update.author == RESOLVER or key not in recent:
                recent[key] = update
        return recent

    def remember(self, updates: Mapping[FindingKey, RecentUpdate], now: datetime) -> None:
        expiry = str(int((now + REMEMBERED).timestamp()))
        items: list[dict[str, Any]] = [
            {
                "key": {"S": _row_key(key, update.author)},
                "author": {"S": update.author},
                "mark": {"S": update.mark},
                "expires_at": {"N": expiry},
            }
            for key, update in updates.items()
        ]
        write_items(self._client, self._table, items)


def _row_key(key: FindingKey, author: str) -> str:
    """Ids of findings together with their product may be longer than a key of DynamoDB, 2,048 bytes."""
    digest = hashlib.sha256(f"{len(key.product_arn)}:{key.product_arn}{key.id}".encode()).hexdigest()[:40]
    return f"{digest}/{author}"

"""Tables of template.yaml, as far as behaviour goes."""

from typing import Any


def create_keyed_tables(dynamodb: Any, *names: str) -> None:
    """Tables whose rows have a ``key`` and nothing to sort by."""
    for name in names:
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        )

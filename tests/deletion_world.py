"""What resolve_deleted needs of an account: its tables and its environment."""

from typing import Any


def create_tables(dynamodb: Any) -> None:
    """The tables of template.yaml, as far as behaviour goes."""
    for name in ("deleted-resources", "recent-updates"):
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        )


def resolver_environment(*, hub: str, dead_letters: str) -> dict[str, str]:
    """The environment variables of resolve_deleted, as template.yaml sets them."""
    return {
        "POWERTOOLS_METRICS_NAMESPACE": "SecurityResponder",
        "POWERTOOLS_SERVICE_NAME": "resolve_deleted",
        "DEAD_LETTER_QUEUE_URL": dead_letters,
        "DELETED_RESOURCES_TABLE": "deleted-resources",
        "HUB_ACCOUNT_ID": hub,
        "MAXIMUM_CONCURRENCY": "2",
        "RECENT_UPDATES_TABLE": "recent-updates",
        "TIME_LIMIT_SECONDS": "230",
    }

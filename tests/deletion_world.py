"""What resolve_deleted and sweep_deleted need of an account: their tables and their environments."""

TABLES = ("deleted-resources", "recent-updates")


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


AGGREGATOR = "organization"


def sweeper_environment(*, queue: str, dead_letters: str) -> dict[str, str]:
    """The environment variables of sweep_deleted, likewise."""
    return {
        "POWERTOOLS_METRICS_NAMESPACE": "SecurityResponder",
        "POWERTOOLS_SERVICE_NAME": "sweep_deleted",
        "CONFIG_AGGREGATOR_NAME": AGGREGATOR,
        "DEAD_LETTER_QUEUE_URL": dead_letters,
        "MAXIMUM_CONCURRENCY": "2",
        "PAGE_LIMIT_SECONDS": "270",
        "QUEUE_URL": queue,
        "RECENT_UPDATES_TABLE": "recent-updates",
        "TIME_LIMIT_SECONDS": "560",
    }

"""What watch_heartbeats needs of an account: its table and its environment."""

TABLE = "heartbeats"


def watcher_environment(*, hub: str, member: str, region: str, dead_letters: str, topic: str) -> dict[str, str]:
    """The environment variables of watch_heartbeats, as template.yaml sets them, for one member in one Region."""
    return {
        "POWERTOOLS_METRICS_NAMESPACE": "SecurityResponder",
        "POWERTOOLS_SERVICE_NAME": "watch_heartbeats",
        "DEAD_LETTER_QUEUE_URL": dead_letters,
        "EXCLUDED_ACCOUNTS": "",
        "EXPECTED_ACCOUNTS": member,
        "EXPECTED_REGIONS": region,
        "GRACE_SECONDS": "14400",
        "GUARDDUTY_ADMINISTRATOR_ACCOUNT_ID": "",
        "HEARTBEATS_TABLE": TABLE,
        "HUB_ACCOUNT_ID": hub,
        "MAXIMUM_CONCURRENCY": "2",
        "NOTIFICATION_TOPIC_ARN": topic,
        "ORGANIZATION_ROLE_ARN": "",
        "SILENT_AFTER_SECONDS": "3600",
    }

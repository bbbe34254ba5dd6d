"""What enrich_findings needs of an account: its tables, its environment, an organization around it."""

from sandbox import organization

TABLES = ("contexts", "recent-updates")


def create_organization(management_account: str) -> None:
    """The sample organization, managed by this account."""
    document = organization.sample() | {"management_account": management_account}
    organization.create(organization.Organization.of(document), partition="aws")


def function_environment(*, account: str, dead_letters: str, role: str = "") -> dict[str, str]:
    """The environment variables of enrich_findings, as template.yaml sets them."""
    return {
        "POWERTOOLS_METRICS_NAMESPACE": "SecurityResponder",
        "POWERTOOLS_SERVICE_NAME": "enrich_findings",
        "ACCOUNT_CONTEXTS_TABLE": "contexts",
        "CONTEXT_MAX_AGE_SECONDS": "3600",
        "CONTEXT_PATIENCE_SECONDS": "60",
        "DEAD_LETTER_QUEUE_URL": dead_letters,
        "HUB_ACCOUNT_ID": account,
        "MAXIMUM_CONCURRENCY": "3",
        "ORGANIZATION_ROLE_ARN": role,
        "RECENT_UPDATES_TABLE": "recent-updates",
        "TIME_LIMIT_SECONDS": "140",
    }

"""What collect_signals and correlate_signals need of an account: their table, their environments, the rules."""

from functools import cache
from pathlib import Path
from typing import Any

from sandbox.rules.building import built
from sandbox.rules.checking import RULES, check

TABLE = "signals"


def create_signals_table(dynamodb: Any) -> str:
    """The table of template.yaml, as far as behaviour goes. Its stream's ARN."""
    created = dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pair", "row")],
        KeySchema=[{"AttributeName": "pair", "KeyType": "HASH"}, {"AttributeName": "row", "KeyType": "RANGE"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return str(created["TableDescription"]["LatestStreamArn"])


def rules_file(folder: Path) -> Path:
    """The shipped rules, as the layer has them."""
    file = folder / "rules.json"
    file.write_text(_rules())
    return file


@cache
def _rules() -> str:
    return built(check([RULES]).rules)


def collector_environment(*, hub: str, dead_letters: str, rules: Path) -> dict[str, str]:
    """The environment variables of collect_signals, as template.yaml sets them."""
    return {
        "POWERTOOLS_METRICS_NAMESPACE": "SecurityResponder",
        "POWERTOOLS_SERVICE_NAME": "collect_signals",
        "DEAD_LETTER_QUEUE_URL": dead_letters,
        "HUB_ACCOUNT_ID": hub,
        "RULES_FILE": str(rules),
        "SIGNALS_TABLE": TABLE,
    }


def correlator_environment(*, hub: str, dead_letters: str, rules: Path, aggregator: str = "") -> dict[str, str]:
    """The environment variables of correlate_signals, as template.yaml sets them."""
    return {
        "POWERTOOLS_METRICS_NAMESPACE": "SecurityResponder",
        "POWERTOOLS_SERVICE_NAME": "correlate_signals",
        "CONFIG_AGGREGATOR_NAME": aggregator,
        "DEAD_LETTER_QUEUE_URL": dead_letters,
        "EXPECTED_SHARDS": "4",
        "HUB_ACCOUNT_ID": hub,
        "RELATIONS_MAX_AGE_SECONDS": "3600",
        "RULES_FILE": str(rules),
        "SIGNALS_TABLE": TABLE,
        "TIME_LIMIT_SECONDS": "170",
    }

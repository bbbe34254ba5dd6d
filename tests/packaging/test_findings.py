"""What is deployed enriches, resolves and correlates findings: built by SAM, run by the runtime interface emulator."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.aws_services import security_hub
from sandbox.built import Built, invoke, running
from sandbox.streams import Stream
from tests import correlation_world, deletion_world, enrichment_world
from tests.conftest import EVENTS, REPOSITORY, Sample
from tests.packaging.conftest import client
from tests.tables import create_keyed_tables

HUB, REGION = "123456789012", "eu-west-1"  # moto's own account


def queue(address: str) -> str:
    return str(client("sqs", address).create_queue(QueueName="dead-letters")["QueueUrl"])


def placed(event: dict[str, Any]) -> dict[str, Any]:
    (finding,) = event["detail"]["findings"]
    security_hub.put_finding(HUB, REGION, finding)
    return dict(finding)


def now(finding: dict[str, Any]) -> dict[str, Any]:
    found = security_hub.find_finding(HUB, REGION, finding_id=finding["Id"], product_arn=finding["ProductArn"])
    assert found is not None
    return found


def test_the_built_function_brings_the_context_into_a_finding(
    built: Built, lambda_python: Path, aws: str, sample: Sample
) -> None:
    create_keyed_tables(client("dynamodb", aws), *enrichment_world.TABLES)
    enrichment_world.create_organization(HUB)
    event = sample("finding-control-failed")
    finding = placed(event)
    environment = enrichment_world.function_environment(account=HUB, dead_letters=queue(aws))

    with running(built, "EnrichFindingsFunction", lambda_python, {"AWS_ENDPOINT_URL": aws, **environment}) as function:
        report = invoke(function, event)

    assert report["outcome"] == "enriched"
    assert now(finding)["UserDefinedFields"]["OUPath"] == "Root/Workloads/Prod"


def test_the_built_function_resolves_the_finding_of_a_deleted_bucket(
    built: Built, lambda_python: Path, aws: str, sample: Sample
) -> None:
    create_keyed_tables(client("dynamodb", aws), *deletion_world.TABLES)
    finding = placed(sample("deleted-bucket-1-finding"))
    environment = deletion_world.resolver_environment(hub=HUB, dead_letters=queue(aws))

    with running(built, "ResolveDeletedFunction", lambda_python, {"AWS_ENDPOINT_URL": aws, **environment}) as function:
        report = invoke(function, sample("deleted-bucket-2-call"))

    assert report["outcome"] == "resolved"
    assert now(finding)["Workflow"]["Status"] == "RESOLVED"


def test_the_built_functions_make_a_threat_of_findings(built: Built, lambda_python: Path, aws: str) -> None:
    stream = Stream(correlation_world.create_signals_table(client("dynamodb", aws)), "SignalsTable")
    common: Any = {"hub": HUB, "dead_letters": queue(aws), "rules": built.rules}
    collector = {"AWS_ENDPOINT_URL": aws, **correlation_world.collector_environment(**common)}
    correlator = {"AWS_ENDPOINT_URL": aws, **correlation_world.correlator_environment(**common)}

    with running(built, "CollectSignalsFunction", lambda_python, collector) as function:
        reports = [invoke(function, event) for event in of_today("backdoor-with-critical-cves")]
    signals = [record for record in stream.records(0) if '"o#' in record.item]
    with running(built, "CorrelateSignalsFunction", lambda_python, correlator) as function:
        answer = invoke(function, {"Records": [json.loads(record.text) for record in signals]})

    assert {report["outcome"] for report in reports} == {"collected"}
    assert answer == {"batchItemFailures": []}
    (threat,) = security_hub.findings(HUB, REGION)
    assert (threat["GeneratorId"], threat["Severity"]["Label"]) == ("backdoor-with-critical-cves", "CRITICAL")


def of_today(threat: str) -> list[dict[str, Any]]:
    """The events of a sample threat, observed now: what is older than ninety days is no signal."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    events = [json.loads(path.read_text()) for path in sorted((EVENTS / "threats" / threat).glob("*.json"))]
    for event in events:
        event["time"] = now
        for finding in event["detail"]["findings"]:
            finding |= {"LastObservedAt": now, "UpdatedAt": now}
    return events


def test_every_function_is_built(built: Built) -> None:
    folders = {path.parent.name for path in (REPOSITORY / "functions").glob("*/app.py")}
    names = {"".join(word.title() for word in folder.split("_")) + "Function" for folder in folders}

    for name in names:
        assert (built.folder / name / "app.py").is_file()

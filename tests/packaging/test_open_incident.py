"""What is deployed opens an incident: built by SAM, run by the Lambda runtime interface emulator."""

from pathlib import Path

from sandbox.built import Built, invoke, running
from tests.conftest import Sample
from tests.incident_world import create_incidents_table, function_environment
from tests.packaging.conftest import client


def test_the_built_function_walks_a_sample_event_to_its_incident(
    built: Built, lambda_python: Path, aws: str, sample: Sample
) -> None:
    create_incidents_table(client("dynamodb", aws))
    incident_manager = client("ssm-incidents", aws)
    plan = incident_manager.create_response_plan(name="security", incidentTemplate={"title": "Security", "impact": 3})
    environment = function_environment(
        topic=client("sns", aws).create_topic(Name="notifications")["TopicArn"],
        dead_letters=client("sqs", aws).create_queue(QueueName="dead-letters")["QueueUrl"],
        plan=plan["arn"],
    )

    with running(built, "OpenIncidentFunction", lambda_python, {"AWS_ENDPOINT_URL": aws, **environment}) as function:
        report = invoke(function, sample("root-console-sign-in-without-mfa"))

    assert report["outcome"] == "opened"
    record = incident_manager.get_incident_record(arn=report["incident"])["incidentRecord"]
    assert (record["impact"], record["title"]) == (
        1,
        "Root console sign-in WITHOUT MFA in account 444455556666 (us-east-1)",
    )

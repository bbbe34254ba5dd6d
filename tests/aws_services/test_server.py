"""The services through moto's server on the loopback interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("flask_cors", reason="moto's server needs the packages of moto[server]")

import requests
from moto.server import ThreadedMotoServer

from sandbox.aws_services import security_hub, ssm_incidents

from .conftest import HUB, MEMBER, REGION, TRUSTING, session
from .findings import finding
from .refusals import refused


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def endpoint(server: str) -> Iterator[str]:
    requests.post(f"{server}/moto-api/reset", timeout=10)
    yield server
    requests.post(f"{server}/moto-api/reset", timeout=10)


def client(service: str, endpoint: str, region: str = REGION, **credentials: str) -> Any:
    return session().client(service, region_name=region, endpoint_url=endpoint, config=TRUSTING, **credentials)


def member_client(service: str, endpoint: str) -> Any:
    role = client("sts", endpoint).assume_role(RoleArn=f"arn:aws:iam::{MEMBER}:role/R", RoleSessionName="s")
    credentials = role["Credentials"]
    return client(
        service,
        endpoint,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def test_incident_manager_answers_on_a_server(endpoint: str) -> None:
    manager = client("ssm-incidents", endpoint)
    plan = manager.create_response_plan(
        name="security", incidentTemplate={"title": "t", "impact": 1}, tags={"team": "sec"}
    )["arn"]
    incident = manager.start_incident(responsePlanArn=plan, title="&Action=Other", clientToken="t")["incidentRecordArn"]
    assert (
        manager.start_incident(responsePlanArn=plan, title="&Action=Other", clientToken="t")["incidentRecordArn"]
        == incident
    )
    assert manager.get_incident_record(arn=incident)["incidentRecord"]["title"] == "&Action=Other"
    assert manager.list_tags_for_resource(resourceArn=plan)["tags"] == {"team": "sec"}
    manager.untag_resource(resourceArn=plan, tagKeys=["team"])
    assert manager.list_tags_for_resource(resourceArn=plan)["tags"] == {}
    with refused("ConflictException", 409):
        manager.start_incident(responsePlanArn=plan, title="Other", clientToken="t")

    assert client("ssm-incidents", endpoint, "us-east-1").list_response_plans()["responsePlanSummaries"] == []
    assert member_client("ssm-incidents", endpoint).list_response_plans()["responsePlanSummaries"] == []
    assert [found.title for found in ssm_incidents.incidents(account_id=HUB, region=REGION)] == ["&Action=Other"]


def test_security_hub_answers_on_a_server(endpoint: str) -> None:
    told: list[str] = []

    def listen(account_id: str, region: str, finding: dict[str, Any]) -> None:
        told.append(f"{account_id}/{region}/{finding['Id']}")

    security_hub.add_finding_listener(listen)
    try:
        hub = client("securityhub", endpoint)
        assert hub.batch_import_findings(Findings=[finding(1), finding(2)])["SuccessCount"] == 2
        identifier = {"Id": "finding-1", "ProductArn": finding()["ProductArn"]}
        hub.batch_update_findings(FindingIdentifiers=[identifier], Workflow={"Status": "RESOLVED"})
        resolved = {"WorkflowStatus": [{"Value": "RESOLVED", "Comparison": "EQUALS"}]}
        assert [found["Id"] for found in hub.get_findings(Filters=resolved)["Findings"]] == ["finding-1"]
        member = member_client("securityhub", endpoint)
        assert member.batch_import_findings(Findings=[finding(3, account=MEMBER)])["SuccessCount"] == 1
        with refused("InvalidInputException"):
            hub.get_findings(MaxResults=101)
        hub.enable_security_hub()
        assert hub.describe_hub()
    finally:
        security_hub.remove_finding_listener(listen)
    assert told == [f"{HUB}/{REGION}/finding-{n}" for n in (1, 2, 1)] + [f"{MEMBER}/{REGION}/finding-3"]


def test_opscenter_answers_on_a_server_beside_motos_systems_manager(endpoint: str) -> None:
    ssm = client("ssm", endpoint)
    item = ssm.create_ops_item(Title="t", Description="d", Source="s")["OpsItemId"]
    assert ssm.get_ops_item(OpsItemId=item)["OpsItem"]["Title"] == "t"
    ssm.put_parameter(Name="p", Value="v", Type="String")
    assert ssm.get_parameter(Name="p")["Parameter"]["Value"] == "v"
    assert member_client("ssm", endpoint).describe_ops_items()["OpsItemSummaries"] == []


@pytest.mark.parametrize(
    ("body", "code", "complaint"),
    [
        (b'{"title": "x"}', "ValidationException", "responsePlanArn"),
        (b'{"responsePlanArn": "arn:aws:a:b::c", "colour": "red"}', "ValidationException", "colour"),
        (b"not JSON", "SerializationException", "JSON"),
        (b"[]", "SerializationException", "JSON object"),
    ],
)
def test_what_no_client_would_send_is_refused_too(endpoint: str, body: bytes, code: str, complaint: str) -> None:
    scope = f"testing/20260301/{REGION}/ssm-incidents/aws4_request"
    answer = requests.post(
        f"{endpoint}/startIncident",
        data=body,
        headers={
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=x",
            "Content-Type": "application/json",
        },
        timeout=10,
    )
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, code)
    assert complaint in answer.text

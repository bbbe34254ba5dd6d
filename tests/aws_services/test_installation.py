"""The services in moto: installed once, and emptied with it."""

from __future__ import annotations

from moto import backend_index, mock_aws

from sandbox.aws_services import install, ops_center, security_hub, ssm_incidents

from .conftest import HUB, REGION, hub_client
from .findings import finding


def test_installing_again_changes_nothing() -> None:
    before = list(backend_index.backend_url_patterns)
    install()
    assert backend_index.backend_url_patterns == before
    assert [name for name, _ in before].count("ssm-incidents") == 1


def test_state_goes_with_motos_reset() -> None:
    with mock_aws():
        manager, hub, ssm = (hub_client(name, REGION) for name in ("ssm-incidents", "securityhub", "ssm"))
        manager.create_response_plan(name="security", incidentTemplate={"title": "t", "impact": 1})
        hub.batch_import_findings(Findings=[finding()])
        ssm.create_ops_item(Title="t", Description="d", Source="s")
        assert ssm_incidents.response_plans()
        assert security_hub.findings(HUB, REGION)
        assert ops_center.ops_items()
    assert ssm_incidents.response_plans() == []
    assert ops_center.ops_items() == []
    with mock_aws():
        assert hub_client("securityhub", REGION).get_findings()["Findings"] == []

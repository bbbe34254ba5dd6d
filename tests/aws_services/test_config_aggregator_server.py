"""SelectAggregateResourceConfig through moto's server, and emptied with moto."""

from __future__ import annotations

import pytest

pytest.importorskip("flask_cors", reason="moto's server needs the packages of moto[server]")

import requests
from moto import mock_aws
from moto.server import ThreadedMotoServer

from sandbox.aws_services import config_aggregator

from .conftest import HUB, REGION, TRUSTING, hub_client, session
from .refusals import refused

ITEM = {"accountId": HUB, "awsRegion": REGION, "resourceType": "AWS::S3::Bucket", "resourceId": "logs"}
SOURCES = [{"AccountIds": [HUB], "AllAwsRegions": True}]
QUERY = {"Expression": "SELECT resourceId", "ConfigurationAggregatorName": "all"}


def test_queries_are_answered_on_a_server() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        config = session().client("config", region_name=REGION, endpoint_url=endpoint, config=TRUSTING)
        config.put_configuration_aggregator(ConfigurationAggregatorName="all", AccountAggregationSources=SOURCES)
        config_aggregator.put_item(HUB, REGION, ITEM)
        assert config.select_aggregate_resource_config(**QUERY)["Results"] == ['{"resourceId":"logs"}']
        requests.post(f"{endpoint}/moto-api/reset", timeout=10)
        assert config_aggregator.items(HUB, REGION) == []
    finally:
        server.stop()


def test_items_go_with_motos_reset() -> None:
    with mock_aws():
        config_aggregator.put_item(HUB, REGION, ITEM)
    assert config_aggregator.items(HUB, REGION) == []
    with mock_aws(), refused("NoSuchConfigurationAggregatorException"):
        hub_client("config", REGION).select_aggregate_resource_config(**QUERY)

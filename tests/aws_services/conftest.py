"""moto with this project's services installed, per test, with clients of several accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from sandbox.aws_services import install

install()

HUB = "123456789012"  # moto's default account
MEMBER = "222222222222"
REGION = "eu-west-1"

ClientOf = Callable[..., Any]

# The client lets everything through, so that it is the service that refuses.
TRUSTING = Config(parameter_validation=False, retries={"total_max_attempts": 1})


@cache
def session() -> boto3.Session:
    """One for all tests: reading a service model takes a second."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing")


@cache
def hub_client(service: str, region: str) -> Any:
    return session().client(service, region_name=region, config=TRUSTING)


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def client_of(aws: None) -> ClientOf:
    """A client of a service, by default in the hub's account, else through a role of the other account."""

    def make(service: str, account: str = HUB, region: str = REGION) -> Any:
        if account == HUB:
            return hub_client(service, region)
        role = hub_client("sts", region).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/Responder", RoleSessionName="test"
        )["Credentials"]
        return session().client(
            service,
            region_name=region,
            config=TRUSTING,
            aws_access_key_id=role["AccessKeyId"],
            aws_secret_access_key=role["SecretAccessKey"],
            aws_session_token=role["SessionToken"],
        )

    return make

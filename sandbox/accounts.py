"""boto3 clients of any account and Region; moto keeps the state of each apart by the caller's credentials."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3


class Accounts:
    """Credentials and clients, made once each. Usable only while moto's mock is active."""

    def __init__(self, home_region: str) -> None:
        self._session = boto3.Session(region_name=home_region)
        self._sts = self._session.client("sts", aws_access_key_id="sandbox", aws_secret_access_key="sandbox")
        self.client = cache(self._client)
        self.credentials = cache(self._credentials)

    def _client(self, service: str, account: str, region: str) -> Any:
        """A boto3 client that acts as an administrator of the account."""
        key = self.credentials(f"arn:aws:iam::{account}:role/sandbox")
        return self._session.client(
            service,  # type: ignore[call-overload]
            region_name=region,
            aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=key["AWS_SESSION_TOKEN"],
        )

    def _credentials(self, role_arn: str) -> dict[str, str]:
        """Credentials of the role, by the names of the environment variables that carry them."""
        key = self._sts.assume_role(RoleArn=role_arn, RoleSessionName="sandbox")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_SESSION_TOKEN": key["SessionToken"],
        }

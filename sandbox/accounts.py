"""boto3 clients of any account and Region; moto keeps the state of each apart by the caller's credentials."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3
from botocore.loaders import JSONFileLoader

_read_file = JSONFileLoader._load_file  # type: ignore[attr-defined]


@cache
def _read_once(path: str, open_method: Any) -> Any:
    return _read_file(None, path, open_method)


# Every session reads the services' descriptions anew, and each container has a session. Once a process is enough.
JSONFileLoader._load_file = lambda _, path, open_method: _read_once(os.fspath(path), open_method)  # type: ignore[attr-defined]


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

"""AWS clients: made once per container, from one session, when first called."""

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_config import ConfigServiceClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_securityhub import SecurityHubClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm_incidents import SSMIncidentsClient

PROMPT = 3
"""Attempts where a person waits and the function has seconds: fail fast, and leave the rest to redelivery. A service
that hangs costs one record 15 of the function's 30 seconds, not the whole batch."""

PATIENT = 6
"""Attempts where nobody waits and a call stands for many events: some 15 seconds of back-off before it fails."""


class Clients:
    """The clients of one container.

    Making one takes tens of milliseconds, and few invocations need all of a function's: rejections are rare, and many
    events are settled without a call. So each is made when it is called first.
    """

    def __init__(self, *, attempts: int = PROMPT, session: boto3.session.Session | None = None) -> None:
        self._attempts = attempts
        self._session = session or boto3.session.Session()
        retries = {"mode": "standard", "total_max_attempts": attempts}
        self._config = Config(connect_timeout=1, read_timeout=4, retries=retries)  # type: ignore[arg-type] # a TypedDict
        self._client = cache(lambda service: self._session.client(service, config=self._config))

    def assuming(self, role_arn: str) -> "Clients":
        """Clients that act as the role. It is assumed at their first call, and again before its credentials expire."""
        session = botocore.session.get_session()
        session.register_component(
            "credential_provider", CredentialResolver([_Role(self._session, role_arn, self._config)])
        )
        own = boto3.session.Session(botocore_session=session, region_name=self._session.region_name)
        return Clients(attempts=self._attempts, session=own)

    @overload
    def get(self, service: Literal["account"]) -> "AccountClient": ...
    @overload
    def get(self, service: Literal["config"]) -> "ConfigServiceClient": ...
    @overload
    def get(self, service: Literal["dynamodb"]) -> "DynamoDBClient": ...
    @overload
    def get(self, service: Literal["organizations"]) -> "OrganizationsClient": ...
    @overload
    def get(self, service: Literal["securityhub"]) -> "SecurityHubClient": ...
    @overload
    def get(self, service: Literal["sns"]) -> "SNSClient": ...
    @overload
    def get(self, service: Literal["sqs"]) -> "SQSClient": ...
    @overload
    def get(self, service: Literal["ssm"]) -> "SSMClient": ...
    @overload
    def get(self, service: Literal["ssm-incidents"]) -> "SSMIncidentsClient": ...
    def get(self, service: str) -> object:
        """The client for a service, by botocore's name. All who ask share one."""
        return _OnDemand(partial(self._client, service))


class _OnDemand:
    """A client that is made when one of its members is asked for."""

    def __init__(self, client: Callable[[], object]) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._client(), name)
        setattr(self, name, member)  # it is not asked for again
        return member


class _Role(CredentialProvider):
    """Credentials of a role, by those of a session."""

    METHOD = "assume-role"

    def __init__(self, session: boto3.session.Session, role_arn: str, config: Config) -> None:
        super().__init__()
        self._fetcher = AssumeRoleCredentialFetcher(
            client_creator=partial(session.client, config=config),
            source_credentials=session.get_credentials(),
            role_arn=role_arn,
            extra_args={"RoleSessionName": "security-responder"},
        )

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._fetcher.fetch_credentials, self.METHOD)

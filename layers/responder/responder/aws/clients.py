"""AWS clients: made once per container, from one session, when first asked for."""

from functools import cache
from typing import TYPE_CHECKING, Literal, overload

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm_incidents import SSMIncidentsClient

# A person waits and the function has seconds: fail fast, try again at once, and leave the rest to redelivery.
# A service that hangs costs one record 15 of the function's 30 seconds, not the whole batch.
_CONFIG = Config(connect_timeout=1, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3})


class Clients:
    """The clients of one container. Making one takes tens of milliseconds, so each is made once and on demand."""

    def __init__(self) -> None:
        self._session = boto3.session.Session()
        self._client = cache(lambda service: self._session.client(service, config=_CONFIG))

    @overload
    def get(self, service: Literal["dynamodb"]) -> "DynamoDBClient": ...
    @overload
    def get(self, service: Literal["sns"]) -> "SNSClient": ...
    @overload
    def get(self, service: Literal["sqs"]) -> "SQSClient": ...
    @overload
    def get(self, service: Literal["ssm"]) -> "SSMClient": ...
    @overload
    def get(self, service: Literal["ssm-incidents"]) -> "SSMIncidentsClient": ...
    def get(self, service: str) -> object:
        """The client for a service, by botocore's name."""
        return self._client(service)

"""What AWS's errors mean to us: worth another try, or not."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from responder.domain.faults import Permanent, Retryable

_WORTH_A_RETRY = frozenset(
    {
        "BandwidthLimitExceeded",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalError",
        "InternalServerError",
        "InternalServerException",
        "OpsItemConflictException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
"""botocore's throttling and transient codes (``botocore/retries/standard.py``), and the services' own."""


class AwsUnavailable(Retryable):
    """A call to AWS failed in a way that may pass."""


class AwsRefused(Permanent):
    """AWS refused a call for good. ``code`` is its error code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def aws_call(what: str) -> Iterator[None]:
    """Turn AWS's errors within into :class:`AwsUnavailable` or :class:`AwsRefused`, with ``what`` was being done.

    Quotas of Incident Manager are refusals, throttles are not. A conflict that names a time to retry at is none.
    """
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        code = details.get("Code", "Unknown")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        message = f"could not {what}: {code}: {details.get('Message', '')}"
        if code in _WORTH_A_RETRY or status >= 500 or status == 429 or "retryAfter" in error.response:
            raise AwsUnavailable(message) from error
        raise AwsRefused(message, code) from error
    except ParamValidationError as error:
        raise AwsRefused(f"could not {what}: {error}", "ParamValidation") from error
    except BotoCoreError as error:
        raise AwsUnavailable(f"could not {what}: {error}") from error

"""What AWS's errors mean to us: worth another try, or not."""

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


class aws_call:  # noqa: N801 - read where it is used: "with aws_call(...)"
    """Turn AWS's errors within into :class:`AwsUnavailable` or :class:`AwsRefused`, with ``what`` was being done.

    Quotas of Incident Manager are refusals, throttles are not. A conflict that names a time to retry at is none.

    A class, because a frame made of a generator takes several times as long to go through.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if isinstance(error, ClientError):
            details = error.response.get("Error", {})
            code = details.get("Code", "Unknown")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            message = f"could not {self._what}: {code}: {details.get('Message', '')}"
            if code in _WORTH_A_RETRY or status >= 500 or status == 429 or "retryAfter" in error.response:
                raise AwsUnavailable(message) from error
            raise AwsRefused(message, code) from error
        if isinstance(error, ParamValidationError):
            raise AwsRefused(f"could not {self._what}: {error}", "ParamValidation") from error
        if isinstance(error, BotoCoreError):
            raise AwsUnavailable(f"could not {self._what}: {error}") from error

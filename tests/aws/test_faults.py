import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError, ReadTimeoutError

from responder.aws.faults import AwsRefused, AwsUnavailable, aws_call


def client_error(code: str, status: int = 400, **more: object) -> ClientError:
    response = {"Error": {"Code": code, "Message": "said AWS"}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, "StartIncident")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException"),
        client_error("Throttling"),
        client_error("ProvisionedThroughputExceededException"),
        client_error("AnythingAtAll", 500),
        client_error("AnythingAtAll", 503),
        client_error("AnythingAtAll", 429),
        client_error("OpsItemConflictException"),
        client_error("ConflictException", retryAfter="2026-03-02T12:00:01Z"),
        ReadTimeoutError(endpoint_url="https://ssm-incidents.eu-west-1.amazonaws.com"),
        EndpointConnectionError(endpoint_url="https://ssm-incidents.eu-west-1.amazonaws.com"),
    ],
    ids=str,
)
def test_what_may_pass_is_worth_a_retry(error: Exception) -> None:
    with (
        pytest.raises(AwsUnavailable, match=r"^could not start an incident: ") as raised,
        aws_call("start an incident"),
    ):
        raise error

    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client_error("AccessDeniedException"), "AccessDeniedException"),
        (client_error("ResourceNotFoundException", 404), "ResourceNotFoundException"),
        (client_error("ServiceQuotaExceededException", 402), "ServiceQuotaExceededException"),
        (client_error("ConflictException", 409), "ConflictException"),
        (client_error("ValidationException"), "ValidationException"),
        (ParamValidationError(report="title: too long"), "ParamValidation"),
    ],
    ids=str,
)
def test_what_will_not_pass_is_refused_with_its_code(error: Exception, code: str) -> None:
    with pytest.raises(AwsRefused) as raised, aws_call("start an incident"):
        raise error

    assert raised.value.code == code


def test_what_is_no_error_of_aws_is_left_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), aws_call("divide"):
        raise ZeroDivisionError

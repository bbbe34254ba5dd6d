"""The errors that Security Hub refuses a whole call with."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class InvalidInputException(ServiceException):
    code = "InvalidInputException"


class AccessDeniedException(ServiceException):
    """HTTP 403. What a provider gets for a finding of another account, or for a product that is not its own."""

    code = "AccessDeniedException"

    def __init__(self, caller_arn: str, product_arn: str) -> None:
        super().__init__(
            f"User: {caller_arn} is not authorized to perform: securityhub:BatchImportFindings "
            f"on resource: {product_arn}"
        )

"""The errors that the operations' models declare, but for the one of an unknown aggregator: moto's."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class InvalidExpressionException(ServiceException):
    code = "InvalidExpressionException"


class InvalidLimitException(ServiceException):
    code = "InvalidLimitException"


class InvalidNextTokenException(ServiceException):
    code = "InvalidNextTokenException"

    def __init__(self) -> None:
        super().__init__("The specified next token is not valid.")

"""The errors of Account Management, with the status that its model gives them."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class ResourceNotFoundException(ServiceException):
    code = "ResourceNotFoundException"

    def __init__(self) -> None:
        super().__init__("No contact of the inputted alternate contact type found.")


class AccessDeniedException(ServiceException):
    code = "AccessDeniedException"

    def __init__(self, caller_arn: str, operation: str, reason: str) -> None:
        super().__init__(f"User: {caller_arn} is not authorized to perform: account:{operation} ({reason})")

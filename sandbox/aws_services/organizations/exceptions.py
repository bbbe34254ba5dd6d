"""The errors of Organizations that moto lacks."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class AccessDeniedException(ServiceException):
    def __init__(self) -> None:
        super().__init__("AccessDeniedException", "You don't have permissions to access this resource.")


class ChildNotFoundException(ServiceException):
    def __init__(self) -> None:
        message = "You specified an organizational unit (OU) or account ID that doesn't exist."
        super().__init__("ChildNotFoundException", message)

"""The errors that Incident Manager's model declares, with the members it gives them."""

from __future__ import annotations

from moto.core.exceptions import ServiceException

# The names that the model allows for `resourceType`.
RESPONSE_PLAN = "RESPONSE_PLAN"
INCIDENT_RECORD = "INCIDENT_RECORD"
TIMELINE_EVENT = "TIMELINE_EVENT"
REPLICATION_SET = "REPLICATION_SET"


class ValidationException(ServiceException):
    code = "ValidationException"


class ConflictException(ServiceException):
    code = "ConflictException"

    def __init__(self, message: str, *, identifier: str | None = None, kind: str | None = None) -> None:
        super().__init__(message)
        self.resource_identifier = identifier
        self.resource_type = kind


class ResourceNotFoundException(ServiceException):
    code = "ResourceNotFoundException"

    def __init__(self, what: str, identifier: str, kind: str | None = None) -> None:
        super().__init__(f"{what} not found: {identifier}")
        self.resource_identifier = identifier
        self.resource_type = kind


class ServiceQuotaExceededException(ServiceException):
    """HTTP 402. AWS publishes no quota codes for these quotas: the code here is the sandbox's own name for it."""

    code = "ServiceQuotaExceededException"

    def __init__(self, message: str, *, quota: str, identifier: str, kind: str) -> None:
        super().__init__(message)
        self.quota_code = quota
        self.service_code = "ssm-incidents"
        self.resource_identifier = identifier
        self.resource_type = kind

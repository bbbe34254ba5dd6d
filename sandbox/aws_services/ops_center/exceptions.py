"""The errors of OpsCenter's operations, with the members that the service model gives them."""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError, ServiceException


class ValidationException(ServiceException):
    code = "ValidationException"


class OpsItemInvalidParameterException(ServiceException):
    code = "OpsItemInvalidParameterException"

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.parameter_names = list(names)


class OpsItemNotFoundException(ServiceException):
    code = "OpsItemNotFoundException"

    def __init__(self, ops_item_id: str) -> None:
        super().__init__(f"OpsItem ID {ops_item_id} not found.")


class OpsItemAlreadyExistsException(ServiceException):
    code = "OpsItemAlreadyExistsException"

    def __init__(self, ops_item_id: str) -> None:
        super().__init__(f"Similar OpsItem {ops_item_id} already exists.")
        self.ops_item_id = ops_item_id


class OpsItemLimitExceededException(ServiceException):
    code = "OpsItemLimitExceededException"

    def __init__(self, what: str, limit: int, limit_type: str) -> None:
        super().__init__(f"The request exceeds the quota of {limit} {what}.")
        self.resource_types = [what]
        self.limit = limit
        self.limit_type = limit_type


class OpsItemAccessDeniedException(ServiceException):
    code = "OpsItemAccessDeniedException"


class OpsItemRelatedItemAlreadyExistsException(ServiceException):
    code = "OpsItemRelatedItemAlreadyExistsException"

    def __init__(self, ops_item_id: str, resource_uri: str) -> None:
        super().__init__(f"{resource_uri} is already associated with {ops_item_id}.")
        self.ops_item_id = ops_item_id
        self.resource_uri = resource_uri


class OpsItemRelatedItemAssociationNotFoundException(ServiceException):
    code = "OpsItemRelatedItemAssociationNotFoundException"

    def __init__(self, association_id: str) -> None:
        super().__init__(f"Association {association_id} not found.")


class OpsCenterInvalidArgumentError(JsonRESTError):
    """What DescribeOpsItems answers to a filter it cannot use; the service model does not have it.

    Seen in github.com/cloud-custodian/cloud-custodian/issues/5024 and /5323.
    """

    def __init__(self, message: str) -> None:
        super().__init__("OpsCenterInvalidArgumentException", message)

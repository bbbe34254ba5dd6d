"""Organizations' operations, from and to the wire; what is not here is moto's."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.organizations.exceptions import (
    AccountNotFoundException,
    AWSOrganizationsNotInUseException,
    OrganizationsClientError,
)
from moto.organizations.responses import OrganizationsResponse as MotoOrganizationsResponse

from ..service_response import ServiceResponse, WireResult
from .exceptions import AccessDeniedException, ChildNotFoundException
from .models import OrganizationsBackend, backend_of, organization_of

_OF_ANY_ACCOUNT = ("CreateOrganization", "DescribeOrganization")


class OrganizationsResponse(ServiceResponse, MotoOrganizationsResponse):
    refusal_code = "InvalidInputException"

    @property
    def organizations_backend(self) -> OrganizationsBackend:
        """The organization that the caller may ask: its account must manage it, or for reading, be delegated to."""
        operation = self._get_action()
        if operation in _OF_ANY_ACCOUNT:
            return backend_of(self.current_account, self.partition)
        organization = organization_of(self.current_account, self.partition)
        if organization is None:
            raise AWSOrganizationsNotInUseException
        reads = operation.startswith(("Describe", "List"))
        is_management = organization.account_id == self.current_account
        if not (is_management or (reads and organization.delegated_services(self.current_account))):
            raise AccessDeniedException
        return organization

    def describe_account(self) -> ActionResult:  # type: ignore[override]
        return WireResult(self.organizations_backend.describe_account(AccountId=self.request()["AccountId"]))

    def list_accounts(self) -> ActionResult:  # type: ignore[override]
        return self._accounts(parent_id=None)

    def list_accounts_for_parent(self) -> ActionResult:  # type: ignore[override]
        return self._accounts(parent_id=self.request()["ParentId"])

    def describe_organizational_unit(self) -> ActionResult:  # type: ignore[override]
        backend, unit_id = self.organizations_backend, self.request()["OrganizationalUnitId"]
        unit = backend.describe_organizational_unit(OrganizationalUnitId=unit_id)["OrganizationalUnit"]
        return WireResult({"OrganizationalUnit": unit | {"Path": backend.path_of_unit(unit_id)}})

    def list_parents(self) -> ActionResult:  # type: ignore[override]
        try:
            return WireResult(self.organizations_backend.list_parents(ChildId=self.request()["ChildId"]))
        except OrganizationsClientError as error:
            if isinstance(error, AccountNotFoundException) or error.code == "OrganizationalUnitNotFoundException":
                raise ChildNotFoundException from error
            raise

    def list_tags_for_resource(self) -> ActionResult:  # type: ignore[override]
        backend, request = self.organizations_backend, self.request()
        tags, token = backend.page_of_tags(request["ResourceId"], token=request.get("NextToken"))
        return WireResult({"Tags": tags} | ({"NextToken": token} if token else {}))

    def _accounts(self, *, parent_id: str | None) -> ActionResult:
        backend, request = self.organizations_backend, self.request()
        size, token = request.get("MaxResults"), request.get("NextToken")
        accounts, token = backend.page_of_accounts(parent_id, size=size, token=token)
        return WireResult({"Accounts": accounts} | ({"NextToken": token} if token else {}))

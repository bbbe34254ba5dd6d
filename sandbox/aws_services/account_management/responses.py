"""Alternate contacts, from and to the wire.

Who may name an account (Account Management API reference, `AccountId`): the organization's management account and the
service's delegated administrator, and only members of the organization. The management account itself is only found
from within, by leaving `AccountId` out. Trusted access for the service is taken as enabled.
"""

from __future__ import annotations

from moto.account.exceptions import UnspecifiedContactType
from moto.account.responses import AccountResponse as MotoAccountResponse
from moto.core.responses import ActionResult

from ..organizations import organization_of
from ..service_response import ServiceResponse
from .exceptions import AccessDeniedException, ResourceNotFoundException
from .models import SERVICE_PRINCIPAL


class AccountManagementResponse(ServiceResponse, MotoAccountResponse):
    def get_alternate_contact(self) -> ActionResult:
        try:
            return super().get_alternate_contact()
        except UnspecifiedContactType as error:
            raise ResourceNotFoundException from error

    def _get_account_id(self) -> str:
        """The account whose contact is meant; every operation of moto's asks for it first."""
        account_id: str | None = self.request().get("AccountId")
        if account_id is None:
            return self.current_account
        if reason := self._obstacle(account_id):
            raise AccessDeniedException(self.caller_arn, self._get_action(), reason)
        return account_id

    def _obstacle(self, account_id: str) -> str | None:
        """Why the caller may not name that account; None if it may."""
        organization = organization_of(self.current_account, self.partition)
        if organization is None:
            return "The caller's account is not a member of an organization."
        is_management = organization.account_id == self.current_account
        if not is_management and SERVICE_PRINCIPAL not in organization.delegated_services(self.current_account):
            return "Only the management account or a delegated administrator can name an account."
        if account_id == organization.account_id:
            context = "the standalone context from the management account"
            return f"The management account can only be managed using {context}."
        if not organization.is_member(account_id):
            return "The named account is not a member of the caller's organization."
        return None

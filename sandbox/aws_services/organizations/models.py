"""Organizations of one account: moto's, with the accounts' ids given instead of drawn, and answers as AWS gives them.

An organization is kept with its management account; `organization_of` finds it for any member. What differs from AWS,
knowingly:

- Whoever administers any service for the organization may read all of it, and nobody's policies are asked.
- Accounts that are put there get no role of their own (AWS's `OrganizationAccountAccessRole`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

from moto.core.base_backend import BackendDict
from moto.core.utils import unix_time, utcnow
from moto.organizations import models as moto_organizations
from moto.organizations import utils
from moto.organizations.exceptions import InvalidInputException

from ..paging import InvalidTokenError, Pages

PAGE_SIZE = 20  # the largest that ListAccounts takes; for tags, AWS documents none
_STATUSES = ("ACTIVE", "SUSPENDED", "PENDING_CLOSURE")


class OrganizationsBackend(moto_organizations.OrganizationsBackend):
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._pages: Pages[dict[str, Any]] = Pages()

    def reset(self) -> None:
        # moto keeps who is whose member beside the backends, and forgets to forget it.
        members = moto_organizations.organizations_backends.master_accounts
        for account_id in [member for member, (management, _) in members.items() if management == self.account_id]:
            del members[account_id]
        super().reset()

    # Putting an organization there

    def found(self, organization_id: str, *, account_name: str, email: str) -> None:
        self.create_organization(self.region_name)
        organization = self.organization
        organization.id, organization.master_account_email = organization_id, email
        parts: list[Any] = [*self.ou, *self.accounts, *self.policies]
        for part in parts:
            part.organization_id = organization_id
        (management_account,) = self.accounts
        management_account.name, management_account.email = account_name, email

    @property
    def organization(self) -> moto_organizations.FakeOrganization:
        assert self.org is not None
        return self.org

    def add_unit(self, name: str, *, parent_id: str) -> str:
        """An organizational unit; its id."""
        unit = self.create_organizational_unit(Name=name, ParentId=parent_id)
        return str(unit["OrganizationalUnit"]["Id"])

    def put_account(
        self, account_id: str, *, name: str, email: str, parent_id: str, state: str, tags: Mapping[str, str]
    ) -> None:
        """Add an account, or describe the management account."""
        if account_id == self.account_id:
            account = self.get_account_by_id(account_id)
        else:
            account = _Account(self.organization, account_id)
            self.accounts.append(account)
            for policy in self.policies:
                account.attached_policies.append(policy)
                policy.attachments.append(account)
            members = moto_organizations.organizations_backends.master_accounts
            members[account_id] = (self.account_id, self.partition)
        account.name, account.email, account.parent_id, account.tags = name, email, parent_id, dict(tags)
        account.state, account.status = state, state if state in _STATUSES else "SUSPENDED"

    def delegate(self, account_id: str, services: Collection[str]) -> None:
        """Make an account the delegated administrator of services, named by their principals."""
        for service in services:
            self.register_delegated_administrator(AccountId=account_id, ServicePrincipal=service)

    # Who may do what

    def is_member(self, account_id: str) -> bool:
        return any(account.id == account_id for account in self.accounts)

    def delegated_services(self, account_id: str) -> Collection[str]:
        return next((admin.services for admin in self.admins if admin.account.id == account_id), {}).keys()

    # Answers

    def describe_account(self, **kwargs: Any) -> dict[str, Any]:
        return {"Account": self._description(self.get_account_by_id(kwargs["AccountId"]))}

    def page_of_accounts(
        self, parent_id: str | None, *, size: int | None, token: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """All accounts, or those of a parent."""
        if parent_id is not None:
            self.validate_parent_id(parent_id)

        def find() -> list[dict[str, Any]]:
            accounts = (account for account in self.accounts if parent_id in (None, account.parent_id))
            return [self._description(account) for account in accounts]

        return self._page({"parent": parent_id}, find, size=size, token=token)

    def page_of_tags(self, resource_id: str, *, token: str | None) -> tuple[list[dict[str, Any]], str | None]:
        tags = self._get_resource_for_tagging(resource_id).tags

        def find() -> list[dict[str, Any]]:
            return [{"Key": key, "Value": value} for key, value in tags.items()]

        return self._page({"tags of": resource_id}, find, size=None, token=token)

    def path_of_unit(self, unit_id: str) -> str:
        """The ids from the organization to a root or unit, as in the condition key `aws:PrincipalOrgPaths`."""
        return f"{self.organization.id}/{'/'.join(reversed(list(self._ids_upwards(unit_id))))}/"

    def _description(self, account: moto_organizations.FakeAccount) -> dict[str, Any]:
        return {
            "Id": account.id,
            "Arn": account.arn,
            "Email": account.email,
            "Name": account.name,
            "State": account.state,  # and no Status, which was retired on 2026-09-09
            "Paths": [f"{self.path_of_unit(account.parent_id)}{account.id}/"],
            "JoinedMethod": account.joined_method,
            "JoinedTimestamp": unix_time(account.create_time),
        }

    def _ids_upwards(self, unit_id: str) -> Iterator[str]:
        while unit_id:
            yield unit_id
            unit_id = self.get_organizational_unit_by_id(unit_id).parent_id or ""

    def _page(
        self, asked: Mapping[str, Any], find: Any, *, size: int | None, token: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        try:
            return self._pages.page(asked, find, size=size or PAGE_SIZE, token=token)
        except InvalidTokenError as error:
            message = "You specified a next token that is not valid."
            raise InvalidInputException(message) from error


class _Account(moto_organizations.FakeAccount):
    """A member account. moto's own draws an id and creates a role in that account, which takes milliseconds each."""

    def __init__(self, organization: moto_organizations.FakeOrganization, account_id: str) -> None:
        self.type = "ACCOUNT"
        self.region = organization.region
        self.organization_id = organization.id
        self.master_account_id = organization.master_account_id
        self.create_account_status_id = utils.make_random_create_account_status_id()
        self.id = account_id
        self.create_time = utcnow()
        self.joined_method = "CREATED"
        self.attached_policies = []


def organizations_backends() -> BackendDict[OrganizationsBackend]:
    """moto's own dictionary of backends, which makes ours once the services are installed."""
    return cast("BackendDict[OrganizationsBackend]", moto_organizations.organizations_backends)


def backend_of(account_id: str, partition: str) -> OrganizationsBackend:
    return organizations_backends()[account_id][partition]


def organization_of(account_id: str, partition: str) -> OrganizationsBackend | None:
    """Where the organization of an account is kept; None for an account that is in none."""
    if (own := backend_of(account_id, partition)).org is not None:
        return own
    members = moto_organizations.organizations_backends.master_accounts
    management_account, its_partition = members.get(account_id, (None, None))
    if management_account is None or its_partition != partition:
        return None
    return backend_of(management_account, partition)

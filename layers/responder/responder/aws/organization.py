"""AWS Organizations and Account: what the organization knows of an account.

Asked in the management account through a role, or directly when the hub's account is a delegated administrator of both
services. Quotas are small (OUs: 2 calls a second for the whole organization), so calls are paced and answers are kept
by :mod:`~responder.domain.enrichment.directory`.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from responder.aws.faults import AwsRefused, aws_call
from responder.aws.pace import Pace, Quota
from responder.domain.enrichment.context import AccountContext, SecurityContact
from responder.domain.ports import Count

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_organizations.type_defs import AccountTypeDef

ROOT = "Root"
"""The name of every organization's root: it cannot be changed, and only another quota would tell it."""

QUOTAS = {
    "DescribeAccount": Quota(20, 30),
    "DescribeOrganizationalUnit": Quota(2, 2),
    "GetAlternateContact": Quota(10, 15),
    "ListAccounts": Quota(2, 1),
    "ListParents": Quota(5, 8),
    "ListTagsForResource": Quota(10, 15),
}
"""Of an organization (GetAlternateContact: of an account). Source: quotas of AWS Organizations and Account.

Of ListAccounts it is less, since nobody waits for it: a thousand accounts are fifty pages.
"""

_NOT_IN_THE_ORGANIZATION = ("AccountNotFoundException", "AWSOrganizationsNotInUseException")


def active_accounts(organizations: "OrganizationsClient", *, pace: Pace) -> dict[str, str]:
    """The names of the organization's active accounts, by id: not of those that are suspended, closed or not yet open.

    Raises AwsUnavailable or AwsRefused.
    """
    names: dict[str, str] = {}
    token: str | None = None
    while True:
        pace.wait("ListAccounts")
        with aws_call("list the organization's accounts"):
            answer = organizations.list_accounts(NextToken=token) if token else organizations.list_accounts()
        for account in answer["Accounts"]:
            if (account.get("State") or account.get("Status")) == "ACTIVE":
                names[account["Id"]] = account.get("Name", "")
        if not (token := answer.get("NextToken")):
            return names


class OrganizationDirectory:
    """Reads accounts of the organization.

    Parameters
    ----------
    caller
        The account whose credentials the clients have.
    pace
        With the operations of QUOTAS.
    """

    def __init__(
        self,
        organizations: "OrganizationsClient",
        account: "AccountClient",
        *,
        caller: str,
        pace: Pace,
        count: Count,
    ) -> None:
        self._organizations = organizations
        self._account = account
        self._caller = caller
        self._pace = pace
        self._count = count

    def read(self, account: str, ou_name: Callable[[str], str]) -> AccountContext:
        """What is known of an account. Parts that may not be read are missing in it, and counted.

        Raises
        ------
        AwsUnavailable, AwsRefused
            When AWS does not answer, or not even the account may be described.
        """
        described = self._describe(account)
        if described is None:
            self._count("AccountsUnknown", 1)
            contact = self._contact(account, manager=account) if account == self._caller else None
            return AccountContext(account, contact=contact)
        manager = described["Arn"].split(":")[4]  # of an account's ARN: the management account
        return AccountContext(
            account=account,
            name=described.get("Name"),
            state=described.get("State") or described.get("Status"),
            ou_path=(ROOT, *(ou_name(ou) for ou in self._ous(described))),
            tags=self._tags(account),
            contact=self._contact(account, manager=manager),
        )

    def ou_name(self, ou: str) -> str:
        """An OU's name."""
        self._pace.wait("DescribeOrganizationalUnit")
        with aws_call("describe an organizational unit"):
            answer = self._organizations.describe_organizational_unit(OrganizationalUnitId=ou)
        return answer["OrganizationalUnit"]["Name"]

    def _describe(self, account: str) -> "AccountTypeDef | None":
        if re.fullmatch(r"[0-9]{12}", account) is None:
            return None
        self._pace.wait("DescribeAccount")
        try:
            with aws_call("describe an account"):
                return self._organizations.describe_account(AccountId=account)["Account"]
        except AwsRefused as refusal:
            if refusal.code in _NOT_IN_THE_ORGANIZATION:
                return None
            raise

    def _ous(self, described: "AccountTypeDef") -> list[str]:
        """The ids of the OUs from below the root down to the account."""
        if paths := described.get("Paths"):
            return re.findall(r"/(ou-[0-9a-z]+-[0-9a-z]+)(?=/)", paths[0])
        ous: list[str] = []  # where Organizations does not give the path yet
        child = described["Id"]
        while True:
            self._pace.wait("ListParents")
            with aws_call("list an account's parents"):
                parent = self._organizations.list_parents(ChildId=child)["Parents"][0]
            if parent["Type"] == "ROOT":
                return ous[::-1]
            child = parent["Id"]
            ous.append(child)

    def _tags(self, account: str) -> dict[str, str]:
        tags: dict[str, str] = {}
        token: dict[str, str] = {}
        try:
            while True:
                self._pace.wait("ListTagsForResource")
                with aws_call("list an account's tags"):
                    answer = self._organizations.list_tags_for_resource(ResourceId=account, **token)
                tags |= {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
                if not (following := answer.get("NextToken")):
                    return tags
                token = {"NextToken": following}
        except AwsRefused:
            self._count("TagsUnreadable", 1)
            return tags

    def _contact(self, account: str, *, manager: str) -> SecurityContact | None:
        # The management account may not name itself, and whoever is no manager can only ask about itself or members.
        own = {} if account == manager == self._caller else {"AccountId": account}
        self._pace.wait("GetAlternateContact")
        try:
            with aws_call("read an account's security contact"):
                answer = self._account.get_alternate_contact(AlternateContactType="SECURITY", **own)
        except AwsRefused as refusal:
            if refusal.code != "ResourceNotFoundException":
                self._count("ContactsUnreadable", 1)
            return None
        contact = answer["AlternateContact"]
        return SecurityContact(
            name=contact.get("Name", ""),
            email=contact.get("EmailAddress", ""),
            phone=contact.get("PhoneNumber", ""),
            title=contact.get("Title", ""),
        )

"""The organization of the sandbox's world: read from a document, then put into AWS Organizations and its accounts.

The document, which `responder run --organization` takes:

    {"accounts": [{"id", "name", "ou_path": ["Root", "Prod"], "tags": {}, "state": "ACTIVE",
                   "security_contact": {"name", "email", "phone", "title"}}],
     "management_account": "999999999999"}

Everything but an account's id, name and path may be absent. Lengths and characters of tags and contacts are not held
against what AWS allows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .envelopes import is_account
from .inputs import InputError, read

SAMPLE = Path(__file__).resolve().parent.parent / "events" / "world" / "organization.json"

ORGANIZATION_ID = "o-sandbox0001"

ROOT = "Root"
"""What AWS calls the root of every organization."""

STATES = ("PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED")

_CONTACT_MEMBERS = ("name", "email", "phone", "title")
_MANAGEMENT_NAME = "Management"
_HIGHEST_ACCOUNT = 999_999_999_999


class OrganizationError(ValueError):
    """A document that describes no organization; the message says what is wrong and where."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}" if place else problem)


@dataclass(frozen=True, slots=True)
class SecurityContact:
    """The alternate contact SECURITY of an account."""

    name: str
    email: str
    phone: str
    title: str


@dataclass(frozen=True, slots=True)
class Account:
    """A member of the organization. `ou_path` begins with the root."""

    id: str
    name: str
    ou_path: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    security_contact: SecurityContact | None = None
    state: str = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Organization:
    """All accounts, the management account among them."""

    accounts: tuple[Account, ...]
    management_account: str

    @classmethod
    def of(cls, document: object, *, taken: Collection[str] = ()) -> Organization:
        """The organization that a document describes.

        A management account that the document does not name is the highest number that it does not list, and that is
        not `taken`.

        Raises
        ------
        OrganizationError
            At the first thing that is wrong.
        """
        members = _members("", document, required=("accounts",), optional=("management_account",))
        accounts = _accounts(members["accounts"])
        listed = {account.id for account in accounts}
        management_account = members.get("management_account")
        if management_account is None:
            management_account = _free_account(listed.union(taken))
        elif not is_account(management_account):
            raise OrganizationError("management_account", _no_account(management_account))
        if management_account not in listed:
            accounts.append(Account(management_account, _MANAGEMENT_NAME, (ROOT,)))
        return cls(tuple(accounts), management_account)


def sample() -> dict[str, Any]:
    """The document of the repository's own organization."""
    document: dict[str, Any] = json.loads(SAMPLE.read_text("utf-8"))
    return document


def read_organization(path: str) -> Mapping[str, Any]:
    """The document in a file; `InputError` if it cannot be read or describes no organization."""
    values = read([path])
    if len(values) != 1:
        raise InputError(path, f"{len(values)} JSON values, where one is expected that describes an organization")
    (found,) = values
    if found.fault is not None:
        raise InputError(found.origin, found.fault)
    try:
        Organization.of(found.value)
    except OrganizationError as error:
        raise InputError(found.origin, str(error)) from None
    document: Mapping[str, Any] = found.value
    return document


def create(organization: Organization, *, partition: str, delegated_administrator: str | None = None) -> None:
    """Put the organization into moto. The delegated administrator is that of Security Hub and Account Management."""
    # Here, because moto takes two seconds to import, and a document can be read without it.
    from .aws_services import account_management, organizations

    by_id = {account.id: account for account in organization.accounts}
    manager = by_id[organization.management_account]
    backend = organizations.create_organization(
        manager.id, partition, organization_id=ORGANIZATION_ID, account_name=manager.name, email=_email(manager.id)
    )
    unit_ids: dict[tuple[str, ...], str] = {(ROOT,): backend.organization.root_id}
    for account in organization.accounts:
        for depth in range(2, len(account.ou_path) + 1):
            if (path := account.ou_path[:depth]) not in unit_ids:
                unit_ids[path] = backend.add_unit(path[-1], parent_id=unit_ids[path[:-1]])
        backend.put_account(
            account.id,
            name=account.name,
            email=_email(account.id),
            parent_id=unit_ids[account.ou_path],
            state=account.state,
            tags=account.tags,
        )
        if contact := account.security_contact:
            account_management.put_security_contact(
                account.id,
                partition,
                name=contact.name,
                email=contact.email,
                phone=contact.phone,
                title=contact.title,
            )
    if delegated_administrator is not None:
        if delegated_administrator not in by_id or delegated_administrator == manager.id:
            problem = f"{delegated_administrator} is no member account of the organization"
            raise OrganizationError("delegated_administrator", problem)
        services = ("securityhub.amazonaws.com", account_management.SERVICE_PRINCIPAL)
        backend.delegate(delegated_administrator, services)


def _email(account_id: str) -> str:
    return f"aws+{account_id}@example.com"


def _free_account(taken: Collection[str]) -> str:
    return next(id_ for number in range(_HIGHEST_ACCOUNT, 0, -1) if (id_ := f"{number:012d}") not in taken)


def _accounts(value: object) -> list[Account]:
    if not isinstance(value, list):
        raise OrganizationError("accounts", f"must be a list, not {_kind(value)}")
    accounts: list[Account] = []
    places: dict[str, str] = {}
    for number, element in enumerate(value):
        place = f"accounts[{number}]"
        account = _account(place, element)
        if (first := places.setdefault(account.id, place)) != place:
            raise OrganizationError(f"{place}.id", f"{account.id} is already that of {first}")
        accounts.append(account)
    return accounts


def _account(place: str, value: object) -> Account:
    members = _members(place, value, required=("id", "name", "ou_path"), optional=("tags", "security_contact", "state"))
    if not is_account(members["id"]):
        raise OrganizationError(f"{place}.id", _no_account(members["id"]))
    state = members.get("state")
    if state is not None and state not in STATES:
        raise OrganizationError(f"{place}.state", f"must be one of {', '.join(STATES)}, not {_shown(state)}")
    return Account(
        id=members["id"],
        name=_text(f"{place}.name", members["name"]),
        ou_path=_ou_path(f"{place}.ou_path", members["ou_path"]),
        tags=_tags(f"{place}.tags", members.get("tags")),
        security_contact=_contact(f"{place}.security_contact", members.get("security_contact")),
        state=state or "ACTIVE",
    )


def _ou_path(place: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or value[0] != ROOT:
        raise OrganizationError(place, f'must be a list that begins with "{ROOT}", not {_shown(value)}')
    return tuple(_text(f"{place}[{number}]", name) for number, name in enumerate(value))


def _tags(place: str, value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise OrganizationError(place, f"must be an object, not {_kind(value)}")
    for key, tag in value.items():
        if not isinstance(tag, str):
            raise OrganizationError(f"{place}.{key}", f"must be text, not {_shown(tag)}")
    return dict(value)


def _contact(place: str, value: object) -> SecurityContact | None:
    if value is None:
        return None
    members = _members(place, value, required=_CONTACT_MEMBERS)
    return SecurityContact(**{name: _text(f"{place}.{name}", members[name]) for name in _CONTACT_MEMBERS})


def _members(
    place: str, value: object, *, required: Collection[str], optional: Collection[str] = ()
) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise OrganizationError(place, f"must be an object, not {_kind(value)}")
    prefix = f"{place}." if place else ""
    for name in required:
        if name not in value:
            raise OrganizationError(f"{prefix}{name}", "is missing")
    for name in value:
        if name not in (*required, *optional):
            raise OrganizationError(f"{prefix}{name}", f"is not known; known are {', '.join((*required, *optional))}")
    return value


def _text(place: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise OrganizationError(place, f"must be text that is not empty, not {_shown(value)}")
    return value


def _no_account(value: object) -> str:
    return f"must be text of 12 digits, not {_shown(value)}"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _kind(value: object) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null" if value is None else type(value).__name__)

"""The context of an account: what the organization knows of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property

FORMAT = 1
"""Goes up when findings shall be written anew though their account's context is the same."""


_FIRST_TAGS = ("environment", "env", "stage", "owner", "team", "businessowner", "costcenter", "application")
"""Tags that matter most to whoever opens a finding, in lower case; the others follow by name."""


@dataclass(frozen=True, slots=True)
class SecurityContact:
    """An account's alternate contact of type SECURITY."""

    name: str
    email: str
    phone: str
    title: str


@dataclass(frozen=True)
class AccountContext:
    """What is known of an account. Every part but the id may be missing."""

    account: str
    name: str | None = None
    state: str | None = None
    """The organization's word for it: ACTIVE, SUSPENDED, CLOSED, …; None for an account outside the organization."""
    ou_path: tuple[str, ...] = ()
    """Names of the root and the OUs down to the account."""
    tags: Mapping[str, str] = field(default_factory=dict)
    contact: SecurityContact | None = None

    @property
    def ou_name(self) -> str | None:
        """The OU that the account is directly in; ROOT when it is in none.

        >>> AccountContext("111122223333", ou_path=("Root",)).ou_name
        'ROOT'
        """
        if not self.ou_path:
            return None
        return self.ou_path[-1] if len(self.ou_path) > 1 else "ROOT"

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when the context does. Every finding of the account asks for them."""
        content = json.dumps([FORMAT, asdict(self)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Known:
    """A context, and when the organization said so. Stale: it no longer answers, and this is what it said last."""

    context: AccountContext
    fetched_at: datetime
    is_stale: bool = False


def tag_importance(key: str) -> tuple[int, str]:
    """Sorts a tag's key: those that tell environment and owner first, then by name."""
    plain = key.lower().replace("-", "").replace("_", "")
    return (_FIRST_TAGS.index(plain) if plain in _FIRST_TAGS else len(_FIRST_TAGS)), key


def in_words(known: Known) -> str:
    """The context for the Note, what matters most first: it is cut from the end.

    >>> context = AccountContext("444455556666", "Payments", "ACTIVE", ("Root", "Prod"), {"Owner": "team-payments"})
    >>> in_words(Known(context, datetime.min))
    'account Payments (444455556666), OU Root/Prod, Owner team-payments'
    """
    context = known.context
    parts = [f"account {context.name} ({context.account})" if context.name else f"account {context.account}"]
    if context.state is None:
        parts.append("not known to the organization")
    elif context.state != "ACTIVE":
        parts.append(context.state)
    if context.ou_path:
        parts.append(f"OU {'/'.join(context.ou_path)}")
    keys = sorted(context.tags, key=tag_importance)
    first = [key for key in keys if tag_importance(key)[0] < len(_FIRST_TAGS)]
    parts += [f"{key} {context.tags[key]}" for key in first]
    if contact := context.contact:
        parts.append(f"security contact {contact.name} <{contact.email}> {contact.phone}")
    parts += [f"{key} {context.tags[key]}" for key in keys if key not in first]
    if known.is_stale:
        parts.insert(1, f"as of {known.fetched_at:%Y-%m-%d}")
    return ", ".join(parts)

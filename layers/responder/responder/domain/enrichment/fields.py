"""The context as a finding's UserDefinedFields, beside the fields of others.

The names of the context's fields are fixed (AccountName and so on), because filters rest on them: they are ours, and
hold what the organization says as soon as it says anything. Each account tag stands under its own key, or under
``tag:<key>`` when that is taken, by a name of ours or by a field of somebody else. Fields of others are never changed
or dropped: where 50 do not hold all, ours give way, first the least important tags, then the context's from its end.
"""

import hashlib
from collections.abc import Mapping

from responder.domain.enrichment.context import AccountContext, Known, tag_importance
from responder.domain.security_hub import MAX_FIELD_NAME, MAX_FIELD_VALUE, MAX_FIELDS
from responder.domain.text import one_line, units

ENRICHED = "findingEnriched"
FINGERPRINT = "ContextFingerprint"

_STALE = "stale"


def _context_fields(context: AccountContext) -> dict[str, str | None]:
    """What matters most first."""
    contact = context.contact
    return {
        "AccountName": context.name,
        "OUPath": "/".join(context.ou_path),
        "OUName": context.ou_name,
        "SecurityContactEmail": contact.email if contact else None,
        "SecurityContactName": contact.name if contact else None,
        "SecurityContactPhone": contact.phone if contact else None,
        "AccountState": context.state,
    }


_OWN_NAMES = frozenset({ENRICHED, FINGERPRINT, *_context_fields(AccountContext(""))})


def context_mark(known: Known) -> str:
    """What a finding that was enriched with this context carries in ContextFingerprint, without its list of fields."""
    return f"{known.context.fingerprint} {_STALE}" if known.is_stale else known.context.fingerprint


def mark_of(fields: Mapping[str, str]) -> str | None:
    """The mark of the context that a finding was enriched with; None when it was not.

    >>> mark_of({"ContextFingerprint": "3f2a9c1b7d20e4aa; fields 1f0c9a 77ab01"})
    '3f2a9c1b7d20e4aa'
    """
    value = fields.get(FINGERPRINT)
    return value.partition(";")[0] if value else None


def merged(fields: Mapping[str, str], known: Known) -> tuple[dict[str, str], int]:
    """A finding's fields with the context in them, and how many fields of ours found no room.

    A field of an earlier context is replaced or goes; whether one is ours, its digest in ContextFingerprint tells, so
    that one that somebody has edited since counts as theirs.
    """
    values = {name: one_line(value or "", MAX_FIELD_VALUE) for name, value in _context_fields(known.context).items()}
    own = [(ENRICHED, "true"), (FINGERPRINT, ""), *((name, value) for name, value in values.items() if value)]
    own.sort(key=lambda field: field[0] not in fields)  # what replaces a field, maybe somebody else's, has its room
    replaced = {name for name, _ in own}
    ours_before = _digests(fields.get(FINGERPRINT, ""))
    others = {
        name: value
        for name, value in fields.items()
        if name not in replaced and _digest(name, value) not in ours_before
    }
    tags, unfit = _tag_fields(known.context.tags, others)
    wanted = own + tags
    room = max(0, MAX_FIELDS - len(others))
    kept = dict(wanted[:room])
    if FINGERPRINT in kept:
        digests = sorted(_digest(name, value) for name, value in kept.items() if name not in (ENRICHED, FINGERPRINT))
        kept[FINGERPRINT] = f"{context_mark(known)}; fields {' '.join(digests)}" if digests else context_mark(known)
    return others | kept, unfit + len(wanted) - len(kept)


def _tag_fields(tags: Mapping[str, str], others: Mapping[str, str]) -> tuple[list[tuple[str, str]], int]:
    """The tags' fields by importance, and how many tags can have none."""
    fields: dict[str, str] = {}
    unfit = 0
    for key in sorted(tags, key=tag_importance):
        value = one_line(tags[key], MAX_FIELD_VALUE) or "(empty)"  # which Security Hub refuses
        if others.get(key) == value:
            continue  # somebody says so already
        name = f"tag:{key}" if key in _OWN_NAMES or key in others else key
        if name in others or name in fields or not key.strip() or units(name) > MAX_FIELD_NAME:
            unfit += 1
        else:
            fields[name] = value
    return list(fields.items()), unfit


def _digest(name: str, value: str) -> str:
    return hashlib.sha256(f"{len(name)}:{name}{value}".encode()).hexdigest()[:8]


def _digests(fingerprint: str) -> frozenset[str]:
    return frozenset(fingerprint.partition("; fields ")[2].split())

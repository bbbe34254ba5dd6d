"""Root activity as incidents: one per account."""

from responder.domain.cloudtrail import Outcome, Record
from responder.domain.event import Event
from responder.domain.faults import Rejected
from responder.domain.incident import console
from responder.domain.incident.occurrence import Occurrence, RelatedItem, compose_key, compose_text, compose_title
from responder.domain.resource import is_arn

_FIRST_SIGNED_IN = (
    "ask the account's owner whether this was them. If not, or nobody answers: reset the root password, "
    "delete root access keys, set up MFA anew, and read what root did since."
)
_FIRST_CALLED = (
    "ask the account's owner whether this was them. If not, or nobody answers: delete root access keys, "
    "reset the root password, and undo what the calls in this timeline changed."
)
_ACTIONS = {"AwsConsoleAction": "console action", "AwsConsoleSignIn": "sign-in event"}
_FIRST_FAILED = "ask the account's owner whether this was them. If not: somebody guesses the root password; check MFA."


def occurrence(record: Record, event: Event) -> Occurrence | str:
    """What a root sign-in or call says to the incident of its account; as text, why a record is no root activity.

    Impact: 1 for a sign-in without MFA (or with MFA not reported), 2 with MFA and for calls, 3 for a failed sign-in.
    """
    if record.identity_type is None:
        raise Rejected("detail.userIdentity.type", "is missing")
    if record.event_type is None:
        raise Rejected("detail.eventType", "is missing")
    if record.identity_type != "Root":
        return f"done by {record.identity_type}, not by root"
    if record.invoked_by is not None:
        return f"done by {record.invoked_by} on root's behalf"
    if record.event_type == "AwsServiceEvent":
        return "a service event, not an action of root"

    what, impact, first = _understood(record)
    region = f"({record.region})"
    return Occurrence(
        key=compose_key("root", record.account),
        fingerprint=record.event_id,
        event_id=event.id,
        source="responder.root",
        opens=True,
        impact=impact,
        title=compose_title(what, "in account", record.account, region),
        text=compose_text(
            what,
            where=f"account {record.account}, {record.region}",
            who=_who(record),
            when=record.time,
            MFA={True: "yes", False: "no", None: "not reported"}[record.mfa],
            Refused=record.error,
            Access_key=record.access_key,
            Event=record.event_id,
            first=first,
        ),
        occurred_at=record.time,
        related_items=tuple(_related(record)),
        document=event.document,
    )


def _understood(record: Record) -> tuple[str, int, str]:
    """What happened, its impact, and the first thing to do."""
    if not record.is_console_sign_in:
        action = _ACTIONS.get(str(record.event_type), "API call")
        refused = ", refused," if record.outcome is Outcome.FAILURE else ""
        return f"Root {action}{refused} {record.service}:{record.event_name}", 2, _FIRST_CALLED
    if record.outcome is Outcome.FAILURE:
        return "Failed root console sign-in", 3, _FIRST_FAILED
    if record.mfa:
        return "Root console sign-in with MFA", 2, _FIRST_SIGNED_IN
    mfa = "WITHOUT MFA" if record.mfa is False else "with MFA not reported"
    return f"Root console sign-in {mfa}", 1, _FIRST_SIGNED_IN


def _who(record: Record) -> str:
    principal = record.principal or f"root of account {record.account}"
    address = f" from {record.source_ip}" if record.source_ip else ""
    return f"{principal}{address}{f', {record.user_agent}' if record.user_agent else ''}"


def _related(record: Record) -> list[RelatedItem]:
    page = console.cloudtrail_event(record.region, record.event_id)
    items = [RelatedItem("CloudTrail event", page)] if page else []
    if record.principal and is_arn(record.principal):
        items.append(RelatedItem("Root user", record.principal))
    return items

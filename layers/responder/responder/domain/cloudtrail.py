"""What a CloudTrail record says: who called what, from where, with or without MFA, and whether it worked.

Fields and their absences follow the CloudTrail record reference and recorded events: ``userIdentity`` may lack
anything, flags are texts, failed calls have null parameters, and a failed sign-in has no ``errorCode``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from responder.domain.event import Event, require_own_account
from responder.domain.schema import require_valid
from responder.domain.times import parse_time

DETAIL_TYPES = frozenset(
    {
        "AWS API Call via CloudTrail",
        "AWS Console Action via CloudTrail",
        "AWS Console Sign In via CloudTrail",
        "AWS Service Event via CloudTrail",
    }
)


class Outcome(Enum):
    """How a call or a sign-in ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Record:
    """A CloudTrail record. None stands for what the record does not say."""

    event_id: str
    event_name: str
    event_source: str
    event_type: str | None
    time: datetime
    account: str
    region: str
    identity_type: str | None
    principal: str | None
    invoked_by: str | None
    access_key: str | None
    source_ip: str | None
    user_agent: str | None
    mfa: bool | None
    outcome: Outcome
    error: str | None

    @property
    def is_console_sign_in(self) -> bool:
        return self.event_name == "ConsoleLogin"

    @property
    def service(self) -> str:
        """The service's short name, such as ``iam``."""
        return self.event_source.removesuffix(".amazonaws.com")


def read_record(event: Event) -> Record:
    """Read the record in an event's detail.

    Raises
    ------
    Rejected
        Naming the field that is missing or wrong.
    """
    detail = event.detail
    require_valid("cloudtrail", detail, at="detail")
    require_own_account(event, detail.get("recipientAccountId"), "detail.recipientAccountId")
    identity = detail["userIdentity"]
    return Record(
        event_id=detail.get("eventID") or event.id,
        event_name=detail["eventName"],
        event_source=detail["eventSource"],
        event_type=detail.get("eventType"),
        time=parse_time(detail["eventTime"], "detail.eventTime") if detail.get("eventTime") else event.time,
        account=identity.get("accountId") or event.account,
        region=detail.get("awsRegion") or event.region,
        identity_type=identity.get("type"),
        principal=identity.get("arn"),
        invoked_by=identity.get("invokedBy"),
        access_key=identity.get("accessKeyId"),
        source_ip=detail.get("sourceIPAddress"),
        user_agent=detail.get("userAgent"),
        mfa=_mfa(detail),
        outcome=_outcome(detail),
        error=_error(detail),
    )


def _mfa(detail: Mapping[str, Any]) -> bool | None:
    """A sign-in says it in ``additionalEventData.MFAUsed``, a call in its session's attributes; both as text."""
    used = _member(detail, "additionalEventData", "MFAUsed")
    if used is None:
        used = _member(detail, "userIdentity", "sessionContext", "attributes", "mfaAuthenticated")
    return {"yes": True, "true": True, "no": False, "false": False}.get(str(used).lower())


def _outcome(detail: Mapping[str, Any]) -> Outcome:
    stated = _member(detail, "responseElements", "ConsoleLogin")
    if stated in ("Success", "Failure"):
        return Outcome(stated.lower())
    if detail.get("errorCode") or detail.get("errorMessage"):
        return Outcome.FAILURE
    return Outcome.UNKNOWN if detail["eventName"] == "ConsoleLogin" else Outcome.SUCCESS


def _error(detail: Mapping[str, Any]) -> str | None:
    said = [text for text in (detail.get("errorCode"), detail.get("errorMessage")) if text]
    return ": ".join(said) or None


def _member(value: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value

"""What kind of event a JSON value is, and the envelope that EventBridge would deliver it in.

Known are EventBridge events, CloudTrail records, Security Hub (ASFF) findings and GuardDuty findings, alone, in lists,
under `Records` (CloudTrail's files) and under `Findings` (what `aws securityhub get-findings` prints). Anything else is
one rejected value with a reason; it never stops the others.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from .inputs import JsonValue

Event = dict[str, Any]
"""An EventBridge event: envelope and detail."""

SECURITY_HUB_IMPORTED = "Security Hub Findings - Imported"
GUARDDUTY_FINDING = "GuardDuty Finding"
CLOUDTRAIL_DETAIL_TYPES = {
    "AwsApiCall": "AWS API Call via CloudTrail",
    "AwsConsoleAction": "AWS Console Action via CloudTrail",
    "AwsConsoleSignIn": "AWS Console Sign In via CloudTrail",
    "AwsServiceEvent": "AWS Service Event via CloudTrail",
    "AwsCloudTrailInsight": "AWS Insight via CloudTrail",
}

MAXIMUM_EVENT_BYTES = 1024 * 1024  # EventBridge, "Amazon EventBridge quotas": size of a PutEvents entry
MAXIMUM_DEPTH = 128  # no limit of AWS's: what every recursive reader in Python survives, many times what AWS sends

_EVENT_IDS = UUID("6f3d0a52-7f43-5b0e-9a53-0d6c6a1c2b7e")
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", re.ASCII)


class Place(NamedTuple):
    """An account and a Region of it."""

    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.account}/{self.region}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read `ACCOUNT/REGION`; ValueError for what cannot be one."""
        account, _, region = text.partition("/")
        if not (is_account(account) and is_region(region)):
            raise ValueError(f"{text!r} is not ACCOUNT/REGION, such as 111122223333/eu-west-1")
        return cls(account, region)


DEFAULT_HUB = Place("111122223333", "us-east-1")
"""Where the hub is when neither the caller nor any event says so."""


def is_account(text: object) -> bool:
    return isinstance(text, str) and _ACCOUNT.fullmatch(text) is not None


def is_region(text: object) -> bool:
    """Whether it has the form of a Region's name; Regions newer than any list are Regions too."""
    return isinstance(text, str) and _REGION.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Submission:
    """One element of the input: an event, or (`event` is None) the reason why it is none.

    Until `complete`, the event's envelope may lack what depends on where the hub is, and its time.
    """

    origin: str
    event: Event | None
    reason: str | None = None
    named: Mapping[str, str] | None = None
    """What a rejected value says of itself that is text: id, source, detail-type, account, region."""

    place: tuple[object, object] | None = None
    """The account and Region that the value itself names, which the hub is derived from."""


class _NoEventError(Exception):
    """Why a value is no event."""


def submissions(values: Iterable[JsonValue]) -> Iterator[Submission]:
    """The events and non-events in JSON values, in order, lists and files of records taken apart."""
    for value in values:
        if value.fault is not None:
            yield Submission(value.origin, None, value.fault)
        else:
            for element, origin in _elements(value.value, value.origin):
                yield _submission(element, origin)


def derive_hub(candidates: Iterable[Submission]) -> Place:
    """The commonest account and Region of Security Hub's and GuardDuty's events, else of all; the first of equals."""
    findings: Counter[Place] = Counter()
    all_events: Counter[Place] = Counter()
    for candidate in candidates:
        if candidate.event is None or candidate.place is None:
            continue
        account, region = candidate.place
        if isinstance(account, str) and isinstance(region, str) and is_account(account) and is_region(region):
            place = Place(account, region)
            all_events[place] += 1
            if candidate.event["source"] in ("aws.securityhub", "aws.guardduty"):
                findings[place] += 1
    commonest = (findings or all_events).most_common(1)
    return commonest[0][0] if commonest else DEFAULT_HUB


def complete(submission: Submission, hub: Place) -> Submission:
    """The same with an envelope as EventBridge delivers it; its time stays None where nothing tells it."""
    event = submission.event
    if event is None:
        return submission
    filled = {
        "version": event.get("version") or "0",
        "id": event.get("id") or event_id(event),
        "detail-type": event["detail-type"],
        "source": event["source"],
        "account": event.get("account") or hub.account,
        "time": event.get("time") or None,
        "region": event.get("region") or hub.region,
        "resources": event.get("resources") or [],
        "detail": event["detail"],
    }
    if name := event.get("replay-name"):  # which EventBridge adds to what it replays from an archive
        filled["replay-name"] = name
    return Submission(submission.origin, filled)


def event_id(content: object) -> str:
    """An event id that depends on nothing but the content, so that equal runs print the same."""
    return str(uuid5(_EVENT_IDS, json.dumps(content, sort_keys=True, separators=(",", ":"))))


def imported_event(finding: Mapping[str, Any], place: Place, *, time: str | None) -> Event:
    """The event that Security Hub raises for a finding in the account and Region."""
    arn = finding.get("ProductArn")
    event = {
        "version": "0",
        "id": "",
        "detail-type": SECURITY_HUB_IMPORTED,
        "source": "aws.securityhub",
        "account": place.account,
        "time": time,
        "region": place.region,
        "resources": [f"{arn}/{finding.get('Id')}"] if isinstance(arn, str) else [],
        "detail": {"findings": [dict(finding)]},
    }
    return event | {"id": event_id(event)}


def _elements(value: Any, origin: str, depth: int = 0) -> Iterator[tuple[Any, str]]:
    contained: Any = value
    if isinstance(value, dict):
        contained = next((value[name] for name in ("Records", "Findings") if isinstance(value.get(name), list)), None)
    if isinstance(contained, list) and depth < MAXIMUM_DEPTH:
        for number, element in enumerate(contained, start=1):
            yield from _elements(element, f"{origin}[{number}]", depth + 1)
    else:
        yield value, origin


def _submission(value: Any, origin: str) -> Submission:
    if _is_too_deep(value):
        return Submission(origin, None, f"nested deeper than {MAXIMUM_DEPTH} levels", named=_names(value))
    try:
        event, place = _event(value)
        _check(event)
    except _NoEventError as rejection:
        return Submission(origin, None, str(rejection), named=_names(value))
    return Submission(origin, event, place=place)


def _event(value: Any) -> tuple[Event, tuple[object, object]]:
    """The event that a value is or becomes, and the account and Region that the value names."""
    if not isinstance(value, dict):
        raise _NoEventError(f"a JSON {_json_type(value)} is no event")
    if value.keys() & {"detail-type", "source", "detail"}:
        return _envelope(value)
    if value.keys() & {"ProductArn", "AwsAccountId"}:
        return _security_hub_finding(value)
    if "accountId" in value and value.keys() & {"severity", "service", "schemaVersion"}:
        return _guardduty_finding(value)
    if value.keys() & {"eventSource", "eventName", "eventType", "eventVersion"}:
        return _cloudtrail_record(value)
    raise _NoEventError(
        "no EventBridge event (detail-type, source and detail are missing), CloudTrail record (eventSource and"
        " eventName), Security Hub finding (ProductArn and AwsAccountId) or GuardDuty finding (accountId and type)"
    )


def _envelope(value: Event) -> tuple[Event, tuple[object, object]]:
    kind = "EventBridge event"
    _require_text(value, kind, "detail-type", "source")
    _allow_text(value, kind, "version", "id", "account", "time", "region")
    detail = value.get("detail")
    if detail is None:
        raise _NoEventError(f"{kind} without detail")
    if not isinstance(detail, dict):
        raise _NoEventError(f"{kind}: detail is a JSON {_json_type(detail)}, not an object")
    if value.get("resources") is not None and not isinstance(value["resources"], list):
        raise _NoEventError(f"{kind}: resources is a JSON {_json_type(value['resources'])}, not a list")
    place = (value.get("account"), value.get("region"))
    if value["detail-type"] in CLOUDTRAIL_DETAIL_TYPES.values():
        account, region = _cloudtrail_place(detail)
        place = (place[0] or account, place[1] or region)
        value = value | {"account": place[0], "region": place[1]}
    return value, place


def _security_hub_finding(finding: Event) -> tuple[Event, tuple[object, object]]:
    _require_text(finding, "Security Hub finding", "Id", "ProductArn", "AwsAccountId")
    event = {
        "detail-type": SECURITY_HUB_IMPORTED,
        "source": "aws.securityhub",
        "time": _text(finding.get("UpdatedAt")),
        "resources": [f"{finding['ProductArn']}/{finding['Id']}"],
        "detail": {"findings": [finding]},
    }
    return event, (finding["AwsAccountId"], finding.get("Region") or _arn_region(finding["ProductArn"]))


def _arn_region(arn: str) -> str:
    return arn.split(":", 4)[3] if arn.count(":") > 3 else ""


def _guardduty_finding(finding: Event) -> tuple[Event, tuple[object, object]]:
    _require_text(finding, "GuardDuty finding", "id", "type", "accountId")
    _allow_text(finding, "GuardDuty finding", "region")
    event = {
        "detail-type": GUARDDUTY_FINDING,
        "source": "aws.guardduty",
        "time": _text(finding.get("updatedAt")),
        "region": finding.get("region"),
        "detail": finding,
    }
    return event, (finding["accountId"], finding.get("region"))


def _cloudtrail_record(record: Event) -> tuple[Event, tuple[object, object]]:
    kind = "CloudTrail record"
    event_type = _text(record.get("eventType")) or "AwsApiCall"
    if event_type == "AwsCloudTrailInsight":  # it names the unusual call in insightDetails
        details = record.get("insightDetails")
        _require_text(details if isinstance(details, dict) else {}, "CloudTrail Insights record", "eventSource")
        event_source = record["insightDetails"]["eventSource"]
    else:
        _require_text(record, kind, "eventSource", "eventName")
        event_source = record["eventSource"]
    _allow_text(record, kind, "recipientAccountId", "awsRegion")
    account, region = _cloudtrail_place(record)
    event = {
        "id": _text(record.get("eventID")),
        "detail-type": CLOUDTRAIL_DETAIL_TYPES.get(event_type, CLOUDTRAIL_DETAIL_TYPES["AwsApiCall"]),
        "source": f"aws.{event_source.removesuffix('.amazonaws.com')}",
        "account": account,
        "time": _text(record.get("eventTime")),
        "region": region,
        "detail": record,
    }
    return event, (account, region)


def _cloudtrail_place(record: Event) -> tuple[str | None, str | None]:
    identity = record.get("userIdentity")
    caller = identity.get("accountId") if isinstance(identity, dict) else None
    return _text(record.get("recipientAccountId")) or _text(caller), _text(record.get("awsRegion"))


def _check(event: Event) -> None:
    """Refuse what EventBridge refuses, and what is not JSON although Python reads it."""
    try:
        detail = json.dumps(event["detail"], ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        raise _NoEventError("a number is NaN or infinite, which JSON does not have") from None
    size = _bytes(detail) + 14  # as PutEvents counts: 14 bytes of time, and these members' text
    size += _bytes(event["source"]) + _bytes(event["detail-type"])
    size += sum(_bytes(resource) for resource in event.get("resources") or [] if isinstance(resource, str))
    if size > MAXIMUM_EVENT_BYTES:
        raise _NoEventError(f"{size:,} bytes; EventBridge takes events of up to {MAXIMUM_EVENT_BYTES:,} (1 MB)")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAXIMUM_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _require_text(value: Mapping[str, Any], kind: str, *names: str) -> None:
    if missing := [name for name in names if value.get(name) in (None, "")]:
        raise _NoEventError(f"{kind} without {' and '.join(missing)}")
    _allow_text(value, kind, *names)


def _allow_text(value: Mapping[str, Any], kind: str, *names: str) -> None:
    for name in names:
        if value.get(name) is not None and not isinstance(value[name], str):
            raise _NoEventError(f"{kind}: {name} is a JSON {_json_type(value[name])}, not text")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _names(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        return {}
    wanted = ("id", "source", "detail-type", "account", "region")
    return {name: value[name] for name in wanted if isinstance(value.get(name), str)}


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "list"
        case _:
            return "object"

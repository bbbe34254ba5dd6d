"""The correlated finding: what Security Hub is told of a rule that fired, and how its readers get it back.

It is in the hub's account and default product, because Security Hub takes no import on behalf of another account. What
it tells of, and on what evidence, is in its ProductFields:

``responder/RuleId``, ``responder/Resource``, ``responder/Generation``
    The rule, the resource's canonical text, and which generation of the two. The finding's id is made of these, so that
    another write is an update.
``responder/EvidenceCount``
    How many contributions there are in all.
``responder/Evidence/01`` to ``responder/Evidence/40``
    One contribution each, in time: a JSON object with ``at``, ``leg``, ``title``, ``product_arn``, ``id`` and
    ``resource``. Of more than find room the earliest of every leg are listed, then the earliest of all others. A title
    is cut where a value would exceed its 2,048 characters; ids never are, and what has too long ones is not listed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from responder.domain.faults import Rejected
from responder.domain.resource import Resource
from responder.domain.security_hub import RESOURCE_FIELD, RULE_FIELD, FindingKey, default_product, own_resource
from responder.domain.text import cut, one_line, units
from responder.domain.times import parse_time, show_exactly, time_or_none

GENERATION_FIELD = "responder/Generation"
COUNT_FIELD = "responder/EvidenceCount"
EVIDENCE_FIELD = "responder/Evidence/"

MAX_EVIDENCE = 40
"""Of the 50 ProductFields. Four are ours besides, and Security Hub adds some of its own."""

TYPE = "TTPs/Correlated Findings"
PRODUCT_NAME = "Security responder"

# Source: ASFF reference, and botocore's model of Security Hub.
_SCHEMA_VERSION = "2018-10-08"
_MAX_ID = 512
_MAX_TITLE = 256
_MAX_DESCRIPTION = 1024
_MAX_REMEDIATION = 512
_MAX_RELATED = 10
_MAX_VALUE = 2048

_MAX_MENTION = 100_000
"""Characters of a resource block, of the 240 KB of a finding. A larger one is imported without its details."""

_TITLE_LENGTHS = (_MAX_TITLE, 128, 64, 32, 16)


@dataclass(frozen=True, slots=True)
class Contribution:
    """A finding that is evidence."""

    key: FindingKey
    leg: str
    """What it is evidence of, by the leg's name in the rule."""
    title: str
    observed_at: datetime
    resource: Resource
    """The finding's own, which may be one that is related to the correlation's."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """A rule that fired for a resource, in one generation."""

    rule_id: str
    title: str
    description: str
    severity: str
    """ASFF's label, such as CRITICAL."""
    remediation_text: str
    remediation_url: str
    resource: Resource
    mention: Mapping[str, Any]
    """The resource as the findings' own ``Resources`` name it."""
    generation: int
    """From 1."""
    contributions: tuple[Contribution, ...]
    """At least one; in any order. A finding that is evidence of several legs is there for each."""
    created_at: datetime
    """When the generation began, in every version the same: its incident is told so once. Taken from the evidence and
    not from a clock, it does not depend on when the evidence arrived."""
    updated_at: datetime
    """Security Hub takes no version that is not later than the one that it has."""

    @property
    def evidence(self) -> tuple[Contribution, ...]:
        """The contributions in the order in which they find room: of every leg the earliest, then the others."""
        in_time = tuple(dict.fromkeys(sorted(self.contributions, key=_in_time)))
        first = {entry.leg: entry for entry in reversed(in_time)}
        leading = [entry for entry in in_time if entry is first[entry.leg]]
        return (*leading, *(entry for entry in in_time if entry is not first[entry.leg]))


@dataclass(frozen=True, slots=True)
class Correlated:
    """A correlated finding, as its readers find it."""

    key: FindingKey
    rule_id: str
    resource: Resource
    generation: int
    title: str
    description: str
    remediation_text: str | None
    remediation_url: str | None
    created_at: datetime
    last_observed_at: datetime
    """Of all evidence the latest, whether or not it is listed."""
    evidence: tuple[Contribution, ...]
    """What is listed, the earliest first."""
    evidence_count: int
    """Of all, whether or not it is listed."""


def correlated_finding(
    correlation: Correlation, *, hub_account: str, hub_region: str, partition: str
) -> dict[str, Any]:
    """The finding to import into the hub's Security Hub, within the limits of its format.

    Severity, types and related findings are in FindingProviderFields, which an import may always change; at the top, an
    analyst's word wins. Texts come out on one line.
    """
    evidence = correlation.evidence
    listed = [(entry, value) for entry in evidence if (value := _evidence_value(entry)) is not None][:MAX_EVIDENCE]
    related = list(dict.fromkeys(entry.key for entry in evidence))[:_MAX_RELATED]
    times = [entry.observed_at for entry in evidence]
    fields = {
        RULE_FIELD: correlation.rule_id,
        RESOURCE_FIELD: str(correlation.resource),
        GENERATION_FIELD: str(correlation.generation),
        COUNT_FIELD: str(len(evidence)),
    }
    for number, (_, value) in enumerate(sorted(listed, key=lambda pair: _in_time(pair[0])), 1):
        fields[f"{EVIDENCE_FIELD}{number:02}"] = value
    return {
        "SchemaVersion": _SCHEMA_VERSION,
        "Id": finding_id(correlation.rule_id, correlation.resource, correlation.generation),
        "ProductArn": default_product(hub_account, hub_region, partition),
        "ProductName": PRODUCT_NAME,
        "AwsAccountId": hub_account,
        "GeneratorId": correlation.rule_id,
        "CreatedAt": show_exactly(correlation.created_at),
        "UpdatedAt": show_exactly(correlation.updated_at),
        "FirstObservedAt": show_exactly(min(times)),
        "LastObservedAt": show_exactly(max(times)),
        "Title": one_line(correlation.title, _MAX_TITLE),
        "Description": one_line(correlation.description, _MAX_DESCRIPTION),
        "Remediation": {
            "Recommendation": {
                "Text": one_line(correlation.remediation_text, _MAX_REMEDIATION),
                "Url": correlation.remediation_url,
            }
        },
        "ProductFields": fields,
        "Resources": [_mention(correlation.mention)],
        "RecordState": "ACTIVE",
        "FindingProviderFields": {
            "Severity": {"Label": correlation.severity},
            "Types": [TYPE],
            "RelatedFindings": [{"ProductArn": key.product_arn, "Id": key.id} for key in related],
        },
    }


def finding_id(rule_id: str, resource: Resource, generation: int) -> str:
    """The id of the finding for a rule, a resource and a generation: the same for ever, and no other's.

    >>> instance = Resource("aws", "111122223333", "eu-west-1", "AWS::EC2::Instance", "i-0abc")
    >>> finding_id("exposed-instance", instance, 1)
    'correlated/exposed-instance/aws/111122223333/eu-west-1/AWS::EC2::Instance/i-0abc/1'
    """
    readable = f"correlated/{rule_id}/{resource}/{generation}"
    if len(readable) <= _MAX_ID and readable.isascii():
        return readable
    return f"correlated/{hashlib.sha256(readable.encode()).hexdigest()}"


def read_correlated(document: Mapping[str, Any], *, hub: str | None = None) -> Correlated | None:
    """What a correlated finding says; None for everybody else's findings, and for one that cannot be read.

    Entries of its evidence that cannot be read are left out.

    Parameters
    ----------
    hub
        The account of this application's own findings, where it is known.
    """
    resource = own_resource(document, hub=hub)
    if resource is None:
        return None
    fields: Mapping[str, Any] = document["ProductFields"]
    generation = _number(fields.get(GENERATION_FIELD))
    created_at = time_or_none(document.get("CreatedAt"))
    if not generation or created_at is None:
        return None
    names = sorted(name for name in fields if name.startswith(EVIDENCE_FIELD))
    listed = (_contribution(fields[name]) for name in names)
    evidence = tuple(sorted((entry for entry in listed if entry is not None), key=_in_time))
    last_listed = max((entry.observed_at for entry in evidence), default=created_at)
    recommendation = _members(_members(document.get("Remediation")).get("Recommendation"))
    return Correlated(
        key=FindingKey(document["ProductArn"], str(document.get("Id"))),
        rule_id=fields[RULE_FIELD],
        resource=resource,
        generation=generation,
        title=str(document.get("Title") or fields[RULE_FIELD]),
        description=str(document.get("Description") or ""),
        remediation_text=_text(recommendation.get("Text")),
        remediation_url=_text(recommendation.get("Url")),
        created_at=created_at,
        last_observed_at=time_or_none(document.get("LastObservedAt")) or last_listed,
        evidence=evidence,
        evidence_count=max(_number(fields.get(COUNT_FIELD)) or 0, len(evidence)),
    )


def _in_time(contribution: Contribution) -> tuple[datetime, FindingKey, str]:
    return contribution.observed_at, contribution.key, contribution.leg


def _evidence_value(contribution: Contribution) -> str | None:
    """The value of a contribution's field; None for one whose ids are too long for any."""
    title = one_line(contribution.title, _MAX_TITLE) or contribution.key.id
    for length in _TITLE_LENGTHS:
        value = json.dumps(
            {
                "at": show_exactly(contribution.observed_at),
                "leg": contribution.leg,
                "title": cut(title, length),
                "product_arn": contribution.key.product_arn,
                "id": contribution.key.id,
                "resource": str(contribution.resource),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        if units(value) <= _MAX_VALUE:
            return value
    return None


def _contribution(value: Any) -> Contribution | None:
    try:
        said = json.loads(value)
        if not isinstance(said, Mapping):
            return None
        names = ("product_arn", "id", "leg", "title", "resource")
        product_arn, id_, leg, title, resource = (_require_text(said.get(name)) for name in names)
        return Contribution(
            key=FindingKey(product_arn, id_),
            leg=leg,
            title=title,
            observed_at=parse_time(said.get("at"), "at"),
            resource=Resource.parse(resource),
        )
    except (TypeError, ValueError, RecursionError, Rejected):
        return None


def _mention(mention: Mapping[str, Any]) -> dict[str, Any]:
    """The resource block, as the finding that it is taken from has it; without null, which no import takes."""
    block: dict[str, Any] = _without_nulls(mention)
    if len(json.dumps(block)) > _MAX_MENTION:
        block.pop("Details", None)
    return block


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    return [_without_nulls(member) for member in value if member is not None] if isinstance(value, list) else value


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _require_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("is no text")
    return value


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

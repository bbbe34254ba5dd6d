"""What a Security Hub finding (ASFF) says of itself, and what is changed of one.

An imported event carries one finding, a custom action's several: everything here takes a list. Account and Region are
the finding's own; the event's are those of the administrator who receives all members' findings.

This application's own findings are in the hub's account, which alone may import them, and tell of resources of other
accounts. They say so in ProductFields, and are believed, since nobody but the hub's account writes into the hub's
default product. What others put into their ProductFields counts for nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from responder.domain.event import Event
from responder.domain.faults import Permanent, Rejected
from responder.domain.resource import Resource, partition_of, resource_named, resource_of_finding
from responder.domain.schema import require_valid
from responder.domain.times import time_or_none

IMPORTED = "Security Hub Findings - Imported"

MAX_FIELDS = 50
MAX_FIELD_NAME = 128
MAX_FIELD_VALUE = 1024
"""UserDefinedFields: entries, and characters of their names and values. Source: Security Hub, ASFF reference."""

MAX_NOTE = 512
"""Characters of Note.Text, likewise."""

FILTER_VALUES = 20
"""Values that a filter of GetFindings takes. Source: Security Hub, quotas."""

OPEN_STATES = frozenset({"NEW", "NOTIFIED"})
"""Workflow states in which nobody has settled the finding yet."""


RULE_FIELD = "responder/RuleId"
RESOURCE_FIELD = "responder/Resource"
"""ProductFields of this application's own findings: the rule that made them, and the resource's canonical text."""


class FindingKey(NamedTuple):
    """What identifies a finding in BatchUpdateFindings."""

    product_arn: str
    id: str


@dataclass(frozen=True, slots=True)
class Note:
    """A finding's one note. It is replaced as a whole, so whoever writes it keeps what others wrote."""

    text: str
    updated_by: str


@dataclass(frozen=True)
class Finding:
    """A finding as it was at ``seen_at``: an event's time, or when it was read. What it says is worked out once."""

    key: FindingKey
    account: str
    record_state: str
    workflow_status: str
    note: Note | None
    fields: Mapping[str, str]
    """UserDefinedFields."""
    seen_at: datetime
    document: Mapping[str, Any]
    own_resource: Resource | None = None
    """What a finding of this application tells of, by its own word; None for everybody else's findings."""

    @property
    def concerns_account(self) -> str:
        """The account of what it tells of: for this application's own findings not the one that they are in."""
        return self.own_resource.account if self.own_resource else self.account

    @property
    def is_open(self) -> bool:
        """Whether it is active, and nobody has resolved or suppressed it."""
        return self.record_state == "ACTIVE" and self.workflow_status in OPEN_STATES

    @cached_property
    def observed_at(self) -> datetime | None:
        """When its product last saw what it tells of; None where it does not say."""
        return time_or_none(self.document.get("LastObservedAt")) or self.updated_at

    @cached_property
    def updated_at(self) -> datetime | None:
        """When its product last wrote it; None where it does not say. What people change of it does not count."""
        return time_or_none(self.document.get("UpdatedAt"))

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """What the finding tells of. Empty when any of its resources cannot be told for certain."""
        named = self._named_resources
        return () if None in named else self.certain_resources

    @cached_property
    def certain_resources(self) -> tuple[Resource, ...]:
        """Those of its resources that can be told for certain, whatever others it names."""
        return tuple(dict.fromkeys(resource for resource in self._named_resources if resource is not None))

    def mention_of(self, resource: Resource) -> Mapping[str, Any]:
        """How its ``Resources`` name this one of them, with all that they say of it."""
        return next(
            mention
            for mention, named in zip(self._mentions(), self._named_resources, strict=True)
            if named == resource and isinstance(mention, Mapping)
        )

    def _mentions(self) -> list[Any]:
        mentions = self.document.get("Resources")
        return mentions if isinstance(mentions, list) else []

    @cached_property
    def _named_resources(self) -> list[Resource | None]:
        """What each of its mentions names."""
        if self.own_resource is not None:
            return [self.own_resource]
        region = self.document.get("Region")
        region = region if isinstance(region, str) and region else _region_of(self.key.product_arn)
        where = {"account": self.account, "region": region, "partition": partition_of(region)}
        named = [
            resource_of_finding(mention, **where) if isinstance(mention, Mapping) else None
            for mention in self._mentions()
        ]
        # Without a Region anywhere, an id alone may be anybody's.
        return [resource if resource and resource.account and resource.region else None for resource in named]

    @property
    def placed_resources(self) -> frozenset[Resource]:
        """Those of its resources whose own names say account and Region, as most ARNs do.

        What a finding of this application tells of, it says beside the name.
        """
        if self.own_resource is not None:
            return frozenset((self.own_resource,))
        said = {
            resource_named(
                str(mention.get("Id") or ""), str(mention.get("Type") or ""), partition="", account="", region=""
            )
            for mention in self._mentions()
            if isinstance(mention, Mapping)
        }
        return frozenset(resource for resource in self.resources if resource in said)

    @property
    def is_of_aws(self) -> bool:
        """Whether a product of AWS made it about a resource of the finding's account, as all do but the analyzer of an
        organization, who names the owner.
        """
        fields = self.document.get("ProductFields")
        owner = fields.get("ResourceOwnerAccount") if isinstance(fields, Mapping) else None
        return "::product/aws/" in self.key.product_arn and owner in (None, self.account)

    def agrees_with(self, other: "Finding") -> bool:
        """Whether both show the same of what people and this application change."""
        return _state(self) == _state(other)


@dataclass(frozen=True, slots=True)
class FindingUpdate:
    """What BatchUpdateFindings shall change of a finding; None leaves it as it is. Equal ones share a call."""

    note: Note | None = None
    fields: tuple[tuple[str, str], ...] | None = None
    """All UserDefinedFields afterwards, sorted: AWS documents neither merging nor replacing."""
    workflow_status: str | None = None


class FindingGone(Permanent):
    """Security Hub no longer has the finding: 90 days after its last update, it deletes it."""


class FindingRefused(Permanent):
    """Security Hub will never take this update of this finding."""


def read_findings(event: Event, *, hub: str | None = None) -> list[Finding | Rejected]:
    """The findings of a Security Hub event, in order, each read or rejected on its own.

    Parameters
    ----------
    hub
        The account of this application's own findings; the event's, where it is not known.

    Raises
    ------
    Rejected
        When there is no list of findings, or an empty one.
    """
    require_valid("findings", event.detail, at="detail")
    read: list[Finding | Rejected] = []
    for number, value in enumerate(event.detail["findings"]):
        try:
            read.append(
                read_finding(value, seen_at=event.time, at=f"detail.findings.{number}", hub=hub or event.account)
            )
        except Rejected as rejection:
            read.append(rejection)
    return read


def read_finding(value: Mapping[str, Any], *, seen_at: datetime, at: str = "", hub: str | None = None) -> Finding:
    """Read a finding, as an event or GetFindings shows it.

    A missing RecordState is ACTIVE and a missing workflow status NEW: what Security Hub makes of them.

    Parameters
    ----------
    hub
        The account of this application's own findings, where it is known: see :func:`own_resource`.

    Raises
    ------
    Rejected
        Naming the member that is missing or wrong.
    """
    require_valid("finding", value, at=at)
    note = value.get("Note")
    return Finding(
        key=FindingKey(value["ProductArn"], value["Id"]),
        account=value["AwsAccountId"],
        record_state=value.get("RecordState") or "ACTIVE",
        workflow_status=(value.get("Workflow") or {}).get("Status") or "NEW",
        note=Note(note["Text"], note.get("UpdatedBy") or "") if note else None,
        fields=value.get("UserDefinedFields") or {},
        seen_at=seen_at,
        document=value,
        own_resource=own_resource(value, hub=hub),
    )


def barely_named(mention: Mapping[str, Any]) -> dict[str, Any]:
    """Of what ``Resources`` say of a resource only which it is."""
    return {name: mention[name] for name in ("Id", "Partition", "Region", "Type") if name in mention}


def default_product(account: str, region: str, partition: str) -> str:
    """The ARN of the product that an account's own findings have in a Region.

    >>> default_product("111122223333", "eu-west-1", "aws")
    'arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default'
    """
    return f"arn:{partition}:securityhub:{region}:{account}:product/{account}/default"


def own_resource(document: Mapping[str, Any], *, hub: str | None = None) -> Resource | None:
    """The resource that a finding of this application tells of; None when the finding is not one of ours.

    It is ours if its product is the default one of its own account, where nobody else can import (``hub``'s, if that is
    given), if it names a rule, and if the one resource that it names is the one that its ProductFields say, but for the
    account, which an id such as ``i-0abc`` leaves open.
    """
    account, product = document.get("AwsAccountId"), str(document.get("ProductArn"))
    fields, mentions = document.get("ProductFields"), document.get("Resources")
    region = _region_of(product)
    if not isinstance(account, str) or product != default_product(account, region, partition_of(region)):
        return None
    if hub is not None and account != hub:
        return None
    if not isinstance(fields, Mapping) or not isinstance(fields.get(RULE_FIELD), str):
        return None
    if not isinstance(mentions, list) or len(mentions) != 1 or not isinstance(mentions[0], Mapping):
        return None
    try:
        said = Resource.parse(str(fields.get(RESOURCE_FIELD)))
    except ValueError:
        return None
    where = {"account": said.account, "region": said.region, "partition": said.partition}
    return said if resource_of_finding(mentions[0], **where) == said else None


def latest(sightings: Sequence[Finding]) -> tuple[Finding, bool]:
    """Of one finding's sightings the latest, and whether it is beyond doubt: those of the same second may disagree."""
    newest = max(sightings, key=lambda finding: finding.seen_at)
    return newest, all(other.agrees_with(newest) for other in sightings if other.seen_at == newest.seen_at)


def _region_of(arn: str) -> str:
    return arn.split(":", 4)[3] if arn.count(":") > 3 else ""


def _state(finding: Finding) -> tuple[Any, ...]:
    return finding.record_state, finding.workflow_status, finding.note, dict(finding.fields)

"""What a GuardDuty finding says: how grave it is, what it is about, and who acted from where.

Fields follow the GuardDuty finding format and recorded findings: severities are integers and decimals, ``action`` may
be ``{}``, attack sequences name their resources elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from responder.domain.event import Event
from responder.domain.resource import Resource, is_arn, partition_of
from responder.domain.schema import require_valid
from responder.domain.times import parse_time

FINDING = "GuardDuty Finding"

_DETAILS_WITH_ARN = {
    # member of `resource` -> (its member with the ARN, CloudFormation type)
    "s3BucketDetails": ("arn", "AWS::S3::Bucket"),
    "eksClusterDetails": ("arn", "AWS::EKS::Cluster"),
    "ecsClusterDetails": ("arn", "AWS::ECS::Cluster"),
    "lambdaDetails": ("functionArn", "AWS::Lambda::Function"),
    "rdsDbInstanceDetails": ("dbInstanceArn", "AWS::RDS::DBInstance"),
    "rdsLimitlessDbDetails": ("dbShardGroupArn", "AWS::RDS::DBShardGroup"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A GuardDuty finding as of one of its updates. Its id stays; count, times and details change."""

    id: str
    account: str
    region: str
    partition: str
    type: str
    severity: float
    title: str
    description: str
    is_sample: bool
    is_archived: bool
    count: int
    updated_at: datetime
    first_seen: datetime
    last_seen: datetime
    """When the activity itself was last seen: a later update about the same activity does not change it."""
    resources: tuple[Resource, ...]
    principal: str | None
    remote_addresses: tuple[str, ...]

    @property
    def is_attack_sequence(self) -> bool:
        return self.type.startswith("AttackSequence:")

    @property
    def severity_name(self) -> str:
        """AWS's name for the severity: Critical from 9.0, High from 7.0, Medium from 4.0, else Low."""
        return next(
            name for least, name in ((9, "Critical"), (7, "High"), (4, "Medium"), (0, "Low")) if self.severity >= least
        )


def read_finding(event: Event) -> Finding:
    """Read the finding in an event's detail.

    Account and Region are the finding's own: the event's are the administrator's, who receives all members' findings.

    Raises
    ------
    Rejected
        Naming the field that is missing or wrong.
    """
    detail = event.detail
    require_valid("guardduty", detail, at="detail")
    service = detail.get("service") or {}
    title = detail.get("title") or detail["type"]
    updated_at = _time(detail, "updatedAt", "detail") or event.time
    last_seen = _time(service, "eventLastSeen", "detail.service") or updated_at
    return Finding(
        id=detail["id"],
        account=detail["accountId"],
        region=detail["region"],
        partition=detail.get("partition") or partition_of(detail["region"]),
        type=detail["type"],
        severity=float(detail["severity"]),
        title=title,
        description=detail.get("description") or "",
        is_sample=_is_sample(service) or title.startswith("[SAMPLE]"),
        is_archived=service.get("archived") is True,
        count=service.get("count") or 1,
        updated_at=updated_at,
        first_seen=_time(service, "eventFirstSeen", "detail.service") or last_seen,
        last_seen=last_seen,
        resources=tuple(dict.fromkeys(_resources(detail, service))),
        principal=_principal(detail, service),
        remote_addresses=tuple(dict.fromkeys(_remote_addresses(service))),
    )


def _time(parent: Mapping[str, Any], name: str, at: str) -> datetime | None:
    return parse_time(parent[name], f"{at}.{name}") if parent.get(name) else None


def _is_sample(service: Mapping[str, Any]) -> bool:
    additional = service.get("additionalInfo")
    return isinstance(additional, Mapping) and additional.get("sample") in (True, "true")


def _resources(detail: Mapping[str, Any], service: Mapping[str, Any]) -> Iterator[Resource]:
    account, region = detail["accountId"], detail["region"]
    partition = detail.get("partition") or partition_of(region)
    resource = detail.get("resource") or {}
    instance = _text(resource, "instanceDetails", "instanceId")
    if instance:
        yield Resource(partition, account, region, "AWS::EC2::Instance", instance)
    for member, (arn_member, kind) in _DETAILS_WITH_ARN.items():
        for details in _each(resource.get(member)):
            arn = details.get(arn_member)
            if isinstance(arn, str) and is_arn(arn):
                named = Resource.from_arn(arn, kind)
                yield replace(named, account=named.account or account, region=named.region or region)
    key = _text(resource, "accessKeyDetails", "accessKeyId")
    if key:
        yield Resource(partition, account, region, "AWS::IAM::AccessKey", key)
    for involved in _each(_sequence(service).get("resources")):
        uid = involved.get("uid")
        if isinstance(uid, str) and uid:
            kind = str(involved.get("resourceType") or "Resource")
            yield Resource(
                partition, str(involved.get("accountId") or account), str(involved.get("region") or region), kind, uid
            )


def _sequence(service: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an attack sequence says of its actors, endpoints and resources; empty for any other finding."""
    detection = service.get("detection")
    sequence = detection.get("sequence") if isinstance(detection, Mapping) else None
    return sequence if isinstance(sequence, Mapping) else {}


def _principal(detail: Mapping[str, Any], service: Mapping[str, Any]) -> str | None:
    """The IAM identity that the finding is about: who acted, or whose credentials were used."""
    for actor in _each(_sequence(service).get("actors")):
        user = actor.get("user")
        if isinstance(user, Mapping) and user.get("name"):
            return f"{user.get('type') or 'principal'} {user['name']}"
    key = (detail.get("resource") or {}).get("accessKeyDetails")
    if not isinstance(key, Mapping):
        return None
    name = key.get("userName") or key.get("principalId")
    return f"{key.get('userType') or 'principal'} {name}" if name else None


def _remote_addresses(service: Mapping[str, Any]) -> Iterator[str]:
    for endpoint in _each(_sequence(service).get("endpoints")):
        if isinstance(endpoint.get("ip"), str) and endpoint["ip"]:
            yield endpoint["ip"]
    for action in (service.get("action") or {}).values():
        for part in (*_each(action), *_each(action.get("portProbeDetails") if isinstance(action, Mapping) else None)):
            remote = part.get("remoteIpDetails")
            for member in ("ipAddressV4", "ipAddressV6"):
                address = remote.get(member) if isinstance(remote, Mapping) else None
                if isinstance(address, str) and address:
                    yield address
            domain = part.get("domain")
            if isinstance(domain, str) and domain:
                yield domain


def _each(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of what may be an object, a list of them, or something else."""
    for member in value if isinstance(value, list) else [value]:
        if isinstance(member, Mapping):
            yield member


def _text(parent: Mapping[str, Any], *path: str) -> str | None:
    value: Any = parent
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and value else None

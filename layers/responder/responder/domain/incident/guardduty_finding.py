"""GuardDuty findings as incidents: one per finding."""

from responder.domain.event import Event
from responder.domain.guardduty import Finding
from responder.domain.incident import console
from responder.domain.incident.occurrence import (
    MAX_RELATED_ITEMS,
    SAMPLE_MARK,
    Occurrence,
    RelatedItem,
    compose_key,
    compose_text,
    compose_title,
)
from responder.domain.times import show_time

_SHOWN = 5  # resources and addresses that a line names

# The first thing to do, by how the finding's type begins: the longest that fits is meant. Containment first, evidence
# kept. After AWS's remediation guides for GuardDuty findings and its customer playbook framework.
_FIRST = {
    "": "read the finding, find the resource's owner, and decide whether the activity is theirs.",
    "AttackSequence:": (
        "treat it as an attack under way: contain every resource and credential that the finding names, "
        "then read its signals in order."
    ),
    "AttackSequence:IAM/": "disable the credentials that it names and revoke their sessions, then read its signals.",
    "AttackSequence:S3/": "disable the credentials, block public access, then check what was read or deleted.",
    "Backdoor:EC2/": "isolate the instance with a security group without rules; do not stop it, memory is evidence.",
    "CredentialAccess:": "disable the access key, revoke the principal's sessions, and list what it did.",
    "CryptoCurrency:": "isolate the resource; do not stop an instance, memory is evidence. Look for more like it.",
    "DefenseEvasion:": "check that CloudTrail, GuardDuty and Config still record, then disable the credentials used.",
    "Exfiltration:IAMUser/": "disable the access key, revoke the principal's sessions, and list what it read.",
    "Exfiltration:S3/": "disable the credentials, block public access, and check which objects were read.",
    "Execution:": "isolate the workload without stopping it, and keep the file or image for analysis.",
    "Impact:S3/": "disable the credentials, protect the objects that are left, and check versions and backups.",
    "Policy:S3/": "turn on block public access for the bucket unless its owner needs it open.",
    "PrivilegeEscalation:": "disable the principal and undo the permissions that it gained.",
    "Trojan:EC2/": "isolate the instance with a security group without rules; do not stop it, memory is evidence.",
    "UnauthorizedAccess:EC2/": "restrict the security group to known addresses, then look for successful logins.",
    "UnauthorizedAccess:IAMUser/": "disable the access key or console password, revoke sessions, ask the user.",
    "UnauthorizedAccess:S3/": "disable the credentials and check which objects were read.",
}


def occurrence(finding: Finding, event: Event, minimum_severity: float) -> Occurrence | str:
    """What a finding says to its incident; as text, why it is below what opens one.

    Impact: 1 from severity 9.0, 2 from 7.0, 3 for what a lower minimum lets in, 5 for sample findings. An attack
    sequence always opens an incident; an archived finding never does, but is told to one that is open.
    """
    if finding.severity < minimum_severity and not finding.is_attack_sequence:
        return f"severity {finding.severity} is below {minimum_severity}"
    what = f"GuardDuty {finding.severity_name} {finding.severity:.1f}: {finding.type}"
    if finding.is_archived:
        what = f"Archived in GuardDuty: {finding.type}"
    if finding.is_sample:
        what = f"{SAMPLE_MARK} {what}"
    named = finding.resources[0].id if finding.resources else ""
    on = f"on {named.rpartition(':')[2][:80]}" if named else ""
    return Occurrence(
        key=compose_key("guardduty", finding.account, finding.region, finding.id),
        fingerprint=f"{finding.updated_at.isoformat()}/{finding.count}/{finding.severity}/{finding.is_archived}",
        event_id=event.id,
        source="responder.guardduty",
        opens=not finding.is_archived,
        impact=_impact(finding),
        title=compose_title(what, on, "in account", finding.account, f"({finding.region})"),
        text=compose_text(
            what,
            where=f"account {finding.account}, {finding.region}",
            Resource=_listed([resource.name for resource in finding.resources]),
            who=_who(finding),
            when=finding.last_seen,
            Seen=f"{finding.count} times since {show_time(finding.first_seen)}" if finding.count > 1 else "once",
            Says=finding.description or finding.title,
            Finding=finding.id,
            first="nothing: this is a sample finding." if finding.is_sample else _first(finding.type),
        ),
        occurred_at=finding.last_seen,
        related_items=tuple(_related(finding)),
        document=event.document,
    )


def _impact(finding: Finding) -> int:
    if finding.is_sample:
        return 5
    return next(impact for least, impact in ((9, 1), (7, 2), (0, 3)) if finding.severity >= least)


def _first(finding_type: str) -> str:
    return _FIRST[max((start for start in _FIRST if finding_type.startswith(start)), key=len)]


def _who(finding: Finding) -> str | None:
    """Who acted, as far as GuardDuty knows: principal, remote addresses or domains."""
    addresses = _listed(list(finding.remote_addresses))
    return " from ".join(part for part in (finding.principal, addresses) if part) or None


def _listed(names: list[str]) -> str | None:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more or None


def _related(finding: Finding) -> list[RelatedItem]:
    page = console.guardduty_finding(finding.region, finding.id)
    items = [RelatedItem("GuardDuty finding", page)] if page else []
    items += [RelatedItem(resource.name, resource.arn) for resource in finding.resources if resource.arn]
    return items[:MAX_RELATED_ITEMS]

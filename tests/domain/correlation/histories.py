"""A small rule, and findings for it: histories on one line."""

from datetime import UTC, datetime, timedelta
from typing import Any

from responder.domain.correlation import Rule, read_rule
from responder.domain.resource import Resource
from responder.domain.security_hub import Finding, read_finding
from responder.domain.times import show_time

START = datetime(2026, 3, 1, tzinfo=UTC)
ACCOUNT = "444455556666"
GUARDDUTY = "arn:aws:securityhub:eu-west-1::product/aws/guardduty"
INSTANCE, GROUP = "AWS::EC2::Instance", "AWS::EC2::SecurityGroup"

DOCUMENT: dict[str, Any] = {
    "id": "alarm-and-weaknesses",
    "title": "An alarm and two weaknesses",
    "description": "For tests.",
    "severity": "CRITICAL",
    "group_by": "resource",
    "resource_types": [INSTANCE],
    "window": "10d",
    "legs": [
        {"name": "alarm", "pattern": {"Types": ["alarm"]}, "related": "security-group-of-instance"},
        {
            "name": "weaknesses",
            "pattern": {"Types": ["weakness"]},
            "distinct": {"field": "Vulnerabilities.Id", "matching": [{"prefix": "CVE-"}], "count": 2},
        },
    ],
    "remediation": {"text": "Mend it.", "url": "https://example.com/"},
}
RULE: Rule = read_rule(DOCUMENT)


def resource(id_: str, kind: str = INSTANCE, *, account: str = ACCOUNT, region: str = "eu-west-1") -> Resource:
    return Resource("aws", account, region, kind, id_)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def finding(id_: str, at: float, *, told: float | None = None, observed: float | None = None, **change: Any) -> Finding:
    """A finding as of a day, told of and observed then unless said otherwise. ``on`` and ``type`` say on what."""
    on = change.pop("on", "i-1")
    document = {
        "Id": id_,
        "ProductArn": GUARDDUTY,
        "AwsAccountId": ACCOUNT,
        "Region": "eu-west-1",
        "UpdatedAt": show_time(day(at)),
        "LastObservedAt": show_time(day(at if observed is None else observed)),
        "Resources": [{"Type": "AwsEc2Instance" if on.startswith("i-") else "AwsEc2SecurityGroup", "Id": on}],
    }
    return read_finding(document | change, seen_at=day(at if told is None else told))


def alarm(at: float, id_: str = "alarm", **change: Any) -> Finding:
    return finding(id_, at, **{"Types": ["alarm"]} | change)


def weakness(at: float, *cves: int, id_: str = "weakness", **change: Any) -> Finding:
    """A finding with these CVEs, 1 and 2 if none are given."""
    vulnerabilities = [{"Id": f"CVE-2026-{cve}"} for cve in cves or (1, 2)]
    return finding(id_, at, **{"Types": ["weakness"], "Vulnerabilities": vulnerabilities} | change)


RESOLVED = {"Workflow": {"Status": "RESOLVED"}}
SUPPRESSED = {"Workflow": {"Status": "SUPPRESSED"}}
ARCHIVED = {"RecordState": "ARCHIVED"}
PASSED = {"Compliance": {"Status": "PASSED"}}

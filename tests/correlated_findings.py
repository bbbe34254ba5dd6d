"""Correlations for tests, and the events that Security Hub raises for them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from responder.domain.correlation.correlated import Contribution, Correlation, correlated_finding
from responder.domain.resource import Resource
from responder.domain.security_hub import FindingKey

HUB, PROD, REGION = "111122223333", "444455556666", "eu-west-1"
HUB_PRODUCT = f"arn:aws:securityhub:{REGION}:{HUB}:product/{HUB}/default"
GUARDDUTY = f"arn:aws:securityhub:{REGION}::product/aws/guardduty"
INSPECTOR = f"arn:aws:securityhub:{REGION}::product/aws/inspector"

INSTANCE = Resource("aws", PROD, REGION, "AWS::EC2::Instance", "i-0c0de5ec000000001")
MENTION = {
    "Type": "AwsEc2Instance",
    "Id": f"arn:aws:ec2:{REGION}:{PROD}:instance/{INSTANCE.id}",
    "Partition": "aws",
    "Region": REGION,
    "Details": {"AwsEc2Instance": {"ImageId": "ami-0a1b2c3d4e5f60718", "Type": "m7g.large", "VpcId": "vpc-0a1b2c3d"}},
}

NIGHT = datetime(2026, 3, 1, 22, 10, tzinfo=UTC)
BACKDOOR = Contribution(
    FindingKey(GUARDDUTY, f"arn:aws:guardduty:{REGION}:{PROD}:detector/12abc34d567e8fa9/finding/b4c0de5ec0000001"),
    "backdoor",
    "EC2 instance i-0c0de5ec000000001 is querying a domain of a known command and control server.",
    datetime(2026, 3, 2, 6, 12, 44, tzinfo=UTC),
    INSTANCE,
)


def cve(number: int, *, minutes: int | None = None, title: str | None = None) -> Contribution:
    """A finding of Inspector, by default so many minutes after ten in the evening as its number says."""
    return Contribution(
        FindingKey(INSPECTOR, f"arn:aws:inspector2:{REGION}:{PROD}:finding/{number:032x}"),
        "critical-cves",
        title or f"CVE-2026-{10400 + number} - openssl",
        NIGHT + timedelta(minutes=number if minutes is None else minutes),
        INSTANCE,
    )


def correlation(*contributions: Contribution, version: int = 1, **changes: Any) -> Correlation:
    """A backdoor on an instance with three critical CVEs. A later version is of a minute later."""
    given: dict[str, Any] = {
        "rule_id": "backdoor-with-critical-cves",
        "title": "EC2 instance with three or more critical vulnerabilities behaves like one with a backdoor",
        "description": (
            "GuardDuty sees the instance talk to a command and control server, and Inspector knows at least three "
            "different critical CVEs on it. One of them is a likely way in; treat the instance as compromised."
        ),
        "severity": "CRITICAL",
        "remediation_text": "1. Isolate the instance. 2. Keep evidence. 3. Revoke the sessions of its role.",
        "remediation_url": "https://docs.aws.amazon.com/guardduty/latest/ug/compromised-ec2.html",
        "resource": INSTANCE,
        "mention": MENTION,
        "generation": 1,
        "contributions": contributions or (BACKDOOR, cve(1), cve(2), cve(3)),
        "created_at": datetime(2026, 3, 2, 6, 17, 20, tzinfo=UTC),
        "updated_at": datetime(2026, 3, 2, 6, 16, 20, tzinfo=UTC) + timedelta(minutes=version),
    }
    return Correlation(**given | changes)


def finding_of(fired: Correlation) -> dict[str, Any]:
    """The finding as the hub imports it."""
    return correlated_finding(fired, hub_account=HUB, hub_region=REGION, partition="aws")


def event_of(fired: Correlation, *, id: str = "c0de5ec0-0000-4000-8000-000000000009", **changes: Any) -> dict[str, Any]:
    """The event that Security Hub raises for the finding; changes replace members of the finding."""
    states = {"Region": REGION, "Workflow": {"Status": "NEW"}, "WorkflowState": "NEW"}
    finding = finding_of(fired) | states | changes
    return {
        "version": "0",
        "id": id,
        "detail-type": "Security Hub Findings - Imported",
        "source": "aws.securityhub",
        "account": HUB,
        "time": "2026-03-02T06:17:24Z",
        "region": REGION,
        "resources": [f"{finding['ProductArn']}/{finding['Id']}"],
        "detail": {"findings": [finding]},
    }

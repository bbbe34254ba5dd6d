"""Findings to test with."""

from __future__ import annotations

from typing import Any

from .conftest import HUB, REGION


def default_product(account: str = HUB, region: str = REGION) -> str:
    return f"arn:aws:securityhub:{region}:{account}:product/{account}/default"


def finding(number: int = 1, *, account: str = HUB, **change: Any) -> dict[str, Any]:
    """A finding that BatchImportFindings takes."""
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"finding-{number}",
        "ProductArn": default_product(account),
        "GeneratorId": "correlation/exfiltration",
        "AwsAccountId": account,
        "CreatedAt": "2026-03-01T10:00:00Z",
        "UpdatedAt": "2026-03-01T10:00:00Z",
        "Title": f"Finding {number}",
        "Description": "Two lines,\nas many have",
        "Types": ["TTPs/Exfiltration"],
        "Severity": {"Label": "HIGH"},
        "Resources": [{"Type": "AwsEc2Instance", "Id": f"arn:aws:ec2:{REGION}:{account}:instance/i-{number}"}],
    } | change


def identifier(number: int = 1, account: str = HUB) -> dict[str, str]:
    return {"Id": f"finding-{number}", "ProductArn": default_product(account)}

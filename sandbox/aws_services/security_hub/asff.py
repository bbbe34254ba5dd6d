"""What the AWS Security Finding Format asks of a finding, beyond the service model.

The model types ASFF's members and leaves most bounds to its prose: `LIMITS` holds those that the prose gives for the
members of a finding that every provider uses. The bounds of a resource's `Details` are not checked, except `Other`.

Sources: the members' documentation in the service model of Security Hub; Security Hub User Guide, "Required top-level
ASFF attributes" and "BatchImportFindings"; for the wording of a breach and the 1,024 characters of `Details.Other`,
what providers report (github.com/aquasecurity/kube-bench/issues/903,
github.com/cloud-custodian/cloud-custodian/issues/3603,
github.com/aws-samples/aws-securityhub-config-integration/issues/3).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.model import ListShape, Shape

from .. import model
from ..model import Path, Rule, Violation

SCHEMA_VERSION = "2018-10-08"
MAX_FINDING_BYTES = 240 * 1024
MAX_BATCH_BYTES = 6 * 1024 * 1024

# Path -> smallest and largest length. `[]` stands for every item of a list, `{}` for every value of a map, `{key}` for
# every key of it.
LIMITS: Mapping[str, tuple[int, int]] = {
    "AwsAccountId": (12, 12),
    "AwsAccountName": (1, 50),
    "CompanyName": (1, 128),
    "Compliance.RelatedRequirements": (0, 32),
    "Description": (1, 1024),
    "FindingProviderFields.RelatedFindings": (1, 10),
    "FindingProviderFields.Severity.Original": (1, 64),
    "FindingProviderFields.Types": (0, 50),
    "GeneratorId": (1, 512),
    "Id": (1, 512),
    "Malware": (0, 5),
    "Malware[].Name": (1, 64),
    "Malware[].Path": (1, 512),
    "Network.DestinationDomain": (1, 128),
    "Network.Protocol": (1, 16),
    "Network.SourceDomain": (1, 128),
    "Note.Text": (1, 512),
    "Process.Name": (1, 64),
    "Process.Path": (1, 512),
    "ProductArn": (12, 2048),
    "ProductFields": (0, 50),
    "ProductFields.{key}": (1, 128),
    "ProductFields.{}": (0, 2048),
    "ProductName": (1, 128),
    "Region": (1, 16),
    "RelatedFindings": (1, 10),
    "Remediation.Recommendation.Text": (1, 512),
    "Resources": (1, 32),
    "Resources[].Details.Other.{}": (0, 1024),
    "Resources[].Region": (1, 16),
    "Resources[].Type": (1, 256),
    "Severity.Original": (1, 64),
    "ThreatIntelIndicators": (1, 5),
    "ThreatIntelIndicators[].Source": (1, 64),
    "ThreatIntelIndicators[].Value": (1, 512),
    "Threats": (1, 32),
    "Title": (1, 256),
    "Types": (0, 50),
    "UserDefinedFields": (0, 50),
    "UserDefinedFields.{key}": (1, 128),
    "UserDefinedFields.{}": (0, 1024),
}
TIMESTAMPS = ("CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt")

# Highest normalized severity of each label.
_LABELS = (("INFORMATIONAL", 0), ("LOW", 39), ("MEDIUM", 69), ("HIGH", 89), ("CRITICAL", 100))
_NORMALIZED = {"INFORMATIONAL": 0, "LOW": 1, "MEDIUM": 40, "HIGH": 70, "CRITICAL": 90}

_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})")


def finding_breaches(finding: Any) -> list[str]:
    """Why Security Hub would not take this finding, each in its own words; nothing when it would."""
    found = list(model.violations(_finding_shape(), finding))
    if found:
        return [in_words(breach) for breach in found]
    return [*map(in_words, limit_violations(finding)), *_unmodelled_breaches(finding)]


def limit_violations(value: Mapping[str, Any], only: tuple[str, ...] | None = None) -> Iterator[Violation]:
    """Breaches of `LIMITS` by a finding or by an update, which has members of the same names."""
    for limit_path, (lowest, highest) in LIMITS.items():
        if only is not None and limit_path.split(".")[0] not in only:
            continue
        for path, item in _located(value, limit_path):
            if len(item) < lowest:
                yield Violation(path, item, Rule.MIN_LENGTH, lowest)
            elif len(item) > highest:
                yield Violation(path, item, Rule.MAX_LENGTH, highest)


def in_words(breach: Violation) -> str:
    """A breach as Security Hub words it, with zero-based indexes.

    >>> in_words(Violation(("Resources", 0, "Type"), "", Rule.MIN_LENGTH, 1))
    'data.Resources[0].Type should NOT be shorter than 1 characters'
    """
    where = _data_path(breach.path)
    more, fewer = _size_words(breach.value)
    match breach.rule:
        case Rule.REQUIRED:
            return f"{_data_path(breach.path[:-1])} should have required property '{breach.path[-1]}'"
        case Rule.UNKNOWN:
            return f"{_data_path(breach.path[:-1])} should NOT have additional properties"
        case Rule.TYPE:
            return f"{where} should be {'object' if breach.limit in ('structure', 'map') else breach.limit}"
        case Rule.ENUM:
            return f"{where} should be equal to one of the allowed values"
        case Rule.PATTERN:
            return f'{where} should match pattern "{breach.limit}"'
        case Rule.MIN_LENGTH:
            return f"{where} {fewer.format(breach.limit)}"
        case Rule.MAX_LENGTH:
            return f"{where} {more.format(breach.limit)}"
        case Rule.MIN_VALUE:
            return f"{where} should be >= {breach.limit}"
        case Rule.MAX_VALUE:
            return f"{where} should be <= {breach.limit}"
    return f"{where}: {breach.constraint}"


def complete_severity(severity: Mapping[str, Any]) -> dict[str, Any]:
    """A severity with both its label and its normalized value; the label decides.

    >>> complete_severity({"Label": "HIGH"})
    {'Label': 'HIGH', 'Normalized': 70}
    >>> complete_severity({"Normalized": 40, "Original": "5.0"})
    {'Normalized': 40, 'Original': '5.0', 'Label': 'MEDIUM'}
    """
    completed = dict(severity)
    if "Label" in completed:
        completed.setdefault("Normalized", _NORMALIZED[completed["Label"]])
    elif "Normalized" in completed:
        completed["Label"] = next(label for label, highest in _LABELS if completed["Normalized"] <= highest)
    return completed


def parse_time(text: Any) -> datetime | None:
    """A timestamp in one of the forms that Security Hub takes, or None.

    >>> parse_time("2026-01-31T23:00:00.123456789+01:00").isoformat()
    '2026-01-31T23:00:00.123456+01:00'
    >>> parse_time("2026-01-31 23:00") is None
    True
    """
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def size_in_bytes(value: Any) -> int:
    """What a finding weighs: its JSON in UTF-8, without blanks."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def _finding_shape() -> Shape:
    response = model.operation_model("securityhub", "GetFindings").output_shape
    assert response is not None
    listed = response.members["Findings"]
    assert isinstance(listed, ListShape)
    return listed.member


def _unmodelled_breaches(finding: Mapping[str, Any]) -> Iterator[str]:
    if finding["SchemaVersion"] != SCHEMA_VERSION:
        yield "data.SchemaVersion should be equal to one of the allowed values"
    if not finding["AwsAccountId"].isdigit():
        yield 'data.AwsAccountId should match pattern "^[0-9]{12}$"'
    for name in TIMESTAMPS:
        if name in finding and parse_time(finding[name]) is None:
            yield f'data.{name} should match format "date-time"'
    provided = finding.get("FindingProviderFields", {})
    for name in ("Severity", "Types"):
        if name not in finding and name not in provided:
            yield (
                f"data should have required property '{name}', data should have required property "
                "'FindingProviderFields', data should match some schema in anyOf"
            )
    severities = [holder["Severity"] for holder in (finding, provided) if "Severity" in holder]
    if severities and not any("Label" in severity or "Normalized" in severity for severity in severities):
        yield "data.Severity should have required property 'Label', data.Severity should match some schema in anyOf"
    if not 0 <= finding.get("Severity", {}).get("Normalized", 0) <= 100:
        yield "data.Severity.Normalized should be <= 100"
    for name in ("Confidence", "Criticality"):
        if not 0 <= finding.get(name, 0) <= 100:
            yield f"data.{name} should be <= 100"
    if size_in_bytes(finding) > MAX_FINDING_BYTES:
        yield "Finding size exceeded 240 KB"


def _located(value: Any, limit_path: str) -> Iterator[tuple[Path, Any]]:
    """Every text, list or map that a path of `LIMITS` names, with where it is."""
    found: list[tuple[Path, Any]] = [((), value)]
    for part in limit_path.split("."):
        name = part.removesuffix("[]")
        found = [inner for path, outer in found for inner in _step(path, outer, name)]
        if part.endswith("[]"):
            found = [((*path, index), item) for path, items in found for index, item in enumerate(items)]
    yield from found


def _step(path: Path, outer: Any, name: str) -> Iterator[tuple[Path, Any]]:
    if name == "{key}":
        yield from (((*path, key), key) for key in outer)
    elif name == "{}":
        yield from (((*path, key), item) for key, item in outer.items() if item is not None)
    elif outer.get(name) is not None:
        yield (*path, name), outer[name]


def _data_path(path: Path) -> str:
    return "data" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _size_words(value: Any) -> tuple[str, str]:
    if isinstance(value, list):
        return "should NOT have more than {} items", "should NOT have fewer than {} items"
    if isinstance(value, Mapping):
        return "should NOT have more than {} properties", "should NOT have fewer than {} properties"
    return "should NOT be longer than {} characters", "should NOT be shorter than {} characters"

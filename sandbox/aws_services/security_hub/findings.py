"""The findings of one account and Region, and what a provider and a customer may change of them.

A provider's import (Security Hub User Guide, "BatchImportFindings for finding providers"):

- a finding is known by its product and id; an import whose `UpdatedAt` is not later than the stored one is ignored;
- it overwrites the finding, except `Note`, `UserDefinedFields`, `VerificationState` and `Workflow`, and except those of
  `Confidence`, `Criticality`, `RelatedFindings`, `Severity` and `Types` that a customer has set; what the provider says
  of these stays visible in `FindingProviderFields`;
- `Workflow.Status` returns from NOTIFIED or RESOLVED to NEW when the record goes from ARCHIVED to ACTIVE, or compliance
  from PASSED to FAILED, WARNING or NOT_AVAILABLE. SUPPRESSED stays.

A customer's update leaves `UpdatedAt` alone; each given attribute replaces the stored one as a whole. That holds for
`UserDefinedFields` too: AWS documents neither merging nor replacing, and replacing is the answer that loses data.
It may take a while to show: until then, whoever reads the finding sees it without the update.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..model import without_nulls
from .asff import complete_severity, parse_time

Key = tuple[str, str]

PROVIDER_ATTRIBUTES = ("Confidence", "Criticality", "RelatedFindings", "Severity", "Types")
CUSTOMER_ATTRIBUTES = ("Note", "UserDefinedFields", "VerificationState", "Workflow")
_FAILING = ("FAILED", "WARNING", "NOT_AVAILABLE")


@dataclass
class StoredFinding:
    """A finding in ASFF, and which of the attributes shared with its provider a customer has set."""

    asff: dict[str, Any]
    set_by_customer: set[str] = field(default_factory=set)

    @property
    def key(self) -> Key:
        return finding_key(self.asff)

    def updated(self, update: Mapping[str, Any], *, at: datetime) -> StoredFinding:
        """The finding after a BatchUpdateFindings request, of which `update` is all but the identifiers."""
        asff = deepcopy(self.asff)
        for name, value in update.items():
            if name == "Note":
                asff["Note"] = {**value, "UpdatedAt": asff_time(at)}
            elif name == "Severity":
                known = {key: item for key, item in asff.get("Severity", {}).items() if key in ("Original", "Product")}
                asff["Severity"] = known | complete_severity(value)
            else:
                asff[name] = deepcopy(value)
        return StoredFinding(asff, self.set_by_customer | (update.keys() & set(PROVIDER_ATTRIBUTES)))

    def superseded(self, by: dict[str, Any]) -> StoredFinding:
        """The finding after its provider has sent it again; `by` is what Security Hub makes of it."""
        asff = deepcopy(by)
        for name in CUSTOMER_ATTRIBUTES:
            asff.pop(name, None)
        kept = (*CUSTOMER_ATTRIBUTES, *self.set_by_customer)
        asff |= {name: deepcopy(self.asff[name]) for name in kept if name in self.asff}
        if _starts_anew(self.asff, asff) and _status(asff, "Workflow") != "SUPPRESSED":
            asff["Workflow"] = {"Status": "NEW"}
        return StoredFinding(asff, set(self.set_by_customer))


@dataclass
class FindingStore:
    """Findings by product and id, in the order in which they arrived.

    What is stored, and what an update builds on, is always the latest. Readers of the API see `shown`.
    """

    _findings: dict[Key, StoredFinding] = field(default_factory=dict)
    _keys_by_id: dict[str, list[Key]] = field(default_factory=dict)
    _outdated: dict[Key, list[tuple[datetime, StoredFinding]]] = field(default_factory=dict)
    """Of findings with updates that do not show yet: what shows instead and until when, soonest first."""

    def __len__(self) -> int:
        return len(self._findings)

    def __iter__(self) -> Iterator[StoredFinding]:
        return iter(self._findings.values())

    def get(self, key: Key) -> StoredFinding | None:
        return self._findings.get(key)

    def having_ids(self, ids: Iterable[str]) -> Iterator[StoredFinding]:
        """The findings of these ids, whatever their product."""
        for finding_id in dict.fromkeys(ids):
            for key in self._keys_by_id.get(finding_id, ()):
                yield self._findings[key]

    def shown(self, key: Key, *, at: datetime) -> StoredFinding | None:
        """The finding as it shows at a moment, which never lies before that of an earlier call."""
        outdated = self._outdated.get(key, [])
        while outdated and outdated[0][0] <= at:
            del outdated[0]
        if outdated:
            return outdated[0][1]
        self._outdated.pop(key, None)
        return self._findings.get(key)

    def put(self, finding: StoredFinding) -> None:
        """Store a finding as it is, which shows at once."""
        self._outdated.pop(finding.key, None)
        self._store(finding)

    def put_update(self, finding: StoredFinding, *, shows_at: datetime, now: datetime) -> None:
        """Store a known finding after a customer's update, which shows from a moment on."""
        if shows_at > now:
            before = self._findings[finding.key]
            self._outdated.setdefault(finding.key, []).append((shows_at, before))
        self._store(finding)

    def take_import(self, sent: Mapping[str, Any], *, at: datetime) -> StoredFinding | None:
        """Take what a provider sends; the finding as it is stored now, or None when the import was ignored."""
        return self._take(StoredFinding(_from_provider(sent, at)))

    def take_event(self, finding: Mapping[str, Any]) -> StoredFinding | None:
        """Take a finding as an event shows it, complete; as it is stored now, or None when it was no news."""
        return self._take(placed(finding))

    def _take(self, new: StoredFinding) -> StoredFinding | None:
        existing = self.get(new.key)
        if existing is not None:
            if not _is_later(new.asff, existing.asff):
                return None
            outdated = self._outdated.get(new.key, [])
            outdated[:] = [(until, version.superseded(new.asff)) for until, version in outdated]
            new = existing.superseded(new.asff)
        self._store(new)
        return new

    def _store(self, finding: StoredFinding) -> None:
        if finding.key not in self._findings:
            self._keys_by_id.setdefault(finding.key[1], []).append(finding.key)
        self._findings[finding.key] = finding


def finding_key(finding: Mapping[str, Any]) -> Key:
    return finding["ProductArn"], finding["Id"]


def placed(finding: Mapping[str, Any]) -> StoredFinding:
    """A finding that Security Hub is known to hold already, as it is; only the states that every finding has are added.

    An attribute that differs from what `FindingProviderFields` says of it was set by a customer.
    """
    asff: dict[str, Any] = without_nulls(finding)
    _add_states(asff)
    provided = asff.get("FindingProviderFields")
    provided = provided if isinstance(provided, dict) else {}
    set_by_customer = {
        name for name in PROVIDER_ATTRIBUTES if name in provided and not _agrees(asff.get(name), provided[name])
    }
    return StoredFinding(asff, set_by_customer)


def asff_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def _from_provider(sent: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """A finding as Security Hub makes it of what a provider sends."""
    asff: dict[str, Any] = without_nulls(sent)
    provided = asff.setdefault("FindingProviderFields", {})
    for name in PROVIDER_ATTRIBUTES:
        if name == "Severity":
            severity = _provided_severity(asff.get("Severity", {}), provided.get("Severity", {}))
            asff["Severity"] = severity
            provided["Severity"] = {key: severity[key] for key in ("Label", "Original") if key in severity}
        elif name in provided or name in asff:
            value = provided.get(name, asff.get(name))
            asff[name], provided[name] = value, deepcopy(value)
    company, product = _product_names(asff["ProductArn"])
    asff.setdefault("ProductName", product)
    asff.setdefault("CompanyName", company)
    asff["ProductFields"] = asff.get("ProductFields", {}) | {
        "aws/securityhub/FindingId": f"{asff['ProductArn']}/{asff['Id']}",
        "aws/securityhub/ProductName": asff["ProductName"],
        "aws/securityhub/CompanyName": asff["CompanyName"],
    }
    asff["Region"] = asff["ProductArn"].split(":")[3]
    asff["ProcessedAt"] = asff_time(at)
    _add_states(asff)
    return asff


def _provided_severity(top_level: Mapping[str, Any], provided: Mapping[str, Any]) -> dict[str, Any]:
    """The complete severity; what `FindingProviderFields` says goes first."""
    dropped = {"Normalized"} if "Label" in provided else set()
    return complete_severity({k: v for k, v in top_level.items() if k not in dropped} | dict(provided))


def _add_states(asff: dict[str, Any]) -> None:
    asff.setdefault("RecordState", "ACTIVE")
    asff.setdefault("WorkflowState", "NEW")
    asff.setdefault("Workflow", {"Status": "NEW"})


def _product_names(product_arn: str) -> tuple[str, str]:
    """Company and product of `…:product/<company>/<product>`; a default product is called Personal, Default."""
    parts = product_arn.split("/")
    company, product = (parts[1], parts[2]) if len(parts) > 2 else (product_arn, product_arn)
    return ("Personal", "Default") if product == "default" else (company, product)


def _starts_anew(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    revived = before.get("RecordState") == "ARCHIVED" and after.get("RecordState") == "ACTIVE"
    passed = _status(before, "Compliance") == "PASSED"
    return revived or (passed and _status(after, "Compliance") in _FAILING)


def _status(asff: Mapping[str, Any], member: str) -> Any:
    holder = asff.get(member)
    return holder.get("Status") if isinstance(holder, Mapping) else None


def _is_later(sent: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    new, old = parse_time(sent.get("UpdatedAt")), parse_time(stored.get("UpdatedAt"))
    return new is not None and (old is None or new > old)


def _agrees(value: Any, provided: Any) -> bool:
    if isinstance(value, dict) and isinstance(provided, dict):
        return all(value.get(key) == item for key, item in provided.items())
    return bool(value == provided)

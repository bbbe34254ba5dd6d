"""AWS Security Hub (`securityhub`) for moto, the hook on its findings, and what a program may do with them itself."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any

from .listeners import FindingListener, add_finding_listener, remove_finding_listener
from .models import SecurityHubBackend, backend_of

__all__ = [
    "FindingListener",
    "SecurityHubBackend",
    "add_finding_listener",
    "delay_updates",
    "find_finding",
    "findings",
    "put_finding",
    "receive_finding",
    "remove_finding_listener",
]


def put_finding(account_id: str, region: str, finding: Mapping[str, Any], *, if_absent: bool = True) -> bool:
    """Place a finding as it is, unchecked, without telling the listeners; whether it was placed.

    It needs an Id and a ProductArn. RecordState and Workflow are added when they are missing. A finding that is known
    already is left alone, or replaced as a whole when `if_absent` is false.
    """
    return backend_of(account_id, region).put_finding(finding, if_absent=if_absent)


def receive_finding(account_id: str, region: str, finding: Mapping[str, Any]) -> bool:
    """Place a finding that arrives in an event, without telling the listeners; whether anything changed.

    An unknown one is placed as it is. A known one is updated as if its provider had imported it: only when its
    `UpdatedAt` is later, and never over what BatchUpdateFindings has set.
    """
    return backend_of(account_id, region).receive_finding(finding)


def delay_updates(account_id: str, region: str, visible_after: timedelta) -> None:
    """Let what BatchUpdateFindings changes show only after that time, in GetFindings and in what listeners are told.

    The update itself is acknowledged and announced at once, and later updates build on it.
    """
    backend_of(account_id, region).updates_visible_after = visible_after


def findings(account_id: str, region: str) -> list[dict[str, Any]]:
    """Copies of all findings, in the order in which they arrived, updates that do not show yet included."""
    return [deepcopy(stored.asff) for stored in backend_of(account_id, region).finding_store]


def find_finding(account_id: str, region: str, *, finding_id: str, product_arn: str) -> dict[str, Any] | None:
    """A copy of one finding, updates that do not show yet included."""
    stored = backend_of(account_id, region).finding_store.get((product_arn, finding_id))
    return deepcopy(stored.asff) if stored else None

"""Who is told of a finding that was created or changed.

Real Security Hub raises a `Security Hub Findings - Imported` event for each; here, the program that runs the sandbox
makes the event, since moto's EventBridge does not route. Listeners outlive moto's reset: they belong to the program.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Protocol


class FindingListener(Protocol):
    def __call__(self, account_id: str, region: str, finding: dict[str, Any]) -> None:
        """Told after the change is in the store; `finding` is a copy. What it raises reaches the caller of the API."""


_listeners: list[FindingListener] = []


def add_finding_listener(listener: FindingListener) -> None:
    """Tell `listener` of every finding that BatchImportFindings or BatchUpdateFindings creates or changes."""
    _listeners.append(listener)


def remove_finding_listener(listener: FindingListener) -> None:
    """Stop telling it; unknown listeners are ignored."""
    if listener in _listeners:
        _listeners.remove(listener)


def announce(account_id: str, region: str, finding: dict[str, Any]) -> None:
    for listener in list(_listeners):
        listener(account_id, region, deepcopy(finding))

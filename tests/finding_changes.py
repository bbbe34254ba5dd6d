"""How often findings change in Security Hub."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.aws_services import security_hub


@contextmanager
def counted_changes() -> Iterator[Counter[str]]:
    """The changes of each finding, by its id: updates that took effect, not the calls that were refused."""
    changes: Counter[str] = Counter()

    def note(_account: str, _region: str, finding: dict[str, Any]) -> None:
        changes[finding["Id"]] += 1

    security_hub.add_finding_listener(note)
    try:
        yield changes
    finally:
        security_hub.remove_finding_listener(note)

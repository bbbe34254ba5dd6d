"""The file that the functions load: JSON, of all rules, without what only their authors need."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from responder.domain.correlation.rule import FORMAT

from .checking import CheckedRule

_FOR_AUTHORS = ("findings", "tests")


def built(rules: Iterable[CheckedRule]) -> str:
    """The text of the file: the same for the same rules."""
    documents = [
        {name: value for name, value in rule.document.value.items() if name not in _FOR_AUTHORS}
        for rule in sorted(rules, key=lambda rule: rule.rule.id)
    ]
    return json.dumps({"format": FORMAT, "rules": documents}, ensure_ascii=False, separators=(",", ":")) + "\n"


def build(rules: Iterable[CheckedRule], output: Path) -> None:
    """Write the file. Raises OSError."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(built(rules), "utf-8")

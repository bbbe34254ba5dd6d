"""What linters find, held against what was reviewed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple


class Finding(NamedTuple):
    """A linter's finding: its rule, the type and logical id of what it is about, and what it says."""

    rule: str
    where: str
    says: str

    def is_about(self, reviewed: tuple[str, ...]) -> bool:
        """Whether a reviewed rule and place, and maybe text, are these, with wildcards.

        >>> Finding("E3006", "AWS::SSMContacts::Plan.Stages", "does not exist in 'cn-north-1'").is_about(
        ...     ("E3006", "AWS::SSMContacts::*", "* in 'cn-*'")
        ... )
        True
        """
        return all(fnmatchcase(one, pattern) for one, pattern in zip(self, reviewed, strict=False))


def unexplained(findings: Iterable[Finding], reviewed: Mapping[tuple[str, ...], str]) -> list[str]:
    """The findings for which no reason is given, and the reasons that nothing needs.

    >>> found = [Finding("E1", "Queue", "is odd"), Finding("E2", "Topic", "is odd")]
    >>> unexplained(found, {("E2", "*"): "It is meant to be.", ("E3", "*"): "Nobody knows."})
    ['E1 Queue: is odd', 'no finding needs the exception E3 *']
    """
    found = set(findings)
    needless = [entry for entry in reviewed if not any(finding.is_about(entry) for finding in found)]
    left = [finding for finding in found if not any(finding.is_about(entry) for entry in reviewed)]
    return [f"{rule} {where}: {says}" for rule, where, says in sorted(left)] + [
        f"no finding needs the exception {' '.join(entry)}" for entry in needless
    ]

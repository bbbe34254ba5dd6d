"""What people have put into findings, and whether the application leaves it there: watched at every single change."""

from collections.abc import Mapping
from typing import Any, Self

from responder.domain.note import ENRICHER, RESOLVER, words_of_others
from sandbox.aws_services import security_hub
from sandbox.world import Sandbox

Finding = Mapping[str, Any]
Key = tuple[str, str]


class People:
    """Watches a sandbox's findings while it is entered."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._before: dict[Key, Finding] = {}
        self._words: dict[Key, str] = {}
        self._fields: dict[Key, dict[str, str]] = {}
        self._status: dict[Key, str] = {}
        self.harm: list[str] = []
        """What the application did to people's work."""

        self.kept = 0
        """Changes by the application of findings that people have worked on."""

    def __enter__(self) -> Self:
        for finding in security_hub.findings(*self._sandbox.hub):
            self._note(finding)
        security_hub.add_finding_listener(self._changed)
        return self

    def __exit__(self, *_: object) -> None:
        security_hub.remove_finding_listener(self._changed)

    def _changed(self, _account: str, _region: str, shown: Finding) -> None:
        # What shows may be older than what is there.
        finding = security_hub.find_finding(*self._sandbox.hub, finding_id=shown["Id"], product_arn=shown["ProductArn"])
        assert finding is not None
        if self._sandbox.calls.caller is None:
            self._note(finding)
        else:
            self._compare(finding, self._sandbox.calls.caller.name)
        self._before[_key(finding)] = finding

    def _note(self, finding: Finding) -> None:
        """People have changed it."""
        key = _key(finding)
        before = self._before.get(key, {})
        self._words[key] = _words(finding)
        fields, known = finding.get("UserDefinedFields", {}), before.get("UserDefinedFields", {})
        new = {name: value for name, value in fields.items() if known.get(name) != value}
        self._fields[key] = self._fields.get(key, {}) | new
        self._status[key] = finding["Workflow"]["Status"]
        self._before[key] = finding

    def _compare(self, finding: Finding, function: str) -> None:
        key = _key(finding)
        if words := self._words.get(key):
            self._expect(_words(finding) == words, f"{function} changed the words {words!r} in", finding)
        fields = finding.get("UserDefinedFields", {})
        for name, value in self._fields.get(key, {}).items():
            self._expect(fields.get(name) == value, f"{function} changed the field {name} of", finding)
        status, now = self._status.get(key, "NEW"), finding["Workflow"]["Status"]
        may_resolve = status in ("NEW", "NOTIFIED") and now == "RESOLVED"
        self._expect(now == status or may_resolve, f"{function} changed {status} to {now} in", finding)
        by = finding.get("Note", {}).get("UpdatedBy", ENRICHER)
        if now == "RESOLVED" and status != now:
            self._expect(by == RESOLVER, f"{function} resolved, as {by},", finding)
        if words or self._fields.get(key) or status != "NEW":
            self.kept += 1

    def _expect(self, holds: bool, problem: str, finding: Finding) -> None:
        if not holds:
            self.harm.append(f"{problem} {finding['Id']}")


def _key(finding: Finding) -> Key:
    return finding["ProductArn"], finding["Id"]


def _words(finding: Finding) -> str:
    return words_of_others(finding.get("Note", {}).get("Text", ""))

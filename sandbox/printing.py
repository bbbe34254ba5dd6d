"""The report for a person, 100 columns wide unless the terminal says otherwise.

Text of events is printed as it is but for what a terminal would act on.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.table import Table
from rich.text import Text

from .envelopes import CLOUDTRAIL_DETAIL_TYPES, Event
from .ledger import Entry, Status
from .report import Report
from .terminal import clean as _clean
from .terminal import console as _console
from .terminal import safe as _safe

MOST_LINES = 200
"""Of events; what causes nothing is left out first."""

MOST_CAUSES = 3
WIDEST_ORIGIN = 48

_MARKS = {
    Status.HANDLED: ("✓", "green"),
    Status.UNMATCHED: ("·", "dim"),
    Status.REJECTED: ("✗", "yellow"),
    Status.FAILED: ("✗", "bold red"),
}
_IMPACTS = {  # as Incident Manager calls and colours them
    1: ("1 Critical", "bold red"),
    2: ("2 High", "red"),
    3: ("3 Medium", "yellow"),
    4: ("4 Low", "cyan"),
    5: ("5 None", "dim"),
}


class Progress:
    """A line on standard error that says how far a run is; nothing unless that is a terminal."""

    def __init__(self, elements: int) -> None:
        self._stream = sys.stderr
        self._shown = self._stream.isatty()
        self._write(f"deploying the stacks for {elements:,} events …")

    def __call__(self, done: int, total: int) -> None:
        if done == total or done % max(1, total // 200) == 0:
            self._write(f"{done:,} of {total:,} events delivered …")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        if self._shown:
            self._stream.write(f"\r\x1b[2K{text}")
            self._stream.flush()


def print_report(
    report: Report,
    entries: Sequence[Entry],
    changed: Container[tuple[str, str]],
    *,
    schedule_runs: int = 0,
    injected_faults: int | None = None,
) -> None:
    """Print what each event caused, then the incidents, gravest first, the changed findings and what went wrong.

    The last line also counts the runs of schedules, and the injected faults, unless none were asked for (None).
    """
    console = _console()
    incidents = sorted(report["incidents"], key=lambda incident: incident["impact"])
    findings = [finding for finding in report["findings"] if (finding["ProductArn"], finding["Id"]) in changed]
    sections = {
        "Events": _events(entries, incidents),
        "Not handled": _troubles(entries),
        "Incidents": _incidents(incidents, entries),
        "Changed findings": _findings(findings),
        "Dead letters": _dead_letters(report["dead_letters"]),
    }
    for title, table in sections.items():
        if table.row_count:
            console.print(Text(f"{title}\n", "bold"), table, "", sep="", end="\n")
    console.print(_summary(report, findings, schedule_runs, injected_faults))


def _events(entries: Sequence[Entry], incidents: Sequence[Mapping[str, Any]]) -> Table:
    shown = entries
    if len(shown) > MOST_LINES:
        shown = [entry for entry in entries if entry.status is not Status.UNMATCHED][:MOST_LINES]
    names = {id(entry): _origin(entry) for entry in shown}
    longest = max((len(name) for name in names.values()), default=0)
    table = _table()
    table.add_column(width=1)
    table.add_column(no_wrap=True, overflow="ellipsis", width=min(longest, WIDEST_ORIGIN))
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis", style="dim")
    table.add_column(no_wrap=True)
    numbers = {incident["key"]: number for number, incident in enumerate(incidents, start=1)}
    for entry in shown:
        mark, style = _MARKS[entry.status]
        table.add_row(
            Text(mark, style), _safe(names[id(entry)]), _safe(describe(entry.event)), _consequence(entry, numbers)
        )
    if hidden := len(entries) - len(shown):
        table.add_row("", Text(f"and {hidden:,} more", "dim"), "", "")
    return table


def _troubles(entries: Sequence[Entry]) -> Table:
    table = _table()
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=WIDEST_ORIGIN)
    table.add_column(ratio=1, overflow="fold")
    troubles = [entry for entry in entries if entry.status in (Status.REJECTED, Status.FAILED)]
    for entry in troubles[:MOST_LINES]:
        table.add_row(_safe(_origin(entry)), _safe(entry.reason or ""))
    if (hidden := len(troubles) - MOST_LINES) > 0:
        table.add_row(Text(f"and {hidden:,} more", "dim"), "")
    return table


def _incidents(incidents: Sequence[Mapping[str, Any]], entries: Sequence[Entry]) -> Table:
    causes: dict[str | None, dict[str, None]] = {}
    for entry in entries:
        for outcome in entry.outcomes:
            causes.setdefault(outcome.incident_key, {})[_origin(entry)] = None
    table = _table()
    table.add_column(justify="right", style="dim")
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for number, incident in enumerate(incidents, start=1):
        impact, style = _IMPACTS.get(incident["impact"], (str(incident["impact"]), ""))
        text = _safe(incident["title"])
        if incident["status"] != "OPEN":
            text.append(f"  {incident['status'].lower()}", "green")
        text.append(f"\n{_clean(incident['key'] or '')}", "cyan")
        text.append(f"\n{_count(len(incident['timeline']), 'timeline entry', 'timeline entries')}", "dim")
        if caused_by := list(causes.get(incident["key"], ())):
            text.append(f", from {_clean(_some(caused_by, MOST_CAUSES))}", "dim")
        table.add_row(str(number), Text(impact, style), text)
    return table


def _findings(findings: Sequence[Mapping[str, Any]]) -> Table:
    table = _table()
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for finding in findings:
        text = _safe(finding.get("Title", finding["Id"]))
        text.append(f"\n{_clean(_resources(finding))}", "cyan")
        if note := _member(finding, "Note", "Text"):
            lines = "\n".join(map(_clean, note.splitlines()))
            text.append(f"\n{_clean(_member(finding, 'Note', 'UpdatedBy'))}: {lines}", "dim")
        severity, workflow = _member(finding, "Severity", "Label"), _member(finding, "Workflow", "Status")
        table.add_row(_safe(severity), _safe(workflow), text)
    return table


def _dead_letters(letters: Sequence[Mapping[str, str]]) -> Table:
    table = _table()
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    table.add_column(ratio=1, overflow="fold")
    counted = Counter((letter["queue"], letter["reason"]) for letter in letters)
    for (queue, reason), number in list(counted.items())[:MOST_LINES]:
        table.add_row(_safe(queue), f"{number:,} ×", _safe(reason))
    if (hidden := len(counted) - MOST_LINES) > 0:
        table.add_row(Text(f"and {hidden:,} more", "dim"), "", "")
    return table


def _summary(report: Report, findings: Sequence[object], schedule_runs: int, injected_faults: int | None) -> Text:
    counts = Counter(event["status"] for event in report["events"])
    parts = [
        Text(f"{counts[status]:,} {status}", style)
        for status, (_, style) in _MARKS.items()
        if counts[status] or status is Status.HANDLED
    ]
    if schedule_runs:
        parts.append(Text(_count(schedule_runs, "schedule run")))
    parts.append(Text(_count(len(report["incidents"]), "incident"), "bold"))
    if findings:
        parts.append(Text(_count(len(findings), "changed finding")))
    if report["dead_letters"]:
        parts.append(Text(_count(len(report["dead_letters"]), "dead letter"), "bold red"))
    if injected_faults is not None:
        parts.append(Text(f"{_count(injected_faults, 'fault')} injected", "yellow"))
    parts.append(Text(f"{report['duration_ms'] / 1000:.1f} s", "dim"))
    parts.append(Text(f"hub {report['hub']}", "dim"))
    return Text(" · ").join(parts)


def describe(event: Event | None) -> str:
    """What an event is, in a few words."""
    if event is None:
        return "no event"
    detail, kind = event["detail"], event["detail-type"]
    if kind in CLOUDTRAIL_DETAIL_TYPES.values():
        identity = detail.get("userIdentity")
        caller = identity.get("type") if isinstance(identity, dict) else None
        return f"{event['source'].removeprefix('aws.')}:{detail.get('eventName')} by {caller or 'nobody named'}"
    if kind == "GuardDuty Finding":
        return f"{detail.get('type')}, severity {detail.get('severity')}"
    if kind == "Config Rules Compliance Change":
        result = detail.get("newEvaluationResult")
        return f"{detail.get('configRuleName')}: {result.get('complianceType') if isinstance(result, dict) else None}"
    findings = detail.get("findings")
    if isinstance(findings, list) and findings and isinstance(findings[0], dict):
        return str(findings[0].get("Title", kind))
    return f"{event['source']}: {kind}"


def _consequence(entry: Entry, numbers: Mapping[str, int]) -> Text:
    if entry.status is Status.UNMATCHED:
        return Text("nothing", "dim")
    if entry.status is not Status.HANDLED:
        return Text(entry.status, _MARKS[entry.status][1])
    consequences = []
    for outcome in entry.outcomes:
        if outcome.outcome == Status.FAILED:
            continue  # and was tried again, since the event is handled
        number = numbers.get(outcome.incident_key or "")
        consequences.append(f"{outcome.outcome} incident {number}" if number else outcome.outcome)
    return _safe(", ".join(dict.fromkeys(consequences)) or "handled")


def _resources(finding: Mapping[str, Any]) -> str:
    resources = finding.get("Resources")
    return ", ".join(_member({"": r}, "", "Id") for r in resources) if isinstance(resources, list) else ""


def _member(finding: Mapping[str, Any], name: str, member: str) -> str:
    """A member of a member as text; findings arrive in every shape."""
    value = finding.get(name)
    return str(value.get(member, "")) if isinstance(value, dict) else ""


def _origin(entry: Entry) -> str:
    return _clean(entry.origin.rsplit("/", 1)[-1].removesuffix(".json"))


def _some(names: Sequence[str], most: int) -> str:
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _count(number: int, singular: str, plural: str | None = None) -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def _table() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 1), expand=True)

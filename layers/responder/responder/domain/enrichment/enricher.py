"""Brings account contexts into findings, a whole batch of events at once.

Guarantees
----------
1. A finding is written at most once per version of its account's context, and only while it is open.
2. Text and fields of others survive to the letter; a Note of the resolver is never touched.
3. One failure touches one finding: its event is delivered again, the others are done.
4. Our own update raises an event too, which finds nothing to do, also while the update is not visible yet.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from responder.domain.enrichment.context import Known, in_words
from responder.domain.enrichment.directory import Directory
from responder.domain.enrichment.fields import context_mark, mark_of, merged
from responder.domain.event import Event
from responder.domain.faults import Rejected, Retryable
from responder.domain.note import ENRICHER, RESOLVER, with_block
from responder.domain.ports import Count, Findings, RecentUpdate, RecentUpdates
from responder.domain.security_hub import (
    Finding,
    FindingGone,
    FindingKey,
    FindingRefused,
    FindingUpdate,
    Note,
    latest,
    read_findings,
)

TRUSTED_FOR = timedelta(seconds=60)
"""A finding whose event is older is read again before it is written: somebody may have worked on it since."""


class Result(StrEnum):
    """What became of a finding."""

    ENRICHED = "enriched"
    CURRENT = "current"
    """It carries its account's context already, or there is no room for any of it."""
    WRITTEN_BEFORE = "written_before"
    """We wrote it a moment ago, which its event does not show yet."""
    LEFT_ALONE = "left_alone"
    """It is not open."""
    GONE = "gone"


Outcome = Result | Exception


class Enricher:
    """Enriches the findings of events.

    Parameters
    ----------
    count
        Counts what the operators want to know, by metric name.
    time_limit
        Time after which a batch reads and writes no more findings; the rest is delivered again.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        findings: Findings,
        recent: RecentUpdates,
        clock: Callable[[], datetime],
        count: Count,
        time_limit: timedelta,
    ) -> None:
        self._time_limit = time_limit
        self._directory = directory
        self._findings = findings
        self._recent = recent
        self._clock = clock
        self._count = count

    def enrich(self, events: Sequence[Event]) -> list[Mapping[FindingKey, Result] | Exception]:
        """Enrich the findings of a batch.

        Returns
        -------
        For each event, what became of its findings, or why it must be delivered again (Retryable) or cannot be handled
        (Rejected, Permanent); the other findings of such an event are done nevertheless.

        Raises
        ------
        Retryable, Permanent
            When a table cannot be used, and so nothing can be done about any.
        """
        read = [_read(event) for event in events]
        sightings: dict[FindingKey, list[Finding]] = defaultdict(list)
        for findings in read:
            for finding in findings:
                if isinstance(finding, Finding):
                    sightings[finding.key].append(finding)
        outcomes = self._enrich({key: latest(seen) for key, seen in sightings.items()})
        for result in Result:
            self._count(f"Findings{result.title().replace('_', '')}", list(outcomes.values()).count(result))
        return [_of_event(findings, outcomes) for findings in read]

    def _enrich(self, sightings: Mapping[FindingKey, tuple[Finding, bool]]) -> dict[FindingKey, Outcome]:
        until = self._clock() + self._time_limit
        outcomes: dict[FindingKey, Outcome] = {}
        found = [finding for finding, _ in sightings.values()]
        updates, contexts = self._updates(found, outcomes)
        self._drop_written_before(updates, contexts, sightings, outcomes)
        doubtful = [
            key for key in updates if not sightings[key][1] or self._clock() - sightings[key][0].seen_at > TRUSTED_FOR
        ]
        if doubtful:
            for key in doubtful:
                del updates[key]
            updates_again, contexts_again = self._updates(self._read_again(doubtful, outcomes, until), outcomes)
            updates |= updates_again
            contexts |= contexts_again
        self._write(updates, contexts, sightings, outcomes, until)
        return outcomes

    def _updates(
        self, findings: Iterable[Finding], outcomes: dict[FindingKey, Outcome]
    ) -> tuple[dict[FindingKey, FindingUpdate], dict[str, Known]]:
        """The updates that findings need, with the contexts that they bring; the others' outcomes."""
        wanted: list[Finding] = []
        for finding in findings:
            if finding.is_open:
                wanted.append(finding)
            else:
                outcomes[finding.key] = Result.LEFT_ALONE
        contexts = self._directory.contexts({finding.account for finding in wanted})
        # What this container remembers may be older than what another has written into a finding.
        differing = {finding.account for finding in wanted if _differs(finding, contexts[finding.account])}
        contexts |= self._directory.contexts(differing, skip_memory=True)
        updates: dict[FindingKey, FindingUpdate] = {}
        for finding in wanted:
            known = contexts[finding.account]
            if isinstance(known, Exception):
                outcomes[finding.key] = known
            elif (update := self._update(finding, known)) is None:
                outcomes[finding.key] = Result.CURRENT
            else:
                updates[finding.key] = update
        return updates, {account: known for account, known in contexts.items() if isinstance(known, Known)}

    def _update(self, finding: Finding, known: Known) -> FindingUpdate | None:
        """What the context changes of a finding; None when it is current."""
        mark = mark_of(finding.fields)
        if mark == context_mark(known) or (mark is not None and known.is_stale):
            return None
        fields, left_out = merged(finding.fields, known)
        if left_out:
            self._count("FieldsLeftOut", left_out)
        text = finding.note.text if finding.note else ""
        by_resolver = finding.note is not None and finding.note.updated_by == RESOLVER
        note = text if by_resolver else with_block(text, in_words(known))
        if note == text and fields == finding.fields:
            return None
        return FindingUpdate(
            note=Note(note, ENRICHER) if note != text else None,
            fields=tuple(sorted(fields.items())) if fields != finding.fields else None,
        )

    def _drop_written_before(
        self,
        updates: dict[FindingKey, FindingUpdate],
        contexts: Mapping[str, Known],
        sightings: Mapping[FindingKey, tuple[Finding, bool]],
        outcomes: dict[FindingKey, Outcome],
    ) -> None:
        recent = self._recent.of(updates.keys(), self._clock()) if updates else {}
        for key, update in recent.items():
            mark = context_mark(contexts[sightings[key][0].account])
            if update.author == RESOLVER or update.mark == mark:
                outcomes[key] = Result.LEFT_ALONE if update.author == RESOLVER else Result.WRITTEN_BEFORE
                del updates[key]

    def _read_again(
        self, keys: Sequence[FindingKey], outcomes: dict[FindingKey, Outcome], until: datetime
    ) -> list[Finding]:
        read = self._findings.get(keys, until=until)
        outcomes.update({key: Result.GONE for key in keys if key not in read})
        outcomes.update({key: problem for key, problem in read.items() if isinstance(problem, Exception)})
        return [finding for finding in read.values() if isinstance(finding, Finding)]

    def _write(
        self,
        updates: Mapping[FindingKey, FindingUpdate],
        contexts: Mapping[str, Known],
        sightings: Mapping[FindingKey, tuple[Finding, bool]],
        outcomes: dict[FindingKey, Outcome],
        until: datetime,
    ) -> None:
        if not updates:
            return
        problems = self._findings.update(updates, until=until)
        written: dict[FindingKey, RecentUpdate] = {}
        for key in updates:
            if key not in problems:
                outcomes[key] = Result.ENRICHED
                written[key] = RecentUpdate(ENRICHER, context_mark(contexts[sightings[key][0].account]))
            elif isinstance(problems[key], FindingGone):
                outcomes[key] = Result.GONE
            elif isinstance(problems[key], FindingRefused):
                outcomes[key] = Rejected("", str(problems[key]))
            else:
                outcomes[key] = problems[key]
        try:
            self._recent.remember(written, self._clock())
        except (
            Retryable
        ):  # what is written is written; at worst an event that does not show it yet has it written again
            self._count("UpdatesNotRemembered", len(written))


def report(results: Mapping[FindingKey, Result]) -> dict[str, Any]:
    """What became of an event's findings, for the log: of several the one with which most was done."""
    key, outcome = min(results.items(), key=lambda result: list(Result).index(result[1]))
    return {"outcome": outcome, "finding_id": key.id, "findings": len(results)}


def _read(event: Event) -> list[Finding | Rejected]:
    try:
        return read_findings(event)
    except Rejected as rejection:
        return [rejection]


def _of_event(
    findings: Sequence[Finding | Rejected], outcomes: Mapping[FindingKey, Outcome]
) -> Mapping[FindingKey, Result] | Exception:
    """An event's outcome is that of its findings; what must be tried again comes before what cannot succeed."""
    results: dict[FindingKey, Result] = {}
    problems: list[Exception] = []
    for finding in findings:
        outcome = finding if isinstance(finding, Rejected) else outcomes[finding.key]
        if isinstance(outcome, Result):
            results[finding.key] = outcome  # type: ignore[union-attr]
        else:
            problems.append(outcome)
    return (
        next((problem for problem in problems if isinstance(problem, Retryable)), next(iter(problems), None)) or results
    )


def _differs(finding: Finding, known: Known | Exception) -> bool:
    """Whether a finding carries another context than the one that is known."""
    mark = mark_of(finding.fields)
    return isinstance(known, Known) and not known.is_stale and mark is not None and mark != context_mark(known)

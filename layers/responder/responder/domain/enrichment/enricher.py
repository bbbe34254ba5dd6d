"""Brings account contexts into findings, a whole batch of events at once.

Guarantees
----------
1. A finding is written once per version of its account's context, and only while it is open. Two containers that take
   in the same finding in the same moment may both write, then the same.
2. Text and fields of others survive to the letter; a Note of the resolver is never touched.
3. One failure touches one finding: its event is delivered again, the others are done.
4. Our own update raises an event too, which finds nothing to do, also while the update is not visible yet.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from responder.domain.enrichment.context import Known, in_words
from responder.domain.enrichment.directory import Directory
from responder.domain.enrichment.fields import context_mark, mark_of, merged
from responder.domain.event import Event
from responder.domain.faults import Permanent, Rejected, Retryable
from responder.domain.finding_outcomes import findings_in, of_event
from responder.domain.note import ENRICHER, RESOLVER, with_block
from responder.domain.ports import Count, Findings, RecentUpdate, RecentUpdates
from responder.domain.recent_updates import remember
from responder.domain.security_hub import (
    Finding,
    FindingGone,
    FindingKey,
    FindingRefused,
    FindingUpdate,
    Note,
    latest,
)

PORTION = 100
"""Findings that are looked at, written and remembered together. The fewer, the sooner a write follows the look at what
people and the resolver have done; the more, the fewer calls."""

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
    hub
        The account of the application's own findings, which tell of other accounts' resources: nobody else's are
        believed that, or an account could ask for another one's context.
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
        hub: str,
        clock: Callable[[], datetime],
        count: Count,
        time_limit: timedelta,
    ) -> None:
        self._time_limit = time_limit
        self._directory = directory
        self._findings = findings
        self._recent = recent
        self._hub = hub
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
            When the table of contexts cannot be used, and so nothing can be done about any.
        """
        read = [findings_in(event, self._hub) for event in events]
        sightings: dict[FindingKey, list[Finding]] = defaultdict(list)
        for findings in read:
            for finding in findings:
                if isinstance(finding, Finding):
                    sightings[finding.key].append(finding)
        outcomes = self._enrich({key: latest(seen) for key, seen in sightings.items()})
        for result in Result:
            self._count(f"Findings{result.title().replace('_', '')}", list(outcomes.values()).count(result))
        return [of_event(findings, outcomes) for findings in read]

    def _enrich(self, sightings: Mapping[FindingKey, tuple[Finding, bool]]) -> dict[FindingKey, Outcome]:
        until = self._clock() + self._time_limit
        found = [finding for finding, _ in sightings.values()]
        outcomes: dict[FindingKey, Outcome] = {f.key: Result.LEFT_ALONE for f in found if not f.is_open}
        contexts = self._contexts([finding for finding in found if finding.is_open])
        differing: list[Finding] = []
        for finding in found:
            if finding.key in outcomes:
                continue
            known = contexts[finding.concerns_account]
            if isinstance(known, Exception):
                outcomes[finding.key] = known
            elif _update(finding, known) is None:
                outcomes[finding.key] = Result.CURRENT
            else:
                differing.append(finding)
        doubted = {key for key, (_, is_certain) in sightings.items() if not is_certain}
        for portion in _portions(differing):
            try:
                outcomes |= self._enrich_portion(portion, contexts, doubted, until)
            except (Retryable, Permanent) as problem:
                outcomes |= {finding.key: problem for finding in portion}
        return outcomes

    def _contexts(self, findings: Sequence[Finding]) -> dict[str, Known | Exception]:
        contexts = self._directory.contexts({finding.concerns_account for finding in findings})
        # What this container remembers may be older than what another has written into a finding.
        differing = {
            finding.concerns_account for finding in findings if _differs(finding, contexts[finding.concerns_account])
        }
        return contexts | self._directory.contexts(differing, skip_memory=True) if differing else contexts

    def _enrich_portion(
        self,
        findings: Sequence[Finding],
        contexts: Mapping[str, Known | Exception],
        doubted: Collection[FindingKey],
        until: datetime,
    ) -> dict[FindingKey, Outcome]:
        """Write the contexts into findings that lack them, after a last look at what may have happened since.

        Raises
        ------
        Retryable, Permanent
            Before anything is written, when it cannot be told what was written in the last minutes.
        """
        now = self._clock()
        outcomes: dict[FindingKey, Outcome] = {}
        # Whose a finding is is settled by its event: one that is read again does not choose another account's context.
        accounts = {finding.key: finding.concerns_account for finding in findings}
        recent = self._recent.of([finding.key for finding in findings], now)
        certain: list[Finding] = []
        doubtful: list[Finding] = []
        for finding in findings:
            written = recent.get(finding.key)
            if written and written.author == RESOLVER:
                outcomes[finding.key] = Result.LEFT_ALONE
            elif written and written.mark == _mark(finding, contexts):
                outcomes[finding.key] = Result.WRITTEN_BEFORE
            elif written or finding.key in doubted or now - finding.seen_at > TRUSTED_FOR:
                doubtful.append(finding)
            else:
                certain.append(finding)
        if doubtful:
            certain += self._read_again(doubtful, outcomes, until)
        updates: dict[FindingKey, FindingUpdate] = {}
        marks: dict[FindingKey, RecentUpdate] = {}
        for finding in certain:
            known = contexts[accounts[finding.key]]
            assert isinstance(known, Known)
            if not finding.is_open:
                outcomes[finding.key] = Result.LEFT_ALONE
            elif (needed := _update(finding, known)) is None:
                outcomes[finding.key] = Result.CURRENT
            else:
                updates[finding.key], left_out = needed
                marks[finding.key] = RecentUpdate(ENRICHER, context_mark(known))
                self._count("FieldsLeftOut", left_out)
        return outcomes | self._write(updates, marks, until)

    def _read_again(
        self, findings: Sequence[Finding], outcomes: dict[FindingKey, Outcome], until: datetime
    ) -> list[Finding]:
        read = self._findings.get(findings, until=until)
        outcomes.update({finding.key: Result.GONE for finding in findings if finding.key not in read})
        outcomes.update({key: _outcome(problem) for key, problem in read.items() if isinstance(problem, Exception)})
        return [finding for finding in read.values() if isinstance(finding, Finding)]

    def _write(
        self, updates: Mapping[FindingKey, FindingUpdate], marks: Mapping[FindingKey, RecentUpdate], until: datetime
    ) -> dict[FindingKey, Outcome]:
        if not updates:
            return {}
        problems = self._findings.update(updates, until=until)
        written = {key: mark for key, mark in marks.items() if key not in problems}
        remember(self._recent, written, now=self._clock(), count=self._count)
        return {key: _outcome(problems.get(key)) for key in updates}


def _portions(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Up to PORTION findings each, those of one account together: they get equal updates, which share a call."""
    by_account: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_account[finding.concerns_account].append(finding)
    groups = [
        of_one[start : start + PORTION] for of_one in by_account.values() for start in range(0, len(of_one), PORTION)
    ]
    portions: list[list[Finding]] = []
    for group in sorted(groups, key=len, reverse=True):  # into the first that has room, the largest before all others
        with_room = next((portion for portion in portions if len(portion) + len(group) <= PORTION), None)
        if with_room is None:
            portions.append(group)
        else:
            with_room += group
    return portions


def _update(finding: Finding, known: Known) -> tuple[FindingUpdate, int] | None:
    """What the context changes of a finding, and how many fields found no room; None when it is current."""
    mark = mark_of(finding.fields)
    if mark == context_mark(known) or (mark is not None and known.is_stale):
        return None
    fields, left_out = merged(finding.fields, known)
    text = finding.note.text if finding.note else ""
    by_resolver = finding.note is not None and finding.note.updated_by == RESOLVER
    note = text if by_resolver else with_block(text, in_words(known))
    if note == text and fields == finding.fields:
        return None
    update = FindingUpdate(
        note=Note(note, ENRICHER) if note != text else None,
        fields=tuple(sorted(fields.items())) if fields != finding.fields else None,
    )
    return update, left_out


def _differs(finding: Finding, known: Known | Exception) -> bool:
    """Whether a finding carries another context than the one that is known."""
    mark = mark_of(finding.fields)
    return isinstance(known, Known) and not known.is_stale and mark is not None and mark != context_mark(known)


def _mark(finding: Finding, contexts: Mapping[str, Known | Exception]) -> str | None:
    known = contexts[finding.concerns_account]
    return context_mark(known) if isinstance(known, Known) else None


def _outcome(problem: Exception | None) -> Outcome:
    if problem is None:
        return Result.ENRICHED
    if isinstance(problem, FindingGone):
        return Result.GONE
    return Rejected("", str(problem)) if isinstance(problem, FindingRefused) else problem

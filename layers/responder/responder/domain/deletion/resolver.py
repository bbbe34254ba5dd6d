"""Resolves the findings of deleted resources, a whole batch of evidence at once.

Guarantees
----------
1. A finding is resolved only when all resources that it names are known to be deleted, by identity. One that was
   observed after the deletion of a resource whose name can be used again is left alone.
2. Only open findings are touched: never a suppressed one. What people wrote in the Note survives.
3. Deletions of the same batch share queries, 20 ids each; findings that get the same Note share an update.
4. What is deleted is remembered before findings are looked up: of two functions that each learn of one of a finding's
   resources, the later sees both.
5. One failure touches the events that it concerns: they are delivered again, the others are done.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from responder.domain.deletion.closing import closing
from responder.domain.deletion.deleted import Deletion
from responder.domain.deletion.evidence import read_deletions
from responder.domain.deletion.identifiers import identifiers, is_deleted
from responder.domain.deletion.ports import DeletedResources, FindingSearch
from responder.domain.event import Event
from responder.domain.faults import Permanent, Rejected, Retryable
from responder.domain.note import RESOLVER
from responder.domain.ports import Count, Findings, RecentUpdate, RecentUpdates
from responder.domain.resource import Resource
from responder.domain.resource.types import find_type
from responder.domain.security_hub import Finding, FindingGone, FindingKey, FindingRefused, FindingUpdate

PORTION = 100
"""Findings that are written and remembered together. Until it is remembered, the enricher may not see an update."""

QUERY_VALUES = 20
"""Values that a filter of GetFindings takes. Source: Security Hub, quotas."""


@dataclass(slots=True)
class Query:
    """Ids under which findings may know some deleted resources, and the deletions."""

    exact: dict[str, None] = field(default_factory=dict)
    prefixes: dict[str, None] = field(default_factory=dict)
    accounts: dict[str, None] = field(default_factory=dict)
    deletions: list[Deletion] = field(default_factory=list)


Report = Mapping[str, Any]


class Resolver:
    """Resolves the findings of the resources whose deletion events prove.

    Parameters
    ----------
    hub
        The account of the application's own findings, which tell of other accounts' resources.
    count
        Counts what the operators want to know, by metric name.
    time_limit
        Time after which a batch reads and writes no more findings; the rest is delivered again.
    """

    def __init__(
        self,
        *,
        search: FindingSearch,
        findings: Findings,
        deleted: DeletedResources,
        recent: RecentUpdates,
        hub: str,
        clock: Callable[[], datetime],
        count: Count,
        time_limit: timedelta,
    ) -> None:
        self._search = search
        self._findings = findings
        self._deleted = deleted
        self._recent = recent
        self._hub = hub
        self._clock = clock
        self._count = count
        self._time_limit = time_limit

    def resolve(self, events: Sequence[Event]) -> list[Report | Exception]:
        """Resolve what the events prove to be closed; of each event its report, or why it must be delivered again.

        Raises
        ------
        Retryable, Permanent
            When a table cannot be used, and so nothing can be done about any.
        """
        read = [_read(event) for event in events]
        deletions = [deletion for found in read if isinstance(found, tuple) for deletion in found]
        batch = _Batch(deletions)
        if deletions:
            self._resolve(batch)
        return [_of_event(found, batch) for found in read]

    def _resolve(self, batch: "_Batch") -> None:
        now = self._clock()
        until = now + self._time_limit
        self._deleted.remember(batch.deletions, now)
        found: dict[FindingKey, Finding] = {}
        for query in queries(batch.deletions, self._hub):
            try:
                hits = self._search.naming(
                    list(query.exact), list(query.prefixes), accounts=list(query.accounts), until=until
                )
            except (Retryable, Permanent) as problem:
                batch.fail(query.deletions, problem)
            else:
                found |= {finding.key: finding for finding in hits}
        gone = self._gone(batch, found.values(), now)
        updates = {finding.key: closing(finding, evidence) for finding, evidence in gone}
        for key, update in self._recent.of(updates.keys(), now).items():
            if update.author == RESOLVER:  # a moment ago, which GetFindings does not show yet
                del updates[key]
        self._write(updates, {finding.key: evidence for finding, evidence in gone}, batch, until)

    def _gone(
        self, batch: "_Batch", findings: Iterable[Finding], now: datetime
    ) -> list[tuple[Finding, tuple[Deletion, ...]]]:
        """The findings whose every resource is deleted, with the deletions, those of this batch first."""
        named: list[tuple[Finding, tuple[Resource, ...]]] = []
        for finding in findings:
            resources = finding.resources
            if finding.is_open and any(batch.deletion_of(resource) for resource in resources):
                named.append((finding, resources))
        unknown = {resource for _, resources in named for resource in resources if batch.deletion_of(resource) is None}
        remembered = self._deleted.of(unknown, now) if unknown else {}
        gone = []
        for finding, resources in named:
            evidence = [batch.deletion_of(resource) or remembered.get(resource) for resource in resources]
            proven = tuple(
                deletion
                for resource, deletion in zip(resources, evidence, strict=True)
                if deletion is not None and holds_for(finding, resource, deletion)
            )
            if len(proven) == len(resources):
                gone.append((finding, tuple(dict.fromkeys(proven))))
            else:
                self._count("FindingsLeftOpen", 1)
        return gone

    def _write(
        self,
        updates: Mapping[FindingKey, FindingUpdate],
        evidence: Mapping[FindingKey, tuple[Deletion, ...]],
        batch: "_Batch",
        until: datetime,
    ) -> None:
        keys = sorted(updates, key=lambda key: str(evidence[key][0].resource))  # equal updates share a call
        for start in range(0, len(keys), PORTION):
            portion = {key: updates[key] for key in keys[start : start + PORTION]}
            problems = self._findings.update(portion, until=until)
            for key, problem in problems.items():
                if isinstance(problem, FindingRefused):
                    batch.fail(evidence[key], Rejected("", str(problem)))
                elif not isinstance(problem, FindingGone):
                    batch.fail(evidence[key], problem)
            written = {
                key: RecentUpdate(RESOLVER, evidence[key][0].event_id) for key in portion.keys() - problems.keys()
            }
            for key in written:
                batch.resolved(evidence[key])
            self._count("FindingsResolved", len(written))
            try:
                self._recent.remember(written, self._clock())
            except (Retryable, Permanent):  # it is written; at worst the enricher brings its context in once more
                self._count("UpdatesNotRemembered", len(written))


def queries(deletions: Iterable[Deletion], hub: str) -> Iterator[Query]:
    """The queries that find all findings of these resources: as few as 20 values a filter allow."""
    query = Query()
    for deletion in sorted(deletions, key=lambda deletion: deletion.resource.account):  # so that few accounts share one
        ids = identifiers(deletion)
        for value, is_prefix in [*((text, False) for text in ids.exact), *((text, True) for text in ids.prefixes)]:
            values = query.prefixes if is_prefix else query.exact
            full = len(query.exact) + len(query.prefixes) >= QUERY_VALUES and value not in values
            if full or len(query.accounts.keys() | {hub, deletion.resource.account}) > QUERY_VALUES:
                yield query
                query = Query()
                values = query.prefixes if is_prefix else query.exact
            values[value] = None
            query.accounts.update({hub: None, deletion.resource.account: None})
            if not query.deletions or query.deletions[-1] is not deletion:
                query.deletions.append(deletion)
    if query.deletions:
        yield query


def holds_for(finding: Finding, resource: Resource, deletion: Deletion) -> bool:
    """Whether a deletion is that of the very resource that a finding tells of.

    A name can be used again, an id that AWS assigns cannot: what was observed later under a name is another resource.
    """
    kind = find_type(resource.type)
    if kind is not None and kind.assigned:
        return True
    return finding.observed_at is not None and finding.observed_at <= deletion.deleted_at


_SAME_DELETION = timedelta(minutes=15)
"""Within which AWS Config tells of what CloudTrail has told."""


def _better(earlier: Deletion | None, later: Deletion) -> Deletion:
    """Of two deletions of one name the later, unless both tell of one deletion and only the earlier knows by whom."""
    if earlier is None or earlier.by is None or later.by is not None:
        return later
    return earlier if later.deleted_at - earlier.deleted_at < _SAME_DELETION else later


class _Batch:
    """The deletions of one batch, by resource, and what became of each."""

    def __init__(self, deletions: Iterable[Deletion]) -> None:
        self._by_resource: dict[Resource, Deletion] = {}
        self._without_suffix: list[Deletion] = []
        for deletion in sorted(deletions, key=lambda deletion: deletion.deleted_at):
            for resource in (deletion.resource, *deletion.also):
                self._by_resource[resource] = _better(self._by_resource.get(resource), deletion)
            if deletion.lacks_suffix:
                self._without_suffix.append(deletion)
        self._problems: dict[Resource, Exception] = {}
        self._resolved: Counter[Resource] = Counter()

    @property
    def deletions(self) -> list[Deletion]:
        """Of each resource the latest deletion."""
        return list({deletion.resource: deletion for deletion in self._by_resource.values()}.values())

    def deletion_of(self, resource: Resource) -> Deletion | None:
        if deletion := self._by_resource.get(resource):
            return deletion
        return next((deletion for deletion in self._without_suffix if is_deleted(resource, deletion)), None)

    def fail(self, deletions: Iterable[Deletion], problem: Exception) -> None:
        for deletion in deletions:
            if not isinstance(self._problems.get(deletion.resource), Retryable):
                self._problems[deletion.resource] = problem

    def resolved(self, deletions: Iterable[Deletion]) -> None:
        self._resolved.update(deletion.resource for deletion in deletions)

    def problem_of(self, deletions: Iterable[Deletion]) -> Exception | None:
        """What is to be tried again comes before what cannot succeed."""
        problems = [self._problems[found.resource] for found in deletions if found.resource in self._problems]
        return next((problem for problem in problems if isinstance(problem, Retryable)), next(iter(problems), None))

    def resolved_by(self, deletions: Iterable[Deletion]) -> int:
        return sum(self._resolved[deletion.resource] for deletion in deletions)


def _read(event: Event) -> tuple[Deletion, ...] | str | Rejected:
    try:
        return read_deletions(event)
    except Rejected as rejection:
        return rejection


def _of_event(found: tuple[Deletion, ...] | str | Rejected, batch: _Batch) -> Report | Exception:
    if isinstance(found, Rejected):
        return found
    if isinstance(found, str):
        return {"outcome": "not_deleted", "reason": found}
    if problem := batch.problem_of(found):
        return problem
    resolved = batch.resolved_by(found)
    outcome = "resolved" if resolved else "nothing_to_resolve"
    return {"outcome": outcome, "resource": str(found[0].resource), "resources": len(found), "findings": resolved}

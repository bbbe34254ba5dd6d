"""Resolves the findings of deleted resources, a whole batch of evidence at once.

Guarantees
----------
1. A finding is resolved only when all resources that it names are known to be deleted, by identity. One that was
   observed after the deletion is left alone, unless of an id that is never used again.
2. Only open findings are touched: never a suppressed one. What people wrote in the Note survives.
3. Deletions of the same batch share queries, 20 ids each; findings that get the same Note share an update. What a
   query finds is settled before the next one, a portion after the other: what is done when time is over stays done.
4. What is deleted is remembered before findings are looked up: of two functions that each learn of one of a finding's
   resources, the later sees both.
5. One failure touches the events that it concerns: they are delivered again, the others are done.
"""

from collections import Counter, defaultdict
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
from responder.domain.recent_updates import remember
from responder.domain.resource import Resource
from responder.domain.resource.types import find_type
from responder.domain.security_hub import (
    FILTER_VALUES,
    Finding,
    FindingGone,
    FindingKey,
    FindingRefused,
    FindingUpdate,
)

PORTION = 100
"""Findings that are written and remembered together. Until an update is remembered, the enricher may not know of it."""

FRESH_FOR = timedelta(seconds=10)
"""After which a finding is read again before it is resolved: somebody may have suppressed it, or written into it."""

_ITEM_FOLLOWS_WITHIN = timedelta(days=1)
"""AWS Config's item of a deletion follows the call; a later one is of another deletion of that name."""

_BUCKET = "AWS::S3::Bucket"


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
            When it cannot be told or remembered what is deleted, and so nothing can be done about any.
        """
        read = [_read(event) for event in events]
        deletions = [deletion for found in read if isinstance(found, tuple) for deletion in found]
        now = self._clock()
        batch = _Batch(deletions, self._deleted.of(_resources(deletions), now) if deletions else {})
        if batch.learned:
            self._deleted.remember(batch.learned, now)
        self._resolve(batch, until=now + self._time_limit)
        return [_of_event(found, batch) for found in read]

    def _resolve(self, batch: "_Batch", until: datetime) -> None:
        settled: set[FindingKey] = set()
        for query in queries(batch.deletions, self._hub):
            try:
                hits = self._search.naming(
                    list(query.exact), list(query.prefixes), accounts=list(query.accounts), until=until
                )
                self._settle([finding for finding in hits if finding.key not in settled], batch, until)
            except (Retryable, Permanent) as problem:
                batch.fail(_resources(query.deletions), problem)
            else:
                settled.update(finding.key for finding in hits)

    def _settle(self, findings: Sequence[Finding], batch: "_Batch", until: datetime) -> None:
        """Resolve those findings whose resources are all gone."""
        concerned = [finding for finding in findings if any(map(batch.deletion_of, finding.resources))]
        for start in range(0, len(concerned), PORTION):
            portion = concerned[start : start + PORTION]
            if self._clock() - portion[0].seen_at > FRESH_FOR:
                portion = self._read_again(portion, until)
            gone = self._gone(batch, portion)
            recent = self._recent.of(gone.keys(), self._clock()) if gone else {}
            updates = {
                finding.key: closing(finding, evidence)
                for finding in portion
                if (evidence := _distinct(gone.get(finding.key))) and not _is_written(recent.get(finding.key), evidence)
            }
            if updates:
                self._write(updates, gone, batch, until)

    def _read_again(self, findings: Sequence[Finding], until: datetime) -> list[Finding]:
        read = self._findings.get(findings, until=until)
        for found in read.values():
            if isinstance(found, Exception):
                raise found
        return [found for found in read.values() if isinstance(found, Finding)]

    def _gone(self, batch: "_Batch", findings: Iterable[Finding]) -> dict[FindingKey, Mapping[Resource, Deletion]]:
        """The findings whose every resource is deleted, with how that is known of each."""
        open_ones = [finding for finding in findings if finding.is_open]
        resources = {resource for finding in open_ones for resource in finding.resources}
        unknown = {resource for resource in resources if batch.deletion_of(resource) is None}
        remembered = self._deleted.of(unknown, self._clock()) if unknown else {}
        gone: dict[FindingKey, Mapping[Resource, Deletion]] = {}
        for finding in open_ones:
            evidence = {
                resource: deletion
                for resource in finding.resources
                if (deletion := batch.deletion_of(resource) or remembered.get(resource)) is not None
                and holds_for(finding, resource, deletion)
            }
            if evidence and len(evidence) == len(finding.resources):
                gone[finding.key] = evidence
        self._count("FindingsLeftOpen", len(open_ones) - len(gone))
        return gone

    def _write(
        self,
        updates: Mapping[FindingKey, FindingUpdate],
        evidence: Mapping[FindingKey, Mapping[Resource, Deletion]],
        batch: "_Batch",
        until: datetime,
    ) -> None:
        problems = self._findings.update(updates, until=until)
        for key, problem in problems.items():
            if isinstance(problem, FindingRefused):
                batch.fail(evidence[key].keys(), Rejected("", str(problem)))
            elif not isinstance(problem, FindingGone):
                batch.fail(evidence[key].keys(), problem)
        done = updates.keys() - problems.keys()
        written = {key: RecentUpdate(RESOLVER, _distinct(evidence[key])[0].event_id) for key in done}
        for key in written:
            batch.resolved(evidence[key].keys())
        self._count("FindingsResolved", len(written))
        remember(self._recent, written, now=self._clock(), count=self._count)


def queries(deletions: Iterable[Deletion], hub: str) -> Iterator[Query]:
    """The queries that find all findings of these resources: each id once, and as few as 20 values a filter allow."""
    wanted: dict[tuple[str, bool], list[Deletion]] = defaultdict(list)
    for deletion in sorted(deletions, key=lambda deletion: deletion.resource.account):  # so that few accounts share one
        ids = identifiers(deletion)
        for value in [*((text, False) for text in ids.exact), *((text, True) for text in ids.prefixes)]:
            wanted[value].append(deletion)
    query = Query()
    for (text, is_prefix), named in _few_accounts(wanted):
        accounts = {hub, *(deletion.resource.account for deletion in named)}
        if query.deletions and (
            len(query.exact) + len(query.prefixes) == FILTER_VALUES
            or len(query.accounts.keys() | accounts) > FILTER_VALUES
        ):
            yield query
            query = Query()
        (query.prefixes if is_prefix else query.exact)[text] = None
        query.accounts.update(dict.fromkeys(sorted(accounts)))
        query.deletions += (deletion for deletion in named if deletion not in query.deletions)
    if query.deletions:
        yield query


def _few_accounts(
    wanted: Mapping[tuple[str, bool], Sequence[Deletion]],
) -> Iterator[tuple[tuple[str, bool], list[Deletion]]]:
    """Values with their deletions: one that was deleted in many accounts several times, with those of some of them."""
    for value, named in wanted.items():
        by_account: dict[str, list[Deletion]] = defaultdict(list)
        for deletion in named:
            by_account[deletion.resource.account].append(deletion)
        accounts = list(by_account)
        for start in range(0, len(accounts), FILTER_VALUES - 1):  # and the hub's
            yield value, [d for account in accounts[start : start + FILTER_VALUES - 1] for d in by_account[account]]


def _resources(deletions: Iterable[Deletion]) -> set[Resource]:
    return {resource for deletion in deletions for resource in (deletion.resource, *deletion.also)}


def holds_for(finding: Finding, resource: Resource, deletion: Deletion) -> bool:
    """Whether a deletion is that of the very resource that a finding tells of.

    A name can be used again, and some resources come back from the Recycle Bin under their id: what was observed after
    the deletion is alive. AWS Config notices a deletion some time after it, and the namesake may live by then.

    A name that does not say its account is another's where a product puts findings of all accounts into one; not one
    of AWS's, and not what two accounts cannot both have: an id that AWS assigns, and a bucket's name.
    """
    kind = find_type(resource.type)
    is_unique = kind is not None and kind.assigned
    if not (is_unique or resource.type == _BUCKET or finding.is_of_aws or resource in finding.placed_resources):
        return False
    if is_unique and kind is not None and not kind.restorable:
        return True
    return finding.observed_at is not None and finding.observed_at <= deletion.deleted_at - deletion.noticed_within


def _distinct(evidence: Mapping[Resource, Deletion] | None) -> tuple[Deletion, ...]:
    return tuple(dict.fromkeys((evidence or {}).values()))


def _is_written(update: RecentUpdate | None, evidence: Sequence[Deletion]) -> bool:
    """Whether a finding was resolved on this evidence a moment ago, which GetFindings does not show yet."""
    return update is not None and update == RecentUpdate(RESOLVER, evidence[0].event_id)


def _better(known: Deletion | None, other: Deletion) -> Deletion:
    """Of what tells that a name was deleted, what tells most: a call before AWS Config's item of it, then the later."""
    if known is None:
        return other
    call, item = (known, other) if other.noticed_within else (other, known)
    if item.noticed_within and not call.noticed_within and item.deleted_at - call.deleted_at < _ITEM_FOLLOWS_WITHIN:
        return call
    return other if other.deleted_at > known.deleted_at else known


class _Batch:
    """The deletions of one batch, by resource, with what was known before, and what became of each."""

    def __init__(self, deletions: Iterable[Deletion], known: Mapping[Resource, Deletion]) -> None:
        self._by_resource: dict[Resource, Deletion] = dict(known)
        self._told: dict[Deletion, None] = dict.fromkeys(deletions)
        for deletion in self._told:
            for resource in (deletion.resource, *deletion.also):
                self._by_resource[resource] = _better(self._by_resource.get(resource), deletion)
        self.learned = {resource: d for resource, d in self._by_resource.items() if known.get(resource) != d}
        """What is to be remembered."""
        self._without_suffix = [deletion for deletion in self._told if deletion.lacks_suffix]
        self._problems: dict[Resource, Exception] = {}
        self._resolved: Counter[Resource] = Counter()

    @property
    def deletions(self) -> Iterable[Deletion]:
        """All that the batch's events tell, for the names that they give."""
        return self._told.keys()

    def deletion_of(self, resource: Resource) -> Deletion | None:
        if deletion := self._by_resource.get(resource):
            return deletion
        return next((deletion for deletion in self._without_suffix if is_deleted(resource, deletion)), None)

    def fail(self, resources: Iterable[Resource], problem: Exception) -> None:
        """Note that nothing could be done about these. What can be tried again comes before what cannot succeed."""
        for resource in resources:
            if not isinstance(self._problems.get(resource), Retryable):
                self._problems[resource] = problem

    def resolved(self, resources: Iterable[Resource]) -> None:
        """Note that a finding of these was resolved."""
        self._resolved.update(resources)

    def problem_of(self, deletions: Iterable[Deletion]) -> Exception | None:
        """Why the event that tells these must be delivered again, or cannot be handled."""
        problems = [self._problems[resource] for d in deletions for resource in _of(d, self._problems)]
        return next((problem for problem in problems if isinstance(problem, Retryable)), next(iter(problems), None))

    def resolved_by(self, deletions: Iterable[Deletion]) -> int:
        """How many findings these have resolved."""
        return sum(self._resolved[resource] for d in deletions for resource in _of(d, self._resolved))


def _of(deletion: Deletion, noted: Mapping[Resource, object]) -> list[Resource]:
    """The resources, among those noted, that are the deleted one."""
    if deletion.lacks_suffix:
        return [resource for resource in noted if is_deleted(resource, deletion)]
    return [resource for resource in (deletion.resource, *deletion.also) if resource in noted]


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

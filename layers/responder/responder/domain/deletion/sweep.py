"""The sweep: resolves the findings of resources that are gone although no event has told of it.

CloudTrail's and Config's events are delivered with best effort. A sweep goes through the open findings and asks an
aggregator of AWS Config which of their resources there still are. It works in parts: when a part's time is over, it
sends the event of the next one, which says where to go on.

Guarantees
----------
1. A finding is resolved only when every resource that it names is gone. A resource counts as gone only if the
   aggregator has answered in full and knows it under none of its names, *and* shows that it would know it: others of
   its type are recorded in its account and Region, are found by such names, one of them at least :data:`LAG` after the
   last sign of life of the resource, and one at least a day ago (:data:`SETTLED`). So a recorder that is missing, has
   just begun, is stopped, or no longer records the type, an account that is not aggregated, and a type of which nothing
   is left resolve nothing.
2. The last sign of life is the finding's creation; where a name can be used again, when its product last saw it. It is
   at least a day ago (:data:`SETTLED`), so that events have had their chance and Config has caught up.
3. Only open findings are touched, as they are at most a minute before; what people wrote in the Note survives.
4. Every page is settled before the next is asked for. What is repeated, after a crash, a throttle, a lost token, or by
   a second sweep beside this one, finds its findings resolved.

What is resolved drops out of what is paged through, so that a sweep may skip findings: the next one finds them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from responder.domain.deletion.closing import closing
from responder.domain.deletion.deleted import Deletion
from responder.domain.deletion.ports import Inventory, Later, OpenFindings, PageLost
from responder.domain.deletion.recorded import COVERED, Names, RecordedItem, names_of
from responder.domain.event import Event
from responder.domain.faults import Rejected, Retryable
from responder.domain.note import RESOLVER
from responder.domain.ports import Count, Findings, RecentUpdate, RecentUpdates
from responder.domain.recent_updates import remember
from responder.domain.resource import GLOBAL, Resource
from responder.domain.resource.types import find_type, require_type
from responder.domain.schema import require_valid
from responder.domain.security_hub import FILTER_VALUES, Finding, FindingGone, FindingKey, FindingRefused
from responder.domain.text import quoted
from responder.domain.times import time_or_none

SOURCE = "security-responder"
SWEEP = "Deleted Resources Sweep"

SETTLED = timedelta(hours=24)
"""Since the last sign of life of a resource. AWS Config records some types only daily."""

LAG = timedelta(hours=1)
"""Within which a recorder that runs has recorded what there is."""

TRUSTED_FOR = timedelta(seconds=60)
"""After which a finding is read again before it is resolved."""

RESTARTS = 3
"""Of a portion whose token is lost, in one sweep."""

PAUSE = timedelta(minutes=1)
"""Before the next part, when a service does not answer."""

_ASFF = tuple(dict.fromkeys(name for kind in COVERED for name in require_type(kind).asff))
PORTIONS = tuple(_ASFF[start : start + FILTER_VALUES] for start in range(0, len(_ASFF), FILTER_VALUES))
"""The types of resources whose findings are swept, by ASFF's names: as many at once as a filter takes."""

_MOST_SHOWN = 5
"""Resources of a finding, and places without proof, that a page's report names."""

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sweep: where it goes on, and what the earlier parts have done."""

    sweep: str
    number: int
    dry_run: bool
    portion: int
    token: str | None
    restarts: int
    """How often this portion has begun anew."""
    findings: int
    """Looked at so far."""
    gone: int
    """Findings so far whose resources are all gone."""

    def after(self, token: str | None, *, findings: int, gone: int) -> "Part":
        """What is left after a page whose next one has this token, or after a portion's last."""
        done = replace(self, token=token, findings=self.findings + findings, gone=self.gone + gone)
        return done if token else replace(done, portion=self.portion + 1, restarts=0)

    @property
    def is_over(self) -> bool:
        return self.portion >= len(PORTIONS)


class Sweeper:
    """Resolves the findings of resources that are gone, a part of a sweep at a time.

    Parameters
    ----------
    count
        Counts what the operators want to know, by metric name.
    tell
        Takes each page's report.
    time_limit
        Time after which a part begins no further page.
    page_limit
        Time after which a page makes no further call; it is done again then.
    """

    def __init__(
        self,
        *,
        search: OpenFindings,
        findings: Findings,
        inventory: Inventory,
        recent: RecentUpdates,
        later: Later,
        clock: Callable[[], datetime],
        count: Count,
        tell: Callable[[Report], None],
        time_limit: timedelta,
        page_limit: timedelta,
    ) -> None:
        self._search = search
        self._findings = findings
        self._inventory = inventory
        self._recent = recent
        self._later = later
        self._clock = clock
        self._count = count
        self._tell = tell
        self._time_limit = time_limit
        self._page_limit = page_limit

    def sweep(self, event: Event) -> Report:
        """Do a part of a sweep, and send the event of the next one unless it was the last.

        Raises
        ------
        Rejected
            When the event is not a sweep's.
        Retryable, Permanent
            When not even the first page could be settled, or a call was refused.
        """
        began = self._clock()
        part = read_part(event)
        recorders = _Recorders(self._inventory, now=began)
        pages = 0
        while not part.is_over:
            if pages and self._clock() - began >= self._time_limit:
                return self._hand_over(part, event, pages, None)
            try:
                part = self._settle(part, event, recorders)
            except PageLost:
                if part.restarts >= RESTARTS:
                    raise
                part = replace(part, token=None, restarts=part.restarts + 1)
            except Retryable as problem:
                if not pages:
                    raise
                return self._hand_over(part, event, pages, problem)
            else:
                pages += 1
        return _report("swept", part, pages)

    def _hand_over(self, part: Part, event: Event, pages: int, problem: Retryable | None) -> Report:
        self._later.send(next_event(part, event), delay=PAUSE if problem else timedelta())
        reason = {"reason": str(problem)} if problem else {}
        return {**_report("to_be_continued", part, pages), **reason}

    def _settle(self, part: Part, event: Event, recorders: "_Recorders") -> Part:
        """Settle a page. Gives where the sweep goes on."""
        until = self._clock() + self._page_limit
        findings, token = self._search.open_findings(PORTIONS[part.portion], token=part.token, until=until)
        read_at = self._clock()
        page = _Page(findings, read_at)
        self._look_up(page, recorders, until)
        gone = self._not_just_resolved(page.gone)
        resolved = 0 if part.dry_run else self._resolve(gone, read_at, event, until)
        self._count("FindingsSwept", len(findings))
        self._count("FindingsSweptGone", len(gone))
        self._count("FindingsLeftOpen", page.left_open)
        self._count("ResourcesWithoutProof", len(page.without_proof))
        self._tell(
            {
                "sweep": part.sweep,
                "part": part.number,
                "portion": part.portion,
                "dry_run": part.dry_run,
                "findings": len(findings),
                "gone": [_shown(candidate) for candidate in gone],
                "resolved": resolved,
                "without_proof": sorted(map(str, page.without_proof))[:_MOST_SHOWN],
            }
        )
        return part.after(token, findings=len(findings), gone=len(gone))

    def _look_up(self, page: "_Page", recorders: "_Recorders", until: datetime) -> None:
        """Tell the page which of its findings' resources are gone."""
        if not page.candidates:
            return
        names = {mention.names: None for candidate in page.candidates for mention in candidate.mentions}
        known = _Known(self._inventory.bearing(names.keys(), until=until))
        for candidate in page.candidates:
            missing = [mention for mention in candidate.mentions if not known.has(mention)]
            if len(missing) < len(candidate.mentions):
                page.left_open += 1 if missing else 0
                continue
            unproven = [mention.resource for mention in missing if not recorders.would_know(mention, until)]
            page.without_proof.update(dict.fromkeys(unproven))
            if not unproven:
                page.gone.append(candidate)

    def _not_just_resolved(self, gone: Sequence["Candidate"]) -> list["Candidate"]:
        """Those that were not resolved a moment ago, which GetFindings does not show yet."""
        if not gone:
            return []
        recent = self._recent.of([candidate.finding.key for candidate in gone], self._clock())
        return [
            candidate
            for candidate in gone
            if (update := recent.get(candidate.finding.key)) is None or update.author != RESOLVER
        ]

    def _resolve(self, gone: Sequence["Candidate"], read_at: datetime, event: Event, until: datetime) -> int:
        """Resolve findings. Gives how many, or raises, when all is done that can be, what the others failed with."""
        now = self._clock()
        findings = [candidate.finding for candidate in gone]
        if gone and now - read_at > TRUSTED_FOR:
            findings = list(self._read_again(gone, until))
        if not findings:
            return 0
        updates = {finding.key: closing(finding, self._evidence(finding, event, now)) for finding in findings}
        problems = self._findings.update(updates, until=until)
        self._remember([key for key in updates if key not in problems], event)
        settled = [problem for problem in problems.values() if isinstance(problem, FindingGone | FindingRefused)]
        self._count("FindingsRefused", sum(isinstance(problem, FindingRefused) for problem in settled))
        # What no retry mends comes first: a call that is refused altogether.
        failed = sorted(
            (problem for problem in problems.values() if problem not in settled),
            key=lambda problem: isinstance(problem, Retryable),
        )
        if failed:
            raise failed[0]
        return len(updates) - len(problems)

    def _remember(self, written: Sequence[FindingKey], event: Event) -> None:
        self._count("FindingsResolved", len(written))
        updates = {key: RecentUpdate(RESOLVER, event.id) for key in written}
        remember(self._recent, updates, now=self._clock(), count=self._count)

    def _read_again(self, gone: Sequence["Candidate"], until: datetime) -> Iterator[Finding]:
        """The findings as they are now, if they still are open and tell of the same, with no new sign of life."""
        found = self._findings.get([candidate.finding for candidate in gone], until=until)
        for candidate in gone:
            current = found.get(candidate.finding.key)
            if isinstance(current, Exception):
                raise current
            now = candidate_of(current, self._clock()) if current is not None else None
            if now is not None and now.mentions == candidate.mentions:
                yield now.finding

    def _evidence(self, finding: Finding, event: Event, now: datetime) -> list[Deletion]:
        how = f"not in Config aggregator {self._inventory.name}"
        return [
            Deletion(resource=resource, deleted_at=now, by=None, how=how, event_id=event.id, found_gone=True)
            for resource in finding.resources
        ]


def read_part(event: Event) -> Part:
    """The part that an event asks for. One that says only whether it is a dry run begins a sweep.

    Raises
    ------
    Rejected
        Naming the field that is missing or wrong.
    """
    if event.detail_type != SWEEP:
        raise Rejected("detail-type", f"is {quoted(event.detail_type)}, not {SWEEP!r}")
    if event.source != SOURCE:
        raise Rejected("source", f"is {quoted(event.source)}, not {SOURCE!r}")
    require_valid("sweep", event.detail, at="detail")
    detail = event.detail
    part = Part(
        sweep=detail.get("sweep", event.id),
        number=detail.get("part", 1),
        dry_run=detail["dry_run"],
        portion=detail.get("portion", 0),
        token=detail.get("token"),
        restarts=detail.get("restarts", 0),
        findings=detail.get("findings", 0),
        gone=detail.get("gone", 0),
    )
    if part.is_over:
        raise Rejected("detail.portion", f"is {part.portion}, and the last portion is {len(PORTIONS) - 1}")
    return part


def next_event(part: Part, event: Event) -> dict[str, Any]:
    """The event of the next part. A sweep's parts have its id, and their number after it."""
    return {
        "version": "0",
        "id": f"{part.sweep}/{part.number + 1}",
        "source": SOURCE,
        "detail-type": SWEEP,
        "account": event.account,
        "region": event.region,
        "time": event.document["time"],
        "resources": [],
        "detail": {
            "dry_run": part.dry_run,
            "sweep": part.sweep,
            "part": part.number + 1,
            "portion": part.portion,
            "token": part.token,
            "restarts": part.restarts,
            "findings": part.findings,
            "gone": part.gone,
        },
    }


@dataclass(frozen=True, slots=True)
class Mention:
    """A resource that a finding names, as a sweep sees it."""

    resource: Resource
    names: Names
    alive_at: datetime
    """Its last sign of life in the finding."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finding whose resources can be looked up."""

    finding: Finding
    mentions: tuple[Mention, ...]


def candidate_of(finding: Finding, now: datetime) -> Candidate | None:
    """The finding, if it is open and all of its resources can be looked up: else nothing can be known of it."""
    if not finding.is_open:
        return None
    mentions = []
    for resource in finding.resources:
        says_where = resource in finding.placed_resources
        names = names_of(resource, resource.account if says_where else None)
        alive_at = _last_sign_of_life(finding, resource)
        if names is None or alive_at is None or now - alive_at < SETTLED:
            return None
        if not says_where and not finding.is_of_aws:
            return None  # whoever imports findings puts them into an account of their own
        mentions.append(Mention(resource, names, alive_at))
    return Candidate(finding, tuple(mentions)) if mentions else None


def _last_sign_of_life(finding: Finding, resource: Resource) -> datetime | None:
    """An id that is never used again stays gone, whatever its product goes on to say."""
    kind = find_type(resource.type)
    is_never_used_again = kind is not None and kind.assigned and not kind.restorable
    created_at = time_or_none(finding.document.get("CreatedAt")) if is_never_used_again else None
    return created_at or finding.observed_at


@dataclass(slots=True)
class _Page:
    """A page of findings, and what becomes of them."""

    findings: Sequence[Finding]
    read_at: datetime
    candidates: list[Candidate] = field(init=False)
    gone: list[Candidate] = field(default_factory=list)
    left_open: int = 0
    """Findings of which some resources are missing, and others there."""
    without_proof: dict[Resource, None] = field(default_factory=dict)
    """Missing resources that the aggregator need not know."""

    def __post_init__(self) -> None:
        self.candidates = [found for finding in self.findings if (found := candidate_of(finding, self.read_at))]


class _Known:
    """What the aggregator knows of the resources of a page."""

    def __init__(self, items: Iterable[RecordedItem]) -> None:
        self._identities: set[Resource] = set()
        self._by_text: dict[str, list[RecordedItem]] = defaultdict(list)
        for item in items:
            self._identities.update(item.identities)
            for text in item.texts:
                self._by_text[text].append(item)

    def has(self, mention: Mention) -> bool:
        """Whether anything may be the resource: in case of doubt it is."""
        if mention.resource in self._identities:
            return True
        texts = (*mention.names.names, *mention.names.arns)
        return any(_may_be(item, mention) for text in texts for item in self._by_text.get(text, ()))


def _may_be(item: RecordedItem, mention: Mention) -> bool:
    """Whether a resource of a mention's names may be the mentioned one: not one in another account or Region, if the
    mention itself says account and Region.
    """
    if not item.answers_to(mention.names):
        return False
    resource = mention.resource
    return mention.names.account is None or (
        item.account == resource.account
        and (GLOBAL in (resource.region, item.region) or item.region == resource.region)
    )


class _Recorders:
    """Of which accounts, Regions and types the aggregator knows what there is. Remembers for a part of a sweep."""

    def __init__(self, inventory: Inventory, *, now: datetime) -> None:
        self._inventory = inventory
        self._now = now
        self._recorded_at: dict[tuple[str, str, str], datetime | None] = {}

    def would_know(self, mention: Mention, until: datetime) -> bool:
        """Whether the aggregator would know the resource if there was one."""
        resource = mention.resource
        place = (resource.type, resource.account, resource.region)
        if place not in self._recorded_at:
            self._recorded_at[place] = self._last_recorded(*place, until)
        recorded_at = self._recorded_at[place]
        return recorded_at is not None and recorded_at >= mention.alive_at + LAG

    def _last_recorded(self, kind: str, account: str, region: str, until: datetime) -> datetime | None:
        """When a resource of a type was last recorded in an account and Region; None if that proves nothing."""
        only = None if region == GLOBAL else region
        found = [
            *self._inventory.latest(kind, account=account, region=only, until=until),
            *self._inventory.earliest(kind, account=account, region=only, until=until),
        ]
        there = [
            item for item in found if (item.type, item.account) == (kind, account) and region in (GLOBAL, item.region)
        ]
        recorded = sorted(item.captured_at for item in there if item.captured_at)
        if not recorded or not all(item.is_found_by_its_names for item in there):
            return None
        # Where nothing is older, the account may have been aggregated only now, and not all of it be there yet.
        return recorded[-1] if recorded[0] <= self._now - SETTLED else None


def _report(outcome: str, part: Part, pages: int) -> Report:
    return {
        "outcome": outcome,
        "sweep": part.sweep,
        "part": part.number,
        "dry_run": part.dry_run,
        "pages": pages,
        "findings": part.findings,
        "gone": part.gone,
    }


def _shown(candidate: Candidate) -> dict[str, Any]:
    resources = [str(mention.resource) for mention in candidate.mentions]
    return {"finding_id": candidate.finding.key.id, "resources": resources[:_MOST_SHOWN]}

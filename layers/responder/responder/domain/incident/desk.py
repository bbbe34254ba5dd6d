"""The incident desk: one open incident per cause, whatever is delivered twice, late, out of order or halfway.

Guarantees
----------
1. Claim, act, record. A key is claimed by a conditional write before an incident is started, and the claim holds the
   whole request; whoever finds a claim whose lease is over starts the incident with that same request and token. A
   crash between any two steps ends in the same incident.
2. An event is in the timeline once, however often it is delivered.
3. Title and impact are those of the gravest event, among equals of the earliest: they do not depend on the order of
   arrival. What a person wrote over them stays; impact is only ever raised.
4. An incident that a person resolved stays resolved: only an event not yet recorded whose own time is after the
   resolution opens the next generation.
5. An incident that the backend refuses for good is told on the topic in full, once, and recorded as such.
6. An event with several parts, each with a time of its own, is taken in part by part, and all of the above holds for
   each part: after a crash its next delivery goes on with the first part that is not recorded, and a later event that
   repeats parts of an earlier one adds only what is new.

::

    event --> recorded? --yes--> duplicate
                 | no
              state of its key
                 none -----> claim 1 ----+
                 claimed --> lease over? +--> start --> notify --> record as open --+
                 resolved -> claim n+1 --+                                          |
                 open ---------------------------------------------------------> append --> record the event
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from responder.domain.faults import Permanent, Retryable
from responder.domain.incident.occurrence import (
    MAX_RELATED_ITEMS,
    Headline,
    IncidentRequest,
    Occurrence,
    digest,
    request_for,
)
from responder.domain.incident.ports import (
    Coalesced,
    IncidentBackend,
    IncidentState,
    IncidentView,
    Ledger,
    LostRace,
    Notifier,
    Stage,
)
from responder.domain.times import show_time

MAX_ENTRIES = 200
"""Timeline entries of their own that an incident gets; later events share one. Incident Manager takes 1,000."""

RENOTIFIED_AFTER = timedelta(days=1)
"""After an incident could not be opened, events of its key are only recorded for this long; then it is tried again."""

VISIBLE_AFTER = timedelta(minutes=5)
"""An incident that was opened less than this ago and is not found was not deleted: it is not visible yet."""

_RACES = 10


class ClaimHeld(Retryable):
    """Somebody else is opening this key's incident right now."""


class NotVisible(Retryable):
    """The backend does not show yet what it has just opened."""


class QuotaUsedUp(Permanent):
    """No more incidents can be started this month."""


class Result(StrEnum):
    """What became of an event."""

    OPENED = "opened"
    UPDATED = "updated"
    DUPLICATE = "duplicate"
    LATE = "late"
    """Its incident is resolved, and it is from before that."""
    WAITING = "waiting"
    """It opens nothing, and there is no incident (yet)."""
    NOTIFIED = "notified"
    """Its incident could not be opened; people were told on the topic."""
    NOTED = "noted"
    """It belongs to an incident that people were told of on the topic; it is recorded there."""


_MOST_DONE = (
    Result.OPENED,
    Result.NOTIFIED,
    Result.UPDATED,
    Result.NOTED,
    Result.LATE,
    Result.WAITING,
    Result.DUPLICATE,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event, and in which incident.

    ``problem`` says why one could not be opened; ``started_this_month`` counts those that were, when this one was.
    """

    result: Result
    incident: str | None = None
    generation: int | None = None
    problem: str | None = None
    started_this_month: int | None = None


class IncidentDesk:
    """Takes occurrences in. See the module for its guarantees."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        backend: IncidentBackend,
        notifier: Notifier,
        lease: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._backend = backend
        self._notifier = notifier
        self._lease = lease
        self._clock = clock

    def take_in(self, occurrence: Occurrence) -> Outcome:
        """Bring an occurrence, and then its parts, into the incident of its key, opening one if need be.

        Returns
        -------
        Of what became of it and its parts, that with which most was done.

        Raises
        ------
        Retryable
            When it has to be delivered again: AWS is throttling or down, or somebody else holds the claim.
        Permanent
            When AWS refuses a change of an open incident for good.
        """
        outcomes = [self._take_in(part) for part in (occurrence, *occurrence.parts)]
        if len(outcomes) == 1:
            return outcomes[0]
        most = min(outcomes, key=lambda outcome: _MOST_DONE.index(outcome.result))
        return replace(most, problem=next((outcome.problem for outcome in outcomes if outcome.problem), None))

    def _take_in(self, occurrence: Occurrence) -> Outcome:
        for _ in range(_RACES):
            try:
                return self._attempt(occurrence)
            except LostRace:
                continue
        raise LostRace(f"{occurrence.key} is changed faster than it can be read")

    def _attempt(self, occurrence: Occurrence) -> Outcome:
        state, recorded = self._ledger.look_up(occurrence)
        if recorded:
            return _outcome(Result.DUPLICATE, state)
        if not occurrence.opens and (state is None or state.stage is Stage.CLAIMED):
            # The desk that opens an incident records it as open and then reads what waits; here it is the other way
            # round. So one of the two sees the other:
            #   we:   keep waiting ........... look up
            #   they: ............ record open ....... read waiting
            self._ledger.keep_waiting(occurrence, self._clock())
            state, recorded = self._ledger.look_up(occurrence)
            if state is None or state.stage is Stage.CLAIMED:
                return _outcome(Result.WAITING, state)
            if recorded:
                return _outcome(Result.UPDATED, state)

        if state is None:
            return self._open(occurrence, self._claim(occurrence, after=None))
        if state.stage is Stage.CLAIMED:
            return self._take_over(occurrence, state)
        if state.stage is Stage.NOTIFIED:
            return self._after_notification(occurrence, state)

        view = self._backend.find(_require(state.incident))
        if view is None and self._clock() < state.since + VISIBLE_AFTER:
            raise NotVisible(f"{state.incident} was opened just now and is not visible yet")
        ended_at = _ended_at(state, view)
        if view is not None and ended_at is None:
            return _outcome(Result.UPDATED, state, self._append(occurrence, state, view))
        if ended_at is not None and occurrence.occurred_at > ended_at:
            if occurrence.opens:
                return self._open(occurrence, self._claim(occurrence, after=state))
            self._ledger.keep_waiting(occurrence, self._clock())  # for the next generation, if there will be one
            return _outcome(Result.WAITING, state)
        self._ledger.record(state, occurrence)
        return _outcome(Result.LATE, state)

    def _take_over(self, occurrence: Occurrence, state: IncidentState) -> Outcome:
        """Finish what the holder of a claim began, if its lease is over; then look again, as people may have since."""
        now = self._clock()
        if state.lease_until is not None and now < state.lease_until:
            raise ClaimHeld(f"{state.key} is claimed until {state.lease_until.isoformat()}")
        opened, started = self._start(self._ledger.take_over(state, lease_until=now + self._lease))
        outcome = self._attempt(occurrence)
        if opened.stage is not Stage.OPEN or outcome.result is not Result.UPDATED:
            return outcome
        return replace(outcome, result=Result.OPENED, started_this_month=started)

    def _after_notification(self, occurrence: Occurrence, state: IncidentState) -> Outcome:
        """People were told of the incident instead. They are told again by something graver, or a day later."""
        graver = occurrence.impact < state.headline.impact
        if occurrence.opens and (graver or occurrence.occurred_at > state.since + RENOTIFIED_AFTER):
            return self._open(occurrence, self._claim(occurrence, after=state))
        self._ledger.record(state, occurrence)
        return _outcome(Result.NOTED, state)

    def _claim(self, occurrence: Occurrence, *, after: IncidentState | None) -> IncidentState:
        request = request_for(occurrence, after.generation + 1 if after else 1)
        return self._ledger.claim(request, after=after, lease_until=self._clock() + self._lease)

    def _open(self, occurrence: Occurrence, claimed: IncidentState) -> Outcome:
        """Act on a claim that was made for this event, then take the event in."""
        state, started = self._start(claimed)
        if state.stage is Stage.NOTIFIED:
            self._ledger.record(state, occurrence)
            return _outcome(Result.NOTIFIED, state, state.problem)
        problem = self._append(occurrence, state, _as_requested(claimed.request))
        return _outcome(Result.OPENED, state, problem, started)

    def _start(self, claimed: IncidentState) -> tuple[IncidentState, int | None]:
        """Start what a claim asks for, tell people, and record it. With the count of the month, if it was started."""
        request, now = claimed.request, self._clock()
        try:
            self._require_quota(now)
            incident = self._backend.start(request)
        except Permanent as refusal:
            self._notifier.announce(request, incident=None, problem=str(refusal))
            return self._ledger.give_up(claimed, str(refusal), self._clock()), None
        self._notifier.announce(request, incident=incident, problem=None)
        state = self._ledger.open(claimed, incident, self._clock())
        return state, self._ledger.count_started(self._backend.scope, now)

    def _require_quota(self, now: datetime) -> None:
        """StartIncident declares no error for its monthly quota: what it would do is not found out."""
        quota = self._backend.monthly_quota
        if quota is not None and self._ledger.started(self._backend.scope, now) >= quota:
            raise QuotaUsedUp(f"{quota} incidents were started for {self._backend.scope} this month: its quota")

    def _append(self, occurrence: Occurrence, state: IncidentState, view: IncidentView) -> str | None:
        """Write the event into the open incident, then record it. Repeated after a crash, it changes nothing more.

        Returns what could not be added, if anything: a related item that finds no room loses no event.
        """
        incident = _require(state.incident)
        if occurrence.fingerprint == state.request.headline.fingerprint:
            # The event that the incident was claimed for brings in what waited for it: before it is recorded, so that
            # after a crash its next delivery does so again.
            for waiting in self._ledger.waiting(occurrence.key, self._clock()):
                self._take_in(waiting)
        headline = occurrence.headline
        heads = occurrence.opens and headline <= state.headline
        if heads:
            state = self._head(occurrence, headline, state, view)
        coalesced = None
        own_entry = heads or state.entries < MAX_ENTRIES
        if own_entry:
            token = digest(state.key, str(state.generation), occurrence.fingerprint)
            self._backend.add_entry(incident, at=occurrence.occurred_at, text=occurrence.text, token=token)
        else:
            coalesced = self._coalesce(occurrence, state)
        related, problem = self._relate(occurrence, state)
        self._ledger.record(state, occurrence, related=related, entry=own_entry, coalesced=coalesced)
        return problem

    def _relate(self, occurrence: Occurrence, state: IncidentState) -> tuple[frozenset[str], str | None]:
        """Add the related items that are new, as far as there is room. Returns the added, and why one was refused."""
        room = max(0, MAX_RELATED_ITEMS - len(state.related))
        added: set[str] = set()
        for item in [item for item in occurrence.related_items if item.target not in state.related][:room]:
            try:
                self._backend.add_related_item(_require(state.incident), item)
            except Permanent as refusal:  # people fill incidents too; the event itself is in the timeline
                return frozenset(added), str(refusal)
            added.add(item.target)
        return frozenset(added), None

    def _head(
        self, occurrence: Occurrence, headline: Headline, state: IncidentState, view: IncidentView
    ) -> IncidentState:
        """Let the incident be headed by its gravest event. The headline is recorded first and shown second.

        Two events may do so at once; whoever shows last looks again, and shows what is recorded by then::

            A (grave):  record A ............ show A ............................ look: B. show B
            B (graver): ........... record B ........ show B, look: B
        """
        incident = _require(state.incident)
        graver = occurrence.impact < state.headline.impact
        if headline < state.headline:
            state = self._ledger.raise_headline(state, headline)
        while self._show(state, view, graver=graver):
            now, _ = self._ledger.look_up(occurrence)
            if now is None or now.generation != state.generation or now.headline == state.headline:
                break
            found = self._backend.find(incident)
            if found is None:
                break
            state, view = now, found
        return state

    def _show(self, state: IncidentState, view: IncidentView, *, graver: bool) -> bool:
        """Bring title and impact up to the headline, and say whether that changed any.

        A person's title stays. A person's impact stays too, unless something graver than all before has come.
        """
        headline = state.headline
        title = headline.title if view.title in state.titles and view.title != headline.title else None
        may_raise = graver or view.impact in state.impacts
        impact = headline.impact if headline.impact < view.impact and may_raise else None
        if title is None and impact is None:
            return False
        self._backend.change(_require(state.incident), title=title, impact=impact)
        return True

    def _coalesce(self, occurrence: Occurrence, state: IncidentState) -> Coalesced:
        """Count an event in the one entry that stands for all after the 200th."""
        incident, at = _require(state.incident), occurrence.occurred_at.isoformat()
        before = state.coalesced
        if before is None:
            # Its first text is the same for everyone, because the token is.
            entry_id = self._backend.add_entry(
                incident,
                at=state.request.occurred_at,
                text="Further events are counted here.",
                token=digest(state.key, str(state.generation), "coalesced"),
            )
            after = Coalesced(entry_id, 1, at, at, occurrence.title)
        else:
            after = replace(before, count=before.count + 1, first_at=min(before.first_at, at))
            if at >= before.last_at:
                after = replace(after, last_at=at, last_title=occurrence.title)
        first_at = datetime.fromisoformat(after.first_at)
        span = f"between {show_time(first_at)} and {show_time(datetime.fromisoformat(after.last_at))}"
        text = f"{after.count} further events {span}; the latest: {after.last_title}"
        try:
            self._backend.replace_entry(incident, after.entry_id, at=first_at, text=text)
        except Permanent:  # a person deleted it: the count goes on in a new one
            token = digest(state.key, str(state.generation), "coalesced", str(after.count))
            after = replace(after, entry_id=self._backend.add_entry(incident, at=first_at, text=text, token=token))
        return after


def _as_requested(request: IncidentRequest) -> IncidentView:
    return IncidentView(request.headline.title, request.headline.impact, resolved_at=None)


def _ended_at(state: IncidentState, view: IncidentView | None) -> datetime | None:
    """When the incident ended; None while it is open. A deleted one ended, for all we know, after its first event."""
    return view.resolved_at if view is not None else state.request.occurred_at


def _outcome(
    result: Result, state: IncidentState | None, problem: str | None = None, started: int | None = None
) -> Outcome:
    return Outcome(result, state.incident if state else None, state.generation if state else None, problem, started)


def _require(incident: str | None) -> str:
    if incident is None:
        raise ValueError("an open incident's row has no ARN")
    return incident

"""The watch on heartbeats: remembers when each forwarding rule was last heard, and tells who is silent.

Guarantees
----------
1. A heartbeat counts by its own time, in whatever order, however late and often it comes; never by one in the future.
2. A check judges after the heartbeats that came with it. One that itself came late judges nothing: the heartbeats that
   wait behind it have yet to be heard, and the next check is on its way.
3. Every check that judges says how many member stacks are silent, none included, before it tells anybody: whoever waits
   for that number notices that nobody checks.
4. People are told once for every change of who is silent, and again every day while somebody is. After a crash between
   telling and remembering they are told twice.
5. Nobody ceases to be expected without a word, silent or not; and nobody is called heard again who was not heard.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from responder.domain.event import Event
from responder.domain.faults import Rejected
from responder.domain.heartbeat.members import RULES, Layout, Member, Sender
from responder.domain.heartbeat.notice import Notice
from responder.domain.heartbeat.ports import Accounts, Gauge, Heartbeats, Teller
from responder.domain.heartbeat.silence import Memory, Patience, departure, first_expected, silences
from responder.domain.schema import require_valid
from responder.domain.text import one_line, quoted

SOURCE = "security-responder"
HEARTBEAT = "Heartbeat"
CHECK = "Heartbeat Check"

OUTDATED = timedelta(minutes=10)
"""Age from which a check judges nothing."""

REMINDED = timedelta(days=1)

_MOST_LOGGED = 500
"""Silent rules that a check's report names."""

Report = Mapping[str, Any]


class Watcher:
    """Takes in heartbeats and checks.

    Parameters
    ----------
    accounts
        Gives the accounts that are expected in each of ``regions``; without ``excluded`` ones. The layout says which
        member stacks are expected whatever these are.
    """

    def __init__(
        self,
        *,
        heartbeats: Heartbeats,
        accounts: Accounts,
        excluded: Collection[str],
        regions: Collection[str],
        layout: Layout,
        patience: Patience,
        teller: Teller,
        clock: Callable[[], datetime],
        gauge: Gauge,
    ) -> None:
        self._heartbeats = heartbeats
        self._accounts = accounts
        self._excluded = excluded
        self._regions = regions
        self._layout = layout
        self._patience = patience
        self._teller = teller
        self._clock = clock
        self._gauge = gauge

    def take_in(self, events: Sequence[Event]) -> Iterable[Report | Exception]:
        """Remember the heartbeats among the events, then make the checks. Gives each event's report, or its fault."""
        now = self._clock()
        read = [_read(event) for event in events]
        failure = self._remember(
            [
                (sender, min(event.time, now))
                for event, sender in zip(events, read, strict=True)
                if isinstance(sender, Sender)
            ],
            now,
        )
        return [self._outcome(event, what, failure) for event, what in zip(events, read, strict=True)]

    def _remember(self, heard: Sequence[tuple[Sender, datetime]], now: datetime) -> Exception | None:
        latest: dict[Sender, datetime] = {}
        for sender, time in heard:
            latest[sender] = max(time, latest.get(sender, time))
        try:
            self._heartbeats.heard(latest, now)
        except Exception as failure:  # noqa: BLE001 - the outcome of each, and of the checks that rest on them
            return failure
        return None

    def _outcome(self, event: Event, what: "Sender | str | Rejected", failure: Exception | None) -> Report | Exception:
        if isinstance(what, Rejected):
            return what
        if isinstance(what, Sender):
            member = what.member
            told = {"outcome": "heard", "member": f"{member.account}/{member.region}", "rule": what.rule}
            return failure or told
        if what != CHECK:
            return {"outcome": "ignored", "reason": what}
        if failure is not None:
            return failure
        try:
            return self._check(event)
        except Exception as fault:  # noqa: BLE001 - the inbox counts it, logs it and has it delivered again
            return fault

    def _check(self, event: Event) -> Report:
        now = self._clock()
        if now - event.time > OUTDATED:
            return {"outcome": "outdated", "reason": "the check came late, and the next one judges"}
        names = self._accounts()
        expected = self._layout.members((account for account in names if account not in self._excluded), self._regions)
        senders = list(self._layout.senders(expected))
        memory = self._heartbeats.memory()
        expected_since = first_expected(memory.expected_since, senders, now)
        silent = silences(
            senders,
            expected_since=expected_since,
            last_heard=self._heartbeats.last_heard(),
            now=now,
            patience=self._patience,
        )
        members = {silence.sender.member for silence in silent}
        self._gauge("SilentMembers", len(members))
        told, told_at = frozenset(silence.sender for silence in silent), memory.told_at
        reminds = bool(told) and (told_at is None or now - told_at >= REMINDED)
        gone = departure(memory, senders, expected_since)
        if told != memory.told or gone or reminds:
            notice = Notice(silent, told=memory.told, gone=gone, names=names, layout=self._layout)
            self._teller.tell(notice.subject, notice.text)
            told_at = now
        if (kept := Memory(expected_since, told, told_at if told else None)) != memory:
            self._heartbeats.keep(kept)
        return {
            "outcome": "checked",
            "members": len(expected),
            "silent_members": len(members),
            "silent": [_shown(silence.sender) for silence in silent[:_MOST_LOGGED]],
        }


def _read(event: Event) -> "Sender | str | Rejected":
    """Whose heartbeat an event is, CHECK if it asks for one, or why it says nothing here."""
    try:
        if event.source != SOURCE:
            raise Rejected("source", f"is {quoted(event.source)}, not {SOURCE!r}")
        if event.detail_type == CHECK:
            return CHECK
        if event.detail_type != HEARTBEAT:
            kinds = f"{HEARTBEAT!r} or {CHECK!r}"
            raise Rejected("detail-type", f"is {quoted(event.detail_type)}, not {kinds}")
        require_valid("heartbeat", event.detail, at="detail")
    except Rejected as rejection:
        return rejection
    rule = event.detail["rule"]
    if rule not in RULES:  # of a newer member template, or somebody's invention: it would only fill the table
        return f"no forwarding rule {one_line(rule, 80)} is known"
    return Sender(Member(event.account, event.region), rule)


def _shown(sender: Sender) -> str:
    return f"{sender.member.account}/{sender.member.region}/{sender.rule}"

"""What becomes of each event: through which rules, to which functions, with which outcome."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any

from .envelopes import Event, Submission

if TYPE_CHECKING:
    from .functions import Function, Invocation
    from .pollers import Batch, Message
    from .queues import DeadLetter, Queue

MAXIMUM_ERROR_CHARACTERS = 1_000

MAXIMUM_INVOCATIONS_IN_A_CHAIN = 16
"""Invocations of a function, each by a message that the one before sent, after which Lambda stops it unless the
function's `RecursiveLoop` is `Allow`. Lambda developer guide, "Use Lambda recursive loop detection"."""

MAXIMUM_MESSAGES_SENT = 2_000
"""Messages that functions may send on end, following from one message, before it is called a loop here; AWS lets a
function with `RecursiveLoop: Allow` go on for ever. Long work that goes on message by message stays below it."""

REJECTION_REASON = "RejectionReason"
"""The message attribute with which a function says why it put a record into its dead-letter queue."""


class Status(StrEnum):
    """Of an input event, the worst of its deliveries."""

    UNMATCHED = "unmatched"
    HANDLED = "handled"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a function's log says that it made of an event."""

    function: str
    outcome: str
    incident_key: str | None = None
    reason: str | None = None

    def charge(self, entries: Iterable[Entry]) -> None:
        """Write it down for the events it concerns."""
        for entry in entries:
            entry.outcomes[self] = None
            if self.outcome == Status.REJECTED:
                _add(entry.rejections, self.reason or f"rejected by {self.function}")


@dataclass(slots=True)
class Entry:
    """One element of the input and everything that it set off."""

    submission: Submission
    event: Event | None
    rules: dict[str, None] = field(default_factory=dict)
    forwarded_by: dict[str, None] = field(default_factory=dict)
    functions: dict[str, None] = field(default_factory=dict)
    outcomes: dict[Outcome, None] = field(default_factory=dict)
    rejections: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    raised: float = 0.0
    """Events that functions raised while they worked on it, or on what followed from it: its share of them."""

    @property
    def origin(self) -> str:
        return self.submission.origin

    @property
    def status(self) -> Status:
        if self.failures:
            return Status.FAILED
        if self.rejections:
            return Status.REJECTED
        return Status.HANDLED if self.rules else Status.UNMATCHED

    @property
    def reason(self) -> str | None:
        """Why it is not handled; None if it is."""
        match self.status:
            case Status.FAILED:
                return self.failures[0]
            case Status.REJECTED:
                return self.rejections[0]
            case Status.UNMATCHED if self.forwarded_by:
                return f"forwarded by {', '.join(self.forwarded_by)}, but no rule of the hub's bus matches"
            case Status.UNMATCHED:
                return "no rule of its account's default bus forwards it"
        return None


@dataclass(frozen=True, slots=True)
class Lineage:
    """Which input events a delivery goes back to, and through how many events that functions raised."""

    entries: tuple[Entry, ...] = ()
    depth: int = 0

    @property
    def own_entries(self) -> tuple[Entry, ...]:
        """Those whose very event it is."""
        return self.entries if self.depth == 0 else ()

    def fail(self, reason: str) -> None:
        for entry in self.entries:
            _add(entry.failures, reason)

    def reject(self, reason: str) -> None:
        for entry in self.entries:
            _add(entry.rejections, reason)

    @staticmethod
    def merged(lineages: Iterable[Lineage]) -> Lineage:
        """Of what goes back to any of the lineages."""
        entries: dict[int, Entry] = {}
        depth = 0
        for lineage in lineages:
            entries.update((id(entry), entry) for entry in lineage.entries)
            depth = max(depth, lineage.depth)
        return Lineage(tuple(entries.values()), depth)

    @property
    def of_raised(self) -> Lineage:
        """Of an event that a function raised while it worked on this."""
        return replace(self, depth=self.depth + 1)


def _finding_ids(body: str) -> set[str]:
    """The ids of the findings in a message that is an event of Security Hub's."""
    try:
        found = json.loads(body)["detail"]["findings"]
        return {finding["Id"] for finding in found if isinstance(finding["Id"], str)}
    except (ValueError, RecursionError, KeyError, TypeError):
        return set()


def _add(reasons: list[str], reason: str) -> None:
    if reason not in reasons:
        reasons.append(reason)


class Ledger:
    """The books of one sandbox: an entry for each element of the input, and what is known of every message."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._working: Sequence[tuple[_Message, Message]] = ()
        self._working_on: dict[object, Lineage] | None = None
        self._working_by_event: dict[str, list[_Message]] | None = None

        self._messages: dict[str, _Message] = {}
        self._lineages: dict[bytes, Lineage] = {}

    def open(self, submission: Submission) -> Entry:
        entry = Entry(submission, submission.event)
        self.entries.append(entry)
        if entry.event is None:
            entry.rejections.append(submission.reason or "no event")
        return entry

    # Told by the buses and the pollers

    def sent(self, message_id: str, queue: Queue, body: str, lineage: Lineage) -> None:
        self._messages[message_id] = _Message(queue.name, lineage)
        self._lineages[_digest(body)] = lineage

    def sent_by(self, function: str, message_id: str, queue: Queue, body: str) -> None:
        """The working function has sent a message to a queue that a function reads.

        It goes back to the messages of the same event, by its id; if there are none, to any message of the batch.
        """
        if self._working_by_event is None:
            self._working_by_event = {}
            for known, message in self._working:
                if (event_id := _event_id(message["Body"])) is not None:
                    self._working_by_event.setdefault(event_id, []).append(known)
        origins = self._working_by_event.get(_event_id(body) or "") or [known for known, _ in self._working]
        lineage = Lineage.merged(known.lineage for known in origins)
        sent = _Message(queue.name, lineage, chain=Counter({function: 1}))
        if origins:
            sent.family = max((known.family for known in origins), key=lambda family: family.sent)
            for known in origins:
                sent.chain |= known.chain + Counter({function: 1})
        sent.family.sent += 1
        self._messages[message_id] = sent
        self._lineages.setdefault(_digest(body), lineage)

    def admits(self, function: Function, message: Message) -> bool:
        """Whether a function may be invoked with a message; if not, the books say why it failed."""
        known = self._messages.get(message["MessageId"])
        if known is None:
            return True
        if not function.resource.may_loop and known.chain[function.name] >= MAXIMUM_INVOCATIONS_IN_A_CHAIN:
            known.error = (
                f"a loop: Lambda stops {function.name} after {MAXIMUM_INVOCATIONS_IN_A_CHAIN} invocations by messages"
                " that it sends itself, since its RecursiveLoop is not Allow"
            )
        elif known.family.sent > MAXIMUM_MESSAGES_SENT:
            known.error = f"a loop: functions sent {MAXIMUM_MESSAGES_SENT:,} messages that followed from one, and more"
        else:
            return True
        return False

    def begun(self, function: Function, messages: Sequence[Message]) -> None:
        self._working = [
            (known, message) for message in messages if (known := self._messages.get(message["MessageId"]))
        ]
        self._working_on = self._working_by_event = None
        for known, _ in self._working:
            for entry in known.lineage.own_entries:
                entry.functions[function.name] = None

    def raised_for(self, finding_id: str) -> Lineage:
        """The lineage of an event that the working function raises for a finding.

        It goes back to the messages that carry the finding; if none does, to any message of the batch.
        """
        if self._working_on is None:
            carrying: dict[object, list[Lineage]] = {None: [known.lineage for known, _ in self._working]}
            for known, message in self._working:
                for name in _finding_ids(message["Body"]):
                    carrying.setdefault(name, []).append(known.lineage)
            self._working_on = {name: Lineage.merged(lineages).of_raised for name, lineages in carrying.items()}
        return self._working_on.get(finding_id, self._working_on[None]) if self._working else Lineage()

    def finished(self, batch: Batch) -> None:
        self._working = ()
        self._working_on = self._working_by_event = None
        records = batch.invocation.log_records
        self._note_outcomes(batch, records)
        failed = {message["MessageId"] for message in batch.failed}
        for message in batch.messages:
            message_id = message["MessageId"]
            if message_id not in failed:
                self._messages.pop(message_id, None)
            elif (known := self._messages.get(message_id)) is not None:
                known.error = batch.error or _reported_error(records, message) or "reported as a batch item failure"

    def filtered(self, messages: Sequence[Message]) -> None:
        """No filter of the mapping wants them: to AWS that is a success."""
        for message in messages:
            self._messages.pop(message["MessageId"], None)

    def given_up(self, message_ids: Iterable[str], reason: str) -> None:
        for message_id in message_ids:
            if (known := self._messages.pop(message_id, None)) is not None:
                known.lineage.fail(f"{reason} in {known.queue}{known.last_error}")

    # Told by the sandbox

    def note_direct(self, invocation: Invocation) -> None:
        """Take up what a function says that was invoked without a queue."""
        for record in invocation.log_records:
            if outcome := _outcome(invocation.function, record):
                event_id = record.get("event_id")
                outcome.charge(entry for entry in self.entries if entry.event and entry.event["id"] == event_id)

    def note_dead_letter(self, letter: DeadLetter) -> None:
        """Charge a dead letter to the events it comes from. Told again of the same letter, nothing changes."""
        reason = self.reason_of(letter)
        if REJECTION_REASON in letter.attributes:
            self._lineages.get(_digest(letter.body), Lineage()).reject(reason)
        elif (known := self._messages.get(letter.message_id)) is not None:
            known.lineage.fail(reason)
            known.dead = True

    def note_leftovers(self) -> None:
        """Nothing is due any more: a message that is still waiting is one that nobody reads."""
        for known in self._messages.values():
            if not known.dead:
                known.lineage.fail(f"left in {known.queue}, which no function reads")

    def reason_of(self, letter: DeadLetter) -> str:
        """Why a message is in a dead-letter queue."""
        if rejection := letter.attributes.get(REJECTION_REASON):
            return rejection
        if error := letter.attributes.get("ERROR_MESSAGE"):
            return f"{letter.attributes.get('ERROR_CODE', 'not delivered')}: {error}"
        known = self._messages.get(letter.message_id)
        return f"received {letter.receives} times without success{known.last_error if known else ''}"

    def _note_outcomes(self, batch: Batch, records: Iterable[Mapping[str, Any]]) -> None:
        """Charge each outcome that the function logged to the message whose event it names.

        Events of equal ids are told apart by their order in the batch, if each has one outcome. An event that none of
        the messages is may be one that they go back to.
        """
        outcomes: dict[object, list[Outcome]] = {}
        for record in records:
            if outcome := _outcome(batch.invocation.function, record):
                outcomes.setdefault(record.get("event_id"), []).append(outcome)
        lineages: dict[str | None, list[Lineage]] = {}
        for message in batch.messages:
            if known := self._messages.get(message["MessageId"]):
                lineages.setdefault(_event_id(message["Body"]), []).append(known.lineage)
        for event_id, of_event in outcomes.items():
            charged = lineages.get(event_id, []) if isinstance(event_id, str) else []
            if not charged:
                for outcome in of_event:
                    outcome.charge(_entries_of(event_id, lineages.values()))
            if len(of_event) == len(charged):
                pairs = list(zip(of_event, charged, strict=True))
            else:
                pairs = [(outcome, lineage) for outcome in of_event for lineage in charged]
            for outcome, lineage in pairs:
                outcome.charge(lineage.entries)


@dataclass(slots=True)
class _Family:
    """A message that no function sent, and all that functions sent on end, following from it."""

    sent: int = 0


@dataclass(slots=True)
class _Message:
    """A message on a queue, until it is done with."""

    queue: str
    lineage: Lineage
    chain: Counter[str] = field(default_factory=Counter)
    """How often each function was invoked on the way to it, by messages that functions sent on end."""

    family: _Family = field(default_factory=_Family)
    error: str | None = None
    dead: bool = False

    @property
    def last_error(self) -> str:
        return f": {self.error[:MAXIMUM_ERROR_CHARACTERS]}" if self.error else ""


def _entries_of(event_id: object, lineages: Iterable[Iterable[Lineage]]) -> Iterator[Entry]:
    for lineage in chain.from_iterable(lineages):
        yield from (entry for entry in lineage.entries if entry.event and entry.event["id"] == event_id)


def _outcome(function: str, record: Mapping[str, Any]) -> Outcome | None:
    """The outcome that a log line tells: one with `event_id` and `outcome`."""
    outcome = _text(record.get("outcome"))
    if outcome is None or "event_id" not in record:
        return None
    return Outcome(function, outcome, _text(record.get("incident_key")), _text(record.get("reason")))


def _reported_error(records: Sequence[Mapping[str, Any]], message: Message) -> str | None:
    """The last error that a function logged for the event of a message; Powertools' form of an exception is known."""
    event_id = _event_id(message["Body"])
    for record in reversed(records):
        if record.get("level") in ("ERROR", "CRITICAL") and record.get("event_id") in (event_id, None):
            exception = _text(record.get("exception"))
            return exception.rstrip().rsplit("\n", 1)[-1] if exception else _text(record.get("message"))
    return None


def _event_id(body: str) -> str | None:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return _text(event.get("id")) if isinstance(event, dict) else None


def _digest(body: str) -> bytes:
    return blake2b(body.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

"""What becomes of each event: through which rules, to which functions, with which outcome."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
function with `RecursiveLoop: Allow` go on for ever. Long work that goes on message by message stays below it.

What a stream's function writes to a table with a stream counts like a message: Lambda does not see such loops."""

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
    merged_own: tuple[Entry, ...] = ()
    """Of several deliveries: the entries whose very event one of them is."""

    @property
    def own_entries(self) -> tuple[Entry, ...]:
        """Those whose very event it is."""
        return self.entries if self.depth == 0 else self.merged_own

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
        own: dict[int, Entry] = {}
        depth = 0
        for lineage in lineages:
            entries.update((id(entry), entry) for entry in lineage.entries)
            own.update((id(entry), entry) for entry in lineage.own_entries)
            depth = max(depth, lineage.depth)
        return Lineage(tuple(entries.values()), depth, tuple(own.values()))

    @property
    def of_raised(self) -> Lineage:
        """Of an event that a function raised while it worked on this."""
        return Lineage(self.entries, self.depth + 1)


def _finding_ids(body: str) -> set[str]:
    """The ids of the findings in a message that is an event of Security Hub's."""
    try:
        found = json.loads(body)["detail"]["findings"]
        return {finding["Id"] for finding in found if isinstance(finding["Id"], str)}
    except (ValueError, RecursionError, KeyError, TypeError):
        return set()


def _related_ids(finding: Mapping[str, Any]) -> list[object]:
    related = finding.get("RelatedFindings")
    return [one.get("Id") for one in related if isinstance(one, dict)] if isinstance(related, list) else []


def _add(reasons: list[str], reason: str) -> None:
    if reason not in reasons:
        reasons.append(reason)


@dataclass(slots=True)
class _Family:
    """A message that no function sent, and all that functions sent on end, following from it."""

    sent: int = 0


@dataclass(slots=True)
class Delivery:
    """A message on a queue, or a record of a stream, until it is done with."""

    place: str
    """The queue's name, or what says which stream it is."""

    lineage: Lineage
    chain: Counter[str] = field(default_factory=Counter)
    """How often each function was invoked on the way to it, by messages that functions sent on end."""

    family: _Family = field(default_factory=_Family)
    names: frozenset[str] = frozenset()
    """Of a record: the ids of the events and findings that led to it."""

    is_record: bool = False
    error: str | None = None
    reason: str | None = None
    """Of a message that tells of discarded records: why they were."""

    dead: bool = False

    @property
    def last_error(self) -> str:
        return f": {self.error[:MAXIMUM_ERROR_CHARACTERS]}" if self.error else ""


class Ledger:
    """The books of one sandbox: an entry for each element of the input, and what is known of every message."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._working: Sequence[tuple[Delivery, Message]] = ()
        self._working_on: dict[object, Lineage] | None = None
        self._working_by_event: dict[str, list[Delivery]] | None = None
        self._working_named: list[tuple[Delivery, frozenset[str]]] | None = None

        self._messages: dict[str, Delivery] = {}
        self._lineages: dict[bytes, Lineage] = {}

    def open(self, submission: Submission) -> Entry:
        entry = Entry(submission, submission.event)
        self.entries.append(entry)
        if entry.event is None:
            entry.rejections.append(submission.reason or "no event")
        return entry

    # Told by the buses and the pollers

    def sent(self, message_id: str, queue: Queue, body: str, lineage: Lineage) -> None:
        self._messages[message_id] = Delivery(queue.name, lineage)
        self._lineages[_digest(body)] = lineage

    def sent_by(self, function: str, message_id: str, queue: Queue, body: str) -> None:
        """The working function has sent a message to a queue that a function reads.

        It goes back to the messages of the same event, by its id; if there are none, to any message of the batch.
        """
        if self._working_by_event is None:
            self._working_by_event = {}
            for known, message in self._working:
                for name in known.names if known.is_record else _event_ids(message["Body"]):
                    self._working_by_event.setdefault(name, []).append(known)
        origins = self._working_by_event.get(_event_id(body) or "") or [known for known, _ in self._working]
        lineage = Lineage.merged(known.lineage for known in origins)
        sent = Delivery(queue.name, lineage, chain=Counter({function: 1}))
        if origins:
            sent.family = max((known.family for known in origins), key=lambda family: family.sent)
            for known in origins:
                sent.chain |= known.chain + Counter({function: 1})
        sent.family.sent += 1
        self._messages[message_id] = sent
        self._lineages.setdefault(_digest(body), lineage)

    def wrote(self, stream: str, texts: Collection[str]) -> Delivery:
        """The working function has changed an item, with these texts in it, of a table with a stream.

        The record goes back to the messages whose event or finding the item names, as one of its texts or else within
        one; if it names none, to all of the batch. It is on the books once it `arrived`. Where it goes back to several,
        it belongs to the smallest family: what new input keeps going is no loop.
        """
        if self._working_named is None:
            self._working_named = [(known, _names(known, message)) for known, message in self._working]
        distinct, text = set(texts), "\n".join(texts)
        origins = [(known, names) for known, names in self._working_named if names & distinct]
        origins = origins or [(known, names) for known, names in self._working_named if any(n in text for n in names)]
        origins = origins or self._working_named
        lineage = Lineage.merged(known.lineage for known, _ in origins)
        record = Delivery(stream, lineage, names=frozenset().union(*(names for _, names in origins)), is_record=True)
        if origins:
            record.family = min((known.family for known, _ in origins), key=lambda family: family.sent)
            record.family.sent += any(known.is_record for known, _ in origins)
        return record

    def arrived(self, record_id: str, delivery: Delivery) -> None:
        """A poller has taken a record from a stream; several may take the same one."""
        self._messages[record_id] = replace(delivery)

    def discarded(self, record_ids: Sequence[str], reason: str, letter: tuple[str, Queue] | None = None) -> None:
        """Lambda has given records of a stream up, and sent word to a queue, if `letter` says so: its message's id.

        On a queue that a function reads that is not the end.
        """
        gone = [known for record_id in record_ids if (known := self._messages.pop(record_id, None)) is not None]
        reason += next((known.last_error for known in gone if known.error), "")
        lineage = Lineage.merged(known.lineage for known in gone)
        if letter is None:
            lineage.fail(reason)
        else:
            message_id, queue = letter
            self._messages[message_id] = Delivery(queue.name, lineage, reason=reason)

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
            sent = "messages or rows" if known.is_record else "messages"
            known.error = f"a loop: functions sent {MAXIMUM_MESSAGES_SENT:,} {sent} that followed from one, and more"
        else:
            return True
        return False

    def begun(self, function: Function, messages: Sequence[Message]) -> None:
        self._working = [
            (known, message) for message in messages if (known := self._messages.get(message["MessageId"]))
        ]
        self._working_on = self._working_by_event = self._working_named = None
        for known, _ in self._working:
            for entry in known.lineage.own_entries:
                entry.functions[function.name] = None

    def raised_for(self, finding: Mapping[str, Any]) -> Lineage:
        """The lineage of an event that the working function raises for a finding.

        It goes back to the messages that carry the finding; if none does, to those that carry findings related to it;
        if none does either, to any message of the batch.
        """
        if not self._working:
            return Lineage()
        if self._working_on is None:
            carrying: dict[object, list[Lineage]] = {None: [known.lineage for known, _ in self._working]}
            for known, message in self._working:
                for name in known.names if known.is_record else _finding_ids(message["Body"]):
                    carrying.setdefault(name, []).append(known.lineage)
            self._working_on = {name: Lineage.merged(lineages).of_raised for name, lineages in carrying.items()}
        if (lineage := self._working_on.get(finding["Id"])) is not None:
            return lineage
        related = [self._working_on[name] for name in _related_ids(finding) if name in self._working_on]
        return Lineage.merged(related) if related else self._working_on[None]

    def finished(self, batch: Batch) -> None:
        self._working = ()
        self._working_on = self._working_by_event = self._working_named = None
        records = batch.invocation.log_records
        self._note_outcomes(batch, records)
        failed = {message["MessageId"] for message in batch.failed}
        repeated = {message["MessageId"] for message in batch.repeated}
        for message in batch.messages:
            message_id = message["MessageId"]
            if message_id in repeated:
                continue
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
                known.lineage.fail(f"{reason} in {known.place}{known.last_error}")

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
                known.lineage.fail(f"left in {known.place}, which no function reads")

    def reason_of(self, letter: DeadLetter) -> str:
        """Why a message is in a dead-letter queue."""
        if rejection := letter.attributes.get(REJECTION_REASON):
            return rejection
        if error := letter.attributes.get("ERROR_MESSAGE"):
            return f"{letter.attributes.get('ERROR_CODE', 'not delivered')}: {error}"
        known = self._messages.get(letter.message_id)
        if known is not None and known.reason and not letter.receives:
            return known.reason
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


def _names(known: Delivery, message: Message) -> frozenset[str]:
    """The ids of the events and findings that a message carries, or that led to a record."""
    return known.names if known.is_record else frozenset(_finding_ids(message["Body"]) | _event_ids(message["Body"]))


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
    """The id of the event that a message carries, or that a record of a stream is."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    return _text(event.get("eventID" if event.get("eventSource") == "aws:dynamodb" else "id"))


def _event_ids(body: str) -> set[str]:
    event_id = _event_id(body)
    return set() if event_id is None else {event_id}


def _digest(body: str) -> bytes:
    return blake2b(body.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

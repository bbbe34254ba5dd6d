"""Who is silent: who should have been heard, and was not for too long."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from responder.domain.heartbeat.members import Sender


@dataclass(frozen=True, slots=True)
class Memory:
    """What a check keeps for the next one."""

    expected_since: Mapping[str, datetime] = field(default_factory=dict)
    """Of each account, Region and rule, as ``parts`` names them, when it was first expected.

    What is in it and no longer expected has yet to be told.
    """
    told: frozenset[Sender] = frozenset()
    """The silent ones that people were last told of."""
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """A sender that is silent."""

    sender: Sender
    expected_since: datetime
    heard_at: datetime | None
    """None if it was never heard."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long nobody is called silent."""

    after_heartbeat: timedelta
    """Since the last heartbeat."""
    grace: timedelta
    """Since it was first expected, if it was not heard since: a new account or Region gets its stack in that time."""


def parts(sender: Sender) -> tuple[str, str, str]:
    """What a sender is expected for: its account, its Region, its rule."""
    return sender.member.account, sender.member.region, sender.rule


def first_expected(before: Mapping[str, datetime], senders: Iterable[Sender], now: datetime) -> dict[str, datetime]:
    """Since when each part of these senders is expected. What is expected no longer is forgotten."""
    expected = {part: None for sender in senders for part in parts(sender)}
    return {part: before.get(part, now) for part in expected}


@dataclass(frozen=True, slots=True)
class Departure:
    """What is expected no longer, though the last check did expect it. Its silence is told no more."""

    parts: Sequence[str]
    """Accounts, Regions and rules, in order."""
    silent: Sequence[Sender]
    """The senders that people were last told are silent, in order: they were never heard again."""

    def __bool__(self) -> bool:
        return bool(self.parts or self.silent)


def departure(memory: Memory, senders: Collection[Sender], expected_since: Mapping[str, datetime]) -> Departure:
    """What the memory has and these senders, of whom that is when each part was first expected, have not."""
    return Departure(sorted(memory.expected_since.keys() - expected_since.keys()), sorted(memory.told - set(senders)))


def silences(
    senders: Iterable[Sender],
    *,
    expected_since: Mapping[str, datetime],
    last_heard: Mapping[Sender, datetime],
    now: datetime,
    patience: Patience,
) -> list[Silence]:
    """The silent ones among these senders, in order."""
    found = []
    for sender in sorted(senders):
        since = max(expected_since[part] for part in parts(sender))
        heard_at = last_heard.get(sender)
        # Heard shortly before the first check that expected it is heard as well.
        begun = heard_at is not None and heard_at >= since - patience.after_heartbeat
        deadline = heard_at + patience.after_heartbeat if begun and heard_at else since + patience.grace
        if now > deadline:
            found.append(Silence(sender, since, heard_at))
    return found

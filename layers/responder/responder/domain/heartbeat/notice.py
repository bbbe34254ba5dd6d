"""What people are told of silence: who, where, which rules, since when, and what to do."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby

from responder.domain.heartbeat.members import RULES, Layout, Member, Sender
from responder.domain.heartbeat.silence import Silence
from responder.domain.text import one_line
from responder.domain.times import show_time

_MOST_SHOWN = 200
"""Member stacks under each heading: so the message keeps to what SNS takes."""

_WHAT_TO_DO = """\
What to do: look in that account and Region whether the member stack is there, its rules and its schedule are enabled,
and its dead-letter queues are empty. Deploy the stack again if anything is not as the template says, and find out who
changed it (CloudTrail: DisableRule, DeleteRule, PutRule, RemoveTargets, DeleteStack). If many are silent at once, look
at the hub's bus policy and at WatchHeartbeatsQueue. An account that is to have no member stack belongs into the hub's
parameter ExcludedAccounts, and such a Region not into ExpectedRegions."""


class Notice:
    """A message on how silence has changed.

    Parameters
    ----------
    silent
        All who are silent now.
    told
        Those of the last message.
    names
        Of accounts, as far as they are known.
    """

    def __init__(
        self, silent: Sequence[Silence], *, told: Collection[Sender], names: Mapping[str, str], layout: Layout
    ) -> None:
        self._silent = silent
        self._told = told
        self._names = names
        self._layout = layout

    @property
    def subject(self) -> str:
        members = {silence.sender.member for silence in self._silent}
        if not members:
            return "HEARD AGAIN: all member stacks"
        first = min(members)
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        return f"SILENT: {first.account} in {first.region}{more}"

    @property
    def text(self) -> str:
        current = {silence.sender for silence in self._silent}
        new = [silence for silence in self._silent if silence.sender not in self._told]
        still = [silence for silence in self._silent if silence.sender in self._told]
        back = sorted(sender for sender in self._told if sender not in current)
        members = len({sender.member for sender in current})
        sections = [
            f"Silent: {_count(members, 'member stack')} of the security responder. Security events of these accounts"
            " and Regions may not arrive."
            if members
            else "All expected member stacks forward their heartbeats.",
            *_section("Silent now:", list(self._lines(new))),
            *_section("Still silent:", list(self._lines(still))),
            *_section("No longer silent, or no longer expected:", list(self._lines_of(back))),
        ]
        return "\n\n".join([*sections, _WHAT_TO_DO] if members else sections)

    def _lines(self, silences: Sequence[Silence]) -> Iterator[str]:
        for member, group in groupby(silences, key=lambda silence: silence.sender.member):
            by_time: dict[str, list[str]] = {}
            for silence in group:
                by_time.setdefault(_since(silence), []).append(silence.sender.rule)
            rules = [f"{self._rules(member, names)} ({since})" for since, names in by_time.items()]
            yield f"{self._place(member)}: {', '.join(rules)}"

    def _lines_of(self, senders: Sequence[Sender]) -> Iterator[str]:
        for member, group in groupby(senders, key=lambda sender: sender.member):
            yield f"{self._place(member)}: {self._rules(member, [sender.rule for sender in group])}"

    def _rules(self, member: Member, names: Sequence[str]) -> str:
        all_of_it = sum(self._layout.has(member, rule) for rule in RULES)
        return "every rule" if len(names) == all_of_it else ", ".join(names)

    def _place(self, member: Member) -> str:
        name = self._names.get(member.account)
        account = f"{one_line(name, 60)} ({member.account})" if name else member.account
        return f"{account} in {member.region}"


def _since(silence: Silence) -> str:
    if silence.heard_at is not None:
        return f"last heard {show_time(silence.heard_at)}"
    return f"never heard, expected since {show_time(silence.expected_since)}"


def _section(heading: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        more = [f"and {_count(len(lines) - _MOST_SHOWN, 'more')}"] if len(lines) > _MOST_SHOWN else []
        yield "\n".join([heading, *(f"- {line}" for line in [*lines[:_MOST_SHOWN], *more])])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 and noun != 'more' else ''}"

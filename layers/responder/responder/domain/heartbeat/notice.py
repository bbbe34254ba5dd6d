"""What people are told of silence, and of who is expected no longer: who, where, which rules, and what to do."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from responder.domain.heartbeat.members import RULES, Layout, Member, Sender
from responder.domain.heartbeat.silence import Departure, Silence
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

_WHY_GONE = """\
An account that is no longer expected has left the organization, was suspended or closed, or a parameter of the hub
leaves it out (ExpectedAccounts, ExcludedAccounts), as ExpectedRegions does a Region. This is told once: whether it is
silent, nobody watches any more. Somebody must know why. If nobody does, look for LeaveOrganization,
RemoveAccountFromOrganization and CloseAccount in CloudTrail, in the management account's first."""


class Notice:
    """A message on how silence, and who is expected, has changed.

    Parameters
    ----------
    silent
        All who are silent now.
    told
        Those of the last message.
    gone
        What is expected no longer.
    names
        Of accounts, as far as they are known.
    """

    def __init__(
        self,
        silent: Sequence[Silence],
        *,
        told: Collection[Sender],
        gone: Departure,
        names: Mapping[str, str],
        layout: Layout,
    ) -> None:
        self._silent = silent
        self._told = told
        self._gone = gone
        self._names = names
        self._layout = layout

    @property
    def subject(self) -> str:
        silent = _places(silence.sender for silence in self._silent)
        gone = self._gone.parts or _places(self._gone.silent)
        said = [
            *([f"NO LONGER EXPECTED: {_first(gone)}"] if gone else []),
            *([f"SILENT: {_first(silent)}"] if silent else []),
        ]
        return "; ".join(said) or "HEARD AGAIN: all member stacks"

    @property
    def text(self) -> str:
        current = {silence.sender for silence in self._silent}
        new = [silence for silence in self._silent if silence.sender not in self._told]
        still = [silence for silence in self._silent if silence.sender in self._told]
        heard = sorted(set(self._told) - current - set(self._gone.silent))
        members = len({sender.member for sender in current})
        sections = [
            f"Silent: {_count(members, 'member stack')} of the security responder. Security events of these accounts"
            " and Regions may not arrive."
            if members
            else "No member stack that is expected is silent.",
            *_section("No longer expected:", [self._named(part) for part in self._gone.parts]),
            *_section("No longer expected, and silent to the last:", list(self._lines_of(self._gone.silent))),
            *([_WHY_GONE] if self._gone else []),
            *_section("Silent now:", list(self._lines(new))),
            *_section("Still silent:", list(self._lines(still))),
            *_section("Heard again:", list(self._lines_of(heard))),
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
        return f"{self._named(member.account)} in {member.region}"

    def _named(self, part: str) -> str:
        """An account with its name, if that is known; anything else as it is."""
        name = self._names.get(part)
        return f"{one_line(name, 60)} ({part})" if name else part


def _places(senders: Iterable[Sender]) -> list[str]:
    return [f"{member.account} in {member.region}" for member in sorted({sender.member for sender in senders})]


def _first(places: Sequence[str]) -> str:
    return places[0] + (f" and {len(places) - 1} more" if len(places) > 1 else "")


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

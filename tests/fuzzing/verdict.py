"""What must hold of every invocation, whatever was in it."""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from responder.aws.dead_letters import MAX_MESSAGE
from responder.domain.text import units
from sandbox import organization
from tests.functions.invocation import CONTEXT
from tests.fuzzing.mutations import UNSPOKEN, loaded
from tests.fuzzing.worlds import Invocation, World

MOST_IN_A_LINE = 20_000
"""Bytes of a log line. CloudWatch Logs takes a megabyte; a reader should not have to."""

MOST_IN_A_FIELD = 1_100
"""Characters of a text in one: the longest are incident keys and the canonical texts of resources."""

MESSAGES = {
    "INFO": {"event handled", "page swept"},
    "WARNING": {"event rejected"},
    "ERROR": {"event failed", "payload refused"},
}
FRAME = {"level", "location", "message", "timestamp", "service", "function_request_id"}
TOLD = {
    "event handled": {
        *("event_id", "outcome", "reason", "correlation_id", "incident_key", "incident", "finding_id", "findings"),
        *(
            "resource",
            "resources",
            "rule",
            "sweep",
            "part",
            "dry_run",
            "pages",
            "gone",
            "member",
            "silent",
            "members",
            "silent_members",
        ),
    },
    "event rejected": {"event_id", "outcome", "field", "reason"},
    "event failed": {"event_id", "outcome", "reason"},
    "payload refused": {"outcome", "reason"},
    "page swept": {
        *("sweep", "part", "portion", "dry_run", "findings", "gone", "resolved", "without_proof"),
    },
}
_CONTACTS = [
    contact[name]
    for account in organization.sample()["accounts"]
    if (contact := account.get("security_contact"))
    for name in ("email", "phone")
]


@dataclass
class Tally:
    """How many cases there were, per function and what became of the mutilated event: handled, rejected, or refused as
    nothing that Lambda sends. One that is to be retried is a violation: nothing stands in the way but the event itself.
    """

    cases: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self) -> list[tuple[str, str, int]]:
        """The numbers since they were last taken."""
        told = [(name, outcome, number) for (name, outcome), number in self.cases.items()]
        self.cases.clear()
        return told


TALLY = Tally()


def log_lines(invocation: Invocation) -> list[dict[str, Any]]:
    """The lines of the log: each one JSON object on one line, in whatever viewer, and nothing else."""
    assert invocation.stderr == ""
    text = invocation.stdout
    odd = {character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert odd <= {"\n"}, f"characters that break a line or hide something: {odd}"
    assert not text or text.endswith("\n")
    assert all(len(line.encode()) <= MOST_IN_A_LINE for line in text.splitlines()), "a line is too long"
    lines = [json.loads(line, object_pairs_hook=_once, parse_constant=_no_number) for line in text.splitlines()]
    for line in lines:
        if "_aws" not in line:
            _judge_line(line)
    told = text + json.dumps(lines, ensure_ascii=False)
    assert not [secret for secret in (*UNSPOKEN, *_CONTACTS) if secret in told], "a secret is in the log"
    return [line for line in lines if "_aws" not in line]


def _judge_line(line: Mapping[str, Any]) -> None:
    assert line["message"] in MESSAGES[line["level"]]
    assert line["function_request_id"] == CONTEXT.aws_request_id
    surplus = line.keys() - FRAME - TOLD[line["message"]]
    assert not surplus, f"the log tells of {surplus}: {line}"
    long = {name: len(value) for name, value in line.items() if isinstance(value, str) and len(value) > MOST_IN_A_FIELD}
    assert not long, f"fields are too long: {long}"


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"a line says something twice: {names}"
    return dict(pairs)


def _no_number(token: str) -> None:
    raise AssertionError(f"{token} is no JSON")


def readable_id(body: str, member: str = "id") -> str | None:
    """The id that a record says it has, if it is one that a log can show as it is."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    claimed = value.get(member) if isinstance(value, dict) else None
    if not isinstance(claimed, str) or not 0 < units(claimed) <= 256:
        return None
    return claimed if claimed.isprintable() and claimed == " ".join(claimed.split()) else None


def judge(world: World, records: Sequence[str], mutilated: int, payload: Any = None) -> str:
    """Have a function handle these records, one of which is mutilated. Gives what became of that one.

    Parameters
    ----------
    records
        As texts. All but the one at ``mutilated`` are neighbours of the world.
    payload
        How they are brought; a batch, if nothing is said.
    """
    good = [position for position in range(len(records)) if position != mutilated]
    before, usual = world.usual(()), world.usual([records[position] for position in good])
    payload = world.batch(records) if payload is None else payload
    world.reset()
    invocation = world.invoke(payload)
    if world.refuses(payload):
        _judge_refusal(invocation)
        assert world.effects() == before.effects
        return "refused"
    assert invocation.raised is None, repr(invocation.raised)
    lines = [line for line in log_lines(invocation) if "outcome" in line]
    assert len(lines) == len(records), "not every record has one line that says what became of it"
    failed = [line for line in lines if line["outcome"] == "failed"]
    assert not failed, f"nothing stands in the way but the record itself: {failed}"
    _judge_answer(invocation, lines)
    unheard = {line["outcome"] for line in lines} - world.outcomes - {"rejected"}
    assert not unheard, f"outcomes that nobody knows: {unheard}"
    for line, body in zip(lines, records, strict=True):
        claimed = readable_id(body, world.id_member)
        assert line["event_id"] == claimed if claimed else 0 < len(line["event_id"]) <= 256
    assert [lines[position]["outcome"] for position in good] == usual.outcomes, "neighbours are handled as usual"
    rejected = [lines[mutilated]] if lines[mutilated]["outcome"] == "rejected" else []
    _judge_letters(world, rejected, world.kept(records[mutilated]))

    effects = world.effects()
    missed = usual.effects - before.effects - effects
    assert not missed, f"of what the neighbours do there is not {missed}"
    outcome = str(lines[mutilated]["outcome"])
    # Of an event with several findings, those that can be read are done although it is rejected.
    if outcome in ("rejected", "ignored", "not_deleted") and not _has_several_findings(records[mutilated]):
        assert effects == usual.effects, f"a record that was {outcome} left {effects - usual.effects}"
    return outcome


def _has_several_findings(body: str) -> bool:
    event = loaded(body)
    detail = event.get("detail") if isinstance(event, dict) else None
    findings = detail.get("findings") if isinstance(detail, dict) else None
    return isinstance(findings, list) and len(findings) > 1


def _judge_answer(invocation: Invocation, lines: Sequence[Mapping[str, Any]]) -> None:
    """Nothing is asked for again: nothing but the record itself stands in the way. A single event gets its report."""
    if invocation.answer != {"batchItemFailures": []}:
        (line,) = lines
        assert invocation.answer["outcome"] == line["outcome"]


def _judge_letters(world: World, rejected: Sequence[Mapping[str, Any]], body: str) -> None:
    """What is rejected lies in the dead-letter queue as it came, with its id and the reason."""
    letters = world.letters()
    assert len(letters) == len(rejected)
    for letter, line in zip(letters, rejected, strict=True):
        assert (line["level"], bool(line["reason"])) == ("WARNING", True)
        assert letter.body == body
        if letter.reason is not None or len(body.encode()) < MAX_MESSAGE - 1_000:
            assert letter.event_id == line["event_id"]
            assert letter.reason
            assert line["reason"].startswith(letter.reason.removesuffix("…"))


def _judge_refusal(invocation: Invocation) -> None:
    assert isinstance(invocation.raised, ValueError)
    (line,) = log_lines(invocation)
    assert (line["message"], line["reason"]) == ("payload refused", str(invocation.raised))


def judge_envelope(world: World, payload: Any) -> str:
    """Have a function handle a payload whose own members are mutilated, not what it brings.

    Whatever it is, each record in it is handled, set aside, or refused as what Lambda cannot have sent.
    """
    before = world.usual(()).effects
    world.reset()
    invocation = world.invoke(payload)
    if world.refuses(payload):
        _judge_refusal(invocation)
        assert world.effects() == before
        return "refused"
    assert invocation.raised is None, repr(invocation.raised)
    lines = [line for line in log_lines(invocation) if "outcome" in line]
    number = world.records_in(payload)
    assert len(lines) == number, f"{len(lines)} lines say what became of {number} records"
    assert {line["outcome"] for line in lines} <= world.outcomes | {"rejected"}
    _judge_answer(invocation, lines)
    rejected = [line for line in lines if line["outcome"] == "rejected"]
    assert len(world.letters()) == len(rejected)
    if len(rejected) == len(lines):
        assert world.effects() == before
    return "rejected" if rejected else "handled"

"""Where roles and what is asked of them differ, in either direction. No finding is an empty list.

A role is compared form by form: what a parameter adds to it must be needed where the parameter is so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .policies import FIELDS_OF_FINDINGS, arn_matches, refusal
from .recording import Recording
from .reference import may_be_about
from .roles import Role
from .service_needs import Need

Exceptions = Mapping[tuple[str, str], str]
"""Reviewed, with their reasons; see `reviewed.py` for what they are told by."""


@dataclass
class Form:
    """A role with equal grants in some scenarios, and all that these ask of it."""

    role: str
    recorded: list[tuple[str, Role, list[Need]]] = field(default_factory=list)
    """Scenarios, each with the role as it was deployed there, and what it asks."""

    @property
    def where(self) -> str:
        return ", ".join(dict.fromkeys(scenario for scenario, _, _ in self.recorded))

    @property
    def allowed(self) -> frozenset[str]:
        return frozenset(action for _, role, _ in self.recorded for action in role.actions)

    @property
    def conditions(self) -> frozenset[tuple[str, str]]:
        """Actions that it allows under a condition, each with the condition's keys."""
        statements = [one for _, role, _ in self.recorded for one in role.statements if one.allows]
        return frozenset((action, key) for one in statements for action in one.actions for key, _ in one.conditions)

    @property
    def needed(self) -> dict[str, str]:
        """Actions, and who needs each."""
        return {
            need.request.action: need.by
            for _, _, needs in self.recorded
            for need in sorted(needs, key=lambda need: need.by)
        }


def forms(recordings: Iterable[Recording]) -> list[Form]:
    """The forms of all roles of which anything is asked, in any scenario."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], Form] = {}
    for recording in recordings:
        asked: dict[str, list[Need]] = defaultdict(list)
        for need in recording.needs:
            asked[need.role].append(need)
        for arn, role in recording.roles.items():
            form = found.setdefault((role.name, role.grants), Form(role.name))
            form.recorded.append((recording.scenario, role, asked[arn]))
    return [form for form in found.values() if any(needs for _, _, needs in form.recorded)]


def callers(recordings: Iterable[Recording]) -> set[tuple[str, str]]:
    """Functions, and the roles by which they call; of one that no stack has, the ARN."""
    return {
        (need.function, recording.roles[need.role].name if need.role in recording.roles else need.role)
        for recording in recordings
        for need in recording.needs
        if need.function is not None
    }


def action_drift(recordings: Sequence[Recording], only_in_other_forms: Exceptions) -> list[str]:
    """Actions that a role allows and nothing needs, or the other way round.

    `only_in_other_forms` are actions of roles that each form holds although only another one needs them.
    """
    everywhere = forms(recordings)
    surplus = {(form.role, action) for form in everywhere for action in form.allowed - form.needed.keys()}
    needed = {(form.role, action) for form in everywhere for action in form.needed}
    excused = surplus & needed & only_in_other_forms.keys()
    lines = [line for form in everywhere for line in _action_drift(form, excused)]
    needless = only_in_other_forms.keys() - excused
    return sorted([*lines, *(f"{role} is excused for {action}, and need not be" for role, action in needless)])


def _action_drift(form: Form, excused: Collection[tuple[str, str]]) -> Iterator[str]:
    needed = form.needed
    for action in form.allowed - needed.keys():
        if (form.role, action) not in excused:
            yield f"{form.role} allows {action}, which nothing needs ({form.where})"
    for action in needed.keys() - form.allowed:
        yield f"{form.role} does not allow {action}, which {needed[action]} needs ({form.where})"


def refusals(recordings: Sequence[Recording]) -> list[str]:
    """What is asked of a role that its statements, resources and conditions do not allow."""
    found: dict[str, str] = {}
    for form in forms(recordings):
        for scenario, role, needs in form.recorded:
            for need in needs:
                request = need.request
                if reason := refusal(role.statements, request.action, request.resource, dict(request.context)):
                    line = f"{role.name} refuses {need.by}: {request.action} on {request.resource}: {reason}"
                    found.setdefault(line, scenario)
    return sorted(f"{line} ({scenario})" for line, scenario in found.items())


def unused_resources(recordings: Sequence[Recording], to_be_narrowed: Exceptions) -> list[str]:
    """Resources that a statement allows an action on, and on which nothing needs that action.

    `to_be_narrowed` are actions, by the statement's Sid, of which this is known.
    """
    found = [unused for form in forms(recordings) for unused in _unused_resources(form)]
    known = {key for key, _ in found} & to_be_narrowed.keys()
    lines = [line for key, line in found if key not in known]
    return sorted(lines + [f"{sid} is narrow enough for {action}" for sid, action in to_be_narrowed.keys() - known])


def _unused_resources(form: Form) -> Iterator[tuple[tuple[str, str], str]]:
    granted: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    used: dict[tuple[str, int], set[str]] = defaultdict(set)
    needed = form.needed
    for _, role, needs in form.recorded:
        for statement in (statement for statement in role.statements if statement.allows):
            for action in needed.keys() & set(statement.actions):
                on = {need.request.resource for need in needs if need.request.action == action}
                for number, pattern in enumerate(statement.resources):
                    granted[statement.sid, number][action] = pattern
                    if any(arn_matches(pattern, resource) for resource in on):
                        used[statement.sid, number].add(action)
    for (sid, number), patterns in granted.items():
        by = used[sid, number]
        for action, pattern in patterns.items() - {(action, patterns[action]) for action in by}:
            # What one action of a statement needs may be of a type that another is never about.
            if not by or may_be_about(action, pattern):
                line = f"{form.role}: {sid} allows {action} on {pattern}, where nothing needs it ({form.where})"
                yield (sid, action), line


def ineffective_conditions(recordings: Sequence[Recording], required: Exceptions) -> list[str]:
    """What a role would allow just as well without a condition key, or with a value of it that nothing needs.

    `required` are actions, each with the condition key that it must depend on wherever requests have it. All keys that
    requests have are to be there, but fields of findings; and statements allow nothing by a key that no request has.
    """
    reviewed = {(action, key.lower()) for action, key in required}
    roles = [role for recording in recordings for role in recording.roles.values()]
    compared = {one for role in roles for statement in role.statements for one in statement.conditions}
    lines: set[str] = set()
    asked: set[tuple[str, str]] = set()
    for form in forms(recordings):
        values: dict[tuple[str, str], set[str]] = defaultdict(set)
        for request in (need.request for _, _, needs in form.recorded for need in needs):
            for key, given in request.context:
                values[request.action, key.lower()].update(given)
        asked |= values.keys()
        needless = form.conditions - values.keys()
        lines |= {f"{form.role} allows {action} by {key}, which no request has" for action, key in needless}
        for action, key in values.keys() & reviewed:
            others = {value for name, value in compared if name == key} | {"another"}
            lines |= set(_allowed_otherwise(form, action, key, others - values[action, key]))
    lines |= {
        f"{action} has {key}, of which nobody says whether it must"
        for action, key in asked - reviewed
        if not key.startswith(FIELDS_OF_FINDINGS)
    }
    return sorted([*lines, *(f"no request for {action} has {key} any more" for action, key in reviewed - asked)])


def _allowed_otherwise(form: Form, action: str, key: str, others: Iterable[str]) -> Iterator[str]:
    for _, role, needs in form.recorded:
        for request in {need.request for need in needs if need.request.action == action}:
            rest = {name: given for name, given in request.context if name.lower() != key}
            if len(rest) == len(request.context):
                continue
            where = f"on {request.resource} ({form.where})"
            if refusal(role.statements, action, request.resource, rest) is None:
                yield f"{form.role} allows {action} without {key} {where}"
            for other in others:
                if refusal(role.statements, action, request.resource, {**rest, key: (other,)}) is None:
                    yield f"{form.role} allows {action} with {key} {other} {where}"


def wildcards(recordings: Sequence[Recording], reviewed: Exceptions) -> list[str]:
    """Resources with wildcards that nobody has reviewed, and reviewed ones that are there no more.

    They are told by Sid and what the ARN says behind the account. That of a log group ends with one itself.
    """
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for recording in recordings:
        for role in recording.roles.values():
            for statement in role.statements:
                for pattern in statement.resources:
                    own = pattern.removesuffix(":*") if pattern.split(":")[2:3] == ["logs"] else pattern
                    if set("*?") & set(own):
                        found[statement.sid, _without_place(own)].add(role.name)
    new = [
        f"{', '.join(sorted(roles))}: {sid} has a wildcard: {resource}"
        for (sid, resource), roles in found.items()
        if (sid, resource) not in reviewed
    ]
    return sorted([*new, *(f"{sid} has no wildcard {text} any more" for sid, text in reviewed.keys() - found.keys())])


def _without_place(pattern: str) -> str:
    """What is left of a pattern without partition, service and Region; of the account only whether it is any.

    >>> _without_place("arn:aws:organizations::*:ou/o-*/ou-*")
    '*:ou/o-*/ou-*'
    """
    if ":" not in pattern:
        return pattern
    account, resource = pattern.split(":", 4)[4].split(":", 1)
    return f"*:{resource}" if account == "*" else resource

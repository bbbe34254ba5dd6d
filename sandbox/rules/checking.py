"""Checking rule files: every fault of every file, with its line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from responder.domain.correlation import RELATIONS, RETENTION, Rule, read_rule
from responder.domain.correlation.rule import MOST_COUNTED, parse_window
from responder.domain.faults import Rejected
from responder.domain.resource.types import find_type
from responder.domain.text import one_line

from .cases import history, named
from .documents import Document, Fault, Steps, UnreadableError, read_document
from .finding_fields import NoFieldError, find_field
from .patterns import blame_entries, blame_pattern

RULES = Path(__file__).resolve().parent.parent.parent / "layers" / "rules"
"""The rules of this application."""

SCHEMA = RULES / "schema" / "rule.schema.json"
SUFFIX = ".yaml"


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule without faults, and the document that it was read from."""

    rule: Rule
    document: Document


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in rule files."""

    rules: list[CheckedRule] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def check(paths: Sequence[Path]) -> Checked:
    """Check files, and the rule files of folders.

    Raises
    ------
    UnreadableError
        A file or folder cannot be read, or a folder has no rules.
    """
    checked, files_by_id = Checked(), dict[str, str]()
    for path in paths:
        for file in _files(path):
            document = read_document(file)
            _check(document, files_by_id)
            checked.faults.extend(sorted(document.faults))
            if not document.faults:
                checked.rules.append(CheckedRule(read_rule(document.value), document))
    return checked


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in (SUFFIX, ".yml") and not file.name.startswith("."))
    if not found:
        raise UnreadableError(f"{path}: no rules, which are files that end in {SUFFIX}")
    return found


def _check(document: Document, files_by_id: dict[str, str]) -> None:
    if document.value is None:
        return
    sound = _Sound(document, set(_breaches(document)))
    for blame in _CHECKS:
        blame(document, sound)
    _blame_id(document, sound, files_by_id)


class _Sound:
    """The parts of a document that keep to the schema, so that they can be looked into further."""

    def __init__(self, document: Document, faulty: set[Steps]) -> None:
        self._document = document
        self._faulty = faulty

    def get(self, *steps: str | int) -> Any:
        """The value there; None if it is missing, or anything in it or above it is wrong."""
        if any(fault[: len(steps)] == steps or steps[: len(fault)] == fault for fault in self._faulty if fault):
            return None
        value = self._document.value
        for step in steps:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def each(self, name: str) -> Iterator[tuple[Steps, Any]]:
        """The sound ones of the elements under a name at the top, with their places."""
        for steps in _elements(self._document, name):
            if (element := self.get(*steps)) is not None:
                yield steps, element

    def all(self, name: str) -> list[Any]:
        """The same without their places."""
        return [element for _, element in self.each(name)]


# The schema


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))


def _breaches(document: Document) -> Iterator[Steps]:
    """Report what the schema refuses, and give the places."""
    for error in _validator().iter_errors(document.value):
        for steps, reason in _described(error):
            document.blame(steps, reason)
            yield steps


def _described(error: ValidationError) -> Iterator[tuple[Steps, str]]:
    steps: Steps = tuple(error.absolute_path)
    value: Any = error.instance
    wanted: Any = error.validator_value
    schema = cast("Mapping[str, Any]", error.schema)
    match error.validator:
        case "additionalProperties":
            known = list(schema.get("properties", {}))
            for name in value:
                if name not in known:
                    close = difflib.get_close_matches(name, known, n=1)
                    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
                    yield (*steps, name), f"is unknown ({hint})"
        case "required":
            for name in wanted:
                if name not in value and error.message.startswith(repr(name)):
                    yield (*steps, name), "is missing"
        case "enum":
            yield steps, f"is {_shown(value)}, not {' or '.join(map(str, wanted))}"
        case "pattern":
            examples = schema.get("examples")
            like = (
                f"is not of the form of {' or '.join(map(str, examples))}" if examples else f"does not match {wanted}"
            )
            yield steps, f"{_shown(value)} {like}"
        case "type":
            kinds = wanted if isinstance(wanted, list) else [wanted]
            hint = "; put it in quotes" if kinds == ["string"] and isinstance(value, int | float) else ""
            yield steps, f"is {_shown(value)}, not {' or '.join(_KINDS[kind] for kind in kinds)}{hint}"
        case "minItems" | "minProperties" | "minLength":
            yield steps, "is empty" if wanted == 1 else f"needs {wanted} or more, has {len(value)}"
        case "maxLength" | "maxItems":
            unit = "characters" if isinstance(value, str) else "elements"
            yield steps, f"has {len(value)} {unit}, more than {wanted}"
        case "uniqueItems":
            yield steps, "has an element twice"
        case "minimum" | "maximum":
            yield steps, f"is {value}, {'less' if error.validator == 'minimum' else 'more'} than {wanted}"
        case _:
            yield steps, one_line(error.message)


_KINDS = {
    "string": "text",
    "object": "an object",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
}


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return one_line(json.dumps(value, ensure_ascii=False), 60)


# What the schema cannot say


def _blame_id(document: Document, sound: _Sound, files_by_id: dict[str, str]) -> None:
    path, id_ = Path(document.file), sound.get("id")
    if path.suffix != SUFFIX:
        document.blame((), f"the file's name must end in {SUFFIX}")
    elif id_ is not None and id_ != path.stem:
        document.blame(("id",), f"is {id_}, but the file's name is {path.name}")
    if id_ is not None and (first := files_by_id.setdefault(id_, document.file)) != document.file:
        document.blame(("id",), f"{first} has the same")


def _blame_window(document: Document, sound: _Sound) -> None:
    window = sound.get("window")
    if window is not None and parse_window(window) > RETENTION:
        document.blame(("window",), f"is longer than the {RETENTION.days} days for which findings are remembered")


def _blame_resource_types(document: Document, sound: _Sound) -> None:
    for steps, name in sound.each("resource_types"):
        known = find_type(name)
        if known is None:
            document.blame(steps, "is no type whose ids are known (responder/domain/resource/types.py has them)")
        elif known.name != name:
            document.blame(steps, f"is called {known.name} here")


def _blame_legs(document: Document, sound: _Sound) -> None:
    names: dict[str, Steps] = {}
    for steps in _elements(document, "legs"):
        if (pattern := sound.get(*steps, "pattern")) is not None:
            blame_pattern(document, (*steps, "pattern"), pattern)
        name = sound.get(*steps, "name")
        if name is not None and (first := names.setdefault(name, steps)) != steps:
            document.blame((*steps, "name"), f"the leg on line {document.line(first)} has the same")
        field_name = sound.get(*steps, "distinct", "field")
        if field_name is not None:
            try:
                find_field(field_name)
            except NoFieldError as error:
                document.blame((*steps, "distinct", "field"), str(error))
        matching = sound.get(*steps, "distinct", "matching")
        if matching is not None:
            blame_entries(document, (*steps, "distinct", "matching"), matching)


def _blame_counts(document: Document, sound: _Sound) -> None:
    counts = {steps: sound.get(*steps, "distinct", "count") or 1 for steps in _elements(document, "legs")}
    if (total := sum(counts.values())) > MOST_COUNTED:
        most = max(counts, key=lambda steps: counts[steps])
        document.blame((*most, "distinct", "count"), f"all legs count {total} together, more than {MOST_COUNTED}")


def _blame_relations(document: Document, sound: _Sound) -> None:
    types, legs = sound.get("resource_types"), _elements(document, "legs")
    related = {steps: name for steps in legs if (name := sound.get(*steps, "related")) is not None}
    if legs and len(related) == len(legs):
        document.blame(("legs",), "every leg has a relation: one must be about the resource itself")
    for steps, name in related.items():
        of = RELATIONS[name].of
        if types is not None and of not in types:
            document.blame((*steps, "related"), f"{name} is of {of}, which resource_types has not")


def _blame_samples(document: Document, sound: _Sound) -> None:
    for steps, sample in sound.each("findings"):
        for place, name in _fields(sample, steps, ""):
            try:
                find_field(name)
            except NoFieldError as error:
                document.blame(place, str(error))
    given = [(*steps, "given", index) for steps, case in sound.each("tests") for index, _ in enumerate(case["given"])]
    if len(sound.all("tests")) == len(_elements(document, "tests")):
        used = {sound.get(*steps, "finding") for steps in given}
        for steps in _elements(document, "findings"):
            if steps[-1] not in used:
                document.blame(steps, "no test gives it")


def _blame_tests(document: Document, sound: _Sound) -> None:
    samples = {steps[-1] for steps in _elements(document, "findings")}
    legs = {sound.get(*steps, "name") for steps in _elements(document, "legs")}
    names: dict[str, Steps] = {}
    for steps, case in sound.each("tests"):
        if (first := names.setdefault(case["name"], steps)) != steps:
            document.blame((*steps, "name"), f"the test on line {document.line(first)} has the same")
        for index, step in enumerate(case["given"]):
            if step["finding"] not in samples:
                document.blame((*steps, "given", index, "finding"), f"findings has no {step['finding']}")
            elif (reason := _unreadable(sound.get("findings"), step)) is not None:
                document.blame((*steps, "given", index), reason)
        for index, firing in enumerate(case["fires"]):
            place = (*steps, "fires", index)
            if named(firing["on"]) is None:
                document.blame((*place, "on"), "names no resource")
            for leg in firing["evidence"]:
                if leg not in legs and None not in legs:
                    document.blame((*place, "evidence", leg), "is the name of no leg")
        for relation, by_resource in (case.get("relations") or {}).items():
            for resource, others in by_resource.items():
                if None in map(named, (resource, *others)):
                    document.blame((*steps, "relations", relation, resource), "names something that is no resource")
    cases = sound.all("tests")
    if cases and len(cases) == len(_elements(document, "tests")):
        if not any(case["fires"] for case in cases):
            document.blame(("tests",), "none shows when the rule fires")
        if all(case["fires"] for case in cases):
            document.blame(("tests",), "none shows when the rule does not fire")


def _unreadable(samples: Mapping[str, Any] | None, step: Mapping[str, Any]) -> str | None:
    """Why what a test gives could not be read as a finding."""
    try:
        list(history(samples or {}, [step] if samples else []))
    except Rejected as rejection:
        return f"is no finding: {rejection}"
    return None


_CHECKS: tuple[Callable[[Document, _Sound], None], ...] = (
    _blame_window,
    _blame_counts,
    _blame_resource_types,
    _blame_legs,
    _blame_counts,
    _blame_relations,
    _blame_samples,
    _blame_tests,
)


def _elements(document: Document, name: str) -> list[Steps]:
    """The places of the elements of the list, or members of the object, under a name at the top, sound or not."""
    found = document.value.get(name) if isinstance(document.value, dict) else None
    keys: Iterable[Any] = range(len(found)) if isinstance(found, list) else found if isinstance(found, dict) else ()
    return [(name, key) for key in keys]


def _fields(value: Any, steps: Steps, name: str) -> Iterator[tuple[Steps, str]]:
    """The fields of a finding that have values, with their places."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _fields(member, (*steps, key), f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _fields(element, (*steps, index), name)
    else:
        yield steps, name

"""YAML files whose values know on which line they stand.

YAML as JSON has it: of scalars only true, false, null and numbers are anything but text, so that no date, `yes` or
account id turns into something else. A key that occurs twice is a fault, where YAML's parsers take the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Steps = tuple[str | int, ...]
"""Where a value stands in a document: keys and indices."""

_TAG = "tag:yaml.org,2002:"


class UnreadableError(Exception):
    """A file that cannot be read at all; the message names it."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something wrong in a file."""

    file: str
    line: int
    place: str
    """Where in the document, such as `legs[0].name`; empty for the whole."""
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {f'{self.place}: ' if self.place else ''}{self.reason}"


@dataclass(slots=True)
class Document:
    """What a file says. `value` is None where it has no value that could be checked."""

    file: str
    value: Any = None
    lines: dict[Steps, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def blame(self, steps: Steps, reason: str) -> None:
        """Report a fault at a place; if there is nothing, on the line of what it would stand in."""
        self.faults.append(Fault(self.file, self.line(steps), shown(steps), reason))

    def line(self, steps: Steps) -> int:
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)

    def below(self, steps: Steps) -> Iterator[Steps]:
        """The places of all that stands in the value there, itself included."""
        return (known for known in self.lines if known[: len(steps)] == steps)


def shown(steps: Steps) -> str:
    """A place as text.

    >>> shown(("legs", 0, "pattern", "Severity", "Label", 1))
    'legs[0].pattern.Severity.Label[1]'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def read_document(path: Path) -> Document:
    """Read a file. What is not YAML, or no YAML of this kind, is among the document's faults.

    Raises
    ------
    UnreadableError
        The file cannot be read, or is not text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UnreadableError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise UnreadableError(f"{path}: not UTF-8 text") from None
    document = Document(_name(path))
    try:
        root = yaml.compose(text, Loader=_Loader)
        if root is not None:
            document.lines[()] = root.start_mark.line + 1
            document.value = _value(root, (), document, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(part for part in (error.context, error.problem) if part)
        document.faults.append(Fault(document.file, mark.line + 1 if mark else 1, "", f"not YAML: {reason}"))
        return document
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        document.faults.append(Fault(document.file, line, "", f"not YAML: {error.reason}"))
        return document
    except RecursionError:
        document.value = None
        document.faults.append(Fault(document.file, 1, "", "nested too deeply"))
        return document
    if root is None:
        document.faults.append(Fault(document.file, 1, "", "is empty"))
    return document


def _name(path: Path) -> str:
    """The path as people at this place would write it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path)


class _Loader(yaml.SafeLoader):
    """Knows of plain scalars what JSON knows."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute


_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"^(null|~|)$"), ["n", "~", ""])
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^(true|false)$"), ["t", "f"])
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"^-?(0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver(
    f"{_TAG}float", re.compile(r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$"), list("-0123456789")
)

_SCALARS: dict[str, Any] = {
    "str": str,
    "null": lambda text: None,
    "bool": lambda text: text == "true",
    "int": int,
    "float": float,
}


def _value(node: Any, steps: Steps, document: Document, inside: tuple[int, ...]) -> Any:
    if id(node) in inside:
        document.blame(steps, "an alias refers to what it stands in")
        return None
    inside = (*inside, id(node))
    if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
        return _object(node, steps, document, inside)
    if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
        elements = []
        for index, element in enumerate(node.value):
            document.lines[(*steps, index)] = element.start_mark.line + 1
            elements.append(_value(element, (*steps, index), document, inside))
        return elements
    made = _SCALARS.get(node.tag.removeprefix(_TAG)) if isinstance(node, yaml.ScalarNode) else None
    try:
        if made is not None:
            return made(node.value)
    except ValueError:
        pass
    document.blame(steps, f"the tag {node.tag.replace(_TAG, '!!')} is not for such a value")
    return None


def _object(node: yaml.MappingNode, steps: Steps, document: Document, inside: tuple[int, ...]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            document.faults.append(Fault(document.file, line, shown(steps), "a key must be text"))
            continue
        place = (*steps, key.value)
        if key.value in members:
            first = document.lines[place]
            document.faults.append(Fault(document.file, line, shown(place), f"occurs twice: first on line {first}"))
            continue
        document.lines[place] = line
        members[key.value] = _value(value, place, document, inside)
    return members

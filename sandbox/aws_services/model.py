"""Requests and responses against botocore's own service models.

botocore's client checks required members, types and lower bounds, and leaves upper bounds, patterns, enums and
unions to the service. A backend that stands in for the service therefore checks all of it: `violations` lists every
breach of a shape by a value in wire form (what `json.loads` gives), `read` turns a checked value into Python's types.

Strings are counted in Unicode code points (Smithy: "the number of Unicode scalar values"). Members that the model does
not know are breaches here, although AWS ignores most of them: a misspelt member should not pass silently.

Patterns are Java's and must match the whole value, as AWS applies them. What Python writes differently is translated:

- `\\p{L}` and `\\p{M}` become `\\w` (which also takes digits and the underscore), `\\p{N}` `\\d`, `\\p{Z}` the Unicode
  separators, `\\p{P}` the punctuation of ASCII, Latin-1 and the general and CJK punctuation blocks;
- Security Hub's `.*\\S.*` means "not blank": texts of several lines are accepted there, so its dot takes newlines.

A pattern that Python still cannot compile is not enforced; `uncompilable_patterns` lists those of an operation.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, cast

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.utils import parse_timestamp
from moto.core.utils import get_service_model

Path = tuple[str | int, ...]

# A Python class expression for each Unicode property that the models use inside brackets.
_PROPERTIES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{M}": r"\w",
    r"\p{Z}": r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\p{P}": r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3001-\u303f",
}
_NOT_BLANK = r".*\S.*"


class Rule(Enum):
    """What a shape asks of a value; the text is AWS's own wording where AWS has one."""

    REQUIRED = "Member must not be null"
    UNKNOWN = "Member must be one of the members of {limit}"
    TYPE = "Member must be of type {limit}"
    ENUM = "Member must satisfy enum value set: [{limit}]"
    PATTERN = "Member must satisfy regular expression pattern: {limit}"
    MIN_LENGTH = "Member must have length greater than or equal to {limit}"
    MAX_LENGTH = "Member must have length less than or equal to {limit}"
    MIN_VALUE = "Member must have value greater than or equal to {limit}"
    MAX_VALUE = "Member must have value less than or equal to {limit}"
    UNION = "Member must have exactly one of these members set: [{limit}]"


@dataclass(frozen=True)
class Violation:
    """One breach: where (names and zero-based indexes), the value found, which rule, and the rule's limit."""

    path: Path
    value: Any
    rule: Rule
    limit: Any = None

    @property
    def member(self) -> str:
        """The member as AWS names it, counting list items from one.

        >>> Violation(("relatedItems", 0, "title"), "", Rule.REQUIRED).member
        'relatedItems.1.member.title'
        """
        return ".".join(f"{part + 1}.member" if isinstance(part, int) else part for part in self.path)

    @property
    def constraint(self) -> str:
        limit = ", ".join(self.limit) if isinstance(self.limit, list | tuple) else self.limit
        return self.rule.value.format(limit=limit)

    def __str__(self) -> str:
        shown = "null" if self.value is None else f"'{self.value}'"
        value = f"Value {shown}" if len(shown) <= 200 else "Value"
        return f"{value} at '{self.member}' failed to satisfy constraint: {self.constraint}"


def message(found: Collection[Violation]) -> str:
    """The sentence that AWS answers a request with that breaches its model."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: {'; '.join(map(str, found))}"


def operation_model(service: str, operation: str) -> OperationModel:
    """The model of an operation; the same object every time, so that resolved shapes are kept."""
    return cast(OperationModel, get_service_model(service).operation_model(operation))


def violations(shape: Shape, value: Any, path: Path = (), *, opaque: Collection[Path] = ()) -> Iterator[Violation]:
    """Every breach of `shape` by `value`, in the order of the model.

    Lists, maps and structures at a path in `opaque` are checked for type and size, and not looked into.
    """
    if isinstance(shape, StructureShape):
        yield from _structure_violations(shape, value, path, opaque)
    elif isinstance(shape, ListShape):
        yield from _list_violations(shape, value, path, opaque)
    elif isinstance(shape, MapShape):
        yield from _map_violations(shape, value, path, opaque)
    elif shape.type_name in ("string", "character"):
        yield from _string_violations(shape, value, path)
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _number_violations(shape, value, path)
    elif not _is_scalar(shape.type_name, value):
        yield Violation(path, value, Rule.TYPE, shape.type_name)


def read(shape: Shape, value: Any) -> Any:
    """A checked wire value as Python's types: aware datetimes, bytes, whole numbers as int; nulls are left out."""
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return value
        wire_names = _wire_names(shape)
        return {wire_names[k]: read(shape.members[wire_names[k]], v) for k, v in value.items() if v is not None}
    if isinstance(shape, ListShape):
        return [read(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: read(shape.value, item) for key, item in value.items() if item is not None}
    if shape.type_name == "timestamp":
        return parse_timestamp(value)
    if shape.type_name == "blob":
        return base64.b64decode(value)
    if shape.type_name in ("integer", "long"):
        return int(value)
    return value


def without_nulls(value: Any) -> Any:
    """A copy in which every member that is null is absent, which is the same to AWS."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def uncompilable_patterns(shape: Shape) -> set[str]:
    """The patterns below a shape that Python cannot compile, and that are therefore not enforced."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [shape]
    while waiting:
        current = waiting.pop()
        pattern = current.metadata.get("pattern")
        if pattern and _compiled(pattern) is None:
            found.add(pattern)
        if current.name in seen:
            continue
        seen.add(current.name)
        if isinstance(current, StructureShape):
            waiting.extend(current.members.values())
        elif isinstance(current, ListShape):
            waiting.append(current.member)
        elif isinstance(current, MapShape):
            waiting.extend((current.key, current.value))
    return found


def _structure_violations(
    shape: StructureShape, value: Any, path: Path, opaque: Collection[Path]
) -> Iterator[Violation]:
    if shape.is_document_type:
        return
    if not isinstance(value, Mapping):
        yield Violation(path, value, Rule.TYPE, "structure")
        return
    if path in opaque:
        return
    wire_names = _wire_names(shape)
    present = {wire_names[name]: item for name, item in value.items() if name in wire_names and item is not None}
    for name in shape.required_members:
        if name not in present:
            yield Violation((*path, name), None, Rule.REQUIRED)
    for name in value:
        if name not in wire_names:
            yield Violation((*path, name), value[name], Rule.UNKNOWN, shape.name)
    if shape.is_tagged_union and len(present) != 1:
        yield Violation(path, sorted(present), Rule.UNION, sorted(shape.members))
    for name, item in present.items():
        yield from violations(shape.members[name], item, (*path, name), opaque=opaque)


def _list_violations(shape: ListShape, value: Any, path: Path, opaque: Collection[Path]) -> Iterator[Violation]:
    if not isinstance(value, list):
        yield Violation(path, value, Rule.TYPE, "list")
        return
    yield from _length_violations(shape, value, path)
    if path not in opaque:
        for index, item in enumerate(value):
            yield from violations(shape.member, item, (*path, index), opaque=opaque)


def _map_violations(shape: MapShape, value: Any, path: Path, opaque: Collection[Path]) -> Iterator[Violation]:
    if not isinstance(value, Mapping):
        yield Violation(path, value, Rule.TYPE, "map")
        return
    yield from _length_violations(shape, value, path)
    if path not in opaque:
        for key, item in value.items():
            yield from violations(shape.key, key, (*path, key))
            if item is not None:
                yield from violations(shape.value, item, (*path, key), opaque=opaque)


def _string_violations(shape: Shape, value: Any, path: Path) -> Iterator[Violation]:
    if not isinstance(value, str):
        yield Violation(path, value, Rule.TYPE, "string")
        return
    yield from _length_violations(shape, value, path)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield Violation(path, value, Rule.ENUM, allowed)
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern else None
    if compiled and not compiled.fullmatch(value):
        yield Violation(path, value, Rule.PATTERN, pattern)


def _number_violations(shape: Shape, value: Any, path: Path) -> Iterator[Violation]:
    if not _is_scalar(shape.type_name, value):
        yield Violation(path, value, Rule.TYPE, shape.type_name)
        return
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    if lowest is not None and value < lowest:
        yield Violation(path, value, Rule.MIN_VALUE, lowest)
    if highest is not None and value > highest:
        yield Violation(path, value, Rule.MAX_VALUE, highest)


def _length_violations(shape: Shape, value: Any, path: Path) -> Iterator[Violation]:
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    if lowest is not None and len(value) < lowest:
        yield Violation(path, value, Rule.MIN_LENGTH, lowest)
    if highest is not None and len(value) > highest:
        yield Violation(path, value, Rule.MAX_LENGTH, highest)


def _is_scalar(type_name: str, value: Any) -> bool:
    if type_name == "boolean":
        return isinstance(value, bool)
    if type_name == "timestamp":
        return _is_timestamp(value)
    if type_name == "blob":
        return _is_base64(value)
    if isinstance(value, bool):
        return False
    if type_name in ("integer", "long"):
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, int | float)


def _is_timestamp(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return isinstance(parse_timestamp(cast(str, value)), datetime)
    except (ValueError, OverflowError, RuntimeError):  # RuntimeError is botocore's "Unable to calculate"
        return False


def _is_base64(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _wire_names(shape: StructureShape) -> dict[str, str]:
    """Wire name -> member name. Members of the URI, the query and the headers keep their member name."""
    return {
        name if "location" in member.serialization else member.serialization.get("name", name): name
        for name, member in shape.members.items()
    }


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    translated = pattern
    for java, python in _PROPERTIES.items():
        translated = translated.replace(java, python)
    try:
        return re.compile(translated, re.DOTALL if pattern == _NOT_BLANK else 0)
    except re.error:
        return None

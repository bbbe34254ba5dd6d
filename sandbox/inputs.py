"""Files, folders and standard input, as the JSON values in them."""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUFFIXES = (".json", ".jsonl", ".gz")
STANDARD_INPUT = "-"

WORLD = "world"
"""The name of folders that describe the world, such as its organization, and hold no events."""

_BLANKS = re.compile(r"\s*")


class InputError(Exception):
    """A file that cannot be read or parsed; the message names the file and, where there is one, the line."""

    def __init__(self, name: str, reason: str, *, line: int | None = None) -> None:
        super().__init__(f"{name}:{line}: {reason}" if line else f"{name}: {reason}")


@dataclass(frozen=True, slots=True)
class JsonValue:
    """A JSON value and where it stands, such as `logs/monday.jsonl:12`.

    `fault` says why a value that is JSON, or nearly, could not be taken over; `value` is then None.
    """

    value: Any
    origin: str
    fault: str | None = None


def read(paths: Iterable[str]) -> list[JsonValue]:
    """Every JSON value of the paths, in order; a folder's files recursively and sorted by name.

    Hidden files and folders are not read, nor are folders called `world` within a folder. The null device holds no
    values, where an empty file is an error.

    All of them or none: the first file that cannot be read or parsed raises `InputError`.
    """
    values: list[JsonValue] = []
    for path in paths:
        if path == STANDARD_INPUT:
            values += _values("stdin", sys.stdin.buffer.read(), lines=False)
        elif path != os.devnull:
            for file in _files(Path(path)):
                lines = file.name.lower().removesuffix(".gz").endswith(".jsonl")
                values += _values(str(file), _content(file), lines=lines)
    return values


def _files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        found = [file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and _belongs(file, path)]
    except OSError as error:
        raise InputError(str(path), _reason(error)) from None
    return sorted(found, key=lambda file: file.relative_to(path).parts)


def _belongs(file: Path, folder: Path) -> bool:
    parts = file.relative_to(folder).parts
    return file.is_file() and WORLD not in parts[:-1] and not any(part.startswith(".") for part in parts)


def _content(file: Path) -> bytes:
    try:
        if file.suffix.lower() == ".gz":
            with gzip.open(file) as stream:
                return stream.read()
        return file.read_bytes()
    except gzip.BadGzipFile:
        raise InputError(str(file), "not a gzip file") from None
    except (EOFError, zlib.error) as error:
        raise InputError(str(file), f"a damaged gzip file: {error}") from None
    except OSError as error:
        raise InputError(str(file), _reason(error)) from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _values(name: str, content: bytes, *, lines: bool) -> Iterator[JsonValue]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(name, "not UTF-8 text", line=line) from None
    if lines:
        yield from _lines(name, text)
    else:
        yield from _documents(name, text)


def _lines(name: str, text: str) -> Iterator[JsonValue]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _parsed(name, line, origin=f"{name}:{number}", first_line=number)


def _documents(name: str, text: str) -> Iterator[JsonValue]:
    """One JSON text, or several after each other, as many tools write them into a `.json` file."""
    if not text.strip():
        raise InputError(name, "empty, where JSON is expected", line=1)
    try:
        yield _parsed(name, text, origin=name, first_line=1)
        return
    except _ExtraDataError:
        pass
    decoder, position, line = json.JSONDecoder(), 0, 1
    while (start := _skip_blanks(text, position)) < len(text):
        line += text.count("\n", position, start)
        try:
            value, position = decoder.raw_decode(text, start)
        except RecursionError:
            raise InputError(name, "nested too deeply", line=line) from None
        except ValueError as error:
            raise _unparsable(name, error, first_line=1) from None
        yield JsonValue(value, f"{name}:{line}")
        line += text.count("\n", start, position)


def _skip_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position


class _ExtraDataError(Exception):
    """A JSON text goes on after its end."""


def _parsed(name: str, text: str, *, origin: str, first_line: int) -> JsonValue:
    try:
        return JsonValue(json.loads(text), origin)
    except RecursionError:
        return JsonValue(None, origin, fault="nested too deeply")
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and origin == name:
            raise _ExtraDataError from None
        raise _unparsable(name, error, first_line=first_line) from None
    except ValueError as error:  # an integer of more digits than Python reads
        raise _unparsable(name, error, first_line=first_line) from None


def _unparsable(name: str, error: ValueError, *, first_line: int) -> InputError:
    if isinstance(error, json.JSONDecodeError):
        reason, line = f"not JSON: {error.msg} (column {error.colno})", first_line + error.lineno - 1
        return InputError(name, reason, line=line)
    return InputError(name, f"not JSON that can be read: {error}", line=first_line)

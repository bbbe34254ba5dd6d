"""Files, folders and standard input become JSON values, or a message that names file and line."""

import gzip
import io
import json
import os
import sys
from pathlib import Path

import pytest

from sandbox.inputs import InputError, JsonValue, read


def write(path: Path, content: str | bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def values(*paths: str) -> list[object]:
    return [value.value for value in read(paths)]


def test_a_json_file_is_one_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '{"a":\n 1}')
    assert read([path]) == [JsonValue({"a": 1}, path)]


def test_a_jsonl_file_is_a_value_a_line_and_says_which(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '1\n\n"two"\r\n3')
    assert read([path]) == [JsonValue(1, f"{path}:1"), JsonValue("two", f"{path}:3"), JsonValue(3, f"{path}:4")]


def test_json_texts_may_follow_each_other_in_a_json_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '{"a": 1}\n{\n"b": 2}{"c": 3}\n\n')
    assert read([path]) == [
        JsonValue({"a": 1}, f"{path}:1"),
        JsonValue({"b": 2}, f"{path}:2"),
        JsonValue({"c": 3}, f"{path}:3"),
    ]


@pytest.mark.parametrize("name", ["a.json.gz", "a.gz"])
def test_compressed(tmp_path: Path, name: str) -> None:
    assert values(write(tmp_path / name, gzip.compress(b'{"Records": []}'))) == [{"Records": []}]


def test_compressed_lines(tmp_path: Path) -> None:
    assert values(write(tmp_path / "a.jsonl.gz", gzip.compress(b"1\n2"))) == [1, 2]


def test_a_folder_gives_its_files_recursively_and_sorted(tmp_path: Path) -> None:
    for name, content in {"b.json": "1", "a/z.jsonl": "2\n3", "a/b/c.json": "4"}.items():
        write(tmp_path / name, content)
    write(tmp_path / "c.gz", gzip.compress(b"5"))
    for name in ("readme.md", ".hidden.json", ".git/config.json"):
        write(tmp_path / name, "not JSON")
    assert values(str(tmp_path)) == [4, 2, 3, 1, 5]


def test_paths_keep_their_order_and_may_repeat(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1.json", "1"), write(tmp_path / "2.json", "2")
    assert values(two, one, two) == [2, 1, 2]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}\n{"b": 2}\n')))
    assert read(["-"]) == [JsonValue({"a": 1}, "stdin:1"), JsonValue({"b": 2}, "stdin:2")]


def test_the_null_device_holds_nothing(tmp_path: Path) -> None:
    assert values(os.devnull) == []
    assert values(write(tmp_path / "a.json", "1"), os.devnull) == [1]


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    assert values(write(tmp_path / "a.json", b"\xef\xbb\xbf[1]")) == [[1]]


def test_of_duplicate_keys_the_last_counts(tmp_path: Path) -> None:
    assert values(write(tmp_path / "a.json", '{"a": 1, "a": 2}')) == [{"a": 2}]


def test_a_lone_surrogate_is_text(tmp_path: Path) -> None:
    assert values(write(tmp_path / "a.json", r'"\ud800"')) == ["\ud800"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_value_nested_too_deeply_is_a_fault_of_that_value(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "[" * 100_000 + "]" * 100_000 + "\n")
    assert [value.fault for value in read([path])] == ["nested too deeply"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"a": 1,\n "b": }', ":2: not JSON: Expecting value (column 7)"),
        ("a.json", '{"a": 1}\n{"b": 2}\n{"c"', ":3: not JSON"),
        ("a.json", "", ":1: empty"),
        ("a.json", b'{"a":\n"\xff"}', ":2: not UTF-8 text"),
        ("a.json", "1" * 5000, ":1: not JSON that can be read"),
        ("a.jsonl", '{"a": 1}\n{"b": 2', ":2: not JSON"),
        ("a.jsonl", '{"a": 1} {"b": 2}', ":1: not JSON: Extra data"),
        ("a.json.gz", "{}", ": not a gzip file"),
        ("a.json.gz", gzip.compress(b"[1, 2, 3]", mtime=0)[:-9], ": a damaged gzip file"),
    ],
)
def test_what_cannot_be_parsed_is_named_with_its_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(InputError) as fault:
        read([path])
    assert str(fault.value).startswith(path + message)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.json: no such file or directory"):
        read([str(tmp_path / "nothing.json")])


def test_many_texts_in_one_file_take_linear_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", "".join(json.dumps({"n": n}) + "\n" for n in range(50_000)))
    assert len(read([path])) == 50_000

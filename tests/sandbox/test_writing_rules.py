"""docs/writing-rules.md: the example is what it says, and the commands say what it shows."""

import re
from pathlib import Path

import pytest

from sandbox.cli import EVENTS, main

TEXT = (EVENTS.parent / "docs" / "writing-rules.md").read_text()
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
SHOWN = dict(re.findall(r"```console\n\$ \.venv/bin/responder rules (\w+)[^\n]*\n(.*?)```", TEXT, re.DOTALL))
FILE = Path("layers/rules/brute-forced-instance-uses-tor.yaml")


def test_the_example(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*arguments: str) -> str:
        main(["rules", *arguments])
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    FILE.parent.mkdir(parents=True)
    FILE.write_text(EXAMPLE)
    Path("events").symlink_to(EVENTS)

    assert told("check", str(FILE)) == SHOWN["check"]
    FILE.write_text(EXAMPLE.replace("      Type: [", "      Types: ["))
    assert told("check", str(FILE)) == "1 rule, no faults\n"
    assert told("test", str(FILE)) == SHOWN["test"]
    assert told("explain", str(FILE), "events/finding-with-an-analysts-note.json") == SHOWN["explain"]

"""What the documents name is there: files, folders, links, and targets of make."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

DOCUMENTS = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
DOCUMENTS += sorted((REPOSITORY / "docs").glob("*.md"))
READERS_OWN = {
    "env.json",
    "report.json",
    "findings.json",
    "layers/rules/brute-forced-instance-uses-tor.yaml",
    "build/bench.json",
}
"""Files that the reader makes."""


def tracked() -> list[str]:
    """Files of the repository, with the folders that hold them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    folders = {str(parent) for name in listed for parent in Path(name).parents}
    return [*listed, *sorted(folders - {"."})]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_are_there(document: Path) -> None:
    names = re.findall(r"`([\w./-]+(?:\.(?:py|yaml|toml|md|jsonl?|in|txt)|/))`", document.read_text())
    there = [f"/{name}" for name in tracked()]

    missing = {name for name in names if not any(path.endswith(f"/{name.rstrip('/')}") for path in there)}

    assert missing - READERS_OWN == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_targets_of_make_that_a_document_names_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(), re.MULTILINE)) <= targets

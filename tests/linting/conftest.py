"""What the linters get: the three templates, and the environment of those that cannot live in the project's own."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox.stacks import Template
from tests.conftest import REPOSITORY
from tests.linting.forms import forms

TEMPLATES = {
    "hub": REPOSITORY / "template.yaml",
    "member": REPOSITORY / "templates" / "member.yaml",
    "organization": REPOSITORY / "templates" / "organization.yaml",
}

Forms = dict[str, dict[str, Any]]


@cache
def transformed(name: str) -> dict[str, Any]:
    """A template as CloudFormation gets it."""
    return Template(TEMPLATES[name]).whole


@pytest.fixture(scope="session")
def all_forms() -> Forms:
    """Templates that hold all resources of all three in all of their forms, by a name for each."""
    return {f"{name}-{number}": form for name in TEMPLATES for number, form in enumerate(forms(transformed(name)))}


@pytest.fixture(scope="session")
def linters() -> Path:
    """The folder of the programs in the linters' own environment."""
    programs = REPOSITORY / ".venv-linters" / "bin"
    if not (programs / "checkov").exists():
        pytest.fail("the linters are not installed: run requirements/setup --linters", pytrace=False)
    return programs

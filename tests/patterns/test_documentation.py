"""The examples in the package's docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import responder.patterns

MODULES = ["responder.patterns"] + [
    f"responder.patterns.{module.name}" for module in pkgutil.iter_modules(responder.patterns.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
    assert (module.__doc__ or "").strip()


def test_there_are_examples() -> None:
    tried = {name: doctest.testmod(importlib.import_module(name)).attempted for name in MODULES}
    assert tried["responder.patterns"] > 0
    assert sum(tried.values()) > 20

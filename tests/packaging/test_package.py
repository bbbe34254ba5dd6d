"""What is in the package."""

import importlib.util
import sys
from pathlib import Path

from sandbox.built import REPOSITORY, RUNTIME, Built
from sandbox.layers import build_layer


def test_the_package_holds_the_code_and_its_libraries_but_neither_sdk_nor_sandbox(built: Built) -> None:
    shipped = {path.name for path in built.layer.iterdir()}

    assert {"responder", "aws_lambda_powertools"} <= shipped
    assert not {"boto3", "botocore", "sandbox", "moto", "bin"} & shipped


def test_the_layer_runs_on_every_processor(built: Built) -> None:
    assert [path for path in built.layer.rglob("*") if ".so" in path.suffixes] == []


def test_every_module_of_the_layer_comes_with_its_byte_code(built: Built) -> None:
    """Lambda can keep none, so what comes without is compiled at every cold start."""
    assert f"python{sys.version_info.major}.{sys.version_info.minor}" == RUNTIME
    modules = sorted(built.layer.rglob("*.py"))

    assert modules
    assert [str(module) for module in modules if not _has_byte_code(module)] == []


def _has_byte_code(module: Path) -> bool:
    """Whether Python takes the byte code beside a module for it, and rightly."""
    compiled = Path(importlib.util.cache_from_source(str(module)))
    if not compiled.is_file():
        return False
    magic, flags, digest = (content := compiled.read_bytes())[:4], content[4:8], content[8:16]
    unchecked = (0b01).to_bytes(4, "little")  # Source: PEP 552
    source = module.read_bytes()
    return (magic, flags, digest) == (importlib.util.MAGIC_NUMBER, unchecked, importlib.util.source_hash(source))


def test_the_same_sources_make_the_same_layer(tmp_path: Path) -> None:
    first, second = (
        build_layer("ResponderLayer", REPOSITORY / "layers" / "responder", tmp_path / name) for name in ("a", "another")
    )

    assert _content(first) == _content(second)


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

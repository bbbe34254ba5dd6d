"""Layers that a Makefile builds: built as `sam build` builds them, and kept until something changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .moto_gaps import DeploymentError

_SANDBOX = Path(__file__).resolve().parent
_TOOLS = (_SANDBOX / "rules", _SANDBOX.parent / "layers")
"""The code of what a Makefile may call: with other code, other files come of the same sources."""

_OF_THE_MAKE_AROUND = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def build_layer(name: str, source: Path, folder: Path) -> Path:
    """What is under /opt of a layer that the target `build-NAME` of the Makefile in `source` builds.

    It is kept below `folder`, in a folder of its own for all that it was made of. That one appears whole and changes
    no more, whoever else builds the same at the same time.

    Raises
    ------
    DeploymentError
        It cannot be built; the message has what make said.
    """
    try:
        built = folder / f"{name}-{_digest(source, *_TOOLS)}"
        if not built.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder) as scratch:
                _keep(_make(name, source, Path(scratch)), built)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DeploymentError(f"{name}: {error.filename or source}: {reason}") from None
    return built


def _make(name: str, source: Path, scratch: Path) -> Path:
    """Run make as `sam build` does: the Makefile where it is, in a copy of the sources."""
    copy, artifacts = scratch / "source", scratch / "artifacts"
    shutil.copytree(source, copy)
    artifacts.mkdir()
    environment = {key: value for key, value in os.environ.items() if key not in _OF_THE_MAKE_AROUND}
    commands = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    try:
        done = subprocess.run(
            ["make", "--makefile", str(source / "Makefile"), f"build-{name}"],
            cwd=copy,
            env=environment | {"ARTIFACTS_DIR": str(artifacts), "PATH": commands},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise DeploymentError(f"{name}: there is no make here to build it with") from None
    if done.returncode != 0:
        raise DeploymentError(f"{name}: make build-{name} failed:\n{done.stderr.strip()}")
    return artifacts


def _keep(artifacts: Path, built: Path) -> None:
    try:
        artifacts.rename(built)
    except OSError:
        if not built.is_dir():  # else another process was first, with the same
            raise


def _digest(*folders: Path) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.read_bytes()
                digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]

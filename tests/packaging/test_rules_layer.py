"""The layer of the rules: what `sam build` makes of them, or says against them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

from responder.domain.correlation import read_rules
from responder.domain.correlation.rule import FORMAT
from sandbox.built import Built
from tests.conftest import REPOSITORY

RULES = REPOSITORY / "layers" / "rules"

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  RulesLayer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile}
    Properties: {ContentUri: rules, CompatibleRuntimes: [python3.13]}
"""


def test_it_holds_all_rules_and_nothing_else(built: Built) -> None:
    files = [path for path in (built.folder / "RulesLayer").rglob("*") if path.is_file()]

    assert files == [built.rules]
    assert [rule.id for rule in read_rules(built.rules.read_text())] == sorted(
        path.stem for path in RULES.glob("*.yaml")
    )


def test_another_format_is_built_anew(built: Built) -> None:
    """`sam build` keeps a layer whose folder has not changed, so the folder must."""
    assert json.loads(built.rules.read_text())["format"] == FORMAT
    assert f"# format: {FORMAT}\n" in (RULES / "Makefile").read_text()


def test_a_wrong_rule_fails_the_build(tmp_path: Path) -> None:
    rule = copytree(RULES, tmp_path / "rules") / "leaked-access-key-in-use.yaml"
    text = rule.read_text().replace("window:", "windoww:")
    rule.write_text(text)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    bin_folder = Path(sys.executable).parent

    done = subprocess.run(
        [str(bin_folder / "sam"), "build", "--build-dir", "built"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )

    line = text[: text.index("windoww:")].count("\n") + 1
    assert done.returncode == 1
    assert f"{rule}:{line}: windoww: is unknown (did you mean window?)" in done.stderr


def test_without_the_command_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "--makefile", str(RULES / "Makefile"), "build-RulesLayer"],
        cwd=tmp_path,
        env=os.environ | {"ARTIFACTS_DIR": str(tmp_path), "RESPONDER": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "run 'make setup' in the repository" in done.stderr
    assert list(tmp_path.iterdir()) == []

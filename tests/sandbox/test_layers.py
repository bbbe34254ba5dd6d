"""A function finds what its layers have under /opt, what a Makefile builds too."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from sandbox.cli import EVENTS, main
from sandbox.layers import build_layer
from sandbox.moto_gaps import DeploymentError
from sandbox.rules.checking import RULES
from sandbox.stacks import Templates

from .conftest import HUB_TEMPLATE, BuildWorld, open_world

MAKEFILE = """
build-Words:
	echo made >> PROOF
	@grep -n bad words.txt && { echo "words.txt:2: is no word" >&2; exit 1; } || true
	mkdir $(ARTIFACTS_DIR)/words $(ARTIFACTS_DIR)/python
	sort words.txt > $(ARTIFACTS_DIR)/words/sorted.txt
	echo "NAME = 'words'" > $(ARTIFACTS_DIR)/python/beside.py
"""

READ = """
import os
def lambda_handler(event, context):
    with open(os.environ["WORDS"]) as file:
        return file.read().split()
"""


def layer(name: str, folder: Path | str, build_method: str = "makefile") -> str:
    return f"""
  {name}:
    Type: AWS::Serverless::LayerVersion
    Metadata: {{BuildMethod: {build_method}}}
    Properties: {{ContentUri: {folder}}}
"""


def hub(*layers: str, used: str = "!Ref Words", **variables: str) -> str:
    """A hub whose function uses layers, and has variables."""
    lines = "".join(f"          {name}: {value}\n" for name, value in variables.items())
    return (
        HUB_TEMPLATE.replace("CodeUri: functions/act", f"CodeUri: functions/act\n      Layers: [{used}]")
        .replace("          BATCH:", f"{lines}          BATCH:")
        .replace("Outputs:", f"{''.join(layers)}\nOutputs:")
    )


WITH_WORDS = hub(layer("Words", "layers/words"), WORDS="/opt/words/sorted.txt")


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """The sources of a layer."""
    folder = tmp_path / "layers" / "words"
    folder.mkdir(parents=True)
    (folder / "Makefile").write_text(MAKEFILE.replace("PROOF", str(tmp_path / "made")))
    (folder / "words.txt").write_text("b\na\n")
    return folder


@pytest.fixture
def times_made(tmp_path: Path) -> Callable[[], int]:
    """How often make ran."""
    return lambda: (tmp_path / "made").read_text().count("\n")


def test_a_function_finds_what_the_makefile_built(build_world: BuildWorld, words: Path) -> None:
    sandbox = build_world(READ, hub=WITH_WORDS)
    assert sandbox.invoke("act", {}).response == ["a", "b"]
    assert sandbox.function("act").resource.environment["WORDS"] == "/opt/words/sorted.txt"
    assert {path.name for path in words.iterdir()} == {"Makefile", "words.txt"}


def test_it_is_built_anew_only_when_something_changed(
    build_world: BuildWorld, words: Path, times_made: Callable[[], int]
) -> None:
    first = build_world(READ, hub=WITH_WORDS)
    first.close()
    again = build_world(READ, hub=WITH_WORDS)
    assert again.invoke("act", {}).response == ["a", "b"]
    assert times_made() == 1
    again.close()

    (words / "words.txt").write_text("c\n")
    changed = build_world(READ, hub=WITH_WORDS)
    assert changed.invoke("act", {}).response == ["c"]
    assert times_made() == 2
    (before,) = first.function("act").resource.layers
    assert (before / "words" / "sorted.txt").read_text() == "a\nb\n"  # for whoever uses it still


def test_it_is_built_for_functions_that_use_it_only(build_world: BuildWorld, tmp_path: Path, words: Path) -> None:
    text = hub(layer("Words", "layers/words"), layer("Other", "layers/other", "python3.13"), used="!Ref Other")
    (tmp_path / "layers" / "other").mkdir()
    build_world(hub=text)
    assert not (tmp_path / "made").exists()


def test_processes_that_build_at_once_do_not_disturb_each_other(tmp_path: Path, words: Path) -> None:
    (words / "Makefile").write_text((words / "Makefile").read_text() + "\tsleep 0.2\n")
    with ThreadPoolExecutor() as executor:
        built = set(executor.map(lambda _: build_layer("Words", words, tmp_path / "built"), range(4)))
    (folder,) = built
    assert list((tmp_path / "built").iterdir()) == [folder]
    assert (folder / "words" / "sorted.txt").read_text() == "a\nb\n"


def test_the_make_around_does_not_interfere(
    tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch, times_made: Callable[[], int]
) -> None:
    monkeypatch.setenv("MAKEFLAGS", "n")
    assert (build_layer("Words", words, tmp_path / "built") / "words").is_dir()
    assert times_made() == 1


class TestFailures:
    def test_what_make_says_is_told(self, build_world: BuildWorld, words: Path) -> None:
        (words / "words.txt").write_text("good\nbad\n")
        refusal = r"template\.yaml: Words: make build-Words failed:\nwords\.txt:2: is no word\nmake: "
        for _ in range(2):
            with pytest.raises(DeploymentError, match=refusal):
                build_world(hub=WITH_WORDS)
        (words / "words.txt").write_text("good\n")
        assert build_world(READ, hub=WITH_WORDS).invoke("act", {}).response == ["good"]

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda folder: (folder / "Makefile").write_text("build:\n"), "No rule to make target"),
            (lambda folder: (folder / "Makefile").unlink(), "Makefile: No such file"),
            (lambda folder: folder.rename(folder.parent / "moved"), "layers/words: no such file or directory"),
        ],
        ids=["no target", "no Makefile", "no folder"],
    )
    def test_what_is_not_there(
        self, build_world: BuildWorld, words: Path, change: Callable[[Path], Any], reason: str
    ) -> None:
        change(words)
        with pytest.raises(DeploymentError, match=rf"(?s)template\.yaml: Words: .*{re.escape(reason)}"):
            build_world(hub=WITH_WORDS)

    def test_no_make(self, build_world: BuildWorld, words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(words))
        with pytest.raises(DeploymentError, match=r"template\.yaml: Words: there is no make here"):
            build_world(hub=WITH_WORDS)

    def test_no_place_to_build_in(self, build_world: BuildWorld, tmp_path: Path, words: Path) -> None:
        (tmp_path / "build").write_text("a file")
        with pytest.raises(
            DeploymentError, match=r"template\.yaml: Words: .*build/layers.*: .*(exists|not a directory)"
        ):
            build_world(hub=WITH_WORDS)

    def test_a_layer_of_another_stack(self, build_world: BuildWorld) -> None:
        with pytest.raises(DeploymentError, match=r"Handler: the sandbox knows only layers .* not \"arn:aws"):
            build_world(hub=hub(used="arn:aws:lambda:eu-west-1:111122223333:layer:other:7"))

    def test_the_command_ends_with_the_reason(
        self, words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (words / "words.txt").write_text("good\nbad\n")
        open_world(tmp_path, hub=WITH_WORDS)
        templates = Templates(hub=tmp_path / "template.yaml", member=tmp_path / "member.yaml", organization=None)
        monkeypatch.setattr("sandbox.world.Templates", lambda: templates)

        assert main(["run", str(EVENTS / "root-api-call.json")]) == 2

        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.startswith(
            f"responder: {tmp_path}/template.yaml: Words: make build-Words failed:\nwords.txt:2"
        )


class TestOpt:
    def test_the_last_layer_is_uppermost(self, build_world: BuildWorld, tmp_path: Path, words: Path) -> None:
        upper = tmp_path / "layers" / "upper"
        (upper / "words").mkdir(parents=True)
        (upper / "words" / "sorted.txt").write_text("upper")
        (upper / "beside.py").write_text("NAME = 'upper'")
        layers = layer("Words", "layers/words"), layer("Upper", "layers/upper", "python3.13")
        handler = f"import beside\n{READ}\ndef both(event, context): return [beside.NAME, *lambda_handler(event, 0)]"
        for used, expected in (
            ("!Ref Words, !Ref Upper", ["upper", "upper"]),
            ("!Ref Upper, !Ref Words", ["words", "a", "b"]),
        ):
            text = hub(*layers, used=used, WORDS="/opt/words/sorted.txt").replace("app.lambda_handler", "app.both")
            sandbox = build_world(handler, hub=text)
            assert sandbox.invoke("act", {}).response == expected
            sandbox.close()

    def test_other_values_stay_as_they_are(self, build_world: BuildWorld, words: Path) -> None:
        given = {"NOWHERE": "/opt/words/other.txt", "ELSEWHERE": "/etc/words", "ALMOST": "see /opt/words/sorted.txt"}
        echo = "import os\ndef lambda_handler(event, context): return dict(os.environ)"
        environment = build_world(echo, hub=hub(layer("Words", "layers/words"), **given)).invoke("act", {}).response
        assert given.items() <= environment.items()

    def test_a_layer_is_its_functions_only(self, build_world: BuildWorld, words: Path) -> None:
        other = """
  Other:
    Type: AWS::Serverless::Function
    Properties:
      {CodeUri: functions/other, Handler: app.lambda_handler, Runtime: python3.13, Environment: {Variables: {WORDS: W}}}
Outputs:"""
        text = WITH_WORDS.replace("Outputs:", other.replace("W}", "/opt/words/sorted.txt}"))
        invocation = build_world(READ, hub=text, functions={"other": READ}).invoke("other", {})
        assert invocation.error is not None
        assert invocation.error.startswith("FileNotFoundError: ")


class TestRules:
    """The repository's own Makefile."""

    HANDLER = "import json\n" + READ.replace("file.read().split()", "[rule['id'] for rule in json.load(file)['rules']]")

    def test_a_function_finds_the_rules(self, build_world: BuildWorld) -> None:
        text = hub(layer("RulesLayer", RULES), used="!Ref RulesLayer", WORDS="/opt/rules/rules.json")
        found = build_world(self.HANDLER, hub=text).invoke("act", {}).response
        assert found == sorted(file.stem for file in RULES.glob("*.yaml"))

    def test_a_wrong_rule_is_named(self, build_world: BuildWorld, tmp_path: Path) -> None:
        folder = copytree(RULES, tmp_path / "rules")
        rule = folder / "leaked-access-key-in-use.yaml"
        rule.write_text(rule.read_text().replace("window:", "windoww:"))
        with pytest.raises(
            DeploymentError, match=r"(?m)^.*/rules/leaked-access-key-in-use\.yaml:\d+: windoww: is unknown"
        ):
            build_world(hub=hub(layer("RulesLayer", folder), used="!Ref RulesLayer"))

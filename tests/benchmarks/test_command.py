"""`python -m benchmarks`: which figures it measures, what it prints and writes, and its exit status."""

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import drain_times
from benchmarks.figures import Figure

GOOD = Figure(name="good", value=0.1, unit="calls", goal=0.15)
BAD = Figure(name="bad_speed", value=99.0, unit="times", goal=100, better="higher", note="What it is.")
TOLD = Figure(name="bad_told", value=12345.6, unit="s")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "FILE", tmp_path / "build" / "bench.json")
    return tmp_path / "build" / "bench.json"


def run(*arguments: str) -> tuple[int, list[str]]:
    """The exit status, and which groups were measured."""
    measured: list[str] = []

    def measure(*figures: Figure) -> command.Measure:
        return lambda: (measured.append(figures[0].name), figures)[1]

    status = command.main(arguments, {("good",): measure(GOOD), ("bad_speed", "bad_told"): measure(BAD, TOLD)})
    return status, measured


@pytest.mark.parametrize(
    ("value", "better", "met"),
    [
        (0.15, "lower", True),
        (0.1501, "lower", False),
        (0.15, "higher", True),
        (0.1499, "higher", False),
        (float("nan"), "lower", False),
        (float("nan"), "higher", False),
    ],
)
def test_a_goal_holds_up_to_its_value(value: float, better: str, met: bool) -> None:
    assert Figure(name="f", value=value, unit="x", goal=0.15, better=better).met is met  # type: ignore[arg-type]


def test_all_are_measured_and_a_missed_goal_is_told(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == (0, ["good", "bad_speed"])

    table, _, notes = capsys.readouterr().out.partition("\n\n")
    assert ["good", "0.1", "calls", "≤", "0.15", "✓"] in [line.split() for line in table.splitlines()]
    assert ["bad_speed", "99", "times", "≥", "100", "✗", "missed"] in [line.split() for line in table.splitlines()]
    assert ["bad_told", "12,346", "s"] in [line.split() for line in table.splitlines()]
    assert "What it is." in notes
    assert ".venv/bin/python -m benchmarks bad_speed" in notes
    document = json.loads(written.read_text())
    assert document["goals_met"] is False
    assert [(figure["name"], figure["met"]) for figure in document["figures"]] == [
        ("good", True),
        ("bad_speed", False),
        ("bad_told", None),
    ]


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(("name", "status"), [("good", 0), ("bad_told", 0), ("bad_speed", 1), ("bad*", 1)])
def test_a_missed_goal_is_an_error_only_when_strict(name: str, status: int) -> None:
    assert run(name)[0] == 0
    assert run(name, "--strict")[0] == status


def test_figures_are_chosen_by_name_and_only_these_are_told(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("go*", "--json") == (0, ["good"])
    assert json.loads(capsys.readouterr().out) == json.loads(written.read_text())

    assert run("bad_told") == (0, ["bad_speed"])
    assert [figure["name"] for figure in json.loads(written.read_text())["figures"]] == ["bad_told"]


def test_what_cannot_be_measured_is_told_and_the_rest_is_measured(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> list[Figure]:
        raise RuntimeError("no build")

    assert command.main([], {("none", "nothing"): fail, ("good",): lambda: [GOOD]}) == 1
    assert "no build" in capsys.readouterr().err
    document = json.loads(written.read_text())
    assert (document["goals_met"], document["not_measured"]) == (False, ["none", "nothing"])
    assert [figure["name"] for figure in document["figures"]] == ["good"]


def test_a_name_that_no_figure_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        run("none")
    assert exit_.value.code == 2
    assert "good, bad_speed, bad_told" in capsys.readouterr().err


def test_the_drain_is_simulated_with_the_templates_own_settings() -> None:
    enrich, resolve = map(drain_times.deployed, ("EnrichFindingsFunction", "ResolveDeletedFunction"))
    assert (enrich.batch_size, enrich.memory_megabytes, resolve.batch_size) == (2000, 1024, 250)
    assert min(enrich.containers, resolve.containers) >= 2


def test_drains_take_what_the_quota_leaves_of_their_updates() -> None:
    update = "securityhub:BatchUpdateFindings"
    of_findings = drain_times.FindingsTrace(100, (update,) * 20, (update,) * 10)
    of_deletions = drain_times.DeletionsTrace(10, (update,) * 10, 24)
    settings = drain_times.deployed("EnrichFindingsFunction")

    findings = drain_times.findings_seconds(settings, of_findings, findings=100_000)
    deletions = drain_times.deletions_seconds(drain_times.deployed("ResolveDeletedFunction"), of_deletions, size=10_000)

    # Ten calls a second: ten for each hundred findings, one for each deletion.
    assert 1000 < findings < 1250
    assert 1000 < deletions < 1250

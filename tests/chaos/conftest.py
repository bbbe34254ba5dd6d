"""How often the chaos suite runs each case, what a failure says, and the table at the end."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Protocol

import pytest

from tests.chaos.invariants import deeds, violations
from tests.chaos.runs import Run, run
from tests.chaos.worlds import WORLDS, World

PROPERTY = "chaos"
COLUMNS = ("runs", "deliveries", "injected", "kills", "dead letters", "incidents", "violations")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "seeds(short, long): how many seeds a test runs with; --chaos-seed: that alone")
    config.addinivalue_line("markers", "long_form: a test of the long form alone")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if (marker := metafunc.definition.get_closest_marker("seeds")) is None:
        return
    chosen = metafunc.config.getoption("chaos_seed")
    long = metafunc.config.getoption("long")
    metafunc.parametrize("seed", [chosen] if chosen is not None else marker.kwargs["long" if long else "short"])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("long"):
        deselected = [item for item in items if item.get_closest_marker("long_form")]
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: Any = yield
    if report.when == "call" and report.failed and item.get_closest_marker("seeds"):
        long = "--long " if item.config.getoption("long") else ""
        seed = item.callspec.params["seed"]  # type: ignore[attr-defined] # of a parametrized function
        command = f".venv/bin/python -m pytest {long}--chaos-seed {seed} '{item.nodeid}'"
        report.sections.append((f"seed {seed}; to repeat it", command))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What each kind of chaos did, in one table."""
    table: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name == PROPERTY and report.when == "call":
                    table.setdefault(value["kind"], Counter()).update(value["counts"])
    if table:
        terminalreporter.section("chaos")
        terminalreporter.write_line(f"{'':32}" + "".join(f"{column:>14}" for column in COLUMNS))
        for kind in sorted(table):
            terminalreporter.write_line(f"{kind:32}" + "".join(f"{table[kind][column]:>14,}" for column in COLUMNS))


@cache
def reference(world: str) -> Run:
    """The run of a world in which nothing goes wrong, and everything happens that the world is for."""
    made = run(WORLDS[world])
    assert deeds(made) == WORLDS[world].comes_to
    return made


class Judge(Protocol):
    def __call__(self, kind: str, world: World, made: Run, **how: bool) -> None:
        """Hold a run against the one without faults, and have it counted in the table at the end."""


@pytest.fixture
def judge(record_property: Callable[[str, object], None]) -> Judge:
    def hold(kind: str, world: World, made: Run, **how: bool) -> None:
        problems = violations(made, reference(world.name), **how)
        kills = made.injected["kills"]
        counts = {
            "runs": 1,
            "deliveries": made.deliveries,
            "injected": made.injected.total() - kills,
            "kills": kills,
            "dead letters": made.letters,
            "incidents": len(made.report["incidents"]),
            "violations": len(problems),
        }
        record_property(PROPERTY, {"kind": kind, "counts": counts})
        assert not problems, "\n".join(problems)
        assert made.injected.total(), "nothing went wrong in this run, which proves nothing"

    return hold


@pytest.fixture(params=list(WORLDS))
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param]

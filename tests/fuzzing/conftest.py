"""How long fuzzing takes, and what it tells at its end."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Verbosity, settings

from tests.fuzzing.verdict import TALLY
from tests.fuzzing.worlds import WORLDS, World, world_of

_CASES = "fuzzing cases"


def pytest_configure(config: pytest.Config) -> None:
    """The long form looks for new cases every time and says how to repeat one; the short form is always the same."""
    is_long = config.getoption("--long")
    settings.register_profile(
        "fuzzing",
        deadline=None,  # the first case of a world is slower than the others
        database=None,
        derandomize=not is_long,
        print_blob=True,
        verbosity=Verbosity.normal,
        # Events are large, and a world is built before the first case: neither says anything about the tests.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_of(request.param, tmp_path_factory.mktemp("world")) as world:
        yield world


def pytest_runtest_teardown(item: pytest.Item) -> None:
    item.user_properties.append((_CASES, TALLY.take()))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("--long"):
        return
    cases: Counter[str] = Counter()
    outcomes: dict[str, Counter[str]] = {}
    for reports in list(terminalreporter.stats.values()):
        for report in reports:
            if getattr(report, "when", None) == "teardown":
                for name, told in report.user_properties:
                    for function, outcome, number in told if name == _CASES else ():
                        cases[function] += number
                        outcomes.setdefault(function, Counter())[outcome] += number
    violations = len(terminalreporter.stats.get("failed", [])) + len(terminalreporter.stats.get("error", []))
    terminalreporter.section("fuzzing")
    for function, number in sorted(cases.items()):
        told = ", ".join(f"{outcomes[function][name]} {name}" for name in ("handled", "rejected", "refused"))
        terminalreporter.write_line(f"{function}: {number} cases: {told}")
    terminalreporter.write_line(f"{cases.total()} cases in all, {violations} violations")

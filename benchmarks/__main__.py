"""`python -m benchmarks`: measures, prints a table, and writes build/bench.json.

The exit status is 0 when everything was measured, 1 when something could not be, 2 when there is no figure of a name.
A missed goal is told, with ✗ and as `"met": false`; with `--strict` it makes the exit status 1 too.
"""

import argparse
import fnmatch
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence

from rich.table import Table

from benchmarks import calls, cold_start, drain_times, growth, matching, overhead
from benchmarks.figures import Figure
from benchmarks.workload import REPOSITORY
from sandbox.terminal import console

FILE = REPOSITORY / "build" / "bench.json"

Measure = Callable[[], Sequence[Figure]]

BENCHMARKS: Mapping[tuple[str, ...], Measure] = {
    overhead.NAMES: overhead.measure,  # first: what others leave in the memory is not a function's
    matching.NAMES: matching.measure,
    (calls.ENRICH,): lambda: [calls.enrich_calls()],
    (calls.RESOLVE,): lambda: [calls.resolve_calls()],
    growth.NAMES: growth.measure,
    drain_times.NAMES: drain_times.measure,
    (cold_start.NAME,): cold_start.measure,
}
"""What measures which figures; figures of one are measured together."""


def main(arguments: Sequence[str] | None = None, benchmarks: Mapping[tuple[str, ...], Measure] = BENCHMARKS) -> int:
    names = [name for group in benchmarks for name in group]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure, and compare with the goals.",
        epilog="The exit status is 0 when everything was measured, also when a goal was missed, which the table shows "
        'as ✗ and build/bench.json as "met": false; 1 when something could not be measured.',
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures, all without any; may have * and ?")
    parser.add_argument("--json", action="store_true", help="print what build/bench.json gets instead of the table")
    parser.add_argument("--list", action="store_true", help="print the figures' names, and measure nothing")
    parser.add_argument("--strict", action="store_true", help="exit with 1 also when a goal is missed")
    given = parser.parse_args(arguments)
    wanted = [name for name in names if not given.names or any(fnmatch.fnmatch(name, glob) for glob in given.names)]
    for glob in given.names:
        if not fnmatch.filter(names, glob):
            parser.error(f"no figure {glob}; there are: {', '.join(names)}")
    if given.list:
        sys.stdout.write("".join(f"{name}\n" for name in wanted))
        return 0
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    figures: list[Figure] = []
    failed: list[str] = []
    for group, measure in benchmarks.items():
        if not set(group).isdisjoint(wanted):
            try:
                figures += (figure for figure in _measured(group[0], measure) if figure.name in wanted)
            except Exception:  # noqa: BLE001 - told, and in the exit status; the others are worth having
                traceback.print_exc()
                failed += (name for name in group if name in wanted)
    document = json.dumps(as_json(figures, failed), indent=2) + "\n"
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(document, "utf-8")
    if given.json:
        sys.stdout.write(document)
    else:
        print_table(figures)
    missed = given.strict and not all(figure.met for figure in figures)
    return 1 if failed or missed else 0


def _measured(name: str, measure: Measure) -> Sequence[Figure]:
    began = time.perf_counter()
    sys.stderr.write(f"{name} …")
    sys.stderr.flush()
    figures = measure()
    sys.stderr.write(f" {time.perf_counter() - began:.0f} s\n")
    return figures


def as_json(figures: Sequence[Figure], failed: Sequence[str]) -> dict[str, object]:
    """What build/bench.json holds: the figures, and the names of those that could not be measured."""
    return {
        "goals_met": not failed and all(figure.met for figure in figures),
        "figures": [{**figure.as_json(), "command": _command(figure)} for figure in figures],
        "not_measured": list(failed),
    }


def _command(figure: Figure) -> str:
    return f".venv/bin/python -m benchmarks {figure.name}"


def print_table(figures: Sequence[Figure]) -> None:
    """The figures with their goals, then what each of them is."""
    out = console()
    table = Table("figure", "value", "unit", "goal", "", box=None, pad_edge=False)
    for column in (1, 3):
        table.columns[column].justify = "right"
    for figure in figures:
        mark = "" if figure.goal is None else "✓" if figure.met else "✗ missed"
        table.add_row(figure.name, _shown(figure.value), figure.unit, _goal(figure), mark)
    out.print(table)
    for figure in figures:
        out.print(f"\n{figure.name}\n  {figure.note}\n  {_command(figure)}", soft_wrap=False)


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return f"{'≤' if figure.better == 'lower' else '≥'} {_shown(figure.goal)}"


def _shown(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


if __name__ == "__main__":
    sys.exit(main())

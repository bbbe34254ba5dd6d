"""`responder rules list|check|test|explain|build`."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from responder.domain.correlation import Relations

    from .checking import Checked

FINE, FAULTY, UNUSABLE = 0, 1, 2
"""Exit status: all well; a rule or test is faulty, or does not fire; an input cannot be read or used."""

RULE_HELP = "a rule of layers/rules by its id, or a file"


class _UnusableError(Exception):
    """An argument that cannot be used; the message names it."""


def add_rules(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the `responder` command."""
    rules = commands.add_parser(
        "rules",
        help="list, check, test, explain and build correlation rules",
        description="Work with correlation rules: YAML files, of which layers/rules has this application's.",
    )
    verbs = rules.add_subparsers(required=True, metavar="VERB")
    paths = "rule files and folders of them; without PATH, layers/rules"
    _add(verbs, "list", _list, "show rules with their legs and windows", "PATH", paths)
    _add(
        verbs,
        "check",
        _check,
        "find every fault of rules, with file and line",
        "PATH",
        paths,
        epilog="exit status: 0 without faults, 1 with some, 2 when a file cannot be read",
    )
    _add(
        verbs,
        "test",
        _test,
        "run rules' own tests",
        "RULE",
        f"{RULE_HELP}; without RULE, all of layers/rules",
        epilog="exit status: 0 when all pass, 1 when one fails or a rule is faulty, 2 when a file cannot be read",
    )
    explain = _add(
        verbs,
        "explain",
        _explain,
        "tell which leg of a rule findings match, and what is missing",
        "FINDINGS",
        "files and folders as for `responder run`: findings (ASFF), bare or in Security Hub's events; - reads standard"
        " input",
        epilog="exit status: 0 when the rule fires for a resource, 1 when it does not, 2 when an input cannot be read",
        first=("rule", "RULE", RULE_HELP),
        nargs="+",
    )
    explain.add_argument(
        "--resources",
        metavar="FILE",
        help="configuration items that the Config aggregator knows, for related resources; see `responder run`",
    )
    build = _add(
        verbs,
        "build",
        _build,
        "write the file that the functions load, of rules without faults",
        "PATH",
        paths,
        epilog="exit status: 0 when it was written, 1 when a rule is faulty, 2 when a file cannot be read or written",
    )
    build.add_argument("--output", required=True, metavar="FILE", help="the JSON file to write")


def _add(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Any,
    summary: str,
    metavar: str,
    explained: str,
    *,
    epilog: str | None = None,
    first: tuple[str, str, str] | None = None,
    nargs: str = "*",
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=epilog)
    if first is not None:
        verb.add_argument(first[0], metavar=first[1], help=first[2])
    verb.add_argument("paths", nargs=nargs, metavar=metavar, help=explained)
    verb.set_defaults(command=lambda arguments: _run(run, arguments))
    return verb


def _run(command: Any, arguments: argparse.Namespace) -> int:
    # Here, as in every command: who runs events need not wait for YAML and JSON Schema.
    from ..inputs import InputError
    from .documents import UnreadableError

    try:
        status: int = command(arguments)
    except (_UnusableError, UnreadableError, InputError) as error:
        sys.stderr.write(f"responder: {error}\n")
        return UNUSABLE
    return status


def _list(arguments: argparse.Namespace) -> int:
    from ..terminal import console, safe

    checked = _checked(arguments.paths)
    output = console()
    for rule in checked.rules:
        output.print(
            safe(rule.rule.id, "bold"),
            f"  {rule.rule.document['window']:<4} ",
            safe(rule.rule.title),
            sep="",
            soft_wrap=True,
        )
        for leg in rule.rule.legs:
            counted = f"  {leg.count} different {leg.distinct.field}" if leg.distinct else ""
            related = f"  also by {leg.related}" if leg.related else ""
            output.print(f"    {leg.name}{counted}{related}", soft_wrap=True)
    return _blamed(checked)


def _check(arguments: argparse.Namespace) -> int:
    checked = _checked(arguments.paths)
    for fault in checked.faults:
        sys.stdout.write(f"{fault}\n")
    for rule in checked.rules:
        for index, leg in enumerate(rule.rule.legs):
            if leg.related:
                line = rule.document.line(("legs", index, "related"))
                sys.stdout.write(
                    f"{rule.document.file}:{line}: note: without an aggregator of AWS Config, {leg.name} holds"
                    " for the same resource only\n"
                )
    files = {fault.file for fault in checked.faults}
    total = _counted(len(checked.rules) + len(files), "rule")
    sys.stdout.write(f"{total}, {_counted(len(checked.faults), 'fault') if files else 'no faults'}\n")
    return FAULTY if files else FINE


def _test(arguments: argparse.Namespace) -> int:
    from ..terminal import console, safe
    from .cases import run_case

    checked = _checked([_path_of(rule) for rule in arguments.paths])
    output, passed, total = console(), 0, 0
    for rule in checked.rules:
        output.print(safe(rule.rule.id, "bold"), soft_wrap=True)
        document = rule.document.value
        for index, case in enumerate(document["tests"]):
            verdict = run_case(rule.rule, document["findings"], case)
            total, passed = total + 1, passed + (not verdict.differences)
            if not verdict.differences:
                output.print("  ", safe("✓", "green"), " ", safe(verdict.name), sep="", soft_wrap=True)
                continue
            place = f"{rule.document.file}:{rule.document.line(('tests', index))}"
            output.print("  ", safe("✗", "red"), " ", safe(verdict.name), f"  ({place})", sep="", soft_wrap=True)
            for difference in verdict.differences:
                output.print("      ", safe(difference), sep="", soft_wrap=True)
    failed = total - passed
    output.print(
        safe(
            f"{_counted(total, 'test')}, {failed} failed" if failed else f"{_counted(total, 'test')}, all passed",
            "bold",
        )
    )
    return max(_blamed(checked), FAULTY if failed else FINE)


def _explain(arguments: argparse.Namespace) -> int:
    from ..inputs import read
    from .explaining import explain, print_explanation, read_history

    checked = _checked([_path_of(arguments.rule)])
    if _blamed(checked):
        return UNUSABLE
    given = read_history(read(arguments.paths))
    if not any(each.finding for each in given):
        raise _UnusableError(f"{', '.join(arguments.paths)}: no findings of Security Hub")
    explanation = explain(checked.rules[0].rule, given, _relations(arguments.resources))
    print_explanation(explanation)
    return FINE if explanation.fires else FAULTY


def _build(arguments: argparse.Namespace) -> int:
    from .building import build

    checked = _checked(arguments.paths)
    if status := _blamed(checked):
        return status
    try:
        build(checked.rules, Path(arguments.output))
    except OSError as error:
        raise _UnusableError(f"{arguments.output}: {(error.strerror or str(error)).lower()}") from None
    sys.stdout.write(f"{_counted(len(checked.rules), 'rule')} written to {arguments.output}\n")
    return FINE


def _checked(paths: Sequence[str]) -> Checked:
    from .checking import RULES, check

    return check([Path(path) for path in paths] or [RULES])


def _blamed(checked: Checked) -> int:
    """Tell of faults, where they are not what was asked for."""
    for fault in checked.faults:
        sys.stderr.write(f"{fault}\n")
    return FAULTY if checked.faults else FINE


def _path_of(rule: str) -> str:
    from .checking import RULES, SUFFIX

    if os.sep in rule or rule.endswith((SUFFIX, ".yml")):
        return rule
    path = RULES / f"{rule}{SUFFIX}"
    if not path.is_file():
        ids = sorted(file.stem for file in RULES.glob(f"*{SUFFIX}"))
        close = difflib.get_close_matches(rule, ids, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(ids)}"
        raise _UnusableError(f"no rule {rule} ({hint})")
    return str(path)


def _relations(path: str | None) -> Relations:
    from responder.domain.correlation import KnownRelations
    from responder.domain.resource.relations import relations_in

    if path is None:
        return KnownRelations()
    from ..known_resources import read_resources

    return KnownRelations(relation for item in read_resources(path) for relation in relations_in(item))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""The `responder` command."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .envelopes import Place, Submission, derive_hub, submissions
from .inputs import InputError, read

if TYPE_CHECKING:
    from .faults import Fault

EVENTS = Path(__file__).resolve().parent.parent / "events"
BACKENDS = ("IncidentManager", "OpsCenter")

HANDLED, TROUBLED, UNUSABLE = 0, 1, 2
"""Exit status: all handled or unmatched; something rejected, failed or left over; nothing run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return HANDLED
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="responder", description="Try the security responder on this machine, without an AWS account."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="run events through the deployed topology and show what they cause",
        description="Run events through the topology that the templates deploy, and show what they cause.",
        epilog="exit status: 0 when every event was handled or unmatched; 1 when one was rejected, failed or left in a"
        " dead-letter queue; 2 when an input cannot be read or parsed, and then nothing is run",
    )
    run.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a file or folder of .json, .jsonl or .gz: EventBridge events, CloudTrail records or log files, Security"
        " Hub or GuardDuty findings; - reads standard input; without PATH, the repository's events/",
    )
    run.add_argument("--json", action="store_true", help="print the report as one JSON object")
    run.add_argument("--backend", choices=BACKENDS, help="where incidents are opened (default: the template's choice)")
    run.add_argument("--duplicate", type=_positive, default=1, metavar="N", help="deliver all events N times")
    run.add_argument("--shuffle", type=int, metavar="SEED", help="deliver the events in an order drawn with SEED")
    run.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        dest="faults",
        metavar="SERVICE:OPERATION=RATE[:CODE]",
        help="let that part (0 to 1) of the functions' calls fail: with a throttling error, with the error CODE, with"
        " LostResponse (it takes effect, but the answer is lost) or with Timeout (it does not); SERVICE and OPERATION"
        " are named as in api_calls or *; which calls fail follows from the SEED of --shuffle; repeatable",
    )
    run.add_argument(
        "--hub",
        type=_place,
        metavar="ACCOUNT/REGION",
        help="where the hub is; otherwise where most Security Hub and GuardDuty events come from, else most events",
    )
    run.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        elements = list(submissions(read(arguments.paths or [str(EVENTS)])))
    except InputError as error:
        sys.stderr.write(f"responder: {error}\n")
        return UNUSABLE
    return _run_elements(elements, arguments)


def _run_elements(elements: list[Submission], arguments: argparse.Namespace) -> int:
    # Here, because moto takes two seconds to import: an unreadable file is told at once.
    from .moto_gaps import DeploymentError
    from .printing import Progress, print_report
    from .report import is_clean
    from .world import Sandbox

    parameters = {"hub": {"IncidentBackend": arguments.backend}} if arguments.backend else None
    hub = arguments.hub or derive_hub(elements)
    try:
        world = Sandbox(hub=hub, parameters=parameters, faults=arguments.faults, seed=arguments.shuffle or 0)
        with Progress(len(elements)) as progress, world as sandbox:
            entries = sandbox.submit(
                elements, duplicate=arguments.duplicate, shuffle=arguments.shuffle, progress=progress
            )
            report = sandbox.report()
            changed = sandbox.changed_findings
            injected = sandbox.calls.faults.injected.total() if arguments.faults else None
    except DeploymentError as refusal:
        sys.stderr.write(f"responder: {refusal}\n")
        return UNUSABLE
    if arguments.json:
        sys.stdout.write(f"{json.dumps(report)}\n")
    else:
        print_report(report, entries, changed, injected_faults=injected)
    return HANDLED if is_clean(report) else TROUBLED


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _place(text: str) -> Place:
    try:
        return Place.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _fault(text: str) -> Fault:
    # Here, because only who injects faults needs botocore's models before the run.
    from .faults import Fault, FaultError

    try:
        return Fault.parse(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

"""The `responder` command."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .envelopes import Place, Submission, derive_hub, submissions
from .inputs import STANDARD_INPUT, InputError, JsonValue, read
from .known_findings import read_findings
from .known_resources import read_resources
from .organization import read_organization
from .rules.commands import add_rules

if TYPE_CHECKING:
    from .faults import Fault

EVENTS = Path(__file__).resolve().parent.parent / "events"
SAMPLE_FINDINGS = EVENTS / "world" / "findings.json"
SAMPLE_RESOURCES = EVENTS / "world" / "resources.json"
SAMPLE_HUB = Place("111122223333", "eu-west-1")
"""The hub of the sample events."""

DEFAULT_PORT = 4510
ENV_FILE = Path("build", "local", "env.json")
BACKENDS = ("IncidentManager", "OpsCenter")

HANDLED, TROUBLED, UNUSABLE = 0, 1, 2
"""Exit status: all handled or unmatched; something rejected, failed or left over; nothing run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status."""
    arguments = _arguments(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ is no reason to fail
    try:
        status: int = arguments.command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return HANDLED
    except KeyboardInterrupt:
        return 130
    return status


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    # argparse takes a list of positionals only in one go, and leaves those that follow an option.
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if options := [argument for argument in rest if argument.startswith("-") and argument != STANDARD_INPUT]:
        parser.error(f"unrecognized arguments: {' '.join(options)}")
    if rest and not hasattr(arguments, "paths"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        arguments.paths += rest
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="responder", description="Try the security responder on this machine, without an AWS account."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_match(commands)
    _add_explain(commands)
    _add_serve(commands)
    _add_costs(commands)
    _add_redrive(commands)
    add_rules(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="run events through the deployed topology and show what they cause",
        description="Run events through the topology that the templates deploy, and show what they cause.",
        epilog="exit status: 0 when every event was handled or unmatched; 1 when one was rejected, failed or left in a"
        " dead-letter queue; 2 when an input cannot be read or parsed or a schedule does not exist, and then nothing is"
        " run",
    )
    run.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a file or folder of .json, .jsonl or .gz: EventBridge events, CloudTrail records or log files, Security"
        " Hub or GuardDuty findings; of a folder, subfolders called world are not read; - reads standard input;"
        f" {os.devnull} holds no events; without PATH, the repository's events/",
    )
    _add_world(run)
    run.add_argument(
        "--schedule",
        action="append",
        default=[],
        dest="schedules",
        metavar="NAME",
        help="let that schedule (logical id or name) of the hub's template, or of the member template in every member"
        " stack, fire once, whatever its state and expression say, after all events were delivered and handled; for"
        " nothing but schedules, give"
        f" {os.devnull} as PATH; repeatable",
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
        " are named as in api_calls or *; with a CODE that a batch operation reports for single items, such as"
        " securityhub:BatchUpdateFindings=0.3:ConcurrentUpdateError, dynamodb:BatchGetItem=0.3:UnprocessedKeys or"
        " dynamodb:BatchWriteItem=0.3:UnprocessedItems, that part of the items fails; which calls and items fail"
        " follows from the SEED of --shuffle; repeatable",
    )
    run.add_argument(
        "--hub",
        type=_place,
        metavar="ACCOUNT/REGION",
        help="where the hub is; otherwise where most Security Hub and GuardDuty events come from, else most events",
    )
    run.set_defaults(command=_run)


def _add_match(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    match = commands.add_parser(
        "match",
        help="tell whether events match an EventBridge pattern and, if not, at which fields",
        description="Tell whether events match an EventBridge pattern and, if not, at which fields.",
        epilog="exit status: 0 when every event matches; 1 when one does not; 2 when an input cannot be read, there are"
        " no events, or the pattern is invalid",
    )
    match.add_argument(
        "pattern",
        metavar="PATTERN",
        help="JSON text, a JSON file, or template.yaml#LogicalId for a rule of a CloudFormation or SAM template as it"
        " would be deployed",
    )
    _add_events(match)
    match.add_argument(
        "--parameter",
        type=_parameter,
        action="append",
        default=[],
        dest="parameters",
        metavar="NAME=VALUE",
        help="value of a template parameter, instead of its default; repeatable",
    )
    match.set_defaults(command=_match)


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser(
        "explain",
        help="tell which rules events match or nearly match, what is done about them, and why",
        description="Run events as `responder run` does, and tell which rules they match or nearly match, what was or"
        " was not done, and why.",
        epilog="exit status: as of `responder run`",
    )
    _add_events(explain)
    _add_world(explain)
    explain.add_argument("--backend", choices=BACKENDS, help="where incidents are opened")
    explain.set_defaults(command=_explain)


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="offer the deployed topology's AWS on loopback, for `sam local invoke`",
        description="Deploy the templates, and offer the AWS that they are deployed in on loopback, in real time, until"
        " interrupted. Nothing is routed or polled: functions are invoked by hand, such as with `sam local invoke`,"
        " which the files it writes tell all it needs.",
        epilog="exit status: 0 when it was interrupted or terminated; 2 when an input cannot be read, the port is taken"
        " or a file cannot be written",
    )
    serve.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, metavar="N", help="where to listen, 0 for a free port (%(default)s)"
    )
    serve.add_argument(
        "--address",
        type=_private_address,
        metavar="ADDRESS",
        help="address of this machine that functions reach, such as that of a Linux Docker engine's bridge: it is"
        " listened on too, and in the files; otherwise, they have host.docker.internal, which Docker Desktop leads to"
        " loopback",
    )
    serve.add_argument(
        "--env-file",
        type=Path,
        default=ENV_FILE,
        metavar="PATH",
        help="where to write the functions' environment variables, for `sam local invoke --env-vars`; beside it,"
        " aws-NAME for its --container-env-vars and samconfig.toml for its --config-file (%(default)s)",
    )
    _add_world(serve, otherwise="those of the repository's events/world and of its sample events")
    serve.add_argument(
        "--backend", choices=BACKENDS, help="where incidents are opened (default: the template's choice)"
    )
    serve.add_argument(
        "--hub", type=_place, default=SAMPLE_HUB, metavar="ACCOUNT/REGION", help="where the hub is (%(default)s)"
    )
    serve.set_defaults(command=_serve)


def _add_costs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    costs = commands.add_parser(
        "costs",
        help="tell what a month costs, and which quotas bind first",
        description="Calculate from the templates' settings and from list prices what a month costs by service, and at"
        " how many events a second which quota binds. docs/costs.md says what is assumed.",
        epilog="exit status: 0; 2 when a template cannot be read or is not known here",
    )
    costs.add_argument(
        "--events",
        type=_positive,
        default=1_000_000,
        metavar="N",
        help="events a month on the bus (%(default)s)",
    )
    costs.add_argument(
        "--accounts", type=_positive, default=10, metavar="N", help="accounts with member stacks (%(default)s)"
    )
    costs.add_argument("--regions", type=_positive, default=2, metavar="N", help="Regions of each (%(default)s)")
    costs.add_argument("--json", action="store_true", help="print one JSON object")
    costs.set_defaults(command=_costs)


def _add_redrive(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    redrive = commands.add_parser(
        "redrive",
        help="send a dead-letter queue's events, in AWS, to the hub's queues whose rules want them",
        description="Take the events of a dead-letter queue of EventBridge's (ForwardDeadLetterQueue of a member stack,"
        " SecurityBusDeadLetterQueue), send each to the queues of the security bus's rules that match it, and delete"
        " it. Unlike all other commands, this one works on AWS, with your credentials.",
        epilog="exit status: 0 when nothing had to be left; 1 when a message was, because it is no event that can be"
        " read; 2 when AWS refused something, and what was not sent by then is still in the queue",
    )
    redrive.add_argument("queue", metavar="QUEUE_URL", help="URL of the dead-letter queue")
    redrive.add_argument(
        "--bus",
        type=_bus,
        required=True,
        metavar="ARN",
        help="the security bus, output SecurityBusArn of the hub stack",
    )
    redrive.add_argument("--profile", metavar="NAME", help="profile of the AWS CLI that may take from the queue")
    redrive.add_argument(
        "--hub-profile", metavar="NAME", help="one that may read the bus's rules and send to its queues"
    )
    redrive.add_argument("--look", action="store_true", help="only show what would be sent where; nothing is deleted")
    redrive.set_defaults(command=_redrive)


def _add_events(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "paths",
        nargs="*",
        metavar="EVENT",
        help="files and folders of events as for `responder run`; - reads standard input, as does no EVENT if something"
        " is piped in; otherwise, the repository's events/",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--hub", type=_place, metavar="ACCOUNT/REGION", help="where the hub is; see `responder run`")


def _add_world(command: argparse.ArgumentParser, *, otherwise: str | None = None) -> None:
    """`otherwise` says which findings and resources there are without their options; else, there are none."""
    command.add_argument(
        "--organization",
        metavar="FILE",
        help='the organization: {"accounts": [{"id", "name", "ou_path": ["Root", "Prod"], "tags": {}, "state",'
        ' "security_contact": {"name", "email", "phone", "title"}}], "management_account"}, in which tags, state,'
        " security_contact and management_account may be absent; otherwise, the repository's"
        " events/world/organization.json",
    )
    command.add_argument(
        "--findings",
        metavar="FILE",
        help="findings (ASFF) that are in Security Hub already, in .json, .jsonl or .gz: single ones, a list, or what"
        " `aws securityhub get-findings` prints"
        + (f"; otherwise, {otherwise}" if otherwise else "; events do not change them"),
    )
    command.add_argument(
        "--resources",
        metavar="FILE",
        help="configuration items that the Config aggregator of the hub knows, in .json, .jsonl or .gz: single ones, a"
        " list, a configuration snapshot, or what `aws configservice` prints"
        + (
            "; otherwise, those of the repository's events/world"
            if otherwise
            else "; events of AWS Config update them; without this option there is no aggregator"
        ),
    )


def _read_world(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the sandbox is told of its world; `InputError` for a file that cannot be read, or is wrong."""
    return {
        "organization": read_organization(arguments.organization) if arguments.organization is not None else None,
        "findings": read_findings(arguments.findings) if arguments.findings is not None else None,
        "resources": read_resources(arguments.resources) if arguments.resources is not None else None,
    }


def _run(arguments: argparse.Namespace) -> int:
    try:
        elements = list(submissions(read(arguments.paths or [str(EVENTS)])))
        described = _read_world(arguments)
    except InputError as error:
        sys.stderr.write(f"responder: {error}\n")
        return UNUSABLE
    return _run_elements(elements, described, arguments)


def _run_elements(elements: list[Submission], described: Mapping[str, Any], arguments: argparse.Namespace) -> int:
    # Here, because moto takes two seconds to import: an unreadable file is told at once.
    from .moto_gaps import DeploymentError
    from .printing import Progress, print_report
    from .report import is_clean
    from .world import Sandbox, UnknownScheduleError

    parameters = {"hub": {"IncidentBackend": arguments.backend}} if arguments.backend else None
    hub = arguments.hub or derive_hub(elements)
    try:
        seed = arguments.shuffle or 0
        world = Sandbox(hub=hub, parameters=parameters, faults=arguments.faults, seed=seed, **described)
        with Progress(len(elements)) as progress, world as sandbox:
            scheduled = [sandbox.schedule(name).name for name in arguments.schedules]
            entries = sandbox.submit(
                elements, duplicate=arguments.duplicate, shuffle=arguments.shuffle, progress=progress
            )
            for name in scheduled:
                sandbox.run_schedule(name)
            report = sandbox.report()
            changed = sandbox.changed_findings
            injected = sandbox.calls.faults.injected.total() if arguments.faults else None
    except (DeploymentError, UnknownScheduleError) as refusal:
        sys.stderr.write(f"responder: {refusal}\n")
        return UNUSABLE
    if arguments.json:
        sys.stdout.write(f"{json.dumps(report)}\n")
    else:
        print_report(report, entries, changed, schedule_runs=len(scheduled), injected_faults=injected)
    return HANDLED if is_clean(report) else TROUBLED


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _port(text: str) -> int:
    if not 0 <= (number := int(text)) <= 65535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return number


def _private_address(text: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IPv4 address") from None
    if address.is_unspecified or not address.is_private:
        raise argparse.ArgumentTypeError(f"{text} is not a private address: it would answer anybody")
    return address


def _bus(text: str) -> str:
    if not re.fullmatch(r"arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/\S+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the ARN of an event bus")
    return text


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


def _match(arguments: argparse.Namespace) -> int:
    from responder.patterns import compile_pattern

    from .matching import candidates, compare, print_verdicts, to_json
    from .pattern_sources import PatternError, read_pattern

    try:
        elements = candidates(_read_events(arguments))
        hub = arguments.hub or derive_hub(elements)
        pattern = read_pattern(arguments.pattern, hub=hub, parameters=dict(arguments.parameters))
    except (InputError, PatternError) as error:
        sys.stderr.write(f"responder: {error}\n")
        return UNUSABLE
    verdicts = compare(compile_pattern(pattern), elements, hub)
    if arguments.json:
        sys.stdout.write(f"{json.dumps(to_json(pattern, verdicts))}\n")
    else:
        print_verdicts(verdicts)
    return HANDLED if all(verdict.matches for verdict in verdicts) else TROUBLED


def _explain(arguments: argparse.Namespace) -> int:
    try:
        elements = list(submissions(_read_events(arguments)))
        described = _read_world(arguments)
    except InputError as error:
        sys.stderr.write(f"responder: {error}\n")
        return UNUSABLE

    from .explaining import explain, print_explanations, to_json
    from .moto_gaps import DeploymentError
    from .printing import Progress
    from .report import is_clean
    from .world import Sandbox

    parameters = {"hub": {"IncidentBackend": arguments.backend}} if arguments.backend else None
    hub = arguments.hub or derive_hub(elements)
    try:
        world = Sandbox(hub=hub, parameters=parameters, **described)
        with Progress(len(elements)) as progress, world as sandbox:
            entries = sandbox.submit(elements, progress=progress)
            report = sandbox.report()
            explanations = explain(sandbox, entries, report)
    except DeploymentError as refusal:
        sys.stderr.write(f"responder: {refusal}\n")
        return UNUSABLE
    if arguments.json:
        sys.stdout.write(f"{json.dumps(to_json(explanations, hub))}\n")
    else:
        print_explanations(explanations)
    return HANDLED if is_clean(report) else TROUBLED


def _serve(arguments: argparse.Namespace) -> int:
    findings = arguments.findings
    arguments.findings = findings or str(SAMPLE_FINDINGS)
    arguments.resources = arguments.resources or str(SAMPLE_RESOURCES)
    try:
        described = _read_world(arguments)
    except InputError as error:
        sys.stderr.write(f"responder: {error}\n")
        return UNUSABLE

    from .moto_gaps import DeploymentError
    from .serve import Files, ServedSandbox, ServeError, serve

    parameters = {"hub": {"IncidentBackend": arguments.backend}} if arguments.backend else None
    try:
        serve(
            ServedSandbox(arguments.hub, parameters=parameters, **described),
            port=arguments.port,
            address=arguments.address,
            files=Files(arguments.env_file),
            events=None if findings else str(EVENTS),
        )
    except (DeploymentError, ServeError) as refusal:
        sys.stderr.write(f"responder: {refusal}\n")
        return UNUSABLE
    return HANDLED


def _costs(arguments: argparse.Namespace) -> int:
    from .costs import CostsError, calculate, print_costs, to_json

    try:
        costs = calculate(arguments.events, arguments.accounts, arguments.regions)
    except CostsError as error:
        sys.stderr.write(f"responder: {error}\n")
        return UNUSABLE
    if arguments.json:
        sys.stdout.write(f"{json.dumps(to_json(costs))}\n")
    else:
        print_costs(costs)
    return HANDLED


def _redrive(arguments: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from .redriving import client, redrive, region_of, rules_of

    left = 0
    try:
        region = arguments.bus.split(":")[3]
        source = client("sqs", region_of(arguments.queue), arguments.profile)
        hub = client("sqs", region, arguments.hub_profile)
        rules = rules_of(client("events", region, arguments.hub_profile), arguments.bus)
        for redriven in redrive(source, arguments.queue, hub, rules, look=arguments.look):
            sys.stdout.write(f"{redriven}\n")
            left += bool(redriven.fault)
    except (BotoCoreError, ClientError, ValueError) as refusal:
        sys.stderr.write(f"responder: {refusal}\n")
        return UNUSABLE
    return TROUBLED if left else HANDLED


def _read_events(arguments: argparse.Namespace) -> list[JsonValue]:
    paths = arguments.paths or [STANDARD_INPUT if _is_piped(sys.stdin) else str(EVENTS)]
    values = read(paths)
    if not values:
        raise InputError(", ".join(paths), "no events")
    return values


def _is_piped(stream: TextIO | None) -> bool:
    """Whether somebody feeds the stream: it is a pipe, a socket or a file, and not a terminal or /dev/null."""
    try:
        return stream is not None and not stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # closed; or none of the operating system's, as in tests
        return stream is not None and not stream.closed


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE, such as GuardDutyMinimumSeverity=4")
    return name, value

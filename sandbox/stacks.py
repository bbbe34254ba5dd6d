"""The templates, deployed in moto, and the wiring that came of it, read back through the AWS APIs.

So parameters, conditions and intrinsics are resolved once, and not by the sandbox. Nothing here knows a rule, queue or
function of the templates by name.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from botocore.exceptions import ClientError
from moto.utilities.utils import get_partition

from responder.patterns import EventPattern, compile_pattern

from . import moto_gaps
from .accounts import Accounts
from .envelopes import Place, is_account, is_region
from .layers import build_layer
from .moto_gaps import DeploymentError

REPOSITORY = Path(__file__).resolve().parent.parent

HUB_STACK = "hub"

STAND_IN_ACCOUNT = "000000000000"
"""Whose member stack takes the events of an account that cannot be one, such as a masked `1234` in a log."""

STAND_IN_REGIONS = ("us-east-1", "us-west-2")
"""The same for Regions: the first of them that is not the hub's, since only there findings are forwarded."""

_CODE_BUCKET = "sandbox"
_SAM_RESOURCE_ID = "SamResourceId"  # where `sam build` writes it too


@dataclass(frozen=True)
class Templates:
    """The templates to deploy; without an organization's, there is no stack in the management account."""

    hub: Path = REPOSITORY / "template.yaml"
    member: Path = REPOSITORY / "templates" / "member.yaml"
    organization: Path | None = REPOSITORY / "templates" / "organization.yaml"


class Template:
    """A template as CloudFormation takes it: a SAM template is transformed, its code stays in its folders."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.whole: dict[str, Any] = json.loads(_transformed(path.read_text("utf-8")))
            """As CloudFormation gets it, with what moto cannot create."""

            self.body: dict[str, Any] = moto_gaps.deployable(self.whole)
        except OSError as error:
            raise DeploymentError(f"{path}: {(error.strerror or str(error)).lower()}") from None
        except DeploymentError as refusal:
            raise DeploymentError(f"{path}: {refusal}") from None
        self.text = json.dumps(self.body)
        self._layer_folders: dict[str, Path] = {}

    def folder(self, logical_id: str) -> Path:
        """Where a function's code is."""
        return self._folder(self.body["Resources"][logical_id]["Properties"]["Code"])

    def layer_folders(self, logical_id: str) -> tuple[Path, ...]:
        """The folders of a function's layers, in its order. Those that a Makefile builds are built, Python is not."""
        folders = []
        for layer in self.body["Resources"][logical_id]["Properties"].get("Layers", []):
            name = layer.get("Ref") if isinstance(layer, dict) else None
            if self.body["Resources"].get(name, {}).get("Type") != "AWS::Lambda::LayerVersion":
                reason = f"the sandbox knows only layers of the template by !Ref yet, not {json.dumps(layer)}"
                raise DeploymentError(f"{self.path}: {logical_id}: {reason}")
            if name not in self._layer_folders:
                self._layer_folders[name] = self._layer_folder(name)
            folders.append(self._layer_folders[name])
        return tuple(folders)

    def _layer_folder(self, logical_id: str) -> Path:
        layer = self.body["Resources"][logical_id]
        folder, metadata = self._folder(layer["Properties"]["Content"]), layer.get("Metadata", {})
        if metadata.get("BuildMethod") != "makefile" or (folder / "requirements.txt").is_file():
            return folder  # as it is; if it is Python, with the sandbox's own libraries
        try:
            name = metadata.get(_SAM_RESOURCE_ID, logical_id)
            return build_layer(name, folder, Path(self.path.parent, "build", "layers").resolve())
        except DeploymentError as failure:
            raise DeploymentError(f"{self.path}: {failure}") from None

    def _folder(self, code: Mapping[str, Any]) -> Path:
        return Path(self.path.parent, code["S3Key"]).resolve()


@cache
def _transformed(text: str) -> str:
    """The JSON of a template, after the SAM transform if it asks for it."""
    # Here, because these imports take a third of a second, and not everything that imports this module deploys.
    from samtranslator.model.exceptions import InvalidDocumentException  # type: ignore[import-untyped]
    from samtranslator.translator.transform import transform  # type: ignore[import-untyped]
    from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

    # Else it says, whenever it is collected, that its usage metrics were published nowhere.
    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)
    try:
        template = yaml_parse(text)
        if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
            raise DeploymentError("not a template: it has no Resources")
        if "Transform" in template:
            _point_to_folders(template)
            metadata = {name: resource.get("Metadata", {}) for name, resource in template["Resources"].items()}
            template = transform(template, {}, _NoManagedPolicies())
            _keep_metadata_of_layers(template, metadata)
    except yaml.YAMLError as error:
        raise DeploymentError(f"not YAML: {error}") from None
    except InvalidDocumentException as error:
        raise DeploymentError("; ".join(cause.message for cause in error.causes)) from None
    return json.dumps(template)


class _NoManagedPolicies:
    """SAM looks up AWS's managed policies by name; without any, such names are used as they are."""

    def load(self) -> dict[str, str]:
        return {}


def _point_to_folders(template: dict[str, Any]) -> None:
    """Let the transform keep the folders, as the keys of objects in a bucket that does not exist."""
    sections = [resource.get("Properties", {}) for resource in template["Resources"].values()]
    sections += list(template.get("Globals", {}).values())
    for properties in sections:
        for name in ("CodeUri", "ContentUri"):
            if isinstance(folder := properties.get(name), str):
                properties[name] = {"Bucket": _CODE_BUCKET, "Key": folder}


def _keep_metadata_of_layers(template: dict[str, Any], metadata: Mapping[str, Mapping[str, Any]]) -> None:
    """The transform drops what says how a layer is built, and ends its name with a digest."""
    from samtranslator.translator.logical_id_generator import LogicalIdGenerator  # type: ignore[import-untyped]

    for logical_id, resource in template["Resources"].items():
        name = logical_id[: -LogicalIdGenerator.HASH_LENGTH]
        if resource["Type"] == "AWS::Lambda::LayerVersion" and name in metadata:
            resource["Metadata"] = {**metadata[name], _SAM_RESOURCE_ID: name}


@dataclass(frozen=True)
class Target:
    """What a rule sends its events to."""

    arn: str
    role_arn: str | None
    dead_letter_arn: str | None


@dataclass(frozen=True)
class Rule:
    """A rule of a bus. `name` is its logical id."""

    name: str
    arn: str
    state: str
    pattern: EventPattern
    targets: tuple[Target, ...]

    @property
    def enabled(self) -> bool:
        return self.state != "DISABLED"

    @property
    def takes_read_only_calls(self) -> bool:
        return self.state == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


@dataclass(frozen=True)
class Bus:
    """An event bus and its rules, in the template's order."""

    place: Place
    name: str
    rules: list[Rule] = field(default_factory=list)


@dataclass(frozen=True)
class QueueResource:
    """An SQS queue. `name` is its logical id."""

    name: str
    arn: str
    url: str
    place: Place


@dataclass(frozen=True)
class QueueMapping:
    """An event source mapping of a queue: how Lambda polls it for a function."""

    queue_arn: str
    function_arn: str
    batch_size: int
    window_seconds: int
    reports_item_failures: bool
    filters: tuple[EventPattern, ...]


@dataclass(frozen=True)
class StreamMapping:
    """An event source mapping of a table's stream. `name` is its logical id, `table` the table's.

    Without a maximum, Lambda tries until the stream keeps a record no longer.
    """

    name: str
    table: str
    stream_arn: str
    function_arn: str
    from_the_beginning: bool
    """Whether it begins with the oldest record, or with the first that comes after the mapping."""

    batch_size: int
    window_seconds: int
    reports_item_failures: bool
    bisects: bool
    maximum_retries: int | None
    maximum_age_seconds: int | None
    parallelization: int
    on_failure_arn: str | None
    filters: tuple[EventPattern, ...]


@dataclass(frozen=True)
class Schedule:
    """A schedule that puts a message on a queue of its stack, or events on a default bus. `name` is its logical id."""

    name: str
    deployed_name: str
    arn: str
    place: Place
    queue_arn: str | None
    """None if it puts events."""

    dead_letter_arn: str | None
    input: str


@dataclass(frozen=True)
class FunctionResource:
    """A Lambda function. `name` is its code's folder, `deployed_name` what Lambda calls it."""

    name: str
    arn: str
    deployed_name: str
    place: Place
    folder: Path
    layers: tuple[Path, ...]
    """Folders that stand for /opt, the last one uppermost."""

    handler: str
    role_arn: str
    environment: Mapping[str, str]
    timeout_seconds: int
    memory_mb: int
    may_loop: bool
    """Whether Lambda lets it go on being invoked by messages that it sends itself."""


@dataclass
class Stack:
    """A deployed stack, as the AWS APIs describe it. Names are logical ids."""

    place: Place
    outputs: dict[str, str] = field(default_factory=dict)
    buses: dict[str, Bus] = field(default_factory=dict)
    queues: list[QueueResource] = field(default_factory=list)
    functions: list[FunctionResource] = field(default_factory=list)
    queue_mappings: list[QueueMapping] = field(default_factory=list)
    stream_mappings: list[StreamMapping] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    topics: dict[str, str] = field(default_factory=dict)

    def rules(self) -> Iterator[Rule]:
        for bus in self.buses.values():
            yield from bus.rules


class Topology:
    """The organization's stack, the hub's, and a member stack in every account and Region that an event comes from.

    They are deployed in that order, member stacks when they are first asked for. Each is offered the outputs of the one
    before as parameters of the same names.
    """

    def __init__(
        self,
        accounts: Accounts,
        hub: Place,
        templates: Templates,
        *,
        management_account: str,
        parameters: Mapping[str, Mapping[str, str]],
        offered: Mapping[str, str],
    ) -> None:
        """`parameters` are values by stack ("organization", "hub", "member"); `offered` ones are used where the
        organization's or the hub's template asks.
        """
        self._accounts = accounts
        self._parameters = parameters
        self._member_template = Template(templates.member)
        self._stacks: dict[Place, Stack] = {}
        self.organization: Stack | None = None
        if templates.organization is not None:
            place = Place(management_account, hub.region)
            self.organization = self._deploy("organization", Template(templates.organization), place, offered)
            offered = {**offered, **self.organization.outputs}
        self.hub = self._deploy(HUB_STACK, Template(templates.hub), hub, offered)
        self._hub_rules = {rule.arn for rule in self.hub.rules()}

    def member(self, account: str, region: str) -> Stack:
        """The member stack whose default bus takes the events of an account and Region, or of what passes for them."""
        place = self._place(account, region)
        if (stack := self._stacks.get(place)) is None:
            # As whoever deploys does it: the hub's outputs are the member's parameters of the same names.
            stack = self._stacks[place] = self._deploy("member", self._member_template, place, self.hub.outputs)
            stack.buses.setdefault("default", Bus(place, "default"))
        return stack

    def stacks(self) -> Iterator[Stack]:
        yield self.hub
        yield from self._stacks.values()
        if self.organization is not None:
            yield self.organization

    def default_bus(self, account: str, region: str) -> Iterator[Rule]:
        """The rules that an event of the account and Region meets first."""
        member = self.member(account, region)
        if member.place == self.hub.place and (bus := self.hub.buses.get("default")):
            yield from bus.rules
        yield from member.buses["default"].rules

    def bus(self, arn: str) -> Iterable[Rule] | None:
        """The rules of a bus; None if there is no such bus."""
        _, _, _, region, account, resource = arn.split(":", 5)
        name = resource.removeprefix("event-bus/")
        if name == "default":
            return self.default_bus(account, region) if is_account(account) and is_region(region) else None
        bus = self.hub.buses.get(name) if Place(account, region) == self.hub.place else None
        return bus.rules if bus else None

    def rules_only_at_the_hub(self, member: Stack) -> list[Rule]:
        """Rules of the hub's own member stack that this one lacks, since what is forwarded depends on the place."""
        names = {rule.name for rule in member.rules()}
        return [rule for rule in self.member(*self.hub.place).rules() if rule.name not in names]

    def condition_of_member_rule(self, name: str) -> str | None:
        """The condition under which the member template deploys a rule."""
        condition: str | None = self._member_template.body["Resources"][name].get("Condition")
        return condition

    def is_of_hub(self, rule: Rule) -> bool:
        return rule.arn in self._hub_rules

    def _place(self, account: str, region: str) -> Place:
        hub_region = self.hub.place.region
        stand_in_region = next(region for region in STAND_IN_REGIONS if region != hub_region)
        return Place(
            account if is_account(account) else STAND_IN_ACCOUNT,
            region if is_region(region) else stand_in_region,
        )

    def _deploy(self, name: str, template: Template, place: Place, offered: Mapping[str, str]) -> Stack:
        declared = template.body.get("Parameters", {})
        given = {parameter: value for parameter, value in offered.items() if parameter in declared}
        cloudformation = self._accounts.client("cloudformation", *place)
        try:
            parameters = moto_gaps.parameter_values(template.body, given | dict(self._parameters.get(name, {})))
            cloudformation.create_stack(
                StackName=name,
                TemplateBody=template.text,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
        except DeploymentError as refusal:
            raise DeploymentError(f"{template.path}: {refusal}") from None
        except KeyError as missing:  # moto's way to say it
            raise DeploymentError(f"{template.path}: a reference to {missing}, which is not deployed") from missing
        except ClientError as error:
            raise DeploymentError(f"{template.path}: {error.response['Error']['Message']}") from error
        return _StackReader(self._accounts, place, name, template).read()


class _StackReader:
    """Reads a deployed stack back."""

    def __init__(self, accounts: Accounts, place: Place, stack_name: str, template: Template) -> None:
        self._accounts = accounts
        self._place = place
        self._stack_name = stack_name
        self._template = template

    def read(self) -> Stack:
        cloudformation = self._client("cloudformation")
        stack = Stack(self._place)
        described = cloudformation.describe_stacks(StackName=self._stack_name)["Stacks"][0]
        stack.outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        resources = cloudformation.list_stack_resources(StackName=self._stack_name)["StackResourceSummaries"]
        self._names = {resource["PhysicalResourceId"]: resource["LogicalResourceId"] for resource in resources}
        for resource in resources:
            logical_id, physical_id = resource["LogicalResourceId"], resource["PhysicalResourceId"]
            match resource["ResourceType"]:
                case "AWS::Events::EventBus":
                    self._bus(stack, physical_id)
                case "AWS::Events::Rule":
                    self._rule(stack, logical_id, physical_id)
                case "AWS::SQS::Queue":
                    stack.queues.append(self._queue(logical_id, physical_id))
                case "AWS::Lambda::Function":
                    stack.functions.append(self._function(logical_id, physical_id))
                case "AWS::Lambda::EventSourceMapping":
                    self._mapping(stack, logical_id, physical_id)
                case "AWS::SNS::Topic":
                    stack.topics[physical_id] = logical_id
                case "AWS::Scheduler::Schedule":
                    stack.schedules.append(self._schedule(logical_id, physical_id))
        _require_targets_of_the_stack(stack)
        return stack

    def _client(self, service: str) -> Any:
        return self._accounts.client(service, *self._place)

    def _bus(self, stack: Stack, name: str) -> Bus:
        return stack.buses.setdefault(name, Bus(self._place, name))

    def _rule(self, stack: Stack, logical_id: str, physical_id: str) -> None:
        events = self._client("events")
        bus_name, _, name = physical_id.rpartition("|")
        bus_name = bus_name or "default"
        described = events.describe_rule(Name=name, EventBusName=bus_name)
        if (pattern := described.get("EventPattern")) is None:
            return  # a schedule, which no event sets off
        targets = events.list_targets_by_rule(Rule=name, EventBusName=bus_name)["Targets"]
        rule = Rule(
            name=logical_id,
            arn=described["Arn"],
            state=described["State"],
            pattern=_compiled(pattern),
            targets=tuple(_target(logical_id, target) for target in targets),
        )
        self._bus(stack, bus_name).rules.append(rule)

    def _queue(self, logical_id: str, url: str) -> QueueResource:
        account, name = url.rsplit("/", 2)[1:]
        arn = f"arn:{get_partition(self._place.region)}:sqs:{self._place.region}:{account}:{name}"
        return QueueResource(logical_id, arn, url, self._place)

    def _function(self, logical_id: str, deployed_name: str) -> FunctionResource:
        described = self._client("lambda").get_function_configuration(FunctionName=deployed_name)
        folder = self._template.folder(logical_id)
        variables = described.get("Environment", {}).get("Variables", {})
        return FunctionResource(
            name=folder.name,
            arn=described["FunctionArn"],
            deployed_name=deployed_name,
            place=self._place,
            folder=folder,
            layers=self._template.layer_folders(logical_id),
            handler=described["Handler"],
            role_arn=described["Role"],
            environment={name: moto_gaps.text_of(value) for name, value in variables.items()},
            timeout_seconds=int(described["Timeout"]),
            memory_mb=int(described["MemorySize"]),
            # moto's Lambda does not keep it.
            may_loop=self._template.body["Resources"][logical_id]["Properties"].get("RecursiveLoop") == "Allow",
        )

    def _schedule(self, logical_id: str, deployed_name: str) -> Schedule:
        described = self._client("scheduler").get_schedule(Name=deployed_name)
        target = described["Target"]
        return Schedule(
            name=logical_id,
            deployed_name=deployed_name,
            arn=described["Arn"],
            place=self._place,
            queue_arn=None if puts_events(target["Arn"]) else target["Arn"],
            dead_letter_arn=target.get("DeadLetterConfig", {}).get("Arn"),
            input=target["Input"],
        )

    def _mapping(self, stack: Stack, logical_id: str, uuid: str) -> None:
        client = self._client("lambda")
        described = client.get_event_source_mapping(UUID=uuid)
        if described["State"] != "Enabled":
            return
        if ":dynamodb:" in described["EventSourceArn"]:
            stack.stream_mappings.append(self._stream_mapping(logical_id, described))
            return
        if ":sqs:" not in described["EventSourceArn"]:
            raise DeploymentError(f"the sandbox does not read {described['EventSourceArn']} yet")
        # Otherwise moto would poll the queue itself, message by message, and invoke the function in Docker.
        client.update_event_source_mapping(UUID=uuid, Enabled=False)
        filters = described.get("FilterCriteria", {}).get("Filters", [])
        stack.queue_mappings.append(
            QueueMapping(
                queue_arn=described["EventSourceArn"],
                function_arn=described["FunctionArn"],
                batch_size=int(described["BatchSize"]),
                window_seconds=int(described.get("MaximumBatchingWindowInSeconds", 0)),
                reports_item_failures="ReportBatchItemFailures" in described.get("FunctionResponseTypes", []),
                filters=tuple(_compiled(entry["Pattern"]) for entry in filters),
            )
        )

    def _stream_mapping(self, logical_id: str, described: Mapping[str, Any]) -> StreamMapping:
        filters = described.get("FilterCriteria", {}).get("Filters", [])
        table = described["EventSourceArn"].split(":", 5)[5].split("/")[1]
        if table not in self._names:
            raise DeploymentError(f"{logical_id}: the sandbox reads no stream of another stack's table, {table}, yet")
        return StreamMapping(
            name=logical_id,
            table=self._names[table],
            stream_arn=described["EventSourceArn"],
            function_arn=described["FunctionArn"],
            from_the_beginning=described["StartingPosition"] == "TRIM_HORIZON",
            batch_size=int(described["BatchSize"]),
            window_seconds=int(described.get("MaximumBatchingWindowInSeconds", 0)),
            reports_item_failures="ReportBatchItemFailures" in described.get("FunctionResponseTypes", []),
            bisects=described.get("BisectBatchOnFunctionError", False),
            maximum_retries=_limit(described.get("MaximumRetryAttempts")),
            maximum_age_seconds=_limit(described.get("MaximumRecordAgeInSeconds")),
            parallelization=int(described.get("ParallelizationFactor", 1)),
            on_failure_arn=described.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") or None,
            filters=tuple(_compiled(entry["Pattern"]) for entry in filters),
        )


def puts_events(target_arn: str) -> bool:
    """Whether a schedule's target is EventBridge's PutEvents, as a universal target."""
    return target_arn.endswith(":scheduler:::aws-sdk:eventbridge:putEvents")


def _limit(value: int | None) -> int | None:
    """A maximum, where -1 says that there is none."""
    return None if value is None or value < 0 else int(value)


def _require_targets_of_the_stack(stack: Stack) -> None:
    queues = {queue.arn for queue in stack.queues}
    for mapping in stack.stream_mappings:
        if mapping.on_failure_arn and mapping.on_failure_arn not in queues | stack.topics.keys():
            raise DeploymentError(
                f"{mapping.name}: the sandbox does not send failed records to {mapping.on_failure_arn} yet, only to an"
                " SQS queue or SNS topic of the same stack"
            )
    for schedule in stack.schedules:
        if schedule.queue_arn is not None and schedule.queue_arn not in queues:
            raise DeploymentError(
                f"{schedule.name}: the sandbox does not let a schedule fire at {schedule.queue_arn} yet, only at an SQS"
                " queue of the same stack, or at PutEvents"
            )


_patterns: dict[str, EventPattern] = {}


def _compiled(pattern: str) -> EventPattern:
    """The pattern, compiled once however many member stacks have it."""
    if (compiled := _patterns.get(pattern)) is None:
        compiled = _patterns[pattern] = compile_pattern(json.loads(pattern))
    return compiled


def _target(rule: str, target: Mapping[str, Any]) -> Target:
    known: Iterable[str] = ("Id", "Arn", "RoleArn", "DeadLetterConfig", "RetryPolicy")
    if unknown := target.keys() - set(known):
        raise DeploymentError(f"{rule}: the sandbox does not know {', '.join(sorted(unknown))} of a target yet")
    if target["Arn"].split(":")[2] not in ("sqs", "events"):
        raise DeploymentError(f"{rule}: the sandbox does not deliver to {target['Arn']} yet")
    return Target(target["Arn"], target.get("RoleArn"), target.get("DeadLetterConfig", {}).get("Arn"))

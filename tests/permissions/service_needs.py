"""What roles need although no function calls it: what AWS's services do with a role, or on behalf of who holds it.

Encryption needs nothing here: the key's own policy admits the account through the services that use it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from moto.utilities.utils import get_partition

from sandbox.stacks import Template, Templates
from sandbox.world import Sandbox

from .authorization import ANY, Request
from .roles import deployed

INCIDENT_MANAGER = "ssm-incidents.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Need:
    """What a role must allow, and who asks for it."""

    role: str
    """Its ARN."""

    request: Request
    by: str
    function: str | None = None
    """Whose call it is; None if a service asks."""


Asked = Iterator[tuple[str, Request]]


@dataclass(frozen=True, slots=True)
class ServiceNeed:
    """A need of a service's. `asked` gives roles and requests, from the deployed stacks and what functions called."""

    by: str
    source: str
    asked: Callable[[Sandbox, Collection[Need]], Asked]


def service_needs(sandbox: Sandbox, called: Collection[Need]) -> Iterator[Need]:
    """All of them, for the stacks as they are deployed."""
    for need in SERVICE_NEEDS:
        for role, request in need.asked(sandbox, called):
            yield Need(role, request, need.by)


def _roles_of_functions(sandbox: Sandbox) -> dict[str, str]:
    return {function.arn: function.role_arn for function in sandbox.topology.hub.functions}


def _queue_polling(sandbox: Sandbox, _: Collection[Need]) -> Asked:
    for mapping in sandbox.topology.hub.queue_mappings:
        for action in ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"):
            yield _roles_of_functions(sandbox)[mapping.function_arn], Request(action, mapping.queue_arn)


def _stream_polling(sandbox: Sandbox, _: Collection[Need]) -> Asked:
    for mapping in sandbox.topology.hub.stream_mappings:
        for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"):
            role = _roles_of_functions(sandbox)[mapping.function_arn]
            yield role, Request(f"dynamodb:{action}", mapping.stream_arn)


def _discarded_records(sandbox: Sandbox, _: Collection[Need]) -> Asked:
    for mapping in sandbox.topology.hub.stream_mappings:
        if mapping.on_failure_arn:
            role = _roles_of_functions(sandbox)[mapping.function_arn]
            yield role, Request("sqs:SendMessage", mapping.on_failure_arn)


def _functions(sandbox: Sandbox) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each function's role, and its properties in the transformed template, since moto keeps few of them."""
    template = Template(Templates().hub).whole["Resources"]
    roles = {function.deployed_name: function.role_arn for function in sandbox.topology.hub.functions}
    for resource in deployed(sandbox, "AWS::Lambda::Function"):
        yield roles[resource.physical_id], template[resource.logical_id]["Properties"]


def _logs(sandbox: Sandbox, _: Collection[Need]) -> Asked:
    groups = {group.logical_id: group for group in deployed(sandbox, "AWS::Logs::LogGroup")}
    for role, properties in _functions(sandbox):
        group = groups[properties["LoggingConfig"]["LogGroup"]["Ref"]]
        account, region = group.place
        arn = f"arn:{get_partition(region)}:logs:{region}:{account}:log-group:{group.physical_id}"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield role, Request(action, f"{arn}:log-stream:2026/03/02/[$LATEST]0")


def _traces(sandbox: Sandbox, _: Collection[Need]) -> Asked:
    for role, properties in _functions(sandbox):
        if properties["TracingConfig"]["Mode"] == "Active":
            for action in ("xray:PutTelemetryRecords", "xray:PutTraceSegments"):
                yield role, Request(action, ANY)


def _incident_tags(_: Sandbox, called: Collection[Need]) -> Asked:
    for need in called:
        if need.request.action == "ssm-incidents:StartIncident":
            record = need.request.resource.replace(":response-plan/", ":incident-record/") + "/00000000"
            yield need.role, Request("ssm-incidents:TagResource", record)


def _engagements(_: Sandbox, called: Collection[Need]) -> Asked:
    for need in called:
        if need.request.action == "ssm-incidents:StartIncident":
            partition, account = need.request.resource.split(":")[1], need.request.resource.split(":")[4]
            contact = f"arn:{partition}:ssm-contacts:eu-west-1:{account}:contact/on-call"
            for action, resource in (("ssm-contacts:StartEngagement", contact), ("ssm:CreateOpsItem", ANY)):
                yield need.role, Request(action, resource, (("aws:CalledViaFirst", (INCIDENT_MANAGER,)),))


def _schedules(sandbox: Sandbox, _: Collection[Need]) -> Asked:
    for schedule in (schedule for stack in sandbox.topology.stacks() for schedule in stack.schedules):
        account, region = schedule.place
        client = sandbox.client("scheduler", account, region)
        role = client.get_schedule(Name=schedule.deployed_name)["Target"]["RoleArn"]
        if schedule.queue_arn is None:
            default_bus = f"arn:{get_partition(region)}:events:{region}:{account}:event-bus/default"
            yield role, Request("events:PutEvents", default_bus)
        for arn in (schedule.queue_arn, schedule.dead_letter_arn):
            if arn:
                yield role, Request("sqs:SendMessage", arn)


def _forwarding(sandbox: Sandbox, _: Collection[Need]) -> Asked:
    for entry in sandbox.ledger.entries:
        if entry.event is None:
            continue
        for rule in sandbox.topology.member(entry.event["account"], entry.event["region"]).rules():
            for target in rule.targets if rule.name in entry.forwarded_by else ():
                if target.role_arn:
                    yield target.role_arn, Request("events:PutEvents", target.arn)


SERVICE_NEEDS = (
    ServiceNeed(
        "Lambda, which takes messages from a queue for the function",
        "Lambda developer guide, Creating and configuring an Amazon SQS event source mapping, role permissions",
        _queue_polling,
    ),
    ServiceNeed(
        "Lambda, which reads a table's stream for the function",
        "DynamoDB developer guide, IAM policy to allow a Lambda function to access DynamoDB stream records",
        _stream_polling,
    ),
    ServiceNeed(
        "Lambda, which sends word of records that it discards",
        "Lambda developer guide, Retain discarded records for a DynamoDB event source",
        _discarded_records,
    ),
    ServiceNeed(
        "Lambda, which writes the function's log into a log group that is there",
        "AWS managed policy reference, AWSLambdaBasicExecutionRole",
        _logs,
    ),
    ServiceNeed(
        "Lambda, which traces the function's invocations",
        "Lambda developer guide, Visualize Lambda function invocations using AWS X-Ray, execution role permissions",
        _traces,
    ),
    ServiceNeed(
        "Incident Manager, which gives an incident the tags of its plan",
        "Service Authorization Reference, Incident Manager, StartIncident",
        _incident_tags,
    ),
    ServiceNeed(
        "Incident Manager, which engages the plan's contacts and creates the incident's OpsItem as the caller",
        "Service Authorization Reference, Incident Manager, dependent actions of StartIncident",
        _engagements,
    ),
    ServiceNeed(
        "EventBridge Scheduler, which sends a schedule's message or events, or what it could not send",
        "EventBridge Scheduler user guide, Setting up the execution role; Configuring a schedule's dead-letter queue",
        _schedules,
    ),
    ServiceNeed(
        "EventBridge, which forwards events to a bus of another account",
        "EventBridge user guide, Sending and receiving events between AWS accounts",
        _forwarding,
    ),
)
"""Reviewed, each with its source. What one of them asks for and no role allows is missing there, and a failure."""

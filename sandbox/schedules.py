"""EventBridge Scheduler: `AWS::Scheduler::Schedule`, which moto's CloudFormation lacks, and what a schedule sends: a
message to a queue, or events to the default bus.

When a schedule fires is the caller's to say: time here follows the events, and no expression is evaluated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from moto.core.common_models import CloudFormationModel
from moto.scheduler.models import scheduler_backends

from .aws_services.model import message, operation_model, violations
from .aws_services.stack_resource import StackResource
from .clock import format_time
from .envelopes import Event
from .moto_gaps import DeploymentError
from .stacks import Schedule, puts_events

_DEFAULT_GROUP = "default"  # the group of schedules that is there without being created

_KNOWN_OF_A_TARGET = {"Arn", "RoleArn", "Input", "DeadLetterConfig", "RetryPolicy"}

_KNOWN_OF_AN_ENTRY = {"Source", "DetailType", "Detail"}  # without a bus's name: the default bus

_EXPRESSION = re.compile(
    r"rate\([1-9]\d* (minute|hour|day)s?\)|cron\(\S+( \S+){5}\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
)

_EXECUTION_IDS = UUID("0c0a5b0e-6a0f-5e5d-9f0b-6f1f5a2f7a11")


class ScheduleResource(StackResource, CloudFormationModel):
    """`AWS::Scheduler::Schedule`: the service's own request, checked against its model. `Ref` is the name."""

    TYPE = "AWS::Scheduler::Schedule"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> ScheduleResource:
        request = {"Name": resource_name} | cloudformation_json["Properties"]
        if fault := _fault(request):
            raise DeploymentError(f"{kwargs['LogicalId']}: {fault}")
        schedule = scheduler_backends[account_id][region_name].create_schedule(
            description=request.get("Description"),
            end_date=None,  # type: ignore[arg-type] # like its begin, of no meaning here
            flexible_time_window=request["FlexibleTimeWindow"],
            group_name=_DEFAULT_GROUP,
            kms_key_arn=request.get("KmsKeyArn"),
            name=request["Name"],
            schedule_expression=request["ScheduleExpression"],
            schedule_expression_timezone=request.get("ScheduleExpressionTimezone"),
            start_date=None,  # type: ignore[arg-type]
            state=request.get("State"),
            target=request["Target"],
            action_after_completion=None,
        )
        return cls(schedule.name, schedule.arn)


def _fault(request: dict[str, Any]) -> str | None:
    """Why AWS would not create it, or the sandbox cannot."""
    shape = operation_model("scheduler", "CreateSchedule").input_shape
    assert shape is not None
    if found := list(violations(shape, request)):
        return message(found)
    if not _EXPRESSION.fullmatch(expression := request["ScheduleExpression"]):
        return f"EventBridge Scheduler refuses the expression {expression}"
    if request.get("GroupName", _DEFAULT_GROUP) != _DEFAULT_GROUP:
        return "the sandbox has no group of schedules but the default one"
    target = request["Target"]
    if unknown := target.keys() - _KNOWN_OF_A_TARGET:
        return f"the sandbox does not know {', '.join(sorted(unknown))} of a schedule's target yet"
    if "Input" not in target:
        return "its target has no Input, and what Scheduler sends instead is not known here"
    return _fault_of_entries(target["Input"]) if puts_events(target["Arn"]) else None


def _fault_of_entries(text: str) -> str | None:
    """Why PutEvents would not take an Input, or the sandbox cannot."""
    try:
        request = json.loads(text)
    except ValueError as error:
        return f"its target's Input is not JSON: {error}"
    shape = operation_model("events", "PutEvents").input_shape
    assert shape is not None
    if found := list(violations(shape, request)):
        return message(found)
    for number, entry in enumerate(request["Entries"]):
        if missing := [name for name in ("Source", "DetailType", "Detail") if not entry.get(name)]:
            return f"entry {number} has no {', '.join(missing)}"
        if entry["Source"].startswith("aws."):
            return f"entry {number} has a source that only AWS may put: {entry['Source']}"
        if unknown := entry.keys() - _KNOWN_OF_AN_ENTRY:
            return f"the sandbox does not know {', '.join(sorted(unknown))} of an entry of PutEvents yet"
        if not _is_json_object(entry["Detail"]):
            return f"entry {number} has a Detail that is no JSON object"
    return None


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def events_of(schedule: Schedule, *, now: datetime, run: int) -> Iterator[Event]:
    """The events of a schedule's `run`th run that puts some, as the default bus of its account gets them."""
    body = json.loads(body_of(schedule, now=now, run=run))
    for number, entry in enumerate(body["Entries"]):
        yield {
            "version": "0",
            "id": str(uuid5(_EXECUTION_IDS, f"{schedule.arn}/{run}/{number}")),
            "detail-type": entry["DetailType"],
            "source": entry["Source"],
            "account": schedule.place.account,
            "time": format_time(now.replace(microsecond=0)),
            "region": schedule.place.region,
            "resources": [],
            "detail": json.loads(entry["Detail"]),
        }


def body_of(schedule: Schedule, *, now: datetime, run: int) -> str:
    """The message, or request, of a schedule's `run`th run: its Input, with what Scheduler fills in.

    The keywords are those of "Adding context attributes" in the EventBridge Scheduler user guide, which also shows the
    form of their values: a time in whole seconds, an id of 16 characters for each attempt.
    """
    values = {
        "<aws.scheduler.schedule-arn>": schedule.arn,
        "<aws.scheduler.scheduled-time>": format_time(now.replace(microsecond=0)),
        "<aws.scheduler.execution-id>": uuid5(_EXECUTION_IDS, f"{schedule.arn}/{run}").hex[:16],
        "<aws.scheduler.attempt-number>": "1",  # the queue is there, so the first attempt succeeds
    }
    body = schedule.input
    for keyword, value in values.items():
        body = body.replace(keyword, value)
    return body

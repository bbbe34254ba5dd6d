"""EventBridge Scheduler: `AWS::Scheduler::Schedule`, which moto's CloudFormation lacks, and what a schedule sends.

When a schedule fires is the caller's to say: time here follows the events, and no expression is evaluated.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from moto.core.common_models import CloudFormationModel
from moto.scheduler.models import scheduler_backends

from .aws_services.model import message, operation_model, violations
from .aws_services.stack_resource import StackResource
from .clock import format_time
from .moto_gaps import DeploymentError
from .stacks import Schedule

_DEFAULT_GROUP = "default"  # the group of schedules that is there without being created

_KNOWN_OF_A_TARGET = {"Arn", "RoleArn", "Input", "DeadLetterConfig", "RetryPolicy"}

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
    return None


def body_of(schedule: Schedule, *, now: datetime, run: int) -> str:
    """The message of a schedule's `run`th run: its Input, with what Scheduler fills in.

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

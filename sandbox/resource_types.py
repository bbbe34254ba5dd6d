"""Resource types that moto's services have, and its CloudFormation lacks: schedules.

As for every type, the properties are the service's own request, checked against its model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.scheduler.models import scheduler_backends

from .aws_services.model import message, operation_model, violations

DEFAULT_GROUP = "default"
"""The group of schedules that is there without being created."""

_EXPRESSION = re.compile(
    r"(rate\([1-9]\d* (minutes?|hours?|days?)\)|cron\(\S+( \S+){5}\)|at\(\d{4}-\d\d-\d\dT[\d:]{8}\))"
)


class InvalidPropertiesError(ValueError):
    """Properties that the service behind a resource refuses; the message names the resource."""

    def __init__(self, logical_id: str, reason: str) -> None:
        super().__init__(f"{logical_id}: {reason}")


class _Resource:
    """What all types here have in common: they are created once, by their name."""

    def __init__(self, physical_resource_id: str, arn: str) -> None:
        self.physical_resource_id = physical_resource_id
        self.arn = arn

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        assert attribute_name == "Arn"
        return self.arn

    def is_created(self) -> bool:
        return True

    @classmethod
    def update_from_cloudformation_json(cls, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("the sandbox deploys each stack once")

    @classmethod
    def delete_from_cloudformation_json(cls, *_: Any, **__: Any) -> None:
        """Stacks go with the world."""


class ScheduleResource(_Resource, CloudFormationModel):
    """`AWS::Scheduler::Schedule`. `Ref` is its name."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Scheduler::Schedule"

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[override]
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> ScheduleResource:
        request, logical_id = {"Name": resource_name} | cloudformation_json["Properties"], kwargs["LogicalId"]
        _check(logical_id, "scheduler", "CreateSchedule", request)
        if not _EXPRESSION.fullmatch(expression := request["ScheduleExpression"]):
            raise InvalidPropertiesError(logical_id, f"Invalid Schedule Expression {expression}.")
        if (given := request["Target"].get("Input")) is not None and not _is_json(given):
            raise InvalidPropertiesError(logical_id, "the Input is not JSON, which a function's must be")
        if request.get("GroupName", DEFAULT_GROUP) != DEFAULT_GROUP:
            raise InvalidPropertiesError(logical_id, "the sandbox has no group of schedules but the default one")
        schedule = scheduler_backends[account_id][region_name].create_schedule(
            description=request.get("Description"),
            end_date=request.get("EndDate"),
            flexible_time_window=request["FlexibleTimeWindow"],
            group_name=DEFAULT_GROUP,
            kms_key_arn=request.get("KmsKeyArn"),
            name=request["Name"],
            schedule_expression=request["ScheduleExpression"],
            schedule_expression_timezone=request.get("ScheduleExpressionTimezone"),
            start_date=request.get("StartDate"),
            state=request.get("State"),
            target=request["Target"],
            action_after_completion=None,
        )
        return cls(schedule.name, schedule.arn)


def _check(logical_id: str, service: str, operation: str, request: Mapping[str, Any]) -> None:
    if found := list(violations(operation_model(service, operation).input_shape, request)):
        raise InvalidPropertiesError(logical_id, message(found))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

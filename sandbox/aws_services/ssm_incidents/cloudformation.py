"""What CloudFormation makes of Incident Manager's resource types: the service's own requests, checked as they are.

A template writes members in capitals and tags as a list; the API wants neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.common_models import CloudFormationModel

from ..model import message, operation_model, violations
from ..stack_resource import StackResource
from .exceptions import ValidationException
from .models import ssmincidents_backends

_TAGS = ("Tags", "IncidentTags")


class ResponsePlanResource(StackResource, CloudFormationModel):
    """`AWS::SSMIncidents::ResponsePlan`. `Ref` and `Arn` are the plan's ARN."""

    TYPE = "AWS::SSMIncidents::ResponsePlan"

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[override]
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> ResponsePlanResource:
        request = as_request({"Name": resource_name} | cloudformation_json["Properties"])
        shape = operation_model("ssm-incidents", "CreateResponsePlan").input_shape
        if found := list(violations(shape, request)):
            raise ValidationException(message(found))
        arn = ssmincidents_backends[account_id][region_name].create_response_plan(request).arn
        return cls(arn, arn)

    @classmethod
    def delete_from_cloudformation_json(  # type: ignore[override]
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        ssmincidents_backends[account_id][region_name].delete_response_plan(resource_name)


def as_request(properties: Any) -> Any:
    """A resource's properties as the API's request.

    >>> as_request({"IncidentTemplate": {"Impact": 3, "IncidentTags": [{"Key": "a", "Value": "b"}]}})
    {'incidentTemplate': {'impact': 3, 'incidentTags': {'a': 'b'}}}
    """
    if isinstance(properties, Mapping):
        return {
            name[0].lower() + name[1:]: {tag["Key"]: tag["Value"] for tag in value}
            if name in _TAGS
            else as_request(value)
            for name, value in properties.items()
        }
    return [as_request(value) for value in properties] if isinstance(properties, list) else properties

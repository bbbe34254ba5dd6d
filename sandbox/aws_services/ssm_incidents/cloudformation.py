"""What CloudFormation makes of Incident Manager's resource types: the service's own requests, checked as they are.

A template writes members in capitals and tags as a list; the API wants neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.common_models import CloudFormationModel

from ..model import message, operation_model, violations
from .exceptions import ValidationException
from .models import ssmincidents_backends

_TAGS = ("Tags", "IncidentTags")


class ResponsePlanResource(CloudFormationModel):
    """`AWS::SSMIncidents::ResponsePlan`. `Ref` and `Arn` are the plan's ARN."""

    def __init__(self, arn: str) -> None:
        self.arn = arn

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SSMIncidents::ResponsePlan"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        assert attribute_name == "Arn"
        return self.arn

    def is_created(self) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[override]
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> ResponsePlanResource:
        request = as_request({"Name": resource_name} | cloudformation_json["Properties"])
        shape = operation_model("ssm-incidents", "CreateResponsePlan").input_shape
        if found := list(violations(shape, request)):
            raise ValidationException(message(found))
        return cls(ssmincidents_backends[account_id][region_name].create_response_plan(request).arn)

    @classmethod
    def update_from_cloudformation_json(  # type: ignore[override]
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> ResponsePlanResource:
        raise NotImplementedError("the sandbox deploys each stack once")

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

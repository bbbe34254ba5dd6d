"""What the resource types have in common that a stack of the sandbox creates and moto's CloudFormation lacks."""

from __future__ import annotations

from typing import Any


class StackResource:
    """A resource that is created once, by its name, and has an ARN.

    To be mixed into a CloudFormationModel: moto looks for types among the direct subclasses of that.
    """

    TYPE: str
    """CloudFormation's name of it."""

    def __init__(self, physical_resource_id: str, arn: str) -> None:
        self.physical_resource_id = physical_resource_id
        self.arn = arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.TYPE

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        assert attribute_name == "Arn"
        return self.arn

    def is_created(self) -> bool:
        return True

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        raise NotImplementedError("the sandbox deploys each stack once")

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        """Stacks go with the world."""

"""OpsCenter's operations, from and to the wire; everything else of Systems Manager is moto's."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ssm.exceptions import InvalidResourceId
from moto.ssm.responses import SimpleSystemManagerResponse

from ..service_response import CheckedResult, ServiceResponse
from .models import OpsCenterBackend, opscenter_backends


class SystemsManagerResponse(ServiceResponse, SimpleSystemManagerResponse):
    @property
    def ops_center(self) -> OpsCenterBackend:
        return opscenter_backends[self.current_account][self.region]

    def create_ops_item(self) -> ActionResult:
        item = self.ops_center.create_ops_item(self.request(), caller_arn=self.caller_arn)
        return CheckedResult({"OpsItemId": item.id, "OpsItemArn": item.arn})

    def get_ops_item(self) -> ActionResult:
        return CheckedResult({"OpsItem": self.ops_center.require_ops_item(self.request()["OpsItemId"]).detail()})

    def update_ops_item(self) -> ActionResult:
        self.ops_center.update_ops_item(self.request(), caller_arn=self.caller_arn)
        return EmptyResult()

    def delete_ops_item(self) -> ActionResult:
        self.ops_center.delete_ops_item(self.request()["OpsItemId"])
        return EmptyResult()

    def describe_ops_items(self) -> ActionResult:
        items, token = self.ops_center.describe_ops_items(self.request())
        return CheckedResult({"OpsItemSummaries": [item.summary() for item in items], "NextToken": token})

    def associate_ops_item_related_item(self) -> ActionResult:
        related = self.ops_center.associate_related_item(self.request(), caller_arn=self.caller_arn)
        return CheckedResult({"AssociationId": related.association_id})

    def disassociate_ops_item_related_item(self) -> ActionResult:
        request = self.request()
        self.ops_center.disassociate_related_item(request["OpsItemId"], request["AssociationId"])
        return EmptyResult()

    def list_ops_item_related_items(self) -> ActionResult:
        related, token = self.ops_center.list_related_items(self.request())
        return CheckedResult({"Summaries": [item.summary() for item in related], "NextToken": token})

    # Tags: of OpsItems here, of everything else in moto, which knows no OpsItem

    def add_tags_to_resource(self) -> ActionResult:
        request = self.request()
        if request["ResourceType"] != "OpsItem":
            return super().add_tags_to_resource()
        self._tags_of(request).update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return EmptyResult()

    def remove_tags_from_resource(self) -> ActionResult:
        request = self.request()
        if request["ResourceType"] != "OpsItem":
            return super().remove_tags_from_resource()
        for key in request["TagKeys"]:
            self._tags_of(request).pop(key, None)
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        request = self.request()
        if request["ResourceType"] != "OpsItem":
            return super().list_tags_for_resource()
        return CheckedResult(
            {"TagList": [{"Key": key, "Value": value} for key, value in self._tags_of(request).items()]}
        )

    def _tags_of(self, request: dict[str, Any]) -> dict[str, str]:
        item = self.ops_center.ops_items.get(request["ResourceId"])
        if item is None:
            raise InvalidResourceId()
        return item.tags

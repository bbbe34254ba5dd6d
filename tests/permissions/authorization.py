"""What AWS asks of a caller's policies for a call: which IAM actions, on which resources, with which condition keys.

Most operations are one action of the same name. Which types of resources each action is about says the Service
Authorization Reference, as cfn-lint carries it; `test_policies.py` holds the ARNs made here against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.utilities.utils import get_partition

ANY = "*"
"""The resource of actions that have none to name."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a function made, and as whom: the role whose credentials signed it, the account and the Region."""

    function: str
    principal: str
    account: str
    region: str
    service: str
    operation: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something in the account and Region that were called."""
        return f"arn:{get_partition(self.region)}:{service}:{self.region}:{self.account}:{resource}"

    def global_arn(self, service: str, account: str, resource: str) -> str:
        """The ARN of something without a Region."""
        return f"arn:{get_partition(self.region)}:{service}::{account}:{resource}"


@dataclass(frozen=True, slots=True)
class World:
    """What calls do not say of the resources that they name."""

    organization_id: str
    management_account: str
    aggregators: Mapping[str, str]
    """ARNs by name: they have an id."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to IAM: may the caller do this there, when the request has these condition keys?"""

    action: str
    resource: str
    context: tuple[tuple[str, tuple[str, ...]], ...] = ()


def requests_of(call: Call, world: World) -> Iterator[Request]:
    """All that must be allowed for a call to succeed.

    Raises
    ------
    LookupError
        For an operation that is not known here.
    """
    name = str(call)
    if name == "dynamodb:TransactWriteItems":
        yield from _transaction(call)
        return
    if (resources := _RESOURCES.get(name)) is None:
        raise LookupError(f"{call.function} calls {name}: say in {__name__} which IAM actions and resources that needs")
    context = _CONTEXT[name](call) if name in _CONTEXT else ()
    for resource in resources(call, world):
        yield Request(name, resource, context)


def _transaction(call: Call) -> Iterator[Request]:
    # "Permissions for Put, Update, Delete, and Get actions are governed by the permissions used for the underlying
    # PutItem, UpdateItem, DeleteItem, and GetItem operations. For the ConditionCheck action, you can use the
    # dynamodb:ConditionCheckItem permission." DynamoDB developer guide, "Using IAM with DynamoDB transactions".
    for item in call.parameters["TransactItems"]:
        for kind, write in item.items():
            yield Request(f"dynamodb:{kind}Item", _table(call, write["TableName"]))


def _table(call: Call, name: str) -> str:
    return call.arn("dynamodb", f"table/{name}")


def _named_table(call: Call, _: World) -> list[str]:
    return [_table(call, call.parameters["TableName"])]


def _asked_tables(call: Call, _: World) -> list[str]:
    return [_table(call, name) for name in call.parameters["RequestItems"]]


def _queue(call: Call, _: World) -> list[str]:
    account, name = call.parameters["QueueUrl"].rsplit("/", 2)[1:]
    return [f"arn:{get_partition(call.region)}:sqs:{call.region}:{account}:{name}"]


def _topic(call: Call, _: World) -> list[str]:
    return [call.parameters["TopicArn"]]


def _hub(call: Call, _: World) -> list[str]:
    return [call.arn("securityhub", "hub/default")]


def _products(call: Call, _: World) -> list[str]:
    return sorted({finding["ProductArn"] for finding in call.parameters["Findings"]})


def _response_plan(call: Call, _: World) -> list[str]:
    return [call.parameters["responsePlanArn"]]


def _incident(call: Call, _: World) -> list[str]:
    """The record, and the plan that it is named after: these actions are about both."""
    record = call.parameters["arn" if "arn" in call.parameters else "incidentRecordArn"]
    owner, _, resource = record.rpartition(":")
    kind, plan, _ = resource.split("/")
    assert kind == "incident-record"
    return [record, f"{owner}:response-plan/{plan}"]


def _nothing_to_name(_call: Call, _world: World) -> list[str]:
    return [ANY]


def _ops_item(call: Call, _: World) -> list[str]:
    return [call.arn("ssm", f"opsitem/{call.parameters['OpsItemId']}")]


def _aggregator(call: Call, world: World) -> list[str]:
    return [world.aggregators[call.parameters["ConfigurationAggregatorName"]]]


def _of_organization(call: Call, world: World, id_: str) -> str:
    """Accounts and OUs belong to the management account, whoever asks about them."""
    kind = "ou" if id_.startswith("ou-") else "account"
    return call.global_arn("organizations", world.management_account, f"{kind}/{world.organization_id}/{id_}")


def _organizations(parameter: str) -> Resources:
    return lambda call, world: [_of_organization(call, world, call.parameters[parameter])]


def _account(call: Call, world: World) -> list[str]:
    """The caller's own account, or a member of the organization that the call names."""
    if (account := call.parameters.get("AccountId")) is None:
        return [call.global_arn("account", call.account, "account")]
    member = f"account/{world.organization_id}/{account}"
    return [call.global_arn("account", world.management_account, member)]


def _role(call: Call, _: World) -> list[str]:
    return [call.parameters["RoleArn"]]


Resources = Callable[[Call, World], list[str]]

_RESOURCES: Mapping[str, Resources] = {
    "account:GetAlternateContact": _account,
    "config:SelectAggregateResourceConfig": _aggregator,
    "dynamodb:BatchGetItem": _asked_tables,
    "dynamodb:BatchWriteItem": _asked_tables,
    "dynamodb:DeleteItem": _named_table,
    "dynamodb:GetItem": _named_table,
    "dynamodb:PutItem": _named_table,
    "dynamodb:Query": _named_table,
    "dynamodb:Scan": _named_table,
    "dynamodb:UpdateItem": _named_table,
    "organizations:DescribeAccount": _organizations("AccountId"),
    "organizations:DescribeOrganizationalUnit": _organizations("OrganizationalUnitId"),
    "organizations:ListAccounts": _nothing_to_name,
    "organizations:ListParents": _organizations("ChildId"),
    "organizations:ListTagsForResource": _organizations("ResourceId"),
    "securityhub:BatchImportFindings": _products,
    "securityhub:BatchUpdateFindings": _hub,
    "securityhub:GetFindings": _hub,
    "sns:Publish": _topic,
    "sqs:SendMessage": _queue,
    "ssm-incidents:CreateTimelineEvent": _incident,
    "ssm-incidents:GetIncidentRecord": _incident,
    "ssm-incidents:StartIncident": _response_plan,
    "ssm-incidents:UpdateIncidentRecord": _incident,
    "ssm-incidents:UpdateRelatedItems": _incident,
    "ssm-incidents:UpdateTimelineEvent": _incident,
    "ssm:CreateOpsItem": _nothing_to_name,
    "ssm:GetOpsItem": _ops_item,
    "ssm:UpdateOpsItem": _ops_item,
    "sts:AssumeRole": _role,
}


def _kind_of_contact(call: Call) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("account:AlternateContactTypes", (call.parameters["AlternateContactType"],)),)


def _changed_fields(call: Call) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """`securityhub:ASFFSyntaxPath/<field>` for each field that the update has, in ASFF's syntax, with its value.

    Security Hub user guide, "Configuring access to BatchUpdateFindings".
    """
    fields = {name: value for name, value in call.parameters.items() if name != "FindingIdentifiers"}
    return tuple((f"securityhub:ASFFSyntaxPath/{path}", (text,)) for path, text in sorted(_leaves(fields)))


def _leaves(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


_CONTEXT: Mapping[str, Callable[[Call], tuple[tuple[str, tuple[str, ...]], ...]]] = {
    "account:GetAlternateContact": _kind_of_contact,
    "securityhub:BatchUpdateFindings": _changed_fields,
}

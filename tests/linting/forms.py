"""The forms that a template's resources can have: what CloudFormation makes of them for parameters that it accepts.

Linters of policies read no intrinsic functions, and checkov leaves out what the defaults leave out, such as the sweep.
So they get every resource in each of its forms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import product, zip_longest
from typing import Any

Document = dict[str, Any]

ACCOUNT, REGION = "111122223333", "eu-west-1"

PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/security-responder/0f5d1cbb",
    "AWS::StackName": "security-responder",
    "AWS::URLSuffix": "amazonaws.com",
}

SAMPLES = {
    "AlarmTopicArn": (f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",),
    "ChatChannelTopicArn": (f"arn:aws:sns:{REGION}:{ACCOUNT}:chat",),
    "ConfigAggregatorName": ("organization",),
    "ExpectedAccounts": ("444455556666,777788889999",),
    "ExpectedRegions": ("eu-west-1,us-east-1",),
    "GuardDutyAdministratorAccountId": (ACCOUNT, "444455556666"),
    "HeartbeatSchedule": ("",),
    "HubAccountId": (ACCOUNT,),
    "KmsKeyArn": (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f5d1cbb-6a4d-5e0f-d3e0-e0b8c81e728d",),
    "NotificationEmail": ("security@example.com",),
    "OrganizationId": ("o-a1b2c3d4e5",),
    "OrganizationRoleArn": ("arn:aws:iam::999999999999:role/security-responder-organization",),
    "PermissionsBoundaryArn": (f"arn:aws:iam::{ACCOUNT}:policy/boundary",),
    "ResponderEmail": ("on-call@example.com",),
    "ResponderPhone": ("+15555550100",),
    "ResponsePlanArn": (f"arn:aws:ssm-incidents::{ACCOUNT}:response-plan/security",),
    "RunbookName": ("security-runbook",),
    "SecurityBusArn": (
        f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/security-responder",
        "arn:aws:events:us-east-1:444455556666:event-bus/security-responder",
    ),
}
"""Other values than the default of parameters that conditions look at, and values of those without a default."""

ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{}}",
    "AWS::Events::EventBus": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{{}}",
    "AWS::Events::Rule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{}}:*",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{}}",
    "AWS::SSMContacts::Contact": f"arn:aws:ssm-contacts:{REGION}:{ACCOUNT}:contact/{{}}",
    "AWS::SSMIncidents::ResponsePlan": f"arn:aws:ssm-incidents::{ACCOUNT}:response-plan/{{}}",
}
"""The ARN of a resource of a type, with its logical id for a name."""

_REFERRED_TO_BY_ARN = ("AWS::SNS::Topic", "AWS::SSMContacts::Contact", "AWS::SSMIncidents::ResponsePlan")

_ABSENT = object()  # what AWS::NoValue stands for


def forms(template: Document) -> list[Document]:
    """Templates without intrinsic functions that hold, together, every form of every resource of a transformed one."""
    of_each = [[(name, form) for form in _Resource(template, name).forms()] for name in template["Resources"]]
    head = {"AWSTemplateFormatVersion": "2010-09-09"}
    return [{**head, "Resources": dict(filter(None, row))} for row in zip_longest(*of_each)]


class _Resource:
    """A resource of a template, and what it depends on."""

    def __init__(self, template: Document, name: str) -> None:
        self.template = template
        self.name = name
        self.declared = template["Resources"][name]

    def forms(self) -> list[Document]:
        found: dict[str, Document] = {}
        for values in self._accepted():
            resolve = _Resolver(self.template, values)
            if "Condition" not in self.declared or resolve.condition(self.declared["Condition"]):
                whole = {key: value for key, value in self.declared.items() if key not in ("Condition", "DependsOn")}
                form = resolve.value(whole)
                found.setdefault(json.dumps(form, sort_keys=True), form)
        if not found:
            raise LookupError(f"{self.name} is in no form: say in {__name__} a value of {sorted(self._deciding)}")
        return list(found.values())

    @cached_property
    def _deciding(self) -> set[str]:
        """The parameters that decide on its form, and those that rules connect with them."""
        deciding = _parameters(self.template, {**self.declared, "Condition": self.declared.get("Condition")})
        deciding &= _parameters(self.template, self.template.get("Conditions", {}))
        connected = [_parameters(self.template, rule) for rule in self.template.get("Rules", {}).values()]
        while more := {name for names in connected if names & deciding for name in names} - deciding:
            deciding |= more
        return deciding

    def _accepted(self) -> Iterator[dict[str, Any]]:
        """Values of all parameters that the template's rules admit."""
        constant = {
            name: parameter.get("Default") or next(iter(SAMPLES.get(name, ())), parameter.get("Default"))
            for name, parameter in self.template.get("Parameters", {}).items()
            if name not in self._deciding
        }
        deciding = sorted(self._deciding)
        for chosen in product(*(_candidates(name, self.template["Parameters"][name]) for name in deciding)):
            values = constant | dict(zip(deciding, chosen, strict=True))
            resolve = _Resolver(self.template, values)
            if all(
                resolve.value(assertion["Assert"])
                for rule in self.template.get("Rules", {}).values()
                if self._deciding & _parameters(self.template, rule) and resolve.value(rule["RuleCondition"])
                for assertion in rule["Assertions"]
            ):
                yield values


def _candidates(name: str, parameter: Mapping[str, Any]) -> tuple[Any, ...]:
    default = (parameter["Default"],) if "Default" in parameter else ()
    candidates = tuple(parameter.get("AllowedValues", default + SAMPLES.get(name, ())))
    if len(candidates) < 2:
        raise LookupError(f"parameter {name} decides on conditions: say in {__name__} another value of it")
    return candidates


def _parameters(template: Document, part: Any) -> set[str]:
    """The parameters that a part of a template depends on, through conditions too."""
    text = json.dumps(part)
    found = {name for name in template.get("Parameters", {}) if re.search(rf'"{name}"|\$\{{{name}\}}', text)}
    for name, condition in template.get("Conditions", {}).items():
        if f'"{name}"' in text:
            found |= _parameters(template, condition)
    return found


class _Resolver:
    """What intrinsic functions stand for, with these values of the parameters."""

    def __init__(self, template: Document, values: Mapping[str, Any]) -> None:
        self.template = template
        self.values = values

    def value(self, expression: Any) -> Any:
        if isinstance(expression, list):
            return [value for value in map(self.value, expression) if value is not _ABSENT]
        if not isinstance(expression, dict):
            return expression
        if len(expression) == 1:
            ((function, argument),) = expression.items()
            if function in ("Ref", "Condition") or function.startswith("Fn::"):
                return self._call(function, argument)
        resolved = {key: self.value(member) for key, member in expression.items()}
        return {key: value for key, value in resolved.items() if value is not _ABSENT}

    def condition(self, name: str) -> bool:
        return bool(self.value(self.template["Conditions"][name]))

    def _call(self, function: str, argument: Any) -> Any:
        match function:
            case "Ref":
                return self._referred(argument)
            case "Condition" if isinstance(argument, str):
                return self.condition(argument)
            case "Condition":  # of a policy's statement, with nothing beside it
                return {function: self.value(argument)}
            case "Fn::GetAtt":
                return self._attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
            case "Fn::If":
                return self.value(argument[1] if self.condition(argument[0]) else argument[2])
            case "Fn::Sub":
                text, own = argument if isinstance(argument, list) else (argument, {})
                return re.sub(r"\$\{([^!}]+)\}", lambda found: str(self._named(found[1].strip(), own)), text)
            case "Fn::Equals":
                one, other = map(self.value, argument)
                return one == other
            case "Fn::Not":
                return not self.value(argument[0])
            case "Fn::And":
                return all(map(self.value, argument))
            case "Fn::Or":
                return any(map(self.value, argument))
            case "Fn::Join":
                return str(argument[0]).join(map(str, self.value(argument[1])))
            case "Fn::Split":
                return str(self.value(argument[1])).split(argument[0])
            case "Fn::Select":
                return self.value(argument[1])[int(argument[0])]
        raise LookupError(f"{function} is not known in {__name__} yet")

    def _named(self, name: str, own: Mapping[str, Any]) -> Any:
        """What a name in the text of a Fn::Sub stands for."""
        if name in own:
            return self.value(own[name])
        return self._attribute(*name.split(".", 1)) if "." in name else self._referred(name)

    def _referred(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _ABSENT
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self.template.get("Parameters", {}):
            return self._given(name)
        kind = self.template["Resources"][name]["Type"]
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
        if kind == "AWS::Events::Rule":
            return "|".join(self._rule(name))
        return ARNS[kind].format(name) if kind in _REFERRED_TO_BY_ARN else name

    def _given(self, name: str) -> Any:
        value, kind = self.values[name], self.template["Parameters"][name]["Type"]
        if value is None:
            raise LookupError(f"parameter {name} has no default: say in {__name__} a value of it")
        return str(value).split(",") if kind == "CommaDelimitedList" else str(value)

    def _rule(self, name: str) -> list[str]:
        """A rule's bus, unless it is the default one, and its name."""
        bus = self.value(self.template["Resources"][name]["Properties"].get("EventBusName"))
        return [bus, name] if bus else [name]

    def _attribute(self, name: str, attribute: str) -> str:
        kind = self.template["Resources"][name]["Type"]
        arn = ARNS.get(kind)
        match attribute:
            case "Arn" if arn and kind == "AWS::Events::Rule":
                return arn.format("/".join(self._rule(name)))
            case "Arn" if arn:
                return arn.format(name)
            case "StreamArn" if arn:
                return f"{arn.format(name)}/stream/2026-03-01"  # parliament takes the colons of a time for an ARN's
            case "QueueName" | "TopicName":
                return name
        raise LookupError(f"{attribute} of {name} is not known in {__name__} yet")

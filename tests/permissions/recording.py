"""Runs scenarios in the sandbox, and records what is asked of every role: by functions' calls, and by services."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3
from botocore.awsrequest import AWSPreparedRequest
from moto.logs.models import LogGroup

from sandbox.calls import AwsCall
from sandbox.organization import ORGANIZATION_ID
from sandbox.world import Sandbox

from .authorization import Call, World, requests_of
from .roles import Role, deployed_roles
from .scenarios import HUB, SCENARIOS, Scenario
from .service_needs import Need, service_needs

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/")
_ASSUMED = re.compile(r"(?P<partition>arn:[^:]+):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/")


@dataclass(frozen=True)
class Recording:
    """What a scenario asked of the roles as they were deployed for it."""

    scenario: str
    roles: Mapping[str, Role]
    """By ARN."""

    needs: frozenset[Need]


@cache
def recordings() -> tuple[Recording, ...]:
    """One of each scenario, made once a process."""
    return tuple(map(record, SCENARIOS))


def record(scenario: Scenario) -> Recording:
    """Run a scenario and record it."""
    with (
        patch.object(LogGroup, "get_cfn_attribute", _attribute_of_log_group),
        Sandbox(HUB, parameters={"hub": scenario.parameters}, **scenario.world) as sandbox,
    ):
        recorder = Recorder(sandbox)
        scenario.story(sandbox)
        assert recorder.attempts == sandbox.calls.attempts, "a call of a function was not recorded"
        missing = set(scenario.proof) - set(_counted(sandbox))
        assert not missing, f"{scenario.name}: what it is there for has not happened: {', '.join(sorted(missing))}"
        world = _world(sandbox)
        called = {
            Need(call.principal, request, by=f"{call.function} ({call.operation})", function=call.function)
            for call in recorder.calls()
            for request in requests_of(call, world)
        }
        return Recording(
            scenario=scenario.name,
            roles=deployed_roles(sandbox),
            needs=frozenset({*called, *service_needs(sandbox, called)}),
        )


class Recorder:
    """Every attempt of every function's calls from now on, retries included."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.attempts: Counter[str] = Counter()
        self._signed: list[tuple[AwsCall, str, str]] = []
        sandbox.calls.observe(self._note)

    def calls(self) -> list[Call]:
        """What was recorded, each with the role and account that its signature tells."""
        principals = {key: _principal(key) for key in {key for _, key, _ in self._signed}}
        return [
            Call(
                call.function,
                principal=principals[key],
                account=principals[key].split(":")[4],
                region=region,
                service=call.service,
                operation=call.operation,
                parameters=call.parameters,
            )
            for call, key, region in self._signed
        ]

    def _note(self, call: AwsCall, request: AWSPreparedRequest) -> None:
        self.attempts[str(call)] += 1
        header = request.headers["Authorization"]
        scope = _SCOPE.search(header.decode() if isinstance(header, bytes) else header)
        assert scope is not None, f"{call} is not signed"
        self._signed.append((call, scope["key"], scope["region"]))


def _principal(access_key: str) -> str:
    """The ARN of the role that a key of the sandbox's AWS was given to. Roles here have no path."""
    sts = boto3.client("sts", aws_access_key_id=access_key, aws_secret_access_key="-", aws_session_token="-")
    assumed = _ASSUMED.match(arn := sts.get_caller_identity()["Arn"])
    assert assumed is not None, f"{arn} is no role"
    return f"{assumed['partition']}:iam::{assumed['account']}:role/{assumed['role']}"


def _counted(sandbox: Sandbox) -> Iterator[str]:
    """Functions and metrics of which they have counted any."""
    for resource in sandbox.topology.hub.functions:
        for invocation in sandbox.function(resource.name).invocations:
            for line in (line for line in invocation.log_records if "_aws" in line):
                values = {name: value for name, value in line.items() if isinstance(value, list)}
                yield from (f"{resource.name} {name}" for name, value in values.items() if any(value))


def _world(sandbox: Sandbox) -> World:
    found = sandbox.client("config").describe_configuration_aggregators()["ConfigurationAggregators"]
    return World(
        ORGANIZATION_ID,
        sandbox.organization.management_account,
        {one["ConfigurationAggregatorName"]: one["ConfigurationAggregatorArn"] for one in found},
    )


def _attribute_of_log_group(group: Any, name: str) -> str:
    # `Fn::GetAtt: [<log group>, Arn]` ends with `:*` (CloudFormation, AWS::Logs::LogGroup, return values), not moto's.
    assert name == "Arn"
    return f"{group.arn}:*"

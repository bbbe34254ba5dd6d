"""The roles of the deployed stacks, with their policies as CloudFormation has resolved them for the parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from moto.iam.models import iam_backends
from moto.utilities.utils import get_partition

from sandbox.envelopes import Place
from sandbox.world import Sandbox

from .policies import Statement


@dataclass(frozen=True)
class Role:
    """A deployed role. `name` is its logical id."""

    name: str
    arn: str
    statements: tuple[Statement, ...]

    @property
    def grants(self) -> frozenset[tuple[str, str]]:
        """Sid and action of all that it allows: the form that the parameters give it."""
        return frozenset((s.sid, action) for s in self.statements if s.allows for action in s.actions)

    @property
    def actions(self) -> frozenset[str]:
        return frozenset(action for _, action in self.grants)


class Deployed(NamedTuple):
    """A resource of a stack."""

    logical_id: str
    physical_id: str
    place: Place


def deployed(sandbox: Sandbox, kind: str) -> Iterator[Deployed]:
    """All stacks' resources of a type."""
    for place in sorted({stack.place for stack in sandbox.topology.stacks()}):
        cloudformation = sandbox.client("cloudformation", *place)
        for stack in cloudformation.list_stacks()["StackSummaries"]:
            pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack["StackName"])
            for resource in (resource for page in pages for resource in page["StackResourceSummaries"]):
                if resource["ResourceType"] == kind:
                    yield Deployed(resource["LogicalResourceId"], resource["PhysicalResourceId"], place)


def deployed_roles(sandbox: Sandbox) -> dict[str, Role]:
    """All roles of all stacks by ARN; a member stack's in each place where there is one."""
    return {role.arn: role for role in map(_role, deployed(sandbox, "AWS::IAM::Role"))}


def _role(resource: Deployed) -> Role:
    # From moto itself: its API gives policies of a stack as the text of a Python object.
    backend = iam_backends[resource.place.account][get_partition(resource.place.region)]
    role = next(role for role in backend.roles.values() if role.name == resource.physical_id)
    assert not role.managed_policies, f"{resource.logical_id} has managed policies, which are not read here"
    return Role(resource.logical_id, role.arn, tuple(_statements(role.policies)))


def _statements(policies: Mapping[str, Any]) -> Iterator[Statement]:
    for document in policies.values():
        listed = document["Statement"]
        # What `!Ref AWS::NoValue` stands for is None to moto, and gone to CloudFormation.
        yield from (Statement.of(entry) for entry in (listed if isinstance(listed, list) else [listed]) if entry)

"""The table of calls against AWS's own models of its services."""

import re

import botocore.session
import pytest
from botocore.model import ServiceModel, StructureShape

from responder.domain.deletion.calls import CALLS, Call, Effect, Target, recorded_names
from responder.domain.resource.types import find_type
from tests.domain.deletion.records import EXAMPLES

MODELS = {
    # event source -> botocore's names of the services that record under it
    "elasticloadbalancing": ("elb", "elbv2"),
    "es": ("es", "opensearch"),
}
VERSION = re.compile(r"_?\d{4}_?\d{2}_?\d{2}$")

calls = pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.source}:{call.names[0]}")


@pytest.fixture(scope="module")
def session() -> botocore.session.Session:
    return botocore.session.get_session()


def _models(session: botocore.session.Session, source: str) -> list[ServiceModel]:
    service = source.removesuffix(".amazonaws.com")
    return [session.get_service_model(name) for name in MODELS.get(service, (service,))]


def _operations(
    session: botocore.session.Session, call: Call
) -> list[tuple[str, StructureShape, StructureShape | None]]:
    names = {VERSION.sub("", name) for name in call.names}
    return [
        (name, model.operation_model(name).input_shape, model.operation_model(name).output_shape)
        for model in _models(session, call.source)
        for name in names & set(model.operation_names)
    ]


@calls
def test_every_name_is_an_operation(session: botocore.session.Session, call: Call) -> None:
    operations = {name for name, _, _ in _operations(session, call)}

    assert operations == {VERSION.sub("", name) for name in call.names}


def _folded(shape: StructureShape | None) -> dict[str, StructureShape]:
    return {name.lower(): member for name, member in shape.members.items()} if shape is not None else {}


@calls
def test_every_parameter_is_one_of_the_operation(session: botocore.session.Session, call: Call) -> None:
    inputs = [_folded(request) for _, request, _ in _operations(session, call)]
    parameters = [target.at.split(".")[1] for target in call.targets if target.at.startswith("requestParameters.")]
    parameters += [*call.true, *call.absent, *([call.account_at] if call.account_at else [])]
    if call.source == "s3.amazonaws.com":
        parameters = [name.removesuffix("Name") for name in parameters]  # CloudTrail's name for S3's Bucket

    for parameter in parameters:
        assert any(parameter.lower() in members for members in inputs), parameter


@calls
def test_every_member_of_a_response_is_one_of_the_operation(session: botocore.session.Session, call: Call) -> None:
    for target in call.targets:
        side, *path = target.at.split(".")
        if side == "requestParameters" or call.source == "ec2.amazonaws.com":
            continue  # EC2's are the members of its XML: see below
        assert any(_has(response, path) for _, _, response in _operations(session, call)), target.at


def _has(shape: StructureShape | None, path: list[str]) -> bool:
    members = _folded(shape)
    if shape is not None and len(members) == 1:  # RDS's results are wrapped, CloudTrail's are not
        (only,) = members.values()
        members |= _folded(only) if isinstance(only, StructureShape) else {}
    found = members.get(path[0].lower())
    return found is not None and (len(path) == 1 or _has(found, path[1:]))


def test_ec2s_response_is_named_as_in_its_xml(session: botocore.session.Session) -> None:
    response = session.get_service_model("ec2").operation_model("TerminateInstances").output_shape
    instances = response.members["TerminatingInstances"]

    assert instances.serialization["name"] == "instancesSet"
    assert instances.member.members["InstanceId"].serialization["name"] == "instanceId"
    assert instances.member.members["CurrentState"].serialization["name"] == "currentState"


def test_each_recorded_name_stands_in_one_row_and_has_an_example() -> None:
    names = [(call.source, name) for call in CALLS for name in call.names]

    assert len(names) == len(set(names))
    assert set(names) == recorded_names() == set(EXAMPLES)


@calls
def test_a_row_is_complete(call: Call) -> None:
    assert call.source.endswith(".amazonaws.com")
    assert call.note.strip()
    assert call.targets


@pytest.mark.parametrize("target", [target for call in CALLS for target in call.targets], ids=lambda target: target.at)
def test_a_target_is_of_a_known_type_by_its_own_name(target: Target) -> None:
    kind = find_type(target.type)

    assert kind is not None
    assert kind.name == target.type
    assert target.at.split(".")[0] in ("requestParameters", "responseElements")
    assert (target.state_at is None) == (not target.states)


def test_effects_part_the_recorded_names() -> None:
    parts = [recorded_names(effect) for effect in Effect]

    assert sum(len(part) for part in parts) == len(recorded_names())
    assert ("rds.amazonaws.com", "DeleteDBInstance") in recorded_names(Effect.STARTS)
    assert ("ec2.amazonaws.com", "TerminateInstances") in recorded_names(Effect.DELETES)
    assert recorded_names(Effect.SCHEDULES) == {("kms.amazonaws.com", "ScheduleKeyDeletion")}


def test_four_services_have_a_delete_cluster() -> None:
    effects = {call.source: call.effect for call in CALLS if "DeleteCluster" in call.names}

    assert effects == {
        "ecs.amazonaws.com": Effect.DELETES,
        "eks.amazonaws.com": Effect.STARTS,
        "redshift.amazonaws.com": Effect.STARTS,
        "kafka.amazonaws.com": Effect.STARTS,
    }

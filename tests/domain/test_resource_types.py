"""The table of resource types against AWS's own list of those in findings, and against itself."""

import botocore.session
import pytest

from responder.domain.resource import Resource
from responder.domain.resource.types import TYPES, ResourceType, find_type, type_of_arn, type_of_id

types = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)

IDS = {
    "AWS::::Account": "111122223333",
    "AWS::IAM::AccessKey": "AKIAEXAMPLE",
    "AWS::CloudFront::Distribution": "E1EXAMPLE",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "app/web/50dc6c495c0c9188",
    "AWS::MSK::Cluster": "orders/0a1b-2",
    "AWS::ECS::TaskDefinition": "web:7",
    "AWS::CloudFormation::Stack": "web/0a1b-2",
    "AWS::AmazonMQ::Broker": "jobs:b-0a1b",
    "AWS::WAFv2::WebACL": "regional/webacl/web/0a1b",
}
"""Ids of types for which no plain name will do."""


def _id(kind: ResourceType) -> str:
    if kind.name in IDS:
        return IDS[kind.name]
    return f"{kind.id.partition('[')[0]}0a1b" if kind.assigned else "web"


def test_asffs_names_are_those_of_security_hub() -> None:
    details = botocore.session.get_session().get_service_model("securityhub").shape_for("ResourceDetails").members
    named = {name for kind in TYPES for name in kind.asff}

    assert named - {"AwsAccount"} <= set(details)  # an account has no details


def test_every_name_has_one_row() -> None:
    names = [name for kind in TYPES for name in (kind.name, *kind.asff, *kind.aliases)]

    assert len(names) == len(set(names))
    assert all(find_type(kind.name) is kind for kind in TYPES)


@types
def test_every_form_is_read_as_it_is_written(kind: ResourceType) -> None:
    where = {"partition": "aws", "account": "111122223333", "region": "eu-west-1"}
    written = [form.format(**where, id=_id(kind), path="ops/", uuid="0a-1b", qualifier=":7") for form in kind.forms]

    for arn in (*written, *kind.bare_arns(**where, id=_id(kind)), *kind.arns(**where, id=_id(kind))):
        assert type_of_arn(arn) is kind, arn
        assert kind.id_in(arn) == _id(kind)
    for prefix in kind.arn_prefixes(**where, id=_id(kind)):
        assert any(arn.startswith(prefix) for arn in written)


@types
def test_no_arn_of_one_type_is_read_as_another(kind: ResourceType) -> None:
    where = {"partition": "aws", "account": "111122223333", "region": "eu-west-1"}

    for arn in kind.bare_arns(**where, id=_id(kind)):
        assert [other.name for other in TYPES if other.id_in(arn)] == [kind.name]


@types
def test_an_assigned_id_tells_its_type(kind: ResourceType) -> None:
    assert type_of_id(_id(kind)) is (kind if kind.assigned else None)


@types
def test_an_id_is_its_own_canonical_form(kind: ResourceType) -> None:
    assert kind.normal_id(_id(kind)) == _id(kind)
    assert kind.normal_id("") is None


@pytest.mark.parametrize(
    ("kind", "id", "arn"),
    [
        ("AWS::RDS::DBInstance", "orders", "arn:aws:rds:eu-west-1:111122223333:db:orders"),
        ("AWS::RDS::DBInstance", "db-ABCDEFGH", None),  # the id that AWS Config has is not in the ARN
        ("AWS::IAM::Role", "report", None),  # a path may be missing
        ("AWS::AutoScaling::AutoScalingGroup", "web", None),
        ("AWS::IAM::AccessKey", "AKIAEXAMPLE", None),
        ("AWS::EC2::Image", "ami-0a1b", "arn:aws:ec2:eu-west-1::image/ami-0a1b"),
        ("AWS::EC2::Instance", "no instance", None),
        ("AWS::Lambda::Function", "report", "arn:aws:lambda:eu-west-1:111122223333:function:report"),
        ("AWS::Glue::Job", "nightly", None),
        (
            "AWS::glue",
            "arn:aws:glue:eu-west-1:111122223333:job/nightly",
            "arn:aws:glue:eu-west-1:111122223333:job/nightly",
        ),
    ],
)
def test_an_arn_is_told_only_where_it_can_be(kind: str, id: str, arn: str | None) -> None:
    assert Resource("aws", "111122223333", "eu-west-1", kind, id).arn == arn

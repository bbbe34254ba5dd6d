"""What is asked of Security Hub about a deletion, and which answers are about it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from responder.domain.deletion.deleted import Deletion
from responder.domain.deletion.evidence import read_deletions
from responder.domain.deletion.identifiers import Identifiers, identifiers, is_deleted
from responder.domain.resource import Resource, resource_of_finding
from tests.domain.deletion.records import ACCOUNT, EXAMPLES, INSTANCE, REGION, Example, called, item

FINDING = {"account": ACCOUNT, "region": REGION, "partition": "aws"}
AT = datetime(2026, 3, 1, tzinfo=UTC)


def names(mention: dict[str, Any], deletion: Deletion, **finding: str) -> bool:
    """Whether an entry of a finding's Resources is the deleted resource."""
    found = resource_of_finding(mention, **finding)
    return found is not None and is_deleted(found, deletion)


def _deletion(kind: str, id: str, *, region: str = REGION, **changes: Any) -> Deletion:
    return Deletion(Resource("aws", ACCOUNT, region, kind, id), AT, None, "x:Delete", "1", **changes)


@pytest.mark.parametrize(
    ("deletion", "exact", "prefixes"),
    [
        (
            _deletion("AWS::EC2::Instance", INSTANCE),
            (f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{INSTANCE}", INSTANCE),
            (),
        ),
        (
            _deletion("AWS::EC2::Image", "ami-0a1b"),
            (f"arn:aws:ec2:{REGION}::image/ami-0a1b", f"arn:aws:ec2:{REGION}:{ACCOUNT}:image/ami-0a1b", "ami-0a1b"),
            (),
        ),
        (_deletion("AWS::S3::Bucket", "acme"), ("arn:aws:s3:::acme", "acme"), ()),
        (
            _deletion("AWS::IAM::AccessKey", "AKIAEXAMPLE"),
            ("AWS::IAM::AccessKey:AKIAEXAMPLE", "AKIAEXAMPLE"),
            (),
        ),
        (_deletion("AWS::IAM::Role", "report"), ("report",), (f"arn:aws:iam::{ACCOUNT}:role/",)),
        (
            _deletion("AWS::IAM::Role", "report", arn=f"arn:aws:iam::{ACCOUNT}:role/ops/report"),
            (f"arn:aws:iam::{ACCOUNT}:role/ops/report", f"arn:aws:iam::{ACCOUNT}:role/report", "report"),
            (),
        ),
        (
            _deletion("AWS::Lambda::Function", "report"),
            ("report",),
            (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:report",),
        ),
        (
            _deletion("AWS::Lambda::Function", "report", arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:report"),
            ("report",),
            (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:report",),
        ),
        (
            _deletion("AWS::AutoScaling::AutoScalingGroup", "web"),
            ("web",),
            (f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:",),
        ),
        (
            _deletion("AWS::SecretsManager::Secret", "prod/db-a1b2C3"),
            (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/db-a1b2C3", "prod/db-a1b2C3"),
            (),
        ),
        (
            _deletion("AWS::SecretsManager::Secret", "prod/db", lacks_suffix=True),
            (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/db", "prod/db"),
            (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/db-",),
        ),
        (
            _deletion("AWS::SQS::Queue", "jobs"),
            (
                f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs",
                f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/jobs",
                "jobs",
            ),
            (),
        ),
        (
            _deletion("AWS::CloudFront::Distribution", "E1EXAMPLE"),
            (f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1EXAMPLE", "E1EXAMPLE"),
            (),
        ),
        (_deletion("AWS::glue", "arn:aws:glue:x:1:job/y"), ("arn:aws:glue:x:1:job/y",), ()),
        (_deletion("AWS::Glue::Job", "nightly"), ("nightly",), ()),
    ],
    ids=lambda value: value.resource.name if isinstance(value, Deletion) else "",
)
def test_the_values_of_a_query(deletion: Deletion, exact: tuple[str, ...], prefixes: tuple[str, ...]) -> None:
    assert identifiers(deletion) == Identifiers(exact, prefixes)


def test_ten_instances_fit_into_one_query_of_twenty_values() -> None:
    found = identifiers(_deletion("AWS::EC2::Instance", INSTANCE))

    assert len(found.exact) + len(found.prefixes) == 2


def test_roles_of_an_account_share_their_prefix() -> None:
    prefixes = {identifiers(_deletion("AWS::IAM::Role", f"role-{number}")).prefixes for number in range(50)}

    assert len(prefixes) == 1


def test_an_iam_identity_is_asked_for_by_its_unique_id_too() -> None:
    (deletion,) = read_deletions(
        item(resourceType="AWS::IAM::User", resourceId="AIDAEXAMPLE", resourceName="ada", ARN=None)
    )

    assert identifiers(deletion).exact == ("ada", "AIDAEXAMPLE")
    assert names({"Type": "AwsIamUser", "Id": f"arn:aws:iam::{ACCOUNT}:user/AIDAEXAMPLE"}, deletion, **FINDING)
    assert names({"Type": "AwsIamUser", "Id": f"arn:aws:iam::{ACCOUNT}:user/ops/ada"}, deletion, **FINDING)


@pytest.mark.parametrize(("call", "example"), EXAMPLES.items(), ids=[":".join(call) for call in EXAMPLES])
def test_whatever_a_query_finds_under_a_whole_name_is_the_resource(call: tuple[str, str], example: Example) -> None:
    event = called(*call, requestParameters=example.request, responseElements=example.response)
    found = read_deletions(event)
    for deletion in found if isinstance(found, tuple) else ():
        for text in identifiers(deletion).exact:
            assert names({"Type": deletion.resource.type, "Id": text}, deletion, **FINDING), text


ROLE = _deletion("AWS::IAM::Role", "report")
SECRET = _deletion("AWS::SecretsManager::Secret", "prod/db", lacks_suffix=True)
SECRET_ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
FUNCTION = _deletion("AWS::Lambda::Function", "report")


@pytest.mark.parametrize(
    ("deletion", "kind", "id", "is_it"),
    [
        (ROLE, "AwsIamRole", f"arn:aws:iam::{ACCOUNT}:role/service-role/ops/report", True),
        (ROLE, "AwsIamRole", f"arn:aws:iam::{ACCOUNT}:role/report-nightly", False),
        (ROLE, "AwsIamRole", f"arn:aws:iam::{ACCOUNT}:role/report/nightly", False),
        (ROLE, "AwsIamRole", "arn:aws:iam::111122223333:role/report", False),
        (ROLE, "AwsIamUser", f"arn:aws:iam::{ACCOUNT}:user/report", False),
        (ROLE, "AwsIamUser", "report", False),
        (SECRET, "AwsSecretsManagerSecret", SECRET_ARN + "prod/db-a1b2C3", True),
        (SECRET, "AwsSecretsManagerSecret", SECRET_ARN + "prod/db-copy-a1b2C3", False),
        (SECRET, "AwsSecretsManagerSecret", SECRET_ARN + "prod/db2-a1b2C3", False),
        (SECRET, "AwsSecretsManagerSecret", SECRET_ARN.replace(REGION, "us-east-1") + "prod/db-a1b2C3", False),
        (FUNCTION, "AwsLambdaFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:report:$LATEST", True),
        (FUNCTION, "AwsLambdaFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:report:7", True),
        (FUNCTION, "AwsLambdaFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:report2", False),
        (FUNCTION, "AwsLambdaLayerVersion", f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:report:7", False),
    ],
)
def test_identity_decides_what_a_prefix_has_found(deletion: Deletion, kind: str, id: str, is_it: bool) -> None:
    assert names({"Type": kind, "Id": id}, deletion, **FINDING) is is_it


@pytest.mark.parametrize(
    ("mention", "finding"),
    [
        ({"Id": INSTANCE}, {"account": "111122223333"}),
        ({"Id": INSTANCE}, {"region": "us-east-1"}),
        ({"Id": INSTANCE}, {"partition": "aws-cn"}),
        ({"Id": INSTANCE, "Region": "us-east-1"}, {}),
        ({"Id": INSTANCE, "Partition": "aws-us-gov"}, {}),
        ({"Id": INSTANCE, "Type": "AwsEc2Volume"}, {}),
        ({"Id": f"arn:aws:ec2:{REGION}:111122223333:instance/{INSTANCE}"}, {}),
        ({"Id": f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/{INSTANCE}"}, {}),
        ({"Id": f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/{INSTANCE}"}, {}),
        ({"Id": f"x-{INSTANCE}"}, {}),
        ({"Id": f"{INSTANCE}0"}, {}),
        ({"Id": None}, {}),
        ({}, {}),
    ],
    ids=str,
)
def test_a_namesake_is_not_the_resource(mention: dict[str, Any], finding: dict[str, str]) -> None:
    deletion = _deletion("AWS::EC2::Instance", INSTANCE)

    assert names({"Type": "AwsEc2Instance", "Id": INSTANCE}, deletion, **FINDING)
    assert not names({"Type": "AwsEc2Instance", **mention}, deletion, **{**FINDING, **finding})

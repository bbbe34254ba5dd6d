"""All the ways to name a resource come to one identity, and nobody else's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.domain.resource import (
    Resource,
    resource_named,
    resource_of_config_item,
    resource_of_finding,
    resources_of_config_item,
)

ACCOUNT, REGION = "444455556666", "eu-west-1"
HERE = {"account": ACCOUNT, "region": REGION, "partition": "aws"}
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _found(kind: str | None, id: Any, **members: Any) -> Resource | None:
    return resource_of_finding({"Type": kind, "Id": id, **members}, **HERE)


FORMS = {
    "eu-west-1/AWS::EC2::Instance/i-0a1b": [
        ("AwsEc2Instance", f"{EC2}instance/i-0a1b"),
        ("AwsEc2Instance", "i-0a1b"),
        ("AwsEc2Instance", " i-0a1b\n"),
        ("AWS::EC2::Instance", "i-0a1b"),
        ("AwsEc2Instance", "AWS::EC2::Instance:i-0a1b"),
        ("AwsEc2Instance", "arn%3Aaws%3Aec2%3Aeu-west-1%3A444455556666%3Ainstance%2Fi-0a1b"),
        ("Other", f"{EC2}instance/i-0a1b"),
        ("Other", "i-0a1b"),
        (None, "i-0a1b"),
    ],
    "eu-west-1/AWS::EC2::Snapshot/snap-0a1b": [
        ("Other", f"arn:aws:ec2:{REGION}::snapshot/snap-0a1b"),
        ("Other", f"{EC2}snapshot/snap-0a1b"),
        ("Other", "snap-0a1b"),
    ],
    "eu-west-1/AWS::S3::Bucket/acme.invoices": [
        ("AwsS3Bucket", "arn:aws:s3:::acme.invoices"),
        ("AwsS3Bucket", "acme.invoices"),
        ("AwsS3Bucket", "AWS::S3::Bucket:acme.invoices"),
        ("AwsS3Bucket", "AWS::S3::Bucket:arn:aws:s3:::acme.invoices"),
    ],
    "global/AWS::IAM::AccessKey/AKIAEXAMPLE": [
        ("AwsIamAccessKey", "AWS::IAM::AccessKey:AKIAEXAMPLE"),
        ("AwsIamAccessKey", "AKIAEXAMPLE"),
        ("Other", "AWS::IAM::AccessKey:AKIAEXAMPLE"),
    ],
    "global/AWS::IAM::Role/report": [
        ("AwsIamRole", f"arn:aws:iam::{ACCOUNT}:role/report"),
        ("AwsIamRole", f"arn:aws:iam::{ACCOUNT}:role/service-role/ops/report"),
        ("AwsIamRole", "report"),
        ("AwsIamRole", "service-role/report"),
    ],
    "eu-west-1/AWS::Lambda::Function/report": [
        ("AwsLambdaFunction", _arn("lambda", "function:report")),
        ("AwsLambdaFunction", _arn("lambda", "function:report:7")),
        ("AwsLambdaFunction", _arn("lambda", "function:report:$LATEST")),
        ("AwsLambdaFunction", f"{ACCOUNT}:function:report:live"),
        ("AwsLambdaFunction", "report:live"),
        ("AwsLambdaFunction", "report"),
    ],
    "eu-west-1/AWS::RDS::DBInstance/orders": [
        ("AwsRdsDbInstance", _arn("rds", "db:orders")),
        ("AwsRdsDbInstance", "Orders"),
    ],
    "eu-west-1/AWS::RDS::DBCluster/orders": [("AwsRdsDbCluster", _arn("rds", "cluster:orders"))],
    "eu-west-1/AWS::RDS::DBSnapshot/rds:orders-2026-03-01-02-13": [
        ("AwsRdsDbSnapshot", _arn("rds", "snapshot:rds:orders-2026-03-01-02-13")),
        ("AwsRdsDbSnapshot", "rds:orders-2026-03-01-02-13"),
    ],
    "eu-west-1/AWS::RDS::DBClusterSnapshot/before": [
        ("AwsRdsDbClusterSnapshot", _arn("rds", "cluster-snapshot:before"))
    ],
    "eu-west-1/AWS::ElasticLoadBalancingV2::LoadBalancer/app/web/50dc6c495c0c9188": [
        ("AwsElbv2LoadBalancer", _arn("elasticloadbalancing", "loadbalancer/app/web/50dc6c495c0c9188")),
    ],
    "eu-west-1/AWS::ElasticLoadBalancing::LoadBalancer/web": [
        ("AwsElbLoadBalancer", _arn("elasticloadbalancing", "loadbalancer/web")),
        ("AwsElbLoadBalancer", "web"),
    ],
    "eu-west-1/AWS::ECS::Cluster/web": [("AwsEcsCluster", _arn("ecs", "cluster/web"))],
    "eu-west-1/AWS::EKS::Cluster/web": [("AwsEksCluster", _arn("eks", "cluster/web"))],
    "eu-west-1/AWS::Redshift::Cluster/web": [("AwsRedshiftCluster", _arn("redshift", "cluster:web"))],
    "eu-west-1/AWS::MSK::Cluster/web/0a1b-2": [("AwsMskCluster", _arn("kafka", "cluster/web/0a1b-2"))],
    "eu-west-1/AWS::SecretsManager::Secret/prod/db-a1b2C3": [
        ("AwsSecretsManagerSecret", _arn("secretsmanager", "secret:prod/db-a1b2C3")),
    ],
    "eu-west-1/AWS::ECR::Repository/team/web": [
        ("AwsEcrRepository", _arn("ecr", "repository/team/web")),
        ("AwsEcrRepository", "team/web"),
    ],
    "eu-west-1/AWS::SQS::Queue/jobs": [
        ("AwsSqsQueue", _arn("sqs", "jobs")),
        ("AwsSqsQueue", f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/jobs"),
        ("AwsSqsQueue", f"https://{REGION}.queue.amazonaws.com/{ACCOUNT}/jobs"),
        ("AwsSqsQueue", f"https://queue.amazonaws.com/{ACCOUNT}/jobs"),
        ("AwsSqsQueue", "jobs"),
    ],
    "eu-west-1/AWS::OpenSearchService::Domain/logs": [
        ("AwsOpenSearchServiceDomain", _arn("es", "domain/logs")),
        ("AwsElasticsearchDomain", _arn("es", "domain/logs")),
        ("AWS::Elasticsearch::Domain", "logs"),
    ],
    "eu-west-1/AWS::AutoScaling::AutoScalingGroup/web": [
        ("AwsAutoScalingAutoScalingGroup", _arn("autoscaling", "autoScalingGroup:0a-1b:autoScalingGroupName/web")),
        ("AwsAutoScalingAutoScalingGroup", "web"),
    ],
    "global/AWS::CloudFront::Distribution/E1EXAMPLE": [
        ("AwsCloudFrontDistribution", f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1EXAMPLE"),
        ("AwsCloudFrontDistribution", "E1EXAMPLE"),
    ],
    "eu-west-1/AWS::CloudTrail::Trail/all": [("AwsCloudTrailTrail", _arn("cloudtrail", "trail/all"))],
    "eu-west-1/AWS::::Account/444455556666": [("AwsAccount", "AWS::::Account:444455556666"), ("AwsAccount", ACCOUNT)],
}


@pytest.mark.parametrize(
    ("canonical", "kind", "id"), [(canonical, *form) for canonical, forms in FORMS.items() for form in forms]
)
def test_every_form_is_one_resource(canonical: str, kind: str | None, id: str) -> None:
    assert str(_found(kind, id)) == f"aws/{ACCOUNT}/{canonical}"


@pytest.mark.parametrize(
    ("id", "members", "where"),
    [
        ("i-0a1b", {"Region": "us-east-1"}, f"aws/{ACCOUNT}/us-east-1"),
        ("i-0a1b", {"Region": "cn-north-1", "Partition": "aws-cn"}, f"aws-cn/{ACCOUNT}/cn-north-1"),
        ("i-0a1b", {"Region": None, "Partition": 7}, f"aws/{ACCOUNT}/{REGION}"),
        (f"{EC2}instance/i-0a1b", {"Region": "us-east-1", "Partition": "aws-cn"}, f"aws/{ACCOUNT}/{REGION}"),
        ("arn:aws:ec2:us-east-1:111122223333:instance/i-0a1b", {"Region": REGION}, "aws/111122223333/us-east-1"),
        ("arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-0a1b", {}, "aws-cn/111122223333/cn-north-1"),
    ],
)
def test_an_arn_wins_over_the_resource_and_the_resource_over_the_finding(
    id: str, members: dict[str, Any], where: str
) -> None:
    assert str(_found("AwsEc2Instance", id, **members)) == f"{where}/AWS::EC2::Instance/i-0a1b"


@pytest.mark.parametrize("id", [None, "", "  ", 7, ["i-0a1b"], {}, "AWS::IAM::AccessKey:null"])
def test_what_names_nothing_is_no_resource(id: Any) -> None:
    assert _found("AwsIamAccessKey", id) is None


def test_all_resources_of_these_forms_differ() -> None:
    canonical = {_found(*forms[0]) for forms in FORMS.values()}

    assert len(canonical) == len(FORMS)


@pytest.mark.parametrize(
    ("kind", "id", "other"),
    [
        ("AwsS3Object", "arn:aws:s3:::acme/2026/march.pdf", ("AwsS3Bucket", "acme")),
        ("AwsEcrContainerImage", _arn("ecr", "repository/web/sha256:0a1b"), ("AwsEcrRepository", "web")),
        ("AwsIamRole", f"arn:aws:sts::{ACCOUNT}:assumed-role/report/ada", ("AwsIamRole", "report")),
        ("AwsEc2Instance", "arn:aws:s3:::acme", ("AwsS3Bucket", "acme")),
        ("AwsIamAccessKey", f"arn:aws:iam::{ACCOUNT}:user/ada", ("AwsIamUser", "ada")),
        ("AwsIamPolicy", "arn:aws:iam::aws:policy/ReadOnlyAccess", ("AwsIamPolicy", "ReadOnlyAccess")),
        ("AwsDynamoDbTable", _arn("dynamodb", "table/orders/index/x"), ("AwsDynamoDbTable", "orders")),
        ("AwsRdsDbInstance", _arn("rds", "cluster:orders"), ("AwsRdsDbCluster", "orders")),
        ("AwsElbLoadBalancer", _arn("elasticloadbalancing", "loadbalancer/app/web/1"), ("AwsElbLoadBalancer", "web")),
        ("AwsEc2Instance", "AWS::EC2::Volume:i-0a1b", ("AwsEc2Instance", "i-0a1b")),
        ("AwsSnsTopic", _arn("sns", "alerts:0a1b-2"), ("AwsSnsTopic", "alerts")),
    ],
)
def test_a_part_a_copy_and_a_mislabelled_mention_are_not_the_resource(
    kind: str, id: str, other: tuple[str, str]
) -> None:
    assert _found(kind, id) not in (None, _found(*other))


ITEM = {"awsAccountId": ACCOUNT, "awsRegion": REGION}


@pytest.mark.parametrize(
    ("item", "mention"),
    [
        (
            {
                "resourceType": "AWS::IAM::Role",
                "resourceId": "AROAEXAMPLE",
                "ARN": f"arn:aws:iam::{ACCOUNT}:role/x/report",
                "awsRegion": "global",
            },
            ("AwsIamRole", f"arn:aws:iam::{ACCOUNT}:role/x/report"),
        ),
        (
            {"resourceType": "AWS::IAM::User", "resourceId": "AIDAEXAMPLE", "resourceName": "ada"},
            ("AwsIamUser", f"arn:aws:iam::{ACCOUNT}:user/ops/ada"),
        ),
        (
            {"resourceType": "AWS::IAM::User", "resourceId": "AIDAEXAMPLE"},
            ("AwsIamUser", f"arn:aws:iam::{ACCOUNT}:user/AIDAEXAMPLE"),
        ),
        (
            {"resourceType": "AWS::RDS::DBInstance", "resourceId": "db-ABCDEFGH", "resourceName": "orders"},
            ("AwsRdsDbInstance", _arn("rds", "db:orders")),
        ),
        (
            {"resourceType": "AWS::SQS::Queue", "resourceId": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/jobs"},
            ("AwsSqsQueue", _arn("sqs", "jobs")),
        ),
        ({"resourceType": "AWS::SNS::Topic", "resourceId": _arn("sns", "alerts")}, ("AwsSnsTopic", "alerts")),
        (
            {
                "resourceType": "AWS::AutoScaling::AutoScalingGroup",
                "resourceName": "web",
                "resourceId": _arn("autoscaling", "autoScalingGroup:0a-1b:autoScalingGroupName/web"),
            },
            ("AwsAutoScalingAutoScalingGroup", "web"),
        ),
        (
            {
                "resourceType": "AWS::OpenSearch::Domain",
                "resourceId": f"{ACCOUNT}/logs",
                "ARN": _arn("es", "domain/logs"),
            },
            ("AwsElasticsearchDomain", _arn("es", "domain/logs")),
        ),
        ({"resourceType": "AWS::S3::Bucket", "resourceId": "acme", "ARN": None}, ("AwsS3Bucket", "arn:aws:s3:::acme")),
        # No row in the table: the ARN, whatever the type is called, or the same id under the same type.
        (
            {"resourceType": "AWS::Glue::Job", "resourceId": "nightly", "ARN": _arn("glue", "job/nightly")},
            ("Other", _arn("glue", "job/nightly")),
        ),
        ({"resourceType": "AWS::Glue::Job", "resourceId": "nightly"}, ("AWS::Glue::Job", "nightly")),
        ({"resourceType": "AWS::Glue::Job", "resourceId": "nightly"}, ("Other", "AWS::Glue::Job:nightly")),
    ],
)
def test_a_configuration_item_and_a_finding_name_the_same_resource(
    item: dict[str, Any], mention: tuple[str, str]
) -> None:
    found = resource_of_config_item({**ITEM, **item}, **HERE)

    assert found is not None
    assert found == _found(*mention)


def test_a_resource_of_an_unlisted_type_is_known_by_its_id_as_well() -> None:
    arn = _arn("glue", "job/nightly")
    item = {"resourceType": "AWS::Glue::Job", "resourceId": "nightly", "ARN": arn}

    assert resources_of_config_item(item, **HERE) == (
        Resource("aws", ACCOUNT, REGION, "AWS::glue", arn),
        Resource("aws", ACCOUNT, REGION, "AWS::Glue::Job", "nightly"),
    )


def test_a_databases_resource_id_is_not_taken_for_its_identifier() -> None:
    found = resource_of_config_item({"resourceType": "AWS::RDS::DBInstance", "resourceId": "db-ABCDEFGH"}, **HERE)

    assert found != _found("AwsRdsDbInstance", "db-abcdefgh")


@pytest.mark.parametrize("item", [{}, {"resourceType": "AWS::S3::Bucket"}, {"resourceId": "x"}, {"resourceType": 7}])
def test_an_item_that_names_nothing_is_no_resource(item: dict[str, Any]) -> None:
    assert resource_of_config_item(item, **HERE) is None


TEXTS = st.text(max_size=30) | st.from_regex(r"arn:aws:(ec2|s3|iam|lambda|rds|x)?:[a-z-]{0,5}:[0-9]{0,3}:.{0,20}")


@given(text=TEXTS, kind=st.sampled_from(["AwsEc2Instance", "AwsS3Bucket", "AwsIamRole", "AwsSqsQueue", "Other", ""]))
def test_any_text_names_one_resource_or_none(text: str, kind: str) -> None:
    found = resource_named(text, kind, **HERE)

    assert found is None or (found.id and found.type and found == resource_named(text, kind, **HERE))


@given(text=TEXTS, kind=st.sampled_from(["AwsEc2Instance", "AwsIamRole", "AwsLambdaFunction", "AwsRdsDbInstance"]))
def test_the_canonical_id_names_the_same_resource(text: str, kind: str) -> None:
    found = resource_named(text, kind, **HERE)
    if found is None or found.id != found.id.strip() or (found.account, found.region) != (ACCOUNT, REGION):
        return

    assert resource_named(found.id, found.type, **HERE) in (found, None)


@pytest.mark.parametrize(
    "resource",
    [
        Resource("aws", "111122223333", "eu-west-1", "AWS::EC2::Instance", "i-0abc"),
        Resource("aws-cn", "111122223333", "cn-north-1", "AWS::S3::Bucket", "acme"),
        Resource("aws", "111122223333", "us-east-1", "AWS::IAM::User", "ada"),
        Resource("aws", "111122223333", "eu-west-1", "AWS::kafka", "arn:aws:kafka:eu-west-1:1:cluster/orders/0a1b-2"),
        Resource("aws", "111122223333", "eu-west-1", "Container", "blå/bär\n🚒"),
    ],
    ids=str,
)
def test_a_resource_is_known_again_by_its_text(resource: Resource) -> None:
    assert Resource.parse(str(resource)) == resource


@pytest.mark.parametrize(
    "text",
    [
        "",
        "i-0abc",
        "arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc",
        "aws/111122223333/eu-west-1/AWS::EC2::Instance",
        "aws/111122223333/eu-west-1/AWS::EC2::Instance/",
        "aws//eu-west-1/AWS::EC2::Instance/i-0abc",
        "aws/111122223333/us-east-1/AWS::IAM::User/ada",  # a user is in no Region
    ],
)
def test_a_text_that_is_no_canonical_one_is_no_resources(text: str) -> None:
    with pytest.raises(ValueError, match="is no resource's canonical text"):
        Resource.parse(text)

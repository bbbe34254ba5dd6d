"""The deleting calls: one reviewed row per call, as CloudTrail records it.

Every row says where the call names what it deletes, and whether it is the deletion or only begins one. **A call is the
deletion** when AWS has accepted it for good: nothing is waited for, and AWS documents no way in which it still fails;
that the resource is shown for some more minutes changes nothing, and what a Recycle Bin may bring back is a property of
its type. **A call only starts a
deletion** when the resource lives on for a final snapshot, for dependents or for a recovery window, or when the
deletion may still fail; AWS Config's item, or a later call, tells its end.

Names of members are CloudTrail's: those of the API with a small first letter, those of EC2's query protocol for EC2.
Sources: the services' API references, CloudTrail's examples in their user guides.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Effect(Enum):
    """What a successful call does to the resource that it names."""

    DELETES = "deletes"
    STARTS = "only starts a deletion"
    SCHEDULES = "only schedules a deletion"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a record names the resource: dots lead into members, ``[]`` into each element of a list."""

    at: str
    type: str
    form: str = ".+"
    """Pattern of a text that names the whole resource. Another one leaves the target unknown."""
    state_at: str | None = None
    """Of an element: where it says what has become of it."""
    states: frozenset[str] = frozenset()
    """The states in which the element is deleted."""
    lacks_suffix: bool = False
    """The call may name the resource without the random end of its ARN."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``targets`` are tried in their order, the first that names anything counts."""

    source: str
    names: tuple[str, ...]
    """As CloudTrail writes them: some services append their API's version."""
    effect: Effect
    note: str
    """Why it has this effect, and what is unusual about the record."""
    targets: tuple[Target, ...] = ()
    true: tuple[str, ...] = ()
    """Request parameters without which nothing is deleted yet."""
    absent: tuple[str, ...] = ()
    """Request parameters with which something less is deleted."""
    account_at: str | None = None
    """Request parameter that says whose resource it is, where that is not the caller's account."""


_DELETES, _STARTS, _SCHEDULES = Effect.DELETES, Effect.STARTS, Effect.SCHEDULES
_FUNCTION = r"(?:arn:[^:]+:lambda:[^:]+:[^:]+:function:)?[A-Za-z0-9_-]+"  # a partial ARN may name another account

# fmt: off
CALLS: tuple[Call, ...] = (
    # EC2 and its network
    Call(
        "ec2.amazonaws.com", ("TerminateInstances",), _DELETES,
        "Cannot be undone from shutting-down on; an instance that says another state, or none, was not terminated.",
        (Target("responseElements.instancesSet.items[].instanceId", "AWS::EC2::Instance", "i-[0-9a-z]+",
                state_at="currentState", states=frozenset({"shutting-down", "terminated"})),),
    ),
    Call(
        "ec2.amazonaws.com", ("DeleteVolume",), _DELETES,
        "Refused while the volume is attached; a Recycle Bin rule as for snapshots.",
        (Target("requestParameters.volumeId", "AWS::EC2::Volume", "vol-[0-9a-z]+"),),
    ),
    Call(
        "ec2.amazonaws.com", ("DeleteSnapshot",), _DELETES,
        "Refused while an AMI uses it. A Recycle Bin rule may keep it for a while; it can come back under its id.",
        (Target("requestParameters.snapshotId", "AWS::EC2::Snapshot", "snap-[0-9a-z]+"),),
    ),
    Call(
        "ec2.amazonaws.com", ("DeregisterImage",), _DELETES,
        "At once; a Recycle Bin rule as for snapshots. Snapshots deleted along with it are not claimed.",
        (Target("requestParameters.imageId", "AWS::EC2::Image", "ami-[0-9a-z]+"),),
    ),
    Call(
        "ec2.amazonaws.com", ("DeleteSecurityGroup",), _DELETES,
        "At once, refused while in use. By name alone the target is unknown, unless the response tells the id.",
        (Target("requestParameters.groupId", "AWS::EC2::SecurityGroup", "sg-[0-9a-z]+"),
         Target("responseElements.groupId", "AWS::EC2::SecurityGroup", "sg-[0-9a-z]+")),
    ),
    Call(
        "ec2.amazonaws.com", ("DeleteNetworkInterface",), _DELETES, "At once, refused while attached.",
        (Target("requestParameters.networkInterfaceId", "AWS::EC2::NetworkInterface", "eni-[0-9a-z]+"),),
    ),
    Call(
        "ec2.amazonaws.com", ("DeleteVpc",), _DELETES, "At once, refused while anything is left in it.",
        (Target("requestParameters.vpcId", "AWS::EC2::VPC", "vpc-[0-9a-z]+"),),
    ),
    Call(
        "ec2.amazonaws.com", ("DeleteSubnet",), _DELETES, "At once, refused while anything is left in it.",
        (Target("requestParameters.subnetId", "AWS::EC2::Subnet", "subnet-[0-9a-z]+"),),
    ),
    Call(
        "autoscaling.amazonaws.com", ("DeleteAutoScalingGroup",), _DELETES,
        "Refused while it has instances, or for good with forceDelete; the instances have calls of their own.",
        (Target("requestParameters.autoScalingGroupName", "AWS::AutoScaling::AutoScalingGroup"),),
    ),
    Call(
        "elasticloadbalancing.amazonaws.com", ("DeleteLoadBalancer",), _DELETES,
        "At once. One event name for two APIs: the newer one names an ARN, the classic one a name.",
        (Target("requestParameters.loadBalancerArn", "AWS::ElasticLoadBalancingV2::LoadBalancer", "arn:.+"),
         Target("requestParameters.loadBalancerName", "AWS::ElasticLoadBalancing::LoadBalancer")),
    ),

    # Storage and data
    Call(
        "s3.amazonaws.com", ("DeleteBucket",), _DELETES, "At once, refused while anything is left in it.",
        (Target("requestParameters.bucketName", "AWS::S3::Bucket"),),
    ),
    Call(
        "rds.amazonaws.com", ("DeleteDBInstance",), _STARTS,
        "deleting takes its time and may wait for, and fail at, a final snapshot.",
        (Target("requestParameters.dBInstanceIdentifier", "AWS::RDS::DBInstance"),),
    ),
    Call(
        "rds.amazonaws.com", ("DeleteDBCluster",), _STARTS, "As DeleteDBInstance.",
        (Target("requestParameters.dBClusterIdentifier", "AWS::RDS::DBCluster"),),
    ),
    Call(
        "rds.amazonaws.com", ("DeleteDBSnapshot",), _DELETES,
        "At once, of an available snapshot only; the response's status is deleted.",
        (Target("responseElements.dBSnapshotArn", "AWS::RDS::DBSnapshot", "arn:.+"),
         Target("requestParameters.dBSnapshotIdentifier", "AWS::RDS::DBSnapshot")),
    ),
    Call(
        "rds.amazonaws.com", ("DeleteDBClusterSnapshot",), _DELETES, "As DeleteDBSnapshot.",
        (Target("responseElements.dBClusterSnapshotArn", "AWS::RDS::DBClusterSnapshot", "arn:.+"),
         Target("requestParameters.dBClusterSnapshotIdentifier", "AWS::RDS::DBClusterSnapshot")),
    ),
    Call(
        "dynamodb.amazonaws.com", ("DeleteTable",), _DELETES,
        "Of an active table only. DELETING ends within minutes, waits for nothing and cannot be stopped.",
        (Target("responseElements.tableDescription.tableArn", "AWS::DynamoDB::Table", "arn:.+"),
         Target("requestParameters.tableName", "AWS::DynamoDB::Table")),
    ),
    Call(
        "redshift.amazonaws.com", ("DeleteCluster",), _STARTS, "May wait for, and fail at, a final snapshot.",
        (Target("requestParameters.clusterIdentifier", "AWS::Redshift::Cluster"),),
    ),
    Call(
        "es.amazonaws.com", ("DeleteElasticsearchDomain", "DeleteDomain"), _STARTS,
        "The domain is processing until its data are gone. The event source kept its old name.",
        (Target("requestParameters.domainName", "AWS::OpenSearchService::Domain"),),
    ),
    Call(
        "opensearch.amazonaws.com", ("DeleteDomain",), _STARTS, "Should the event source ever change: as es.",
        (Target("requestParameters.domainName", "AWS::OpenSearchService::Domain"),),
    ),
    Call(
        "kafka.amazonaws.com", ("DeleteCluster",), _STARTS, "DELETING for a long time. The ARN comes URL-encoded.",
        (Target("requestParameters.clusterArn", "AWS::MSK::Cluster", "arn.+"),),
    ),

    # Identity, secrets and keys
    Call(
        "iam.amazonaws.com", ("DeleteRole",), _DELETES, "At once. Names no path: the ARN is not known whole.",
        (Target("requestParameters.roleName", "AWS::IAM::Role"),),
    ),
    Call(
        "iam.amazonaws.com", ("DeleteServiceLinkedRole",), _STARTS,
        "A task, which fails while the service uses the role.",
        (Target("requestParameters.roleName", "AWS::IAM::Role"),),
    ),
    Call(
        "iam.amazonaws.com", ("DeleteUser",), _DELETES, "As DeleteRole.",
        (Target("requestParameters.userName", "AWS::IAM::User"),),
    ),
    Call(
        "iam.amazonaws.com", ("DeleteGroup",), _DELETES, "As DeleteRole.",
        (Target("requestParameters.groupName", "AWS::IAM::Group"),),
    ),
    Call(
        "iam.amazonaws.com", ("DeleteAccessKey",), _DELETES,
        "At once and for good. The user's name, which may be absent, does not matter: keys are unique.",
        (Target("requestParameters.accessKeyId", "AWS::IAM::AccessKey", "A[KS]IA[0-9A-Z]+"),),
    ),
    Call(
        "iam.amazonaws.com", ("DeletePolicy",), _DELETES, "At once, of customer policies only.",
        (Target("requestParameters.policyArn", "AWS::IAM::Policy", "arn:.+"),),
    ),
    Call(
        "secretsmanager.amazonaws.com", ("DeleteSecret",), _DELETES,
        "With forceDeleteWithoutRecovery; otherwise the secret can be restored for 7 to 30 days. The response has the "
        "whole ARN, under one of three names.",
        (Target("responseElements.arn", "AWS::SecretsManager::Secret", "arn:.+"),
         Target("responseElements.aRN", "AWS::SecretsManager::Secret", "arn:.+"),
         Target("responseElements.ARN", "AWS::SecretsManager::Secret", "arn:.+"),
         Target("requestParameters.secretId", "AWS::SecretsManager::Secret", lacks_suffix=True)),
        true=("forceDeleteWithoutRecovery",),
    ),
    Call(
        "kms.amazonaws.com", ("ScheduleKeyDeletion",), _SCHEDULES,
        "The key can be restored for 7 to 30 days; its end is AWS Config's to tell.",
        (Target("requestParameters.keyId", "AWS::KMS::Key"),),
    ),

    # Computing without servers, containers
    Call(
        "lambda.amazonaws.com", ("DeleteFunction20150331", "DeleteFunction"), _DELETES,
        "At once and for good. With a qualifier, by itself or in the name, one version or alias is deleted only.",
        (Target("requestParameters.functionName", "AWS::Lambda::Function", _FUNCTION),),
        absent=("qualifier",),
    ),
    Call(
        "ecr.amazonaws.com", ("DeleteRepository",), _DELETES, "At once, refused while images are left, unless forced.",
        (Target("responseElements.repository.repositoryArn", "AWS::ECR::Repository", "arn:.+"),
         Target("requestParameters.repositoryName", "AWS::ECR::Repository")),
        account_at="registryId",
    ),
    Call(
        "ecs.amazonaws.com", ("DeleteCluster",), _DELETES, "At once (INACTIVE), refused while anything is left in it.",
        (Target("responseElements.cluster.clusterArn", "AWS::ECS::Cluster", "arn:.+"),
         Target("requestParameters.cluster", "AWS::ECS::Cluster")),
    ),
    Call(
        "eks.amazonaws.com", ("DeleteCluster",), _STARTS, "DELETING for a long time, and may fail.",
        (Target("requestParameters.name", "AWS::EKS::Cluster"),),
    ),

    # Messages, edge, watching
    Call(
        "sns.amazonaws.com", ("DeleteTopic",), _DELETES, "At once, and no error if there is none.",
        (Target("requestParameters.topicArn", "AWS::SNS::Topic", "arn:.+"),),
    ),
    Call(
        "sqs.amazonaws.com", ("DeleteQueue",), _DELETES, "Within 60 seconds, and cannot be stopped.",
        (Target("requestParameters.queueUrl", "AWS::SQS::Queue", "https?://.+"),),
    ),
    Call(
        "cloudfront.amazonaws.com", ("DeleteDistribution", "DeleteDistribution2020_05_31"), _DELETES,
        "At once and for good: disabling it, which takes time, has come before.",
        (Target("requestParameters.id", "AWS::CloudFront::Distribution"),),
    ),
    Call(
        "cloudtrail.amazonaws.com", ("DeleteTrail",), _DELETES, "At once, in its home Region. By name or by ARN.",
        (Target("requestParameters.name", "AWS::CloudTrail::Trail"),),
    ),
)
# fmt: on

_BY_NAME = {(call.source, name): call for call in CALLS for name in call.names}


def find_call(source: str, name: str) -> Call | None:
    """The row of a call by CloudTrail's ``eventSource`` and ``eventName``; neither alone tells it.

    >>> find_call("eks.amazonaws.com", "DeleteCluster").effect, find_call("dax.amazonaws.com", "DeleteCluster")
    (<Effect.STARTS: 'only starts a deletion'>, None)
    """
    return _BY_NAME.get((source, name))


def recorded_names(*effects: Effect) -> frozenset[tuple[str, str]]:
    """``eventSource`` and ``eventName`` of the calls with one of these effects, of all of them by default.

    What the rules' patterns are checked against: calls that only start something need not be forwarded.

    >>> ("kms.amazonaws.com", "ScheduleKeyDeletion") in recorded_names(Effect.DELETES)
    False
    """
    chosen = effects or tuple(Effect)
    return frozenset((call.source, name) for call in CALLS if call.effect in chosen for name in call.names)


def is_whole(target: Target, text: str) -> bool:
    """Whether a text names the target's whole resource, not a part of it and not something else."""
    return re.fullmatch(target.form, text) is not None

"""Resources as AWS Config records them: of which types all of them, under which names, and what shows that it does.

That Config does not know a resource proves nothing by itself: it may not record the type, not there, or no longer. A
type is covered here only if Config records every resource of it under one name, so that one which is missing, where
others of the type are recorded *now*, is gone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from responder.domain.resource import Resource, partition_of, resources_of_config_item
from responder.domain.resource.types import find_type, require_type
from responder.domain.times import time_or_none

COVERED: tuple[str, ...] = (
    "AWS::EC2::Instance",
    "AWS::EC2::Volume",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::NetworkInterface",
    "AWS::EC2::VPC",
    "AWS::EC2::Subnet",
    "AWS::EC2::NetworkAcl",
    "AWS::EC2::RouteTable",
    "AWS::EC2::EIP",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::TransitGateway",
    "AWS::EC2::VPCEndpointService",
    "AWS::EC2::VPNConnection",
    "AWS::EC2::ClientVpnEndpoint",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::AutoScaling::LaunchConfiguration",
    "AWS::ElasticLoadBalancing::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::S3::Bucket",
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBCluster",
    "AWS::RDS::EventSubscription",
    "AWS::DynamoDB::Table",
    "AWS::Redshift::Cluster",
    "AWS::Kinesis::Stream",
    "AWS::EFS::AccessPoint",
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::IAM::Group",
    "AWS::IAM::Policy",
    "AWS::Lambda::Function",
    "AWS::ECR::Repository",
    "AWS::ECS::Cluster",
    "AWS::ECS::Service",
    "AWS::EKS::Cluster",
    "AWS::CodeBuild::Project",
    "AWS::StepFunctions::StateMachine",
    "AWS::CloudFormation::Stack",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::AmazonMQ::Broker",
    "AWS::AppSync::GraphQLApi",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGatewayV2::Api",
    "AWS::CloudFront::Distribution",
    "AWS::Route53::HostedZone",
    "AWS::CloudTrail::Trail",
    "AWS::GuardDuty::Detector",
    "AWS::NetworkFirewall::Firewall",
    "AWS::NetworkFirewall::FirewallPolicy",
    "AWS::WAF::WebACL",
    "AWS::WAFRegional::WebACL",
    "AWS::WAFv2::WebACL",
)
"""Each by CloudFormation's name, which is Config's as well. Source: Config, supported resource types."""

_NOT_RECORDED = "AWS Config does not record it"
_NOT_REVIEWED = "whether AWS Config records every one of them is not known"

LEFT_OUT: Mapping[str, str] = {
    "AWS::::Account": _NOT_RECORDED,
    "AWS::IAM::AccessKey": _NOT_RECORDED,
    "AWS::DMS::ReplicationInstance": _NOT_RECORDED,
    "AWS::DMS::ReplicationTask": _NOT_RECORDED,
    "AWS::SageMaker::NotebookInstance": _NOT_RECORDED,
    "AWS::EC2::VPCPeeringConnection": "one connection is in two accounts",
    "AWS::RDS::DBSnapshot": "automated snapshots may be missing",
    "AWS::RDS::DBClusterSnapshot": "automated snapshots may be missing",
    "AWS::RDS::DBSecurityGroup": "no account has one any more",
    "AWS::OpenSearchService::Domain": "recorded under two types, of which only one may be",
    "AWS::MSK::Cluster": "serverless clusters are another type in AWS Config, and look the same",
    "AWS::Backup::BackupVault": "air-gapped vaults are another type in AWS Config, and look the same",
    "AWS::CloudWatch::Alarm": "composite alarms are another type in AWS Config, and look the same",
    "AWS::SecretsManager::Secret": "one that is scheduled for deletion may be missing, and can come back",
    "AWS::KMS::Key": "keys that AWS manages may be missing",
    "AWS::ECS::TaskDefinition": "one that is deregistered may be missing, and can still run",
    "AWS::CertificateManager::Certificate": "AWS lists only certificates with the commonest keys by default",
    "AWS::S3::AccessPoint": _NOT_REVIEWED,
    "AWS::Backup::BackupPlan": _NOT_REVIEWED,
    "AWS::Athena::WorkGroup": _NOT_REVIEWED,
    "AWS::DMS::Endpoint": _NOT_REVIEWED,
    "AWS::Events::EventBus": _NOT_REVIEWED,
    "AWS::Events::Endpoint": _NOT_REVIEWED,
    "AWS::EventSchemas::Registry": _NOT_REVIEWED,
}
"""Types that findings tell of and that no sweep resolves, each with the reason. Events resolve some of them."""

_QUOTABLE = re.compile(r"[^'\"\\\x00-\x1f\x7f]{1,768}")
"""What a query can ask for without a word on how its language escapes the rest."""


@dataclass(frozen=True, slots=True)
class Names:
    """What AWS Config may call a resource of a covered type."""

    type: str
    names: tuple[str, ...]
    """For ``resourceId`` and ``resourceName``."""
    arns: tuple[str, ...]
    """For ``arn``: those that can be told from the id."""
    account: str | None = None
    """Whose it is; None where that is not certain, and any account's resource of these names counts."""


def names_of(resource: Resource, account: str | None = None) -> Names | None:
    """The names under which a resource is asked for; None where it is of no covered type, or has no canonical id.

    >>> names_of(Resource("aws", "111122223333", "eu-west-1", "AWS::S3::Bucket", "acme-logs"))
    Names(type='AWS::S3::Bucket', names=('acme-logs',), arns=('arn:aws:s3:::acme-logs',), account=None)
    """
    if resource.type not in COVERED:
        return None
    kind = require_type(resource.type)
    if kind.normal_id(resource.id) != resource.id:
        return None
    place = {"partition": resource.partition, "account": resource.account, "region": resource.region}
    names = Names(resource.type, (resource.id,), tuple(kind.bare_arns(**place, id=resource.id)), account)
    texts = (*names.names, *names.arns, resource.account, resource.region)
    return names if all(map(_QUOTABLE.fullmatch, texts)) else None


@dataclass(frozen=True, slots=True)
class RecordedItem:
    """A resource that AWS Config knows, as a query tells of it."""

    type: str
    account: str
    region: str
    """As the item says: IAM's is ``global``, or a Region that records it."""
    identities: tuple[Resource, ...]
    """The canonical one, then others."""
    texts: frozenset[str]
    """Its ``resourceId``, ``resourceName`` and ``arn``."""
    captured_at: datetime | None

    def answers_to(self, names: Names) -> bool:
        """Whether a query for these names finds it."""
        return self.type == names.type and not self.texts.isdisjoint((*names.names, *names.arns))

    @property
    def is_found_by_its_names(self) -> bool:
        """Whether a query finds it that asks for the resource that it is taken for: if not, others are missed too."""
        names = names_of(self.identities[0]) if self.identities else None
        return names is not None and self.answers_to(names)


def read_item(row: Mapping[str, Any]) -> RecordedItem | None:
    """What a row of a query tells, None if it names no resource.

    Parameters
    ----------
    row
        With ``accountId``, ``awsRegion``, ``resourceType``, ``resourceId``, ``resourceName``, ``arn`` and
        ``configurationItemCaptureTime``, as far as they are known.
    """
    account, region, kind = (row.get(member) for member in ("accountId", "awsRegion", "resourceType"))
    if not (isinstance(account, str) and isinstance(region, str) and isinstance(kind, str)):
        return None
    partition = _partition(row.get("arn"), region)
    item = {**row, "ARN": row.get("arn"), "awsAccountId": account}
    found = find_type(kind)
    texts = (row.get(member) for member in ("resourceId", "resourceName", "arn"))
    return RecordedItem(
        type=found.name if found else kind,
        account=account,
        region=region,
        identities=resources_of_config_item(item, account=account, region=region, partition=partition),
        texts=frozenset(text for text in texts if isinstance(text, str) and text),
        captured_at=time_or_none(row.get("configurationItemCaptureTime")),
    )


def _partition(arn: object, region: str) -> str:
    """A global resource's Region says nothing of its partition."""
    return arn.split(":")[1] if isinstance(arn, str) and arn.count(":") > 4 else partition_of(region)

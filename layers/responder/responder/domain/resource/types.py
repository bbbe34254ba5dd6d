"""The resource types whose ids are known: one reviewed row per type, and how an ARN is read and written by it.

Names are CloudFormation's; ASFF's are those of Security Hub's ``ResourceDetails``; ARN forms are those of the Service
Authorization Reference. A type that is missing here is not lost: its resources are known by their whole ARN.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

NAME = "[^/:]+"
"""Whatever a person may have called a resource that has no path in its ARN."""


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """One type, and the forms in which events and findings name its resources.

    Forms are ARNs with ``{partition}``, ``{region}``, ``{account}`` and ``{id}``, and with what is in the ARN but does
    not belong to the identity: ``{path}`` (of an IAM name), ``{uuid}`` and ``{qualifier}`` (version or alias).
    """

    name: str
    asff: tuple[str, ...]
    forms: tuple[str, ...]
    """The first is the one that AWS documents and most findings use."""
    id: str
    """Pattern of a whole short id."""
    aliases: tuple[str, ...] = ()
    """What AWS Config calls the type where it does not use CloudFormation's name."""
    assigned: bool = False
    """AWS assigns the ids, and their prefix occurs in this type only: an id alone tells the type."""
    restorable: bool = False
    """AWS can bring one back under its id, from the Recycle Bin."""
    lower: bool = False
    """AWS keeps the ids in lower case, whatever the case of those in a call."""
    opaque_in_config: bool = False
    """AWS Config's ``resourceId`` is another id than the one in the ARN, which is its ``resourceName``."""
    typed_ids: bool = False
    """Findings may put the type before the id, as in ``AWS::IAM::AccessKey:AKIA…``."""

    def normal_id(self, text: str) -> str | None:
        """The canonical id that a short id or a name stands for, None when it is none of this type."""
        has_path, has_qualifier, whole = _reading(self)
        if has_path:
            text = text.rpartition("/")[2]
        if has_qualifier:
            text = _PARTIAL_FUNCTION_ARN.sub("", text).partition(":")[0]
        text = text.lower() if self.lower else text
        return text if whole.fullmatch(text) else None

    def id_in(self, arn: str) -> str | None:
        """The canonical id in an ARN of this type, None for any other ARN.

        >>> require_type("AWS::IAM::Role").id_in("arn:aws:iam::111122223333:role/service-role/report")
        'report'
        """
        for form in _patterns(self):
            if found := form.fullmatch(arn):
                return self.normal_id(found["id"])
        return None

    def arns(self, *, partition: str, account: str, region: str, id: str) -> Iterator[str]:
        """Every ARN of the resource that can be told from its id, the usual one first."""
        for form in self.forms:
            if "{path}" not in form and "{uuid}" not in form:
                yield form.format(partition=partition, account=account, region=region, id=id, qualifier="")

    def bare_arns(self, *, partition: str, account: str, region: str, id: str) -> Iterator[str]:
        """The ARNs of the resource if its name has no path, which most names have not."""
        for form in self.forms:
            if "{uuid}" not in form:
                yield form.format(partition=partition, account=account, region=region, id=id, path="", qualifier="")

    def arn_prefixes(self, *, partition: str, account: str, region: str, id: str) -> Iterator[str]:
        """What the ARNs begin with that cannot be told whole, or have several endings.

        >>> role = require_type("AWS::IAM::Role")
        >>> list(role.arn_prefixes(partition="aws", account="111122223333", region="global", id="report"))
        ['arn:aws:iam::111122223333:role/']
        """
        for form in self.forms:
            known, unknown, _ = re.split(r"(\{path\}|\{uuid\}|\{qualifier\}|$)", form, maxsplit=1)
            if unknown:
                yield known.format(partition=partition, account=account, region=region, id=id)


_PARTIAL_FUNCTION_ARN = re.compile(r"[0-9]{12}:function:")
_PLACEHOLDERS = {
    "{partition}": "aws[a-z-]*",
    # Neither is checked any further: an account or a Region that looks odd belongs to nobody's resource.
    "{region}": "[^:/]+",
    "{account}": "[^:/]+",
    "{path}": "(?:[^:]+/)?",
    "{uuid}": "[^:/]+",
    "{qualifier}": "(?::[^:/]+)?",
}


@cache
def _reading(kind: ResourceType) -> tuple[bool, bool, re.Pattern[str]]:
    """Of a type's short ids: whether a path may come before one, whether a qualifier may come after it, its pattern."""
    forms = "".join(kind.forms)
    return "{path}" in forms, "{qualifier}" in forms, re.compile(kind.id)


@cache
def _patterns(kind: ResourceType) -> tuple[re.Pattern[str], ...]:
    """The type's forms as patterns; ids are checked after they have been brought to their canonical form."""
    compiled = []
    for form in kind.forms:
        parts = re.split(r"(\{\w+\})", form)
        loose = f"(?P<id>{'(?i:' + kind.id + ')' if kind.lower else kind.id})"
        pattern = "".join(_PLACEHOLDERS.get(part) or (loose if part == "{id}" else re.escape(part)) for part in parts)
        compiled.append(re.compile(pattern))
    return tuple(compiled)


def _regional(service: str, resource: str) -> tuple[str, ...]:
    return (f"arn:{{partition}}:{service}:{{region}}:{{account}}:{resource}",)


def _global(service: str, resource: str) -> tuple[str, ...]:
    return (f"arn:{{partition}}:{service}::{{account}}:{resource}",)


def _public(service: str, resource: str) -> tuple[str, ...]:
    """Of what accounts share with each other: AWS's ARN has no account, some products put it in."""
    return (f"arn:{{partition}}:{service}:{{region}}::{resource}", *_regional(service, resource))


def _ec2(name: str, asff: str | None, resource: str, prefix: str) -> ResourceType:
    make = _public if asff is None else _regional
    return ResourceType(
        f"AWS::EC2::{name}",
        (asff,) if asff else (),
        make("ec2", resource + "/{id}"),
        f"{prefix}-[0-9a-z]+",
        assigned=True,
        restorable=name in ("Image", "Snapshot", "Volume"),
    )


def _iam(name: str, asff: str | None, resource: str) -> ResourceType:
    """IAM names are unique in their account whatever their path: the name is the identity, the path is not part of it.

    Their ids in AWS Config are the unique ones (AIDA…, AROA…), which outlive no re-creation and are in few findings.
    """
    return ResourceType(
        f"AWS::IAM::{name}",
        (asff,) if asff else (),
        _global("iam", resource + "/{path}{id}"),
        r"[\w+=,.@-]+",
        opaque_in_config=True,
    )


def _rds(name: str, asff: str | None, resource: str) -> ResourceType:
    return ResourceType(
        f"AWS::RDS::{name}",
        (asff,) if asff else (),
        _regional("rds", resource + ":{id}"),
        "[a-z0-9:._-]+" if "snapshot" in resource else "[a-z0-9-]+",  # automated snapshots are rds:<instance>-<time>
        lower=True,
        opaque_in_config=name in ("DBInstance", "DBCluster"),  # db-ABC…, cluster-ABC…
    )


# fmt: off
TYPES: tuple[ResourceType, ...] = (
    ResourceType("AWS::::Account", ("AwsAccount",), (), "[0-9]{12}", aliases=("AWS::Account",), typed_ids=True),

    # EC2 and its network
    _ec2("Instance", "AwsEc2Instance", "instance", "i"),
    _ec2("Volume", "AwsEc2Volume", "volume", "vol"),
    _ec2("Snapshot", None, "snapshot", "snap"),
    _ec2("Image", None, "image", "ami"),
    _ec2("SecurityGroup", "AwsEc2SecurityGroup", "security-group", "sg"),
    _ec2("NetworkInterface", "AwsEc2NetworkInterface", "network-interface", "eni"),
    _ec2("VPC", "AwsEc2Vpc", "vpc", "vpc"),
    _ec2("Subnet", "AwsEc2Subnet", "subnet", "subnet"),
    _ec2("NetworkAcl", "AwsEc2NetworkAcl", "network-acl", "acl"),
    _ec2("RouteTable", "AwsEc2RouteTable", "route-table", "rtb"),
    _ec2("EIP", "AwsEc2Eip", "elastic-ip", "eipalloc"),
    _ec2("LaunchTemplate", "AwsEc2LaunchTemplate", "launch-template", "lt"),
    _ec2("TransitGateway", "AwsEc2TransitGateway", "transit-gateway", "tgw"),
    _ec2("VPCPeeringConnection", "AwsEc2VpcPeeringConnection", "vpc-peering-connection", "pcx"),
    _ec2("VPCEndpointService", "AwsEc2VpcEndpointService", "vpc-endpoint-service", "vpce-svc"),
    _ec2("VPNConnection", "AwsEc2VpnConnection", "vpn-connection", "vpn"),
    _ec2("ClientVpnEndpoint", "AwsEc2ClientVpnEndpoint", "client-vpn-endpoint", "cvpn-endpoint"),
    ResourceType(
        "AWS::AutoScaling::AutoScalingGroup", ("AwsAutoScalingAutoScalingGroup",),
        _regional("autoscaling", "autoScalingGroup:{uuid}:autoScalingGroupName/{id}"), "[^:]+", opaque_in_config=True,
    ),
    ResourceType(
        "AWS::AutoScaling::LaunchConfiguration", ("AwsAutoScalingLaunchConfiguration",),
        _regional("autoscaling", "launchConfiguration:{uuid}:launchConfigurationName/{id}"), "[^:]+",
        opaque_in_config=True,
    ),
    ResourceType(
        "AWS::ElasticLoadBalancing::LoadBalancer", ("AwsElbLoadBalancer",),
        _regional("elasticloadbalancing", "loadbalancer/{id}"), NAME,
    ),
    ResourceType(  # the id is what the ARN ends in: two balancers of one name, one after the other, are not the same
        "AWS::ElasticLoadBalancingV2::LoadBalancer", ("AwsElbv2LoadBalancer",),
        _regional("elasticloadbalancing", "loadbalancer/{id}"), f"(?:app|net|gwy)/{NAME}/{NAME}",
    ),

    # Storage and data
    ResourceType("AWS::S3::Bucket", ("AwsS3Bucket",), ("arn:{partition}:s3:::{id}",), NAME),
    ResourceType(
        "AWS::S3::AccessPoint", ("AwsS3AccessPoint",), _regional("s3", "accesspoint/{id}"), NAME,
    ),
    _rds("DBInstance", "AwsRdsDbInstance", "db"),
    _rds("DBCluster", "AwsRdsDbCluster", "cluster"),
    _rds("DBSnapshot", "AwsRdsDbSnapshot", "snapshot"),
    _rds("DBClusterSnapshot", "AwsRdsDbClusterSnapshot", "cluster-snapshot"),
    _rds("EventSubscription", "AwsRdsEventSubscription", "es"),
    _rds("DBSecurityGroup", "AwsRdsDbSecurityGroup", "secgrp"),
    ResourceType("AWS::DynamoDB::Table", ("AwsDynamoDbTable",), _regional("dynamodb", "table/{id}"), NAME),
    ResourceType(
        "AWS::Redshift::Cluster", ("AwsRedshiftCluster",), _regional("redshift", "cluster:{id}"), "[a-z0-9-]+",
        lower=True,
    ),
    ResourceType(  # one domain, whichever of its two names and two APIs it was made with
        "AWS::OpenSearchService::Domain", ("AwsOpenSearchServiceDomain", "AwsElasticsearchDomain"),
        _regional("es", "domain/{id}"), NAME, aliases=("AWS::OpenSearch::Domain", "AWS::Elasticsearch::Domain"),
    ),
    ResourceType("AWS::MSK::Cluster", ("AwsMskCluster",), _regional("kafka", "cluster/{id}"), f"{NAME}/{NAME}"),
    ResourceType("AWS::Kinesis::Stream", ("AwsKinesisStream",), _regional("kinesis", "stream/{id}"), NAME),
    ResourceType(
        "AWS::EFS::AccessPoint", ("AwsEfsAccessPoint",), _regional("elasticfilesystem", "access-point/{id}"),
        "fsap-[0-9a-z]+", assigned=True,
    ),
    ResourceType(
        "AWS::Backup::BackupVault", ("AwsBackupBackupVault",), _regional("backup", "backup-vault:{id}"), NAME,
    ),
    ResourceType(
        "AWS::Backup::BackupPlan", ("AwsBackupBackupPlan",), _regional("backup", "backup-plan:{id}"), NAME,
    ),
    ResourceType("AWS::Athena::WorkGroup", ("AwsAthenaWorkGroup",), _regional("athena", "workgroup/{id}"), NAME),
    ResourceType("AWS::DMS::Endpoint", ("AwsDmsEndpoint",), _regional("dms", "endpoint:{id}"), NAME),
    ResourceType("AWS::DMS::ReplicationInstance", ("AwsDmsReplicationInstance",), _regional("dms", "rep:{id}"), NAME),
    ResourceType("AWS::DMS::ReplicationTask", ("AwsDmsReplicationTask",), _regional("dms", "task:{id}"), NAME),

    # Identity, secrets and keys
    _iam("Role", "AwsIamRole", "role"),
    _iam("User", "AwsIamUser", "user"),
    _iam("Group", "AwsIamGroup", "group"),
    _iam("Policy", "AwsIamPolicy", "policy"),
    _iam("InstanceProfile", None, "instance-profile"),
    ResourceType(
        "AWS::IAM::AccessKey", ("AwsIamAccessKey",), (), "A[KS]IA[0-9A-Z]+", assigned=True, typed_ids=True,
    ),
    ResourceType(  # the id keeps the six characters: a secret made anew under the same name has others
        "AWS::SecretsManager::Secret", ("AwsSecretsManagerSecret",), _regional("secretsmanager", "secret:{id}"),
        "[^:]+",
    ),
    ResourceType("AWS::KMS::Key", ("AwsKmsKey",), _regional("kms", "key/{id}"), NAME),
    ResourceType(
        "AWS::CertificateManager::Certificate", ("AwsCertificateManagerCertificate",),
        _regional("acm", "certificate/{id}"), NAME, aliases=("AWS::ACM::Certificate",),
    ),

    # Computing without servers, containers, builds
    ResourceType(
        "AWS::Lambda::Function", ("AwsLambdaFunction",), _regional("lambda", "function:{id}{qualifier}"), NAME,
    ),
    ResourceType("AWS::ECR::Repository", ("AwsEcrRepository",), _regional("ecr", "repository/{id}"), "[^:@]+"),
    ResourceType("AWS::ECS::Cluster", ("AwsEcsCluster",), _regional("ecs", "cluster/{id}"), NAME),
    ResourceType("AWS::ECS::Service", ("AwsEcsService",), _regional("ecs", "service/{id}"), "[^:]+"),
    ResourceType("AWS::ECS::TaskDefinition", ("AwsEcsTaskDefinition",), _regional("ecs", "task-definition/{id}"),
                 f"{NAME}:[0-9]+"),
    ResourceType("AWS::EKS::Cluster", ("AwsEksCluster",), _regional("eks", "cluster/{id}"), NAME),
    ResourceType("AWS::CodeBuild::Project", ("AwsCodeBuildProject",), _regional("codebuild", "project/{id}"), NAME),
    ResourceType(
        "AWS::StepFunctions::StateMachine", ("AwsStepFunctionStateMachine",),
        _regional("states", "stateMachine:{id}{qualifier}"), NAME,
    ),
    ResourceType(
        "AWS::SageMaker::NotebookInstance", ("AwsSageMakerNotebookInstance",),
        _regional("sagemaker", "notebook-instance/{id}"), NAME,
    ),
    ResourceType(
        "AWS::CloudFormation::Stack", ("AwsCloudFormationStack",), _regional("cloudformation", "stack/{id}"),
        f"{NAME}/{NAME}",
    ),

    # Messages, interfaces, edge
    ResourceType("AWS::SNS::Topic", ("AwsSnsTopic",), _regional("sns", "{id}"), NAME),
    ResourceType("AWS::SQS::Queue", ("AwsSqsQueue",), _regional("sqs", "{id}"), NAME),
    ResourceType("AWS::AmazonMQ::Broker", ("AwsAmazonMqBroker",), _regional("mq", "broker:{id}"), f"{NAME}:{NAME}"),
    ResourceType("AWS::Events::EventBus", ("AwsEventsEventbus",), _regional("events", "event-bus/{id}"), "[^:]+"),
    ResourceType("AWS::Events::Endpoint", ("AwsEventsEndpoint",), _regional("events", "endpoint/{id}"), NAME),
    ResourceType("AWS::EventSchemas::Registry", ("AwsEventSchemasRegistry",), _regional("schemas", "registry/{id}"),
                 NAME),
    ResourceType("AWS::AppSync::GraphQLApi", ("AwsAppSyncGraphQlApi",), _regional("appsync", "apis/{id}"), NAME),
    ResourceType(
        "AWS::ApiGateway::RestApi", ("AwsApiGatewayRestApi",), ("arn:{partition}:apigateway:{region}::/restapis/{id}",),
        NAME,
    ),
    ResourceType(
        "AWS::ApiGatewayV2::Api", ("AwsApiGatewayV2Api",), ("arn:{partition}:apigateway:{region}::/apis/{id}",), NAME,
    ),
    ResourceType(
        "AWS::CloudFront::Distribution", ("AwsCloudFrontDistribution",), _global("cloudfront", "distribution/{id}"),
        "E[0-9A-Z]+",
    ),
    ResourceType("AWS::Route53::HostedZone", ("AwsRoute53HostedZone",), ("arn:{partition}:route53:::hostedzone/{id}",),
                 NAME),

    # Watching and filtering
    ResourceType("AWS::CloudTrail::Trail", ("AwsCloudTrailTrail",), _regional("cloudtrail", "trail/{id}"), NAME),
    ResourceType("AWS::CloudWatch::Alarm", ("AwsCloudWatchAlarm",), _regional("cloudwatch", "alarm:{id}"), ".+"),
    ResourceType("AWS::GuardDuty::Detector", ("AwsGuardDutyDetector",), _regional("guardduty", "detector/{id}"), NAME),
    ResourceType(
        "AWS::NetworkFirewall::Firewall", ("AwsNetworkFirewallFirewall",),
        _regional("network-firewall", "firewall/{id}"), NAME,
    ),
    ResourceType(
        "AWS::NetworkFirewall::FirewallPolicy", ("AwsNetworkFirewallFirewallPolicy",),
        _regional("network-firewall", "firewall-policy/{id}"), NAME,
    ),
    ResourceType("AWS::WAF::WebACL", ("AwsWafWebAcl",), _global("waf", "webacl/{id}"), NAME),
    ResourceType(
        "AWS::WAFRegional::WebACL", ("AwsWafRegionalWebAcl",), _regional("waf-regional", "webacl/{id}"), NAME,
    ),
    ResourceType(
        "AWS::WAFv2::WebACL", ("AwsWafv2WebAcl",), _regional("wafv2", "{id}"),
        f"(?:regional|global)/webacl/{NAME}/{NAME}",
    ),
)
# fmt: on

_BY_NAME = {name: kind for kind in TYPES for name in (kind.name, *kind.asff, *kind.aliases)}
_BY_SERVICE: dict[str, list[ResourceType]] = {}
for _kind in TYPES:
    for _service in {form.split(":")[2] for form in _kind.forms}:
        _BY_SERVICE.setdefault(_service, []).append(_kind)


def find_type(name: str) -> ResourceType | None:
    """The type that CloudFormation, ASFF or AWS Config calls so.

    >>> find_type("AwsElasticsearchDomain").name
    'AWS::OpenSearchService::Domain'
    """
    return _BY_NAME.get(name)


def require_type(name: str) -> ResourceType:
    """The type of this name.

    Raises
    ------
    KeyError
        When the table has no row for it.
    """
    return _BY_NAME[name]


def type_of_arn(arn: str) -> ResourceType | None:
    """The type of the resource that an ARN names, as far as the table knows its form."""
    parts = arn.split(":", 3)
    candidates = _BY_SERVICE.get(parts[2], []) if len(parts) > 3 else []
    return next((kind for kind in candidates if kind.id_in(arn)), None)


def type_of_id(text: str) -> ResourceType | None:
    """The type whose ids AWS assigns in this form.

    >>> type_of_id("vol-0a1b2c3d4e5f67890").name, type_of_id("acme-invoices")
    ('AWS::EC2::Volume', None)
    """
    return next((kind for kind in TYPES if kind.assigned and re.fullmatch(kind.id, text)), None)

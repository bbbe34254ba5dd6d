"""Events as CloudTrail and AWS Config emit them, with one realistic record for every call of the table."""

from typing import Any, NamedTuple

from responder.domain.event import Event, read_event

ACCOUNT, REGION = "444455556666", "eu-west-1"
TIME = "2026-03-01T02:13:05Z"
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/ada"
INSTANCE, OTHER_INSTANCE = "i-0a1b2c3d4e5f67890", "i-0b1b2c3d4e5f67890"


def call_event(source: str, name: str, **changes: Any) -> dict[str, Any]:
    """The event of a successful call; keyword arguments replace members of the record, None included."""
    service = source.partition(".")[0]
    return {
        "version": "0",
        "id": "0d2f2d1e-5a3c-4a6e-9d5c-8d1c2b3a4f5e",
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{service}",
        "account": changes.get("recipientAccountId") or ACCOUNT,
        "time": TIME,
        "region": REGION,
        "resources": [],
        "detail": {
            "eventVersion": "1.09",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLEEXAMPLE:ada",
                "arn": CALLER,
                "accountId": ACCOUNT,
                "accessKeyId": "ASIAEXAMPLEEXAMPLE",
                "sessionContext": {"attributes": {"mfaAuthenticated": "true"}},
            },
            "eventTime": TIME,
            "eventSource": source,
            "eventName": name,
            "awsRegion": REGION,
            "sourceIPAddress": "203.0.113.7",
            "userAgent": "aws-cli/2.17.32",
            "requestParameters": None,
            "responseElements": None,
            "requestID": "5a1c8a3e-3f0d-4b9e-8f63-2f0d6f3b8a10",
            "eventID": "c9e58f63-7b8b-4dd8-9c5b-ec41f8a394b3",
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
            **changes,
        },
    }


def called(source: str, name: str, **changes: Any) -> Event:
    return read_event(call_event(source, name, **changes))


def terminated(*instances: tuple[str, str]) -> dict[str, Any]:
    """Request and response of TerminateInstances, of instances and their states."""
    codes = {"shutting-down": 32, "terminated": 48, "running": 16, "stopped": 80}
    return {
        "requestParameters": {"instancesSet": {"items": [{"instanceId": id_} for id_, _ in instances]}},
        "responseElements": {
            "requestId": "5a1c8a3e-3f0d-4b9e-8f63-2f0d6f3b8a10",
            "instancesSet": {
                "items": [
                    {
                        "instanceId": id_,
                        "currentState": {"code": codes.get(state, 0), "name": state},
                        "previousState": {"code": 16, "name": "running"},
                    }
                    for id_, state in instances
                ]
            },
        },
    }


def item_event(**changes: Any) -> dict[str, Any]:
    """The event of a deleted bucket's item; keyword arguments replace members of the item, None included."""
    return {
        "version": "0",
        "id": "47a37318-9c13-1eb8-33a6-607f6b881a9c",
        "detail-type": "Config Configuration Item Change",
        "source": "aws.config",
        "account": ACCOUNT,
        "time": "2026-03-01T02:20:00Z",
        "region": REGION,
        "resources": [],
        "detail": {
            "recordVersion": "1.3",
            "messageType": "ConfigurationItemChangeNotification",
            "configurationItemDiff": {"changedProperties": {}, "changeType": "DELETE"},
            "notificationCreationTime": "2026-03-01T02:20:00.385Z",
            "configurationItem": {
                "relatedEvents": [],
                "relationships": [],
                "configuration": None,
                "supplementaryConfiguration": {},
                "tags": {},
                "configurationItemVersion": "1.3",
                "configurationItemCaptureTime": "2026-03-01T02:19:22.579Z",
                "configurationStateId": 1772331562579,
                "awsAccountId": ACCOUNT,
                "configurationItemStatus": "ResourceDeleted",
                "resourceType": "AWS::S3::Bucket",
                "resourceId": "acme-invoices",
                "resourceName": "acme-invoices",
                "ARN": "arn:aws:s3:::acme-invoices",
                "awsRegion": REGION,
                "availabilityZone": "Regional",
                "configurationStateMd5Hash": "",
                **changes,
            },
        },
    }


def item(**changes: Any) -> Event:
    return read_event(item_event(**changes))


class Example(NamedTuple):
    request: dict[str, Any]
    response: dict[str, Any] | None
    deleted: str | None
    """The canonical text of the resource after partition and account; None for a call that deletes nothing yet."""


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


_RETURNED = {"requestId": "5a1c8a3e-3f0d-4b9e-8f63-2f0d6f3b8a10", "_return": True}
_BALANCER = "app/web/50dc6c495c0c9188"

EXAMPLES: dict[tuple[str, str], Example] = {
    ("ec2.amazonaws.com", "TerminateInstances"): Example(
        terminated((INSTANCE, "shutting-down"))["requestParameters"],
        terminated((INSTANCE, "shutting-down"))["responseElements"],
        f"eu-west-1/AWS::EC2::Instance/{INSTANCE}",
    ),
    ("ec2.amazonaws.com", "DeleteVolume"): Example(
        {"volumeId": "vol-0a1b2c3d4e5f67890"}, _RETURNED, "eu-west-1/AWS::EC2::Volume/vol-0a1b2c3d4e5f67890"
    ),
    ("ec2.amazonaws.com", "DeleteSnapshot"): Example(
        {"snapshotId": "snap-0a1b2c3d4e5f67890"}, _RETURNED, "eu-west-1/AWS::EC2::Snapshot/snap-0a1b2c3d4e5f67890"
    ),
    ("ec2.amazonaws.com", "DeregisterImage"): Example(
        {"imageId": "ami-0a1b2c3d4e5f67890"}, _RETURNED, "eu-west-1/AWS::EC2::Image/ami-0a1b2c3d4e5f67890"
    ),
    ("ec2.amazonaws.com", "DeleteSecurityGroup"): Example(
        {"groupId": "sg-0a1b2c3d4e5f67890"}, _RETURNED, "eu-west-1/AWS::EC2::SecurityGroup/sg-0a1b2c3d4e5f67890"
    ),
    ("ec2.amazonaws.com", "DeleteNetworkInterface"): Example(
        {"networkInterfaceId": "eni-0a1b2c3d4e5f67890"},
        _RETURNED,
        "eu-west-1/AWS::EC2::NetworkInterface/eni-0a1b2c3d4e5f67890",
    ),
    ("ec2.amazonaws.com", "DeleteVpc"): Example(
        {"vpcId": "vpc-0a1b2c3d4e5f67890"}, _RETURNED, "eu-west-1/AWS::EC2::VPC/vpc-0a1b2c3d4e5f67890"
    ),
    ("ec2.amazonaws.com", "DeleteSubnet"): Example(
        {"subnetId": "subnet-0a1b2c3d4e5f67890"}, _RETURNED, "eu-west-1/AWS::EC2::Subnet/subnet-0a1b2c3d4e5f67890"
    ),
    ("autoscaling.amazonaws.com", "DeleteAutoScalingGroup"): Example(
        {"autoScalingGroupName": "web", "forceDelete": True}, None, "eu-west-1/AWS::AutoScaling::AutoScalingGroup/web"
    ),
    ("elasticloadbalancing.amazonaws.com", "DeleteLoadBalancer"): Example(
        {"loadBalancerArn": _arn("elasticloadbalancing", f"loadbalancer/{_BALANCER}")},
        None,
        f"eu-west-1/AWS::ElasticLoadBalancingV2::LoadBalancer/{_BALANCER}",
    ),
    ("s3.amazonaws.com", "DeleteBucket"): Example(
        {"Host": "acme-invoices.s3.eu-west-1.amazonaws.com", "bucketName": "acme-invoices"},
        None,
        "eu-west-1/AWS::S3::Bucket/acme-invoices",
    ),
    ("rds.amazonaws.com", "DeleteDBInstance"): Example(
        {"dBInstanceIdentifier": "orders", "skipFinalSnapshot": True},
        {"dBInstanceStatus": "deleting", "dBInstanceArn": _arn("rds", "db:orders")},
        None,
    ),
    ("rds.amazonaws.com", "DeleteDBCluster"): Example({"dBClusterIdentifier": "orders"}, {"status": "deleting"}, None),
    ("rds.amazonaws.com", "DeleteDBSnapshot"): Example(
        {"dBSnapshotIdentifier": "Orders-Before"},
        {"dBSnapshotArn": _arn("rds", "snapshot:orders-before"), "status": "deleted"},
        "eu-west-1/AWS::RDS::DBSnapshot/orders-before",
    ),
    ("rds.amazonaws.com", "DeleteDBClusterSnapshot"): Example(
        {"dBClusterSnapshotIdentifier": "Orders-Before"}, None, "eu-west-1/AWS::RDS::DBClusterSnapshot/orders-before"
    ),
    ("dynamodb.amazonaws.com", "DeleteTable"): Example(
        {"tableName": "orders"},
        {"tableDescription": {"tableName": "orders", "tableStatus": "DELETING"}},
        "eu-west-1/AWS::DynamoDB::Table/orders",
    ),
    ("redshift.amazonaws.com", "DeleteCluster"): Example(
        {"clusterIdentifier": "orders", "skipFinalClusterSnapshot": True}, None, None
    ),
    ("es.amazonaws.com", "DeleteElasticsearchDomain"): Example({"domainName": "logs"}, {"domainStatus": {}}, None),
    ("es.amazonaws.com", "DeleteDomain"): Example({"domainName": "logs"}, {"domainStatus": {}}, None),
    ("opensearch.amazonaws.com", "DeleteDomain"): Example({"domainName": "logs"}, {"domainStatus": {}}, None),
    ("kafka.amazonaws.com", "DeleteCluster"): Example(
        {"clusterArn": "arn%3Aaws%3Akafka%3Aeu-west-1%3A444455556666%3Acluster%2Forders%2F0a1b-2"},
        {"state": "DELETING"},
        None,
    ),
    ("iam.amazonaws.com", "DeleteRole"): Example({"roleName": "report"}, None, "global/AWS::IAM::Role/report"),
    ("iam.amazonaws.com", "DeleteServiceLinkedRole"): Example(
        {"roleName": "AWSServiceRoleForX"}, {"deletionTaskId": "task/1"}, None
    ),
    ("iam.amazonaws.com", "DeleteUser"): Example({"userName": "ada"}, None, "global/AWS::IAM::User/ada"),
    ("iam.amazonaws.com", "DeleteGroup"): Example({"groupName": "ops"}, None, "global/AWS::IAM::Group/ops"),
    ("iam.amazonaws.com", "DeleteAccessKey"): Example(
        {"userName": "ada", "accessKeyId": "AKIAEXAMPLEEXAMPLE00"},
        None,
        "global/AWS::IAM::AccessKey/AKIAEXAMPLEEXAMPLE00",
    ),
    ("iam.amazonaws.com", "DeletePolicy"): Example(
        {"policyArn": f"arn:aws:iam::{ACCOUNT}:policy/ops/read-all"}, None, "global/AWS::IAM::Policy/read-all"
    ),
    ("secretsmanager.amazonaws.com", "DeleteSecret"): Example(
        {"secretId": "prod/db", "forceDeleteWithoutRecovery": True},
        {"name": "prod/db", "deletionDate": "Mar 1, 2026", "aRN": _arn("secretsmanager", "secret:prod/db-a1b2C3")},
        "eu-west-1/AWS::SecretsManager::Secret/prod/db-a1b2C3",
    ),
    ("kms.amazonaws.com", "ScheduleKeyDeletion"): Example(
        {"keyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "pendingWindowInDays": 7},
        {"keyState": "PendingDeletion"},
        None,
    ),
    ("lambda.amazonaws.com", "DeleteFunction20150331"): Example(
        {"functionName": "report"}, None, "eu-west-1/AWS::Lambda::Function/report"
    ),
    ("lambda.amazonaws.com", "DeleteFunction"): Example(
        {"functionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:report"},
        None,
        "eu-west-1/AWS::Lambda::Function/report",
    ),
    ("ecr.amazonaws.com", "DeleteRepository"): Example(
        {"repositoryName": "team/web", "registryId": ACCOUNT, "force": True},
        {"repository": {"repositoryArn": _arn("ecr", "repository/team/web"), "repositoryName": "team/web"}},
        "eu-west-1/AWS::ECR::Repository/team/web",
    ),
    ("ecs.amazonaws.com", "DeleteCluster"): Example(
        {"cluster": "web"},
        {"cluster": {"clusterArn": _arn("ecs", "cluster/web"), "status": "INACTIVE"}},
        "eu-west-1/AWS::ECS::Cluster/web",
    ),
    ("eks.amazonaws.com", "DeleteCluster"): Example({"name": "web"}, {"cluster": {"status": "DELETING"}}, None),
    ("sns.amazonaws.com", "DeleteTopic"): Example(
        {"topicArn": _arn("sns", "alerts")}, None, "eu-west-1/AWS::SNS::Topic/alerts"
    ),
    ("sqs.amazonaws.com", "DeleteQueue"): Example(
        {"queueUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/jobs.fifo"},
        None,
        "eu-west-1/AWS::SQS::Queue/jobs.fifo",
    ),
    ("cloudfront.amazonaws.com", "DeleteDistribution"): Example(
        {"id": "E1EXAMPLE2ABCD", "ifMatch": "E2QWRUHEXAMPLE"},
        None,
        "global/AWS::CloudFront::Distribution/E1EXAMPLE2ABCD",
    ),
    ("cloudfront.amazonaws.com", "DeleteDistribution2020_05_31"): Example(
        {"id": "E1EXAMPLE2ABCD"}, None, "global/AWS::CloudFront::Distribution/E1EXAMPLE2ABCD"
    ),
    ("cloudtrail.amazonaws.com", "DeleteTrail"): Example(
        {"name": _arn("cloudtrail", "trail/all")}, None, "eu-west-1/AWS::CloudTrail::Trail/all"
    ),
}

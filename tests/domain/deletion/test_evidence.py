"""Which events prove deletions, and which, for all their likeness, do not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.domain.deletion.calls import Effect, recorded_names
from responder.domain.deletion.deleted import Deletion
from responder.domain.deletion.evidence import read_deletions
from responder.domain.event import Event, read_event
from responder.domain.faults import Rejected
from responder.domain.resource import Resource
from responder.domain.resource.types import find_type
from tests.domain.deletion.records import (
    ACCOUNT,
    CALLER,
    EXAMPLES,
    INSTANCE,
    OTHER_INSTANCE,
    REGION,
    Example,
    call_event,
    called,
    item,
    item_event,
    terminated,
)

examples = pytest.mark.parametrize(("call", "example"), EXAMPLES.items(), ids=[":".join(call) for call in EXAMPLES])

TERMINATE = ("ec2.amazonaws.com", "TerminateInstances")


def _record(call: tuple[str, str], example: Example, **changes: Any) -> Event:
    parts = {"requestParameters": example.request, "responseElements": example.response}
    return called(*call, **{**parts, **changes})


def _texts(found: tuple[Deletion, ...] | str) -> list[str]:
    assert isinstance(found, tuple), found
    return [str(deletion.resource) for deletion in found]


def _reason(found: tuple[Deletion, ...] | str) -> str:
    assert isinstance(found, str), found
    return found


@examples
def test_every_call_proves_what_its_row_says(call: tuple[str, str], example: Example) -> None:
    found = read_deletions(_record(call, example))

    if example.deleted is None:
        assert call not in recorded_names(Effect.DELETES)
        assert "only st" in _reason(found) or "only sch" in _reason(found)
    else:
        assert call in recorded_names(Effect.DELETES)
        assert _texts(found) == [f"aws/{ACCOUNT}/{example.deleted}"]


@examples
@pytest.mark.parametrize(
    "failure",
    [
        {"errorCode": "AccessDenied", "errorMessage": "User is not authorized"},
        {"errorCode": "Client.UnauthorizedOperation"},
        {"errorCode": "Client.DryRunOperation", "errorMessage": "Request would have succeeded"},
        {"errorMessage": "Something went wrong"},
        {"errorCode": "AccessDenied", "requestParameters": None, "responseElements": None},
        {"requestParameters": None, "responseElements": None},
        {"requestParameters": {}, "responseElements": {}},
        {"requestParameters": "text", "responseElements": ["list"]},
        {"requestParameters": 7, "responseElements": False},
    ],
    ids=str,
)
def test_no_failed_or_unclear_call_proves_anything(
    call: tuple[str, str], example: Example, failure: dict[str, Any]
) -> None:
    assert isinstance(read_deletions(_record(call, example, **failure)), str)


def test_a_deletion_tells_who_when_and_how() -> None:
    (deletion,) = read_deletions(called("s3.amazonaws.com", "DeleteBucket", requestParameters={"bucketName": "acme"}))

    assert deletion == Deletion(
        resource=Resource("aws", ACCOUNT, REGION, "AWS::S3::Bucket", "acme"),
        deleted_at=datetime(2026, 3, 1, 2, 13, 5, tzinfo=UTC),
        by=CALLER,
        how="s3:DeleteBucket",
        event_id="c9e58f63-7b8b-4dd8-9c5b-ec41f8a394b3",
    )


@pytest.mark.parametrize(
    ("identity", "by"),
    [
        ({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}, "autoscaling.amazonaws.com"),
        ({"type": "IAMUser", "userName": "ada\nRoot did it"}, "ada Root did it"),
        ({"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/x"}}}, "arn:aws:iam::1:role/x"),
        ({"principalId": "AROAEXAMPLE:ada"}, "AROAEXAMPLE:ada"),
        ({"type": "Unknown"}, "Unknown"),
        ({"userName": {"odd": 1}, "sessionContext": None}, None),
        ({}, None),
    ],
)
def test_the_caller_is_whatever_the_record_knows_of_it(identity: dict[str, Any], by: str | None) -> None:
    event = called("s3.amazonaws.com", "DeleteBucket", userIdentity=identity, requestParameters={"bucketName": "acme"})
    (deletion,) = read_deletions(event)

    assert deletion.by == by


def test_every_instance_that_says_so_is_gone_and_no_other() -> None:
    states = terminated((INSTANCE, "shutting-down"), (OTHER_INSTANCE, "terminated"), ("i-0c", "running"), ("i-0d", ""))

    assert _texts(read_deletions(called(*TERMINATE, **states))) == [
        f"aws/{ACCOUNT}/{REGION}/AWS::EC2::Instance/{INSTANCE}",
        f"aws/{ACCOUNT}/{REGION}/AWS::EC2::Instance/{OTHER_INSTANCE}",
    ]


def test_a_thousand_instances_in_one_call() -> None:
    ids = [f"i-{number:017x}" for number in range(1000)]
    found = read_deletions(called(*TERMINATE, **terminated(*((id_, "shutting-down") for id_ in ids))))

    assert [deletion.resource.id for deletion in found if isinstance(deletion, Deletion)] == ids


def test_an_instance_named_twice_is_one() -> None:
    states = terminated((INSTANCE, "terminated"), (INSTANCE, "terminated"))

    assert len(read_deletions(called(*TERMINATE, **states))) == 1


GONE = {"instanceId": INSTANCE, "currentState": {"code": 32, "name": "shutting-down"}}


@pytest.mark.parametrize(
    "instances", [{"items": [GONE]}, {"items": GONE}, [GONE], GONE, {"items": [None, "x", 7, GONE]}], ids=str
)
def test_a_set_of_instances_may_have_many_shapes(instances: Any) -> None:
    found = read_deletions(called(*TERMINATE, responseElements={"instancesSet": instances}))

    assert _texts(found) == [f"aws/{ACCOUNT}/{REGION}/AWS::EC2::Instance/{INSTANCE}"]


@pytest.mark.parametrize(
    "instances",
    [
        None,
        [],
        {},
        {"items": []},
        {"items": None},
        INSTANCE,
        [INSTANCE],
        {"items": [{"instanceId": INSTANCE}]},
        {"items": [{"instanceId": INSTANCE, "currentState": None}]},
        {"items": [{"instanceId": INSTANCE, "currentState": {"name": ["terminated"]}}]},
        {"items": [{**GONE, "instanceId": "TheInstance"}]},
        {"items": [{**GONE, "instanceId": ""}]},
        {"items": [{**GONE, "instanceId": f"{INSTANCE} {OTHER_INSTANCE}"}]},
        {"items": [{**GONE, "instanceId": [INSTANCE]}]},
    ],
    ids=str,
)
def test_what_names_no_terminated_instance_proves_nothing(instances: Any) -> None:
    request = terminated((INSTANCE, "x"))["requestParameters"]
    found = read_deletions(called(*TERMINATE, requestParameters=request, responseElements={"instancesSet": instances}))

    assert _reason(found) == "ec2:TerminateInstances names no resource that can be known from the record"


@pytest.mark.parametrize(
    ("call", "request_", "reason"),
    [
        ("lambda:DeleteFunction20150331", {"functionName": "report", "qualifier": "7"}, "deletes less"),
        ("lambda:DeleteFunction20150331", {"functionName": "report:7"}, "names no resource"),
        ("lambda:DeleteFunction20150331", {"functionName": f"arn:aws:lambda:{REGION}:1:function:f:7"}, "names no"),
        ("secretsmanager:DeleteSecret", {"secretId": "prod/db"}, "only schedules"),
        ("secretsmanager:DeleteSecret", {"secretId": "x", "forceDeleteWithoutRecovery": False}, "only schedules"),
        ("secretsmanager:DeleteSecret", {"secretId": "x", "recoveryWindowInDays": 7}, "only schedules"),
        ("kms:ScheduleKeyDeletion", {"keyId": "x"}, "only schedules"),
        ("ec2:DeleteSecurityGroup", {"groupName": "web"}, "names no resource"),
        ("ec2:DeleteVolume", {"volumeId": "vol-0a1b", "dryRun": True}, "was a dry run"),
        ("ec2:DeleteVolume", {"volumeId": "myvolume"}, "names no resource"),
        ("ec2:DeleteVolume", {"volumeId": "arn:aws:s3:::vol-0a1b"}, "names no resource"),
        ("s3:DeleteBucket", {"bucketName": "acme/invoices"}, "names no resource"),
        ("s3:DeleteBucket", {"bucketName": "x" * 5000}, "names no resource"),
        ("iam:DeletePolicy", {"policyArn": f"arn:aws:iam::{ACCOUNT}:role/report"}, "names no resource"),
        ("iam:DeleteAccessKey", {"accessKeyId": "AIDAEXAMPLE"}, "names no resource"),
        ("dax:DeleteCluster", {"clusterName": "web"}, "is not among the deleting calls"),
        ("iam:DeleteRolePolicy", {"roleName": "report"}, "is not among the deleting calls"),
        ("s3:DeleteObject", {"bucketName": "acme", "key": "x"}, "is not among the deleting calls"),
    ],
)
def test_what_deletes_nothing_or_something_unknown(call: str, request_: dict[str, Any], reason: str) -> None:
    service, name = call.split(":")

    assert reason in _reason(read_deletions(called(f"{service}.amazonaws.com", name, requestParameters=request_)))


def test_a_call_that_returned_false_deleted_nothing() -> None:
    event = called(
        "ec2.amazonaws.com",
        "DeleteVolume",
        requestParameters={"volumeId": "vol-0a1b"},
        responseElements={"_return": False},
    )

    assert "returned false" in _reason(read_deletions(event))


@pytest.mark.parametrize(
    ("call", "request_", "response", "resource"),
    [
        (
            "elasticloadbalancing:DeleteLoadBalancer",
            {"loadBalancerName": "web"},
            None,
            f"{ACCOUNT}/{REGION}/AWS::ElasticLoadBalancing::LoadBalancer/web",
        ),
        (
            "ec2:DeleteSecurityGroup",
            {"groupName": "web"},
            {"groupId": "sg-0a1b"},
            f"{ACCOUNT}/{REGION}/AWS::EC2::SecurityGroup/sg-0a1b",
        ),
        (
            "lambda:DeleteFunction20150331",
            {"functionName": "arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Areport"},
            None,
            "111122223333/us-east-1/AWS::Lambda::Function/report",
        ),
        (
            "dynamodb:DeleteTable",
            {"tableName": "arn:aws:dynamodb:us-east-1:111122223333:table/orders"},
            None,
            "111122223333/us-east-1/AWS::DynamoDB::Table/orders",
        ),
        ("cloudtrail:DeleteTrail", {"name": "all"}, None, f"{ACCOUNT}/{REGION}/AWS::CloudTrail::Trail/all"),
        (
            "ecr:DeleteRepository",
            {"repositoryName": "web", "registryId": "111122223333"},
            None,
            f"111122223333/{REGION}/AWS::ECR::Repository/web",
        ),
        (
            "sqs:DeleteQueue",
            {"queueUrl": "https://sqs.us-east-1.amazonaws.com/111122223333/jobs"},
            None,
            "111122223333/us-east-1/AWS::SQS::Queue/jobs",
        ),
        (
            "ecs:DeleteCluster",
            {"cluster": "arn:aws:ecs:us-east-1:111122223333:cluster/web"},
            None,
            "111122223333/us-east-1/AWS::ECS::Cluster/web",
        ),
        (
            "iam:DeleteUser",
            {"userName": "ada@example.com"},
            None,
            f"{ACCOUNT}/global/AWS::IAM::User/ada@example.com",
        ),
    ],
)
def test_other_ways_to_name_a_resource(
    call: str, request_: dict[str, Any], response: dict[str, Any] | None, resource: str
) -> None:
    service, name = call.split(":")
    event = called(f"{service}.amazonaws.com", name, requestParameters=request_, responseElements=response)

    assert _texts(read_deletions(event)) == [f"aws/{resource}"]


@pytest.mark.parametrize(
    ("changes", "account"),
    [
        ({}, ACCOUNT),
        ({"recipientAccountId": None}, ACCOUNT),
        # A call from another account, in the owner's record of it.
        ({"userIdentity": {"accountId": "777788889999"}}, ACCOUNT),
        ({"recipientAccountId": None, "userIdentity": {"accountId": "777788889999"}}, ACCOUNT),
        ({"recipientAccountId": None, "userIdentity": {}}, ACCOUNT),
        # The caller's copy of a call on another account's bucket.
        ({"resources": [{"ARN": "arn:aws:s3:::acme", "accountId": "999900001111"}]}, "999900001111"),
        ({"resources": {"items": {"ARN": "arn:aws:s3:::other", "accountId": "999900001111"}}}, ACCOUNT),
        ({"resources": [None, "x", {"ARN": 7}, {"ARN": "arn:aws:s3:::acme"}]}, ACCOUNT),
    ],
    ids=str,
)
def test_whose_resource_it_is(changes: dict[str, Any], account: str) -> None:
    event = called("s3.amazonaws.com", "DeleteBucket", requestParameters={"bucketName": "acme"}, **changes)
    (deletion,) = read_deletions(event)

    assert deletion.resource.account == account


@pytest.mark.parametrize("event", [call_event("s3.amazonaws.com", "DeleteBucket"), item_event()], ids=["call", "item"])
def test_nobody_proves_a_deletion_in_another_account(event: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match=r"AccountId: is '444455556666', but the event comes from the account 7777"):
        read_deletions(read_event(event | {"account": "777788889999"}))


@pytest.mark.parametrize("source", ["aws.partner/example.com/acme/audit", "acme", "awsome"])
def test_what_aws_did_not_emit_proves_nothing(source: str) -> None:
    event = call_event("s3.amazonaws.com", "DeleteBucket", requestParameters={"bucketName": "acme"})

    with pytest.raises(Rejected, match=f"source: is '{source}', which is no service of AWS's"):
        read_deletions(read_event(event | {"source": source}))


def test_the_partition_follows_from_the_region() -> None:
    event = called("s3.amazonaws.com", "DeleteBucket", awsRegion="cn-north-1", requestParameters={"bucketName": "acme"})

    assert _texts(read_deletions(event)) == [f"aws-cn/{ACCOUNT}/cn-north-1/AWS::S3::Bucket/acme"]


def test_a_secret_without_a_response_is_known_by_its_name() -> None:
    request = {"secretId": "prod/db", "forceDeleteWithoutRecovery": "true"}
    (deletion,) = read_deletions(called("secretsmanager.amazonaws.com", "DeleteSecret", requestParameters=request))

    assert (deletion.resource.id, deletion.lacks_suffix, deletion.arn) == ("prod/db", True, None)


@pytest.mark.parametrize("status", ["ResourceDeleted", "ResourceDeletedNotRecorded"])
def test_an_item_of_a_deleted_resource_proves_it(status: str) -> None:
    event = item(configurationItemStatus=status)

    assert read_deletions(event) == (
        Deletion(
            resource=Resource("aws", ACCOUNT, REGION, "AWS::S3::Bucket", "acme-invoices"),
            deleted_at=datetime(2026, 3, 1, 2, 19, 22, 579000, tzinfo=UTC),
            by=None,
            how=f"Config item {status}",
            event_id=event.id,
            arn="arn:aws:s3:::acme-invoices",
            noticed_within=timedelta(minutes=5),
        ),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {
            "resourceType": "AWS::SecretsManager::ResourcePolicy",
            "ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:a-b1",
        },
        {
            "resourceType": "AWS::SecretsManager::RotationSchedule",
            "ARN": None,
            "resourceId": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:a-b1c2D3",
        },
        {"resourceType": "AWS::Backup::RecoveryPoint", "ARN": f"arn:aws:ec2:{REGION}::snapshot/snap-0a1b"},
        {
            "resourceType": "AWS::EC2::RegisteredHAInstance",
            "ARN": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{INSTANCE}",
        },
        {"resourceType": "Acme::Own::Type", "ARN": None, "resourceId": "arn:aws:iam::777788889999:role/Admin"},
        {"resourceType": "AWS::IAM::Role", "ARN": "arn:aws:iam::777788889999:role/Admin", "resourceId": "AROAEXAMPLE"},
        {"resourceType": "AWS::EC2::Instance", "ARN": f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/{INSTANCE}"},
    ],
    ids=lambda changes: changes["resourceType"],
)
def test_an_item_is_about_a_resource_of_its_own_type_account_and_region(changes: dict[str, Any]) -> None:
    """Types without a row may go by another resource's ARN, and whoever may record custom types by anybody's."""
    found = read_deletions(item(resourceName=None, **changes))

    gone = () if isinstance(found, str) else tuple(each for d in found for each in (d.resource, *d.also))
    for resource in gone:
        assert resource.account == ACCOUNT
        if find_type(resource.type) is not None:  # then findings know it by that
            assert (resource.type, resource.id) in {
                (changes["resourceType"], "acme-invoices"),
                (changes["resourceType"], "AROAEXAMPLE"),
            }


def test_an_item_of_a_global_resource_has_its_events_partition() -> None:
    event = item_event(
        resourceType="AWS::IAM::Role", resourceId="AROAEXAMPLE", resourceName="report", ARN=None, awsRegion="global"
    )
    found = read_deletions(read_event(event | {"region": "us-gov-west-1"}))

    assert str(found[0].resource) == f"aws-us-gov/{ACCOUNT}/global/AWS::IAM::Role/report"  # type: ignore[union-attr]


def test_a_partial_arn_of_a_function_may_be_anothers() -> None:
    request = {"functionName": "777788889999:function:pay"}

    assert isinstance(read_deletions(called("lambda.amazonaws.com", "DeleteFunction", requestParameters=request)), str)


@pytest.mark.parametrize("status", ["OK", "ResourceDiscovered", "ResourceNotRecorded", "resourcedeleted"])
def test_an_item_of_any_other_status_proves_nothing(status: str) -> None:
    assert "the resource exists" in _reason(read_deletions(item(configurationItemStatus=status)))


def test_the_summary_of_an_item_too_large_for_its_event_is_read_as_the_item() -> None:
    event = item_event()
    event["detail"]["configurationItemSummary"] = event["detail"].pop("configurationItem")

    assert _texts(read_deletions(read_event(event))) == [f"aws/{ACCOUNT}/{REGION}/AWS::S3::Bucket/acme-invoices"]


def test_an_iam_identity_is_known_by_name_and_by_unique_id() -> None:
    (deletion,) = read_deletions(
        item(
            resourceType="AWS::IAM::User",
            resourceId="AIDAEXAMPLEEXAMPLE",
            resourceName="ada",
            ARN=f"arn:aws:iam::{ACCOUNT}:user/ops/ada",
            awsRegion="global",
        )
    )

    assert deletion.resource == Resource("aws", ACCOUNT, "global", "AWS::IAM::User", "ada")
    assert deletion.also == (Resource("aws", ACCOUNT, "global", "AWS::IAM::User", "AIDAEXAMPLEEXAMPLE"),)
    assert deletion.arn == f"arn:aws:iam::{ACCOUNT}:user/ops/ada"


def test_an_item_without_account_and_region_takes_the_events() -> None:
    found = read_deletions(item(awsAccountId=None, awsRegion=None, configurationItemCaptureTime=None))

    assert _texts(found) == [f"aws/{ACCOUNT}/{REGION}/AWS::S3::Bucket/acme-invoices"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"resourceId": None}, "detail.configurationItem.resourceId: is None, not string"),
        ({"resourceType": ""}, "detail.configurationItem.resourceType: is '', not of at least 1 characters"),
        ({"configurationItemStatus": 7}, "detail.configurationItem.configurationItemStatus: is 7, not string"),
        ({"ARN": ["x"]}, "detail.configurationItem.ARN: is a list, not string or null"),
        (
            {"configurationItemCaptureTime": "soon"},
            "detail.configurationItem.configurationItemCaptureTime: 'soon' is not a time in ISO 8601",
        ),
    ],
)
def test_an_item_that_cannot_be_read_is_rejected(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected) as rejection:
        read_deletions(item(**changes))
    assert str(rejection.value) == reason


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": "acme.s3"}, "source"),
        ({"detail-type": "GuardDuty Finding"}, "detail-type"),
        ({"detail": {}}, "detail.eventName"),
        (
            {"detail": {"eventName": "DeleteBucket", "eventSource": "s3.amazonaws.com", "userIdentity": None}},
            "detail.userIdentity",
        ),
    ],
)
def test_what_can_never_be_evidence_is_rejected(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as rejection:
        read_deletions(read_event({**call_event("s3.amazonaws.com", "DeleteBucket"), **change}))
    assert rejection.value.field == field


def test_an_event_without_an_item_is_rejected() -> None:
    with pytest.raises(Rejected, match=r"detail\.configurationItem: is missing"):
        read_deletions(read_event({**item_event(), "detail": {"configurationItem": None}}))


def test_an_event_without_an_account_is_rejected() -> None:
    event = call_event("s3.amazonaws.com", "DeleteBucket", requestParameters={"bucketName": "acme"})
    del event["account"]

    with pytest.raises(Rejected, match="account: is missing"):
        read_deletions(read_event(event))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from([INSTANCE, "arn:aws:s3:::x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["items", "instanceId", "currentState", "name", "instancesSet", "arn", "ARN", "accountId"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
DETAIL_MEMBERS = ["requestParameters", "responseElements", "userIdentity", "resources", "awsRegion", "errorCode"]


@given(
    call=st.sampled_from(sorted(EXAMPLES)),
    member=st.sampled_from(DETAIL_MEMBERS),
    parameter=st.integers(0, 5),
    value=JSON,
)
def test_no_record_breaks_the_reader(call: tuple[str, str], member: str, parameter: int, value: Any) -> None:
    example = EXAMPLES[call]
    changed: Any = value
    if member == "requestParameters" and parameter < len(example.request):
        changed = {**example.request, list(example.request)[parameter]: value}
    elif member == "responseElements" and example.response:
        changed = {**example.response, next(iter(example.response)): value}
    try:
        found = read_deletions(_record(call, example, **{member: changed}))
    except Rejected:
        return
    assert isinstance(found, str) or all(deletion.resource.id for deletion in found)


@given(
    member=st.sampled_from(["resourceType", "resourceId", "resourceName", "ARN", "awsAccountId", "awsRegion", "tags"]),
    value=JSON,
)
def test_no_item_breaks_the_reader(member: str, value: Any) -> None:
    try:
        found = read_deletions(item(**{member: value}))
    except Rejected:
        return
    assert isinstance(found, str) or all(deletion.resource.id for deletion in found)

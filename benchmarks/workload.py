"""What the benchmarks send: an organization, findings of its accounts, deletions of their resources."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.clock import format_time

REPOSITORY = Path(__file__).resolve().parent.parent
HUB = "111122223333/eu-west-1"
REGION = "eu-west-1"

ACCOUNTS = tuple(f"{number:012d}" for number in range(200_000_000_001, 200_000_000_021))
"""Twenty; the first has three times as many findings as the last."""

NOTED_EVERY = 100
"""One finding in so many has an analyst's Note."""

BETWEEN_FINDINGS = timedelta(milliseconds=10)

DETAILS = 2_300
"""Characters that a finding says of its resource, so that a queue's record is 6 KB: the size of Security Hub's own."""

Event = dict[str, Any]
Finding = dict[str, Any]


def organization() -> dict[str, Any]:
    """As `--organization` takes it: four OUs, tags and a security contact for every account."""
    return {
        "accounts": [
            {
                "id": account,
                "name": f"Team {number:02} {stage}",
                "ou_path": ["Root", "Workloads", stage],
                "tags": {"Environment": stage.upper(), "Owner": f"team-{number:02}", "CostCenter": f"{4000 + number}"},
                "security_contact": {
                    "name": f"Security of team {number:02}",
                    "email": f"security-{number:02}@example.com",
                    "phone": "+1-555-0100",
                    "title": "Security",
                },
            }
            for number, account in enumerate(ACCOUNTS)
            for stage in (("Prod", "Test", "Dev")[number % 3],)
        ]
    }


def _account_of(number: int) -> str:
    """Accounts in turn, the earlier ones more often."""
    turns = [
        account for place, account in enumerate(ACCOUNTS) for _ in range(3 if place < 5 else 2 if place < 10 else 1)
    ]
    return turns[number % len(turns)]


def imported_findings(size: int, *, first: int = 0) -> list[Event]:
    """Events of new findings, one each, as a standard that is switched on in the organization raises them."""
    template = _sample("finding-control-failed")
    return [_imported_finding(template, number) for number in range(first, first + size)]


def _imported_finding(template: Event, number: int) -> Event:
    event = deepcopy(template)
    account = _account_of(number)
    event["id"] = f"e5f1{number:04d}-0000-4000-8000-000000000000"
    (finding,) = event["detail"]["findings"]
    control = f"S3.{number % 20 + 1}"
    finding |= {
        "UpdatedAt": format_time(datetime.fromisoformat(finding["UpdatedAt"]) + number * BETWEEN_FINDINGS),
        "Id": f"arn:aws:securityhub:{REGION}:{account}:security-control/{control}/finding/{number}",
        "AwsAccountId": account,
        "GeneratorId": f"security-control/{control}",
    }
    finding["Resources"][0] |= {
        "Id": f"arn:aws:s3:::bucket-{number:06}",
        "Details": {"Other": {"Configuration": "x" * DETAILS}},
    }
    if number % NOTED_EVERY == 0:
        finding["Note"] = {"Text": f"See SEC-{number}.", "UpdatedBy": "kim", "UpdatedAt": "2026-03-02T14:00:00.000Z"}
    return event


def findings_of(events: Iterable[Event]) -> list[Finding]:
    """What Security Hub holds when these events come: the findings in them."""
    return [finding for event in events for finding in event["detail"]["findings"]]


Ids = tuple[str, Mapping[str, Any], Any, str, Sequence[str]]
"""Of a deletion: the call, its request and response, the type that findings give the resource, and ids in findings."""


def _instance(account: str, number: int) -> Ids:
    id_ = f"i-{number:017x}"
    gone = {"instanceId": id_, "currentState": {"code": 32, "name": "shutting-down"}}
    request, response = {"instancesSet": {"items": [{"instanceId": id_}]}}, {"instancesSet": {"items": [gone]}}
    arn = f"arn:aws:ec2:{REGION}:{account}:instance/{id_}"
    return "ec2 TerminateInstances", request, response, "AwsEc2Instance", (arn, id_, arn, arn)


def _security_group(account: str, number: int) -> Ids:
    id_ = f"sg-{number:017x}"
    arn = f"arn:aws:ec2:{REGION}:{account}:security-group/{id_}"
    return "ec2 DeleteSecurityGroup", {"groupId": id_}, {"_return": True}, "AwsEc2SecurityGroup", (arn,)


def _volume(account: str, number: int) -> Ids:
    id_ = f"vol-{number:017x}"
    arn = f"arn:aws:ec2:{REGION}:{account}:volume/{id_}"
    return "ec2 DeleteVolume", {"volumeId": id_}, {"_return": True}, "AwsEc2Volume", (arn,)


def _bucket(account: str, number: int) -> Ids:
    name = f"bucket-{number:06}"
    return "s3 DeleteBucket", {"bucketName": name}, None, "AwsS3Bucket", (f"arn:aws:s3:::{name}",) * 3


def _role(account: str, number: int) -> Ids:
    name = f"role-{number:06}"
    return "iam DeleteRole", {"roleName": name}, None, "AwsIamRole", (f"arn:aws:iam::{account}:role/{name}",)


KINDS: Sequence[Callable[[str, int], Ids]] = (
    *(_instance,) * 4,
    *(_security_group,) * 2,
    *(_volume,) * 2,
    _bucket,
    _role,
)
"""Of ten deletions: four instances, two security groups, two volumes, a bucket, a role."""


def deletions(size: int) -> tuple[list[Event], list[Finding]]:
    """Events of calls that delete a resource each, and the open findings of these resources: 2.4 each on average."""
    events: list[Event] = []
    findings: list[Finding] = []
    call = _sample("deleted-instances-2-call")
    template = _sample("finding-control-failed")["detail"]["findings"][0]
    for number in range(size):
        account = _account_of(number)
        event, found = _deletion(call, template, account, number)
        events.append(event)
        findings += found
    return events, findings


def _deletion(call: Event, template: Finding, account: str, number: int) -> tuple[Event, Iterator[Finding]]:
    name, request, response, kind, ids = KINDS[number % len(KINDS)](account, number)
    service, _, operation = name.partition(" ")
    region = "us-east-1" if service == "iam" else REGION
    event = deepcopy(call)
    event |= {
        "id": f"de1e{number:04d}-0000-4000-8000-000000000000",
        "account": account,
        "region": region,
        "source": f"aws.{service}",
    }
    event["detail"] |= {
        "eventID": f"de1e{number:04d}-1111-4000-8000-000000000000",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": operation,
        "awsRegion": region,
        "recipientAccountId": account,
        "requestParameters": request,
        "responseElements": response,
    }
    event["detail"]["userIdentity"] |= {"accountId": account}
    times = dict.fromkeys(("FirstObservedAt", "LastObservedAt", "CreatedAt", "UpdatedAt"), "2026-03-01T00:00:00.000Z")
    found = (
        deepcopy(template)
        | times
        | {
            "Id": f"arn:aws:securityhub:{REGION}:{account}:finding/{number}/{place}",
            "AwsAccountId": account,
            "Resources": [{"Type": kind, "Id": id_, "Partition": "aws", "Region": REGION}],
        }
        for place, id_ in enumerate(ids)
    )
    return event, found


def threats(size: int, *, first: int = 0, instance: str = "") -> list[Event]:
    """Events of findings that a leg of a shipped rule matches: another critical CVE each, on one instance."""
    template = _sample("threats/backdoor-with-critical-cves/1-critical-vulnerability")
    return [_threat(template, number, instance) for number in range(first, first + size)]


def _threat(template: Event, number: int, instance: str) -> Event:
    event = deepcopy(template)
    event["id"] = f"c0de5ec0-0000-4000-8000-{number:012}"
    (finding,) = event["detail"]["findings"]
    finding["Id"] += f"-{number}"
    finding["Vulnerabilities"][0]["Id"] = f"CVE-2026-{20000 + number}"
    if instance:
        (resource,) = finding["Resources"]
        resource["Id"] = instance
    return event


def root_calls(size: int, *, first: int = 0) -> list[Event]:
    """Events of calls that root makes, in an account each: each opens an incident."""
    template = _sample("root-api-call")
    events = []
    for number in range(first, first + size):
        event = deepcopy(template)
        account = f"{300_000_000_000 + number}"
        event |= {"id": f"e0e80b16-0000-4000-8000-{number:012}", "account": account}
        event["detail"] |= {"eventID": f"c1e80b16-0000-4000-8000-{number:012}", "recipientAccountId": account}
        event["detail"]["userIdentity"] |= {"accountId": account, "arn": f"arn:aws:iam::{account}:root"}
        events.append(event)
    return events


def heartbeats(size: int) -> list[Event]:
    """Events of members that say that they are there."""
    template = _sample("heartbeat")
    return [
        template | {"id": f"7c1d5e30-0000-4000-8000-{number:012}", "account": ACCOUNTS[number % len(ACCOUNTS)]}
        for number in range(size)
    ]


def queue_batch(events: Sequence[Event]) -> dict[str, Any]:
    """A batch as Lambda's poller of a queue hands it to a function."""
    return {"Records": [queue_record(json.dumps(event), number) for number, event in enumerate(events)]}


def queue_record(body: str, number: int) -> dict[str, Any]:
    """A message in it; attributes and receipt as long as SQS's own."""
    return {
        "messageId": f"{number:08}-0000-4000-8000-000000000000",
        "receiptHandle": "A" * 412,
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1772460151000",
            "SenderId": "AIDAEXAMPLEEXAMPLE",
            "ApproximateFirstReceiveTimestamp": "1772460152000",
        },
        "messageAttributes": {},
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:queue",
        "awsRegion": REGION,
    }


def _sample(name: str) -> Event:
    event: Event = json.loads((REPOSITORY / "events" / f"{name}.json").read_text("utf-8"))
    return event

"""Small worlds: templates and handlers that a test writes for itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox.repeats import Repeats
from sandbox.stacks import Templates
from sandbox.world import Sandbox

HUB = "111122223333/eu-west-1"
MEMBER = "444455556666"

MEMBER_TEMPLATE = """
Parameters:
  BusArn: {Type: String}
Resources:
  Forward:
    Type: AWS::Events::Rule
    Properties:
      State: ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS
      EventPattern: {source: [{prefix: test.}, aws.securityhub, aws.signin]}
      Targets:
        - {Id: Bus, Arn: !Ref BusArn, RoleArn: !GetAtt Role.Arn, DeadLetterConfig: {Arn: !GetAtt Undelivered.Arn}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {}
  Undelivered:
    Type: AWS::SQS::Queue
"""

HUB_TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Window: {Type: Number, Default: 0}
  Batch: {Type: Number, Default: 10}
Resources:
  Bus:
    Type: AWS::Events::EventBus
    Properties: {Name: security}
  Everything:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [test.app, aws.securityhub]}
      Targets: [{Id: Queue, Arn: !GetAtt Queue.Arn}]
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadLetters.Arn, maxReceiveCount: 3}
  DeadLetters:
    Type: AWS::SQS::Queue
  Topic:
    Type: AWS::SNS::Topic
  Handler:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/act
      Handler: app.lambda_handler
      Runtime: python3.13
      Timeout: 10
      MemorySize: 256
      Environment:
        Variables:
          DEAD_LETTER_QUEUE_URL: !Ref DeadLetters
          TOPIC_ARN: !Ref Topic
          BATCH: !Ref Batch
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Queue.Arn
            BatchSize: !Ref Batch
            MaximumBatchingWindowInSeconds: !Ref Window
            FunctionResponseTypes: [ReportBatchItemFailures]
Outputs:
  BusArn: {Value: !GetAtt Bus.Arn}
"""

SUCCEED = """
def lambda_handler(event, context):
    return None
"""

BuildWorld = Callable[..., Sandbox]


def open_world(
    folder: Path,
    handler: str = SUCCEED,
    *,
    hub: str = HUB_TEMPLATE,
    member: str = MEMBER_TEMPLATE,
    functions: dict[str, str] | None = None,
    repeats: Repeats | None = None,
    **parameters: str,
) -> Sandbox:
    """A sandbox over a hub with one queue and one handler; whoever enters it opens it."""
    for name, code in ({"act": handler} | (functions or {})).items():
        code_folder = folder / "functions" / name
        code_folder.mkdir(parents=True, exist_ok=True)
        (code_folder / "app.py").write_text(code)
    templates = Templates(hub=folder / "template.yaml", member=folder / "member.yaml", organization=None)
    templates.hub.write_text(hub)
    templates.member.write_text(member)
    return Sandbox(HUB, templates=templates, parameters={"hub": parameters}, repeats=repeats)


@pytest.fixture
def build_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BuildWorld]:
    """Opens worlds for one test. It asks for monkeypatch to be closed before that, which has the last word."""
    with ExitStack() as worlds:

        def build(handler: str = SUCCEED, **options: Any) -> Sandbox:
            return worlds.enter_context(open_world(tmp_path, handler, **options))

        yield build


def event(event_id: str = "e-1", /, **changes: Any) -> dict[str, Any]:
    """An event that the small world's rules want."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Test",
        "source": "test.app",
        "account": MEMBER,
        "time": "2026-03-01T10:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {},
    } | changes


SCHEDULE = """
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
  Nightly:
    Type: AWS::Scheduler::Schedule
    Condition: Wanted
    Properties:
      State: DISABLED
      ScheduleExpression: !Ref When
      FlexibleTimeWindow: {Mode: "OFF"}
      Target:
        Arn: !GetAtt Queue.Arn
        RoleArn: !GetAtt Role.Arn
        Input: !Sub >-
          {"id": "<aws.scheduler.execution-id>", "time": "<aws.scheduler.scheduled-time>",
          "attempt": <aws.scheduler.attempt-number>, "schedule": "<aws.scheduler.schedule-arn>",
          "account": "${AWS::AccountId}"}
        RetryPolicy: {MaximumRetryAttempts: 3}
        DeadLetterConfig: {Arn: !GetAtt DeadLetters.Arn}
"""

SCHEDULED = HUB_TEMPLATE.replace(
    "Resources:",
    """  When: {Type: String, Default: rate(1 day)}
  Nightlies: {Type: String, Default: "yes"}
Conditions:
  Wanted: !Equals [!Ref Nightlies, "yes"]
Resources:""",
    1,
).replace("\nOutputs:", f"{SCHEDULE}Outputs:")

PRODUCT = "arn:aws:securityhub:eu-west-1::product/aws/guardduty"


def finding(finding_id: str = "known", **members: Any) -> dict[str, Any]:
    return {
        "Id": finding_id,
        "ProductArn": PRODUCT,
        "AwsAccountId": MEMBER,
        "Title": "Known",
        "UpdatedAt": "2026-03-01T09:00:00Z",
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
    } | members


def instance(number: int = 1, *, captured: str = "2026-03-01T09:00:00Z", **members: Any) -> dict[str, Any]:
    """A recorded configuration item."""
    return {
        "awsAccountId": MEMBER,
        "awsRegion": "eu-west-1",
        "resourceType": "AWS::EC2::Instance",
        "resourceId": f"i-{number}",
        "configurationItemCaptureTime": captured,
        "configurationItemStatus": "OK",
        "configuration": {"size": "small"},
    } | members

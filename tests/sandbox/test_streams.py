"""Tables' streams: what is recorded, how Lambda polls it, what is tried again and what is given up, and whose it is."""

import json
import textwrap
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from moto.dynamodb.models import dynamodb_backends

from sandbox import ledger
from sandbox.calls import AwsCall, ContainerKilled
from sandbox.faults import Fault
from sandbox.moto_gaps import DeploymentError
from sandbox.repeats import Repeats
from sandbox.world import Sandbox

from .conftest import HUB_TEMPLATE, BuildWorld, event, finding, open_world

TABLE = """
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  Undone:
    Type: AWS::SQS::Queue
  React:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/react
      Handler: app.lambda_handler
      Runtime: python3.13
      Timeout: 10
      Environment: {Variables: {TABLE: !Ref Table, QUEUE_URL: !Ref Queue, TOPIC_ARN: !Ref Topic}}
      Events:
        Rows:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Table.StreamArn
            StartingPosition: TRIM_HORIZON
"""

REPORTING: dict[str, Any] = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
TO_QUEUE: dict[str, Any] = {
    "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Undone", "Arn"]}, "Type": "SQS"}}
}
TO_TOPIC: dict[str, Any] = {"DestinationConfig": {"OnFailure": {"Destination": {"Ref": "Topic"}}}}


def hub(table: str = TABLE, **mapping: Any) -> str:
    """The small world's hub with a table, and a function that reads its stream by a mapping with these properties."""
    properties = "".join(f"            {name}: {json.dumps(value)}\n" for name, value in mapping.items())
    variables = HUB_TEMPLATE.replace("BATCH: !Ref Batch", "BATCH: !Ref Batch\n          TABLE: !Ref Table")
    return variables.replace("\nOutputs:", f"{table}{properties}Outputs:")


# Puts for each event the rows that its detail names, each with what shall be done with it.
WRITING = textwrap.dedent(
    """
    import json, os
    import boto3
    def lambda_handler(batch, context):
        table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
        for record in batch["Records"]:
            event = json.loads(record["body"])
            for name, does in event["detail"].get("rows", {}).items():
                table.put_item(Item={"id": name, "do": does, "event": event["id"]})
            print(json.dumps({"event_id": event["id"], "outcome": "collected"}))
    """
)

# Does with each row what it says, and logs the batches that it sees.
REACTING = textwrap.dedent(
    """
    import json
    tried = {}
    def lambda_handler(batch, context):
        ids = [record["dynamodb"]["Keys"]["id"]["S"] for record in batch["Records"]]
        print(json.dumps({"batch": ids}))
        failed = []
        for record in batch["Records"]:
            row = record["dynamodb"].get("NewImage", {})
            name = record["dynamodb"]["Keys"]["id"]["S"]
            tried[name] = tried.get(name, 0) + 1
            match row.get("do", {}).get("S"):
                case "fail":
                    failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
                case "fail twice" if tried[name] <= 2:
                    failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
                case "raise":
                    raise ValueError(f"no {name}")
                case "raise twice" if tried[name] <= 2:
                    raise ValueError(f"not yet {name}")
                case "hang":
                    import time
                    time.sleep(1000)
                case "exit":
                    raise SystemExit(1)
        return {"batchItemFailures": failed}
    """
)


@pytest.fixture
def build(build_world: BuildWorld) -> Callable[..., Sandbox]:
    """Opens a world with a table whose stream `react` reads, by a mapping with the properties given."""

    def build_with_stream(
        react: str = REACTING, act: str = WRITING, template: str | None = None, batch: str = "10", **mapping: Any
    ) -> Sandbox:
        return build_world(act, hub=template or hub(**mapping), functions={"react": react}, Batch=batch)

    return build_with_stream


def rows(event_id: str = "e-1", /, time: str = "2026-03-01T10:00:00Z", **does: str) -> dict[str, Any]:
    """An event that puts rows into the table."""
    return event(event_id, time=time, detail={"rows": does})


def batches(sandbox: Sandbox, function: str = "react") -> list[list[str]]:
    """The keys of each invocation that came as far as to log them."""
    invocations = sandbox.function(function).invocations
    return [record["batch"] for invocation in invocations for record in invocation.log_records if "batch" in record]


def starts(sandbox: Sandbox) -> list[datetime]:
    return [invocation.started for invocation in sandbox.function("react").invocations]


def waits(sandbox: Sandbox) -> list[float]:
    """Seconds between the invocations, to the whole second."""
    moments = starts(sandbox)
    return [round((later - earlier).total_seconds()) for earlier, later in pairwise(moments)]


def put(sandbox: Sandbox, names: Iterable[str], **attributes: str) -> None:
    """Put rows that go back to no event."""
    for name in names:
        sandbox.client("dynamodb").put_item(
            TableName=table_name(sandbox), Item={k: {"S": v} for k, v in {"id": name, **attributes}.items()}
        )


def table_name(sandbox: Sandbox) -> str:
    (name,) = sandbox.client("dynamodb").list_tables()["TableNames"]
    return str(name)


def shard(sandbox: Sandbox) -> Any:
    return dynamodb_backends[sandbox.hub.account][sandbox.hub.region].tables[table_name(sandbox)].stream_shard


def letters(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(letter["queue"], letter["reason"]) for letter in sandbox.report()["dead_letters"]]


class TestWhatIsRecorded:
    """moto's streams, mended where they differ from DynamoDB's."""

    @pytest.fixture
    def sandbox(self, build: Callable[..., Sandbox]) -> Sandbox:
        return build()

    def changes(self, sandbox: Sandbox) -> list[tuple[str, str]]:
        records = [item.to_json() for item in shard(sandbox).items]
        assert [int(record["dynamodb"]["SequenceNumber"]) for record in records] == [
            shard(sandbox).starting_sequence_number + number for number in range(len(records))
        ]
        return [(record["eventName"], record["dynamodb"]["Keys"]["id"]["S"]) for record in records]

    def test_puts_updates_and_deletes(self, sandbox: Sandbox) -> None:
        table = {"TableName": table_name(sandbox)}
        dynamodb = sandbox.client("dynamodb")
        key = {"Key": {"id": {"S": "b"}}}
        update = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}
        put(sandbox, "a")
        put(sandbox, "a", x="y")
        dynamodb.update_item(**table, **key, **update)
        dynamodb.update_item(**table, **key, UpdateExpression="ADD n :n", ExpressionAttributeValues={":n": {"N": "1"}})
        dynamodb.delete_item(**table, **key)
        dynamodb.delete_item(**table, **key)
        expected = [("INSERT", "a"), ("MODIFY", "a"), ("INSERT", "b"), ("MODIFY", "b"), ("REMOVE", "b")]
        assert self.changes(sandbox) == expected
        inserted, changed = (item.to_json()["dynamodb"] for item in shard(sandbox).items[2:4])
        assert inserted["NewImage"] == {"id": {"S": "b"}, "n": {"N": "1"}}  # not with its key only, as moto has it
        assert (changed["OldImage"]["n"], changed["NewImage"]["n"]) == ({"N": "1"}, {"N": "2"})

    def test_what_changes_nothing_is_not_recorded(self, sandbox: Sandbox) -> None:
        table = {"TableName": table_name(sandbox)}
        dynamodb = sandbox.client("dynamodb")
        for order in (["1", "2"], ["2", "1"]):
            dynamodb.put_item(**table, Item={"id": {"S": "a"}, "set": {"SS": order}})
        dynamodb.update_item(
            **table,
            Key={"id": {"S": "a"}},
            UpdateExpression="ADD #set :one",
            ExpressionAttributeNames={"#set": "set"},
            ExpressionAttributeValues={":one": {"SS": ["1"]}},
        )
        assert self.changes(sandbox) == [("INSERT", "a")]

    def test_batches(self, sandbox: Sandbox) -> None:
        name = table_name(sandbox)
        put(sandbox, "a")
        requests: list[Any] = [{"PutRequest": {"Item": {"id": {"S": id_}}}} for id_ in "bc"]
        requests.append({"DeleteRequest": {"Key": {"id": {"S": "a"}}}})
        sandbox.client("dynamodb").batch_write_item(RequestItems={name: requests})
        assert self.changes(sandbox) == [("INSERT", "a"), ("INSERT", "b"), ("INSERT", "c"), ("REMOVE", "a")]

    def test_transactions_and_those_that_fail(self, sandbox: Sandbox) -> None:
        table = {"TableName": table_name(sandbox)}
        dynamodb = sandbox.client("dynamodb")
        put(sandbox, "a")
        update: Any = {
            **table,
            "Key": {"id": {"S": "c"}},
            "UpdateExpression": "SET n = :n",
            "ExpressionAttributeValues": {":n": {"N": "1"}},
        }
        writes: list[Any] = [{"Put": {**table, "Item": {"id": {"S": "b"}}}}, {"Update": update}]
        refused = [
            *writes,
            {"Delete": {**table, "Key": {"id": {"S": "a"}}, "ConditionExpression": "attribute_exists(x)"}},
        ]
        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            dynamodb.transact_write_items(TransactItems=refused)
        assert self.changes(sandbox) == [("INSERT", "a")]
        for _ in range(2):
            dynamodb.transact_write_items(TransactItems=writes, ClientRequestToken="once")
        assert self.changes(sandbox) == [("INSERT", "a"), ("INSERT", "b"), ("INSERT", "c")]

    def test_an_update_that_is_refused_records_nothing(self, sandbox: Sandbox) -> None:
        dynamodb = sandbox.client("dynamodb")
        with pytest.raises(dynamodb.exceptions.ClientError):
            dynamodb.update_item(
                TableName=table_name(sandbox),
                Key={"id": {"S": "a"}},
                UpdateExpression="SET n = m",
            )
        put(sandbox, "b")
        assert self.changes(sandbox) == [("INSERT", "b")]

    @pytest.mark.parametrize(
        ("view_type", "images"),
        [
            ("KEYS_ONLY", set()),
            ("NEW_IMAGE", {"NewImage"}),
            ("OLD_IMAGE", {"OldImage"}),
            ("NEW_AND_OLD_IMAGES", {"NewImage", "OldImage"}),
        ],
    )
    def test_what_a_function_gets(self, build: Callable[..., Sandbox], view_type: str, images: set[str]) -> None:
        template = hub(TABLE.replace("StreamViewType: NEW_AND_OLD_IMAGES", f"StreamViewType: {view_type}"))
        sandbox = build(
            "def lambda_handler(event, context):\n    print(__import__('json').dumps(event))", template=template
        )
        sandbox.deliver([rows(a="x"), rows("e-2", a="y")])
        record = sandbox.function("react").invocations[0].log_records[0]["Records"][-1]
        written = {name for name in record["dynamodb"] if name.endswith("Image")}
        assert written == images
        assert record["dynamodb"]["Keys"] == {"id": {"S": "a"}}
        assert record["dynamodb"]["StreamViewType"] == view_type
        assert record["dynamodb"]["ApproximateCreationDateTime"] == 1772359200
        assert (record["eventName"], record["eventSource"]) == ("MODIFY", "aws:dynamodb")
        assert record["awsRegion"] == "eu-west-1"
        arn = f"arn:aws:dynamodb:eu-west-1:111122223333:table/{table_name(sandbox)}/stream/"
        assert record["eventSourceARN"].startswith(arn)
        assert record.keys() == {
            *("awsRegion", "dynamodb", "eventID", "eventName", "eventSource", "eventSourceARN", "eventVersion")
        }

    def test_binary_values_are_text(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build("def lambda_handler(event, context):\n    print(__import__('json').dumps(event))")
        item = {"id": {"S": "a"}, "b": {"B": b"\x00\xff"}, "set": {"BS": [b"x"]}, "m": {"M": {"b": {"B": b"y"}}}}
        sandbox.client("dynamodb").put_item(TableName=table_name(sandbox), Item=item)
        sandbox.settle()
        (record,) = sandbox.function("react").invocations[0].log_records[0]["Records"]
        image = record["dynamodb"]["NewImage"]
        assert (image["b"], image["set"], image["m"]) == ({"B": "AP8="}, {"BS": ["eA=="]}, {"M": {"b": {"B": "eQ=="}}})


class TestBatches:
    def test_records_of_a_moment_share_a_batch_at_the_next_poll(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build()
        sandbox.deliver([rows("1", a="", b=""), rows("2", time="2026-03-01T10:05:00Z", c="")])
        assert batches(sandbox) == [["a", "b"], ["c"]]
        acted = sandbox.function("act").invocations[0].started
        assert timedelta(seconds=0.25) <= starts(sandbox)[0] - acted < timedelta(seconds=0.5)

    def test_a_window_gathers(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumBatchingWindowInSeconds=60)
        sandbox.deliver(
            rows(str(n), time=f"2026-03-01T10:{n * 25 // 60:02}:{n * 25 % 60:02}Z", **{f"r{n}": ""}) for n in range(5)
        )
        assert batches(sandbox) == [["r0", "r1", "r2"], ["r3", "r4"]]

    def test_a_full_batch_goes_at_once(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumBatchingWindowInSeconds=300, BatchSize=2)
        sandbox.deliver([rows(a="", b="", c="")])
        assert batches(sandbox) == [["a", "b"], ["c"]]
        first, second = starts(sandbox)
        assert (second - first).total_seconds() == pytest.approx(300, abs=1)

    def test_a_hundred_unless_it_says_so(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build()
        put(sandbox, map(str, range(150)))
        sandbox.settle()
        assert [len(batch) for batch in batches(sandbox)] == [100, 50]

    def test_an_invocation_carries_six_megabytes(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumBatchingWindowInSeconds=300)
        put(sandbox, map(str, range(20)), text="x" * 390_000)
        sandbox.settle()
        assert [len(batch) for batch in batches(sandbox)] == [16, 4]
        assert starts(sandbox)[0].replace(second=0, microsecond=0) == starts(sandbox)[0].replace(microsecond=0)

    def test_parameters_give_texts(self, build: Callable[..., Sandbox]) -> None:
        template = hub(BatchSize={"Ref": "Size"}, BisectBatchOnFunctionError={"Ref": "Bisect"}, MaximumRetryAttempts=0)
        texts = '\n  Size: {Type: String, Default: "2"}\n  Bisect: {Type: String, Default: "true"}\nResources:'
        sandbox = build(template=template.replace("\nResources:", texts, 1))
        put(sandbox, "ab", do="raise")
        sandbox.settle()
        assert batches(sandbox) == [["a", "b"], ["a"], ["b"]]

    @pytest.mark.parametrize("position", ["TRIM_HORIZON", "LATEST"])
    def test_both_positions_begin_with_the_stack(self, build: Callable[..., Sandbox], position: str) -> None:
        sandbox = build(template=hub().replace("StartingPosition: TRIM_HORIZON", f"StartingPosition: {position}"))
        sandbox.deliver([rows(a="")])
        assert batches(sandbox) == [["a"]]

    def test_a_disabled_mapping_reads_nothing(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(Enabled=False)
        (entry,) = sandbox.deliver([rows(a="")])
        assert (entry.status, list(entry.functions)) == ("handled", ["act"])

    def test_two_functions_of_a_stream_read_it_each(self, build_world: BuildWorld) -> None:
        second = TABLE + (
            "  Other:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: functions/other\n"
            "      Handler: app.lambda_handler\n      Runtime: python3.13\n      Events:\n        Rows:\n"
            "          Type: DynamoDB\n          Properties:\n            Stream: !GetAtt Table.StreamArn\n"
            "            StartingPosition: LATEST\n"
        )
        functions = {"react": REACTING, "other": REACTING}
        sandbox = build_world(WRITING, hub=hub(second, MaximumRetryAttempts=0), functions=functions)
        (entry,) = sandbox.deliver([rows(a="raise")])
        assert (batches(sandbox)[0], batches(sandbox, "other")) == (["a"], [["a"]])
        assert list(entry.functions) == ["act", "react", "other"]
        assert entry.status == "failed"


class TestFilters:
    def test_what_no_filter_wants_is_done_with(self, build: Callable[..., Sandbox]) -> None:
        pattern = json.dumps({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"do": {"S": [{"prefix": "w"}]}}}})
        sandbox = build(FilterCriteria={"Filters": [{"Pattern": pattern}]})
        wanted, unwanted = sandbox.deliver([rows("1", a="wanted"), rows("2", a="wanted too", b="not")])
        assert batches(sandbox) == [["a"]]
        assert (wanted.status, list(wanted.functions)) == ("handled", ["act", "react"])
        assert (unwanted.status, list(unwanted.functions)) == ("handled", ["act"])

    def test_one_of_several_is_enough(self, build: Callable[..., Sandbox]) -> None:
        filters = [{"Pattern": json.dumps({"dynamodb": {"Keys": {"id": {"S": [name]}}}})} for name in "ac"]
        sandbox = build(FilterCriteria={"Filters": filters})
        put(sandbox, "abc")
        sandbox.settle()
        assert batches(sandbox) == [["a", "c"]]

    @pytest.mark.parametrize(
        "pattern",
        [
            {"eventName": ["INSERT", "MODIFY"]},
            {"eventName": [{"anything-but": "REMOVE"}]},
            {"userIdentity": {"principalId": [{"exists": False}]}},
        ],
    )
    def test_what_time_to_live_removed_can_be_filtered_out(
        self, build: Callable[..., Sandbox], pattern: dict[str, Any]
    ) -> None:
        sandbox = build(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
        put(sandbox, "a")
        expire(sandbox, "a")
        sandbox.settle()
        assert batches(sandbox) == [["a"]]
        assert [item.to_json()["eventName"] for item in shard(sandbox).items] == ["INSERT", "REMOVE"]

    def test_or_chosen(self, build: Callable[..., Sandbox]) -> None:
        pattern = {"userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}}
        handler = "def lambda_handler(event, context):\n    print(__import__('json').dumps(event))"
        sandbox = build(handler, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
        put(sandbox, "ab")
        expire(sandbox, "a")
        sandbox.client("dynamodb").delete_item(TableName=table_name(sandbox), Key={"id": {"S": "b"}})
        sandbox.settle()
        (record,) = sandbox.function("react").invocations[0].log_records[0]["Records"]
        assert record["dynamodb"]["Keys"] == {"id": {"S": "a"}}
        assert record["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def expire(sandbox: Sandbox, name: str) -> None:
    """Let time to live remove a row, which the sandbox never does by itself."""
    sandbox.client("dynamodb").delete_item(TableName=table_name(sandbox), Key={"id": {"S": name}})
    shard(sandbox).items[-1].record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


class TestRepeats:
    def test_what_was_handled_comes_again_with_what_was_handled_shortly_before(self, build_world: BuildWorld) -> None:
        sandbox = build_world(WRITING, hub=hub(), functions={"react": REACTING}, repeats=Repeats(streams=1))
        times = {"a": "2026-03-01T10:00:00Z", "b": "2026-03-01T10:00:10Z", "c": "2026-03-01T12:00:00Z"}
        entries = sandbox.deliver([rows(name, time=time, **{name: ""}) for name, time in times.items()])
        assert batches(sandbox) == [["a"], ["a"], ["b"], ["a", "b"], ["c"], ["c"]]
        assert [entry.status for entry in entries] == ["handled"] * 3
        assert sandbox.report()["dead_letters"] == []


class TestRetries:
    def test_a_batch_is_tried_until_it_succeeds_and_what_follows_waits(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(BatchSize=2)
        entries = sandbox.deliver(
            [rows("1", a="", b="raise twice", c=""), rows("2", time="2026-03-01T10:00:02Z", d="")]
        )
        assert batches(sandbox) == [["a", "b"]] * 3 + [["c", "d"]]
        assert waits(sandbox) == [1, 2, 0]
        assert [entry.status for entry in entries] == ["handled"] * 2

    def test_the_waiting_time_doubles_up_to_five_minutes(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumRetryAttempts=11)
        sandbox.deliver([rows(a="raise")])
        assert waits(sandbox) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]

    @pytest.mark.parametrize("does", ["raise", "hang", "exit"])
    def test_without_a_destination_it_is_lost_and_the_run_says_so(
        self, build: Callable[..., Sandbox], does: str
    ) -> None:
        sandbox = build(BatchSize=1, MaximumRetryAttempts=2)
        lost, handled = sandbox.deliver([rows("1", a=does), rows("2", b="")])
        error = {
            "raise": "ValueError: no a",
            "hang": "Task timed out after 10.00 seconds",
            "exit": "Runtime.ExitError: exit status 1",
        }
        assert lost.status == "failed"
        assert (
            lost.reason == f"lost, tried 3 times without success, and without a destination on failure: {error[does]}"
        )
        assert handled.status == "handled"
        assert batches(sandbox) == [["a"]] * 3 + [["b"]]
        assert letters(sandbox) == []

    def test_a_queue_gets_word_of_it(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumRetryAttempts=1, **TO_QUEUE)
        first, second = sandbox.deliver([rows("1", a="raise", b=""), rows("2", time="2026-03-01T10:00:00.2Z", c="")])
        reason = "tried 2 times without success: ValueError: no a"
        assert {(entry.status, entry.reason) for entry in (first, second)} == {("failed", reason)}
        (letter,) = sandbox.report()["dead_letters"]
        assert (letter["queue"], letter["reason"]) == ("Undone", reason)
        word = json.loads(letter["body"])
        records = [item.to_json()["dynamodb"] for item in shard(sandbox).items]
        last = sandbox.function("react").invocations[-1]
        moment = datetime.fromisoformat(word.pop("timestamp"))
        assert timedelta(0) <= moment - last.started < timedelta(seconds=1)
        assert word == {
            "requestContext": {
                "requestId": last.request_id,
                "functionArn": sandbox.function("react").resource.arn,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 2,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "DDBStreamBatchInfo": {
                "shardId": shard(sandbox).id,
                "startSequenceNumber": records[0]["SequenceNumber"],
                "endSequenceNumber": records[-1]["SequenceNumber"],
                "approximateArrivalOfFirstRecord": "2026-03-01T10:00:00Z",
                "approximateArrivalOfLastRecord": "2026-03-01T10:00:00Z",
                "batchSize": 3,
                "streamArn": sandbox.topology.hub.stream_mappings[0].stream_arn,
            },
        }
        # With it, whoever is to handle it finds the records.
        streams = sandbox.client("dynamodbstreams")
        info = word["DDBStreamBatchInfo"]
        iterator = streams.get_shard_iterator(
            StreamArn=info["streamArn"],
            ShardId=info["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=info["startSequenceNumber"],
        )
        found = streams.get_records(ShardIterator=iterator["ShardIterator"], Limit=info["batchSize"])["Records"]
        assert [record["dynamodb"]["Keys"]["id"]["S"] for record in found] == ["a", "b", "c"]

    def test_a_topic_gets_word_of_it(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumRetryAttempts=0, **TO_TOPIC)
        (entry,) = sandbox.deliver([rows(a="raise")])
        assert (entry.status, entry.reason) == ("failed", "tried once without success: ValueError: no a")
        (notification,) = sandbox.report()["notifications"]
        assert notification["topic"] == "Topic"
        assert json.loads(notification["message"])["DDBStreamBatchInfo"]["batchSize"] == 1

    def test_a_function_may_read_the_queue_of_what_failed(self, build: Callable[..., Sandbox]) -> None:
        """Then it is not the end, and what becomes of the event is that function's to say."""
        to_the_queue = {"DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Queue", "Arn"]}}}}
        act = WRITING.replace('event["detail"]', 'event.get("detail", {})').replace('event["id"]', 'event.get("id")')
        sandbox = build(act=act, MaximumRetryAttempts=0, **to_the_queue)
        (entry,) = sandbox.deliver([rows(a="raise")])
        assert (entry.status, letters(sandbox)) == ("handled", [])
        sandbox.close()
        sandbox = build(MaximumRetryAttempts=0, **to_the_queue)
        (entry,) = sandbox.deliver([rows(a="raise")])
        reason = "received 3 times without success: KeyError: 'detail'"
        assert (entry.status, entry.reason) == ("failed", reason)
        assert letters(sandbox) == [("DeadLetters", reason)]

    def test_a_record_may_be_too_old_before_it_is_tried_often_enough(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(BatchSize=1, MaximumRecordAgeInSeconds=60, **TO_QUEUE)
        sandbox.deliver([event()])
        put(sandbox, "ab", do="raise")
        old, late = sandbox.deliver([rows("1", c="raise"), rows("2", time="2026-03-01T10:02:00Z", d="")])
        reason = "not handled within 60 seconds"
        assert (old.status, old.reason) == ("failed", f"{reason}: ValueError: no c")
        assert late.status == "handled"
        assert batches(sandbox) == [["a"]] * 6 + [["c"], ["d"]]
        aged = [json.loads(letter["body"]) for letter in sandbox.report()["dead_letters"]]
        assert [word["requestContext"]["condition"] for word in aged] == ["RecordAgeExceeded"] * 3
        assert [word["requestContext"]["approximateInvokeCount"] for word in aged] == [6, 0, 1]
        assert ["responseContext" in word for word in aged] == [True, False, True]
        errors = [": ValueError: no a", "", ": ValueError: no c"]
        assert letters(sandbox) == [("Undone", f"{reason}{error}") for error in errors]

    def test_by_default_until_the_stream_keeps_it_no_longer(self, build: Callable[..., Sandbox]) -> None:
        """Which holds up whatever follows for a day, and no destination hears of it."""
        sandbox = build(BatchSize=1, **TO_QUEUE)
        lost, late = sandbox.deliver([rows("1", a="raise"), rows("2", time="2026-03-01T11:00:00Z", b="")])
        reason = "lost, not handled within the 24 hours that a stream keeps a record: ValueError: no a"
        assert (lost.status, lost.reason) == ("failed", reason)
        assert late.status == "handled"
        assert starts(sandbox)[-1] >= datetime(2026, 3, 2, 10, tzinfo=UTC)
        assert letters(sandbox) == []


class TestParts:
    def test_what_is_reported_and_all_behind_it_comes_again(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(**REPORTING)
        (entry,) = sandbox.deliver([rows(a="", b="fail twice", c="", d="fail twice", e="")])
        assert batches(sandbox) == [list("abcde"), list("bcde"), list("bcde")]
        assert entry.status == "handled"

    def test_it_is_not_looked_at_unless_the_mapping_says_so(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build()
        (entry,) = sandbox.deliver([rows(a="fail")])
        assert (entry.status, batches(sandbox)) == ("handled", [["a"]])

    def test_retries_count_on_when_some_are_done(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumRetryAttempts=2, **REPORTING, **TO_QUEUE)
        done, undone, behind = sandbox.deliver([rows("1", a="fail twice"), rows("2", b="fail"), rows("3", c="")])
        assert batches(sandbox) == [list("abc")] * 3
        assert done.status == "handled"
        reason = "tried 3 times without success: reported as a batch item failure"
        assert [(entry.status, entry.reason) for entry in (undone, behind)] == [("failed", reason)] * 2
        (letter,) = sandbox.report()["dead_letters"]
        word = json.loads(letter["body"])
        assert word["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
        assert word["DDBStreamBatchInfo"]["batchSize"] == 2

    def test_bisecting_finds_the_bad_record(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumRetryAttempts=1, BisectBatchOnFunctionError=True, **TO_QUEUE)
        entries = sandbox.deliver([rows(name, **{name: "raise" if name == "d" else ""}) for name in "abcdefg"])
        tried = [list("abcdefg"), list("abc"), list("defg"), list("de"), list("d"), list("d"), list("e"), list("fg")]
        assert batches(sandbox) == tried
        assert [entry.status for entry in entries] == ["handled"] * 3 + ["failed"] + ["handled"] * 3
        assert letters(sandbox) == [("Undone", "tried 2 times without success: ValueError: no d")]

    def test_splitting_is_no_retry(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, **TO_QUEUE)
        entries = sandbox.deliver([rows(name, **{name: "raise" if name == "b" else ""}) for name in "abcd"])
        assert batches(sandbox) == [list("abcd"), list("ab"), ["a"], ["b"], list("cd")]
        assert [entry.status for entry in entries] == ["handled", "failed", "handled", "handled"]

    def test_it_is_bisected_where_the_function_reports(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, **REPORTING, **TO_QUEUE)
        entries = sandbox.deliver([rows(name, **{name: "fail" if name == "c" else ""}) for name in "abcdef"])
        assert batches(sandbox) == [list("abcdef"), list("cdef"), list("cd"), ["c"], ["d"], list("ef")]
        assert [entry.status for entry in entries] == ["handled"] * 2 + ["failed"] + ["handled"] * 3

    def test_answers(self, build: Callable[..., Sandbox]) -> None:
        answering = "import json\ndef lambda_handler(batch, context):\n" + textwrap.indent(
            'number = batch["Records"][0]["dynamodb"]["SequenceNumber"]\n'
            'return json.loads(batch["Records"][0]["dynamodb"]["NewImage"]["do"]["S"].replace("NUMBER", number))',
            "    ",
        )
        sandbox = build(answering, MaximumRetryAttempts=0, **REPORTING)
        successes: list[Any] = [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}]
        failures: list[Any] = [
            {"batchItemFailures": [{"itemIdentifier": "NUMBER"}]},
            {"batchItemFailures": [{"itemIdentifier": ""}]},
            {"batchItemFailures": [{"itemIdentifier": None}]},
            {"batchItemFailures": [{"id": "NUMBER"}]},
            {"batchItemFailures": [{"itemIdentifier": "of no record"}]},
            {"batchItemFailures": "x"},
            "ok",
        ]
        for number, answer in enumerate(successes + failures):
            (entry,) = sandbox.deliver([rows(f"e{number}", **{f"r{number}": json.dumps(answer)})])
            assert entry.status == ("handled" if answer in successes else "failed"), answer


class TestParallelLanes:
    def test_items_are_kept_in_order_and_block_only_their_own_lane(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(BatchSize=1, ParallelizationFactor=10, MaximumRetryAttempts=3, **TO_QUEUE)
        names = [f"item {number}" for number in range(20)]
        events = [rows(f"{name}/{turn}", **{name: str(turn)}) for turn in range(3) for name in names]
        events.insert(0, rows("bad", **{"item 0": "raise"}))
        entries = sandbox.deliver(events)
        assert [entry.status for entry in entries] == ["failed"] + ["handled"] * 60
        seen = [batch[0] for batch in batches(sandbox)]
        assert seen.count("item 0") == 4 + 3
        done_by_then = seen[: [i for i, name in enumerate(seen) if name == "item 0"][3]]
        others = sum(name != "item 0" for name in done_by_then)
        assert 30 < others < 57  # most lanes did not wait, and its own did

    def test_the_order_within_an_item(self, build: Callable[..., Sandbox]) -> None:
        logging_ = textwrap.dedent(
            """
            import json
            def lambda_handler(batch, context):
                images = [record["dynamodb"]["NewImage"] for record in batch["Records"]]
                print(json.dumps({"batch": [image["id"]["S"] + image["do"]["S"] for image in images]}))
            """
        )
        sandbox = build(logging_, BatchSize=2, ParallelizationFactor=4)
        for turn in range(5):
            put(sandbox, "abcdef", do=str(turn))
        sandbox.settle()
        seen = [name for batch in batches(sandbox) for name in batch]
        for item in "abcdef":
            assert [name for name in seen if name[0] == item] == [f"{item}{turn}" for turn in range(5)]


class TestWhoseItIs:
    def test_the_streams_function_works_on_the_events_that_put_the_rows(self, build: Callable[..., Sandbox]) -> None:
        with_rows, without = build().deliver([rows("1", a=""), rows("2")])
        assert list(with_rows.functions) == ["act", "react"]
        assert list(without.functions) == ["act"]

    @pytest.mark.parametrize("naming", ['event["id"]', "f\"event#{event['id']}#x\""])
    def test_in_a_batch_a_row_goes_back_to_the_event_that_it_names(
        self, build: Callable[..., Sandbox], naming: str
    ) -> None:
        act = WRITING.replace('"event": event["id"]', f'"event": {naming}')
        sandbox = build(act=act, MaximumRetryAttempts=0, BatchSize=1)
        bystander, culprit = sandbox.deliver([rows("one", a=""), rows("two", b="raise")])
        assert (bystander.status, culprit.status) == ("handled", "failed")

    def test_a_row_that_names_none_goes_back_to_all_of_the_batch(self, build: Callable[..., Sandbox]) -> None:
        act = WRITING.replace(', "event": event["id"]', "")
        sandbox = build(act=act, MaximumRetryAttempts=0)
        assert [entry.status for entry in sandbox.deliver([rows("one", a=""), rows("two", b="raise")])] == [
            "failed"
        ] * 2

    def test_nobodys_rows_are_handled_and_may_die_too(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(MaximumRetryAttempts=0, **TO_QUEUE)
        put(sandbox, "a", do="raise")
        sandbox.settle()
        assert letters(sandbox) == [("Undone", "tried once without success: ValueError: no a")]
        assert sandbox.ledger.entries == []

    def test_outcomes_are_told_by_the_records_id(self, build: Callable[..., Sandbox]) -> None:
        react = textwrap.dedent(
            """
            import json
            def lambda_handler(batch, context):
                for record in batch["Records"]:
                    does = record["dynamodb"]["NewImage"]["do"]["S"]
                    print(json.dumps({"event_id": record["eventID"], "outcome": does, "reason": "it is so"}))
            """
        )
        rejected, observed = build(react).deliver([rows("1", a="rejected"), rows("2", b="observed")])
        assert [outcome.outcome for outcome in observed.outcomes] == ["collected", "observed"]
        assert (rejected.status, rejected.reason) == ("rejected", "it is so")

    def test_messages_that_it_sends_go_on_with_it(self, build: Callable[..., Sandbox]) -> None:
        sending = textwrap.dedent(
            """
            import json, os
            import boto3
            def lambda_handler(batch, context):
                for record in batch["Records"]:
                    image = record["dynamodb"]["NewImage"]
                    body = json.dumps({"id": image["event"]["S"], "fails": image["do"]["S"] == "fail later"})
                    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=body)
            """
        )
        act = WRITING.replace('event["detail"]', "event.get('detail', {})").replace(
            "        for name", '        assert not event.get("fails"), "as it was told"\n        for name'
        )
        sandbox = build(sending, act, batch="1")
        entries = sandbox.deliver([rows("1", a=""), rows("2", b="fail later")])
        assert [entry.status for entry in entries] == ["handled", "failed"]
        assert entries[1].reason == "received 3 times without success: AssertionError: as it was told"

    def test_findings_that_it_raises_go_back_to_the_rows_of_related_ones(self, build: Callable[..., Sandbox]) -> None:
        """As a correlated finding does: its event is an event of the run, which may fail those it came from."""
        arn = "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"
        collect = textwrap.dedent(
            """
            import json, os
            import boto3
            def lambda_handler(batch, context):
                table = boto3.client("dynamodb")
                for record in batch["Records"]:
                    event = json.loads(record["body"])
                    for finding in event["detail"]["findings"]:
                        if finding["Id"].startswith("correlated"):
                            raise ValueError(finding["Id"])
                        item = {"id": {"S": "signal"}, "finding": {"S": finding["Id"]}}
                        item["id"]["S"] += "/" + finding["Id"].rpartition("/")[2]
                        table.put_item(TableName=os.environ["TABLE"], Item=item)
            """
        )
        correlate = textwrap.dedent(
            f"""
            import boto3
            def lambda_handler(batch, context):
                for record in batch["Records"]:
                    of = record["dynamodb"]["NewImage"]["finding"]["S"]
                    if of.endswith("bad"):
                        boto3.client("securityhub").batch_import_findings(Findings=[{{
                            "SchemaVersion": "2018-10-08", "Id": "correlated/" + of, "ProductArn": "{arn}",
                            "GeneratorId": "g", "AwsAccountId": "111122223333", "CreatedAt": "2026-03-01T10:00:00Z",
                            "UpdatedAt": "2026-03-01T10:00:00Z", "Title": "t", "Description": "d",
                            "Severity": {{"Label": "CRITICAL"}}, "Types": ["TTPs"],
                            "Resources": [{{"Type": "Other", "Id": "r"}}],
                            "RelatedFindings": [{{"ProductArn": "{arn}", "Id": of}}],
                        }}])
            """
        )
        sandbox = build(correlate, collect)
        good, bad = sandbox.deliver(
            event(name, source="aws.securityhub", **{"detail-type": "Security Hub Findings - Imported"})
            | {"detail": {"findings": [finding(f"arn/{name}", Resources=[])]}}
            for name in ("good", "bad")
        )
        assert (list(good.functions), good.status) == (["act", "react"], "handled")
        assert (list(bad.functions), bad.status) == (["act", "react"], "failed")
        assert bad.reason == "received 3 times without success: ValueError: correlated/arn/bad"


class TestLoops:
    def test_a_function_that_writes_to_its_own_table_is_stopped(
        self, build: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not by AWS: Lambda does not see a loop through a table."""
        monkeypatch.setattr(ledger, "MAXIMUM_MESSAGES_SENT", 40)
        react = textwrap.dedent(
            """
            import os
            import boto3
            def lambda_handler(batch, context):
                table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
                for record in batch["Records"]:
                    image = record["dynamodb"]["NewImage"]
                    left = int(image["do"]["S"])
                    if left:
                        item = {"id": image["id"]["S"] + "x", "do": str(left - 1), "event": image["event"]["S"]}
                        table.put_item(Item=item)
            """
        )
        sandbox = build(react)
        (short,) = sandbox.deliver([rows("1", a="30")])
        assert short.status == "handled"
        assert len(sandbox.function("react").invocations) == 31
        (loop,) = sandbox.deliver([rows("2", b="1000000")])
        assert (loop.status, loop.reason) == (
            "failed",
            "given up: a loop: functions sent 40 messages or rows that followed from one, and more",
        )

    def test_many_rows_of_one_event_are_no_loop(
        self, build: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger, "MAXIMUM_MESSAGES_SENT", 40)
        (entry,) = build().deliver([rows("1", **{f"r{number}": "" for number in range(100)})])
        assert entry.status == "handled"

    def test_findings_that_lead_to_rows_that_lead_to_findings_end(self, build: Callable[..., Sandbox]) -> None:
        arn = "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"
        collect = textwrap.dedent(
            """
            import json, os
            import boto3
            def lambda_handler(batch, context):
                for record in batch["Records"]:
                    event = json.loads(record["body"])
                    for finding in event["detail"]["findings"]:
                        boto3.resource("dynamodb").Table(os.environ["TABLE"]).put_item(Item={"id": finding["Id"]})
            """
        )
        correlate = textwrap.dedent(
            f"""
            import boto3
            def lambda_handler(batch, context):
                for record in batch["Records"]:
                    boto3.client("securityhub").batch_import_findings(Findings=[{{
                        "SchemaVersion": "2018-10-08", "Id": record["dynamodb"]["Keys"]["id"]["S"] + "x",
                        "ProductArn": "{arn}", "GeneratorId": "g", "AwsAccountId": "111122223333",
                        "CreatedAt": "2026-03-01T10:00:00Z", "UpdatedAt": "2026-03-01T10:00:00Z", "Title": "t",
                        "Description": "d", "Severity": {{"Label": "LOW"}}, "Types": ["TTPs"],
                        "Resources": [{{"Type": "Other", "Id": "r"}}],
                    }}])
            """
        )
        sandbox = build(correlate, collect)
        imported = event(source="aws.securityhub", **{"detail-type": "Security Hub Findings - Imported"})
        (entry,) = sandbox.deliver([imported | {"detail": {"findings": [finding()]}}])
        assert entry.status == "failed"
        assert "a loop: 20 events followed from it" in str(entry.reason)
        assert len(sandbox.function("react").invocations) <= 22


class TestContainersThatDie:
    def kill(self, sandbox: Sandbox, function: str, moment: str, times: int) -> list[str]:
        """Kill a function's container at its calls, the first ones; where it was."""
        killed: list[str] = []

        def strike(now: str, call: AwsCall) -> None:
            if call.function == function and now == moment and len(killed) < times:
                killed.append(str(call))
                raise ContainerKilled(f"killed {moment} {call}")

        sandbox.calls.subscribe(strike)
        return killed

    COUNTING = textwrap.dedent(
        """
        import json, os
        import boto3
        def lambda_handler(batch, context):
            for record in batch["Records"]:
                name = record["dynamodb"]["Keys"]["id"]["S"]
                boto3.client("sns").publish(TopicArn=os.environ["TOPIC_ARN"], Message=name)
        """
    )

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_batch_is_replayed_and_nothing_is_lost(self, build: Callable[..., Sandbox], moment: str) -> None:
        sandbox = build(self.COUNTING)
        killed = self.kill(sandbox, "react", moment, times=3)
        entries = sandbox.deliver([rows("1", a="", b=""), rows("2", c="")])
        assert killed == ["sns:Publish"] * 3
        assert [entry.status for entry in entries] == ["handled"] * 2
        told = [notification["message"] for notification in sandbox.report()["notifications"]]
        assert told == (["a"] * 3 if moment == "after" else []) + ["a", "b", "c"]

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_what_was_written_before_the_writer_died_is_read_once(
        self, build: Callable[..., Sandbox], moment: str
    ) -> None:
        sandbox = build(self.COUNTING)
        killed = self.kill(sandbox, "act", moment, times=2)
        (entry,) = sandbox.deliver([rows("1", a="", b="")])
        assert killed == ["dynamodb:PutItem"] * 2
        assert (entry.status, list(entry.functions)) == ("handled", ["act", "react"])
        assert [notification["message"] for notification in sandbox.report()["notifications"]] == ["a", "b"]

    def test_a_write_whose_answer_is_lost_is_read_once(self, tmp_path: Any) -> None:
        small = open_world(tmp_path, WRITING, hub=hub(), functions={"react": self.COUNTING})
        faults = [Fault.parse("dynamodb:PutItem=0.5:LostResponse")]
        with Sandbox(small.hub, templates=small._templates, faults=faults, seed=1) as sandbox:
            entries = sandbox.deliver([rows(str(n), **{f"r{n}": ""}) for n in range(20)])
            report = sandbox.report()
            assert report["api_calls"]["dynamodb:PutItem"] > 20
            assert {entry.status for entry in entries} == {"handled"}
            assert [n["message"] for n in report["notifications"]] == [f"r{n}" for n in range(20)]

    def test_duplicates_and_disorder(self, build: Callable[..., Sandbox]) -> None:
        sandbox = build(self.COUNTING)
        entries = sandbox.deliver((rows(str(n), **{f"r{n}": ""}) for n in range(20)), duplicate=3, shuffle=1)
        assert {entry.status for entry in entries} == {"handled"}
        told = sorted(notification["message"] for notification in sandbox.report()["notifications"])
        assert told == sorted(f"r{n}" for n in range(20))


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ({"TumblingWindowInSeconds": 5}, "does not know TumblingWindowInSeconds of a stream's mapping yet"),
        ({"BatchSize": 10_001}, "Value '10001' at 'BatchSize' failed to satisfy constraint"),
        ({"BatchSize": 0}, "Value '0' at 'BatchSize' failed to satisfy constraint"),
        ({"MaximumBatchingWindowInSeconds": 301}, "at 'MaximumBatchingWindowInSeconds'"),
        ({"MaximumRetryAttempts": -2}, "at 'MaximumRetryAttempts'"),
        ({"MaximumRecordAgeInSeconds": 59}, "a MaximumRecordAgeInSeconds of 59; Lambda takes -1, or 60 and more"),
        ({"ParallelizationFactor": 11}, "at 'ParallelizationFactor'"),
        ({"BisectBatchOnFunctionError": {"Ref": "Topic"}}, "at 'BisectBatchOnFunctionError'"),
        ({"FunctionResponseTypes": ["Report"]}, "Value 'Report' at 'FunctionResponseTypes.1.member'"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, "Lambda refuses the filter {:"),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"a": "b"}'}]}}, 'Lambda refuses the filter {"a": "b"}:'),
        ({"FilterCriteria": {"Filters": [{}]}}, "a filter has no Pattern"),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"a": ["b"]}'}] * 6}}, "Lambda takes up to 5 filters"),
        (
            {"DestinationConfig": TO_QUEUE["DestinationConfig"] | {"OnSuccess": {"Destination": "arn:aws:sns:::x"}}},
            "does not know the destination OnSuccess",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:111122223333:x.fifo"}}},
            "no FIFO destination, as arn:aws:sqs:eu-west-1:111122223333:x.fifo is",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::bucket"}}},
            "does not send failed records to arn:aws:s3:::bucket yet",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:111122223333:other"}}},
            "ReactRows: the sandbox does not send failed records to arn:aws:sqs:eu-west-1:111122223333:other yet",
        ),
    ],
)
def test_mappings_that_aws_refuses_or_the_sandbox_does_not_know(
    build: Callable[..., Sandbox], mapping: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DeploymentError) as refusal:
        build(**mapping)
    assert "ReactRows: " in str(refusal.value)
    assert problem in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "StartingPosition: TRIM_HORIZON",
            "StartingPosition: AT_TIMESTAMP",
            "ReactRows: a DynamoDB stream is read from",
        ),
        ("NEW_AND_OLD_IMAGES", "IMAGES", "Table: DynamoDB has no StreamViewType IMAGES"),
        ("StreamViewType:", "StreamEnabled: true, StreamViewType:", "Table: the sandbox does not know StreamEnabled"),
        ("      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}\n", "", "a reference to 'LatestStreamArn'"),
    ],
)
def test_tables_and_streams_that_cannot_be(build: Callable[..., Sandbox], old: str, new: str, problem: str) -> None:
    with pytest.raises(DeploymentError) as refusal:
        build(template=hub(TABLE.replace(old, new)))
    assert problem in str(refusal.value)


def test_equal_runs_are_equal(tmp_path: Any) -> None:
    def run() -> Any:
        small = open_world(
            tmp_path, WRITING, hub=hub(MaximumRetryAttempts=2, **TO_QUEUE), functions={"react": REACTING}
        )
        with small as sandbox:
            sandbox.deliver([rows("1", a="raise"), rows("2", time="2026-03-01T10:10:00Z", b="")])
            return sandbox.report() | {"duration_ms": 0}

    assert run() == run()

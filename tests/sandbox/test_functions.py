"""A function runs as in a Lambda container: its own modules, environment and output; and it can be killed."""

import json
import os
import sys
import textwrap
from typing import Any

import pytest

from sandbox.calls import AwsCall, ContainerKilled

from .conftest import HUB_TEMPLATE, BuildWorld, event


def code(text: str) -> str:
    return textwrap.dedent(text)


def test_environment_as_deployed_and_as_lambda_adds(build_world: BuildWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_DEVELOPER", "x")
    monkeypatch.setenv("AWS_PROFILE", "production")
    sandbox = build_world(
        code(
            """
            import os
            def lambda_handler(event, context):
                return dict(os.environ)
            """
        ),
        Batch="7",
    )
    environment = sandbox.invoke("act", {}).response
    queue_url = environment["DEAD_LETTER_QUEUE_URL"]
    assert queue_url.startswith("https://sqs.eu-west-1.amazonaws.com/111122223333/hub-DeadLetters-")
    assert environment["BATCH"] == "7"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"].startswith("hub-Handler-")
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["_HANDLER"] == "app.lambda_handler"
    assert environment["AWS_ACCESS_KEY_ID"]
    assert not environment.keys() & {"SECRET_OF_THE_DEVELOPER", "AWS_PROFILE"}


def test_the_process_gets_its_own_back(build_world: BuildWorld) -> None:
    before = dict(os.environ), sys.path[:], sys.stdout, set(sys.modules)
    sandbox = build_world("import os\nos.environ['X'] = '1'\ndef lambda_handler(event, context): return 1")
    inside = dict(os.environ)
    sandbox.invoke("act", {})
    assert dict(os.environ) == inside
    sandbox.close()
    assert (dict(os.environ), sys.path, sys.stdout) == before[:3]
    assert "app" not in set(sys.modules) - before[3]


def test_the_context(build_world: BuildWorld) -> None:
    sandbox = build_world(
        code(
            """
            import time
            def lambda_handler(event, context):
                before = context.get_remaining_time_in_millis()
                time.sleep(4)
                after = context.get_remaining_time_in_millis()
                return [context.function_name, context.function_version, context.invoked_function_arn,
                        context.memory_limit_in_mb, context.aws_request_id, context.log_group_name,
                        before - after, after]
            """
        )
    )
    name, version, arn, memory, request_id, log_group, elapsed, remaining = sandbox.invoke("act", {}).response
    assert name.startswith("hub-Handler-")
    assert (version, memory) == ("$LATEST", "256")
    assert arn == f"arn:aws:lambda:eu-west-1:111122223333:function:{name}"
    assert log_group == f"/aws/lambda/{name}"
    assert elapsed == 4000
    assert 5000 < remaining < 6000
    assert len(request_id) == 36
    assert sandbox.invoke("act", {}).response[4] != request_id


def test_functions_do_not_share_their_modules(build_world: BuildWorld) -> None:
    hub = HUB_TEMPLATE.replace(
        "Outputs:",
        """
  Other:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/other, Handler: app.lambda_handler, Runtime: python3.13}
Outputs:""",
    )
    counting = "calls = []\ndef lambda_handler(event, context):\n    calls.append(1)\n    return [__name__, len(calls)]"
    sandbox = build_world(counting, hub=hub, functions={"other": counting})
    assert sandbox.invoke("act", {}).response == ["app", 1]
    assert sandbox.invoke("act", {}).response == ["app", 2]
    assert sandbox.invoke("other", {}).response == ["app", 1]


def test_modules_of_the_folder_can_be_imported_at_any_time(build_world: BuildWorld, tmp_path: Any) -> None:
    (tmp_path / "functions" / "act").mkdir(parents=True)
    (tmp_path / "functions" / "act" / "beside.py").write_text("VALUE = 5")
    sandbox = build_world("def lambda_handler(event, context):\n    import beside\n    return beside.VALUE")
    assert [sandbox.invoke("act", {}).response for _ in range(2)] == [5, 5]
    assert "beside" not in sys.modules


def test_a_layer_is_imported_anew_by_every_container(build_world: BuildWorld, tmp_path: Any) -> None:
    (tmp_path / "layer" / "shared").mkdir(parents=True)
    (tmp_path / "layer" / "shared" / "__init__.py").write_text("seen = []")
    hub = HUB_TEMPLATE.replace(
        "Outputs:",
        """
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer}
Outputs:""",
    ).replace("CodeUri: functions/act", "CodeUri: functions/act\n      Layers: [!Ref Layer]")
    handler = "import shared\ndef lambda_handler(event, context):\n    shared.seen.append(1)\n    return shared.seen"
    assert build_world(handler, hub=hub).invoke("act", {}).response == [1]
    assert "shared" not in sys.modules


def test_the_event_is_a_copy_and_the_response_is_json(build_world: BuildWorld) -> None:
    sandbox = build_world(
        "def lambda_handler(event, context):\n    event['x'].append(3)\n    return (event['x'], {1: 2})"
    )
    given = {"x": [1, 2]}
    assert sandbox.invoke("act", given).response == [[1, 2, 3], {"1": 2}]
    assert given == {"x": [1, 2]}


def test_a_response_that_is_no_json_is_an_error(build_world: BuildWorld) -> None:
    invocation = build_world("def lambda_handler(event, context): return {1, 2}").invoke("act", {})
    assert invocation.error is not None
    assert invocation.error.startswith("Runtime.MarshalError: Unable to marshal response: Object of type set")


def test_what_it_prints_is_its_log_and_nobody_elses(build_world: BuildWorld, capsys: Any) -> None:
    sandbox = build_world(
        code(
            """
            import json, logging, sys
            print("at the start")
            def lambda_handler(event, context):
                print(json.dumps({"n": event["n"]}))
                print("to stderr", file=sys.stderr)
                logging.getLogger("x").warning("a warning")
            """
        )
    )
    first, second = sandbox.invoke("act", {"n": 1}), sandbox.invoke("act", {"n": 2})
    assert first.log == 'at the start\n{"n": 1}\nto stderr\n[WARNING]\ta warning\n'
    assert first.log_records == [{"n": 1}]
    assert second.log_records == [{"n": 2}]
    assert capsys.readouterr() == ("", "")


def test_powertools_starts_anew_with_every_world(build_world: BuildWorld) -> None:
    handler = code(
        """
        from aws_lambda_powertools import Logger
        logger = Logger(service="act")
        def lambda_handler(event, context):
            logger.debug("d", extra={"event_id": "e", "outcome": "x"})
            logger.info("i")
        """
    )
    hub = HUB_TEMPLATE.replace("BATCH: !Ref Batch", "POWERTOOLS_LOG_LEVEL: {level}")
    sandbox = build_world(handler, hub=hub.replace("{level}", "DEBUG"))
    assert [record["message"] for record in sandbox.invoke("act", {}).log_records] == ["d", "i"]
    sandbox.close()
    sandbox = build_world(handler, hub=hub.replace("{level}", "INFO"))
    assert [record["message"] for record in sandbox.invoke("act", {}).log_records] == ["i"]


def test_a_handler_that_raises(build_world: BuildWorld) -> None:
    sandbox = build_world(
        "calls = []\ndef lambda_handler(event, context):\n    calls.append(1)\n    raise KeyError(len(calls))"
    )
    assert [sandbox.invoke("act", {}).error for _ in range(2)] == ["KeyError: 1", "KeyError: 2"]
    assert "Traceback" in sandbox.function("act").invocations[-1].log


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        ("import nonexistent_module", "Runtime.ImportModuleError: ModuleNotFoundError: No module named"),
        ("def other(event, context): pass", "Runtime.ImportModuleError: AttributeError"),
        ("def lambda_handler(", "Runtime.ImportModuleError: SyntaxError"),
        ("raise RuntimeError('a setting is missing')", "Runtime.ImportModuleError: RuntimeError: a setting is missing"),
        ("import sys\ndef lambda_handler(event, context): sys.exit(3)", "Runtime.ExitError: exit status 3"),
    ],
)
def test_a_function_that_cannot_run(build_world: BuildWorld, handler: str, error: str) -> None:
    invocation = build_world(handler).invoke("act", {})
    assert invocation.error is not None
    assert invocation.error.startswith(error)


def test_a_time_out_ends_the_invocation_and_the_container(build_world: BuildWorld) -> None:
    sandbox = build_world(
        code(
            """
            import time
            calls = []
            def lambda_handler(event, context):
                calls.append(1)
                if event.get("slow"):
                    try:
                        time.sleep(100)
                    except BaseException:
                        print("a process that is gone does not get here")
                return len(calls)
            """
        )
    )
    assert sandbox.invoke("act", {}).response == 1
    began = sandbox.clock.now
    timed_out = sandbox.invoke("act", {"slow": True})
    assert (timed_out.response, timed_out.error) == (None, "Task timed out after 10.00 seconds")
    assert (sandbox.clock.now - began).total_seconds() == 10
    assert sandbox.invoke("act", {}).response == 1


CALLING = code(
    """
    import os
    import boto3
    topic = os.environ["TOPIC_ARN"]
    sns = boto3.client("sns")
    calls = []
    def lambda_handler(event, context):
        calls.append(1)
        try:
            sns.publish(TopicArn=topic, Message=f"first {len(calls)}")
            sns.publish(TopicArn=topic, Message=f"second {len(calls)}")
        finally:
            sns.publish(TopicArn=topic, Message="cleaned up")
    """
)


@pytest.mark.parametrize(("moment", "published"), [("before", ["first 1"]), ("after", ["first 1", "second 1"])])
def test_a_kill_at_a_call_ends_everything_there(build_world: BuildWorld, moment: str, published: list[str]) -> None:
    sandbox = build_world(CALLING)

    def kill(when: str, call: AwsCall) -> None:
        if when == moment and call.parameters["Message"] == "second 1":
            raise ContainerKilled("killed for the test")

    unsubscribe = sandbox.calls.subscribe(kill)
    invocation = sandbox.invoke("act", {})
    unsubscribe()
    assert invocation.error == "killed for the test"
    messages = [notification["message"] for notification in sandbox.report()["notifications"]]
    assert messages == published


def test_after_a_kill_the_batch_comes_again_to_a_fresh_container(build_world: BuildWorld) -> None:
    sandbox = build_world(CALLING)
    kills: list[AwsCall] = []

    def kill_once(when: str, call: AwsCall) -> None:
        if not kills and when == "before" and call.parameters["Message"].startswith("second"):
            kills.append(call)
            raise ContainerKilled

    sandbox.calls.subscribe(kill_once)
    (entry,) = sandbox.deliver([event()])
    report = sandbox.report()
    assert [call["message"] for call in report["notifications"]] == ["first 1", "first 1", "second 1", "cleaned up"]
    assert entry.status == "handled"
    first, second = sandbox.function("act").invocations
    assert (second.started - first.started).total_seconds() >= 60  # the queue's visibility time-out
    assert json.dumps(report)

"""AWS calls of functions are counted and can be watched; nothing leaves the machine."""

import textwrap

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from sandbox.calls import AwsCall, UnreachableServiceError

from .conftest import BuildWorld, event


def handler(body: str) -> str:
    head = """
    import os
    import boto3
    topic, queue = os.environ["TOPIC_ARN"], os.environ["DEAD_LETTER_QUEUE_URL"]
    def lambda_handler(event, context):
    """
    return textwrap.dedent(head) + textwrap.indent(textwrap.dedent(body), "    ")


def test_only_the_functions_calls_count(build_world: BuildWorld) -> None:
    sandbox = build_world(handler("boto3.client('sns').publish(TopicArn=topic, Message='x')"))
    sandbox.client("sns").list_topics()
    sandbox.deliver([event("1"), event("2", time="2026-03-01T11:00:00Z")])
    assert sandbox.report()["api_calls"] == {"sns:Publish": 2}


def test_names_are_boto3s_for_clients_made_in_a_handler_paginators_and_resources(build_world: BuildWorld) -> None:
    sandbox = build_world(
        handler(
            """
            list(boto3.client("ssm-incidents").get_paginator("list_incident_records").paginate())
            boto3.client("logs").describe_log_groups()
            boto3.resource("dynamodb").meta.client.list_tables()
            boto3.client("securityhub").describe_hub
            """
        )
    )
    assert sandbox.invoke("act", {}).error is None
    assert sandbox.report()["api_calls"] == {
        "dynamodb:ListTables": 1,
        "logs:DescribeLogGroups": 1,
        "ssm-incidents:ListIncidentRecords": 1,
    }


def test_every_attempt_counts_and_back_off_takes_simulated_time(build_world: BuildWorld) -> None:
    sandbox = build_world(
        handler(
            """
            from botocore.awsrequest import AWSResponse
            from moto.core.botocore_stubber import MockRawResponse
            retries = {"mode": "standard", "total_max_attempts": 3}
            sns = boto3.client("sns", config=boto3.session.Config(retries=retries))
            def fail(request, **_):
                return AWSResponse(request.url, 503, {}, MockRawResponse(b"<ErrorResponse/>"))
            sns.meta.events.register_first("before-send", fail)
            sns.publish(TopicArn=topic, Message="x")
            """
        )
    )
    invocation = sandbox.invoke("act", {})
    assert invocation.error is not None
    assert "reached max retries: 2" in invocation.error
    assert sandbox.report()["api_calls"] == {"sns:Publish": 3}


def test_a_call_that_botocore_refuses_is_none(build_world: BuildWorld) -> None:
    sandbox = build_world(handler("boto3.client('sns').publish(Nonsense=1)"))
    assert "ParamValidationError" in str(sandbox.invoke("act", {}).error)
    assert sandbox.report()["api_calls"] == {}


def test_subscribers_hear_of_each_call_before_and_after(build_world: BuildWorld) -> None:
    sandbox = build_world(handler("boto3.client('sns').publish(TopicArn=topic, Message='x')"))
    heard: list[tuple[str, str, str, str]] = []

    def listen(moment: str, call: AwsCall) -> None:
        sandbox.client("sns").list_topics()  # its own calls do not count
        heard.append((moment, call.function, str(call), call.parameters["Message"]))

    unsubscribe = sandbox.calls.subscribe(listen)
    sandbox.invoke("act", {})
    unsubscribe()
    sandbox.invoke("act", {})
    assert heard == [("before", "act", "sns:Publish", "x"), ("after", "act", "sns:Publish", "x")]
    assert sandbox.report()["api_calls"] == {"sns:Publish": 2}


def test_a_call_takes_a_little_time(build_world: BuildWorld) -> None:
    sandbox = build_world(handler("for _ in range(5): boto3.client('sns').publish(TopicArn=topic, Message='x')"))
    began = sandbox.clock.now
    sandbox.invoke("act", {})
    assert 0.1 <= (sandbox.clock.now - began).total_seconds() < 1


def test_nothing_leaves_the_machine(build_world: BuildWorld) -> None:
    sandbox = build_world(handler("boto3.client('sqs', endpoint_url=event['url']).list_queues()"))
    for url in ("https://example.org", "https://amazonaws.com.example.org", "http://169.254.169.254"):
        error = sandbox.invoke("act", {"url": url}).error
        assert error is not None
        assert error.startswith("UnreachableServiceError: the sandbox does not serve")


def test_after_the_sandbox_botocore_is_as_before(build_world: BuildWorld) -> None:
    sandbox = build_world()
    with pytest.raises(UnreachableServiceError):
        boto3.client("sqs", endpoint_url="http://localhost:9").list_queues()
    sandbox.close()
    once = Config(retries={"total_max_attempts": 1})
    with pytest.raises(EndpointConnectionError):
        boto3.client("sqs", endpoint_url="http://localhost:9", config=once).list_queues()


def test_one_sandbox_at_a_time(build_world: BuildWorld) -> None:
    build_world()
    with pytest.raises(RuntimeError, match="another sandbox is running"):
        build_world()

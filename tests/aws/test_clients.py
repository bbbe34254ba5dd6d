"""The clients of a container."""

from typing import Any

import boto3

from responder.aws.clients import Clients


def test_a_client_is_made_once_and_not_before_it_is_called() -> None:
    made: list[str] = []

    def note(event_name: str, **_: Any) -> None:
        made.append(event_name)

    session = boto3.session.Session(region_name="eu-west-1")
    session.events.register("creating-client-class", note)
    clients = Clients(session=session)
    queue, same_queue, table = clients.get("sqs"), clients.get("sqs"), clients.get("dynamodb")
    assert made == []

    assert queue.meta is same_queue.meta
    assert made == ["creating-client-class.sqs"]
    assert table.meta.service_model.service_name == "dynamodb"
    assert made == ["creating-client-class.sqs", "creating-client-class.dynamodb"]

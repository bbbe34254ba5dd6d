"""`responder redrive`: what EventBridge could not deliver goes where the hub's rules would have sent it.

Nobody can put an event of an AWS service on a bus again: PutEvents refuses its source. So each message is held against
the rules of the security bus, as they are deployed, and sent to the queues of those that match. Its ways into the
archive and through the bus are left out: a replay does not bring it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3

from responder.patterns import compile_pattern

from .buses import obstacle
from .stacks import Rule, Target
from .terminal import clean

BATCH = 10
"""Messages that a call of SQS takes."""

HIDDEN_SECONDS = 300
"""For how long a message that was taken is nobody else's, should this end before its time."""

WAIT_SECONDS = 2
"""How long a queue is asked for more. Without it, SQS asks some of its servers only."""

ENCRYPTED = "Encrypted Events"
"""The detail-type in which EventBridge keeps an event for which its key was out of reach."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """What becomes of one message. With a fault it stays where it is."""

    message: Mapping[str, Any]
    event: Mapping[str, Any]
    rules: tuple[Rule, ...] = ()
    """Those that want it; without any it was not for the hub, and is deleted."""
    fault: str = ""

    @property
    def queues(self) -> list[str]:
        """ARNs, each once: two rules with the same queue need no two messages."""
        return list(dict.fromkeys(target.arn for rule in self.rules for target in rule.targets))

    def __str__(self) -> str:
        attributes = self.message.get("MessageAttributes", {})
        code = attributes.get("ERROR_CODE", {}).get("StringValue", "no ERROR_CODE")
        wanted = ", ".join(rule.name for rule in self.rules) or "no rule of the hub wants it"
        known = [str(self.event.get(name, "")) for name in ("time", "account", "region", "detail-type", "id")]
        return clean("  ".join([*known, code, f"left: {self.fault}" if self.fault else wanted]))


def client(service: str, region: str, profile: str | None) -> Any:
    """A client with the credentials of a profile, or those that there are."""
    return boto3.Session(profile_name=profile, region_name=region).client(service)  # type: ignore[call-overload]


def region_of(url: str) -> str:
    """The Region of a queue's address.

    >>> region_of("https://sqs.eu-west-1.amazonaws.com/444455556666/letters")
    'eu-west-1'

    Raises
    ------
    ValueError
        For anything else.
    """
    host = (urlsplit(url).hostname or "").split(".")
    if host[0] != "sqs" or len(host) < 3:
        raise ValueError(f"{url} is not the URL of a queue")
    return host[1]


def rules_of(events: Any, bus: str) -> list[Rule]:
    """The rules of a bus that send to queues, by the bus's ARN and a client of its account and Region."""
    found = []
    for page in events.get_paginator("list_rules").paginate(EventBusName=bus):
        for rule in page["Rules"]:
            targets = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)["Targets"]
            queues = tuple(Target(target["Arn"], None, None) for target in targets if ":sqs:" in target["Arn"])
            if queues:
                pattern = compile_pattern(json.loads(rule["EventPattern"]))
                found.append(Rule(rule["Name"], rule["Arn"], rule["State"], pattern, queues))
    return found


def redrive(source: Any, url: str, hub: Any, rules: Sequence[Rule], *, look: bool = False) -> Iterator[Redriven]:
    """Send the messages of a dead-letter queue to the queues of the rules that want them, and delete them there.

    A message is deleted after it was sent: whatever happens in between, it is sent twice rather than not at all. With
    `look`, nothing is sent or deleted. What stays can be received again at once when this ends.

    Parameters
    ----------
    source
        A client of SQS that may take from the queue.
    hub
        One that may send to the hub's.
    """
    staying: list[str] = []
    try:
        while messages := _received(source, url):
            staying += [message["ReceiptHandle"] for message in messages]
            for message in messages:
                redriven = _planned(message, rules)
                if not look and not redriven.fault:
                    for queue in redriven.queues:
                        hub.send_message(QueueUrl=_url(hub, queue), MessageBody=message["Body"])
                    source.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    staying.remove(message["ReceiptHandle"])
                yield redriven
    finally:
        for handle in staying:
            source.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)


def _planned(message: Mapping[str, Any], rules: Sequence[Rule]) -> Redriven:
    try:
        event = json.loads(message["Body"])
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("detail"), dict) or "detail-type" not in event:
        return Redriven(message, {}, fault="not an event")
    if event["detail-type"] == ENCRYPTED:
        return Redriven(message, event, fault="EventBridge has encrypted it with the security bus's key")
    wanting = (rule for rule in rules if obstacle(rule, event) is None and rule.pattern.matches(event))
    return Redriven(message, event, tuple(wanting))


def _url(hub: Any, arn: str) -> str:
    account, name = arn.split(":")[4:]
    return str(hub.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])


def _received(source: Any, url: str) -> list[dict[str, Any]]:
    answer = source.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=BATCH,
        VisibilityTimeout=HIDDEN_SECONDS,
        WaitTimeSeconds=WAIT_SECONDS,
        MessageAttributeNames=["All"],
    )
    return list(answer.get("Messages", []))

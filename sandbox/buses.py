"""EventBridge: from the default bus of an event's account through rules and buses into queues.

Semantics after the EventBridge user guide: read-only management calls pass only rules in the state that asks for
them, a disabled rule passes nothing, every matching rule sends one message to each of its targets, and what cannot be
delivered goes to the target's dead-letter queue with the reason. Policies are not enforced, but a target that is a bus
of another account needs a role. Delivery is in order and exactly once; disorder and repeats are the caller's to make.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Protocol

from botocore.exceptions import ClientError

from .envelopes import CLOUDTRAIL_DETAIL_TYPES, Event
from .ledger import Lineage
from .queues import Queue
from .stacks import Rule, Target, Topology

MAXIMUM_HOPS = 4
"""Buses that an event passes; EventBridge itself ends such loops."""

_CLOUDTRAIL = frozenset(CLOUDTRAIL_DETAIL_TYPES.values())


class Sent(Protocol):
    def __call__(self, message_id: str, queue: Queue, body: str, lineage: Lineage) -> None:
        """Told of every message that a rule has put on a queue."""


class Buses:
    """Delivers events. `queue` finds the queue of an ARN, if there is one."""

    def __init__(self, topology: Topology, *, queue: Callable[[str], Queue | None], sent: Sent) -> None:
        self._topology = topology
        self._queue = queue
        self._sent = sent

    def put(self, event: Event, lineage: Lineage) -> None:
        """Put an event on the default bus of its account and Region."""
        rules = self._topology.default_bus(event["account"], event["region"])
        self._arrive(event, rules, lineage, hops=1)

    def _arrive(self, event: Event, rules: Iterable[Rule], lineage: Lineage, *, hops: int) -> None:
        for rule in rules:
            if obstacle(rule, event) is None and rule.pattern.matches(event):
                for entry in lineage.own_entries:
                    matched = entry.rules if self._topology.is_of_hub(rule) else entry.forwarded_by
                    matched[rule.name] = None
                for target in rule.targets:
                    self._deliver(event, rule, target, lineage, hops)

    def _deliver(self, event: Event, rule: Rule, target: Target, lineage: Lineage, hops: int) -> None:
        try:
            if ":event-bus/" in target.arn:
                self._to_bus(event, rule, target, lineage, hops)
            else:
                self._to_queue(event, target.arn, lineage)
        except _DeliveryError as fault:
            self._set_aside(event, rule, target, lineage, fault)

    def _to_bus(self, event: Event, rule: Rule, target: Target, lineage: Lineage, hops: int) -> None:
        if _account_of(target.arn) != _account_of(rule.arn) and target.role_arn is None:
            raise _DeliveryError("NO_PERMISSIONS", "a bus of another account needs a role")
        rules = self._topology.bus(target.arn)
        if rules is None:
            raise _DeliveryError("RESOURCE_NOT_FOUND", f"there is no {target.arn}")
        if hops < MAXIMUM_HOPS:
            self._arrive(event, rules, lineage, hops=hops + 1)

    def _to_queue(self, event: Event, arn: str, lineage: Lineage, attributes: dict[str, str] | None = None) -> None:
        queue = self._queue(arn)
        if queue is None:
            raise _DeliveryError("RESOURCE_NOT_FOUND", f"there is no {arn}")
        body = to_json(event)
        try:
            message_id = queue.send(body, attributes)
        except ClientError as error:
            raise _DeliveryError(error.response["Error"]["Code"], error.response["Error"]["Message"]) from error
        if attributes is None:
            self._sent(message_id, queue, body, lineage)

    def _set_aside(self, event: Event, rule: Rule, target: Target, lineage: Lineage, fault: _DeliveryError) -> None:
        reason = f"{rule.name} could not deliver it: {fault}"
        attributes = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target.arn,
            "ERROR_CODE": fault.code,
            "ERROR_MESSAGE": str(fault),
        }
        if target.dead_letter_arn is None:
            reason += "; its target has no dead-letter queue"
        else:
            try:
                self._to_queue(event, target.dead_letter_arn, lineage, attributes)
            except _DeliveryError as second:
                reason += f"; nor could its dead-letter queue take it: {second}"
        lineage.fail(reason)


class _DeliveryError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def to_json(event: Event) -> str:
    """The text that a queue's message carries; ASCII only where the event's text is not valid Unicode."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(event, separators=(",", ":"))
    return text


def obstacle(rule: Rule, event: Event) -> str | None:
    """Why EventBridge does not even hold the event against the rule's pattern; None if it does."""
    if not rule.enabled:
        return "the rule is disabled"
    if not rule.takes_read_only_calls and _is_read_only_management_call(event):
        return "a read-only call, which needs a rule in the state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    return None


def _is_read_only_management_call(event: Event) -> bool:
    # Rules in the state ENABLED get everything else, data events that only read included ("Read-only management
    # events from AWS services" in the EventBridge user guide).
    detail = event["detail"]
    if event["detail-type"] not in _CLOUDTRAIL or detail.get("readOnly") is not True:
        return False
    return detail.get("managementEvent", detail.get("eventCategory", "Management") == "Management") is not False


def _account_of(arn: str) -> str:
    return arn.split(":", 5)[4]

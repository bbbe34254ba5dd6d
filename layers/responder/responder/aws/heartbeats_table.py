"""When forwarding rules were last heard, and what the last check knew (DynamoDB).

Rows: ``heard/<account>/<Region>/<rule>`` with the time of the last heartbeat, and ``memory-2``.
"""

import json
import zlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from responder.aws.batches import Row, read_items, write_items
from responder.aws.faults import aws_call
from responder.domain.heartbeat.members import Member, Sender
from responder.domain.heartbeat.silence import Memory

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REMEMBERED = timedelta(days=90)
"""Of a rule that is heard no more. It stays silent after that, only nobody can say since when."""

_HEARD = "heard"
_MEMORY = "memory-2"  # the number is that of its format: another one begins anew, and is not misread


class HeartbeatsTable:
    """See :class:`~responder.domain.heartbeat.ports.Heartbeats`. Raises AwsUnavailable or AwsRefused."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def heard(self, heartbeats: Mapping[Sender, datetime], now: datetime) -> None:
        # Two containers may take in heartbeats of one rule at once, and write the older last: it is out by minutes.
        rows = read_items(self._client, self._table, [_key(sender) for sender in heartbeats])
        known = dict(map(_heard, rows))
        newer = {sender: time for sender, time in heartbeats.items() if sender not in known or time > known[sender]}
        expiry = str(int((now + REMEMBERED).timestamp()))
        items = [
            {**_key(sender), "heard_at": {"S": time.isoformat()}, "expires_at": {"N": expiry}}
            for sender, time in newer.items()
        ]
        write_items(self._client, self._table, items)

    def last_heard(self) -> dict[Sender, datetime]:
        heard: dict[Sender, datetime] = {}
        with aws_call("read when forwarding rules were last heard"):
            for page in self._client.get_paginator("scan").paginate(
                TableName=self._table,
                ConsistentRead=True,
                FilterExpression="begins_with(#key, :heard)",
                ExpressionAttributeNames={"#key": "key"},
                ExpressionAttributeValues={":heard": {"S": f"{_HEARD}/"}},
            ):
                heard |= dict(map(_heard, page["Items"]))
        return heard

    def memory(self) -> Memory:
        rows = list(read_items(self._client, self._table, [{"key": {"S": _MEMORY}}]))
        return _from_bytes(rows[0]["memory"]["B"]) if rows else Memory()

    def keep(self, memory: Memory) -> None:
        write_items(self._client, self._table, [{"key": {"S": _MEMORY}, "memory": {"B": _to_bytes(memory)}}])


def _key(sender: Sender) -> Row:
    return {"key": {"S": f"{_HEARD}/{sender.member.account}/{sender.member.region}/{sender.rule}"}}


def _heard(row: Mapping[str, Any]) -> tuple[Sender, datetime]:
    _, account, region, rule = row["key"]["S"].split("/")
    return Sender(Member(account, region), rule), datetime.fromisoformat(row["heard_at"]["S"])


def _to_bytes(memory: Memory) -> bytes:
    """Far below a row's 400 KB when five thousand accounts are silent in every Region, in whatever pattern.

    Of each account there is one hexadecimal number: a bit for each of the places, a place being a rule in a Region.
    """
    places = sorted({_place(sender) for sender in memory.told})
    bits = {place: 1 << number for number, place in enumerate(places)}
    told: dict[str, int] = defaultdict(int)
    for sender in memory.told:
        told[sender.member.account] |= bits[_place(sender)]
    stored = {
        "expected_since": {part: time.isoformat() for part, time in memory.expected_since.items()},
        "places": places,
        "told": {account: f"{silent:x}" for account, silent in sorted(told.items())},
        "told_at": memory.told_at.isoformat() if memory.told_at else None,
    }
    return zlib.compress(json.dumps(stored, separators=(",", ":")).encode())


def _from_bytes(compressed: bytes) -> Memory:
    stored = json.loads(zlib.decompress(compressed))
    told = {account: int(silent, 16) for account, silent in stored["told"].items()}
    return Memory(
        expected_since={part: datetime.fromisoformat(time) for part, time in stored["expected_since"].items()},
        told=frozenset(
            Sender(Member(account, region), rule)
            for number, (region, rule) in enumerate(stored["places"])
            for account, silent in told.items()
            if silent >> number & 1
        ),
        told_at=datetime.fromisoformat(stored["told_at"]) if stored["told_at"] else None,
    )


def _place(sender: Sender) -> tuple[str, str]:
    return sender.member.region, sender.rule

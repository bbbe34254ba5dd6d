"""DynamoDB streams: what was written to a table, in the order in which it was, for 24 hours."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import StreamRecord, StreamShard
from moto.dynamodb.models.utilities import DynamoJsonEncoder

from .ledger import Delivery, Lineage


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a stream, as Lambda hands it to a function."""

    event_id: str
    sequence_number: str
    created: datetime
    item: str
    """Which item it is of: its key, as text. Lambda keeps the records of an item in order."""

    fields: Mapping[str, Any]
    text: str
    """The same as JSON."""

    delivery: Delivery
    """Where it comes from."""


class Stream:
    """The stream of a deployed table. Its one shard has all records, however many there are."""

    def __init__(self, arn: str, table: str) -> None:
        """`table` is the table's logical id."""
        self.arn = arn
        self.name = f"the stream of {table}"
        _, _, _, self._region, account, resource = arn.split(":", 5)
        self._table = resource.split("/")[1]
        self._backend = dynamodb_backends[account][self._region]
        self._deliveries: WeakKeyDictionary[StreamRecord, Delivery] = WeakKeyDictionary()

    @property
    def length(self) -> int:
        """How many records there have been."""
        return len(self._shard.items)

    @property
    def shard_id(self) -> str:
        return self._shard.id

    def records(self, start: int) -> Iterator[Record]:
        """The records from a position on."""
        for item in self._shard.items[start:]:
            yield self._record(item)

    def note(self, record: StreamRecord, delivery: Delivery) -> None:
        """Keep where a record comes from."""
        self._deliveries[record] = delivery

    @property
    def _shard(self) -> StreamShard:
        shard = self._backend.tables[self._table].stream_shard
        assert shard is not None
        return shard

    def _record(self, item: StreamRecord) -> Record:
        raw = item.to_json()
        created: datetime = raw["dynamodb"]["ApproximateCreationDateTime"].replace(tzinfo=UTC)
        fields = {
            **raw,
            "eventVersion": "1.1",
            "awsRegion": self._region,
            "dynamodb": raw["dynamodb"] | {"ApproximateCreationDateTime": int(created.timestamp())},
            "eventSourceARN": self.arn,
        }
        return Record(
            event_id=fields["eventID"],
            sequence_number=fields["dynamodb"]["SequenceNumber"],
            created=created,
            item=json.dumps(fields["dynamodb"]["Keys"], sort_keys=True, cls=DynamoJsonEncoder),
            fields=fields,
            text=json.dumps(fields, cls=DynamoJsonEncoder),
            delivery=self._deliveries.get(item) or Delivery(self.name, Lineage(), is_record=True),
        )


Watcher = Callable[[str, StreamRecord, Collection[str]], None]
"""Told of a record: its stream's ARN, the record, and the texts in the item, those that the record leaves out too."""


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of every record of a stream, whoever writes, also when the writer does not get the answer."""
    add = StreamShard.add

    def add_and_tell(shard: StreamShard, old: Item | None, new: Item | None) -> None:
        length = len(shard.items)
        add(shard, old, new)
        if len(shard.items) > length and (item := old if new is None else new) is not None:
            table = shard.table
            arn = f"{table.table_arn}/stream/{table.latest_stream_label}"
            watcher(arn, shard.items[-1], list(_texts(item.to_json()["Attributes"].values())))

    StreamShard.add = add_and_tell  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        StreamShard.add = add  # type: ignore[method-assign]


def _texts(attributes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The strings among attributes in DynamoDB's form, those within lists and maps too."""
    for attribute in attributes:
        for kind, value in attribute.items():
            match kind:
                case "S":
                    yield value
                case "SS":
                    yield from value
                case "M":
                    yield from _texts(value.values())
                case "L":
                    yield from _texts(value)

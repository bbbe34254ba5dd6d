"""The table of heartbeats: what comes out is what went in, and only newer."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from responder.aws.heartbeats_table import HeartbeatsTable
from responder.domain.heartbeat.members import RULES, Member, Sender
from responder.domain.heartbeat.silence import Memory
from tests.tables import create_keyed_tables

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
LARGEST_ROW = 400 * 1024
"""Bytes. Source: DynamoDB, item size."""

SENDERS = [Sender(Member(f"{number:012}", "eu-west-1"), rule) for number in range(40) for rule in RULES]


@pytest.fixture
def table() -> Iterator[HeartbeatsTable]:
    with mock_aws():
        client = boto3.client("dynamodb")
        create_keyed_tables(client, "heartbeats")
        yield HeartbeatsTable(client, "heartbeats")


def test_last_heard_is_the_latest(table: HeartbeatsTable) -> None:
    table.heard(dict.fromkeys(SENDERS, NOW), NOW)
    older, newer = SENDERS[:100], SENDERS[100:]
    table.heard(dict.fromkeys(older, NOW - timedelta(1)) | dict.fromkeys(newer, NOW + timedelta(1)), NOW)

    assert table.last_heard() == dict.fromkeys(older, NOW) | dict.fromkeys(newer, NOW + timedelta(1))


def test_nothing_is_nothing(table: HeartbeatsTable) -> None:
    table.heard({}, NOW)

    assert table.last_heard() == {}
    assert table.memory() == Memory()


def test_the_memory_lies_beside(table: HeartbeatsTable) -> None:
    silent = frozenset(SENDERS[::7])
    memory = Memory({"eu-west-1": NOW, "000000000007": NOW + timedelta(microseconds=1)}, silent, NOW)
    table.heard({SENDERS[0]: NOW}, NOW)
    table.keep(memory)

    assert table.memory() == memory
    assert table.last_heard() == {SENDERS[0]: NOW}


@pytest.mark.parametrize("share", [1.0, 0.5], ids=["all", "any half"])
def test_the_memory_fits_when_five_thousand_accounts_are_silent_in_seventeen_regions(
    table: HeartbeatsTable, share: float
) -> None:
    chance = random.Random(5)  # of half of the senders there is no shorter form than a bit each
    accounts = [f"{chance.randrange(10**12):012}" for _ in range(5000)]
    silent = frozenset(
        Sender(Member(account, f"eu-west-{region}"), rule)
        for account in accounts
        for region in range(17)
        for rule in RULES
        if chance.random() < share
    )
    memory = Memory({account: NOW + timedelta(chance.random() * 999) for account in accounts}, silent, NOW)
    table.keep(memory)

    assert table.memory() == memory
    (row,) = boto3.client("dynamodb").scan(TableName="heartbeats")["Items"]
    assert len(row["memory"]["B"]) < 0.6 * LARGEST_ROW

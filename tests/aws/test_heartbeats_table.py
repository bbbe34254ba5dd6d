"""The table of heartbeats: what comes out is what went in, and only newer."""

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


def test_the_memory_lies_beside_and_fits_for_a_thousand_accounts_in_seventeen_regions(table: HeartbeatsTable) -> None:
    members = [Member(f"{7919 * n % 10**12:012}", f"eu-west-{region}") for n in range(1000) for region in range(17)]
    silent = frozenset(Sender(member, rule) for member in members for rule in RULES)
    memory = Memory({member.account: NOW for member in members}, silent, NOW)
    table.heard({SENDERS[0]: NOW}, NOW)
    table.keep(memory)

    assert table.memory() == memory
    assert table.last_heard() == {SENDERS[0]: NOW}
    (row,) = (
        row for row in boto3.client("dynamodb").scan(TableName="heartbeats")["Items"] if row["key"]["S"] == "memory"
    )
    assert len(row["memory"]["B"]) < 390_000

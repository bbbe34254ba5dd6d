"""The incidents table in DynamoDB: what is kept of an event that waits, and of a request."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from responder.aws.incidents_table import IncidentsTable
from responder.domain.incident.occurrence import Occurrence, RelatedItem, request_for
from responder.domain.incident.ports import Stage
from tests.incident_world import create_incidents_table

NOW = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
OCCURRENCE = Occurrence(
    key="guardduty/1",
    fingerprint="0",
    event_id="e-0",
    source="responder.guardduty",
    opens=False,
    impact=2,
    title="Zoë's finding",
    text="archived",
    occurred_at=NOW,
    related_items=(RelatedItem("Page", "https://example.org/"), RelatedItem("Role", "arn:aws:iam::1:role/a")),
    document={"id": "e-0"},
)


@pytest.fixture
def table() -> Iterator[IncidentsTable]:
    with mock_aws():
        client: Any = boto3.client("dynamodb")
        create_incidents_table(client)
        yield IncidentsTable(client, "incidents")


def test_all_that_waits_is_read_however_many_pages_it_takes(table: IncidentsTable) -> None:
    waiting = [
        replace(OCCURRENCE, fingerprint=str(number), occurred_at=NOW + timedelta(minutes=number), text="x" * 300_000)
        for number in range(8)
    ]
    for occurrence in reversed(waiting):
        table.keep_waiting(occurrence, NOW)
    table.keep_waiting(replace(OCCURRENCE, key="another"), NOW)

    assert table.waiting(OCCURRENCE.key, NOW) == [replace(kept, document={}, parts=[]) for kept in waiting]
    assert table.waiting(OCCURRENCE.key, NOW + timedelta(days=3)) == []


def test_a_state_is_read_as_the_one_who_wrote_it_knew_it(table: IncidentsTable) -> None:
    request = request_for(OCCURRENCE, 1)

    claimed = table.claim(request, after=None, lease_until=NOW + timedelta(minutes=1))
    assert (claimed, False) == table.look_up(OCCURRENCE)
    assert claimed.request == request

    taken_over = table.take_over(claimed, lease_until=NOW + timedelta(minutes=2))
    assert (taken_over, False) == table.look_up(OCCURRENCE)

    opened = table.open(taken_over, "arn:incident", NOW)
    assert (opened, False) == table.look_up(OCCURRENCE)

    raised = table.raise_headline(opened, replace(OCCURRENCE, impact=1, fingerprint="graver").headline)
    assert (raised, False) == table.look_up(OCCURRENCE)
    assert (raised.stage, raised.request) == (Stage.OPEN, request)


def test_so_is_one_that_was_given_up_and_one_that_was_claimed_after_it(table: IncidentsTable) -> None:
    lease_until = NOW + timedelta(minutes=1)

    given_up = table.give_up(table.claim(request_for(OCCURRENCE, 1), after=None, lease_until=lease_until), "quota", NOW)
    assert (given_up, False) == table.look_up(OCCURRENCE)

    later = replace(OCCURRENCE, fingerprint="later", related_items=())
    claimed = table.claim(request_for(later, 2), after=given_up, lease_until=lease_until)
    assert (claimed, False) == table.look_up(OCCURRENCE)

"""Updates that take their time to show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from sandbox.aws_services import security_hub

from .conftest import HUB, REGION, ClientOf
from .findings import default_product, finding, identifier

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DELAY = timedelta(minutes=2)

Told = list[dict[str, Any]]


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def hub(client_of: ClientOf, clock: object) -> Any:
    client = client_of("securityhub")
    client.batch_import_findings(Findings=[finding()])
    security_hub.delay_updates(HUB, REGION, DELAY)
    return client


@pytest.fixture
def told(hub: Any) -> Iterator[Told]:
    heard: Told = []

    def listen(account_id: str, region: str, found: dict[str, Any]) -> None:
        heard.append(found)

    security_hub.add_finding_listener(listen)
    yield heard
    security_hub.remove_finding_listener(listen)


def update(hub: Any, **change: Any) -> None:
    answer = hub.batch_update_findings(FindingIdentifiers=[identifier()], **change)
    assert (answer["ProcessedFindings"], answer["UnprocessedFindings"]) == ([identifier()], [])


def shown(hub: Any, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.get_findings(Filters=filters)["Findings"]
    return found


def stored() -> dict[str, Any]:
    found = security_hub.find_finding(HUB, REGION, finding_id="finding-1", product_arn=default_product())
    assert found is not None
    return found


def status(found: dict[str, Any]) -> Any:
    return found["Workflow"]["Status"]


def test_an_update_is_announced_at_once_and_shows_later(hub: Any, told: Told, clock: time_machine.Coordinates) -> None:
    update(hub, Workflow={"Status": "RESOLVED"})
    assert [status(found) for found in told] == ["NEW"]
    assert (status(shown(hub)[0]), status(stored())) == ("NEW", "RESOLVED")
    new = [{"Value": "NEW", "Comparison": "EQUALS"}]
    clock.shift(DELAY - timedelta(milliseconds=1))
    assert len(shown(hub, WorkflowStatus=new)) == 1
    clock.shift(timedelta(milliseconds=1))
    assert shown(hub, WorkflowStatus=new) == []
    assert status(shown(hub)[0]) == "RESOLVED"


def test_later_updates_build_on_what_is_stored_and_show_in_turn(
    hub: Any, told: Told, clock: time_machine.Coordinates
) -> None:
    update(hub, UserDefinedFields={"a": "1"})
    clock.shift(timedelta(minutes=1))
    update(hub, Workflow={"Status": "NOTIFIED"})
    assert (stored()["UserDefinedFields"], status(stored())) == ({"a": "1"}, "NOTIFIED")
    assert ["UserDefinedFields" in found for found in (*told, *shown(hub))] == [False, False, False]
    clock.shift(timedelta(minutes=1))
    assert (shown(hub)[0]["UserDefinedFields"], status(shown(hub)[0])) == ({"a": "1"}, "NEW")
    clock.shift(timedelta(minutes=1))
    assert shown(hub) == [stored()]


def test_what_a_provider_sends_shows_at_once_without_the_update(
    hub: Any, told: Told, clock: time_machine.Coordinates
) -> None:
    update(hub, Note={"Text": "mine", "UpdatedBy": "me"})
    hub.batch_import_findings(Findings=[finding(Title="Newer", UpdatedAt="2026-03-01T11:00:00Z")])
    assert [(found["Title"], "Note" in found) for found in told] == [("Finding 1", False), ("Newer", False)]
    assert [(found["Title"], "Note" in found) for found in shown(hub)] == [("Newer", False)]
    assert (stored()["Title"], stored()["Note"]["Text"]) == ("Newer", "mine")
    clock.shift(DELAY)
    assert shown(hub) == [stored()]


def test_a_finding_put_there_shows_as_it_is(hub: Any) -> None:
    update(hub, Workflow={"Status": "RESOLVED"})
    security_hub.put_finding(HUB, REGION, finding(Workflow={"Status": "SUPPRESSED"}), if_absent=False)
    assert status(shown(hub)[0]) == "SUPPRESSED"


def test_without_a_delay_an_update_shows_at_once(hub: Any, told: Told) -> None:
    security_hub.delay_updates(HUB, REGION, timedelta(0))
    update(hub, Workflow={"Status": "RESOLVED"})
    assert status(shown(hub)[0]) == status(told[0]) == "RESOLVED"

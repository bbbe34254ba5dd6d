"""Silence through the deployed topology: schedules, forwarding rules, security bus, watch_heartbeats, topic."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from responder.domain.heartbeat.members import Layout, Member
from sandbox.faults import Fault, Faults
from sandbox.world import Sandbox
from tests.conftest import EVENTS

HUB, PROD, TEST, SHARED, MANAGER = "111122223333", "444455556666", "777788889999", "222233334444", "999999999999"
HOME, OTHER = "eu-west-1", "us-east-1"
PARAMETERS = {
    "IncidentBackend": "OpsCenter",
    "ExpectedRegions": f"{HOME},{OTHER}",
    "ExcludedAccounts": f"{SHARED},{MANAGER}",
}
LAYOUT = Layout(Member(HUB, HOME), guardduty_administrator=HUB)


@pytest.fixture
def world() -> Iterator[Sandbox]:
    """The hub, and members everywhere where they are expected: the accounts of the sample organization."""
    with open_world() as sandbox:
        yield sandbox


@contextmanager
def open_world(**world: Any) -> Iterator[Sandbox]:
    with Sandbox(hub=f"{HUB}/{HOME}", parameters={"hub": PARAMETERS}, **world) as sandbox:
        for account in (HUB, PROD, TEST):
            for region in (HOME, OTHER):
                sandbox.topology.member(account, region)
        yield sandbox


def pass_hours(sandbox: Sandbox, hours: int, *, heartbeats: bool = True) -> None:
    """Heartbeats and checks come every half hour, which is enough for who is silent after one."""
    for _ in range(2 * hours):
        sandbox.clock.follow(sandbox.clock.now + timedelta(minutes=30))
        if heartbeats:
            sandbox.run_schedule("SendHeartbeatsSchedule")
        sandbox.run_schedule("WatchHeartbeatsSchedule")


def disable(sandbox: Sandbox, account: str, region: str, rule: str) -> None:
    rules = sandbox.topology.member(account, region).buses["default"].rules
    rules[:] = [found for found in rules if found.name != rule]


def told(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(notice["subject"], notice["message"]) for notice in sandbox.report()["notifications"]]


def silent_members(sandbox: Sandbox) -> list[float]:
    lines = (line for run in sandbox.function("watch_heartbeats").invocations for line in run.log_records)
    return [value for line in lines for value in line.get("SilentMembers", [])]


def test_when_all_are_heard_nobody_is_silent(world: Sandbox) -> None:
    pass_hours(world, 6)

    assert set(silent_members(world)) == {0}
    assert told(world) == []
    assert world.report()["dead_letters"] == []


def test_members_send_what_the_hub_expects_of_them(world: Sandbox) -> None:
    for account in (HUB, PROD):
        for region in (HOME, OTHER):
            there = {rule.name for rule in world.topology.member(account, region).rules()}
            assert there == {sender.rule for sender in LAYOUT.senders([Member(account, region)])}


def test_a_rule_that_is_gone_is_named_and_so_is_its_recovery(world: Sandbox) -> None:
    pass_hours(world, 1)
    rules = world.topology.member(PROD, OTHER).buses["default"].rules
    before = list(rules)
    disable(world, PROD, OTHER, "ForwardRootActivityRule")
    pass_hours(world, 2)

    ((subject, message),) = told(world)
    assert subject == f"SILENT: {PROD} in {OTHER}"
    assert f"- Payments Production ({PROD}) in {OTHER}: ForwardRootActivityRule (last heard 2006-01-01T01:0" in message
    assert silent_members(world)[-1] == 1

    rules[:] = before
    pass_hours(world, 1)

    assert [subject for subject, _ in told(world)][1:] == ["HEARD AGAIN: all member stacks"]
    assert silent_members(world)[-1] == 0


def test_an_account_that_falls_silent_and_is_closed_is_not_heard_again(world: Sandbox) -> None:
    pass_hours(world, 1)
    for region in (HOME, OTHER):
        world.topology.member(TEST, region).buses["default"].rules.clear()
    pass_hours(world, 2)
    world.client("organizations", account=MANAGER).close_account(AccountId=TEST)
    pass_hours(world, 2)

    assert [subject for subject, _ in told(world)] == [
        f"SILENT: {TEST} in {HOME} and 1 more",
        f"NO LONGER EXPECTED: {TEST}",
    ]
    assert f"- {TEST} in {OTHER}: every rule" in told(world)[-1][1]
    assert silent_members(world)[-1] == 0


@pytest.mark.parametrize("detail", [{}, {"rule": 7}, {"rule": "ForwardSomethingRule"}])
def test_what_is_no_heartbeat_of_a_rule_reaches_no_queue(world: Sandbox, detail: dict[str, Any]) -> None:
    heartbeat = json.loads((EVENTS / "heartbeat.json").read_text())
    world.deliver([heartbeat | {"detail": detail}])

    assert len(world.function("watch_heartbeats").invocations) == 0
    world.deliver([heartbeat])
    assert len(world.function("watch_heartbeats").invocations) == 1
    assert world.report()["dead_letters"] == []


def test_whoever_is_never_heard_is_named_after_the_grace() -> None:
    with Sandbox(hub=f"{HUB}/{HOME}", parameters={"hub": PARAMETERS}) as sandbox:
        sandbox.run_schedule("WatchHeartbeatsSchedule")
        pass_hours(sandbox, 3)
        assert told(sandbox) == []
        pass_hours(sandbox, 2)

        ((_, message),) = told(sandbox)
        assert f"Data Science Test ({TEST}) in {HOME}: every rule (never heard, expected since 2006-01-01" in message
        assert f"({HUB}) in {HOME}" not in message  # its own member stack is there
        assert not any(account in message for account in (SHARED, MANAGER))
        assert silent_members(sandbox)[-1] == 5


def test_without_an_organization_this_account_is_expected() -> None:
    parameters = {"IncidentBackend": "OpsCenter", "OrganizationId": "", "OrganizationRoleArn": ""}
    with Sandbox(hub=f"{HUB}/{HOME}", parameters={"hub": parameters}) as sandbox:
        pass_hours(sandbox, 5)

        assert told(sandbox) == []
        assert "organizations:ListAccounts" not in sandbox.report()["api_calls"]
        pass_hours(sandbox, 2, heartbeats=False)
        assert [subject for subject, _ in told(sandbox)] == [f"SILENT: {HUB} in {HOME}"]


def test_failing_calls_make_nobody_silent_and_hide_nobody() -> None:
    with open_world(faults=[Fault.parse("*:*=0.3")], seed=5) as sandbox:
        pass_hours(sandbox, 1)
        disable(sandbox, TEST, HOME, "ForwardConfigComplianceRule")
        pass_hours(sandbox, 3)

        assert {subject for subject, _ in told(sandbox)} == {f"SILENT: {TEST} in {HOME}"}
        assert sandbox.report()["dead_letters"] == []


def test_an_organization_that_does_not_answer_is_nobodys_silence(world: Sandbox) -> None:
    world.calls.faults = Faults([Fault.parse("organizations:*=1:AccessDeniedException")], seed=1)
    pass_hours(world, 1)

    assert silent_members(world) == []  # and the alarm on missing data goes off
    assert told(world) == []


def test_without_expected_regions_nothing_watches() -> None:
    parameters = {"IncidentBackend": "OpsCenter", "ExpectedRegions": ""}
    with Sandbox(hub=f"{HUB}/{HOME}", parameters={"hub": parameters}) as sandbox:
        assert "watch_heartbeats" not in {function.name for function in sandbox.topology.hub.functions}
        assert sandbox.run_schedule("SendHeartbeatsSchedule")
        assert sandbox.report()["dead_letters"] == []

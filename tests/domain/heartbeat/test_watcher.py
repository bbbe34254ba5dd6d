"""Who is silent, and when people are told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from responder.domain.event import Event, read_event
from responder.domain.faults import Rejected, Retryable
from responder.domain.heartbeat.members import RULES, Layout, Member, Sender
from responder.domain.heartbeat.silence import Memory, Patience
from responder.domain.heartbeat.watcher import CHECK, HEARTBEAT, SOURCE, Watcher

HUB, PROD, TEST = "111122223333", "444455556666", "777788889999"
HOME, OTHER = "eu-west-1", "us-east-1"
BEGINNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
ROOT, FINDINGS = "ForwardRootActivityRule", "ForwardSecurityHubFindingsRule"
LAYOUT = Layout(Member(HUB, HOME), guardduty_administrator=HUB)


@dataclass
class Store:
    times: dict[Sender, datetime] = field(default_factory=dict)
    kept: Memory = field(default_factory=Memory)
    writes: int = 0
    failure: Exception | None = None
    unkept: Exception | None = None

    def heard(self, heartbeats: Mapping[Sender, datetime], now: datetime) -> None:
        if self.failure:
            raise self.failure
        self.times |= {sender: max(time, self.times.get(sender, time)) for sender, time in heartbeats.items()}

    def last_heard(self) -> Mapping[Sender, datetime]:
        return self.times

    def memory(self) -> Memory:
        return self.kept

    def keep(self, memory: Memory) -> None:
        if self.unkept:
            raise self.unkept
        self.kept = memory
        self.writes += 1


class World:
    """A watch over accounts and Regions, and its clock."""

    def __init__(
        self,
        *accounts: str,
        regions: tuple[str, ...] = (HOME,),
        excluded: tuple[str, ...] = (),
        layout: Layout = LAYOUT,
    ) -> None:
        self.now = BEGINNING
        self.layout = layout
        self.accounts = {account: f"Account {account[:3]}" for account in accounts}
        self.store = Store()
        self.told: list[tuple[str, str]] = []
        self.gauged: list[int] = []
        self.undelivered: Exception | None = None
        self.start(regions, excluded)

    def start(self, regions: tuple[str, ...], excluded: tuple[str, ...]) -> None:
        """As when the parameters change: what was remembered stays."""
        self.watcher = Watcher(
            heartbeats=self.store,
            accounts=lambda: self.accounts,
            excluded=excluded,
            regions=regions,
            layout=self.layout,
            patience=Patience(after_heartbeat=timedelta(hours=1), grace=timedelta(hours=4)),
            teller=self,
            clock=lambda: self.now,
            gauge=lambda name, number: self.gauged.append(number),
        )

    def tell(self, subject: str, text: str) -> None:
        if self.undelivered:
            raise self.undelivered
        self.told.append((subject, text))

    def beat(self, account: str, region: str = HOME, *, but: tuple[str, ...] = (), at: datetime | None = None) -> None:
        rules = [rule for rule in RULES if self.layout.has(Member(account, region), rule) and rule not in but]
        self.take_in(*(event(account, region, rule=rule, time=at or self.now) for rule in rules))

    def check(self) -> Any:
        return self.take_in(event(HUB, HOME, kind=CHECK, time=self.now))[0]

    def take_in(self, *events: Event) -> list[Any]:
        return list(self.watcher.take_in(events))

    def pass_hours(self, hours: int, *beating: str | Member, but: tuple[str, ...] = ()) -> None:
        """Let heartbeats and checks come, every quarter of an hour. An account beats in the home Region."""
        for _ in range(4 * hours):
            self.now += timedelta(minutes=15)
            for who in beating:
                member = who if isinstance(who, Member) else Member(who, HOME)
                self.beat(member.account, member.region, but=but)
            self.check()

    def subjects(self) -> list[str]:
        return [subject for subject, _ in self.told]


def event(account: str, region: str, *, kind: str = HEARTBEAT, time: datetime, **detail: Any) -> Event:
    return read_event(
        {
            "id": "e-1",
            "source": SOURCE,
            "detail-type": kind,
            "account": account,
            "region": region,
            "time": time.isoformat(),
            "detail": detail,
        }
    )


def test_what_is_expected_follows_from_the_place() -> None:
    senders = list(LAYOUT.senders(LAYOUT.members([HUB, PROD], [HOME, OTHER])))

    assert sum(sender.rule == FINDINGS for sender in senders) == 1
    assert {sender.member.account for sender in senders if "GuardDuty" in sender.rule} == {HUB}
    assert len(senders) == 6 + 5 + 4 + 4


@pytest.mark.parametrize(
    ("accounts", "regions", "administrator", "members"),
    [
        ([HUB], [OTHER], HUB, {(HUB, HOME), (HUB, OTHER)}),
        ([HUB, PROD], [OTHER], HUB, {(HUB, HOME), (HUB, OTHER), (PROD, OTHER)}),
        ([PROD], [HOME], HUB, {(HUB, HOME), (PROD, HOME)}),
        ([PROD], [HOME, OTHER], TEST, {(PROD, HOME), (PROD, OTHER), (HUB, HOME), (TEST, HOME), (TEST, OTHER)}),
        ([PROD], [OTHER], TEST, {(PROD, OTHER), (HUB, HOME), (TEST, HOME), (TEST, OTHER)}),
        ([], [OTHER], HUB, {(HUB, HOME), (HUB, OTHER)}),
    ],
)
def test_no_list_leaves_out_whom_all_findings_come_through(
    accounts: list[str], regions: list[str], administrator: str, members: set[tuple[str, str]]
) -> None:
    layout = Layout(Member(HUB, HOME), guardduty_administrator=administrator)

    assert layout.members(accounts, regions) == {Member(*member) for member in members}


def test_without_the_home_region_or_the_hubs_account_in_the_lists_its_silence_is_told() -> None:
    world = World(HUB, PROD, regions=(OTHER,), excluded=(HUB, TEST), layout=Layout(Member(HUB, HOME), TEST))
    elsewhere = [Member(account, region) for account in (PROD, TEST) for region in (HOME, OTHER)]
    world.pass_hours(1, HUB, *elsewhere)
    world.pass_hours(2, HUB, *elsewhere, but=(FINDINGS, "ForwardGuardDutyFindingsRule"))

    ((subject, text),) = world.told
    assert subject == f"SILENT: {HUB} in {HOME} and 2 more"
    assert f"- Account 111 ({HUB}) in {HOME}: {FINDINGS} (last heard" in text
    assert f"- {TEST} in {HOME}: ForwardGuardDutyFindingsRule (last heard" in text
    assert f"- {TEST} in {OTHER}: ForwardGuardDutyFindingsRule (last heard" in text


def test_all_heard_is_zero_and_nobody_is_told() -> None:
    world = World(HUB, PROD)
    world.pass_hours(30, HUB, PROD)

    assert set(world.gauged) == {0}
    assert world.told == []
    assert world.store.writes == 1  # what is expected, once


def test_a_rule_that_is_heard_no_more_is_named_once_a_day_until_it_is_heard_again() -> None:
    world = World(HUB, PROD)
    world.pass_hours(1, HUB, PROD)
    world.pass_hours(26, HUB, PROD, but=(ROOT, FINDINGS))

    (subject, text), (reminder, again) = world.told
    assert subject == reminder == f"SILENT: {HUB} in {HOME} and 1 more"
    assert f"- Account 444 ({PROD}) in {HOME}: {ROOT} (last heard 2026-03-02T09:00:00Z)\n" in text
    assert f"- Account 111 ({HUB}) in {HOME}: {ROOT}, {FINDINGS} (last heard 2026-03-02T09:00:00Z)\n" in text
    assert "Silent now:" in text
    assert "Still silent:" in again
    assert world.gauged[-1] == 2

    world.pass_hours(1, HUB, PROD)

    assert world.told[2][0] == "HEARD AGAIN: all member stacks"
    assert f"{HOME}: {ROOT}" in world.told[2][1]
    assert len(world.told) == 3
    assert world.gauged[-1] == 0


def test_who_was_never_heard_is_named_after_the_grace() -> None:
    world = World(HUB, PROD)
    world.check()
    world.pass_hours(4, HUB)
    assert world.told == []

    world.pass_hours(1, HUB)

    ((subject, text),) = world.told
    assert subject == f"SILENT: {PROD} in {HOME}"
    assert f"{HOME}: every rule (never heard, expected since 2026-03-02T08:00:00Z)" in text


def test_a_new_account_has_its_own_grace() -> None:
    world = World(HUB)
    world.pass_hours(10, HUB)
    world.accounts[TEST] = "Test"
    world.pass_hours(3, HUB)
    assert world.told == []
    world.pass_hours(2, HUB)
    assert [subject for subject, _ in world.told] == [f"SILENT: {TEST} in {HOME}"]


def test_whoever_leaves_while_silent_is_told_as_gone_and_never_as_heard_again() -> None:
    world = World(HUB, TEST)
    world.pass_hours(5, HUB)
    del world.accounts[TEST]
    world.pass_hours(30, HUB)

    assert world.subjects() == [f"SILENT: {TEST} in {HOME}", f"NO LONGER EXPECTED: {TEST}"]
    parts = world.told[-1][1].split("\n\n")
    assert f"No longer expected:\n- {TEST}" in parts
    assert f"No longer expected, and silent to the last:\n- {TEST} in {HOME}: every rule" in parts
    assert any("LeaveOrganization" in part and "Somebody must know why" in part for part in parts)
    assert not any("again" in part for part in parts)
    assert TEST not in "".join(world.store.kept.expected_since)


def test_whoever_leaves_without_having_been_silent_is_told_once() -> None:
    world = World(HUB, PROD, TEST)
    world.pass_hours(1, HUB, PROD, TEST)
    del world.accounts[PROD], world.accounts[TEST]
    world.pass_hours(30, HUB)

    ((subject, text),) = world.told
    assert subject == f"NO LONGER EXPECTED: {PROD} and 1 more"
    assert f"No longer expected:\n- {PROD}\n- {TEST}" in text.split("\n\n")
    assert "silent to the last" not in text


def test_who_is_gone_who_is_silent_and_who_was_heard_again_are_told_apart() -> None:
    world = World(HUB, PROD, TEST)
    world.pass_hours(5, HUB)
    assert world.subjects() == [f"SILENT: {PROD} in {HOME} and 1 more"]
    del world.accounts[TEST]
    world.pass_hours(1, PROD)

    subject, text = world.told[1]
    assert subject == f"NO LONGER EXPECTED: {TEST}"
    assert f"Heard again:\n- Account 444 ({PROD}) in {HOME}: every rule" in text.split("\n\n")

    world.accounts[TEST] = "Test"
    world.pass_hours(5)
    assert world.subjects()[2:] == [f"SILENT: {HUB} in {HOME}{more}" for more in ("", " and 1 more", " and 2 more")]
    del world.accounts[PROD]
    world.check()

    subject, text = world.told[-1]
    assert subject == f"NO LONGER EXPECTED: {PROD}; SILENT: {HUB} in {HOME} and 1 more"
    assert f"No longer expected, and silent to the last:\n- {PROD} in {HOME}: every rule" in text.split("\n\n")
    assert "Heard again" not in text


def test_a_changed_parameter_is_told_in_the_same_way() -> None:
    world = World(HUB, PROD, TEST, regions=(HOME, OTHER))
    everywhere = [Member(account, region) for account in (HUB, PROD, TEST) for region in (HOME, OTHER)]
    world.pass_hours(1, *everywhere)
    world.start((HOME,), (PROD,))
    world.pass_hours(5, *everywhere)

    ((subject, text),) = world.told
    assert subject == f"NO LONGER EXPECTED: {PROD} and 1 more"
    assert f"No longer expected:\n- Account 444 ({PROD})\n- {OTHER}" in text.split("\n\n")


def test_a_silent_member_stack_that_a_parameter_leaves_out_is_not_heard_again() -> None:
    world = World(HUB, PROD, regions=(HOME, OTHER), layout=Layout(Member(HUB, HOME), PROD))
    heard = [Member(HUB, HOME), Member(PROD, HOME), Member(PROD, OTHER)]
    world.pass_hours(5, *heard)
    assert world.subjects() == [f"SILENT: {HUB} in {OTHER}"]
    world.start((HOME, OTHER), (HUB,))  # in its home Region it is still expected
    world.pass_hours(5, *heard)

    assert world.subjects()[1:] == [f"NO LONGER EXPECTED: {HUB} in {OTHER}"]


@pytest.mark.parametrize("crash", ["telling", "remembering"])
def test_a_crash_hides_nobody_who_left(crash: str) -> None:
    world = World(HUB, TEST)
    world.pass_hours(1, HUB, TEST)
    del world.accounts[TEST]
    world.now += timedelta(minutes=15)
    world.beat(HUB)
    fault = Retryable("no")
    if crash == "telling":
        world.undelivered = fault
    else:
        world.store.unkept = fault
    assert world.check() is fault

    world.undelivered = world.store.unkept = None
    world.pass_hours(2, HUB)

    assert world.subjects() == [f"NO LONGER EXPECTED: {TEST}"] * (1 if crash == "telling" else 2)


def test_excluded_accounts_are_not_expected() -> None:
    world = World(HUB, PROD, excluded=(PROD,))
    world.pass_hours(10, HUB)
    assert world.told == []


def test_each_change_is_told_with_who_came_and_who_went() -> None:
    world = World(HUB, PROD, TEST)
    world.pass_hours(1, HUB, PROD, TEST)
    world.pass_hours(2, HUB, TEST)
    world.pass_hours(2, HUB, PROD)

    parts = world.told[-1][1].split("\n\n")
    assert any(part.startswith("Silent now:") and TEST in part for part in parts)
    assert [subject for subject, _ in world.told] == [
        f"SILENT: {PROD} in {HOME}",
        "HEARD AGAIN: all member stacks",
        f"SILENT: {TEST} in {HOME}",
    ]


def test_late_heartbeats_turn_back_no_clock_and_early_ones_win_no_time() -> None:
    world = World(HUB)
    world.beat(HUB, at=BEGINNING + timedelta(days=300))
    assert set(world.store.times.values()) == {BEGINNING}
    world.beat(HUB, at=BEGINNING - timedelta(hours=3))
    assert set(world.store.times.values()) == {BEGINNING}


def test_a_check_that_comes_late_judges_nothing() -> None:
    world = World(HUB)
    world.now += timedelta(hours=9)

    (report,) = world.take_in(event(HUB, HOME, kind=CHECK, time=BEGINNING))

    assert report["outcome"] == "outdated"
    assert (world.gauged, world.told) == ([], [])


def test_a_check_judges_after_the_heartbeats_that_come_with_it() -> None:
    world = World(PROD, regions=(OTHER,))
    world.check()
    world.now += timedelta(hours=5)
    world.beat(HUB)
    world.beat(HUB, OTHER)
    rules = [rule for rule in RULES if LAYOUT.has(Member(PROD, OTHER), rule)]

    check, *heard = world.take_in(
        event(HUB, HOME, kind=CHECK, time=world.now),
        *(event(PROD, OTHER, rule=rule, time=world.now) for rule in rules),
    )

    assert (check["outcome"], check["members"], check["silent"]) == ("checked", 3, [])
    assert {report["outcome"] for report in heard} == {"heard"}


def test_where_heartbeats_cannot_be_kept_nobody_judges() -> None:
    world = World(HUB)
    world.store.failure = Retryable("throttled")

    outcomes = world.take_in(event(HUB, HOME, rule=ROOT, time=world.now), event(HUB, HOME, kind=CHECK, time=world.now))

    assert outcomes == [world.store.failure] * 2
    assert world.gauged == []


def test_who_could_not_be_told_is_told_with_the_next_check_and_the_count_is_there() -> None:
    world = World(PROD)
    world.check()
    world.now += timedelta(hours=5)
    world.undelivered = Retryable("no topic")
    assert world.check() is world.undelivered
    assert world.gauged == [0, 2]

    world.undelivered = None
    world.check()

    assert len(world.told) == 1


def test_a_rule_that_nobody_knows_fills_no_table() -> None:
    world = World(HUB)
    (report,) = world.take_in(event(HUB, HOME, rule="ForwardSomethingRule", time=world.now))

    assert report == {"outcome": "ignored", "reason": "no forwarding rule ForwardSomethingRule is known"}
    assert world.store.times == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": "aws.config"}, "source"),
        ({"detail-type": "Something"}, "detail-type"),
        ({"detail": {}}, "detail.rule"),
        ({"detail": {"rule": 7}}, "detail.rule"),
    ],
)
def test_what_is_no_heartbeat_is_rejected(change: dict[str, Any], field: str) -> None:
    world = World(HUB)
    good = event(HUB, HOME, rule=ROOT, time=world.now)

    rejected, heard = world.take_in(read_event({**good.document, **change}), good)

    assert isinstance(rejected, Rejected)
    assert rejected.field == field
    assert heard["outcome"] == "heard"


def test_a_thousand_silent_members_make_a_message_that_sns_takes() -> None:
    world = World(*(f"{number:012}" for number in range(1000)), regions=(HOME, OTHER))
    world.check()
    world.now += timedelta(hours=5)
    report = world.check()

    ((_, text),) = world.told
    assert "and 1802 more" in text  # the hub's own two among them
    assert len(text) < 50_000
    assert (report["silent_members"], len(report["silent"])) == (2002, 500)

"""Enrichment of a batch: what is written, what is left alone, what comes again."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from responder.domain.enrichment.context import AccountContext, Known, SecurityContact
from responder.domain.enrichment.enricher import PORTION, Enricher, Result
from responder.domain.event import Event, read_event
from responder.domain.faults import Permanent, Rejected, Retryable
from responder.domain.finding_outcomes import report
from responder.domain.note import ENRICHER, RESOLVER
from responder.domain.ports import RecentUpdate
from responder.domain.security_hub import Finding, FindingGone, FindingKey, FindingRefused, FindingUpdate, read_finding
from tests.conftest import Sample
from tests.correlated_findings import HUB, correlation, event_of

CONTEXT = AccountContext(
    account="444455556666",
    name="Payments Production",
    state="ACTIVE",
    ou_path=("Root", "Workloads", "Prod"),
    tags={"Environment": "PROD", "Owner": "payments"},
    contact=SecurityContact("Zoë Nuñez", "payments@example.com", "+1-555-0142", "Lead"),
)


class World:
    """Security Hub, the directory and the memory of recent updates, each as plain data."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 14, 3, 20, tzinfo=UTC)
        self.known: dict[str, Known | Exception] = {"444455556666": Known(CONTEXT, self.now)}
        self.in_table: dict[str, Known | Exception] = {}
        self.hub: dict[FindingKey, dict[str, Any]] = {}
        self.problems: dict[FindingKey, Exception] = {}
        self.unreadable: dict[FindingKey, Exception] = {}
        self.written: list[dict[FindingKey, FindingUpdate]] = []
        self.asked: list[set[FindingKey]] = []
        self.remembered: dict[FindingKey, RecentUpdate] = {}
        self.forgets = False
        self.on_write: Callable[[object], None] = lambda _: None
        self.counted: dict[str, int] = {}
        self.enricher = Enricher(
            directory=self,
            findings=self,
            recent=self,
            hub="111122223333",
            clock=lambda: self.now,
            count=self.count,
            time_limit=timedelta(minutes=2),
        )

    def count(self, name: str, number: int) -> None:
        self.counted[name] = self.counted.get(name, 0) + number

    def contexts(self, accounts: Collection[str], *, skip_memory: bool = False) -> dict[str, Known | Exception]:
        unknown = Known(AccountContext(""), self.now)
        found = self.known | self.in_table if skip_memory else self.known
        return {account: found.get(account, replace(unknown, context=AccountContext(account))) for account in accounts}

    def get(self, findings: Collection[Finding], *, until: datetime) -> dict[FindingKey, Finding | Exception]:
        keys = [finding.key for finding in findings]
        self.asked.append(set(keys))
        read = {key: read_finding(self.hub[key], seen_at=self.now) for key in keys if key in self.hub}
        return read | self.unreadable

    def update(self, updates: Mapping[FindingKey, FindingUpdate], *, until: datetime) -> dict[FindingKey, Exception]:
        self.on_write(updates)
        self.written.append({key: update for key, update in updates.items() if key not in self.problems})
        for key, update in self.written[-1].items():
            finding = self.hub.setdefault(key, {"ProductArn": key.product_arn, "Id": key.id})
            if update.fields is not None:
                finding["UserDefinedFields"] = dict(update.fields)
            if update.note is not None:
                finding["Note"] = {"Text": update.note.text, "UpdatedBy": update.note.updated_by}
        return {key: problem for key, problem in self.problems.items() if key in updates}

    def of(self, keys: Collection[FindingKey], now: datetime) -> dict[FindingKey, RecentUpdate]:
        return {key: self.remembered[key] for key in keys if key in self.remembered}

    def remember(self, updates: Mapping[FindingKey, RecentUpdate], now: datetime) -> None:
        if self.forgets:
            raise Retryable("throttled")
        self.remembered |= updates

    def deliver(self, *events: Mapping[str, Any]) -> list[Any]:
        """Deliver events as one batch; of each what became of its findings, in order, or its problem."""
        self.written.clear()
        outcomes = self.enricher.enrich([self.event(event) for event in events])
        return [outcome if isinstance(outcome, Exception) else list(outcome.values()) for outcome in outcomes]

    def event(self, event: Mapping[str, Any]) -> Event:
        read = read_event(event)
        for finding in read.detail["findings"]:
            self.hub.setdefault(FindingKey(finding["ProductArn"], finding["Id"]), dict(finding))
        return read

    def finding(self, event: Mapping[str, Any]) -> dict[str, Any]:
        finding = event["detail"]["findings"][0]
        return self.hub[FindingKey(finding["ProductArn"], finding["Id"])]


@pytest.fixture
def world() -> World:
    return World()


def raised_by_update(world: World, event: Mapping[str, Any]) -> dict[str, Any]:
    """The event that Security Hub raises for a finding as it is now."""
    return {**event, "detail": {"findings": [dict(world.finding(event))]}}


def key_of(event: Mapping[str, Any]) -> FindingKey:
    return FindingKey(event["detail"]["findings"][0]["ProductArn"], event["detail"]["findings"][0]["Id"])


def many(sample: Sample, number: int) -> list[dict[str, Any]]:
    events = [sample("finding-control-failed") for _ in range(number)]
    for each, event in enumerate(events):
        event["detail"]["findings"][0]["Id"] += f"/{each:04d}"
    return events


def test_a_new_finding_gets_fields_and_note(world: World, sample: Sample) -> None:
    event = sample("finding-control-failed")

    assert world.deliver(event) == [[Result.ENRICHED]]

    finding = world.finding(event)
    assert finding["UserDefinedFields"]["findingEnriched"] == "true"
    assert finding["Note"] == {
        "Text": "[Security responder: account Payments Production (444455556666), OU Root/Workloads/Prod,"
        " Environment PROD, Owner payments, security contact Zoë Nuñez <payments@example.com> +1-555-0142]",
        "UpdatedBy": ENRICHER,
    }


def test_what_an_analyst_wrote_survives(world: World, sample: Sample) -> None:
    event = sample("finding-with-an-analysts-note")
    text = event["detail"]["findings"][0]["Note"]["Text"]

    world.deliver(event)

    finding = world.finding(event)
    assert finding["Note"]["Text"].startswith(f"{text}\n[Security responder: account Payments Production")
    assert {"Ticket": "SEC-2041", "Environment": "bastion hosts"}.items() <= finding["UserDefinedFields"].items()


def test_the_event_of_our_own_update_finds_nothing_to_do(world: World, sample: Sample) -> None:
    event = sample("finding-control-failed")
    world.deliver(event)
    world.remembered.clear()

    assert world.deliver(raised_by_update(world, event)) == [[Result.CURRENT]]
    assert (world.written, world.asked) == ([], [])


def test_nor_does_one_that_does_not_show_our_update_yet(world: World, sample: Sample) -> None:
    event = sample("finding-control-failed")
    world.deliver(event)

    assert world.deliver(event) == [[Result.WRITTEN_BEFORE]]
    assert (world.written, world.asked) == ([], [])


def test_a_changed_context_reaches_the_finding_with_its_next_event(world: World, sample: Sample) -> None:
    event = sample("finding-control-failed")
    world.deliver(event)
    world.known["444455556666"] = Known(replace(CONTEXT, tags={"Owner": "platform"}), world.now)

    assert world.deliver(raised_by_update(world, event)) == [[Result.ENRICHED]]

    assert world.finding(event)["UserDefinedFields"]["Owner"] == "platform"
    assert "Environment" not in world.finding(event)["UserDefinedFields"]
    assert "Owner platform" in world.finding(event)["Note"]["Text"]


def test_a_container_that_remembers_an_older_context_asks_before_it_overwrites_a_newer_one(
    world: World, sample: Sample
) -> None:
    event = sample("finding-control-failed")
    newer = Known(replace(CONTEXT, name="Payments (renamed)"), world.now)
    world.known["444455556666"], older = newer, world.known["444455556666"]
    world.deliver(event)
    world.known["444455556666"], world.in_table["444455556666"] = older, newer

    assert world.deliver(raised_by_update(world, event)) == [[Result.CURRENT]]


def test_a_stale_context_serves_findings_without_any_and_says_so(world: World, sample: Sample) -> None:
    event = sample("finding-control-failed")
    fresh = world.known["444455556666"]
    assert isinstance(fresh, Known)
    world.known["444455556666"] = replace(fresh, is_stale=True)

    assert world.deliver(event) == [[Result.ENRICHED]]
    assert world.finding(event)["UserDefinedFields"]["ContextFingerprint"].startswith(f"{CONTEXT.fingerprint} stale")
    assert "as of 2026-03-02" in world.finding(event)["Note"]["Text"]

    world.known["444455556666"] = fresh
    assert world.deliver(raised_by_update(world, event)) == [[Result.ENRICHED]]
    assert "stale" not in world.finding(event)["UserDefinedFields"]["ContextFingerprint"]


def test_a_stale_context_never_replaces_another(world: World, sample: Sample) -> None:
    event = sample("finding-control-failed")
    world.deliver(event)
    world.remembered.clear()
    world.known["444455556666"] = Known(replace(CONTEXT, name="Older"), world.now, is_stale=True)

    assert world.deliver(raised_by_update(world, event)) == [[Result.CURRENT]]


@pytest.mark.parametrize(
    "change",
    [{"RecordState": "ARCHIVED"}, *({"Workflow": {"Status": status}} for status in ("SUPPRESSED", "RESOLVED"))],
    ids=str,
)
def test_a_finding_that_is_settled_is_left_alone(world: World, sample: Sample, change: dict[str, Any]) -> None:
    event = sample("finding-control-failed")
    event["detail"]["findings"][0] |= change

    assert world.deliver(event) == [[Result.LEFT_ALONE]]
    assert world.written == []


def test_a_note_of_the_resolver_is_never_touched(world: World, sample: Sample) -> None:
    event = sample("finding-control-failed")
    note = {"Text": "[Security responder: bucket acme-invoices was deleted]", "UpdatedBy": RESOLVER}
    event["detail"]["findings"][0]["Note"] = note

    assert world.deliver(event) == [[Result.ENRICHED]]
    assert world.finding(event)["Note"] == note


def test_what_the_resolver_has_just_closed_is_left_alone_although_its_event_does_not_show_it(
    world: World, sample: Sample
) -> None:
    event = sample("finding-control-failed")
    world.remembered[key_of(event)] = RecentUpdate(RESOLVER, "")

    assert world.deliver(event) == [[Result.LEFT_ALONE]]
    assert world.written == []


def test_what_the_resolver_closes_while_others_are_written_is_left_alone(world: World, sample: Sample) -> None:
    events = many(sample, PORTION + 1)
    last = key_of(events[-1])

    def resolver_at_work(_: object) -> None:
        world.remembered[last] = RecentUpdate(RESOLVER, "")

    world.on_write = resolver_at_work

    assert world.deliver(*events)[-1] == [Result.LEFT_ALONE]
    assert "Note" not in world.hub[last]


def test_findings_of_one_account_are_written_together_up_to_a_portion(world: World, sample: Sample) -> None:
    accounts = ["1" * 12, "2" * 12, "3" * 12]
    sizes = {accounts[0]: 60, accounts[1]: 60, accounts[2]: PORTION + 30}
    events = many(sample, sum(sizes.values()))
    owners = [account for account in accounts for _ in range(sizes[account])]
    Random(5).shuffle(owners)
    for event, account in zip(events, owners, strict=True):
        event["detail"]["findings"][0]["AwsAccountId"] = account

    assert world.deliver(*events) == [[Result.ENRICHED]] * len(events)

    written = [Counter(world.hub[key]["AwsAccountId"] for key in updates) for updates in world.written]
    one, other = sorted(accounts[:2], key=owners.index)
    assert written == [{accounts[2]: PORTION}, {one: 60, accounts[2]: 30}, {other: 60}]


def test_a_finding_whose_turn_comes_late_is_read_again_first(world: World, sample: Sample) -> None:
    events = many(sample, PORTION + 1)
    last = key_of(events[-1])

    def slow_and_meanwhile(_: object) -> None:
        world.now += timedelta(seconds=70)
        world.hub[last].setdefault("Note", {"Text": "Mine.", "UpdatedBy": "kim"})

    world.on_write = slow_and_meanwhile

    assert world.deliver(*events)[-1] == [Result.ENRICHED]
    assert world.asked == [{last}]
    assert world.hub[last]["Note"]["Text"].startswith("Mine.\n[Security responder: ")


def test_a_finding_that_security_hub_refuses_to_read_is_rejected_and_the_others_are_not(
    world: World, sample: Sample
) -> None:
    events = many(sample, 3)
    world.now += timedelta(hours=1)
    world.unreadable[key_of(events[1])] = FindingRefused("its id is blank")

    first, refused, third = world.deliver(*events)

    assert (first, third) == ([Result.ENRICHED], [Result.ENRICHED])
    assert isinstance(refused, Rejected)
    assert refused.reason == "its id is blank"


def test_an_event_from_before_our_own_last_update_is_no_ground_to_write_on(world: World, sample: Sample) -> None:
    event = sample("finding-control-failed")
    world.deliver(event)
    world.finding(event)["Note"]["Text"] += "\nMine."
    world.known["444455556666"] = Known(replace(CONTEXT, name="Renamed"), world.now)

    assert world.deliver(event) == [[Result.ENRICHED]]
    assert "Mine." in world.finding(event)["Note"]["Text"]


class TestFindingsWithoutRoom:
    """Fifty fields and 512 characters are others'."""

    def test_a_full_note_keeps_its_text_and_its_author(self, world: World, sample: Sample) -> None:
        event = sample("finding-control-failed")
        note = {"Text": "x" * 512, "UpdatedBy": "kim"}
        event["detail"]["findings"][0]["Note"] = note

        assert world.deliver(event) == [[Result.ENRICHED]]
        assert world.finding(event)["Note"] == note
        assert world.finding(event)["UserDefinedFields"]["OUName"] == "Prod"

    def test_fifty_fields_leave_the_note(self, world: World, sample: Sample) -> None:
        event = sample("finding-control-failed")
        fields = {f"field {number}": "x" for number in range(50)}
        event["detail"]["findings"][0]["UserDefinedFields"] = fields

        assert world.deliver(event) == [[Result.ENRICHED]]
        assert world.finding(event)["UserDefinedFields"] == fields
        assert "Payments Production" in world.finding(event)["Note"]["Text"]
        world.remembered.clear()
        assert world.deliver(raised_by_update(world, event)) == [[Result.CURRENT]]

    def test_where_nothing_fits_nothing_is_written(self, world: World, sample: Sample) -> None:
        event = sample("finding-control-failed")
        event["detail"]["findings"][0] |= {
            "Note": {"Text": "x" * 512, "UpdatedBy": "kim"},
            "UserDefinedFields": {f"field {number}": "x" for number in range(50)},
        }

        assert world.deliver(event) == [[Result.CURRENT]]
        assert world.written == []


class TestOldEvents:
    """An event of over a minute ago is no ground to write on."""

    def test_the_finding_is_read_again_and_what_people_wrote_meanwhile_survives(
        self, world: World, sample: Sample
    ) -> None:
        event = sample("finding-control-failed")
        world.event(event)
        world.finding(event)["Note"] = {"Text": "Mine.", "UpdatedBy": "kim"}
        world.now += timedelta(minutes=10)

        assert world.deliver(event) == [[Result.ENRICHED]]
        assert world.finding(event)["Note"]["Text"].startswith("Mine.\n[Security responder: ")

    def test_one_that_somebody_has_settled_meanwhile_is_left_alone(self, world: World, sample: Sample) -> None:
        event = sample("finding-control-failed")
        world.event(event)
        world.finding(event)["Workflow"] = {"Status": "SUPPRESSED"}
        world.now += timedelta(minutes=10)

        assert world.deliver(event) == [[Result.LEFT_ALONE]]
        assert world.written == []

    def test_one_that_is_gone_is_no_error(self, world: World, sample: Sample) -> None:
        event = sample("finding-control-failed")
        world.event(event)
        world.hub.clear()
        world.now += timedelta(minutes=10)
        world.event = read_event  # type: ignore[method-assign,assignment]

        assert world.deliver(event) == [[Result.GONE]]

    def test_events_of_one_second_that_disagree_are_settled_by_reading(self, world: World, sample: Sample) -> None:
        event, other = sample("finding-control-failed"), sample("finding-control-failed")
        other["detail"]["findings"][0]["Note"] = {"Text": "Mine.", "UpdatedBy": "kim"}
        other["time"] = event["time"] = "2026-03-02T14:03:59Z"
        world.event(other)

        assert world.deliver(event, other) == [[Result.ENRICHED], [Result.ENRICHED]]
        assert world.asked == [{key_of(event)}]
        assert world.finding(event)["Note"]["Text"].startswith("Mine.\n")


class TestFailures:
    def test_one_account_without_context_touches_no_other(self, world: World, sample: Sample) -> None:
        problem = Retryable("throttled")
        world.known["777788889999"] = problem
        event, other = sample("finding-control-failed"), sample("finding-in-another-region")

        assert world.deliver(event, other) == [[Result.ENRICHED], problem]

    def test_a_failed_update_touches_no_other_and_is_not_remembered(self, world: World, sample: Sample) -> None:
        event, other = sample("finding-control-failed"), sample("finding-in-another-region")
        problem = world.problems[key_of(other)] = Retryable("ConcurrentUpdateError")

        assert world.deliver(event, other) == [[Result.ENRICHED], problem]
        assert world.remembered.keys() == {key_of(event)}

    def test_a_finding_that_is_gone_when_it_is_written_is_no_error(self, world: World, sample: Sample) -> None:
        event = sample("finding-control-failed")
        world.problems[key_of(event)] = FindingGone("FindingNotFound")

        assert world.deliver(event) == [[Result.GONE]]

    def test_a_refused_update_is_rejected_with_its_reason(self, world: World, sample: Sample) -> None:
        event = sample("finding-control-failed")
        world.problems[key_of(event)] = FindingRefused("could not update a finding: InvalidInput")

        (outcome,) = world.deliver(event)

        assert isinstance(outcome, Rejected)
        assert str(outcome) == "could not update a finding: InvalidInput"

    def test_a_missing_permission_is_not_the_findings_fault(self, world: World, sample: Sample) -> None:
        event = sample("finding-control-failed")
        problem = world.problems[key_of(event)] = Permanent("AccessDenied")

        assert world.deliver(event) == [problem]

    def test_of_several_findings_in_an_event_the_good_ones_are_done(self, world: World, sample: Sample) -> None:
        event = sample("finding-several-in-one-event")
        del event["detail"]["findings"][1]["AwsAccountId"]

        (outcome,) = world.deliver(event)

        assert str(outcome) == "detail.findings.1.AwsAccountId: is missing"
        assert world.finding(event)["UserDefinedFields"]["OUName"] == "Prod"

    def test_what_is_to_be_tried_again_comes_before_what_cannot_succeed(self, world: World, sample: Sample) -> None:
        event = sample("finding-several-in-one-event")
        del event["detail"]["findings"][1]["AwsAccountId"]
        problem = world.known["444455556666"] = Retryable("throttled")

        assert world.deliver(event) == [problem]

    def test_an_update_that_could_not_be_remembered_is_done_nevertheless(self, world: World, sample: Sample) -> None:
        world.forgets = True

        assert world.deliver(sample("finding-control-failed")) == [[Result.ENRICHED]]
        assert world.counted["UpdatesNotRemembered"] == 1


def test_duplicates_in_a_batch_are_written_once(world: World, sample: Sample) -> None:
    event = sample("finding-control-failed")

    assert world.deliver(event, event, event) == [[Result.ENRICHED]] * 3
    assert len(world.written) == 1


def test_an_event_reports_the_finding_with_which_most_was_done() -> None:
    first, second = FindingKey("arn", "1"), FindingKey("arn", "2")

    assert report({first: Result.CURRENT, second: Result.ENRICHED}) == {
        "outcome": "enriched",
        "finding_id": "2",
        "findings": 2,
    }


class TestFindingsOfOurs:
    """They are in the hub's account and tell of another's resources."""

    def test_they_get_the_context_of_the_resources_account(self, world: World) -> None:
        event = event_of(correlation())
        world.now = datetime(2026, 3, 2, 6, 17, 30, tzinfo=UTC)
        world.known[HUB] = Known(AccountContext(HUB, "Security Tooling"), world.now)

        assert world.deliver(event) == [[Result.ENRICHED]]

        assert world.finding(event)["UserDefinedFields"]["AccountName"] == "Payments Production"
        assert "Security Tooling" not in world.finding(event)["Note"]["Text"]
        world.remembered.clear()
        assert world.deliver(raised_by_update(world, event)) == [[Result.CURRENT]]

    @pytest.mark.parametrize("sender", [HUB, "777788889999"])
    def test_a_members_finding_that_claims_to_be_one_gets_its_own_accounts(self, world: World, sender: str) -> None:
        product = "arn:aws:securityhub:eu-west-1:777788889999:product/777788889999/default"
        event = event_of(correlation(), ProductArn=product, AwsAccountId="777788889999") | {"account": sender}

        assert world.deliver(event) == [[Result.ENRICHED]]

        assert "account 777788889999" in world.finding(event)["Note"]["Text"]
        assert "AccountName" not in world.finding(event)["UserDefinedFields"]

    def test_one_that_names_another_account_when_it_is_read_again_keeps_its_events(self, world: World) -> None:
        event = event_of(correlation())
        world.event(event)
        fields = world.finding(event)["ProductFields"]
        world.finding(event)["ProductFields"] = {**fields, "responder/Resource": "nonsense"}

        assert world.deliver(event) == [[Result.ENRICHED]]

        assert world.asked
        assert world.finding(event)["UserDefinedFields"]["AccountName"] == "Payments Production"

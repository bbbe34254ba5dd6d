"""The sweep: what is resolved, what stays open for want of proof, and how a sweep gets to its end."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from responder.domain.deletion.ports import PageLost
from responder.domain.deletion.recorded import COVERED, LEFT_OUT, Names, RecordedItem, names_of, read_item
from responder.domain.deletion.sweep import PAUSE, PORTIONS, SOURCE, SWEEP, Sweeper
from responder.domain.event import Event, read_event
from responder.domain.faults import Permanent, Rejected, Retryable
from responder.domain.note import ENRICHER, RESOLVER
from responder.domain.ports import RecentUpdate
from responder.domain.resource import Resource
from responder.domain.resource.types import TYPES
from responder.domain.security_hub import Finding, FindingGone, FindingKey, FindingRefused, FindingUpdate, read_finding
from tests.correlated_findings import HUB, HUB_PRODUCT, correlation, finding_of

ACCOUNT, OTHER_ACCOUNT, REGION = "444455556666", "222222222222", "eu-west-1"
NOW = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
GUARDDUTY = f"arn:aws:securityhub:{REGION}::product/aws/guardduty"
INSTANCE = "AWS::EC2::Instance"
LONG_AGO, SINCE = "2026-03-01T10:00:00Z", "2026-03-05T10:00:00.000Z"


def instance_arn(id_: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:ec2:{region}:{account}:instance/{id_}"


def instance(id_: str, account: str = ACCOUNT) -> dict[str, Any]:
    return {"Type": "AwsEc2Instance", "Id": instance_arn(id_, account), "Region": REGION}


def role(name: str) -> dict[str, Any]:
    return {"Type": "AwsIamRole", "Id": f"arn:aws:iam::{ACCOUNT}:role/service-role/{name}", "Region": REGION}


def bucket(name: str) -> dict[str, Any]:
    return {"Type": "AwsS3Bucket", "Id": f"arn:aws:s3:::{name}", "Region": REGION}


def recorded(id_: str, *, account: str = ACCOUNT, region: str = REGION, at: str = SINCE, **change: Any) -> Any:
    """A row of the aggregator, of an instance unless the changes say another thing."""
    return {
        "accountId": account,
        "awsRegion": region,
        "resourceType": INSTANCE,
        "resourceId": id_,
        "arn": instance_arn(id_, account, region),
        "configurationItemCaptureTime": at,
    } | change


def recorded_role(name: str, **change: Any) -> Any:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    own = {"resourceType": "AWS::IAM::Role", "resourceId": f"AROA{name.upper()}", "resourceName": name, "arn": arn}
    return recorded("", region="global") | own | change


def recorded_bucket(name: str, **change: Any) -> Any:
    own = {"resourceType": "AWS::S3::Bucket", "resourceId": name, "resourceName": name, "arn": f"arn:aws:s3:::{name}"}
    return recorded("") | own | change


def key(number: int, product: str = GUARDDUTY) -> FindingKey:
    return FindingKey(product, f"finding-{number}")


class World:
    """Security Hub, the aggregator, the memory of recent updates and the queue, each as plain data."""

    name = "organization"

    def __init__(self) -> None:
        self.now = NOW
        self.hub: dict[FindingKey, dict[str, Any]] = {}
        self.rows: list[dict[str, Any]] = []
        self.remembered: dict[FindingKey, RecentUpdate] = {}
        self.sent: list[tuple[Mapping[str, Any], timedelta]] = []
        self.counts: dict[str, int] = {}
        self.pages: list[Mapping[str, Any]] = []
        self.asked: list[str | None] = []
        self.written: list[FindingKey] = []
        self.read_again: list[FindingKey] = []
        self.page_size = 100
        self.page_takes = timedelta()
        self.query_takes = timedelta()
        self.lost: set[str] = set()
        self.page_problems: list[Exception | None] = []
        self.query_problems: list[Exception | None] = []
        self.update_problems: dict[FindingKey, Exception] = {}
        self.meanwhile: dict[FindingKey, dict[str, Any]] = {}
        self.sweeper = Sweeper(
            search=self,
            findings=self,
            inventory=self,
            recent=self,
            later=self,
            clock=lambda: self.now,
            count=self.count,
            tell=self.pages.append,
            time_limit=timedelta(seconds=560),
            page_limit=timedelta(seconds=270),
        )

    # What is there

    def put(self, number: int, *resources: dict[str, Any], product: str = GUARDDUTY, **change: Any) -> FindingKey:
        """A finding in Security Hub: old, and not seen again for long, unless the changes say so."""
        self.hub[key(number, product)] = {
            "Id": f"finding-{number}",
            "ProductArn": product,
            "AwsAccountId": ACCOUNT,
            "Region": REGION,
            "CreatedAt": LONG_AGO,
            "UpdatedAt": LONG_AGO,
            "Resources": list(resources),
        } | change
        return key(number, product)

    def status(self, wanted: FindingKey) -> str:
        return str(self.hub[wanted].get("Workflow", {}).get("Status", "NEW"))

    def note(self, wanted: FindingKey) -> str:
        return str(self.hub[wanted]["Note"]["Text"])

    # The ports

    def open_findings(
        self, resource_types: Sequence[str], *, token: str | None, until: datetime
    ) -> tuple[list[Finding], str | None]:
        self.asked.append(token)
        if self.page_problems and (problem := self.page_problems.pop(0)):
            raise problem
        if token in self.lost:
            raise PageLost("NextToken is not valid")
        self.now += self.page_takes
        start = int(token or 0)
        fitting = [
            read_finding(finding, seen_at=self.now)
            for finding in self.hub.values()
            if any(resource["Type"] in resource_types for resource in finding["Resources"])
        ]
        end = start + self.page_size
        return fitting[start:end], str(end) if end < len(fitting) else None

    def bearing(self, names: Collection[Names], *, until: datetime) -> list[RecordedItem]:
        if self.query_problems and (problem := self.query_problems.pop(0)):
            raise problem
        self.now += self.query_takes
        return [
            item
            for item in self._items()
            if any(item.answers_to(wanted) and wanted.account in (None, item.account) for wanted in names)
        ]

    def latest(self, kind: str, *, account: str, region: str | None, until: datetime) -> list[RecordedItem]:
        if self.query_problems and (problem := self.query_problems.pop(0)):
            raise problem
        return [
            item
            for item in self._items()
            if (item.type, item.account) == (kind, account) and region in (None, item.region)
        ]

    def earliest(self, kind: str, *, account: str, region: str | None, until: datetime) -> list[RecordedItem]:
        return self.latest(kind, account=account, region=region, until=until)

    def _items(self) -> list[RecordedItem]:
        return [item for row in self.rows if (item := read_item(row))]

    def get(self, findings: Collection[Finding], *, until: datetime) -> dict[FindingKey, Finding | Exception]:
        keys = [finding.key for finding in findings]
        self.read_again += keys
        for changed, change in self.meanwhile.items():
            self.hub[changed] |= change
        return {wanted: read_finding(self.hub[wanted], seen_at=self.now) for wanted in keys}

    def update(self, updates: Mapping[FindingKey, FindingUpdate], *, until: datetime) -> dict[FindingKey, Exception]:
        problems = {wanted: self.update_problems[wanted] for wanted in updates if wanted in self.update_problems}
        for wanted, update in updates.items():
            if wanted not in problems:
                assert update.note is not None
                self.written.append(wanted)
                self.hub[wanted]["Note"] = {"Text": update.note.text, "UpdatedBy": update.note.updated_by}
                self.hub[wanted]["Workflow"] = {"Status": update.workflow_status}
        return problems

    def of(self, keys: Collection[FindingKey], now: datetime) -> dict[FindingKey, RecentUpdate]:
        return {wanted: self.remembered[wanted] for wanted in keys if wanted in self.remembered}

    def remember(self, updates: Mapping[FindingKey, RecentUpdate], now: datetime) -> None:
        self.remembered |= updates

    def send(self, event: Mapping[str, Any], *, delay: timedelta) -> None:
        self.sent.append((event, delay))

    def count(self, name: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + number

    # What is done

    def sweep(self, event: Event | None = None, *, dry_run: bool = False) -> Mapping[str, Any]:
        return self.sweeper.sweep(event or begin(dry_run=dry_run))

    def sweep_to_the_end(self, *, dry_run: bool = False) -> list[Mapping[str, Any]]:
        """Every part's report, each begun by the event that the one before has sent."""
        reports = [self.sweep(dry_run=dry_run)]
        while len(self.sent) == len(reports):
            reports.append(self.sweep(read_event(self.sent[-1][0])))
        return reports


def begin(**detail: Any) -> Event:
    return read_event(
        {
            "version": "0",
            "id": "d32c5kddcf5bb8c3",
            "source": SOURCE,
            "detail-type": SWEEP,
            "account": "123456789012",
            "region": REGION,
            "time": "2026-03-10T03:00:00Z",
            "resources": [],
            "detail": {"dry_run": False} | detail,
        }
    )


@pytest.fixture
def world() -> World:
    """A world in which an instance lives, recorded after all signs of life of those that are gone."""
    world = World()
    world.rows = [recorded("i-1ives")]
    return world


# What is resolved


def test_the_finding_of_a_resource_that_is_gone_is_resolved_and_says_how_that_is_known(world: World) -> None:
    gone, lives = world.put(1, instance("i-90ne")), world.put(2, instance("i-1ives"))

    report = world.sweep()

    assert (world.status(gone), world.status(lives)) == ("RESOLVED", "NEW")
    assert world.hub[gone]["Note"] == {
        "Text": "[Security responder: AWS::EC2::Instance/i-90ne found gone at 2026-03-10T03:00:00Z"
        " (not in Config aggregator organization, event d32c5kddcf5bb8c3)]",
        "UpdatedBy": RESOLVER,
    }
    assert world.remembered == {gone: RecentUpdate(RESOLVER, "d32c5kddcf5bb8c3")}
    assert report == {
        "outcome": "swept",
        "sweep": "d32c5kddcf5bb8c3",
        "part": 1,
        "dry_run": False,
        "pages": len(PORTIONS),
        "findings": 2,
        "gone": 1,
    }
    assert {name: number for name, number in world.counts.items() if number} == {
        "FindingsSwept": 2,
        "FindingsSweptGone": 1,
        "FindingsResolved": 1,
    }


def test_what_people_wrote_stays_in_the_note(world: World) -> None:
    gone = world.put(1, instance("i-90ne"), Note={"Text": "Asked the owner.", "UpdatedBy": "ada"})

    world.sweep()

    assert world.note(gone).startswith("Asked the owner.\n[Security responder: AWS::EC2::Instance/i-90ne found gone")


@pytest.mark.parametrize(
    "change",
    [
        {"Workflow": {"Status": "SUPPRESSED"}},
        {"Workflow": {"Status": "RESOLVED"}},
        {"RecordState": "ARCHIVED"},
    ],
    ids=str,
)
def test_what_is_settled_is_not_touched(world: World, change: dict[str, Any]) -> None:
    settled = world.put(1, instance("i-90ne"), **change)

    world.sweep()

    assert world.written == []
    assert world.hub[settled] | change == world.hub[settled]


def test_a_finding_of_several_resources_is_resolved_when_all_are_gone(world: World) -> None:
    all_gone = world.put(1, instance("i-90ne"), instance("i-a150"))
    one_lives = world.put(2, instance("i-90ne"), instance("i-1ives"))
    one_unknown = world.put(3, instance("i-90ne"), {"Type": "AwsIamAccessKey", "Id": "AKIAEXAMPLE"})

    world.sweep()

    assert [world.status(finding) for finding in (all_gone, one_lives, one_unknown)] == ["RESOLVED", "NEW", "NEW"]
    assert world.note(all_gone).count("found gone") == 2
    assert world.counts["FindingsLeftOpen"] == 1


def test_a_name_is_gone_whatever_bears_it_in_other_accounts_and_regions(world: World) -> None:
    world.rows += [recorded("i-90ne", account=OTHER_ACCOUNT), recorded("i-90ne", region="us-east-1")]
    gone, theirs = world.put(1, instance("i-90ne")), world.put(2, instance("i-90ne", OTHER_ACCOUNT))

    world.sweep()

    assert (world.status(gone), world.status(theirs)) == ("RESOLVED", "NEW")


def test_an_iam_name_is_known_by_any_of_its_names(world: World) -> None:
    world.rows.append(recorded_role("report", arn=f"arn:aws:iam::{ACCOUNT}:role/service-role/report"))
    lives, gone = world.put(1, role("report")), world.put(2, role("obsolete"))
    by_unique_id = world.put(
        3, {"Type": "AwsIamRole", "Id": f"arn:aws:iam::{ACCOUNT}:role/AROAREPORT", "Region": REGION}
    )

    world.sweep()

    assert [world.status(finding) for finding in (lives, gone, by_unique_id)] == ["NEW", "RESOLVED", "NEW"]


def test_a_resource_that_another_region_records_as_global_is_covered(world: World) -> None:
    world.rows = [recorded_role("other", awsRegion="us-east-1")]
    gone = world.put(1, role("obsolete"))

    world.sweep()

    assert world.status(gone) == "RESOLVED"


# What stays open for want of proof


def test_nothing_is_resolved_when_the_aggregator_knows_nothing(world: World) -> None:
    world.rows = []
    world.put(1, instance("i-90ne"))

    world.sweep()

    assert world.written == []
    assert world.counts["ResourcesWithoutProof"] == 1
    assert world.pages[0]["without_proof"] == [f"aws/{ACCOUNT}/{REGION}/{INSTANCE}/i-90ne"]


@pytest.mark.parametrize(
    "row",
    [
        recorded("i-1ives", account=OTHER_ACCOUNT),
        recorded("i-1ives", region="us-east-1"),
        recorded_bucket("acme-logs"),
        recorded("i-1ives", at="2026-03-01T10:30:00Z"),
        recorded("i-1ives", at="2026-03-10T02:55:00Z"),
        recorded("i-1ives", at="unknown"),
        recorded("i-1ives", resourceId="", resourceName="web", arn="arn:aws:ec2:a:form:that/is-new"),
    ],
    ids=["other account", "other Region", "other type", "recorded before", "just begun", "no time", "other names"],
)
def test_nothing_is_resolved_where_the_aggregator_need_not_know_what_there_is(world: World, row: Any) -> None:
    world.rows = [row]
    world.put(1, instance("i-90ne"))

    world.sweep()

    assert world.written == []


def test_a_recorder_that_has_stopped_proves_nothing_about_what_came_later(world: World) -> None:
    """i-1ives is recorded until the 5th; i-1ater came on the 6th, when nothing is recorded any more."""
    later = world.put(1, instance("i-1ater"), CreatedAt="2026-03-06T00:00:00Z", UpdatedAt="2026-03-06T00:00:00Z")
    earlier = world.put(2, instance("i-90ne"))

    world.sweep()

    assert (world.status(later), world.status(earlier)) == ("NEW", "RESOLVED")


def test_an_assigned_id_is_not_used_again_but_a_name_may_be(world: World) -> None:
    world.rows += [recorded_role("other")]
    seen = {"LastObservedAt": "2026-03-09T00:00:00Z"}
    instance_finding, role_finding = world.put(1, instance("i-90ne"), **seen), world.put(2, role("obsolete"), **seen)

    world.sweep()

    assert (world.status(instance_finding), world.status(role_finding)) == ("RESOLVED", "NEW")


def test_a_volume_that_has_come_back_from_the_recycle_bin_is_alive(world: World) -> None:
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/"
    other = {"resourceType": "AWS::EC2::Volume", "resourceId": "vol-1ives", "arn": f"{arn}vol-1ives"}
    world.rows = [recorded("") | other]
    seen = world.put(
        1, {"Type": "AwsEc2Volume", "Id": f"{arn}vol-0back", "Region": REGION}, LastObservedAt="2026-03-10T02:30:00Z"
    )

    world.sweep()

    assert world.status(seen) == "NEW"


def test_a_finding_of_the_last_day_is_left_to_events(world: World) -> None:
    world.rows = [recorded("i-1ives", at="2026-03-10T02:59:00Z"), recorded("i-10ng", at=LONG_AGO)]
    yesterday = world.put(1, instance("i-90ne"), CreatedAt="2026-03-09T03:00:00Z")
    today = world.put(2, instance("i-90ne"), CreatedAt="2026-03-09T03:00:01Z")

    world.sweep()

    assert (world.status(yesterday), world.status(today)) == ("RESOLVED", "NEW")


@pytest.mark.parametrize(
    "change",
    [
        {"CreatedAt": "unknown", "UpdatedAt": None},
        {"CreatedAt": "unknown", "UpdatedAt": "2026-03-09T20:00:00Z"},
        {"Resources": [instance("i-90ne"), {"Type": "AwsEc2Instance"}]},
    ],
    ids=str,
)
def test_a_finding_that_does_not_say_enough_stays_open(world: World, change: dict[str, Any]) -> None:
    world.put(1, instance("i-90ne"), **change)

    world.sweep()

    assert world.written == []


@pytest.mark.parametrize(
    ("product", "known_elsewhere", "status"),
    [
        (GUARDDUTY, None, "RESOLVED"),
        (GUARDDUTY, {"account": OTHER_ACCOUNT}, "NEW"),
        (GUARDDUTY, {"region": "us-east-1"}, "NEW"),
        (f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default", None, "NEW"),
    ],
    ids=["gone", "in another account", "in another Region", "of an importer"],
)
def test_a_name_that_says_no_account_is_gone_only_if_it_is_nowhere(
    world: World, product: str, known_elsewhere: dict[str, str] | None, status: str
) -> None:
    """A bucket's ARN says neither account nor Region, and an importer's finding is in the importer's account."""
    world.rows.append(recorded_bucket("acme-other"))
    if known_elsewhere:
        elsewhere = {"accountId": ACCOUNT, "awsRegion": REGION} | {
            {"account": "accountId", "region": "awsRegion"}[name]: value for name, value in known_elsewhere.items()
        }
        world.rows.append(recorded_bucket("acme-logs", **elsewhere))
    finding = world.put(1, bucket("acme-logs"), product=product)

    world.sweep()

    assert world.status(finding) == status


def test_a_short_id_of_an_importer_stays_open(world: World) -> None:
    importer = f"arn:aws:securityhub:{REGION}::product/cspm/cspm"
    finding = world.put(1, {"Type": "AwsEc2Instance", "Id": "i-90ne", "Region": REGION}, product=importer)

    world.sweep()

    assert world.status(finding) == "NEW"


@pytest.mark.parametrize("name", ["o'hara", "back\\slash"])
def test_a_name_that_no_query_can_ask_for_stays_open(world: World, name: str) -> None:
    world.put(1, {"Type": "AwsS3Bucket", "Id": f"arn:aws:s3:::{name}", "Region": REGION})

    world.sweep()

    assert world.written == []


# Dry run, and what happens meanwhile


def test_a_dry_run_reports_and_changes_nothing(world: World) -> None:
    gone = world.put(1, instance("i-90ne"))
    before = dict(world.hub[gone])

    report = world.sweep(dry_run=True)

    assert (report["gone"], report["dry_run"]) == (1, True)
    assert world.pages[0]["gone"] == [
        {"finding_id": "finding-1", "resources": [f"aws/{ACCOUNT}/{REGION}/{INSTANCE}/i-90ne"]}
    ]
    assert world.hub[gone] == before
    assert (world.remembered, world.written) == ({}, [])
    assert world.counts["FindingsSweptGone"] == 1
    assert world.counts.get("FindingsResolved", 0) == 0


def test_what_was_resolved_a_moment_ago_is_not_resolved_again(world: World) -> None:
    resolved, enriched = world.put(1, instance("i-90ne")), world.put(2, instance("i-90ne"))
    world.remembered = {resolved: RecentUpdate(RESOLVER, "e-1"), enriched: RecentUpdate(ENRICHER, "context")}

    world.sweep()

    assert world.written == [enriched]


def test_what_was_read_a_minute_ago_is_read_again(world: World) -> None:
    world.query_takes = timedelta(seconds=61)
    world.rows.append(recorded_role("other"))
    settled, noted = world.put(1, instance("i-90ne")), world.put(2, instance("i-90ne"))
    other, seen = world.put(3, instance("i-90ne")), world.put(4, role("obsolete"))
    world.meanwhile = {
        settled: {"Workflow": {"Status": "SUPPRESSED"}},
        noted: {"Note": {"Text": "Mine.", "UpdatedBy": "ada"}},
        other: {"Resources": [instance("i-1ives")]},
        seen: {"LastObservedAt": "2026-03-10T03:00:00Z"},
    }

    world.sweep()

    assert [world.status(finding) for finding in (settled, noted, other, seen)] == [
        "SUPPRESSED",
        "RESOLVED",
        "NEW",
        "NEW",
    ]
    assert world.note(noted).startswith("Mine.\n")


def test_what_was_just_read_is_not_read_again(world: World) -> None:
    world.put(1, instance("i-90ne"))

    world.sweep()

    assert world.read_again == []


# To the end


def test_every_page_is_settled_once_over_as_many_parts_as_it_takes(world: World) -> None:
    world.page_size, world.page_takes = 10, timedelta(seconds=200)
    findings = [world.put(number, instance("i-90ne" if number % 2 else "i-1ives")) for number in range(70)]

    reports = world.sweep_to_the_end()

    assert [report["outcome"] for report in reports[:-1]] == ["to_be_continued"] * (len(reports) - 1)
    assert reports[-1]["outcome"] == "swept"
    assert (reports[-1]["findings"], reports[-1]["gone"]) == (70, 35)
    assert world.written == findings[1::2]
    assert world.asked == [None, "10", "20", "30", "40", "50", "60", *[None] * (len(PORTIONS) - 1)]
    events = [event for event, _ in world.sent]
    assert [event["id"] for event in events] == [f"d32c5kddcf5bb8c3/{number + 2}" for number in range(len(events))]
    assert all(delay == timedelta() for _, delay in world.sent)
    assert {event["detail"]["sweep"] for event in events} == {"d32c5kddcf5bb8c3"}


def test_a_dry_run_stays_one_in_its_later_parts(world: World) -> None:
    world.page_size, world.page_takes = 10, timedelta(seconds=600)
    for number in range(30):
        world.put(number, instance("i-90ne"))

    world.sweep_to_the_end(dry_run=True)

    assert len(world.sent) > 2
    assert world.written == []


def test_a_throttle_at_the_first_page_is_delivered_again_and_a_later_one_goes_on_from_there(world: World) -> None:
    world.page_size = 10
    for number in range(30):
        world.put(number, instance("i-90ne"))

    world.page_problems = [Retryable("throttled")]
    with pytest.raises(Retryable):
        world.sweep()
    world.page_problems = [None, Retryable("throttled")]
    report = world.sweep()

    assert (report["outcome"], report["pages"], report["reason"]) == ("to_be_continued", 1, "throttled")
    ((event, delay),) = world.sent
    assert (event["detail"]["token"], delay) == ("10", PAUSE)
    assert world.sweep(read_event(event))["outcome"] == "swept"
    assert len(world.written) == 30


@pytest.mark.parametrize("which", [0, 1], ids=["which there are", "what is recorded"])
@pytest.mark.parametrize("kind", [Retryable, Permanent])
def test_nothing_is_resolved_by_a_query_that_fails(world: World, kind: type[Exception], which: int) -> None:
    world.put(1, instance("i-90ne"))
    world.query_problems = [*[None] * which, kind("no answer")]

    with pytest.raises(kind):
        world.sweep()

    assert (world.written, world.sent) == ([], [])


def test_a_lost_token_begins_its_portion_anew(world: World) -> None:
    world.page_size, world.lost = 10, {"20"}
    for number in range(30):
        world.put(number, instance("i-1ives"))

    with pytest.raises(PageLost):
        world.sweep()

    assert world.asked == [None, "10", "20"] * 4


def test_a_lost_token_of_an_earlier_part_is_no_hindrance(world: World) -> None:
    gone = world.put(1, instance("i-90ne"))
    world.lost = {"expired"}

    report = world.sweep(begin(sweep="s-1", part=2, token="expired"))

    assert (report["outcome"], world.status(gone)) == ("swept", "RESOLVED")


def test_an_update_that_fails_repeats_its_page_and_keeps_what_is_done(world: World) -> None:
    done, failed = world.put(1, instance("i-90ne")), world.put(2, instance("i-90ne"))
    world.update_problems = {failed: Retryable("ConcurrentUpdateError")}

    with pytest.raises(Retryable):
        world.sweep()
    assert world.remembered.keys() == {done}

    world.update_problems = {}
    world.sweep()

    assert world.written == [done, failed]


def test_a_finding_that_is_gone_or_refused_holds_nothing_up(world: World) -> None:
    expired, refused, other = (world.put(number, instance("i-90ne")) for number in range(3))
    world.update_problems = {expired: FindingGone("gone"), refused: FindingRefused("too large")}

    assert world.sweep()["outcome"] == "swept"

    assert world.written == [other]
    assert world.counts["FindingsRefused"] == 1


def test_a_call_that_is_refused_altogether_is_no_matter_of_time(world: World) -> None:
    one, other = world.put(1, instance("i-90ne")), world.put(2, instance("i-90ne"))
    world.update_problems = {one: Retryable("busy"), other: Permanent("AccessDeniedException")}

    with pytest.raises(Permanent, match="AccessDenied"):
        world.sweep()


# Bad input


@pytest.mark.parametrize(
    ("detail", "field"),
    [
        ({"dry_run": "false"}, "detail.dry_run"),
        ({"dry_run": None}, "detail.dry_run"),
        ({"part": 0}, "detail.part"),
        ({"part": 1001}, "detail.part"),
        ({"portion": -1}, "detail.portion"),
        ({"portion": len(PORTIONS)}, "detail.portion"),
        ({"token": 7}, "detail.token"),
        ({"token": ""}, "detail.token"),
    ],
    ids=str,
)
def test_nonsense_is_rejected_with_its_field(world: World, detail: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as rejection:
        world.sweep(begin(**detail))

    assert rejection.value.field == field
    assert world.asked == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"detail": {}}, "detail.dry_run"),
        ({"detail-type": "Scheduled Event"}, "detail-type"),
        ({"source": "aws.events"}, "source"),
    ],
    ids=str,
)
def test_another_kind_of_event_is_rejected(world: World, change: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as rejection:
        world.sweep(read_event({**begin().document, **change}))

    assert rejection.value.field == field


# The types


def test_every_type_that_findings_tell_of_is_covered_or_left_out_with_a_reason() -> None:
    told = {kind.name for kind in TYPES if kind.asff}

    assert set(COVERED) | LEFT_OUT.keys() == told
    assert set(COVERED) & LEFT_OUT.keys() == set()
    assert all(LEFT_OUT.values())


def test_config_records_every_covered_type_under_its_own_name_alone() -> None:
    model = boto3.client("config").meta.service_model.shape_for("ResourceType")

    assert set(COVERED) <= set(model.enum)  # type: ignore[attr-defined]
    assert [kind.name for kind in TYPES if kind.name in COVERED and kind.aliases] == []


def test_a_filter_takes_every_portion() -> None:
    assert all(0 < len(portion) <= 20 for portion in PORTIONS)
    assert len({name for portion in PORTIONS for name in portion}) == sum(map(len, PORTIONS))


def test_names_tell_what_is_asked_for() -> None:
    group = Resource("aws", ACCOUNT, REGION, "AWS::AutoScaling::AutoScalingGroup", "web")

    assert names_of(group, ACCOUNT) == Names(group.type, ("web",), (), ACCOUNT)
    assert names_of(Resource("aws", ACCOUNT, REGION, "AWS::KMS::Key", "0a1b")) is None
    assert names_of(Resource("aws", ACCOUNT, REGION, INSTANCE, "arn:aws:s3:::acme-logs")) is None


# Findings of ours


def put_correlated(world: World, number: int, id_: str, mention: dict[str, Any]) -> FindingKey:
    named = Resource("aws", ACCOUNT, REGION, INSTANCE, id_)
    finding = finding_of(correlation(resource=named, mention=mention))
    ours = {name: finding[name] for name in ("AwsAccountId", "ProductFields", "LastObservedAt")}
    return world.put(number, mention, product=HUB_PRODUCT, **ours)


def test_a_correlated_finding_is_resolved_when_the_instance_of_its_account_is_gone(world: World) -> None:
    gone = put_correlated(world, 1, "i-90ne", {"Type": "AwsEc2Instance", "Id": "i-90ne", "Region": REGION})
    lives = put_correlated(world, 2, "i-1ives", instance("i-1ives"))
    world.rows.append(recorded("i-90ne", account=HUB))  # its namesake in the account that the finding is in

    world.sweep()

    assert (world.status(gone), world.status(lives)) == ("RESOLVED", "NEW")

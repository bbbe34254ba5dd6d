"""The resolver: which findings of deleted resources are closed, which are left alone, and what comes again."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from responder.domain.deletion.deleted import Deletion
from responder.domain.deletion.resolver import Resolver, queries
from responder.domain.event import Event
from responder.domain.faults import Rejected, Retryable
from responder.domain.note import RESOLVER
from responder.domain.ports import RecentUpdate
from responder.domain.resource import Resource
from responder.domain.security_hub import (
    FILTER_VALUES,
    Finding,
    FindingGone,
    FindingKey,
    FindingRefused,
    FindingUpdate,
    read_finding,
)
from tests.correlated_findings import correlation, finding_of
from tests.domain.deletion.records import ACCOUNT, INSTANCE, OTHER_INSTANCE, REGION, called, item, terminated

HUB = "111122223333"
PRODUCT = f"arn:aws:securityhub:{REGION}::product/aws/securityhub"
BEFORE, DELETED, AFTER = "2026-03-01T01:00:00.000Z", "2026-03-01T02:13:05Z", "2026-03-01T03:00:00.000Z"
BUCKET = {"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::acme-invoices"}


def instance(id_: str = INSTANCE, account: str = ACCOUNT, region: str = REGION) -> dict[str, str]:
    return {"Type": "AwsEc2Instance", "Id": f"arn:aws:ec2:{region}:{account}:instance/{id_}"}


def termination(*ids: str) -> Event:
    return called("ec2.amazonaws.com", "TerminateInstances", **terminated(*((id_, "shutting-down") for id_ in ids)))


BUCKET_DELETION = called("s3.amazonaws.com", "DeleteBucket", requestParameters={"bucketName": "acme-invoices"})


class World:
    """Security Hub and the tables, each as plain data."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 2, 14, tzinfo=UTC)
        self.hub: dict[str, dict[str, Any]] = {}
        self.visible: dict[str, dict[str, Any]] | None = None
        self.deleted: dict[Resource, Deletion] = {}
        self.recent: dict[FindingKey, RecentUpdate] = {}
        self.problems: dict[str, Exception] = {}
        self.unreadable: dict[str, Exception] = {}
        self.written: list[FindingKey] = []
        self.queries = 0
        self.read_again: list[FindingKey] = []
        self.a_query_takes = timedelta()
        self.forgets = False
        self.on_write: Callable[[Mapping[FindingKey, FindingUpdate]], None] = lambda _: None
        self.counted: dict[str, int] = {}
        self.resolver = Resolver(
            search=self,
            findings=self,
            deleted=_Deleted(self),
            recent=_Recent(self),
            hub=HUB,
            clock=lambda: self.now,
            count=self.count,
            time_limit=timedelta(minutes=4),
        )

    def count(self, name: str, number: int) -> None:
        if number:
            self.counted[name] = self.counted.get(name, 0) + number

    def finding(self, id_: str, *resources: Mapping[str, str], observed: str = BEFORE, **changes: Any) -> None:
        self.hub[id_] = {
            "ProductArn": PRODUCT,
            "Id": id_,
            "AwsAccountId": ACCOUNT,
            "Region": REGION,
            "LastObservedAt": observed,
            "UpdatedAt": observed,
            "RecordState": "ACTIVE",
            "Workflow": {"Status": "NEW"},
            "Resources": list(resources),
            **changes,
        }

    def deliver(self, *events: Event) -> list[Any]:
        return [
            outcome if isinstance(outcome, Exception) else outcome["outcome"]
            for outcome in self.resolver.resolve(events)
        ]

    def resolved(self) -> set[str]:
        return {id_ for id_, finding in self.hub.items() if finding["Workflow"]["Status"] == "RESOLVED"}

    # The ports

    def naming(
        self, exact: Sequence[str], prefixes: Sequence[str], *, accounts: Collection[str], until: datetime
    ) -> list[Finding]:
        """Finds by text alone, as GetFindings does, whichever account and Region a text belongs to."""
        assert len(exact) + len(prefixes) <= 20
        assert len(accounts) <= 20
        self.queries += 1
        if self.now >= until:
            raise Retryable("no time is left")
        self.now += self.a_query_takes
        for text, problem in self.unreadable.items():
            if text in exact:
                raise problem
        return [
            read_finding(finding, seen_at=self.now)
            for finding in (self.hub if self.visible is None else self.visible).values()
            if finding["AwsAccountId"] in accounts
            and finding["Workflow"]["Status"] in ("NEW", "NOTIFIED")
            and any(
                resource["Id"] in exact or resource["Id"].startswith(tuple(prefixes))
                for resource in finding["Resources"]
            )
        ]

    def get(self, findings: Collection[Finding], *, until: datetime) -> dict[FindingKey, Finding | Exception]:
        keys = [finding.key for finding in findings]
        self.read_again += keys
        return {key: read_finding(self.hub[key.id], seen_at=self.now) for key in keys}

    def update(self, updates: Mapping[FindingKey, FindingUpdate], *, until: datetime) -> dict[FindingKey, Exception]:
        self.on_write(updates)
        problems = {key: self.problems[key.id] for key in updates if key.id in self.problems}
        for key in updates.keys() - problems.keys():
            update, finding = updates[key], self.hub[key.id]
            assert update.note is not None
            finding["Note"] = {"Text": update.note.text, "UpdatedBy": update.note.updated_by}
            finding["Workflow"] = {"Status": update.workflow_status}
            self.written.append(key)
        return problems


class _Deleted:
    def __init__(self, world: World) -> None:
        self._world = world

    def remember(self, deletions: Mapping[Resource, Deletion], now: datetime) -> None:
        if self._world.forgets:
            raise Retryable("throttled")
        self._world.deleted |= deletions

    def of(self, resources: Collection[Resource], now: datetime) -> dict[Resource, Deletion]:
        return {resource: d for resource in resources if (d := self._world.deleted.get(resource))}


class _Recent:
    def __init__(self, world: World) -> None:
        self._world = world

    def of(self, keys: Collection[FindingKey], now: datetime) -> dict[FindingKey, RecentUpdate]:
        return {key: self._world.recent[key] for key in keys if key in self._world.recent}

    def remember(self, updates: Mapping[FindingKey, RecentUpdate], now: datetime) -> None:
        self._world.recent |= updates


@pytest.fixture
def world() -> World:
    return World()


def test_the_findings_of_a_terminated_instance_are_resolved_with_the_evidence(world: World) -> None:
    world.finding("arn", instance())
    world.finding("short id", {"Type": "AwsEc2Instance", "Id": INSTANCE})
    world.finding("another instance", instance("i-0c"))

    assert world.deliver(termination(INSTANCE)) == ["resolved"]

    assert world.resolved() == {"arn", "short id"}
    assert world.hub["arn"]["Note"] == {
        "Text": f"[Security responder: AWS::EC2::Instance/{INSTANCE} deleted at 2026-03-01T02:13:05Z by "
        f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/ada (ec2:TerminateInstances, event "
        "c9e58f63-7b8b-4dd8-9c5b-ec41f8a394b3)]",
        "UpdatedBy": "DeletedResourceFindingResolver",
    }
    assert world.counted == {"FindingsResolved": 2}


def test_a_namesake_in_another_account_or_region_is_left_alone(world: World) -> None:
    elsewhere = {"AwsAccountId": HUB}  # a central product's finding, which the query finds
    world.finding("other account", instance(account=HUB), **elsewhere)
    world.finding("other Region", instance(region="us-east-1"))
    world.finding("short id in another Region", {"Type": "AwsEc2Instance", "Id": INSTANCE, "Region": "us-east-1"})
    world.finding("short id in the hub", {"Type": "AwsEc2Instance", "Id": INSTANCE}, **elsewhere)
    world.finding("another type", {"Type": "AwsEc2Volume", "Id": INSTANCE})

    assert world.deliver(termination(INSTANCE)) == ["nothing_to_resolve"]

    assert world.resolved() == set()


@pytest.mark.parametrize("status", ["SUPPRESSED", "RESOLVED"])
def test_what_people_have_settled_stays_as_it_is(world: World, status: str) -> None:
    world.finding("settled", instance(), Workflow={"Status": status})
    world.finding("archived", instance(), RecordState="ARCHIVED")

    world.deliver(termination(INSTANCE))

    assert world.written == []


def test_an_analysts_note_is_kept_and_the_enrichers_block_replaced(world: World) -> None:
    text = "Will go away with the release.\n[Security responder: account Payments]"
    world.finding("noted", instance(), Note={"Text": text, "UpdatedBy": "kim"}, Workflow={"Status": "NOTIFIED"})

    world.deliver(termination(INSTANCE))

    note = world.hub["noted"]["Note"]["Text"]
    assert note.startswith("Will go away with the release.\n[Security responder: AWS::EC2::Instance/")
    assert "Payments" not in note


def test_a_finding_of_several_resources_waits_until_all_of_them_are_gone(world: World) -> None:
    world.finding("both", instance(), instance(OTHER_INSTANCE))
    world.finding("one unknown", instance(), {"Type": "Other", "Id": "something"})

    assert world.deliver(termination(INSTANCE)) == ["nothing_to_resolve"]
    assert world.resolved() == set()
    assert world.deliver(termination(OTHER_INSTANCE)) == ["resolved"]

    assert world.resolved() == {"both"}
    assert INSTANCE in world.hub["both"]["Note"]["Text"]
    assert OTHER_INSTANCE in world.hub["both"]["Note"]["Text"]


def test_a_finding_of_several_resources_is_resolved_by_one_call_for_all(world: World) -> None:
    world.finding("both", instance(), instance(OTHER_INSTANCE))

    assert world.deliver(termination(INSTANCE, OTHER_INSTANCE)) == ["resolved"]

    assert world.resolved() == {"both"}


def test_a_finding_without_resources_is_never_closed(world: World) -> None:
    world.finding("arn", instance())
    world.hub["arn"]["Resources"].append("nonsense")
    world.visible = {"arn": world.hub["arn"] | {"Resources": [instance()]}}
    world.hub["none"] = world.hub["arn"] | {"Id": "none", "Resources": []}
    seen_naming = world.naming

    def naming(*args: Any, **kwargs: Any) -> list[Finding]:
        seen_naming(*args, **kwargs)
        return [read_finding(finding, seen_at=world.now) for finding in world.hub.values()]

    world.naming = naming  # type: ignore[method-assign]

    assert world.deliver(termination(INSTANCE)) == ["nothing_to_resolve"]
    assert world.written == []


def test_a_bucket_created_again_keeps_its_later_findings(world: World) -> None:
    world.finding("of the old bucket", BUCKET, observed=BEFORE)
    world.finding("of the new bucket", BUCKET, observed=AFTER)
    world.finding("nobody knows when", BUCKET, LastObservedAt=None, UpdatedAt=None)

    assert world.deliver(BUCKET_DELETION) == ["resolved"]

    assert world.resolved() == {"of the old bucket"}
    assert "event c9e58f63-7b8b-4dd8-9c5b-ec41f8a394b3" in world.hub["of the old bucket"]["Note"]["Text"]
    assert world.counted["FindingsLeftOpen"] == 2


def test_an_id_that_aws_assigns_is_never_used_again(world: World) -> None:
    world.finding("a scanner that was late", instance(), observed=AFTER)

    world.deliver(termination(INSTANCE))

    assert world.resolved() == {"a scanner that was late"}


def test_what_was_remembered_of_an_old_bucket_closes_nothing_of_a_new_one(world: World) -> None:
    world.deliver(BUCKET_DELETION)
    world.finding("of both", BUCKET, instance(), observed=AFTER)

    world.deliver(termination(INSTANCE))

    assert world.resolved() == set()


def test_a_role_whose_path_the_call_does_not_name_is_found_by_prefix_and_checked(world: World) -> None:
    world.finding("with a path", {"Type": "AwsIamRole", "Id": f"arn:aws:iam::{ACCOUNT}:role/a/b/report"})
    world.finding("its namesake", {"Type": "AwsIamRole", "Id": f"arn:aws:iam::{ACCOUNT}:role/a/b/report-old"})

    world.deliver(called("iam.amazonaws.com", "DeleteRole", requestParameters={"roleName": "report"}))

    assert world.resolved() == {"with a path"}


def test_the_call_tells_who_and_the_later_config_item_does_not_take_that_back(world: World) -> None:
    world.finding("bucket", BUCKET)

    assert world.deliver(item(), BUCKET_DELETION) == ["resolved", "resolved"]

    assert "by arn:aws:sts::" in world.hub["bucket"]["Note"]["Text"]
    assert len(world.written) == 1


def test_of_two_deletions_of_one_name_the_later_counts(world: World) -> None:
    second = called("s3.amazonaws.com", "DeleteBucket", requestParameters={"bucketName": "acme-invoices"})
    second = Event(**{**_members(second), "detail": {**second.detail, "eventTime": "2026-03-01T04:00:00Z"}})
    world.finding("of the second bucket", BUCKET, observed=AFTER)

    world.deliver(second, BUCKET_DELETION)

    assert world.resolved() == {"of the second bucket"}


def _members(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__dataclass_fields__}


@pytest.mark.parametrize(
    "event",
    [
        called("ec2.amazonaws.com", "TerminateInstances", errorCode="Client.DryRunOperation"),
        called("ec2.amazonaws.com", "TerminateInstances", **terminated((INSTANCE, "running"))),
        called("rds.amazonaws.com", "DeleteDBInstance", requestParameters={"dBInstanceIdentifier": "orders"}),
        item(configurationItemStatus="OK"),
    ],
    ids=["dry run", "still running", "only starts", "exists"],
)
def test_what_proves_no_deletion_asks_nobody_and_is_no_error(world: World, event: Event) -> None:
    world.finding("instance", instance())
    world.finding("bucket", BUCKET)

    assert world.deliver(event) == ["not_deleted"]

    assert (world.queries, world.deleted, world.resolved()) == (0, {}, set())


def test_a_malformed_event_is_rejected_and_the_others_are_done(world: World) -> None:
    world.finding("arn", instance())

    rejected, resolved = world.deliver(item(resourceType=None), termination(INSTANCE))

    assert isinstance(rejected, Rejected)
    assert resolved == "resolved"


def test_a_repeated_event_writes_nothing_again_also_before_the_first_update_shows(world: World) -> None:
    world.finding("arn", instance())
    world.visible = {id_: dict(finding) for id_, finding in world.hub.items()}

    world.deliver(termination(INSTANCE), termination(INSTANCE))
    again = world.deliver(termination(INSTANCE))

    assert len(world.written) == 1
    assert again == ["nothing_to_resolve"]


def test_a_query_that_fails_brings_back_its_own_deletions_only(world: World) -> None:
    ids = [f"i-{number:017x}" for number in range(30)]
    for id_ in ids:
        world.finding(id_, instance(id_))
    world.unreadable = {ids[0]: Retryable("throttled")}

    outcomes = world.deliver(*(termination(id_) for id_ in ids))

    failed = {id_ for id_, outcome in zip(ids, outcomes, strict=True) if isinstance(outcome, Retryable)}
    assert ids[0] in failed
    assert len(failed) < len(ids)
    assert world.resolved() == set(ids) - failed
    world.unreadable = {}
    world.deliver(*(termination(id_) for id_ in failed))
    assert world.resolved() == set(ids)


@pytest.mark.parametrize(
    ("problem", "becomes"),
    [
        (Retryable("ConcurrentUpdateError"), Retryable),
        (FindingRefused("InvalidInput"), Rejected),
        (FindingGone("FindingNotFound"), str),
    ],
)
def test_an_update_that_fails_concerns_the_events_of_its_finding_only(
    world: World, problem: Exception, becomes: type
) -> None:
    world.finding("good", instance())
    world.finding("bad", instance(OTHER_INSTANCE))
    world.problems = {"bad": problem}

    good, bad = world.deliver(termination(INSTANCE), termination(OTHER_INSTANCE))

    assert good == "resolved"
    assert isinstance(bad, becomes)
    assert world.recent.keys() == {FindingKey(PRODUCT, "good")}
    assert world.recent[FindingKey(PRODUCT, "good")].author == RESOLVER


def test_nothing_is_resolved_before_the_deletion_is_remembered(world: World) -> None:
    world.finding("arn", instance())
    world.forgets = True

    with pytest.raises(Retryable):
        world.deliver(termination(INSTANCE))

    assert world.resolved() == set()


def _deletions(count: int, accounts: int = 1) -> list[Deletion]:
    when = datetime(2026, 3, 1, tzinfo=UTC)
    return [
        Deletion(
            Resource("aws", f"{number % accounts:012d}", REGION, "AWS::EC2::Instance", f"i-{number:017x}"),
            when,
            None,
            "ec2:TerminateInstances",
            str(number),
        )
        for number in range(count)
    ]


def test_a_name_that_was_deleted_in_many_accounts_is_asked_for_in_few_of_them_at_once() -> None:
    when = datetime(2026, 3, 1, tzinfo=UTC)
    roles = [Resource("aws", f"{number:012d}", "global", "AWS::IAM::Role", "audit") for number in range(45)]
    deletions = [Deletion(role, when, "ada", "iam:DeleteRole", role.account) for role in roles]

    asked = list(queries(deletions, HUB))

    assert all(len(query.accounts) <= FILTER_VALUES for query in asked)
    by_name = [account for query in asked if "audit" in query.exact for account in query.accounts]
    assert {role.account for role in roles} <= set(by_name)


@pytest.mark.parametrize("accounts", [1, 5, 300])
def test_many_deletions_share_a_query_within_its_limits(accounts: int) -> None:
    deletions = _deletions(1000, accounts)

    asked = list(queries(deletions, HUB))

    assert {value for query in asked for value in query.exact} >= {d.resource.id for d in deletions}
    assert {d.event_id for query in asked for d in query.deletions} == {d.event_id for d in deletions}
    assert all(len(query.exact) + len(query.prefixes) <= FILTER_VALUES for query in asked)
    assert all(len(query.accounts) <= FILTER_VALUES for query in asked)
    assert all({HUB, *(d.resource.account for d in query.deletions)} == set(query.accounts) for query in asked)
    assert len(asked) == 100


def correlated(resource_id: str, account: str = ACCOUNT, **changes: Any) -> dict[str, Any]:
    """A finding of ours about an instance of another account, which its resource block leaves open."""
    named = Resource("aws", account, REGION, "AWS::EC2::Instance", INSTANCE)
    finding = finding_of(correlation(resource=named, mention={"Type": "AwsEc2Instance", "Id": resource_id}))
    return finding | {"Workflow": {"Status": "NEW"}} | changes


def test_the_correlated_finding_of_a_terminated_instance_is_resolved_like_others(world: World) -> None:
    world.hub["arn"] = correlated(instance()["Id"], Id="arn")
    world.hub["short id"] = correlated(INSTANCE, Id="short id")
    world.hub["another account's"] = correlated(INSTANCE, "777788889999", Id="another account's")
    forged = f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default"
    world.hub["in another product"] = correlated(INSTANCE, Id="in another product", ProductArn=forged)

    assert world.deliver(termination(INSTANCE)) == ["resolved"]

    assert world.resolved() == {"arn", "short id"}


# What AWS Config notices, it notices later


def test_a_role_created_again_keeps_its_findings_when_config_tells_of_the_old_one_later(world: World) -> None:
    role = {"Type": "AwsIamRole", "Id": f"arn:aws:iam::{ACCOUNT}:role/report"}
    world.finding("of the old role", role, observed=BEFORE)
    world.finding("of the new role", role, observed="2026-03-01T02:13:45.000Z")
    noticed = item(
        resourceType="AWS::IAM::Role",
        resourceId="AROAEXAMPLEOLD",
        resourceName="report",
        ARN=f"arn:aws:iam::{ACCOUNT}:role/report",
        configurationItemCaptureTime="2026-03-01T20:00:00Z",
    )

    world.deliver(called("iam.amazonaws.com", "DeleteRole", requestParameters={"roleName": "report"}))
    world.deliver(noticed)

    assert world.resolved() == {"of the old role"}


@pytest.mark.parametrize(
    ("delivered_at", "resolved"),
    [(None, {"two days before", "minutes before"}), ("2026-03-01T02:19:59Z", {"two days before"})],
    ids=["continuous recording", "daily recording"],
)
def test_what_config_alone_has_noticed_closes_only_what_was_observed_well_before(
    world: World, delivered_at: str | None, resolved: set[str]
) -> None:
    world.finding("two days before", BUCKET, observed="2026-02-27T02:00:00.000Z")
    world.finding("minutes before", BUCKET, observed="2026-03-01T02:13:00.000Z")
    world.finding("when it was noticed", BUCKET, observed="2026-03-01T02:18:00.000Z")  # the item: 02:19:22

    world.deliver(item(configurationItemDeliveryTime=delivered_at))

    assert world.resolved() == resolved


def test_the_item_of_a_second_deletion_counts_though_its_call_was_never_told(world: World) -> None:
    world.deliver(BUCKET_DELETION)
    world.finding("of the second bucket", BUCKET, observed="2026-03-10T00:00:00.000Z")

    world.deliver(item(configurationItemCaptureTime="2026-03-12T00:00:00.000Z"))

    assert world.resolved() == {"of the second bucket"}


def test_who_deleted_a_resource_stays_known_when_config_tells_of_it_later(world: World) -> None:
    world.deliver(BUCKET_DELETION)
    world.deliver(item())
    world.finding("both", BUCKET, instance())

    world.deliver(termination(INSTANCE))

    assert (
        "AWS::S3::Bucket/acme-invoices deleted at 2026-03-01T02:13:05Z by arn:aws:sts::"
        in (world.hub["both"]["Note"]["Text"])
    )


def test_a_replay_of_an_older_deletion_replaces_no_later_one(world: World) -> None:
    later = Event(**{**_members(BUCKET_DELETION), "detail": {**BUCKET_DELETION.detail, "eventTime": AFTER}})
    world.deliver(later)
    world.deliver(BUCKET_DELETION)

    (deletion,) = world.deleted.values()
    assert deletion.deleted_at == datetime(2026, 3, 1, 3, tzinfo=UTC)


# What comes back, and what is somebody else's


def test_a_snapshot_that_has_come_back_from_the_recycle_bin_keeps_its_findings(world: World) -> None:
    snapshot = {"Type": "Other", "Id": f"arn:aws:ec2:{REGION}::snapshot/snap-0a1b"}
    deletion = called("ec2.amazonaws.com", "DeleteSnapshot", requestParameters={"snapshotId": "snap-0a1b"})
    world.finding("before", snapshot, observed=BEFORE)
    world.finding("after", snapshot, observed=AFTER)

    world.deliver(deletion)
    world.deliver(deletion)

    assert world.resolved() == {"before"}


def test_a_name_in_a_finding_of_the_hub_may_be_any_accounts(world: World) -> None:
    in_hub = {"AwsAccountId": HUB, "ProductArn": f"arn:aws:securityhub:{REGION}:{HUB}:product/{HUB}/default"}
    world.finding("a role's name", {"Type": "AwsIamRole", "Id": "report"}, **in_hub)
    world.finding("a role's ARN", {"Type": "AwsIamRole", "Id": f"arn:aws:iam::{HUB}:role/report"}, **in_hub)
    world.finding("a bucket, of which there is one", BUCKET, **in_hub)
    world.finding("of a product of AWS", {"Type": "AwsIamRole", "Id": "report"}, AwsAccountId=HUB)
    mine = {"userIdentity": {**BUCKET_DELETION.detail["userIdentity"], "accountId": HUB}, "recipientAccountId": HUB}

    world.deliver(called("iam.amazonaws.com", "DeleteRole", requestParameters={"roleName": "report"}, **mine))
    world.deliver(called("s3.amazonaws.com", "DeleteBucket", requestParameters={"bucketName": "acme-invoices"}, **mine))

    assert world.resolved() == {"a role's ARN", "a bucket, of which there is one", "of a product of AWS"}


# Large batches


def test_what_is_done_when_time_is_over_stays_done_and_the_rest_comes_again(world: World) -> None:
    ids = [f"i-{number:017x}" for number in range(1000)]
    for id_ in ids:
        world.finding(id_, instance(id_))
    world.a_query_takes = timedelta(seconds=4)
    events = [termination(*ids[start : start + 250]) for start in range(0, 1000, 250)]

    first = world.deliver(*events)
    done = world.resolved()
    world.now += timedelta(minutes=30)
    second = world.deliver(*(event for event, outcome in zip(events, first, strict=True) if outcome != "resolved"))

    assert len(done) == 600  # sixty queries of ten instances
    assert [isinstance(outcome, Retryable) for outcome in first] == [False, False, True, True]
    assert second == ["resolved", "resolved"]
    assert world.resolved() == set(ids)


def test_a_finding_that_is_suppressed_while_others_are_written_is_left_alone(world: World) -> None:
    ids = [f"i-{number:017x}" for number in range(30)]
    for id_ in ids:
        world.finding(id_, instance(id_))

    def analyst_at_work(_: object) -> None:
        world.hub[ids[-1]]["Workflow"] = {"Status": "SUPPRESSED"}

    world.on_write = analyst_at_work
    world.deliver(*(termination(id_) for id_ in ids))

    assert world.resolved() == set(ids[:-1])


def test_findings_that_wait_for_their_turn_are_read_again(world: World) -> None:
    """A prefix finds the roles of a whole account at once."""
    names = [f"report-{number}" for number in range(250)]
    for name in names:
        world.finding(name, {"Type": "AwsIamRole", "Id": f"arn:aws:iam::{ACCOUNT}:role/{name}"})

    def slow_and_meanwhile(_: object) -> None:
        world.now += timedelta(seconds=20)
        world.hub[names[-1]] |= {"Workflow": {"Status": "SUPPRESSED"}, "Note": {"Text": "Mine.", "UpdatedBy": "kim"}}

    world.on_write = slow_and_meanwhile
    calls = [called("iam.amazonaws.com", "DeleteRole", requestParameters={"roleName": name}) for name in names]
    world.deliver(*calls)

    assert world.resolved() == set(names[:-1])
    assert world.hub[names[-1]]["Note"]["Text"] == "Mine."
    assert world.read_again


def test_what_fails_comes_again_also_when_an_earlier_event_tells_most(world: World) -> None:
    """The call names a secret without the end of its ARN, and AWS Config's item, in a later batch, has it."""
    request = {"secretId": "prod/db", "forceDeleteWithoutRecovery": True}
    world.deliver(called("secretsmanager.amazonaws.com", "DeleteSecret", requestParameters=request))
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/db-a1b2C3"
    world.finding("secret", {"Type": "AwsSecretsManagerSecret", "Id": arn})
    world.problems = {"secret": Retryable("throttled")}
    noticed = item(resourceType="AWS::SecretsManager::Secret", resourceId=arn, resourceName="prod/db", ARN=arn)

    (failed,) = world.deliver(noticed)
    world.problems = {}

    assert isinstance(failed, Retryable)
    assert world.deliver(noticed) == ["resolved"]


def test_a_finding_that_was_opened_again_is_resolved_by_the_next_deletion(world: World) -> None:
    world.finding("bucket", BUCKET)
    world.deliver(BUCKET_DELETION)
    world.finding("bucket", BUCKET, observed="2026-03-01T02:20:00.000Z")
    detail = {**BUCKET_DELETION.detail, "eventTime": "2026-03-01T02:25:00Z", "eventID": "another"}

    assert world.deliver(Event(**{**_members(BUCKET_DELETION), "detail": detail})) == ["resolved"]
    assert "event another" in world.hub["bucket"]["Note"]["Text"]


@pytest.mark.parametrize(
    ("kind", "ids", "most"),
    [
        ("AWS::Lambda::Function", [f"pay-{number}" for number in range(1000)], 101),
        ("AWS::IAM::Role", [f"role-{number}" for number in range(1000)], 51),  # and the prefix of all, once
    ],
)
def test_names_of_many_forms_take_few_queries_too(kind: str, ids: list[str], most: int) -> None:
    region = "global" if kind.startswith("AWS::IAM") else REGION
    when = datetime(2026, 3, 1, tzinfo=UTC)
    deletions = [Deletion(Resource("aws", ACCOUNT, region, kind, id_), when, "ada", "x:Delete", id_) for id_ in ids]

    assert len(list(queries(deletions, HUB))) <= most

"""Shared contexts and recent updates in DynamoDB."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from responder.aws.account_contexts_table import AccountContextsTable
from responder.aws.batches import ROUNDS, read_items, write_items, write_together
from responder.aws.deleted_resources_table import DeletedResourcesTable
from responder.aws.faults import AwsRefused, AwsUnavailable
from responder.aws.recent_updates_table import RecentUpdatesTable
from responder.domain.deletion.deleted import Deletion
from responder.domain.enrichment.context import AccountContext, Known, SecurityContact
from responder.domain.ports import RecentUpdate
from responder.domain.resource import Resource
from responder.domain.security_hub import FindingKey
from tests.tables import create_keyed_tables

NOW = datetime(2026, 3, 2, 14, 0, 0, 123456, tzinfo=UTC)
LEASE = timedelta(seconds=30)
KNOWN = Known(
    AccountContext(
        "444455556666", "Payments", "ACTIVE", ("Root", "Prod"), {"Owner": "Zoë"}, SecurityContact("Z", "z@e", "+1", "T")
    ),
    NOW,
)


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb")
        create_keyed_tables(client, "table")
        yield client


def test_a_context_comes_back_as_it_was_kept(dynamodb: Any) -> None:
    table = AccountContextsTable(dynamodb, "table")
    bare = Known(AccountContext("123456789012"), NOW)
    table.settle([KNOWN, bare], [])

    assert table.contexts(["444455556666", "123456789012", "777788889999"]) == {
        "444455556666": KNOWN,
        "123456789012": bare,
    }


def test_of_those_who_lack_an_account_one_may_fetch_it(dynamodb: Any) -> None:
    one, other = AccountContextsTable(dynamodb, "table"), AccountContextsTable(dynamodb, "table")

    assert one.claim({"444455556666": None}, now=NOW, until=NOW + LEASE)
    assert not other.claim({"444455556666": None}, now=NOW, until=NOW + LEASE)
    assert other.contexts(["444455556666"]) == {}

    one.settle([KNOWN], [])
    assert not other.claim({"444455556666": None}, now=NOW, until=NOW + LEASE)
    assert other.claim({"444455556666": NOW}, now=NOW, until=NOW + LEASE)


def test_of_many_accounts_those_are_claimed_that_nobody_else_holds_or_has_fetched_since(dynamodb: Any) -> None:
    one, other = AccountContextsTable(dynamodb, "table"), AccountContextsTable(dynamodb, "table")
    accounts = dict.fromkeys(f"{number:012d}" for number in range(130))
    held = list(accounts)[5:115:10]
    fetched = Known(AccountContext("000000000007"), NOW)
    one.claim(dict.fromkeys(held), now=NOW, until=NOW + LEASE)
    one.settle([fetched], [])

    claimed = other.claim(accounts, now=NOW, until=NOW + LEASE)

    assert claimed == [account for account in accounts if account not in held and account != "000000000007"]
    assert not one.claim(accounts, now=NOW, until=NOW + LEASE)
    other.settle([], claimed)
    assert one.claim(accounts, now=NOW, until=NOW + LEASE) == claimed
    assert one.contexts(accounts) == {"000000000007": fetched}


def test_a_claim_ends_with_its_lease(dynamodb: Any) -> None:
    table = AccountContextsTable(dynamodb, "table")
    table.claim({"444455556666": None}, now=NOW, until=NOW + LEASE)

    assert table.claim({"444455556666": None}, now=NOW + LEASE, until=NOW + 2 * LEASE)


def test_an_old_context_stays_while_somebody_fetches_it(dynamodb: Any) -> None:
    table = AccountContextsTable(dynamodb, "table")
    table.settle([KNOWN], [])

    table.claim({"444455556666": NOW}, now=NOW, until=NOW + LEASE)

    assert table.contexts(["444455556666"]) == {"444455556666": KNOWN}


def test_names_of_ous(dynamodb: Any) -> None:
    table = AccountContextsTable(dynamodb, "table")
    table.keep_ou_name("ou-ab12-prod1234", "Prod", NOW)

    assert table.ou_name("ou-ab12-prod1234") == ("Prod", NOW)
    assert table.ou_name("ou-ab12-test1234") is None


def test_a_claim_that_is_given_up_is_anybodys_again(dynamodb: Any) -> None:
    table = AccountContextsTable(dynamodb, "table")
    table.claim({"444455556666": None}, now=NOW, until=NOW + LEASE)
    table.settle([], ["444455556666"])

    assert table.claim({"444455556666": None}, now=NOW, until=NOW + LEASE)


def test_recent_updates_are_remembered_for_minutes(dynamodb: Any) -> None:
    table = RecentUpdatesTable(dynamodb, "table")
    updates = {FindingKey("arn", f"finding-{n}"): RecentUpdate("FindingEnricher", f"mark-{n}") for n in range(130)}
    table.remember(updates, NOW)

    assert table.of(updates.keys(), NOW + timedelta(minutes=14)) == updates
    assert table.of(updates.keys(), NOW + timedelta(minutes=16)) == {}
    expiry = str(int((NOW + timedelta(minutes=15)).timestamp()))  # for DynamoDB, which deletes them by it
    assert {row["expires_at"]["N"] for row in dynamodb.scan(TableName="table")["Items"]} == {expiry}


def test_what_the_resolver_wrote_is_not_hidden_by_what_the_enricher_writes(dynamodb: Any) -> None:
    table, key = RecentUpdatesTable(dynamodb, "table"), FindingKey("arn", "finding")
    resolved, enriched = (
        RecentUpdate("DeletedResourceFindingResolver", "event"),
        RecentUpdate("FindingEnricher", "mark"),
    )
    table.remember({key: resolved}, NOW)
    table.remember({key: enriched}, NOW + timedelta(minutes=5))

    assert table.of([key], NOW + timedelta(minutes=6)) == {key: resolved}
    assert table.of([key], NOW + timedelta(minutes=16)) == {key: enriched}


def test_findings_that_read_alike_are_not_mistaken_for_each_other(dynamodb: Any) -> None:
    table = RecentUpdatesTable(dynamodb, "table")
    table.remember({FindingKey("arn", "x-1"): RecentUpdate("FindingEnricher", "mark")}, NOW)

    assert table.of([FindingKey("arnx", "-1"), FindingKey("ar", "nx-1")], NOW) == {}


KEYS = [{"key": {"S": str(n)}} for n in range(3)]


def test_rows_that_a_call_leaves_out_are_asked_for_again() -> None:
    client = boto3.client("dynamodb")
    with Stubber(client) as stub:
        stub.add_response(
            "batch_get_item", {"Responses": {"t": [KEYS[0]]}, "UnprocessedKeys": {"t": {"Keys": KEYS[1:]}}}
        )
        stub.add_response("batch_get_item", {"Responses": {"t": KEYS[1:]}, "UnprocessedKeys": {}})

        assert list(read_items(client, "t", KEYS)) == KEYS


def test_rows_that_are_not_written_are_written_again(dynamodb: Any) -> None:
    client = boto3.client("dynamodb")
    puts = [{"PutRequest": {"Item": key}} for key in KEYS]
    with Stubber(client) as stub:
        stub.add_response("batch_write_item", {"UnprocessedItems": {"t": puts[2:]}}, {"RequestItems": {"t": puts}})
        stub.add_response("batch_write_item", {"UnprocessedItems": {}}, {"RequestItems": {"t": puts[2:]}})

        write_items(client, "t", KEYS)

        stub.assert_no_pending_responses()


def test_a_table_that_makes_no_progress_counts_as_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responder.aws.batches.time.sleep", lambda _: None)
    client = boto3.client("dynamodb")
    with Stubber(client) as stub:
        for _ in range(ROUNDS + 1):
            stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": {"t": {"Keys": KEYS}}})

        with pytest.raises(AwsUnavailable, match="the table is throttled"):
            list(read_items(client, "t", KEYS))


def puts(*values: str) -> list[Any]:
    """Rows of these values, each to be put where there is none yet."""
    only_new = {"ConditionExpression": "attribute_not_exists(#key)", "ExpressionAttributeNames": {"#key": "key"}}
    return [{"Put": {"TableName": "table", "Item": {"key": {"S": value}}, **only_new}} for value in values]


def cancel(client: Any, *times: list[str]) -> None:
    """Let the next transactions be cancelled, each for these reasons, before they reach the table."""
    pending = list(times)

    def answer(**_: Any) -> Any:
        if not pending:
            return None
        reasons = [{"Code": code} for code in pending.pop(0)]
        error = {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"}
        return SimpleNamespace(status_code=400), {"Error": error, "CancellationReasons": reasons}

    client.meta.events.register("before-call.dynamodb.TransactWriteItems", answer)


def written(client: Any) -> set[str]:
    return {row["key"]["S"] for row in client.scan(TableName="table")["Items"]}


def test_writes_together_leave_out_those_whose_condition_does_not_hold(dynamodb: Any) -> None:
    values = [str(number) for number in range(230)]
    write_items(dynamodb, "table", [{"key": {"S": value}} for value in ("7", "120")])

    assert write_together(dynamodb, puts(*values)) == [7, 120]
    assert written(dynamodb) == set(values)


def test_writes_together_are_tried_again_while_others_write_the_same_rows(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("responder.aws.batches.time.sleep", lambda _: None)
    cancel(
        dynamodb,
        ["None", "TransactionConflict", "None"],
        ["None", "ThrottlingError", "ConditionalCheckFailed"],
        *[["ProvisionedThroughputExceeded", "None"]] * (ROUNDS - 1),
    )

    assert write_together(dynamodb, puts("a", "b", "c")) == [2]
    assert written(dynamodb) == {"a", "b"}


@pytest.mark.parametrize(
    ("code", "problem"), [("TransactionConflict", AwsUnavailable), ("ValidationError", AwsRefused)]
)
def test_writes_together_that_come_to_no_end_or_are_refused_fail(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, code: str, problem: type[Exception]
) -> None:
    monkeypatch.setattr("responder.aws.batches.time.sleep", lambda _: None)
    cancel(dynamodb, *[["None", code]] * (ROUNDS + 1))

    with pytest.raises(problem):
        write_together(dynamodb, puts("a", "b"))
    assert written(dynamodb) == set()


BUCKET = Resource("aws", "444455556666", "eu-west-1", "AWS::S3::Bucket", "acme")
SECRET = Resource("aws", "444455556666", "eu-west-1", "AWS::SecretsManager::Secret", "orders/key")


def deletion(resource: Resource, **changes: Any) -> Deletion:
    return Deletion(resource, NOW, "arn:aws:iam::444455556666:user/ada", "s3:DeleteBucket", "event-1", **changes)


def test_a_deletion_comes_back_as_it_was_remembered(dynamodb: Any) -> None:
    table = DeletedResourcesTable(dynamodb, "table")
    other = replace(BUCKET, account="777788889999")
    user = Resource("aws", "444455556666", "global", "AWS::IAM::User", "ada")
    by_id = replace(user, id="AIDAEXAMPLE")
    bucket, deleted_user = deletion(BUCKET, arn="arn:aws:s3:::acme"), deletion(user, also=(by_id,))
    table.remember({BUCKET: bucket, user: deleted_user, by_id: deleted_user}, NOW)

    assert table.of([BUCKET, other, user, by_id], NOW) == {BUCKET: bucket, user: deleted_user, by_id: deleted_user}


def test_the_later_deletion_of_a_name_replaces_the_earlier(dynamodb: Any) -> None:
    table = DeletedResourcesTable(dynamodb, "table")
    table.remember({BUCKET: deletion(BUCKET)}, NOW)
    again = replace(deletion(BUCKET), deleted_at=NOW + timedelta(days=1), event_id="event-2")
    table.remember({BUCKET: again}, NOW + timedelta(days=1))

    assert table.of([BUCKET], NOW)[BUCKET].event_id == "event-2"


def test_a_secret_that_was_deleted_by_its_name_is_known_by_its_arns_form(dynamodb: Any) -> None:
    table = DeletedResourcesTable(dynamodb, "table")
    table.remember({SECRET: deletion(SECRET, lacks_suffix=True)}, NOW)
    whole, longer = replace(SECRET, id="orders/key-a1B2c3"), replace(SECRET, id="orders/key-old-a1B2c3")

    assert table.of([whole, longer], NOW).keys() == {whole}


def test_a_deletion_is_forgotten_when_no_finding_can_be_left(dynamodb: Any) -> None:
    table = DeletedResourcesTable(dynamodb, "table")
    table.remember({BUCKET: deletion(BUCKET)}, NOW)

    assert table.of([BUCKET], NOW + timedelta(days=89)).keys() == {BUCKET}
    assert table.of([BUCKET], NOW + timedelta(days=91)) == {}


def test_a_thousand_deletions_are_remembered_twenty_five_a_call(dynamodb: Any) -> None:
    table = DeletedResourcesTable(dynamodb, "table")
    many = [deletion(replace(BUCKET, id=f"acme-{number}")) for number in range(130)]
    table.remember({each.resource: each for each in many}, NOW)

    assert len(table.of([each.resource for each in many], NOW)) == 130

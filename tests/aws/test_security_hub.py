"""Reading and updating findings, many a call, against Security Hub's own rules."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from responder.aws.faults import AwsRefused, AwsUnavailable
from responder.aws.pace import Pace, Quota
from responder.aws.security_hub import QUOTAS, SecurityHub
from responder.domain.faults import Permanent, Retryable
from responder.domain.security_hub import (
    Finding,
    FindingGone,
    FindingKey,
    FindingRefused,
    FindingUpdate,
    Note,
    read_finding,
)
from sandbox.aws_services import install, security_hub
from tests.aws_services.findings import finding

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
PRODUCT = "arn:aws:securityhub:eu-west-1::product/aws/guardduty"
OWN = "arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default"
NOTE = FindingUpdate(note=Note("Text", "FindingEnricher"), fields=(("findingEnriched", "true"),))


def key(number: int | str, product: str = PRODUCT) -> FindingKey:
    return FindingKey(product, f"finding-{number}")


def seen(wanted: FindingKey, account: str = "444455556666", **document: Any) -> Finding:
    """A finding as an event showed it."""
    said = {"ProductArn": wanted.product_arn, "Id": wanted.id, "AwsAccountId": account, **document}
    return read_finding(said, seen_at=NOW - timedelta(hours=1))


def updated(number: int) -> str:
    """Times that follow each other closely, as those of findings that come together."""
    return f"2026-03-01T10:{number // 60:02}:{number % 60:02}.500Z"


def port(client: Any) -> SecurityHub:
    pace = Pace(dict.fromkeys(QUOTAS, Quota(1000, 1)), clock=lambda: NOW, sleep=lambda _: None)
    return SecurityHub(client, pace=pace, clock=lambda: NOW)


class World:
    def __init__(self) -> None:
        self.client = boto3.client("securityhub")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.client.meta.events.register("before-parameter-build.securityhub", self._note)
        self.hub = port(self.client)

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.append((model.name, dict(params)))

    def put(self, *keys: FindingKey, account: str = "444455556666", **document: Any) -> None:
        for product, id_ in keys:
            finding = {"Id": id_, "ProductArn": product, "AwsAccountId": account, **document}
            security_hub.put_finding("123456789012", "eu-west-1", finding)

    def change(self, wanted: FindingKey, change: dict[str, Any]) -> None:
        changed = self.finding(wanted) | change
        security_hub.put_finding("123456789012", "eu-west-1", changed, if_absent=False)

    def come(self, *numbers: int, account: str = "444455556666") -> list[Finding]:
        """Findings that are there, one a second, and that events have shown."""
        for number in numbers:
            self.put(key(number), account=account, UpdatedAt=updated(number))
        return [seen(key(number), account, UpdatedAt=updated(number)) for number in numbers]

    def queries(self) -> list[list[str]]:
        """By which attributes findings were asked for."""
        return [sorted(call["Filters"]) for name, call in self.calls if name == "GetFindings"]

    def finding(self, wanted: FindingKey) -> dict[str, Any]:
        found = security_hub.find_finding(
            "123456789012", "eu-west-1", product_arn=wanted.product_arn, finding_id=wanted.id
        )
        assert found is not None
        return found


@pytest.fixture
def world() -> Iterator[World]:
    install()
    with mock_aws():
        yield World()


BY_ID = ["Id"]
AROUND = ["AwsAccountId", "ProductArn", "RecordState", "UpdatedAt", "WorkflowStatus"]


def test_findings_that_say_no_time_are_read_twenty_a_call(world: World) -> None:
    keys = [key(number) for number in range(45)]
    world.put(*keys)

    found = world.hub.get(list(map(seen, keys)), until=LATER)

    assert found.keys() == set(keys)
    assert world.queries() == [BY_ID] * 3


def test_findings_that_came_together_are_read_a_hundred_a_call(world: World) -> None:
    world.come(*range(300, 600))  # what came later
    world.come(*range(1, 160, 4), account="777788889999")  # and what came meanwhile elsewhere
    findings = world.come(*range(0, 160, 2)) + world.come(*range(163, 243), account="111122223333")

    found = world.hub.get(findings, until=LATER)

    assert found.keys() == {finding.key for finding in findings}
    assert world.queries() == [AROUND] * 2
    assert all(isinstance(read, Finding) and read.seen_at == NOW for read in found.values())


def test_where_others_are_between_them_ids_are_asked_for(world: World) -> None:
    world.come(*(number for number in range(500) if number % 10))
    findings = world.come(*range(0, 500, 10))

    found = world.hub.get(findings, until=LATER)

    assert found.keys() == {finding.key for finding in findings}
    assert world.queries() == [AROUND, *[BY_ID] * 3]


def test_a_few_that_came_together_are_asked_for_by_their_ids(world: World) -> None:
    findings = world.come(*range(40))

    assert world.hub.get(findings, until=LATER).keys() == {finding.key for finding in findings}
    assert world.queries() == [BY_ID] * 2


@pytest.mark.parametrize(
    "change",
    [{"Workflow": {"Status": "SUPPRESSED"}}, {"RecordState": "ARCHIVED"}, {"UpdatedAt": "2026-03-01T23:00:00Z"}],
)
def test_one_that_has_changed_since_is_read_as_it_is_now(world: World, change: dict[str, Any]) -> None:
    findings = world.come(*range(60))
    world.change(key(7), change)

    found = world.hub.get(findings, until=LATER)

    assert found.keys() == {finding.key for finding in findings}
    read = found[key(7)]
    assert isinstance(read, Finding)
    assert read.document | change == read.document
    assert world.queries() == [AROUND, BY_ID]


def test_of_those_that_came_together_one_that_is_gone_is_missing(world: World) -> None:
    findings = [*world.come(*range(60)), seen(key(60), UpdatedAt=updated(60))]

    assert world.hub.get(findings, until=LATER).keys() == {key(number) for number in range(60)}


def test_more_accounts_than_a_filter_takes_are_asked_for_by_ids(world: World) -> None:
    findings = [
        finding for number in range(42) for finding in world.come(number, account=f"{100000000000 + number // 2}")
    ]

    assert world.hub.get(findings, until=LATER).keys() == {finding.key for finding in findings}
    assert world.queries() == [BY_ID] * 3


def test_a_page_that_comes_again_and_again_is_not_read_for_ever() -> None:
    client = boto3.client("securityhub")
    keys = sorted(key(number) for number in range(90))
    told = [finding(Id=id_, ProductArn=product) for product, id_ in keys]
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_response("get_findings", {"Findings": told[:50], "NextToken": "the same"})
        for portion in (told[50:70], told[70:]):
            stub.add_response("get_findings", {"Findings": portion})

        read = port(client).get([seen(wanted, UpdatedAt=updated(1)) for wanted in keys], until=LATER)

    assert all(isinstance(read[wanted], Finding) for wanted in keys)


def test_an_id_that_fails_the_whole_query_ends_up_alone(world: World) -> None:
    keys = [key(number) for number in range(45)]
    blank = FindingKey(PRODUCT, " ")
    world.put(*keys)

    found = world.hub.get(list(map(seen, [*keys, blank])), until=LATER)

    assert isinstance(found.pop(blank), FindingRefused)
    assert found.keys() == set(keys)
    assert all(isinstance(read, Finding) for read in found.values())


def test_what_no_page_brings_ids_do() -> None:
    client = boto3.client("securityhub")
    keys = sorted(key(number) for number in range(41))
    with Stubber(client) as stub:
        stub.add_client_error("get_findings", "InvalidInputException", http_status_code=400)
        for portion in (keys[:20], keys[20:40], keys[40:]):
            told = [finding(Id=id_, ProductArn=product) for product, id_ in portion]
            stub.add_response("get_findings", {"Findings": told})

        read = port(client).get([seen(wanted, UpdatedAt=updated(1)) for wanted in keys], until=LATER)

    assert all(isinstance(read[wanted], Finding) for wanted in keys)


def test_a_finding_of_the_same_id_and_another_product_is_another(world: World) -> None:
    namesake = key(1, "arn:aws:securityhub:eu-west-1::product/aws/inspector")
    world.put(key(1), namesake)

    assert world.hub.get([seen(key(1))], until=LATER).keys() == {key(1)}


def test_one_that_is_gone_is_missing(world: World) -> None:
    world.put(key(1))

    assert world.hub.get([seen(key(1)), seen(key(2))], until=LATER).keys() == {key(1)}


def test_equal_updates_share_a_call_of_up_to_a_hundred(world: World) -> None:
    keys = [key(number) for number in range(250)]
    other = FindingUpdate(note=Note("Other", "FindingEnricher"))
    world.put(*keys)

    problems = world.hub.update({wanted: other if wanted == key(7) else NOTE for wanted in keys}, until=LATER)

    assert problems == {}
    assert sorted(len(call["FindingIdentifiers"]) for _, call in world.calls) == [1, 49, 100, 100]
    assert world.finding(key(249))["UserDefinedFields"] == {"findingEnriched": "true"}
    assert world.finding(key(7))["Note"]["Text"] == "Other"
    assert "UserDefinedFields" not in world.finding(key(7))


def test_a_finding_that_is_gone_fails_alone(world: World) -> None:
    world.put(key(1))

    problems = world.hub.update({key(1): NOTE, key(2): NOTE}, until=LATER)

    assert problems.keys() == {key(2)}
    assert isinstance(problems[key(2)], FindingGone)
    assert world.finding(key(1))["Note"]["UpdatedBy"] == "FindingEnricher"


def test_an_identifier_that_fails_the_whole_call_ends_up_alone(world: World) -> None:
    keys = [key(number) for number in range(50)]
    poison = FindingKey("no ARN", "finding-poison")
    world.put(*keys)

    problems = world.hub.update(dict.fromkeys([*keys, poison], NOTE), until=LATER)

    assert problems.keys() == {poison}
    assert isinstance(problems[poison], FindingRefused | FindingGone)
    assert all(world.finding(wanted)["Note"]["Text"] == "Text" for wanted in keys)


def test_a_call_that_is_refused_for_its_content_is_halved_until_the_culprit_stands_alone() -> None:
    client = boto3.client("securityhub")
    keys = [key(number) for number in range(4)]

    def identifiers(*wanted: FindingKey) -> list[dict[str, str]]:
        return [{"ProductArn": product, "Id": id_} for product, id_ in wanted]

    with Stubber(client) as stub:
        update = {"Note": {"Text": "Text", "UpdatedBy": "FindingEnricher"}}
        for asked, fails in ((keys, True), (keys[:2], False), (keys[2:], True), (keys[2:3], True), (keys[3:], False)):
            request = {"FindingIdentifiers": identifiers(*asked), **update}
            if fails:
                stub.add_client_error("batch_update_findings", "InvalidInputException", expected_params=request)
            else:
                answer = {"ProcessedFindings": identifiers(*asked), "UnprocessedFindings": []}
                stub.add_response("batch_update_findings", answer, request)

        problems = port(client).update(
            dict.fromkeys(keys, FindingUpdate(note=Note("Text", "FindingEnricher"))), until=LATER
        )

        stub.assert_no_pending_responses()
    assert {wanted: type(problem) for wanted, problem in problems.items()} == {keys[2]: FindingRefused}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ConcurrentUpdateError", Retryable),
        ("InternalFailure", Retryable),
        ("SomethingNew", Retryable),
        ("FindingNotFound", FindingGone),
        ("InvalidInput", FindingRefused),
        ("DuplicatedFindingIdentifier", FindingRefused),
        ("FindingSizeExceeded", FindingRefused),
    ],
)
def test_unprocessed_findings_are_split_into_retryable_and_not(code: str, kind: type[Exception]) -> None:
    client = boto3.client("securityhub")
    unprocessed = {
        "FindingIdentifier": {"ProductArn": PRODUCT, "Id": "finding-1"},
        "ErrorCode": code,
        "ErrorMessage": "why",
    }
    with Stubber(client) as stub:
        for _ in range(2 if kind is Retryable else 1):  # it may have been over in a moment
            stub.add_response("batch_update_findings", {"ProcessedFindings": [], "UnprocessedFindings": [unprocessed]})

        problems = port(client).update({key(1): NOTE}, until=LATER)

        stub.assert_no_pending_responses()
    assert type(problems[key(1)]) is kind
    assert str(problems[key(1)]) == f"could not update a finding: {code}: why"


def test_what_may_pass_is_tried_once_more_for_those_findings_alone() -> None:
    client = boto3.client("securityhub")
    identifiers = [{"ProductArn": product, "Id": id_} for product, id_ in (key(1), key(2))]
    update = {"Note": {"Text": "Text", "UpdatedBy": "FindingEnricher"}}
    busy = {"FindingIdentifier": identifiers[1], "ErrorCode": "ConcurrentUpdateError", "ErrorMessage": "busy"}
    with Stubber(client) as stub:
        for asked, unprocessed in ((identifiers, [busy]), (identifiers[1:], [])):
            stub.add_response(
                "batch_update_findings",
                {"ProcessedFindings": [], "UnprocessedFindings": unprocessed},
                {"FindingIdentifiers": asked, **update},
            )

        problems = port(client).update(
            dict.fromkeys([key(1), key(2)], FindingUpdate(note=Note("Text", "FindingEnricher"))), until=LATER
        )

        stub.assert_no_pending_responses()
    assert problems == {}


def test_an_update_that_is_itself_at_fault_takes_few_calls() -> None:
    client = boto3.client("securityhub")
    keys = [key(number) for number in range(300)]
    with Stubber(client) as stub:
        for _ in range(40):
            stub.add_client_error("batch_update_findings", "InvalidInputException")

        problems = port(client).update(dict.fromkeys(keys, NOTE), until=LATER)

    assert {type(problem) for problem in problems.values()} == {FindingRefused}
    assert problems.keys() == set(keys)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [("AccessDeniedException", 403, AwsRefused), ("TooManyRequestsException", 429, AwsUnavailable)],
)
def test_a_call_that_fails_as_a_whole_is_nobodys_fault_among_its_findings(
    code: str, status: int, kind: type[Exception]
) -> None:
    client = boto3.client("securityhub")
    with Stubber(client) as stub:
        for _ in range(5):
            stub.add_client_error("batch_update_findings", code, http_status_code=status)

        problems = port(client).update({key(1): NOTE, key(2): NOTE}, until=LATER)

    assert problems.keys() == {key(1), key(2)}
    assert all(isinstance(problem, kind) and not isinstance(problem, FindingRefused) for problem in problems.values())
    assert isinstance(problems[key(1)], Retryable | Permanent)


def test_a_call_that_fails_keeps_nothing_from_the_findings_of_the_others() -> None:
    client = boto3.client("securityhub")
    keys = sorted(key(number) for number in range(40))
    with Stubber(client) as stub:
        stub.add_client_error("get_findings", "AccessDeniedException", http_status_code=403)
        found = [finding(Id=id_, ProductArn=product) for product, id_ in keys[20:]]
        stub.add_response("get_findings", {"Findings": found})

        read = port(client).get(list(map(seen, keys)), until=LATER)

    assert [isinstance(read[wanted], AwsRefused) for wanted in keys] == [True] * 20 + [False] * 20


def test_no_call_begins_when_no_time_is_left(world: World) -> None:
    world.put(key(1))

    assert isinstance(world.hub.get([seen(key(1))], until=NOW)[key(1)], AwsUnavailable)
    assert isinstance(world.hub.update({key(1): NOTE}, until=NOW)[key(1)], AwsUnavailable)
    assert isinstance(world.hub.import_findings([imported(1)], until=NOW)[key(1, OWN)], AwsUnavailable)
    assert world.calls == []


def imported(number: int, **changes: Any) -> dict[str, Any]:
    """A finding of the account's own product."""
    own = {"Id": f"finding-{number}", "ProductArn": OWN, "AwsAccountId": "123456789012"}
    return {**finding(**own), **changes}


def test_findings_are_imported_a_hundred_a_call(world: World) -> None:
    assert world.hub.import_findings([imported(number) for number in range(250)], until=LATER) == {}

    assert [(name, len(call["Findings"])) for name, call in world.calls] == [
        ("BatchImportFindings", 100),
        ("BatchImportFindings", 100),
        ("BatchImportFindings", 50),
    ]
    assert world.finding(key(249, OWN))["Workflow"] == {"Status": "NEW"}


def test_no_call_carries_more_than_six_megabytes(world: World) -> None:
    fields = {f"field {number}": "x" * 2000 for number in range(45)}
    large = [imported(number, ProductFields=fields) for number in range(100)]

    assert world.hub.import_findings(large, until=LATER) == {}

    assert sum(len(call["Findings"]) for _, call in world.calls) == 100
    assert len(world.calls) == 2


def test_a_finding_that_security_hub_refuses_fails_alone(world: World) -> None:
    refused = imported(2, Title="x" * 257)

    problems = world.hub.import_findings([imported(1), refused, imported(3)], until=LATER)

    assert {wanted: type(problem) for wanted, problem in problems.items()} == {key(2, OWN): FindingRefused}
    assert "InvalidInput" in str(problems[key(2, OWN)])
    assert world.finding(key(3, OWN))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Title": None}, "Invalid type for parameter Findings[0].Title"),
        ({"Titel": "x"}, "Unknown parameter in Findings[0]"),
        ({"Description": "x" * 240 * 1024}, "larger than 240 KB"),
    ],
)
def test_a_finding_that_would_fail_the_whole_call_is_left_out_of_it(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    problems = world.hub.import_findings([imported(1), imported(2, **changes)], until=LATER)

    assert problems.keys() == {key(2, OWN)}
    assert isinstance(problems[key(2, OWN)], FindingRefused)
    assert reason in str(problems[key(2, OWN)])
    assert world.finding(key(1, OWN))


@pytest.mark.parametrize(
    "details",
    [{"AwsEc2Instance": {"Type": "m7g.large", "Novelty": 1}}, {"Other": {"text": "x" * 1025}}],
    ids=["unknown to this version", "refused"],
)
def test_a_resources_details_keep_no_finding_from_being_imported(world: World, details: dict[str, Any]) -> None:
    block = {"Type": "AwsEc2Instance", "Id": "i-0c0de5ec000000001", "Region": "eu-west-1"}
    good = {"AwsEc2Instance": {"Type": "m7g.large"}}

    problems = world.hub.import_findings(
        [imported(1, Resources=[block | {"Details": details}]), imported(2, Resources=[block | {"Details": good}])],
        until=LATER,
    )

    assert problems == {}
    assert world.finding(key(1, OWN))["Resources"] == [block]
    assert world.finding(key(2, OWN))["Resources"] == [block | {"Details": good}]


def test_a_version_that_is_not_later_changes_nothing_and_is_no_error(world: World) -> None:
    world.hub.import_findings([imported(1, Title="first")], until=LATER)

    assert world.hub.import_findings([imported(1, Title="second")], until=LATER) == {}

    assert world.finding(key(1, OWN))["Title"] == "first"


@pytest.mark.parametrize(
    ("code", "kind"), [("InternalFailure", Retryable), ("SomethingNew", Retryable), ("InvalidInput", FindingRefused)]
)
def test_failed_findings_are_split_into_retryable_and_not(code: str, kind: type[Exception]) -> None:
    client = boto3.client("securityhub")
    failed = {"Id": "finding-1", "ErrorCode": code, "ErrorMessage": "why"}
    with Stubber(client) as stub:
        for _ in range(2 if kind is Retryable else 1):  # it may have been over in a moment
            answer = {"FailedCount": 1, "SuccessCount": 0, "FailedFindings": [failed]}
            stub.add_response("batch_import_findings", answer, {"Findings": [imported(1)]})

        problems = port(client).import_findings([imported(1)], until=LATER)

        stub.assert_no_pending_responses()
    assert type(problems[key(1, OWN)]) is kind
    assert str(problems[key(1, OWN)]) == f"could not import a finding: {code}: why"


def test_a_failure_that_names_no_finding_is_everybodys() -> None:
    client = boto3.client("securityhub")
    with Stubber(client) as stub:
        failed = {"Id": "unknown", "ErrorCode": "InvalidInput", "ErrorMessage": "why"}
        answer = {"FailedCount": 1, "SuccessCount": 1, "FailedFindings": [failed]}
        stub.add_response("batch_import_findings", answer)
        stub.add_response("batch_import_findings", {"FailedCount": 0, "SuccessCount": 2})

        assert port(client).import_findings([imported(1), imported(2)], until=LATER) == {}

        stub.assert_no_pending_responses()


def test_a_finding_of_another_account_is_refused_with_its_call(world: World) -> None:
    problems = world.hub.import_findings([imported(1, AwsAccountId="444455556666")], until=LATER)

    assert isinstance(problems[key(1, OWN)], AwsRefused)

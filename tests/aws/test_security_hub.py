"""Reading and updating findings, many a call, against Security Hub's own rules."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from responder.aws.faults import AwsRefused, AwsUnavailable
from responder.aws.pace import Pace
from responder.aws.security_hub import RATES, SecurityHub
from responder.domain.faults import Permanent, Retryable
from responder.domain.security_hub import FindingGone, FindingKey, FindingRefused, FindingUpdate, Note
from sandbox.aws_services import install, security_hub
from tests.aws_services.findings import finding

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
PRODUCT = "arn:aws:securityhub:eu-west-1::product/aws/guardduty"
OWN = "arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default"
NOTE = FindingUpdate(note=Note("Text", "FindingEnricher"), fields=(("findingEnriched", "true"),))


def key(number: int | str, product: str = PRODUCT) -> FindingKey:
    return FindingKey(product, f"finding-{number}")


def port(client: Any) -> SecurityHub:
    pace = Pace(dict.fromkeys(RATES, 1000), clock=lambda: NOW, sleep=lambda _: None)
    return SecurityHub(client, pace=pace, clock=lambda: NOW)


class World:
    def __init__(self) -> None:
        self.client = boto3.client("securityhub")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.client.meta.events.register("before-parameter-build.securityhub", self._note)
        self.hub = port(self.client)

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.append((model.name, dict(params)))

    def put(self, *keys: FindingKey, account: str = "444455556666") -> None:
        for product, id_ in keys:
            finding = {"Id": id_, "ProductArn": product, "AwsAccountId": account}
            security_hub.put_finding("123456789012", "eu-west-1", finding)

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


def test_findings_are_read_twenty_a_call(world: World) -> None:
    keys = [key(number) for number in range(45)]
    world.put(*keys)

    found = world.hub.get(keys, until=LATER)

    assert found.keys() == set(keys)
    assert [name for name, _ in world.calls] == ["GetFindings"] * 3


def test_a_finding_of_the_same_id_and_another_product_is_another(world: World) -> None:
    namesake = key(1, "arn:aws:securityhub:eu-west-1::product/aws/inspector")
    world.put(key(1), namesake)

    assert world.hub.get([key(1)], until=LATER).keys() == {key(1)}


def test_one_that_is_gone_is_missing(world: World) -> None:
    world.put(key(1))

    assert world.hub.get([key(1), key(2)], until=LATER).keys() == {key(1)}


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

        read = port(client).get(keys, until=LATER)

    assert [isinstance(read[wanted], AwsRefused) for wanted in keys] == [True] * 20 + [False] * 20


def test_no_call_begins_when_no_time_is_left(world: World) -> None:
    world.put(key(1))

    assert isinstance(world.hub.get([key(1)], until=NOW)[key(1)], AwsUnavailable)
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

"""Each kind of value becomes the event that AWS would deliver, or one rejected value with a reason."""

import json
from typing import Any

import pytest

from sandbox.envelopes import DEFAULT_HUB, MAXIMUM_EVENT_BYTES, Place, Submission, complete, derive_hub, submissions
from sandbox.inputs import JsonValue

HUB = Place("111122223333", "eu-west-1")

CLOUDTRAIL: dict[str, Any] = {
    "eventVersion": "1.09",
    "eventID": "3f1c9b62-0000-4000-8000-000000000001",
    "eventTime": "2026-03-01T10:00:00Z",
    "eventType": "AwsApiCall",
    "eventSource": "iam.amazonaws.com",
    "eventName": "CreateUser",
    "awsRegion": "us-east-1",
    "recipientAccountId": "444455556666",
    "userIdentity": {"type": "Root", "accountId": "444455556666"},
}
ASFF: dict[str, Any] = {
    "SchemaVersion": "2018-10-08",
    "Id": "finding-1",
    "ProductArn": "arn:aws:securityhub:eu-central-1::product/aws/securityhub",
    "GeneratorId": "rule-1",
    "AwsAccountId": "444455556666",
    "Region": "eu-central-1",
    "UpdatedAt": "2026-03-01T11:00:00.000Z",
}
GUARDDUTY: dict[str, Any] = {
    "schemaVersion": "2.0",
    "accountId": "444455556666",
    "region": "eu-central-1",
    "id": "8af4",
    "type": "Recon:EC2/PortProbeUnprotectedPort",
    "severity": 8,
    "updatedAt": "2026-03-01T12:00:00.000Z",
}
ENVELOPE: dict[str, Any] = {
    "version": "0",
    "id": "e-1",
    "detail-type": "Test",
    "source": "test.app",
    "account": "444455556666",
    "time": "2026-03-01T10:00:00Z",
    "region": "eu-west-1",
    "resources": ["arn:aws:s3:::bucket"],
    "detail": {"a": 1},
}


def taken(value: Any) -> list[Submission]:
    return [complete(submission, HUB) for submission in submissions([JsonValue(value, "file.json")])]


def event_of(value: Any) -> dict[str, Any]:
    (submission,) = taken(value)
    assert submission.event is not None, submission.reason
    return submission.event


def reason_of(value: Any) -> str:
    (submission,) = taken(value)
    assert submission.event is None
    assert submission.reason
    return submission.reason


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: member for key, member in value.items() if key != name}


class TestEventBridgeEvents:
    def test_a_whole_one_stays_as_it_is(self) -> None:
        assert event_of(ENVELOPE) == ENVELOPE

    def test_what_eventbridge_would_add_is_added(self) -> None:
        event = event_of({"source": "test.app", "detail-type": "Test", "detail": {}})
        assert event | {"id": ""} == {
            "version": "0",
            "id": "",
            "detail-type": "Test",
            "source": "test.app",
            "account": "111122223333",
            "time": None,  # the clock's, when it is delivered
            "region": "eu-west-1",
            "resources": [],
            "detail": {},
        }
        assert len(event["id"]) == 36

    def test_the_id_depends_on_nothing_but_the_content(self) -> None:
        assert event_of(without(ENVELOPE, "id"))["id"] == event_of(without(ENVELOPE, "id"))["id"]
        assert event_of(without(ENVELOPE, "id"))["id"] != event_of(without(ENVELOPE, "id") | {"detail": {}})["id"]

    def test_a_cloudtrail_detail_tells_account_and_region(self) -> None:
        detail_type = "AWS API Call via CloudTrail"
        event = event_of({"source": "aws.iam", "detail-type": detail_type, "detail": CLOUDTRAIL})
        assert (event["account"], event["region"]) == ("444455556666", "us-east-1")

    @pytest.mark.parametrize("account", ["12345", "...", ""])
    def test_an_account_that_cannot_be_one_is_kept(self, account: str) -> None:
        assert event_of(ENVELOPE | {"account": account})["account"] == (account or HUB.account)

    @pytest.mark.parametrize("name", ["source", "detail-type", "detail"])
    def test_what_is_missing_is_named(self, name: str) -> None:
        assert reason_of(without(ENVELOPE, name)) == f"EventBridge event without {name}"
        assert reason_of(ENVELOPE | {name: None}) == f"EventBridge event without {name}"

    @pytest.mark.parametrize("name", ["source", "detail-type", "id", "account", "region", "time", "version"])
    @pytest.mark.parametrize("value", [12345, True, ["x"], {"x": "y"}])
    def test_what_is_no_text_is_named(self, name: str, value: object) -> None:
        assert reason_of(ENVELOPE | {name: value}).startswith(f"EventBridge event: {name} is a JSON ")

    @pytest.mark.parametrize("detail", ["{}", [], 3, True])
    def test_a_detail_is_an_object(self, detail: object) -> None:
        assert reason_of(ENVELOPE | {"detail": detail}).endswith("not an object")

    def test_resources_are_a_list(self) -> None:
        assert reason_of(ENVELOPE | {"resources": "arn"}) == "EventBridge event: resources is a JSON string, not a list"

    def test_a_rejected_one_keeps_the_names_it_has(self) -> None:
        (submission,) = taken(without(ENVELOPE, "detail") | {"account": 5})
        assert submission.named == {"id": "e-1", "source": "test.app", "detail-type": "Test", "region": "eu-west-1"}

    def test_one_over_a_megabyte_is_refused(self) -> None:
        largest = MAXIMUM_EVENT_BYTES - len('{"a":""}') - 14 - len("test.app" + "Test")
        event = without(ENVELOPE, "resources")
        assert event_of(event | {"detail": {"a": "x" * largest}})
        assert "up to 1,048,576 (1 MB)" in reason_of(event | {"detail": {"a": "x" * (largest + 1)}})
        assert "1 MB" in reason_of(event | {"detail": {"a": "ü" * (largest // 2 + 1)}})

    @pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
    def test_a_number_that_json_does_not_have(self, text: str) -> None:
        value = json.loads(json.dumps(ENVELOPE).replace('{"a": 1}', f'{{"a": {text}}}'))
        assert reason_of(value) == "a number is NaN or infinite, which JSON does not have"

    def test_a_lone_surrogate_is_no_obstacle(self) -> None:
        assert event_of(without(ENVELOPE, "id") | {"detail": {"a": "\ud800"}})["detail"] == {"a": "\ud800"}

    def test_one_nested_beyond_reason_is_refused_and_the_rest_goes_on(self) -> None:
        nested: Any = {}
        for _ in range(500):
            nested = {"a": nested}
        first, second = taken([ENVELOPE | {"detail": nested}, ENVELOPE])
        assert first.reason == "nested deeper than 128 levels"
        assert second.event == ENVELOPE


class TestCloudTrailRecords:
    @pytest.mark.parametrize(
        ("event_type", "detail_type"),
        [
            ("AwsApiCall", "AWS API Call via CloudTrail"),
            ("AwsConsoleSignIn", "AWS Console Sign In via CloudTrail"),
            ("AwsConsoleAction", "AWS Console Action via CloudTrail"),
            ("AwsServiceEvent", "AWS Service Event via CloudTrail"),
            ("AwsSomethingNew", "AWS API Call via CloudTrail"),
            (None, "AWS API Call via CloudTrail"),
        ],
    )
    def test_the_envelope(self, event_type: str | None, detail_type: str) -> None:
        record = CLOUDTRAIL | {"eventType": event_type}
        assert event_of(record) == {
            "version": "0",
            "id": "3f1c9b62-0000-4000-8000-000000000001",
            "detail-type": detail_type,
            "source": "aws.iam",
            "account": "444455556666",
            "time": "2026-03-01T10:00:00Z",
            "region": "us-east-1",
            "resources": [],
            "detail": record,
        }

    def test_insights(self) -> None:
        record = {
            "eventVersion": "1.08",
            "eventTime": "2026-03-01T10:00:00Z",
            "awsRegion": "us-east-1",
            "eventID": "i-1",
            "eventType": "AwsCloudTrailInsight",
            "recipientAccountId": "444455556666",
            "insightDetails": {"eventSource": "ssm.amazonaws.com", "eventName": "UpdateInstanceInformation"},
        }
        event = event_of(record)
        assert (event["detail-type"], event["source"]) == ("AWS Insight via CloudTrail", "aws.ssm")
        assert "without eventSource" in reason_of(record | {"insightDetails": None})

    def test_the_caller_tells_the_account_of_an_old_record(self) -> None:
        assert event_of(without(CLOUDTRAIL, "recipientAccountId"))["account"] == "444455556666"

    @pytest.mark.parametrize("identity", [None, {}, "x", {"accountId": 5}])
    def test_a_record_that_names_no_account_is_the_hubs(self, identity: object) -> None:
        record = without(CLOUDTRAIL, "recipientAccountId") | {"userIdentity": identity}
        assert event_of(record)["account"] == HUB.account

    def test_null_parameters_and_responses_are_usual(self) -> None:
        assert event_of(CLOUDTRAIL | {"requestParameters": None, "responseElements": None})

    @pytest.mark.parametrize("name", ["eventSource", "eventName"])
    def test_what_is_missing_is_named(self, name: str) -> None:
        assert reason_of(without(CLOUDTRAIL, name)) == f"CloudTrail record without {name}"

    def test_an_account_that_is_a_number_is_refused(self) -> None:
        assert "recipientAccountId is a JSON number" in reason_of(CLOUDTRAIL | {"recipientAccountId": 444455556666})


class TestFindings:
    def test_security_hub(self) -> None:
        event = event_of(ASFF)
        assert event | {"id": ""} == {
            "version": "0",
            "id": "",
            "detail-type": "Security Hub Findings - Imported",
            "source": "aws.securityhub",
            "account": HUB.account,
            "time": "2026-03-01T11:00:00.000Z",
            "region": HUB.region,
            "resources": [f"{ASFF['ProductArn']}/finding-1"],
            "detail": {"findings": [ASFF]},
        }

    def test_guardduty_comes_from_the_administrator_in_the_findings_region(self) -> None:
        event = event_of(GUARDDUTY)
        assert event | {"id": ""} == {
            "version": "0",
            "id": "",
            "detail-type": "GuardDuty Finding",
            "source": "aws.guardduty",
            "account": HUB.account,
            "time": "2026-03-01T12:00:00.000Z",
            "region": "eu-central-1",
            "resources": [],
            "detail": GUARDDUTY,
        }

    def test_the_name_of_a_replay_stays(self) -> None:
        event = {"source": "test.app", "detail-type": "Test", "detail": {}}
        assert event_of(event | {"replay-name": "after-the-outage"})["replay-name"] == "after-the-outage"
        assert "replay-name" not in event_of(event)

    @pytest.mark.parametrize("name", ["Id", "ProductArn", "AwsAccountId"])
    def test_what_a_security_hub_finding_lacks_is_named(self, name: str) -> None:
        assert reason_of(without(ASFF, name)) == f"Security Hub finding without {name}"

    @pytest.mark.parametrize("name", ["id", "type"])
    def test_what_a_guardduty_finding_lacks_is_named(self, name: str) -> None:
        assert reason_of(without(GUARDDUTY, name)) == f"GuardDuty finding without {name}"


class TestContainers:
    def test_lists_and_files_of_records_are_taken_apart_and_say_where(self) -> None:
        taken_apart = taken([[ENVELOPE, [CLOUDTRAIL]], {"Records": [CLOUDTRAIL, 5]}, {"Findings": [ASFF]}, []])
        assert [submission.origin for submission in taken_apart] == [
            "file.json[1][1]",
            "file.json[1][2][1]",
            "file.json[2][1]",
            "file.json[2][2]",
            "file.json[3][1]",
        ]
        assert [submission.event is not None for submission in taken_apart] == [True, True, True, False, True]

    def test_an_empty_file_of_records_is_nothing(self) -> None:
        assert taken({"Records": []}) == []

    def test_lists_in_lists_without_end_are_one_value(self) -> None:
        endless: Any = []
        for _ in range(900):
            endless = [endless]
        assert reason_of(endless) == "nested deeper than 128 levels"

    @pytest.mark.parametrize(
        ("value", "name"), [(None, "null"), (5, "number"), (1.5, "number"), ("x", "string"), (True, "boolean")]
    )
    def test_a_scalar_is_no_event(self, value: object, name: str) -> None:
        assert reason_of([value]) == f"a JSON {name} is no event"

    @pytest.mark.parametrize("value", [{}, {"a": 1}, {"data": ENVELOPE}, {"Records": "x"}])
    def test_an_object_of_no_known_kind(self, value: object) -> None:
        assert reason_of(value).startswith("no EventBridge event (detail-type, source and detail are missing)")

    def test_a_fault_of_a_value_is_its_reason(self) -> None:
        (submission,) = submissions([JsonValue(None, "x.json", fault="nested too deeply")])
        assert (submission.event, submission.reason) == (None, "nested too deeply")


class TestHub:
    @staticmethod
    def derived(*values: Any) -> str:
        return str(derive_hub(submissions(JsonValue(value, "x") for value in values)))

    def finding_event(self, account: str, region: str = "eu-west-1", source: str = "aws.guardduty") -> dict[str, Any]:
        return ENVELOPE | {"source": source, "account": account, "region": region}

    def test_findings_decide(self) -> None:
        others = [ENVELOPE | {"account": "777788889999"}] * 5
        assert self.derived(*others, self.finding_event("111122223333")) == "111122223333/eu-west-1"

    def test_without_findings_all_events_do(self) -> None:
        assert self.derived(CLOUDTRAIL, CLOUDTRAIL, ENVELOPE) == "444455556666/us-east-1"

    def test_account_and_region_count_together(self) -> None:
        events = [
            self.finding_event("111122223333", "eu-west-1"),
            self.finding_event("111122223333", "us-east-1"),
            self.finding_event("777788889999", "us-east-1", "aws.securityhub"),
            self.finding_event("777788889999", "us-east-1"),
        ]
        assert self.derived(*events) == "777788889999/us-east-1"

    def test_the_first_of_equals(self) -> None:
        events = [self.finding_event("777788889999"), self.finding_event("111122223333")]
        assert self.derived(*events) == "777788889999/eu-west-1"

    def test_bare_findings_count_with_their_own(self) -> None:
        assert self.derived(ASFF, GUARDDUTY) == "444455556666/eu-central-1"
        assert self.derived(without(ASFF, "Region")) == "444455556666/eu-central-1"

    @pytest.mark.parametrize(
        ("account", "region"), [("12345", "eu-west-1"), ("...", "eu-west-1"), ("111122223333", "mars-1")]
    )
    def test_what_cannot_be_one_does_not_count(self, account: str, region: str) -> None:
        event = ENVELOPE | {"account": "777788889999"}
        assert self.derived(self.finding_event(account, region), event) == "777788889999/eu-west-1"

    def test_there_is_always_one(self) -> None:
        assert self.derived(5) == str(DEFAULT_HUB)

    @pytest.mark.parametrize("text", ["111122223333", "12/eu-west-1", "111122223333/", "111122223333/x", ""])
    def test_a_place_that_cannot_be_one_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not ACCOUNT/REGION"):
            Place.parse(text)

"""What each kind of event says to its incident: key, impact, and what a responder reads at 3 a.m."""

from typing import Any

import pytest

from responder.domain.event import read_event
from responder.domain.faults import Rejected
from responder.domain.incident.occurrence import MAX_RAW_DATA, MAX_TITLE, Occurrence, request_for
from responder.domain.incident.reading import Criteria, read_occurrence
from responder.domain.text import units
from tests.conftest import Sample

CRITERIA = Criteria(7.0, ("s3-bucket-public-read-prohibited", "s3-bucket-public-write-prohibited"))
PROD, DEV = "444455556666", "777788889999"
BUCKET = "AWS::S3::Bucket"


def occurrence(event: dict[str, Any], criteria: Criteria = CRITERIA) -> Occurrence:
    read = read_occurrence(read_event(event), criteria)
    assert isinstance(read, Occurrence), read
    return read


@pytest.mark.parametrize(
    ("name", "key", "impact", "title"),
    [
        (
            "root-console-sign-in-without-mfa",
            f"root/{PROD}",
            1,
            f"Root console sign-in WITHOUT MFA in account {PROD} (us-east-1)",
        ),
        (
            "root-console-sign-in-with-mfa",
            f"root/{DEV}",
            2,
            f"Root console sign-in with MFA in account {DEV} (us-east-1)",
        ),
        (
            "root-console-sign-in-in-another-region",
            "root/111122223333",
            2,
            "Root console sign-in with MFA in account 111122223333 (us-west-2)",
        ),
        (
            "root-console-sign-in-failed",
            f"root/{PROD}",
            3,
            f"Failed root console sign-in in account {PROD} (us-east-1)",
        ),
        ("root-api-call", f"root/{PROD}", 2, f"Root API call iam:CreateAccessKey in account {PROD} (us-east-1)"),
        ("root-api-call-read-only", f"root/{PROD}", 2, f"Root API call iam:ListUsers in account {PROD} (us-east-1)"),
        (
            "root-api-call-refused",
            f"root/{PROD}",
            2,
            f"Root API call, refused, cloudtrail:StopLogging in account {PROD} (eu-west-1)",
        ),
        (
            "guardduty-high-1-found",
            f"guardduty/{PROD}/eu-west-1/54c1f2a3b4d5e6f708192a3b4c5d6e7f",
            2,
            f"GuardDuty High 8.0: Backdoor:EC2/C&CActivity.B!DNS on i-0a1b2c3d4e5f67890 in account {PROD} (eu-west-1)",
        ),
        (
            "guardduty-critical",
            f"guardduty/{PROD}/eu-west-1/78e3f4a5b6c7d8e9f0a1b2c3d4e5f607",
            1,
            "GuardDuty Critical 9.3: UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS"
            f" on ASIAEXAMPLEWEB000001 in account {PROD} (eu-west-1)",
        ),
        (
            "guardduty-attack-sequence",
            f"guardduty/{PROD}/eu-west-1/8af4a5b6c7d8e9f0a1b2c3d4e5f60718",
            1,
            f"GuardDuty Critical 9.0: AttackSequence:S3/CompromisedData on acme-invoices in account {PROD} (eu-west-1)",
        ),
        (
            "guardduty-sample-finding",
            "guardduty/111122223333/eu-west-1/9ba5b6c7d8e9f0a1b2c3d4e5f6071829",
            5,
            "[SAMPLE] GuardDuty High 8.0: CryptoCurrency:EC2/BitcoinTool.B on i-99999999"
            " in account 111122223333 (eu-west-1)",
        ),
        (
            "config-public-write-first-evaluation",
            f"config/{DEV}/us-east-1/s3-bucket-public-write-prohibited/{BUCKET}/acme-dev-uploads",
            2,
            f"NON_COMPLIANT with s3-bucket-public-write-prohibited: {BUCKET} acme-dev-uploads"
            f" in account {DEV} (us-east-1)",
        ),
        (
            "config-public-read-1-turned-non-compliant",
            f"config/{PROD}/eu-west-1/s3-bucket-public-read-prohibited/{BUCKET}/acme-press-kit",
            3,
            f"NON_COMPLIANT with s3-bucket-public-read-prohibited: {BUCKET} acme-press-kit"
            f" in account {PROD} (eu-west-1)",
        ),
    ],
)
def test_what_opens_an_incident(sample: Sample, name: str, key: str, impact: int, title: str) -> None:
    read = occurrence(sample(name))

    assert (read.key, read.impact, read.title) == (key, impact, title)
    assert read.opens


@pytest.mark.parametrize("name", ["guardduty-high-3-archived", "config-public-read-2-turned-compliant"])
def test_what_is_only_told_to_an_open_incident(sample: Sample, name: str) -> None:
    assert not occurrence(sample(name)).opens


def test_a_rule_its_conformance_pack_and_security_hub_are_one_cause(sample: Sample) -> None:
    keys = {
        occurrence(sample(f"config-public-read-from-{origin}")).key for origin in ("conformance-pack", "security-hub")
    }

    assert keys == {f"config/{DEV}/eu-central-1/s3-bucket-public-read-prohibited/{BUCKET}/acme-dev-builds"}


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("guardduty-medium-opens-nothing", {}, "severity 5.0 is below 7.0"),
        ("guardduty-high-1-found", {"severity": 6.9}, "severity 6.9 is below 7.0"),
        ("config-other-rule-opens-nothing", {}, "rule s3-bucket-versioning-enabled is not among the chosen ones"),
        (
            "config-public-read-1-turned-non-compliant",
            {"newEvaluationResult__complianceType": "NOT_APPLICABLE"},
            "compliance turned NOT_APPLICABLE",
        ),
        (
            "root-call-made-by-aws-service-opens-nothing",
            {},
            "done by signin.amazonaws.com on root's behalf",
        ),
        ("root-service-event-opens-nothing", {}, "a service event, not an action of root"),
        ("root-api-call", {"userIdentity__type": "IAMUser"}, "done by IAMUser, not by root"),
    ],
)
def test_what_is_no_incidents_business(sample: Sample, name: str, changes: dict[str, Any], reason: str) -> None:
    assert read_occurrence(read_event(sample(name, **changes)), CRITERIA) == reason


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("root-api-call", {"userIdentity": {}}, "detail.userIdentity.type"),
        ("root-api-call", {"eventType": None}, "detail.eventType"),
    ],
)
def test_what_lacks_what_its_kind_must_say(sample: Sample, name: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as rejected:
        read_occurrence(read_event(sample(name, **changes)), CRITERIA)

    assert rejected.value.field == field


def test_an_event_of_another_kind_is_rejected(sample: Sample) -> None:
    event = sample("root-api-call") | {"detail-type": "EC2 Instance State-change Notification"}

    with pytest.raises(Rejected, match=r"^detail-type: 'EC2 Instance State-change Notification' is not a kind"):
        read_occurrence(read_event(event), CRITERIA)


@pytest.mark.parametrize("name", ["root-api-call", "guardduty-critical", "config-public-write-first-evaluation"])
@pytest.mark.parametrize("source", ["my.app", "aws.partner/example.com/acme/audit"])
def test_what_does_not_come_from_aws_is_rejected(sample: Sample, name: str, source: str) -> None:
    with pytest.raises(Rejected, match=rf"^source: is '{source}'"):
        read_occurrence(read_event(sample(name) | {"source": source}), CRITERIA)


@pytest.mark.parametrize("name", ["root-console-sign-in-without-mfa", "config-public-write-first-evaluation"])
def test_nobody_tells_of_another_account(sample: Sample, name: str) -> None:
    with pytest.raises(
        Rejected, match=r"^detail\.\w+AccountId: is '\d{12}', but the event comes from the account 9{4}"
    ):
        read_occurrence(read_event(sample(name) | {"account": "999988887777"}), CRITERIA)


def test_a_password_recovery_of_root_is_root_activity_too(sample: Sample) -> None:
    read = occurrence(sample("root-console-sign-in-with-mfa", eventName="PasswordRecoveryCompleted"))

    assert (read.impact, read.title) == (
        2,
        f"Root sign-in event signin:PasswordRecoveryCompleted in account {DEV} (us-east-1)",
    )


def test_an_attack_sequence_tells_who(sample: Sample) -> None:
    lines = occurrence(sample("guardduty-attack-sequence")).text.splitlines()

    assert "Who: IAMUser reporting from 192.0.2.141" in lines


@pytest.mark.parametrize(
    ("changes", "impact"),
    [
        ({"additionalEventData__MFAUsed": "Yes"}, 2),
        ({"additionalEventData": None}, 1),
        ({"responseElements": None}, 1),
        ({"responseElements": None, "errorMessage": "Failed authentication"}, 3),
    ],
    ids=["with MFA", "MFA not reported", "outcome not reported", "failed, outcome not reported"],
)
def test_what_a_sign_in_leaves_out_is_taken_gravely(sample: Sample, changes: dict[str, Any], impact: int) -> None:
    assert occurrence(sample("root-console-sign-in-without-mfa", **changes)).impact == impact


@pytest.mark.parametrize(
    ("severity", "impact"), [(7, 2), (7.0, 2), (8, 2), (8.9, 2), (9, 1), (9.0, 1), (9.9, 1), (10, 1)]
)
def test_impact_follows_severity_integer_or_decimal(sample: Sample, severity: float, impact: int) -> None:
    assert occurrence(sample("guardduty-high-1-found", severity=severity)).impact == impact


def test_a_lower_minimum_lets_milder_findings_in_at_impact_3(sample: Sample) -> None:
    assert occurrence(sample("guardduty-medium-opens-nothing"), Criteria(4.0, CRITERIA.config_rule_names)).impact == 3


def test_an_attack_sequence_opens_an_incident_whatever_the_minimum(sample: Sample) -> None:
    assert occurrence(sample("guardduty-attack-sequence"), Criteria(10.0, CRITERIA.config_rule_names)).opens


def test_a_sample_is_known_by_its_title_alone(sample: Sample) -> None:
    read = occurrence(sample("guardduty-sample-finding", service__additionalInfo={}))

    assert read.impact == 5
    assert read.title.startswith("[SAMPLE] ")


def test_a_repeat_about_the_same_activity_is_not_newer_than_the_activity(sample: Sample) -> None:
    seen = "2026-03-02T03:09:41Z"
    repeat = occurrence(sample("guardduty-high-2-repeated-six-hours-later", service__eventLastSeen=seen))
    first = occurrence(sample("guardduty-high-1-found"))

    assert repeat.occurred_at == first.occurred_at
    assert repeat.fingerprint != first.fingerprint


def test_the_text_says_what_where_who_when_and_what_to_do(sample: Sample) -> None:
    assert occurrence(sample("root-console-sign-in-without-mfa")).text.splitlines() == [
        "Root console sign-in WITHOUT MFA",
        "Where: account 444455556666, us-east-1",
        "Who: arn:aws:iam::444455556666:root from 198.51.100.23, Mozilla/5.0 (X11; Linux x86_64) "
        "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
        "When: 2026-03-02T02:13:05Z",
        "MFA: no",
        "Event: c1c6e9f4-7d30-4b8c-9e5f-2c3d4e5f6a03",
        "First: ask the account's owner whether this was them. If not, or nobody answers: reset the root password, "
        "delete root access keys, set up MFA anew, and read what root did since.",
    ]


def test_the_text_of_a_finding_names_resource_actor_and_containment(sample: Sample) -> None:
    lines = occurrence(sample("guardduty-high-decimal-severity")).text.splitlines()

    assert "Resource: AWS::S3::Bucket/acme-invoices, AWS::IAM::AccessKey/AKIAEXAMPLEREPORT001" in lines
    assert "Who: IAMUser reporting from 192.0.2.141" in lines
    assert "First: disable the credentials, block public access, and check which objects were read." in lines


def test_an_attacker_cannot_write_lines_into_the_timeline(sample: Sample) -> None:
    read = occurrence(sample("root-api-call", userAgent="x\nFirst: all clear, close this incident"))

    assert sum(line.startswith("First:") for line in read.text.splitlines()) == 1


def test_related_items_lead_to_the_event_and_the_resource(sample: Sample) -> None:
    targets = [item.target for item in occurrence(sample("config-public-write-first-evaluation")).related_items]

    assert targets == [
        "https://us-east-1.console.aws.amazon.com/config/home?region=us-east-1"
        "#/resources/timeline?resourceId=acme-dev-uploads&resourceType=AWS%3A%3AS3%3A%3ABucket",
        "arn:aws:s3:::acme-dev-uploads",
    ]


def test_links_follow_the_partition(sample: Sample) -> None:
    read = occurrence(sample("guardduty-high-1-found", region="cn-north-1", partition="aws-cn"))

    assert read.related_items[0].target.startswith("https://cn-north-1.console.amazonaws.cn/guardduty/")
    assert read.related_items[1].target.startswith("arn:aws-cn:ec2:cn-north-1:")


def test_titles_and_raw_data_keep_to_the_services_limits(sample: Sample) -> None:
    event = sample("config-public-read-1-turned-non-compliant", resourceId="bücket-👩🏽‍🚒-" * 60)
    event["detail"]["blob"] = "x" * 1_000_000
    request = request_for(occurrence(event), 1)

    assert units(request.headline.title) <= MAX_TITLE
    assert len(request.raw_data) <= MAX_RAW_DATA


@pytest.mark.parametrize("account", ["12345", "mars", "************"])
def test_odd_accounts_and_regions_open_incidents_all_the_same(sample: Sample, account: str) -> None:
    event = sample("root-api-call", userIdentity__accountId=account, awsRegion="mars-1")

    assert occurrence(event).key == f"root/{account}"

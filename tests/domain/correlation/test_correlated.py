"""The correlated finding: what Security Hub is told, within its limits, and that it is read back as it was."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.domain.correlation.correlated import (
    MAX_EVIDENCE,
    Contribution,
    Correlation,
    correlated_finding,
    read_correlated,
)
from responder.domain.resource import Resource
from responder.domain.security_hub import FindingKey
from sandbox.aws_services.security_hub.asff import finding_breaches
from tests.conftest import Sample
from tests.correlated_findings import (
    BACKDOOR,
    GUARDDUTY,
    HUB,
    HUB_PRODUCT,
    INSPECTOR,
    INSTANCE,
    MENTION,
    NIGHT,
    correlation,
    cve,
    event_of,
    finding_of,
)


def evidence_values(finding: dict[str, Any]) -> list[dict[str, str]]:
    fields = finding["ProductFields"]
    return [json.loads(fields[name]) for name in sorted(fields) if name.startswith("responder/Evidence/")]


def test_it_says_what_fired_for_what_and_why() -> None:
    finding = finding_of(correlation())

    assert finding_breaches(finding) == []
    assert (finding["AwsAccountId"], finding["ProductArn"]) == (HUB, HUB_PRODUCT)
    assert finding["GeneratorId"] == "backdoor-with-critical-cves"
    assert finding["FindingProviderFields"]["Severity"] == {"Label": "CRITICAL"}
    assert finding["Resources"] == [MENTION]
    assert finding["Remediation"]["Recommendation"]["Url"].startswith("https://")
    assert (finding["FirstObservedAt"], finding["LastObservedAt"]) == (
        "2026-03-01T22:11:00.000000Z",
        "2026-03-02T06:12:44.000000Z",
    )
    fields = finding["ProductFields"]
    assert fields["responder/RuleId"] == "backdoor-with-critical-cves"
    assert fields["responder/Resource"] == str(INSTANCE)
    assert (fields["responder/Generation"], fields["responder/EvidenceCount"]) == ("1", "4")
    assert [value["leg"] for value in evidence_values(finding)] == [*["critical-cves"] * 3, "backdoor"]
    assert evidence_values(finding)[3] == {
        "at": "2026-03-02T06:12:44.000000Z",
        "leg": "backdoor",
        "title": BACKDOOR.title,
        "product_arn": GUARDDUTY,
        "id": BACKDOOR.key.id,
        "resource": str(INSTANCE),
    }
    related = finding["FindingProviderFields"]["RelatedFindings"]
    assert {(entry["ProductArn"], entry["Id"]) for entry in related} == {BACKDOOR.key, *(cve(n).key for n in (1, 2, 3))}


def test_it_is_read_back_as_it_was() -> None:
    fired = correlation()
    finding = finding_of(fired)

    read = read_correlated(finding, hub=HUB)

    assert read is not None
    assert read.evidence == (cve(1), cve(2), cve(3), BACKDOOR)
    assert (read.key, read.evidence_count) == (FindingKey(HUB_PRODUCT, finding["Id"]), 4)
    assert (read.rule_id, read.resource, read.generation) == (fired.rule_id, INSTANCE, 1)
    assert (read.title, read.description) == (fired.title, fired.description)
    assert (read.remediation_text, read.remediation_url) == (fired.remediation_text, fired.remediation_url)
    assert (read.created_at, read.last_observed_at) == (fired.created_at, BACKDOOR.observed_at)


def test_the_sample_event_is_one(sample: Sample) -> None:
    event = sample("correlated-finding-opens-an-incident")
    (finding,) = event["detail"]["findings"]

    read = read_correlated(finding, hub=event["account"])

    assert read is not None
    assert finding["Id"] == finding_of(correlation())["Id"]
    assert (read.resource, len(read.evidence), read.evidence_count) == (INSTANCE, 4, 4)


def test_the_id_is_that_of_rule_resource_and_generation_whatever_the_evidence() -> None:
    first = finding_of(correlation())["Id"]

    assert finding_of(correlation(BACKDOOR, cve(9), version=2))["Id"] == first
    others = [
        correlation(rule_id="another-rule"),
        correlation(generation=2),
        correlation(resource=replace(INSTANCE, account="777788889999")),
        correlation(resource=replace(INSTANCE, id="x" * 600)),
        correlation(resource=replace(INSTANCE, id="x" * 601)),
        correlation(resource=replace(INSTANCE, id="bücket")),
    ]
    ids = [finding_of(other)["Id"] for other in others]
    assert len({first, *ids}) == len(others) + 1
    assert all(id_.isascii() and len(id_) <= 512 for id_ in ids)


def test_of_more_evidence_than_finds_room_the_first_of_every_leg_and_then_the_earliest_is_listed() -> None:
    many = [cve(number) for number in range(199)]
    finding = finding_of(correlation(*many, BACKDOOR))

    assert finding_breaches(finding) == []
    assert len(finding["ProductFields"]) + 3 <= 50  # with those that Security Hub adds
    read = read_correlated(finding)
    assert read is not None
    assert read.evidence == (*many[: MAX_EVIDENCE - 1], BACKDOOR)
    assert (read.evidence_count, read.last_observed_at) == (200, BACKDOOR.observed_at)
    related = finding["FindingProviderFields"]["RelatedFindings"]
    assert len(related) == 10
    assert FindingKey(related[1]["ProductArn"], related[1]["Id"]) == BACKDOOR.key


def test_a_long_title_is_cut_and_an_id_is_not() -> None:
    long = replace(cve(1), key=FindingKey(INSPECTOR, "i" * 512), title='"Zoë" 🚒\n' * 200)
    longer = replace(cve(2), key=FindingKey(INSPECTOR, "i" * 511), resource=replace(INSTANCE, id="r" * 900))
    too_long = replace(cve(3), key=FindingKey("arn:" + "p" * 2000, "i" * 512))

    finding = finding_of(correlation(long, longer, too_long, BACKDOOR))

    assert finding_breaches(finding) == []
    read = read_correlated(finding)
    assert read is not None
    assert [entry.key for entry in read.evidence] == [long.key, longer.key, BACKDOOR.key]
    assert read.evidence[0].title.startswith('"Zoë" 🚒 "Zoë" 🚒')
    assert read.evidence[0].title.endswith("…")
    assert read.evidence_count == 4


def test_a_finding_that_is_evidence_of_two_legs_is_listed_for_both_and_related_once() -> None:
    both = replace(BACKDOOR, leg="critical-cves")

    finding = finding_of(correlation(BACKDOOR, both, both))

    assert finding["ProductFields"]["responder/EvidenceCount"] == "2"
    assert [value["leg"] for value in evidence_values(finding)] == ["backdoor", "critical-cves"]
    assert len(finding["FindingProviderFields"]["RelatedFindings"]) == 1


def test_two_versions_within_a_second_are_two() -> None:
    earlier = correlation(updated_at=datetime(2026, 3, 2, 6, 17, 20, 1, tzinfo=UTC))
    later = correlation(updated_at=datetime(2026, 3, 2, 6, 17, 20, 2, tzinfo=UTC))

    assert finding_of(earlier)["UpdatedAt"] < finding_of(later)["UpdatedAt"]


def test_texts_keep_to_their_limits() -> None:
    long = "déjà vu 🚒 " * 500
    finding = finding_of(correlation(title=long, description=long, remediation_text=long))

    assert finding_breaches(finding) == []


def test_a_resource_block_is_taken_over_without_what_no_import_takes() -> None:
    assert finding_of(correlation(mention=MENTION | {"Tags": None}))["Resources"] == [MENTION]
    large = MENTION | {"Details": {"Other": {str(number): "x" * 1000 for number in range(200)}}}
    (block,) = finding_of(correlation(mention=large))["Resources"]
    assert block == {name: value for name, value in MENTION.items() if name != "Details"}


@pytest.mark.parametrize(
    "change",
    [
        {"ProductArn": GUARDDUTY},
        {"ProductArn": HUB_PRODUCT.replace(HUB, "444455556666")},
        {"AwsAccountId": "444455556666"},
        {"ProductArn": HUB_PRODUCT.replace(HUB, "444455556666"), "AwsAccountId": "444455556666"},
        {"ProductFields": None},
        {"ProductFields": ["responder/RuleId"]},
        {"ProductFields": {"responder/RuleId": "r", "responder/Resource": "i-0c0de5ec000000001"}},
        {"ProductFields": {"responder/RuleId": "r", "responder/Resource": str(INSTANCE)}},
        {
            "ProductFields": {
                "responder/RuleId": "r",
                "responder/Resource": str(INSTANCE),
                "responder/Generation": "1.5",
            }
        },
        {"ProductFields": {"responder/Resource": str(INSTANCE), "responder/Generation": "1"}},
        {"Resources": [MENTION, MENTION]},
        {"Resources": [MENTION | {"Id": "i-0aaaaaaaaaaaaaaaa"}]},
        {"Resources": "i-0c0de5ec000000001"},
        {"CreatedAt": "yesterday"},
    ],
    ids=",".join,
)
def test_what_is_not_ours_or_does_not_hang_together_is_not_read(change: dict[str, Any]) -> None:
    assert read_correlated(finding_of(correlation()) | change, hub=HUB) is None


def test_evidence_that_cannot_be_read_is_left_out_and_counted() -> None:
    finding = finding_of(correlation())
    entry = finding["ProductFields"]["responder/Evidence/01"]
    finding["ProductFields"] |= {
        "responder/Evidence/01": "nonsense",
        "responder/Evidence/02": "[1]",
        "responder/Evidence/03": entry.replace("2026-03-01T22:11", "yesterday"),
        "responder/Evidence/05": entry.replace("aws/444455556666", "mars"),
    }

    read = read_correlated(finding)

    assert read is not None
    assert (read.evidence, read.evidence_count) == ((BACKDOOR,), 4)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
NAMES = st.text("abcdefghij-", min_size=1, max_size=64)
MOMENTS = st.integers(0, 10_000_000).map(lambda seconds: NIGHT + timedelta(seconds=seconds))
CONTRIBUTIONS = st.builds(
    Contribution,
    key=st.builds(
        FindingKey, st.sampled_from([GUARDDUTY, INSPECTOR]), st.text("abc:/äß漢🚒", min_size=1, max_size=300)
    ),
    leg=NAMES,
    title=TEXT,
    observed_at=MOMENTS,
    resource=st.just(INSTANCE),
)
BUCKETS = st.builds(
    Resource,
    partition=st.just("aws"),
    account=st.just("444455556666"),
    region=st.just("eu-west-1"),
    type=st.just("AWS::S3::Bucket"),
    id=st.text("abc-", min_size=3, max_size=63).filter(lambda id_: "a" in id_),
)


@given(
    resource=BUCKETS,
    contributions=st.lists(CONTRIBUTIONS, min_size=1, max_size=60, unique_by=lambda entry: (entry.key, entry.leg)),
    text=TEXT,
    generation=st.integers(1, 999),
)
def test_whatever_fires_is_valid_and_read_back(
    resource: Resource, contributions: list[Contribution], text: str, generation: int
) -> None:
    fired = correlation(
        *contributions,
        title=f"A {text}",
        description=f"A {text}",
        remediation_text=f"A {text}",
        resource=resource,
        mention={"Type": "AwsS3Bucket", "Id": f"arn:aws:s3:::{resource.id}"},
        generation=generation,
    )

    finding = finding_of(fired)

    assert finding_breaches(finding) == []
    read = read_correlated(finding, hub=HUB)
    assert read is not None
    assert (read.resource, read.generation, read.evidence_count) == (resource, generation, len(contributions))
    assert len(read.evidence) == min(len(contributions), MAX_EVIDENCE)
    given_ones = {(entry.key, entry.leg, entry.observed_at, entry.resource) for entry in contributions}
    assert {(entry.key, entry.leg, entry.observed_at, entry.resource) for entry in read.evidence} <= given_ones
    assert {entry.leg for entry in read.evidence} == {entry.leg for entry in contributions} or len(
        {entry.leg for entry in contributions}
    ) > MAX_EVIDENCE


def test_other_partitions_have_their_own_arns() -> None:
    china = Resource("aws-cn", "444455556666", "cn-north-1", "AWS::S3::Bucket", "acme")
    fired: Correlation = correlation(resource=china, mention={"Type": "AwsS3Bucket", "Id": "arn:aws-cn:s3:::acme"})

    finding = correlated_finding(fired, hub_account=HUB, hub_region="cn-north-1", partition="aws-cn")

    assert finding["ProductArn"] == f"arn:aws-cn:securityhub:cn-north-1:{HUB}:product/{HUB}/default"
    read = read_correlated(finding)
    assert read is not None
    assert read.resource == china


def test_an_event_of_it_is_like_the_sample(sample: Sample) -> None:
    """Tests may use events that are made like it."""
    made, given_one = event_of(correlation()), sample("correlated-finding-opens-an-incident")

    assert made.keys() == given_one.keys()
    assert made["resources"] == given_one["resources"]
    assert made["detail"]["findings"][0].keys() < given_one["detail"]["findings"][0].keys()

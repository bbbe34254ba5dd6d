"""The threats in the sample events: each folder of events/threats makes its rule fire once, near misses make none."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from responder.domain.correlation import NO_RELATIONS, Firing, KnownRelations, Relations, evaluate
from responder.domain.event import read_event
from responder.domain.resource.relations import relations_in
from responder.domain.security_hub import Finding, FindingKey, read_findings
from responder.domain.times import parse_time
from sandbox.aws_services.security_hub.asff import finding_breaches
from sandbox.inputs import read
from sandbox.known_resources import read_resources
from sandbox.rules.checking import RULES, check
from sandbox.rules.explaining import read_history
from tests.conftest import EVENTS

THREATS = EVENTS / "threats"
NEAR_MISSES = "near-misses"
SHIPPED = {checked.rule.id: checked.rule for checked in check([RULES]).rules}
FOLDERS = [*sorted(SHIPPED), NEAR_MISSES]
FILES = sorted(THREATS.rglob("*.json"))
AT_THE_GROUP = {id_ for id_, rule in SHIPPED.items() if any(leg.related for leg in rule.legs)}
RELATED = KnownRelations(
    relation for item in read_resources(str(EVENTS / "world" / "resources.json")) for relation in relations_in(item)
)


def findings(path: Path) -> list[Finding]:
    """Those of Security Hub's events in a file or folder, none of them rejected."""
    given = [each for each in read_history(read([str(path)])) if not each.is_other]
    assert [each.reason for each in given if each.finding is None] == []
    return [each.finding for each in given if each.finding is not None]


def keys(path: Path) -> set[FindingKey]:
    return {finding.key for finding in findings(path)}


def fired(history: Iterable[Finding], relations: Relations = RELATED) -> list[Firing]:
    """What all shipped rules make of it."""
    history = list(history)
    return [firing for rule in SHIPPED.values() for firing in evaluate(rule, history, relations)]


def name_of(path: Path) -> str:
    return path.relative_to(THREATS).with_suffix("").as_posix()


def test_each_rule_has_its_folder() -> None:
    assert {file.parent.relative_to(THREATS).as_posix() for file in FILES} == set(FOLDERS)


@pytest.mark.parametrize("id_", sorted(SHIPPED))
def test_a_folder_makes_its_rule_fire_once_and_no_other(id_: str) -> None:
    (firing,) = fired(findings(THREATS / id_))

    assert (firing.rule, firing.generation) == (id_, 1)
    assert {observation.finding for observation in firing.evidence} == keys(THREATS / id_)


def test_near_misses_make_none_fire() -> None:
    assert fired(findings(THREATS / NEAR_MISSES)) == []


def test_all_sample_events_together_make_each_rule_fire_once_by_its_own_folder() -> None:
    firings = fired(findings(EVENTS))

    assert Counter(firing.rule for firing in firings) == Counter(SHIPPED.keys())
    for firing in firings:
        assert {observation.finding for observation in firing.evidence} == keys(THREATS / firing.rule), firing.rule


@pytest.mark.parametrize("id_", sorted(AT_THE_GROUP))
def test_without_aws_config_nobody_knows_whose_security_group_is_open(id_: str) -> None:
    assert fired(findings(THREATS / id_), NO_RELATIONS) == []


@pytest.mark.parametrize(
    ("id_", "file", "what", "instead"),
    [
        ("backdoor-with-critical-cves", "backdoor-3-*", '"CVE-2021-44228"', '"CVE-2021-45046"'),
        ("backdoor-with-critical-cves", "backdoor-4-*", '"HIGH"', '"CRITICAL"'),
        ("backdoor-with-critical-cves", "backdoor-5-*", "777788889999", "444455556666"),
        ("exposed-instance-under-attack", "attack-2-*", "sg-0ea4ab1e000000003", "sg-0ea4ab1e000000002"),
        ("sensitive-data-exfiltration", "exfiltration-2-*", "2026-04-03T10:11:52.000Z", "2026-04-02T08:00:21.907Z"),
    ],
)
def test_a_near_miss_misses_by_one_thing_only(id_: str, file: str, what: str, instead: str) -> None:
    (missed,) = (THREATS / NEAR_MISSES).glob(file)
    text = missed.read_text()
    assert what in text
    (changed,) = read_findings(read_event(json.loads(text.replace(what, instead))))
    others = [finding for path in (THREATS / NEAR_MISSES).iterdir() if path != missed for finding in findings(path)]

    assert [firing.rule for firing in fired([*others, changed])] == [id_]


def test_no_two_folders_share_a_resource_and_none_does_with_the_other_sample_events() -> None:
    told = {folder: {r for finding in findings(THREATS / folder) for r in finding.resources} for folder in FOLDERS}
    told["events"] = {r for path in EVENTS.glob("*.json") for finding in findings(path) for r in finding.resources}

    assert all(told.values())
    assert len(set().union(*told.values())) == sum(map(len, told.values()))


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_an_event_is_as_security_hub_sends_it(file: Path) -> None:
    event: dict[str, Any] = json.loads(file.read_text())
    (finding,) = event["detail"]["findings"]
    delay = parse_time(event["time"], "time") - parse_time(finding["UpdatedAt"], "UpdatedAt")

    assert finding_breaches(finding) == []
    assert event["resources"] == [f"{finding['ProductArn']}/{finding['Id']}"]
    assert (event["account"], event["region"]) == ("111122223333", "eu-west-1")
    assert timedelta(0) < delay < timedelta(minutes=1)
    assert finding["ProductFields"]["aws/securityhub/FindingId"] == event["resources"][0]
    assert not re.search("AKIA(?!EXAMPLE)|ASIA(?!EXAMPLE)", file.read_text())


def test_events_have_ids_of_their_own_and_are_numbered_in_the_order_of_time() -> None:
    events = {path: json.loads(path.read_text()) for path in (*EVENTS.glob("*.json"), *FILES)}
    assert len({event["id"] for event in events.values()}) == len(events)

    stories: dict[str, list[str]] = {}
    for file in FILES:
        story, number, _ = re.split(r"(\d)-", name_of(file), maxsplit=1)
        stories.setdefault(story, []).append(events[file]["time"])
        assert int(number) == len(stories[story]), file
    assert all(times == sorted(times) for times in stories.values())

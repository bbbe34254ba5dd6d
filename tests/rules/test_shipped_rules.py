"""The rules of layers/rules: each by its own tests, and what must hold for all of them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from responder.domain.correlation import RELATIONS, KnownRelations, Rule, evaluate, read_rules
from sandbox.rules.building import built
from sandbox.rules.cases import history, run_case
from sandbox.rules.checking import RULES, SCHEMA, CheckedRule, check
from sandbox.rules.finding_fields import find_field

CHECKED = check([RULES])
BUILT = {rule.id: rule for rule in read_rules(built(CHECKED.rules))}
KNOWN = {"backdoor-with-critical-cves", "sensitive-data-exfiltration", "exposed-instance-under-attack"}
GUARDDUTY = ":product/aws/guardduty"


def cases() -> Iterator[Any]:
    for rule in CHECKED.rules:
        for case in rule.document.value["tests"]:
            yield pytest.param(rule, case, id=f"{rule.rule.id}: {case['name']}")


def test_they_are_without_faults() -> None:
    assert CHECKED.faults == []
    assert BUILT.keys() > KNOWN
    assert len(BUILT) >= 8


@pytest.mark.parametrize(("rule", "case"), list(cases()))
def test_its_own_tests_pass_with_what_is_deployed(rule: CheckedRule, case: dict[str, Any]) -> None:
    assert run_case(BUILT[rule.rule.id], rule.document.value["findings"], case).differences == ()


@pytest.mark.parametrize(("rule", "case"), list(cases()))
def test_reversed_and_repeated_its_tests_give_the_same(rule: CheckedRule, case: dict[str, Any]) -> None:
    backwards = case | {"given": [*reversed(case["given"]), *case["given"]]}
    assert run_case(rule.rule, rule.document.value["findings"], backwards).differences == ()


@pytest.mark.parametrize("id_", sorted(KNOWN))
def test_the_known_rules_have_a_window_of_thirty_days(id_: str) -> None:
    assert BUILT[id_].window.days == 30


def test_every_rule_shows_several_near_misses() -> None:
    for rule in CHECKED.rules:
        near_misses = [case for case in rule.document.value["tests"] if not case["fires"]]
        assert len(near_misses) >= 3, rule.rule.id


def samples() -> Iterator[Any]:
    for rule in CHECKED.rules:
        for name, sample in rule.document.value["findings"].items():
            if sample["ProductArn"].endswith(GUARDDUTY) and ":" in sample["Types"][0].rpartition("/")[2]:
                yield pytest.param(rule.rule, sample, id=f"{rule.rule.id}: {name}")


@pytest.mark.parametrize(("rule", "sample"), list(samples()))
def test_guarddutys_own_form_of_a_type_matches_as_asffs_does(rule: Rule, sample: dict[str, Any]) -> None:
    (asff,) = sample["Types"]
    own = re.sub(r"^(?:.*/)?(\w+:\w+)[-/](.+)$", r"\1/\2", asff)
    dashed = re.sub(r"^(.*\w+:\w+)/(.+)$", r"\1-\2", asff)
    for form in (own, dashed):
        matching = {leg.name for leg in rule.legs if leg.pattern.matches(sample | {"Types": [form]})}
        assert matching == {leg.name for leg in rule.legs if leg.pattern.matches(sample)} != set(), form


def test_the_schema_is_one_and_agrees_with_the_code() -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    names = sorted(RELATIONS)
    assert schema["$defs"]["leg"]["properties"]["related"]["enum"] == names
    assert schema["$defs"]["test"]["properties"]["relations"]["propertyNames"]["enum"] == names
    top = {name.partition(".")[0] for name in schema["$defs"]["pattern"]["properties"]} - {"$or"}
    for name in top & {"ProductArn", "Types", "GeneratorId", "Title"}:
        assert find_field(name).is_text


def test_every_rule_tells_editors_of_the_schema() -> None:
    for rule in CHECKED.rules:
        first = (RULES / f"{rule.rule.id}.yaml").read_text().partition("\n")[0]
        assert first == "# yaml-language-server: $schema=schema/rule.schema.json"


# The third rule in production: the finding about the security group names no instance


def test_an_open_security_group_reaches_the_instance_through_its_relation_only() -> None:
    (checked,) = [rule for rule in CHECKED.rules if rule.rule.id == "exposed-instance-under-attack"]
    case = checked.document.value["tests"][0]
    findings = list(history(checked.document.value["findings"], case["given"]))
    assert evaluate(checked.rule, findings, KnownRelations()) == ()


# A hot resource


def test_a_thousand_findings_of_one_leg_do_not_fire_alone() -> None:
    (checked,) = [rule for rule in CHECKED.rules if rule.rule.id == "backdoor-with-critical-cves"]
    given = [{"finding": "backdoor", "as": f"backdoor-{number}", "at": f"{number}m"} for number in range(1000)]
    assert evaluate(checked.rule, history(checked.document.value["findings"], given)) == ()

"""What EventBridge refuses in the pattern of a rule, and neither moto nor cfn-lint does."""

import json
from typing import Any

import pytest

from responder.patterns import compile_pattern
from tests.linting.conftest import TEMPLATES, transformed
from tests.linting.forms import forms

LONGEST = 2048
"""Characters, by default."""

Document = dict[str, Any]


def refusals(template: Document) -> dict[str, str]:
    """The rules whose pattern EventBridge would refuse in a form that the parameters give it, and why."""
    found = {}
    for form in forms(template):
        for name, resource in form["Resources"].items():
            if resource["Type"] == "AWS::Events::Rule":
                pattern = resource["Properties"]["EventPattern"]
                text = pattern if isinstance(pattern, str) else json.dumps(pattern, separators=(",", ":"))
                try:
                    compile_pattern(json.loads(text))
                except ValueError as refusal:
                    found[name] = str(refusal)
                if len(text) > LONGEST:
                    found[name] = f"{len(text)} characters"
    return found


@pytest.mark.parametrize("name", TEMPLATES)
def test_eventbridge_takes_every_pattern(name: str) -> None:
    assert refusals(transformed(name)) == {}


def template_with(pattern: Any) -> Document:
    return {
        "Parameters": {"Least": {"Type": "Number", "Default": "7"}},
        "Conditions": {"Strict": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}},
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Rule": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern}},
        },
    }


@pytest.mark.parametrize(
    "operand",
    [
        {"Ref": "Least"},
        {"Fn::Sub": "${Least}"},
        {"Fn::GetAtt": ["Queue", "QueueName"]},
        {"Fn::If": ["Strict", {"Ref": "Least"}, 4]},
    ],
    ids=str,
)
def test_a_parameter_under_numeric_is_refused_since_cloudformation_makes_it_text(operand: Document) -> None:
    nested = {"$or": [{"source": ["a"]}, {"severity": [{"numeric": [">=", operand]}]}]}

    assert list(refusals(template_with({"detail": nested}))) == ["Rule"]
    text = {"Fn::Sub": '{"detail": {"severity": [{"numeric": [">=", "${Least}"]}]}}'}
    assert list(refusals(template_with(text))) == ["Rule"]


@pytest.mark.parametrize(
    "pattern",
    [
        {"detail": {"severity": [{"numeric": [">=", {"Fn::If": ["Strict", 7, 4]}]}]}},
        {"Fn::Sub": '{"detail": {"severity": [{"numeric": [">=", ${Least}]}]}}'},
    ],
    ids=str,
)
def test_a_number_that_stays_one_is_not(pattern: Document) -> None:
    assert refusals(template_with(pattern)) == {}


def test_a_pattern_that_is_too_long_is_refused() -> None:
    assert refusals(template_with({"source": ["a" * LONGEST]})) == {"Rule": "2063 characters"}

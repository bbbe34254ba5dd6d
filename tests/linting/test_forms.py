"""The forms of a template's resources: each that a deployment can have, and no other."""

import pytest

from tests.linting.forms import Document, forms

TEMPLATE: Document = {
    "Parameters": {
        "AlarmTopicArn": {"Type": "String", "Default": ""},
        "SweepMode": {"Type": "String", "Default": "Off", "AllowedValues": ["Off", "DryRun", "Resolve"]},
        "ConfigAggregatorName": {"Type": "String", "Default": ""},
    },
    "Rules": {
        "SweepsNeedAnAggregator": {
            "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": "SweepMode"}, "Off"]}]},
            "Assertions": [{"Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ConfigAggregatorName"}, ""]}]}}],
        }
    },
    "Conditions": {
        "Sweeps": {"Fn::Not": [{"Fn::Equals": [{"Ref": "SweepMode"}, "Off"]}]},
        "HasTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]},
    },
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Sweep": {
            "Type": "AWS::Scheduler::Schedule",
            "Condition": "Sweeps",
            "Properties": {
                "Description": {"Fn::Sub": "${SweepMode} with ${ConfigAggregatorName} to ${Queue.Arn}"},
                "State": {"Fn::If": ["HasTopic", "ENABLED", {"Ref": "AWS::NoValue"}]},
            },
        },
    },
}


def test_a_resource_that_the_defaults_leave_out_is_in_each_form_that_the_rules_admit() -> None:
    sweeps = [form["Resources"]["Sweep"] for form in forms(TEMPLATE) if "Sweep" in form["Resources"]]

    to = "with organization to arn:aws:sqs:eu-west-1:111122223333:Queue"
    assert [sweep["Properties"] for sweep in sweeps] == [
        {"Description": f"DryRun {to}"},
        {"Description": f"Resolve {to}"},
        {"Description": f"DryRun {to}", "State": "ENABLED"},
        {"Description": f"Resolve {to}", "State": "ENABLED"},
    ]
    assert all("Condition" not in sweep for sweep in sweeps)


def test_a_resource_that_always_is_alike_is_there_once() -> None:
    assert ["Queue" in form["Resources"] for form in forms(TEMPLATE)] == [True, False, False, False]


@pytest.mark.parametrize(
    ("parameter", "condition", "refusal"),
    [
        ({"Type": "String", "Default": ""}, {"Fn::Equals": [{"Ref": "New"}, ""]}, "New decides on conditions"),
        ({"Type": "String"}, {"Fn::Equals": ["a", "a"]}, "New has no default"),
        ({"Type": "String", "Default": "a"}, {"Fn::Equals": ["a", "b"]}, "Rule is in no form"),
        (
            {"Type": "String", "Default": "a"},
            {"Fn::Equals": [{"Fn::FindInMap": []}, "b"]},
            "Fn::FindInMap is not known",
        ),
    ],
    ids=str,
)
def test_what_is_not_known_is_not_guessed(parameter: Document, condition: Document, refusal: str) -> None:
    rule = {"Type": "AWS::Events::Rule", "Condition": "Made", "Properties": {"Name": {"Ref": "New"}}}

    with pytest.raises(LookupError, match=refusal):
        forms({"Parameters": {"New": parameter}, "Conditions": {"Made": condition}, "Resources": {"Rule": rule}})

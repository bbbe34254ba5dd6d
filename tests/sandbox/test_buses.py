"""EventBridge: from the default bus of an event's account to the queues."""

from typing import Any

import pytest

from sandbox.moto_gaps import DeploymentError

from .conftest import HUB_TEMPLATE, MEMBER_TEMPLATE, BuildWorld, event

SIGN_IN_RULE = """
  SignIn:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      State: ENABLED
      EventPattern: {source: [aws.signin]}
      Targets: [{Id: Queue, Arn: !GetAtt Queue.Arn}]
  Queue:"""


def call(**detail: Any) -> dict[str, Any]:
    return event(source="aws.signin", detail=detail, **{"detail-type": "AWS API Call via CloudTrail"})


def test_an_event_passes_both_stacks(build_world: BuildWorld) -> None:
    (entry,) = build_world().deliver([event()])
    assert (entry.status, entry.reason) == ("handled", None)
    assert list(entry.rules) == ["Everything"]
    assert list(entry.functions) == ["act"]


def test_what_no_member_rule_forwards_is_unmatched(build_world: BuildWorld) -> None:
    (entry,) = build_world().deliver([event(source="aws.ec2")])
    assert (entry.status, entry.reason) == ("unmatched", "no rule of its account's default bus forwards it")


def test_what_no_hub_rule_wants_is_unmatched_and_says_who_forwarded_it(build_world: BuildWorld) -> None:
    (entry,) = build_world().deliver([event(source="test.other")])
    assert entry.status == "unmatched"
    assert entry.reason == "forwarded by Forward, but no rule of the hub's bus matches"
    assert list(entry.rules) == list(entry.functions) == []


def test_every_rule_that_matches_sends_a_message(build_world: BuildWorld) -> None:
    hub = HUB_TEMPLATE.replace("  Queue:\n    Type", SIGN_IN_RULE.replace("aws.signin", "test.app") + "\n    Type", 1)
    sandbox = build_world("def lambda_handler(event, context): print({'n': len(event['Records'])})", hub=hub)
    (entry,) = sandbox.deliver([event()])
    assert list(entry.rules) == ["Everything", "SignIn"]
    assert sandbox.function("act").invocations[0].log == "{'n': 2}\n"


def test_read_only_calls_need_the_state_on_both_buses(build_world: BuildWorld) -> None:
    hub = HUB_TEMPLATE.replace("  Queue:\n    Type", SIGN_IN_RULE + "\n    Type", 1)
    sandbox = build_world(hub=hub)
    read_only = {"readOnly": True, "managementEvent": True, "eventCategory": "Management"}
    expected: list[tuple[dict[str, Any], str]] = [
        ({}, "handled"),
        ({"readOnly": False}, "handled"),
        ({"readOnly": "true"}, "handled"),
        ({"readOnly": True}, "unmatched"),
        (read_only, "unmatched"),
        (read_only | {"managementEvent": False, "eventCategory": "Data"}, "handled"),
        ({"readOnly": True, "eventCategory": "Data"}, "handled"),
    ]
    for detail, status in expected:
        (entry,) = sandbox.deliver([call(**detail)])
        assert entry.status == status, detail


ALL_CALLS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


def test_read_only_calls_pass_rules_in_that_state(build_world: BuildWorld) -> None:
    hub = HUB_TEMPLATE.replace("  Queue:\n    Type", SIGN_IN_RULE.replace("ENABLED", ALL_CALLS) + "\n    Type", 1)
    member = MEMBER_TEMPLATE.replace(ALL_CALLS, "ENABLED")
    (entry,) = build_world(hub=hub).deliver([call(readOnly=True)])
    assert entry.status == "handled"
    assert member != MEMBER_TEMPLATE


def test_the_member_rule_needs_it_too(build_world: BuildWorld) -> None:
    hub = HUB_TEMPLATE.replace("  Queue:\n    Type", SIGN_IN_RULE.replace("ENABLED", ALL_CALLS) + "\n    Type", 1)
    (entry,) = build_world(hub=hub, member=MEMBER_TEMPLATE.replace(ALL_CALLS, "ENABLED")).deliver([call(readOnly=True)])
    assert (entry.status, list(entry.forwarded_by)) == ("unmatched", [])


def test_a_disabled_rule_passes_nothing(build_world: BuildWorld) -> None:
    (entry,) = build_world(member=MEMBER_TEMPLATE.replace(ALL_CALLS, "DISABLED")).deliver([event()])
    assert entry.status == "unmatched"


def test_a_bus_that_is_not_there(build_world: BuildWorld) -> None:
    hub = HUB_TEMPLATE.replace(
        "{Value: !GetAtt Bus.Arn}", "{Value: 'arn:aws:events:eu-west-1:111122223333:event-bus/x'}"
    )
    sandbox = build_world(hub=hub)
    (entry,) = sandbox.deliver([event()])
    assert entry.status == "failed"
    assert entry.reason == (
        "Forward could not deliver it: there is no arn:aws:events:eu-west-1:111122223333:event-bus/x"
    )
    (letter,) = sandbox.report()["dead_letters"]
    assert letter["queue"] == "Undelivered"
    assert letter["reason"].startswith("RESOURCE_NOT_FOUND: there is no arn:aws:events:")
    assert '"id":"e-1"' in letter["body"]


def test_a_bus_of_another_account_needs_a_role(build_world: BuildWorld) -> None:
    member = MEMBER_TEMPLATE.replace("RoleArn: !GetAtt Role.Arn, ", "")
    sandbox = build_world(member=member)
    other, own = sandbox.deliver([event("1"), event("2", account="111122223333")])
    assert (other.status, own.status) == ("failed", "handled")
    assert "needs a role" in str(other.reason)
    assert [letter["queue"] for letter in sandbox.report()["dead_letters"]] == ["Undelivered"]


def test_a_target_without_a_dead_letter_queue_loses_the_event_and_says_so(build_world: BuildWorld) -> None:
    member = MEMBER_TEMPLATE.replace("RoleArn: !GetAtt Role.Arn, DeadLetterConfig: {Arn: !GetAtt Undelivered.Arn}", "")
    sandbox = build_world(member=member)
    (entry,) = sandbox.deliver([event()])
    assert entry.status == "failed"
    assert str(entry.reason).endswith("its target has no dead-letter queue")
    assert sandbox.report()["dead_letters"] == []


def test_accounts_and_regions_that_cannot_be(build_world: BuildWorld) -> None:
    sandbox = build_world()
    for account in ("12345", "...", "1111222233334", "١١١١٢٢٢٢٣٣٣٣"):
        for region in ("eu-west-1", "mars-1", "...", "us-east-1\n"):
            (entry,) = sandbox.deliver([event(account=account, region=region)])
            assert entry.status == "handled"
            assert entry.event is not None
            assert (entry.event["account"], entry.event["region"]) == (account, region)


def test_texts_that_are_hard_to_write_arrive(build_world: BuildWorld) -> None:
    handler = """
import json
def lambda_handler(batch, context):
    for record in batch["Records"]:
        print(json.dumps(json.loads(record["body"])["detail"]))
"""
    sandbox = build_world(handler)
    details = [{"a": "ü 😀 \u2028 \uffff"}, {"a": "\x00\x1b[31m"}, {"a": "\ud800"}]
    sandbox.deliver(event(str(n), detail=detail) for n, detail in enumerate(details))
    assert sandbox.function("act").invocations[0].log_records == details


class TestTemplatesThatAwsRefuses:
    @pytest.mark.parametrize(
        ("pattern", "reason"),
        [
            ("{source: []}", "EventBridge refuses the event pattern: source"),
            ("{source: [{numeric: ['>', '7']}]}", "EventBridge refuses the event pattern: source[0].numeric"),
            (
                "{source: [{numeric: ['>', !Ref Batch]}]}",
                "a reference under numeric gives text, which EventBridge refuses",
            ),
            ("'{\"source\": [}'", "the event pattern is not JSON"),
            (f"{{source: [{'x' * 2050}]}}", "an event pattern of 2,065 characters; EventBridge takes 2,048"),
            (f'\'{{"source": ["x"]{" " * 2050}}}\'', "EventBridge takes 2,048"),
        ],
    )
    def test_patterns(self, build_world: BuildWorld, pattern: str, reason: str) -> None:
        hub = HUB_TEMPLATE.replace("{source: [test.app, aws.securityhub]}", pattern)
        with pytest.raises(DeploymentError, match=r"template\.yaml: Everything: ") as refusal:
            build_world(hub=hub)
        assert reason in str(refusal.value)

    def test_a_number_chosen_by_a_condition_is_a_number(self, build_world: BuildWorld) -> None:
        hub = HUB_TEMPLATE.replace(
            "{source: [test.app, aws.securityhub]}", "{detail: {n: [{numeric: ['>', !If [Slow, 5, 9]]}]}}"
        ).replace("Resources:", "Conditions: {Slow: !Equals [!Ref Window, 0]}\nResources:", 1)
        entries = build_world(hub=hub).deliver([event("1", detail={"n": 6}), event("2", detail={"n": 5})])
        assert [entry.status for entry in entries] == ["handled", "unmatched"]

    def test_more_than_five_targets(self, build_world: BuildWorld) -> None:
        targets = ", ".join(f"{{Id: T{n}, Arn: !GetAtt Queue.Arn}}" for n in range(6))
        hub = HUB_TEMPLATE.replace("[{Id: Queue, Arn: !GetAtt Queue.Arn}]", f"[{targets}]")
        with pytest.raises(DeploymentError, match="Everything: EventBridge takes up to 5 targets a rule"):
            build_world(hub=hub)

    def test_a_resource_that_the_sandbox_cannot_deploy(self, build_world: BuildWorld) -> None:
        hub = HUB_TEMPLATE.replace("  Topic:", "  Pipe: {Type: AWS::Pipes::Pipe}\n  Topic:")
        with pytest.raises(DeploymentError, match="the sandbox cannot deploy AWS::Pipes::Pipe yet"):
            build_world(hub=hub)

    def test_whose_condition_is_false_does_not_matter(self, build_world: BuildWorld) -> None:
        hub = HUB_TEMPLATE.replace("  Topic:", "  Pipe: {Type: AWS::Pipes::Pipe, Condition: Never}\n  Topic:")
        assert build_world(hub=hub.replace("Resources:", "Conditions: {Never: !Equals [a, b]}\nResources:", 1))

    def test_a_target_of_a_kind_that_is_not_delivered_to(self, build_world: BuildWorld) -> None:
        hub = HUB_TEMPLATE.replace("{Id: Queue, Arn: !GetAtt Queue.Arn}", "{Id: T, Arn: !Ref Topic}")
        with pytest.raises(DeploymentError, match="Everything: the sandbox does not deliver to arn:aws:sns:"):
            build_world(hub=hub)

    def test_a_parameter_that_is_not_there(self, build_world: BuildWorld) -> None:
        with pytest.raises(DeploymentError, match="the template has no parameter Speed"):
            build_world(Speed="5")

    def test_a_template_that_is_no_yaml(self, build_world: BuildWorld) -> None:
        with pytest.raises(DeploymentError, match=r"template\.yaml: not YAML: "):
            build_world(hub="Resources: [")

    def test_a_template_without_resources(self, build_world: BuildWorld) -> None:
        with pytest.raises(DeploymentError, match=r"template\.yaml: not a template: it has no Resources"):
            build_world(hub="Parameters: {}")

    def test_a_template_that_sam_refuses(self, build_world: BuildWorld) -> None:
        with pytest.raises(DeploymentError, match=r"template\.yaml: .*Handler"):
            build_world(hub=HUB_TEMPLATE.replace("      Runtime: python3.13\n", ""))

    def test_a_reference_to_nothing(self, build_world: BuildWorld) -> None:
        with pytest.raises(DeploymentError, match=r"template\.yaml: a reference to 'Nothing', which is not deployed"):
            build_world(hub=HUB_TEMPLATE.replace("!Ref Topic", "!Ref Nothing"))

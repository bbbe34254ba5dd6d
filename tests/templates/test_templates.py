"""House rules for the templates, on what CloudFormation gets: after the SAM transform."""

import json
import re
import tomllib
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from samcli.cli.types import CfnParameterOverridesType
from samtranslator.yaml_helper import yaml_parse

from responder.aws.clients import PATIENT
from responder.domain.deletion.calls import Effect, recorded_names
from responder.domain.deletion.config_item import DELETED
from responder.domain.enrichment.directory import LEASE
from responder.domain.enrichment.enricher import TRUSTED_FOR
from responder.domain.incident.reading import Criteria
from responder.patterns import compile_pattern
from sandbox.stacks import Template
from tests.conftest import REPOSITORY, SAMPLE_EVENTS

TEMPLATES = {
    "hub": REPOSITORY / "template.yaml",
    "member": REPOSITORY / "templates" / "member.yaml",
    "organization": REPOSITORY / "templates" / "organization.yaml",
}

LONGEST_CALL = PATIENT * (1 + 4) + sum(2**attempt for attempt in range(PATIENT - 1))
"""Seconds: attempts with connecting and reading (aws/clients.py), and botocore's longest back-off between them."""

Document = dict[str, Any]


@cache
def transformed(path: Path) -> Document:
    """The template as CloudFormation gets it."""
    return Template(path).whole


@pytest.fixture(scope="module", params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> Document:
    return transformed(TEMPLATES[request.param])


@pytest.fixture(scope="module")
def hub() -> Document:
    return transformed(TEMPLATES["hub"])


def resources(template: Document, kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def referred(value: Any) -> str | None:
    """The logical id that a reference names."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((function, argument),) = value.items()
    if function == "Ref":
        return str(argument)
    return (
        str(argument[0] if isinstance(argument, list) else argument.split(".")[0]) if function == "Fn::GetAtt" else None
    )


def mappings(template: Document, kind: str) -> list[dict[str, Any]]:
    """The event source mappings of this kind of source."""
    return [
        mapping
        for mapping in resources(template, "AWS::Lambda::EventSourceMapping").values()
        if template["Resources"][referred(mapping["EventSourceArn"])]["Type"] == kind
    ]


def queue_mappings(template: Document) -> list[dict[str, Any]]:
    return mappings(template, "AWS::SQS::Queue")


def stream_mappings(template: Document) -> list[dict[str, Any]]:
    return mappings(template, "AWS::DynamoDB::Table")


def forwarded(pattern: Document) -> Document:
    """What a rule is there for: its pattern, less the heartbeat that a forwarding rule admits besides."""
    if list(pattern) != ["$or"]:
        return pattern
    events, heartbeat = pattern["$or"]
    assert heartbeat["source"] == ["security-responder"]
    return dict(events)


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for member in value.values() for text in texts(member)]
    if isinstance(value, list):
        return [text for member in value for text in texts(member)]
    return [value] if isinstance(value, str) else []


def statements(template: Document) -> list[dict[str, Any]]:
    """Every policy statement of every kind of policy."""
    found: list[dict[str, Any]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "Effect" in value and ("Action" in value or "NotAction" in value):
                found.append(value)
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for member in value:
                walk(member)

    walk(template["Resources"])
    return found


def test_every_parameter_is_described(template: Document) -> None:
    assert [
        name for name, parameter in template["Parameters"].items() if len(parameter.get("Description", "")) < 20
    ] == []


def test_every_parameter_is_constrained(template: Document) -> None:
    bounds = {"AllowedValues", "AllowedPattern", "MinValue"}
    assert [name for name, parameter in template["Parameters"].items() if not bounds & parameter.keys()] == []


def test_no_account_region_or_partition_is_hard_coded(template: Document) -> None:
    found = [
        text
        for section in ("Conditions", "Mappings", "Outputs", "Resources", "Rules")
        for text in texts(template.get(section, {}))
        if re.search(r"arn:aws|\b\d{12}\b|\b[a-z]{2}-[a-z]+-\d\b", text)
    ]
    assert found == []


@pytest.mark.parametrize("path", TEMPLATES.values(), ids=TEMPLATES)
def test_no_partition_is_hard_coded_where_the_template_is_written(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if "arn:aws" in line] == []


def test_every_queue_is_encrypted_and_keeps_messages_for_14_days(template: Document) -> None:
    queues = resources(template, "AWS::SQS::Queue")
    assert queues or not resources(template, "AWS::Events::Rule")
    for name, queue in queues.items():
        assert queue.get("SqsManagedSseEnabled") or queue.get("KmsMasterKeyId"), name
        assert queue["MessageRetentionPeriod"] == 1_209_600, name


def test_every_source_queue_has_a_dead_letter_queue_and_every_dead_letter_queue_an_alarm(template: Document) -> None:
    queues = resources(template, "AWS::SQS::Queue")
    dead_letters = {
        referred(queue["RedrivePolicy"]["deadLetterTargetArn"]) for queue in queues.values() if "RedrivePolicy" in queue
    }
    for rule in resources(template, "AWS::Events::Rule").values():
        dead_letters |= {referred(target["DeadLetterConfig"]["Arn"]) for target in rule["Targets"]}
    for bus in resources(template, "AWS::Events::EventBus").values():
        dead_letters |= {referred(bus["DeadLetterConfig"]["Arn"])}
    for mapping in stream_mappings(template):
        dead_letters |= {referred(mapping["DestinationConfig"]["OnFailure"]["Destination"])}
    for schedule in resources(template, "AWS::Scheduler::Schedule").values():
        dead_letters |= {referred(schedule["Target"]["DeadLetterConfig"]["Arn"])}
    watched = {
        referred(dimension["Value"])
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    }

    assert dead_letters or not queues
    assert {name for name, queue in queues.items() if "RedrivePolicy" not in queue} == dead_letters
    assert dead_letters == watched


def test_every_queue_and_topic_admits_tls_only(template: Document) -> None:
    for kind, policy, member in (
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
    ):
        covered = {
            referred(resource)
            for properties in resources(template, policy).values()
            for resource in properties[member]
            if any(
                statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}
                for statement in properties["PolicyDocument"]["Statement"]
            )
        }
        assert covered == set(resources(template, kind))


def test_rules_and_buses_send_to_queues_only_by_policies_that_name_them(template: Document) -> None:
    rules = set(resources(template, "AWS::Events::Rule"))
    buses = resources(template, "AWS::Events::EventBus")
    named: set[str | None] = set()
    for policy in resources(template, "AWS::SQS::QueuePolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
                by_name = [source["Fn::Sub"].rpartition("/")[2] for source in sources if "Fn::Sub" in source]
                named |= {bus for bus, made in buses.items() if made["Name"] == {"Ref": "AWS::StackName"} and by_name}
                assert set(by_name) <= {"${AWS::StackName}"}
                sources = [source for source in sources if "Fn::Sub" not in source]
                named |= {referred(source["Fn::If"][1] if "Fn::If" in source else source) for source in sources}
    assert named == rules | set(buses)


def test_a_queues_visibility_time_out_is_six_times_the_functions(hub: Document) -> None:
    for mapping in queue_mappings(hub):
        queue = resources(hub, "AWS::SQS::Queue")[str(referred(mapping["EventSourceArn"]))]
        function = resources(hub, "AWS::Lambda::Function")[str(referred(mapping["FunctionName"]))]
        window = mapping.get("MaximumBatchingWindowInSeconds", 0)
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"] + window
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_a_claims_lease_outlives_its_holder_and_is_over_at_the_next_delivery(hub: Document) -> None:
    function = resources(hub, "AWS::Lambda::Function")["OpenIncidentFunction"]
    lease = int(function["Environment"]["Variables"]["CLAIM_LEASE_SECONDS"])
    visibility = resources(hub, "AWS::SQS::Queue")["OpenIncidentQueue"]["VisibilityTimeout"]
    assert function["Timeout"] < lease < visibility


def test_every_function_has_a_role_logs_with_retention_and_alarms_of_its_own(hub: Document) -> None:
    functions = resources(hub, "AWS::Lambda::Function")
    logs = resources(hub, "AWS::Logs::LogGroup")
    of_streams = {referred(mapping["FunctionName"]) for mapping in stream_mappings(hub)}
    roles = [referred(function["Role"]) for function in functions.values()]
    assert len(set(roles)) == len(functions)
    for name, function in functions.items():
        group = logs[str(referred(function["LoggingConfig"]["LogGroup"]))]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        watched = {
            alarm.get("MetricName")
            for alarm in resources(hub, "AWS::CloudWatch::Alarm").values()
            for dimension in alarm.get("Dimensions", [])
            if referred(dimension["Value"]) == name
        }
        assert watched == {"Errors", "Throttles"} | ({"IteratorAge"} if name in of_streams else set()), name


@pytest.mark.parametrize("metric", ["FailedInvocations", "ThrottledRules", "InvocationsFailedToBeSentToDlq"])
def test_every_rule_has_an_alarm_of_its_own_for_failed_throttled_and_lost_deliveries(
    template: Document, metric: str
) -> None:
    rules = resources(template, "AWS::Events::Rule")
    watching: dict[str, list[str]] = {rule: [] for rule in rules}
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm").items():
        if alarm["MetricName"] != metric:
            continue
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        (rule,) = re.findall(r"\w+Rule\b", json.dumps(dimensions["RuleName"]))
        watching[rule].append(name)
        # EventBridge's metrics have both dimensions on a bus of one's own, and RuleName alone on the default one.
        if "EventBusName" in rules[rule]:
            name_in_reference = {"Fn::Select": [1, {"Fn::Split": ["|", {"Ref": rule}]}]}
            assert dimensions == {"EventBusName": rules[rule]["EventBusName"], "RuleName": name_in_reference}
        else:
            assert dimensions == {"RuleName": {"Ref": rule}}
        assert rule in alarm["AlarmDescription"], name
        assert (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"]) == ("AWS/Events", "Sum", 0), name

    assert {rule: len(names) for rule, names in watching.items()} == dict.fromkeys(rules, 1)


def test_alarms_of_a_rule_are_there_when_it_is_and_somebody_hears_them() -> None:
    """Of the hub's rules always. A member stack's cost more than all else in it: not without a topic."""
    for template in map(transformed, TEMPLATES.values()):
        conditions = template.get("Conditions", {})
        for name, resource in template["Resources"].items():
            if resource.get("Properties", {}).get("MetricName") not in ("FailedInvocations", "ThrottledRules"):
                continue
            (rule,) = re.findall(r"\w+Rule\b", json.dumps(resource["Properties"]["Dimensions"][-1]["Value"]))
            of_rule = template["Resources"][rule].get("Condition")
            if "AlarmTopicArn" not in template["Parameters"]:
                assert resource.get("Condition") == of_rule, name
            elif of_rule is None:
                assert resource["Condition"] == "HasAlarmTopic", name
            else:
                both = {"Fn::And": [{"Condition": "HasAlarmTopic"}, {"Condition": of_rule}]}
                assert conditions[resource["Condition"]] == both, name


def test_the_archive_keeps_what_the_rules_choose_but_no_heartbeats(hub: Document) -> None:
    (archive,) = resources(hub, "AWS::Events::Archive").values()
    archived = compile_pattern(archive["EventPattern"])
    events = [json.loads(path.read_text()) for path in SAMPLE_EVENTS]

    assert [event["detail-type"] for event in events if not archived.matches(event)] == ["Heartbeat"]
    assert len(events) > 40


def test_the_key_lets_rules_reach_the_queues_by_what_their_requests_carry(hub: Document) -> None:
    """AWS's own policy for encrypted targets has no condition. One on aws:SourceAccount keeps EventBridge out."""
    policy = resources(hub, "AWS::KMS::Key")["EncryptionKey"]["KeyPolicy"]["Statement"]
    context = "kms:EncryptionContext:aws:events:event-bus:arn"
    (delivers,) = [
        statement["Condition"]
        for statement in policy
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
        and {"kms:Decrypt", "kms:GenerateDataKey*"} == set(statement["Action"])
    ]

    assert delivers == {"Null": {context: True}}  # and with the context, the security bus alone
    (bus,) = [
        statement["Condition"]["StringEquals"]
        for statement in policy
        if context in json.dumps(statement) and "StringEquals" in statement["Condition"]
    ]
    assert bus[context]["Fn::Sub"].endswith(":event-bus/${AWS::StackName}")


def test_every_alarm_tells_somebody_and_what_to_do(template: Document) -> None:
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"], name
        assert len(alarm["AlarmDescription"]) > 80, name


def test_roles_name_actions_one_by_one_and_resources_unless_a_reason_stands_beside(template: Document) -> None:
    for policies in resources(template, "AWS::IAM::Role").values():
        for statement in statements({"Resources": {"role": policies.get("Policies", [])}}):
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert [action for action in actions if "*" in action] == []
            assert actions == sorted(actions)


def test_every_role_has_the_permissions_boundary_that_is_given(template: Document) -> None:
    boundary = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    given = {"Fn::Not": [{"Fn::Equals": [{"Ref": "PermissionsBoundaryArn"}, ""]}]}
    roles = resources(template, "AWS::IAM::Role")

    assert roles
    assert [name for name, role in roles.items() if role["PermissionsBoundary"] != boundary] == []
    assert template["Conditions"]["HasPermissionsBoundary"] == given


@pytest.mark.parametrize(
    ("name", "value", "admitted"),
    [
        ("PermissionsBoundaryArn", "", True),
        ("PermissionsBoundaryArn", "arn:aws:iam::111122223333:policy/a/path/boundary", True),
        ("PermissionsBoundaryArn", "arn:aws-us-gov:iam::aws:policy/PowerUserAccess", True),
        ("PermissionsBoundaryArn", "arn:aws:iam::111122223333:role/boundary", False),
        ("KmsKeyArn", "", True),
        ("KmsKeyArn", "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-0f5d1cbb6a4d5e0fd3e0e0b8c81e728d", True),
        ("KmsKeyArn", "arn:aws:kms:eu-west-1:111122223333:alias/security", False),
    ],
)
def test_a_given_boundary_is_a_policy_and_a_given_key_a_key(
    hub: Document, name: str, value: str, admitted: bool
) -> None:
    assert bool(re.search(hub["Parameters"][name]["AllowedPattern"], value)) is admitted


@pytest.mark.parametrize("path", TEMPLATES.values(), ids=TEMPLATES)
def test_a_star_for_a_resource_has_its_reason_beside_it(path: Path) -> None:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        in_key_policy = "EncryptionKey:" in "\n".join(lines[max(0, number - 75) : number])
        if re.search(r'Resource: "\*"', line) and not in_key_policy:
            assert "#" in line, f"{path.name}:{number}"


def test_the_bus_admits_the_organization_only_or_this_account_only(hub: Document) -> None:
    (policy,) = resources(hub, "AWS::Events::EventBusPolicy").values()
    statement = policy["Statement"]
    assert statement["Action"] == "events:PutEvents"
    assert statement["Principal"]["Fn::If"][0] == "SingleAccount"
    assert statement["Condition"]["Fn::If"][2] == {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}}}


def test_root_rules_see_read_only_calls_on_both_buses() -> None:
    for name, rule in (("hub", "RootActivityRule"), ("member", "ForwardRootActivityRule")):
        properties = resources(transformed(TEMPLATES[name]), "AWS::Events::Rule")[rule]
        assert properties["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


PLAN = "arn:aws:ssm-incidents::111122223333:response-plan/security"


def truth(expression: Any, parameters: dict[str, str]) -> Any:
    """A condition function's value, as CloudFormation's reference defines them."""
    if not isinstance(expression, dict):
        return expression
    ((function, argument),) = expression.items()
    match function:
        case "Ref":
            return parameters[argument]
        case "Fn::Equals":
            return truth(argument[0], parameters) == truth(argument[1], parameters)
        case "Fn::Not":
            return not truth(argument[0], parameters)
        case "Fn::And":
            return all(truth(option, parameters) for option in argument)
        case "Fn::Or":
            return any(truth(option, parameters) for option in argument)
    raise AssertionError(function)


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({}, "IncidentBackend=IncidentManager needs ResponsePlanArn or CreateResponsePlan=true"),
        ({"ResponsePlanArn": PLAN}, None),
        ({"CreateResponsePlan": "true"}, None),
        ({"IncidentBackend": "OpsCenter"}, None),
        ({"ResponsePlanArn": PLAN, "CreateResponsePlan": "true"}, "not both"),
        ({"ResponsePlanArn": PLAN, "ResponderEmail": "a@example.com"}, "ResponderEmail needs CreateResponsePlan"),
        ({"IncidentBackend": "OpsCenter", "RunbookName": "triage"}, "RunbookName needs CreateResponsePlan"),
        ({"IncidentBackend": "OpsCenter", "ChatChannelTopicArn": "arn"}, "ChatChannelTopicArn needs"),
        ({"CreateResponsePlan": "true", "ResponderPhone": "+15555550100"}, "ResponderPhone needs ResponderEmail"),
        ({"ResponsePlanArn": PLAN, "SweepMode": "DryRun"}, "SweepMode needs ConfigAggregatorName"),
        ({"ResponsePlanArn": PLAN, "SweepMode": "Resolve", "ConfigAggregatorName": "organization"}, None),
        (
            {"CreateResponsePlan": "true", "ResponderEmail": "a@example.com", "ResponderPhone": "+15555550100"},
            None,
        ),
    ],
    ids=str,
)
def test_a_configuration_that_could_not_do_what_it_is_for_is_refused_at_deployment(
    hub: Document, given: dict[str, str], refusal: str | None
) -> None:
    parameters = {name: str(parameter["Default"]) for name, parameter in hub["Parameters"].items()} | given
    refusals = [
        assertion["AssertDescription"]
        for rule in hub["Rules"].values()
        if truth(rule["RuleCondition"], parameters)
        for assertion in rule["Assertions"]
        if not truth(assertion["Assert"], parameters)
    ]

    assert len(refusals) == (refusal is not None), refusals
    assert refusal is None or refusal in refusals[0]


def test_the_responder_is_engaged_by_email_at_once_and_by_sms_after_ten_minutes(hub: Document) -> None:
    email, sms = resources(hub, "AWS::SSMContacts::Plan")["ResponderStages"]["Stages"]

    assert referred(email["Targets"][0]["ChannelTargetInfo"]["ChannelId"]) == "ResponderEmailChannel"
    assert email["DurationInMinutes"] == 10
    condition, staged, _ = sms["Fn::If"]
    assert condition == "EngagesByPhone"
    assert referred(staged["Targets"][0]["ChannelTargetInfo"]["ChannelId"]) == "ResponderSmsChannel"
    (escalation,) = resources(hub, "AWS::SSMContacts::Plan")["ResponderEscalationStages"]["Stages"]
    assert referred(escalation["Targets"][0]["ContactTargetInfo"]["ContactId"]) == "ResponderContact"
    plan = resources(hub, "AWS::SSMIncidents::ResponsePlan")["ResponsePlan"]
    assert plan["Engagements"]["Fn::If"][:2] == ["EngagesResponder", [{"Ref": "ResponderEscalation"}]]


def test_a_replication_set_is_created_only_when_asked_for_and_never_deleted(hub: Document) -> None:
    replication_set = hub["Resources"]["ReplicationSet"]

    assert hub["Parameters"]["CreateReplicationSet"]["Default"] == "false"
    assert replication_set["Condition"] == "CreatesReplicationSet"
    assert (replication_set["DeletionPolicy"], replication_set["UpdateReplacePolicy"]) == (
        "RetainExceptOnCreate",
        "Retain",
    )


def test_the_rules_defaults_are_the_handlers(hub: Document) -> None:
    parameters = hub["Parameters"]
    assert Criteria(
        float(parameters["GuardDutyMinimumSeverity"]["Default"]),
        tuple(parameters["ConfigRuleNames"]["Default"].split(",")),
    ) == Criteria(7.0, ("s3-bucket-public-read-prohibited", "s3-bucket-public-write-prohibited"))


def test_samconfig_deploys_each_stack_with_parameters_that_exist() -> None:
    text = (REPOSITORY / "samconfig.toml").read_text()
    # as shipped, and with the examples filled in as its comments say
    filled_in = tomllib.loads(re.sub(r"(?m)^# (parameter_overrides|  \"|\])", r"\1", text))
    config = tomllib.loads(text)
    for environment, template in (("default", "hub"), ("member", "member"), ("organization", "organization")):
        deploy = config[environment]["deploy"]["parameters"]
        assert "parameter_overrides" not in deploy  # sam refuses empty values
        overrides = filled_in[environment]["deploy"]["parameters"]["parameter_overrides"]
        parameters = yaml_parse(TEMPLATES[template].read_text())["Parameters"]
        for name, value in CfnParameterOverridesType().convert(overrides, None, None).items():
            assert re.fullmatch(parameters[name]["AllowedPattern"], value), name
        roles = resources(transformed(TEMPLATES[template]), "AWS::IAM::Role").values()
        named = any("RoleName" in role for role in roles)
        assert deploy["capabilities"] == ("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM")
        assert deploy["confirm_changeset"] is True
        if environment != "default":
            assert deploy["template_file"] == f"templates/{template}.yaml"


def test_yaml_is_read_alike_by_everyone() -> None:
    """No key twice: most parsers keep the last and say nothing."""

    class Strict(yaml.SafeLoader):
        pass

    def mapping(loader: Strict, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return {}

    Strict.add_constructor("tag:yaml.org,2002:map", mapping)
    Strict.add_multi_constructor("!", lambda loader, suffix, node: None)
    for path in TEMPLATES.values():
        yaml.load(path.read_text(), Strict)


def test_the_organization_stack_trusts_two_of_the_hubs_roles_alone(hub: Document) -> None:
    (role,) = resources(transformed(TEMPLATES["organization"]), "AWS::IAM::Role").values()
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    roles = resources(hub, "AWS::IAM::Role")
    names = [roles[role]["RoleName"]["Fn::Sub"] for role in ("EnrichFindingsRole", "WatchHeartbeatsRole")]

    assert trust["Principal"]["AWS"]["Fn::Sub"].endswith("${HubAccountId}:root")
    principals = trust["Condition"]["ArnEquals"]["aws:PrincipalArn"]
    assert [principal["Fn::Sub"].partition("${HubAccountId}:role/")[2] for principal in principals] == [
        name.replace("AWS::StackName", "HubStackName") for name in names
    ]
    assert trust["Condition"]["StringEquals"] == {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}}


def test_the_organization_stacks_role_may_do_what_a_delegated_administrator_may(hub: Document) -> None:
    """The hub's functions ask the same, through the role or directly."""
    through_role = {
        action
        for statement in statements(transformed(TEMPLATES["organization"]))
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    } - {"sts:AssumeRole"}
    sids = {"AskTheOrganization", "AskWhichAccountsThereAre", "ReadSecurityContacts", "ReadTagsOfAccounts"}
    roles = resources(hub, "AWS::IAM::Role")
    policies = [roles[role]["Policies"] for role in ("EnrichFindingsRole", "WatchHeartbeatsRole")]
    directly = {
        action
        for statement in statements({"Resources": policies})
        if statement.get("Sid") in sids
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }

    assert through_role == directly


def test_a_function_knows_how_many_of_it_share_a_quota(hub: Document) -> None:
    functions = resources(hub, "AWS::Lambda::Function")
    for mapping in queue_mappings(hub):
        variables = functions[str(referred(mapping["FunctionName"]))]["Environment"]["Variables"]
        if "MAXIMUM_CONCURRENCY" in variables:
            assert int(variables["MAXIMUM_CONCURRENCY"]) == mapping["ScalingConfig"]["MaximumConcurrency"]
    for mapping in stream_mappings(hub):
        variables = functions[str(referred(mapping["FunctionName"]))]["Environment"]["Variables"]
        assert int(variables["EXPECTED_SHARDS"]) >= 1
        assert mapping["ParallelizationFactor"] == 1  # or there were more containers than shards


def test_a_stream_is_read_from_its_beginning_and_nothing_is_given_up_unseen(hub: Document) -> None:
    assert stream_mappings(hub)
    for mapping in stream_mappings(hub):
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BisectBatchOnFunctionError"] is True
        destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
        function = resources(hub, "AWS::Lambda::Function")[str(referred(mapping["FunctionName"]))]
        role = resources(hub, "AWS::IAM::Role")[str(referred(function["Role"]))]
        allowed = statements({"Resources": role["Policies"]})
        assert {"Fn::GetAtt": [referred(destination), "Arn"]} in [
            statement["Resource"] for statement in allowed if statement["Action"] == "sqs:SendMessage"
        ]
        reads = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}
        assert [f"dynamodb:{read}" for read in sorted(reads)] in [
            statement["Action"] for statement in allowed if statement["Resource"] == mapping["EventSourceArn"]
        ]


def test_somebody_is_told_of_a_blocked_stream_long_before_its_records_are_given_up(hub: Document) -> None:
    ages = {
        referred(dimension["Value"]): timedelta(milliseconds=alarm["Threshold"])
        for alarm in resources(hub, "AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "IteratorAge"
        for dimension in alarm["Dimensions"]
    }

    for mapping in stream_mappings(hub):
        kept = timedelta(seconds=mapping["MaximumRecordAgeInSeconds"])
        assert 4 * ages[referred(mapping["FunctionName"])] < kept < timedelta(hours=24)  # as long as a stream keeps one


RECORD: Document = {
    "eventID": "c81e728d9d4c2f636f067f89cc14862c",
    "eventName": "REMOVE",
    "eventVersion": "1.1",
    "eventSource": "aws:dynamodb",
    "awsRegion": "eu-west-1",
    "dynamodb": {
        "ApproximateCreationDateTime": 1779978130,
        "Keys": {
            "pair": {"S": "backdoor-with-critical-cves/aws/444455556666/eu-west-1/AWS::EC2::Instance/i-0a1b2c3d4e5f6"},
            "row": {"S": "o#backdoor#2026-02-27T14:22:10.000000+00:00#0f5d1cbb6a4d5e0fd3e0e0b8"},
        },
        "SequenceNumber": "49600000000000000000000001",
        "SizeBytes": 171,
        "StreamViewType": "NEW_IMAGE",
    },
    "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
    "eventSourceARN": "arn:aws:dynamodb:eu-west-1:111122223333:table/signals/stream/2026-02-01T00:00:00.000",
}
"""What the stream tells when DynamoDB removes a signal whose time to live is over."""


def written(row: str) -> Document:
    change = RECORD["dynamodb"] | {"Keys": RECORD["dynamodb"]["Keys"] | {"row": {"S": row}}, "NewImage": {}}
    return {name: value for name, value in RECORD.items() if name != "userIdentity"} | {"dynamodb": change}


def test_what_dynamodb_removes_in_its_time_invokes_no_function(hub: Document) -> None:
    for mapping in stream_mappings(hub):
        for chosen in mapping["FilterCriteria"]["Filters"]:
            assert not compile_pattern(json.loads(chosen["Pattern"])).matches(RECORD)


@pytest.mark.parametrize("event", ["INSERT", "MODIFY", "REMOVE"])
@pytest.mark.parametrize("kind", ["o", "d", "a", "state", "versions"])
def test_signals_invoke_the_correlator_and_nothing_else_in_their_table_does(
    hub: Document, event: str, kind: str
) -> None:
    row = f"{kind}#backdoor#2026-02-27T14:22:10.000000+00:00#0f5d1c" if len(kind) == 1 else kind
    (mapping,) = stream_mappings(hub)
    (chosen,) = mapping["FilterCriteria"]["Filters"]

    matches = compile_pattern(json.loads(chosen["Pattern"])).matches(written(row) | {"eventName": event})
    assert matches == (kind == "o" and event != "REMOVE")


KEY: Document = {"Fn::If": ["CreatesKey", {"Fn::GetAtt": ["EncryptionKey", "Arn"]}, {"Ref": "KmsKeyArn"}]}


def test_a_given_key_takes_the_place_of_the_stacks_own_everywhere(hub: Document) -> None:
    key = hub["Resources"]["EncryptionKey"]
    assert hub["Conditions"]["CreatesKey"] == {"Fn::Equals": [{"Ref": "KmsKeyArn"}, ""]}
    assert key["Condition"] == "CreatesKey"
    for kind, member in (
        ("AWS::Events::EventBus", "KmsKeyIdentifier"),
        ("AWS::Events::Archive", "KmsKeyIdentifier"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
    ):
        assert [name for name, one in resources(hub, kind).items() if one[member] != KEY] == []
    queues = resources(hub, "AWS::SQS::Queue")
    assert [name for name, one in queues.items() if one.get("KmsMasterKeyId", KEY) != KEY] == []
    text = json.dumps([hub["Resources"], hub["Outputs"]])
    assert text.count('["EncryptionKey", "Arn"]') == text.count(json.dumps(KEY)) > 20


def test_every_table_is_encrypted_recoverable_and_forgets(hub: Document) -> None:
    for name, table in resources(hub, "AWS::DynamoDB::Table").items():
        assert table["SSESpecification"]["KMSMasterKeyId"] == KEY, name
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}, name


def test_what_nobody_else_knows_is_not_deleted_with_the_stack_nor_what_explains_it(hub: Document) -> None:
    """Only tables that fill themselves again go. The logs say what was resolved and why; the key reads what stays."""
    kinds = ("AWS::DynamoDB::Table", "AWS::Events::Archive", "AWS::KMS::Key", "AWS::Logs::LogGroup")
    policies = {
        name: (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for name, resource in hub["Resources"].items()
        if resource["Type"] in kinds
    }
    gone = {"AccountContextsTable", "DeletedResourcesTable", "HeartbeatsTable", "RecentUpdatesTable"}

    assert {name for name, policy in policies.items() if policy == ("Delete", "Delete")} == gone
    assert {policy for name, policy in policies.items() if name not in gone} == {("RetainExceptOnCreate", "Retain")}


def test_functions_that_read_the_rules_have_their_layer(hub: Document) -> None:
    readers = {
        name: function
        for name, function in resources(hub, "AWS::Lambda::Function").items()
        if "RULES_FILE" in function["Environment"]["Variables"]
    }

    assert len(readers) == 2
    for function in readers.values():
        layers = [str(referred(layer)) for layer in function["Layers"]]
        assert [re.sub("Layer.*", "", layer) for layer in layers] == ["Responder", "Rules"]
        assert function["Environment"]["Variables"]["RULES_FILE"] == "/opt/rules/rules.json"


def test_correlated_findings_are_imported_into_the_product_whose_findings_open_incidents(hub: Document) -> None:
    pattern = resources(hub, "AWS::Events::Rule")["CorrelatedFindingRule"]["EventPattern"]
    (product,) = pattern["detail"]["findings"]["ProductArn"]
    imports = [
        statement["Resource"]
        for statement in statements(hub)
        if "securityhub:BatchImportFindings" in json.dumps(statement["Action"])
    ]

    assert imports == [product]


def test_findings_are_batched_within_the_minute_for_which_their_events_are_trusted(hub: Document) -> None:
    mappings = {
        referred(mapping["FunctionName"]): mapping
        for mapping in resources(hub, "AWS::Lambda::EventSourceMapping").values()
    }
    window = timedelta(seconds=mappings["EnrichFindingsFunction"]["MaximumBatchingWindowInSeconds"])
    function = resources(hub, "AWS::Lambda::Function")["EnrichFindingsFunction"]
    variables = function["Environment"]["Variables"]
    patience, limit = int(variables["CONTEXT_PATIENCE_SECONDS"]), int(variables["TIME_LIMIT_SECONDS"])

    assert window <= TRUSTED_FOR / 2
    assert patience + LONGEST_CALL < limit * 2 / 3  # or nothing is left of it to write what is known
    assert timedelta(seconds=patience + LONGEST_CALL) < LEASE  # or another container fetches the same accounts


def test_a_time_limit_leaves_time_for_the_call_that_is_under_way(hub: Document) -> None:
    limits = {
        name: int(function["Environment"]["Variables"]["TIME_LIMIT_SECONDS"])
        for name, function in resources(hub, "AWS::Lambda::Function").items()
        if "TIME_LIMIT_SECONDS" in function["Environment"]["Variables"]
    }

    assert {"EnrichFindingsFunction", "ResolveDeletedFunction"} <= limits.keys()
    for name, limit in limits.items():
        assert limit + LONGEST_CALL < resources(hub, "AWS::Lambda::Function")[name]["Timeout"]


def test_a_second_attempt_alone_alarms_nobody(hub: Document) -> None:
    queues = resources(hub, "AWS::SQS::Queue")
    ages = [
        alarm
        for alarm in resources(hub, "AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "ApproximateAgeOfOldestMessage"
    ]
    assert len(ages) >= 3
    for alarm in ages:
        (queue,) = (str(referred(dimension["Value"])) for dimension in alarm["Dimensions"])
        assert alarm["Threshold"] > queues[queue]["VisibilityTimeout"]


@pytest.mark.parametrize(("name", "rule"), [("hub", "DeletionCallRule"), ("member", "ForwardDeletionCallsRule")])
def test_the_rules_of_deletions_have_exactly_the_calls_that_the_table_says_are_ones(name: str, rule: str) -> None:
    pattern = forwarded(resources(transformed(TEMPLATES[name]), "AWS::Events::Rule")[rule]["EventPattern"])
    calls = [
        (source, event_name)
        for option in pattern["detail"]["$or"]
        for source in option["eventSource"]
        for event_name in option["eventName"]
    ]

    assert len(calls) == len(set(calls))
    assert set(calls) == recorded_names(Effect.DELETES)
    assert pattern["detail"]["errorCode"] == [{"exists": False}]


def test_members_forward_exactly_the_evidence_of_deletions_that_the_hub_takes_in() -> None:
    members = resources(transformed(TEMPLATES["member"]), "AWS::Events::Rule")
    hubs = resources(transformed(TEMPLATES["hub"]), "AWS::Events::Rule")

    assert forwarded(members["ForwardDeletionCallsRule"]["EventPattern"]) == hubs["DeletionCallRule"]["EventPattern"]
    assert forwarded(members["ForwardDeletedItemsRule"]["EventPattern"]) == hubs["DeletedItemRule"]["EventPattern"]
    statuses = {
        status
        for option in hubs["DeletedItemRule"]["EventPattern"]["detail"]["$or"]
        for item in option.values()
        for status in item["configurationItemStatus"]
    }
    assert statuses == DELETED

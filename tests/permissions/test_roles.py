"""Least privilege, proven: each role allows what is asked of it in the sandbox, and nothing else.

All that records is in this module, so that it is done once however many processes run the tests.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.stacks import REPOSITORY, Template
from tests.permissions.drift import (
    action_drift,
    callers,
    forms,
    ineffective_conditions,
    refusals,
    unused_resources,
    wildcards,
)
from tests.permissions.policies import Statement, refusal
from tests.permissions.recording import Recording, recordings
from tests.permissions.reference import resource_types
from tests.permissions.reviewed import CONDITIONS, NOT_EXERCISED, ONLY_IN_OTHER_FORMS, TO_BE_NARROWED, WILDCARDS
from tests.permissions.roles import Role
from tests.permissions.scenarios import SCENARIOS
from tests.permissions.service_needs import SERVICE_NEEDS

TEMPLATES = (REPOSITORY / "template.yaml", *sorted((REPOSITORY / "templates").glob("*.yaml")))

Recorded = tuple[Recording, ...]


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return recordings()


# -------------------------------------------------------------------------------------------------------- what is asked


def test_every_function_calls_by_its_own_role_and_two_through_another(recorded: Recorded) -> None:
    functions = {path.parent.name for path in (REPOSITORY / "functions").glob("*/app.py")}
    own = {(name, "".join(map(str.title, name.split("_"))) + "Role") for name in functions}

    assert callers(recorded) == own | {("enrich_findings", "ReaderRole"), ("watch_heartbeats", "ReaderRole")}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_role_of_the_templates_is_asked_for_something_or_it_is_known_why_not(
    recorded: Recorded, path: Path
) -> None:
    resources = Template(path).whole["Resources"]
    roles = {name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"}
    asked = {form.role for form in forms(recorded)}

    assert roles - asked == roles & NOT_EXERCISED.keys()


def test_every_reason_why_a_role_is_not_asked_is_of_a_role() -> None:
    assert {name for path in TEMPLATES for name in Template(path).whole["Resources"]} >= NOT_EXERCISED.keys()


def test_every_service_asks_for_what_it_is_reviewed_for(recorded: Recorded) -> None:
    asked = {need.by for recording in recorded for need in recording.needs if need.function is None}

    assert asked == {need.by for need in SERVICE_NEEDS}


def test_what_is_asked_names_resources_of_the_types_that_aws_says(recorded: Recorded) -> None:
    for request in {need.request for recording in recorded for need in recording.needs}:
        kinds = [form for forms in resource_types(request.action).values() for form in forms]
        assert not kinds or request.resource == "*" or any(form.fullmatch(request.resource) for form in kinds), request


def test_scenarios_have_names_of_their_own() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


# ------------------------------------------------------------------------------------------------------------ the roles


def test_roles_allow_the_actions_that_are_needed_and_no_others(recorded: Recorded) -> None:
    assert action_drift(recorded, ONLY_IN_OTHER_FORMS) == []


def test_whatever_is_needed_falls_under_a_resource_that_allows_it_and_no_deny(recorded: Recorded) -> None:
    assert refusals(recorded) == []


def test_every_resource_of_a_statement_is_needed_for_each_of_its_actions(recorded: Recorded) -> None:
    assert unused_resources(recorded, TO_BE_NARROWED) == []


def test_wildcards_stand_only_where_somebody_has_found_that_they_must(recorded: Recorded) -> None:
    assert wildcards(recorded, WILDCARDS) == []


def test_conditions_keep_out_what_they_are_there_for(recorded: Recorded) -> None:
    assert ineffective_conditions(recorded, CONDITIONS) == []


@pytest.mark.parametrize(
    ("name", "may"),
    [("EnrichFindingsRole", [None]), ("ResolveDeletedRole", ["RESOLVED"]), ("SweepDeletedRole", ["RESOLVED"])],
)
def test_who_updates_findings_is_denied_what_is_not_its_business(
    recorded: Recorded, name: str, may: list[str | None]
) -> None:
    hub = "arn:aws:securityhub:eu-west-1:111122223333:hub/default"
    roles = [role for recording in recorded for role in recording.roles.values() if role.name == name]
    allowing = [role for role in roles if "securityhub:BatchUpdateFindings" in role.actions]
    assert allowing
    for role in allowing:
        for status in (None, "NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"):
            context = {"securityhub:ASFFSyntaxPath/Workflow.Status": (status,)} if status else {}
            refused = refusal(role.statements, "securityhub:BatchUpdateFindings", hub, context)
            assert (refused is None) == (status in may), status


# --------------------------------------------------------------------------------- the same, with roles that are not so

Change = Callable[[Statement], Iterable[Statement]]


def altered(recorded: Recorded, name: str, change: Change) -> Recorded:
    """The recordings, had the role's statements been others."""

    def changed(role: Role) -> Role:
        if role.name != name:
            return role
        return replace(role, statements=tuple(made for statement in role.statements for made in change(statement)))

    return tuple(
        replace(recording, roles={arn: changed(role) for arn, role in recording.roles.items()})
        for recording in recorded
    )


def allowing(recorded: Recorded) -> list[tuple[str, Statement]]:
    """All statements that allow something, with the name of their role: one for each Sid."""
    found = {
        (role.name, statement.sid): statement
        for recording in recorded
        for role in recording.roles.values()
        for statement in role.statements
        if statement.allows
    }
    return [(name, statement) for (name, _), statement in found.items()]


def test_an_action_that_is_taken_away_is_missed(recorded: Recorded) -> None:
    for name, chosen in allowing(recorded):
        for action in chosen.actions:

            def without(statement: Statement, sid: str = chosen.sid, action: str = action) -> list[Statement]:
                kept = tuple(one for one in statement.actions if statement.sid != sid or one != action)
                return [replace(statement, actions=kept)]

            roles = altered(recorded, name, without)
            drift, refused = action_drift(roles, ONLY_IN_OTHER_FORMS), refusals(roles)
            assert refused, (name, chosen.sid, action)
            assert all(line.startswith(f"{name} refuses ") and f": {action} on " in line for line in refused)
            # Without it the role may have a form that it has with other parameters, and need no excuse there.
            told = [line for line in drift if " is excused for " not in line]
            assert all(line.startswith(f"{name} does not allow {action}, ") for line in told), told
            elsewhere = [
                statement
                for role, statement in allowing(recorded)
                if role == name and statement.sid != chosen.sid and action in statement.actions
            ]
            assert told or elsewhere


def test_an_action_that_is_added_is_superfluous(recorded: Recorded) -> None:
    for name, chosen in allowing(recorded):

        def widened(statement: Statement, sid: str = chosen.sid) -> list[Statement]:
            more = ("dynamodb:DeleteTable",) if statement.sid == sid else ()
            return [replace(statement, actions=(*statement.actions, *more))]

        roles = altered(recorded, name, widened)
        found = action_drift(roles, ONLY_IN_OTHER_FORMS)
        assert found
        assert all(line.startswith(f"{name} allows dynamodb:DeleteTable, which nothing needs") for line in found)
        assert refusals(roles) == []


def test_a_resource_that_is_narrowed_refuses_what_is_needed_there(recorded: Recorded) -> None:
    for name, chosen in allowing(recorded):
        for number in range(len(chosen.resources)):

            def narrowed(statement: Statement, sid: str = chosen.sid, number: int = number) -> list[Statement]:
                if statement.sid != sid:
                    return [statement]
                resources = list(statement.resources)
                resources[number] = "arn:aws:sqs:eu-west-1:111122223333:another"
                return [replace(statement, resources=tuple(resources))]

            roles = altered(recorded, name, narrowed)
            refused = refusals(roles)
            assert refused, (name, chosen)
            for line in refused:
                assert line.startswith(f"{name} refuses ")
                assert any(f": {action} on " in line for action in chosen.actions)
            assert action_drift(roles, ONLY_IN_OTHER_FORMS) == []


def test_a_resource_that_is_widened_or_added_is_not_needed_or_not_reviewed(recorded: Recorded) -> None:
    for name, chosen in allowing(recorded):
        if "*" in chosen.resources:
            continue

        def widened(statement: Statement, sid: str = chosen.sid) -> list[Statement]:
            resources = [f"{resource}*" for resource in statement.resources] if statement.sid == sid else []
            return [replace(statement, resources=tuple(resources) or statement.resources)]

        def added(statement: Statement, sid: str = chosen.sid) -> list[Statement]:
            more = [f"{resource}-more" for resource in statement.resources] if statement.sid == sid else []
            return [replace(statement, resources=(*statement.resources, *more))]

        found = wildcards(altered(recorded, name, widened), WILDCARDS)
        assert any(line.startswith(f"{name}: {chosen.sid} has a wildcard: ") for line in found), found
        found = unused_resources(altered(recorded, name, added), TO_BE_NARROWED)
        assert found
        assert all(line.startswith(f"{name}: {chosen.sid} allows ") and "-more, where" in line for line in found)


def conditioned(recorded: Recorded) -> list[tuple[str, Statement]]:
    return [(name, statement) for name, statement in allowing(recorded) if statement.condition]


def test_there_are_conditions_to_be_changed(recorded: Recorded) -> None:
    assert {(name, statement.sid) for name, statement in conditioned(recorded)} == {
        ("EnrichFindingsRole", "ReadSecurityContacts"),
        ("OpenIncidentRole", "CreateOpsItemsThroughIncidentManager"),
        ("OpenIncidentRole", "EngageThroughIncidentManager"),
        ("ReaderRole", "ReadSecurityContacts"),
    }


def test_a_condition_that_is_dropped_or_not_asked_for_is_missed(recorded: Recorded) -> None:
    for name, chosen in conditioned(recorded):

        def dropped(statement: Statement, sid: str = chosen.sid) -> list[Statement]:
            return [replace(statement, condition={}) if statement.sid == sid else statement]

        def undermined(statement: Statement, sid: str = chosen.sid) -> list[Statement]:
            return [statement, replace(statement, condition={})] if statement.sid == sid else [statement]

        for change in (dropped, undermined):
            roles = altered(recorded, name, change)
            found = ineffective_conditions(roles, CONDITIONS)
            for how in ("without", "with"):
                assert any(line.startswith(f"{name} allows {chosen.actions[0]} {how} ") for line in found), found
            assert all(line.startswith(f"{name} allows {chosen.actions[0]} with") for line in found), found
            assert refusals(roles) == []


def test_a_condition_with_another_value_refuses_and_with_one_more_allows_too_much(recorded: Recorded) -> None:
    for name, chosen in conditioned(recorded):

        def comparing(*values: str, sid: str = chosen.sid) -> Change:
            def changed(statement: Statement) -> list[Statement]:
                condition = {operator: dict.fromkeys(keys, values) for operator, keys in statement.condition.items()}
                return [replace(statement, condition=condition) if statement.sid == sid else statement]

            return changed

        ((key, value),) = chosen.conditions
        found = refusals(altered(recorded, name, comparing("BILLING")))
        assert found, (name, chosen.sid)
        assert all(line.startswith(f"{name} refuses ") and f": {chosen.actions[0]} on " in line for line in found)
        found = ineffective_conditions(altered(recorded, name, comparing(value, "BILLING")), CONDITIONS)
        assert found, (name, chosen.sid)
        assert all(line.startswith(f"{name} allows {chosen.actions[0]} with {key} BILLING ") for line in found)


@pytest.mark.parametrize("name", ["ResolveDeletedRole", "SweepDeletedRole"])
def test_a_deny_that_is_dropped_or_widened_is_missed(recorded: Recorded, name: str) -> None:
    status = "securityhub:ASFFSyntaxPath/Workflow.Status"

    def without(statement: Statement) -> list[Statement]:
        return [statement] if statement.allows else []

    def suppressing(statement: Statement) -> list[Statement]:
        also = {"StringNotEquals": {status: ["RESOLVED", "SUPPRESSED"]}}
        return [statement if statement.allows else replace(statement, condition=also)]

    allowed = f"{name} allows securityhub:BatchUpdateFindings"
    found = ineffective_conditions(altered(recorded, name, without), CONDITIONS)
    assert any(line.startswith(f"{allowed} without {status.lower()} ") for line in found)
    found = ineffective_conditions(altered(recorded, name, suppressing), CONDITIONS)
    assert found
    assert all(line.startswith(f"{allowed} with {status.lower()} SUPPRESSED ") for line in found)


def test_a_condition_by_a_key_that_no_request_has_is_noticed(recorded: Recorded) -> None:
    absent = {"Null": {"aws:CalledViaFirst": True}}

    def always(statement: Statement) -> list[Statement]:
        return [replace(statement, condition=absent) if statement.sid == "Notify" else statement]

    assert ineffective_conditions(altered(recorded, "OpenIncidentRole", always), CONDITIONS) == [
        "OpenIncidentRole allows sns:Publish by aws:calledviafirst, which no request has"
    ]


def test_a_deny_that_is_added_is_noticed_where_it_applies(recorded: Recorded) -> None:
    never = Statement("Never", False, ("securityhub:BatchUpdateFindings",), ("*",), {})

    def denying(statement: Statement) -> list[Statement]:
        return [statement, never] if statement.sid == "NothingButResolve" else [statement]

    found = refusals(altered(recorded, "ResolveDeletedRole", denying))

    assert found
    assert all(line.startswith("ResolveDeletedRole refuses resolve_deleted (BatchUpdateFindings): ") for line in found)
    assert all("Never denies it" in line for line in found)


def test_a_function_that_calls_less_is_noticed(recorded: Recorded) -> None:
    def without_import(recording: Recording) -> Recording:
        left = (need for need in recording.needs if need.request.action != "securityhub:BatchImportFindings")
        return replace(recording, needs=frozenset(left))

    found = action_drift(tuple(map(without_import, recorded)), ONLY_IN_OTHER_FORMS)

    assert found
    assert all(
        line.startswith("CorrelateSignalsRole allows securityhub:BatchImportFindings, which nothing needs")
        for line in found
    )


def test_an_excuse_that_is_not_needed_is_noticed(recorded: Recorded) -> None:
    excuse = {("OpenIncidentRole", "sns:Publish"): "no reason"}

    assert action_drift(recorded, ONLY_IN_OTHER_FORMS | excuse) == [
        "OpenIncidentRole is excused for sns:Publish, and need not be"
    ]
    assert unused_resources(recorded, TO_BE_NARROWED | {("Notify", "sns:Publish"): "no reason"}) == [
        "Notify is narrow enough for sns:Publish"
    ]
    assert wildcards(recorded, WILDCARDS | {("Notify", "topic*"): "no reason"}) == [
        "Notify has no wildcard topic* any more"
    ]
    assert ineffective_conditions(recorded, CONDITIONS | {("sns:Publish", "aws:CalledViaFirst"): "no reason"}) == [
        "no request for sns:Publish has aws:calledviafirst any more"
    ]


def test_a_condition_key_that_nobody_has_reviewed_is_noticed(recorded: Recorded) -> None:
    page = ("ssm-contacts:StartEngagement", "aws:CalledViaFirst")

    assert ineffective_conditions(recorded, {key: why for key, why in CONDITIONS.items() if key != page}) == [
        "ssm-contacts:StartEngagement has aws:calledviafirst, of which nobody says whether it must"
    ]

"""The context in UserDefinedFields: what it looks like, and what gives way."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.domain.enrichment.context import AccountContext, Known, SecurityContact
from responder.domain.enrichment.fields import context_mark, mark_of, merged

FETCHED = datetime(2026, 3, 2, 14, tzinfo=UTC)
CONTEXT = AccountContext(
    account="444455556666",
    name="Payments Production",
    state="ACTIVE",
    ou_path=("Root", "Workloads", "Prod"),
    tags={"Environment": "PROD", "Owner": "payments", "CostCenter": "CC-4210"},
    contact=SecurityContact("Zoë Nuñez", "payments@example.com", "+1-555-0142", "Lead"),
)
KNOWN = Known(CONTEXT, FETCHED)


def known(**changes: object) -> Known:
    return Known(replace(CONTEXT, **changes), FETCHED)  # type: ignore[arg-type]


def test_the_fields_are_those_of_the_contract_and_each_tag_under_its_own_key() -> None:
    fields, left_out = merged({}, KNOWN)

    assert left_out == 0
    assert fields.pop("ContextFingerprint").startswith(CONTEXT.fingerprint)
    assert fields == {
        "findingEnriched": "true",
        "AccountName": "Payments Production",
        "AccountState": "ACTIVE",
        "OUName": "Prod",
        "OUPath": "Root/Workloads/Prod",
        "SecurityContactName": "Zoë Nuñez",
        "SecurityContactEmail": "payments@example.com",
        "SecurityContactPhone": "+1-555-0142",
        "Environment": "PROD",
        "Owner": "payments",
        "CostCenter": "CC-4210",
    }


def test_an_account_directly_under_the_root_has_ou_name_root() -> None:
    fields, _ = merged({}, known(ou_path=("Root",)))

    assert (fields["OUName"], fields["OUPath"]) == ("ROOT", "Root")


def test_an_unknown_account_yields_what_is_known() -> None:
    fields, _ = merged({}, Known(AccountContext("123456789012"), FETCHED))

    assert fields.keys() == {"findingEnriched", "ContextFingerprint"}


def test_fields_of_others_survive_and_a_tag_of_the_same_key_stands_beside_them() -> None:
    fields, left_out = merged({"Ticket": "SEC-1", "Environment": "bastion hosts"}, KNOWN)

    assert (fields["Ticket"], fields["Environment"], fields["tag:Environment"]) == ("SEC-1", "bastion hosts", "PROD")
    assert left_out == 0


@pytest.mark.parametrize("key", ["AccountName", "findingEnriched", "ContextFingerprint", "OUName"])
def test_a_tag_named_as_one_of_our_fields_stands_under_another_name(key: str) -> None:
    fields, _ = merged({}, known(tags={key: "mine"}))

    assert fields[f"tag:{key}"] == "mine"
    assert fields[key] != "mine"


def test_another_enrichers_fields_of_our_names_are_renewed_and_kept_where_nothing_is_known() -> None:
    theirs = {"AccountName": "Payments (2019)", "OUName": "Old", "findingEnriched": "yes", "SecurityContactPhone": "+1"}

    renewed, _ = merged(theirs, known(contact=None))
    unknown, _ = merged(theirs, Known(AccountContext("123456789012"), FETCHED))

    assert (renewed["AccountName"], renewed["OUName"], renewed["SecurityContactPhone"]) == (
        "Payments Production",
        "Prod",
        "+1",
    )
    assert {"AccountName": "Payments (2019)", "OUName": "Old", "SecurityContactPhone": "+1"}.items() <= unknown.items()


def test_a_field_of_our_names_that_somebody_fills_in_stays_theirs_over_changes_of_the_context() -> None:
    first, _ = merged({"SecurityContactEmail": "theirs@example.com"}, known(contact=None))
    filled_in = first | {"SecurityContactPhone": "+1-555-0199"}

    later, _ = merged(filled_in, known(contact=None, ou_path=("Root", "Test")))

    assert (later["SecurityContactEmail"], later["SecurityContactPhone"]) == ("theirs@example.com", "+1-555-0199")


def test_a_field_that_is_replaced_has_its_room() -> None:
    others = {f"field {number}": "x" for number in range(48)} | {"OUName": "Old", "SecurityContactPhone": "+1"}

    fields, _ = merged(others, KNOWN)

    assert len(fields) == 50
    assert (fields["OUName"], fields["SecurityContactPhone"]) == ("Prod", "+1-555-0142")


def test_a_line_end_in_a_name_does_not_reach_security_hub() -> None:
    fields, _ = merged({}, known(ou_path=("Root", "Prod\nEU"), tags={"Owner": "\n"}))

    assert (fields["OUName"], fields["Owner"]) == ("Prod EU", "(empty)")


def test_a_tag_that_says_what_somebody_says_already_is_theirs() -> None:
    enriched, _ = merged({"Environment": "PROD"}, KNOWN)
    later, _ = merged(enriched, known(tags={}))

    assert "tag:Environment" not in enriched
    assert later["Environment"] == "PROD"


def test_a_changed_context_replaces_what_the_earlier_one_brought() -> None:
    enriched, _ = merged({"Ticket": "SEC-1"}, KNOWN)
    later, _ = merged(enriched, known(tags={"Environment": "DEV"}, contact=None, name="Payments"))

    assert later["Environment"] == "DEV"
    assert later["AccountName"] == "Payments"
    assert later["Ticket"] == "SEC-1"
    assert not {"Owner", "CostCenter", "SecurityContactName"} & later.keys()


def test_a_field_of_ours_that_somebody_has_edited_since_is_theirs() -> None:
    enriched, _ = merged({}, KNOWN)
    later, _ = merged(enriched | {"Owner": "kim, since March"}, known(tags={"Owner": "platform"}))

    assert (later["Owner"], later["tag:Owner"]) == ("kim, since March", "platform")


def test_values_and_keys_that_exceed_the_limits() -> None:
    fields, left_out = merged({}, known(tags={"k" * 129: "x", "Long": "v" * 2000, "Empty": "", "Blank": "  "}))

    assert left_out == 1
    assert len(fields["Long"]) == 1024
    assert fields["Long"].endswith("…")
    assert (fields["Empty"], fields["Blank"]) == ("(empty)", "(empty)")


def test_fifty_fields_of_others_leave_no_room() -> None:
    others = {f"field {number}": "x" for number in range(50)}

    assert merged(others, KNOWN) == (others, 12)


def test_what_matters_least_gives_way_first() -> None:
    others = {f"field {number}": "x" for number in range(39)}  # room for 11 of 12

    fields, left_out = merged(others, KNOWN)

    assert left_out == 1
    assert "CostCenter" not in fields
    assert {"Environment", "Owner", "SecurityContactPhone"} <= fields.keys()


def test_the_mark_tells_a_stale_context_from_a_fresh_one() -> None:
    stale = replace(KNOWN, is_stale=True)

    assert mark_of({}) is None
    assert mark_of(merged({}, KNOWN)[0]) == context_mark(KNOWN)
    assert mark_of(merged({}, stale)[0]) == context_mark(stale) == f"{CONTEXT.fingerprint} stale"


TEXT = st.text(min_size=1, max_size=140)
OURS = [*merged({}, known(tags={}))[0]]
FIELDS = st.dictionaries(TEXT | st.sampled_from([*OURS, "tag:Owner"]), st.text(min_size=1, max_size=20), max_size=50)
TAGS = st.dictionaries(TEXT, st.text(max_size=20), max_size=50)


@given(FIELDS, TAGS, TAGS)
def test_whatever_comes_limits_hold_others_survive_and_a_second_time_changes_nothing(
    others: dict[str, str], first: dict[str, str], second: dict[str, str]
) -> None:
    enriched, _ = merged(others, known(tags=first))
    later, _ = merged(enriched, known(tags=second))

    assert merged(enriched, known(tags=first))[0] == enriched
    assert len(later) <= 50
    assert all((0 < len(value) <= 1024 and value.strip()) or name in others for name, value in later.items())
    theirs = {name: value for name, value in others.items() if name not in OURS}
    assert theirs.items() <= later.items()
    assert others.keys() <= later.keys()


def test_tag_digests_of_fifty_tags_fit() -> None:
    fields, _ = merged({}, known(tags={f"tag {number}": "x" for number in range(50)}))

    assert len(fields) == 50
    assert len(fields["ContextFingerprint"]) <= 1024

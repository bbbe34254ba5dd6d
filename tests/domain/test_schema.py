"""The check against a schema finds what jsonschema finds, in every schema that the application has."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from responder.domain import schema as checked
from responder.domain.faults import Rejected
from responder.domain.schema import require_valid

SCHEMAS = {path.stem: json.loads(path.read_text()) for path in Path(checked.__file__).with_name("schemas").iterdir()}


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema allows, and such as it nearly allows: too long, too large, of another type, incomplete."""
    bounds = [
        int(schema[name]) for name in ("minLength", "maxLength", "minimum", "maximum", "minItems") if name in schema
    ]
    edges = sorted({bound + step for bound in bounds for step in (-1, 0, 1) if bound + step >= 0})
    others = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=3),
        st.lists(st.none(), max_size=2),
        st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    )
    if edges:
        others |= st.sampled_from([*edges, *map(float, edges), *("a" * edge for edge in edges)])
    members = {name: values(within) for name, within in schema.get("properties", {}).items()}
    if not members:
        return others
    return st.one_of(st.fixed_dictionaries({}, optional=members), st.fixed_dictionaries(members), others)


def rejection(name: str, value: Any) -> tuple[str, str] | None:
    try:
        require_valid(name, value, at="detail")
    except Rejected as rejected:
        return rejected.field, rejected.reason
    return None


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_says_what_jsonschema_says(name: str) -> None:
    validator = Draft202012Validator(SCHEMAS[name])

    @settings(max_examples=300)
    @given(values(SCHEMAS[name]))
    def holds(value: Any) -> None:
        fault, said = best_match(validator.iter_errors(value)), rejection(name, value)
        if fault is None or said is None:
            assert fault is None
            assert said is None
            return
        field, reason = said
        path = ["detail", *map(str, fault.absolute_path)]
        if fault.validator == "required":
            missing = next(required for required in fault.validator_value if required not in fault.instance)
            assert (field, reason) == (".".join([*path, missing]), "is missing")
            return
        wanted = fault.validator_value
        told = {
            "type": " or ".join(wanted) if isinstance(wanted, list) else wanted,
            "minLength": f"of at least {wanted} characters",
            "maxLength": f"of at most {wanted} characters",
        }
        assert field == ".".join(path)
        assert reason.endswith(f", not {told.get(str(fault.validator), f'{fault.validator} {wanted}')}")

    holds()


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_knows_every_keyword_that_a_schema_uses(name: str) -> None:
    def complete(schema: dict[str, Any]) -> Any:
        """A value with every member: whatever the schema says is said of it."""
        members = {member: complete(within) for member, within in schema.get("properties", {}).items()}
        return members | ({"another": ""} if "additionalProperties" in schema else {})

    Draft202012Validator.check_schema(SCHEMAS[name])
    rejection(name, complete(SCHEMAS[name]))

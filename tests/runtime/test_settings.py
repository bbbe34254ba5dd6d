"""Settings that may be left empty; the others fail each function's cold start, and are tested there."""

import pytest

from responder.runtime.settings import Environment, InvalidSetting

ROLE = "arn:aws:iam::999999999999:role/reader"


@pytest.mark.parametrize("variables", [{}, {"NAME": ""}, {"NAME": "  "}], ids=["missing", "empty", "blank"])
def test_what_may_be_empty_is_none(variables: dict[str, str]) -> None:
    environment = Environment(variables)

    assert environment.optional_text("NAME") is None
    assert environment.optional_arn("NAME") is None


def test_what_may_be_empty_is_read_where_it_is_not() -> None:
    assert Environment({"NAME": " organization "}).optional_text("NAME") == "organization"
    assert Environment({"NAME": ROLE}).optional_arn("NAME") == ROLE


def test_what_may_be_empty_may_not_be_wrong() -> None:
    with pytest.raises(InvalidSetting, match="NAME is not an ARN"):
        Environment({"NAME": "reader"}).optional_arn("NAME")


@pytest.mark.parametrize(("value", "names"), [("", ()), ("a", ("a",)), ("a, b", ("a", "b"))])
def test_optional_names(value: str, names: tuple[str, ...]) -> None:
    assert Environment({"NAMES": value}).optional_names("NAMES") == names
    assert Environment({}).optional_names("NAMES") == ()

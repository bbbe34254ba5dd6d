"""Rules as the functions load them."""

import json
from datetime import timedelta

import pytest

from responder.domain.correlation import read_rules
from responder.domain.correlation.rule import parse_window
from tests.domain.correlation.histories import DOCUMENT, INSTANCE


def test_the_built_file_gives_the_rules() -> None:
    (rule,) = read_rules(json.dumps({"format": 1, "rules": [DOCUMENT]}))

    assert (rule.id, rule.severity, rule.window) == ("alarm-and-weaknesses", "CRITICAL", timedelta(days=10))
    assert [(leg.name, leg.count, leg.related) for leg in rule.legs] == [
        ("alarm", 1, "security-group-of-instance"),
        ("weaknesses", 2, None),
    ]
    assert rule.groups(INSTANCE)
    assert not rule.groups("AWS::S3::Bucket")
    assert rule.remediation.url == "https://example.com/"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2, "rules": []}'])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"format 1|Expecting value"):
        read_rules(text)


@pytest.mark.parametrize("text", ["", "0d", "d", "30", "30 d", "1w", "-1d", "01d", "12345d", "30D"])
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(ValueError, match="is no window"):
        parse_window(text)

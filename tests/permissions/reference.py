"""AWS's Service Authorization Reference, as cfn-lint carries it: which types of resources an action is about."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from cfnlint.data import AdditionalSpecs  # type: ignore[import-untyped]
from cfnlint.helpers import load_resource  # type: ignore[import-untyped]


def resource_types(action: str) -> dict[str, list[re.Pattern[str]]]:
    """The types that an action is about, each with its forms of ARNs; none for one that has no resource to name.

    Raises
    ------
    KeyError
        For an action that AWS does not have.

    >>> list(resource_types("ssm-incidents:GetIncidentRecord"))
    ['incident-record', 'response-plan']
    >>> resource_types("ssm:CreateOpsItem")
    {}
    """
    service, name = action.split(":")
    known = _reference()[service]
    types = known["Actions"][name.lower()].get("Resources", [])
    return {kind: [_form(text) for text in known["Resources"][kind.lower()]["ARNFormats"]] for kind in types}


def may_be_about(action: str, pattern: str) -> bool:
    """Whether there are resources of the action's types under a Resource pattern, as its text tells.

    >>> may_be_about("organizations:DescribeAccount", "arn:aws:organizations::*:account/o-*/*")
    True
    >>> may_be_about("organizations:DescribeAccount", "arn:aws:organizations::*:ou/o-*/ou-*")
    False
    """
    forms = [form for forms in resource_types(action).values() for form in forms]
    return not forms or pattern == "*" or any(form.fullmatch(pattern) for form in forms)


@cache
def _reference() -> dict[str, Any]:
    reference: dict[str, Any] = load_resource(AdditionalSpecs, "Policies.json")
    return reference


@cache
def _form(text: str) -> re.Pattern[str]:
    """`arn:${Partition}:sqs:${Region}:${Account}:.*`, in which a variable is a segment, as a regular expression."""
    return re.compile(re.sub(r"\$\{\w+\}", "[^:]*", text))

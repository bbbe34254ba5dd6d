"""IAM's rules: whether the statements of a role allow an action on a resource.

Sources, all in the IAM user guide: "Policy evaluation logic", "IAM JSON policy elements: Resource" and "Condition
operators". Resource policies, boundaries and organization policies are not looked at. Known are the condition operators
and keys that the templates use; others are refused, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Context = Mapping[str, tuple[str, ...]]
"""The request's condition keys, each with its values. A key that is not there is absent from the request."""

FIELDS_OF_FINDINGS = "securityhub:asffsyntaxpath/"
"""What the condition keys begin with that tell which fields an update of findings has."""

KNOWN_KEYS = ("account:alternatecontacttypes", "aws:calledviafirst", FIELDS_OF_FINDINGS)
"""Condition keys that `authorization.py` and `service_needs.py` know for every request; the last is a prefix."""

_ARN_PARTS = 6


@dataclass(frozen=True)
class Statement:
    """A statement of an identity policy."""

    sid: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Statement:
        """The statement that a policy document writes so.

        >>> Statement.of({"Effect": "Allow", "Action": "sns:Publish", "Resource": ["arn:a", "arn:b"]})
        Statement(sid='', allows=True, actions=('sns:Publish',), resources=('arn:a', 'arn:b'), condition={})
        """
        if unknown := document.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
            raise ValueError(f"no rule is known here for {', '.join(sorted(unknown))} of a statement")
        return cls(
            sid=document.get("Sid", ""),
            allows={"Allow": True, "Deny": False}[document["Effect"]],
            actions=_texts(document["Action"]),
            resources=_texts(document["Resource"]),
            condition=document.get("Condition", {}),
        )

    @property
    def conditions(self) -> frozenset[tuple[str, str]]:
        """Keys of its condition, in small letters, each with the values that it is compared with, one by one.

        >>> sorted(Statement("", True, (), (), {"StringEquals": {"aws:CalledViaFirst": ["a", "b"]}}).conditions)
        [('aws:calledviafirst', 'a'), ('aws:calledviafirst', 'b')]
        """
        compared = (one for keys in self.condition.values() for one in keys.items())
        return frozenset((key.lower(), value) for key, values in compared for value in _texts(values))

    def covers(self, action: str) -> bool:
        """Whether it is about this action. Their names are alike in any case.

        >>> Statement("", True, ("sqs:Get*",), ("*",)).covers("SQS:getQueueUrl")
        True
        """
        return any(_pattern(pattern.lower()).fullmatch(action.lower()) for pattern in self.actions)

    def applies(self, action: str, resource: str, context: Context) -> bool:
        """Whether it has a say in this request."""
        return (
            self.covers(action)
            and any(arn_matches(pattern, resource) for pattern in self.resources)
            and condition_holds(self.condition, context)
        )


def refusal(statements: Iterable[Statement], action: str, resource: str, context: Context) -> str | None:
    """Why a request is refused; None if it is allowed. A Deny that applies outdoes every Allow."""
    applying = [statement for statement in statements if statement.applies(action, resource, context)]
    for statement in applying:
        if not statement.allows:
            return f"{statement.sid} denies it"
    return None if applying else "no statement allows it"


def arn_matches(pattern: str, arn: str) -> bool:
    """Whether an ARN falls under the pattern of a Resource element.

    A wildcard stays within its segment here, up to the resource, which is the last one; IAM lets a `*` at a segment's
    end reach over the colon too. So what matches here matches there.

    >>> arn_matches("arn:aws:organizations::*:ou/o-*/ou-*", "arn:aws:organizations::999999999999:ou/o-a1/ou-b2")
    True
    >>> arn_matches("arn:aws:sqs:eu-west-1:*", "arn:aws:sqs:eu-west-1:111122223333:inbox")
    False
    """
    if pattern == "*":
        return True
    patterns, parts = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    return len(patterns) == len(parts) == _ARN_PARTS and all(
        _pattern(wanted).fullmatch(part) for wanted, part in zip(patterns, parts, strict=True)
    )


def condition_holds(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether all operators of a Condition hold for all of their keys."""
    given = {name.lower(): values for name, values in context.items()}
    return all(
        _holds(operator, given.get(_known(key)), _texts(wanted))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, values: tuple[str, ...] | None, wanted: tuple[str, ...]) -> bool:
    match operator:
        case "StringEquals":
            return values is not None and _single(values) in wanted
        case "StringNotEquals":  # of a key that is absent it is true
            return values is None or _single(values) not in wanted
        case "ForAnyValue:StringEquals":
            return values is not None and not set(wanted).isdisjoint(values)
        case "Null":
            return wanted == (str(values is None).lower(),)
    raise ValueError(f"no rule is known here for the condition operator {operator}")


def _known(key: str) -> str:
    """A condition key as it is compared: its case does not matter."""
    if key.lower() not in KNOWN_KEYS and not key.lower().startswith(KNOWN_KEYS[-1]):
        raise ValueError(f"it is not known here which requests have the condition key {key}")
    return key.lower()


def _single(values: tuple[str, ...]) -> str:
    (value,) = values  # of several, IAM asks for ForAnyValue or ForAllValues
    return value


def _texts(value: Any) -> tuple[str, ...]:
    """One or many, as texts; truth values as JSON writes them. What a condition of the template left out is gone."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values if one is not None)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of IAM's: `*` stands for anything, `?` for one character."""
    wildcards = {"*": ".*", "?": "."}
    return re.compile("".join(wildcards.get(character) or re.escape(character) for character in text), re.DOTALL)

"""A second, slow reading of EventBridge's pattern language, to judge the fast one by.

It shares nothing with ``responder.patterns``. It does what event-ruler does, literally: every leaf of the event
becomes a dotted name and the *text* of its JSON, strings with their quotes; a pattern becomes, per way through its
``$or``s, names and tests of such texts; and all ways of choosing one leaf per name are tried, in the order of the
names, none of which may come from two elements of one array.

Valid patterns only, and small events only: the search is exponential.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

Element = dict[int, int]
Leaf = tuple[str, Element]
TextTest = Callable[[str], bool]


def oracle_matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    leaves: dict[str, list[Leaf]] = {}
    _flatten(event, "", {}, leaves, iter(range(1 << 30)))
    return any(_choose(sorted(rule.items()), leaves, {}) for rule in _rules(pattern, "", [{}]))


def _flatten(value: Any, name: str, within: Element, leaves: dict[str, list[Leaf]], arrays: Iterator[int]) -> None:
    if isinstance(value, Mapping):
        for key, child in value.items():
            _flatten(child, f"{name}.{key}" if name else key, within, leaves, arrays)
    elif isinstance(value, list):
        array = next(arrays)
        for index, child in enumerate(value):
            if isinstance(child, Mapping | list):
                _flatten(child, name, {**within, array: index}, leaves, arrays)
            else:
                _flatten(child, name, within, leaves, arrays)
    else:
        leaves.setdefault(name, []).append((json.dumps(value, ensure_ascii=False), within))


def _choose(names: list[tuple[str, list[Any]]], leaves: dict[str, list[Leaf]], chosen: Element) -> bool:
    if not names:
        return True
    (name, wanted), rest = names[0], names[1:]
    consistent = [
        (text, {**chosen, **within})
        for text, within in leaves.get(name, [])
        if all(chosen.get(array, index) == index for array, index in within.items())
    ]
    if {"exists": False} in wanted and not consistent and _choose(rest, leaves, chosen):
        return True
    tests = [_text_test(want) for want in wanted if want != {"exists": False}]
    return any(any(test(text) for test in tests) and _choose(rest, leaves, now) for text, now in consistent)


def _rules(pattern: Mapping[str, Any], name: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for key, value in pattern.items():
        path = f"{name}.{key}" if name else key
        if key == "$or":
            rules = [done for branch in value for done in _rules(branch, name, [dict(rule) for rule in rules])]
        elif isinstance(value, Mapping):
            rules = _rules(value, path, rules)
        else:
            for rule in rules:
                rule[path] = value
    return rules


def _text_test(want: Any) -> TextTest:
    if not isinstance(want, Mapping):
        if isinstance(want, str):
            address = _address(want)
            return (
                (lambda text: text == json.dumps(want, ensure_ascii=False))
                if address is None
                else (lambda text: text[:1] == '"' and _address(json.loads(text)) == address)
            )
        if isinstance(want, int | float) and not isinstance(want, bool):
            return lambda text: _number(text) == Decimal(str(want))
        return lambda text: text == json.dumps(want)
    ((operator, operand),) = want.items()
    if operator == "anything-but":
        if isinstance(operand, Mapping):
            ((operator, operand),) = operand.items()
            values = operand if isinstance(operand, list) else [operand]
            refused = [_text_test({operator: value}) for value in values]
        else:
            refused = [_exactly(value) for value in (operand if isinstance(operand, list) else [operand])]
        return lambda text: not any(test(text) for test in refused)
    return _positive(operator, operand)


def _exactly(value: Any) -> TextTest:
    if isinstance(value, str):
        return lambda text: text == json.dumps(value, ensure_ascii=False)
    return lambda text: _number(text) == Decimal(str(value))


def _positive(operator: str, operand: Any) -> TextTest:
    if operator == "exists":
        return lambda _: True
    if operator == "numeric":
        return lambda text: (
            _number(text) is not None
            and all(
                {
                    "=": lambda left, right: left == right,
                    "<": lambda left, right: left < right,
                    "<=": lambda left, right: left <= right,
                    ">": lambda left, right: left > right,
                    ">=": lambda left, right: left >= right,
                }[sign](_number(text), Decimal(str(bound)))
                for sign, bound in zip(operand[::2], operand[1::2], strict=True)
            )
        )
    if operator == "cidr":
        network = ipaddress.ip_network(operand, strict=False)
        return lambda text: text[:1] == '"' and (found := _address(json.loads(text))) is not None and found in network
    if operator == "wildcard":
        tokens = re.findall(r"\\[*\\]|\*|[^*\\]", operand, re.S)
        glob = "".join(".*" if token == "*" else re.escape(token[-1]) for token in tokens)
        return lambda text: re.fullmatch(f'"{glob}"', _raw(text), re.S) is not None
    fold = isinstance(operand, Mapping) or operator == "equals-ignore-case"
    wanted = operand["equals-ignore-case"] if isinstance(operand, Mapping) else operand
    body = "".join(_either_case(letter) if fold else re.escape(letter) for letter in wanted)
    shape = {"prefix": f'"{body}.*"', "suffix": f'".*{body}"'}.get(operator, f'"{body}"')
    return lambda text: re.fullmatch(shape, _raw(text), re.S) is not None


def _raw(text: str) -> str:
    return f'"{json.loads(text)}"' if text[:1] == '"' else text


def _either_case(letter: str) -> str:
    return f"(?:{re.escape(letter.lower())}|{re.escape(letter.upper())})"


def _number(text: str) -> Decimal | None:
    return None if text[:1] == '"' or text in {"true", "false", "null"} else Decimal(text)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None

"""The entries of a field's list: literals and operators, each read into a test of one value.

An entry is a literal (``"aws.ec2"``, ``7``, ``true``, ``null``) or an object with exactly one operator. What each
accepts, as event-ruler's ``JsonRuleCompiler`` and ``ByteMachine`` have it:

========================  =============================================================================================
``"x"``, ``7``, ``null``  that value; 7 is 7.0 but not ``"7"``. A string that is an IP address is that *address*,
                          however it is written. ``{"exactly": "x"}`` is the string itself, an address too
``prefix``, ``suffix``    strings; the operand is a string or ``{"equals-ignore-case": string}``
``equals-ignore-case``    strings
``wildcard``              strings; ``*`` is any run of characters, ``\\*`` and ``\\\\`` are themselves
``numeric``               numbers: ``["=", n]``, one of ``<``, ``<=``, ``>``, ``>=`` with a number, or a range whose
                          lower bound comes first (``[">", 0, "<=", 5]``) and is truly below the upper
``cidr``                  strings that are addresses of the range
``exists``                ``true``: any value, null too. ``false``: none, and is no test of a value at all
``anything-but``          every value, of whatever type, but: a string or number, a list of only strings or only
                          numbers, or what an object ``{"prefix" | "suffix" | "equals-ignore-case" | "wildcard":
                          string or list of strings}`` accepts
========================  =============================================================================================
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from responder.patterns.address import inside_range, parse_address, same_address
from responder.patterns.fault import InvalidPattern, kind_of
from responder.patterns.number import comparable
from responder.patterns.text import (
    StringTest,
    ends_with,
    ends_with_ignoring_case,
    equals_ignoring_case,
    starts_with,
    starts_with_ignoring_case,
    wildcard,
)

NumberTest = Callable[[float], bool]

# How few values an entry is likely to accept, the fewest first: the order in which fields are worth a look.
LITERAL, SHAPE, ANYTHING_BUT, EXISTS = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one entry of a field's list accepts.

    Values are told apart by type, because the language does: a string test never sees a number. Literals are kept
    as sets, so that any number of them costs one look-up.
    """

    expectation: str
    """What the entry asks for, in words that complete "expected ..."."""
    breadth: int
    strings: frozenset[str] = frozenset()
    numbers: frozenset[float] = frozenset()
    others: frozenset[bool | int | None] = frozenset()
    """Accepted of true, false, null, and of the whole numbers that cannot be compared."""
    string_test: StringTest | None = None
    number_test: NumberTest | None = None
    every_string: bool = False
    every_number: bool = False
    every_other: bool = False
    absence: bool = False


def read_entry(entry: object, path: str) -> Entry:
    """Read one entry of a field's list; ``path`` is its place in the pattern.

    Raises
    ------
    InvalidPattern
        If EventBridge would refuse the entry.
    """
    if not isinstance(entry, Mapping):
        return _literal(entry, path)
    name, operand = _only_item(entry, path)
    if name not in _OPERATORS:
        raise InvalidPattern(path, f"{name!r:.80} is no operator (only {', '.join(_OPERATORS)})")
    return _OPERATORS[name](operand, f"{path}.{name}")


def _literal(value: object, path: str) -> Entry:
    if isinstance(value, str):
        address = parse_address(value)
        if address is None:
            return Entry(expectation=_quoted(value), breadth=LITERAL, strings=frozenset({value}))
        return Entry(expectation=f"the address {value}", breadth=LITERAL, string_test=same_address(address))
    if value is None or isinstance(value, bool):
        return Entry(expectation=_CONSTANTS[value], breadth=LITERAL, others=frozenset({value}))
    if isinstance(value, int | float):
        number = comparable(value)
        if number is not None:
            return Entry(expectation=str(value), breadth=LITERAL, numbers=frozenset({number}))
        if isinstance(value, int):
            return Entry(expectation="one very long number", breadth=LITERAL, others=frozenset({value}))
    raise InvalidPattern(path, f"must be a string, number, true, false, null or an operator, not {kind_of(value)}")


_CONSTANTS = {None: "null", True: "true", False: "false"}


def _exactly(operand: object, path: str) -> Entry:
    text = _string(operand, path)
    return Entry(expectation=_quoted(text), breadth=LITERAL, strings=frozenset({text}))


def _prefix(operand: object, path: str) -> Entry:
    return _begin_or_end(operand, path, "beginning with", starts_with, starts_with_ignoring_case)


def _suffix(operand: object, path: str) -> Entry:
    return _begin_or_end(operand, path, "ending with", ends_with, ends_with_ignoring_case)


def _begin_or_end(
    operand: object,
    path: str,
    words: str,
    exact: Callable[[str], StringTest],
    ignoring_case: Callable[[str], StringTest],
) -> Entry:
    if not isinstance(operand, Mapping):
        text = _string(operand, path)
        return Entry(expectation=f"a string {words} {_quoted(text)}", breadth=SHAPE, string_test=exact(text))
    if list(operand) != ["equals-ignore-case"]:
        raise InvalidPattern(path, "takes a string or an object with only equals-ignore-case")
    text = _string(operand["equals-ignore-case"], f"{path}.equals-ignore-case")
    expectation = f"a string {words} {_quoted(text)} in any case"
    return Entry(expectation=expectation, breadth=SHAPE, string_test=ignoring_case(text))


def _equals_ignore_case(operand: object, path: str) -> Entry:
    text = _string(operand, path)
    return Entry(expectation=f"{_quoted(text)} in any case", breadth=LITERAL, string_test=equals_ignoring_case(text))


def _wildcard(operand: object, path: str) -> Entry:
    text = _string(operand, path)
    expectation = f"a string of the shape {_quoted(text)}"
    return Entry(expectation=expectation, breadth=SHAPE, string_test=_wildcard_test(text, path))


def _cidr(operand: object, path: str) -> Entry:
    text = _string(operand, path)
    try:
        test = inside_range(text)
    except ValueError as fault:
        raise InvalidPattern(path, str(fault)) from fault
    return Entry(expectation=f"an address in {text}", breadth=SHAPE, string_test=test)


def _exists(operand: object, path: str) -> Entry:
    if not isinstance(operand, bool):
        raise InvalidPattern(path, f"takes true or false, not {kind_of(operand)}")
    if not operand:
        return Entry(expectation="no value", breadth=EXISTS, absence=True)
    return Entry(expectation="a value", breadth=EXISTS, every_string=True, every_number=True, every_other=True)


_LOWER, _UPPER = (">", ">="), ("<", "<=")


def _numeric(operand: object, path: str) -> Entry:
    if not isinstance(operand, list | tuple):
        raise InvalidPattern(path, f"must be a list, not {kind_of(operand)}")
    terms = operand
    signs = [_sign(term, f"{path}[{2 * index}]") for index, term in enumerate(terms[::2])]
    if len(terms) % 2 or not terms:
        raise InvalidPattern(path, "takes an operator and a number, or two of both for a range")
    bounds = [_number(term, f"{path}[{2 * index + 1}]") for index, term in enumerate(terms[1::2])]
    expectation = "a number " + " and ".join(f"{sign} {bound}" for sign, bound in zip(signs, bounds, strict=True))
    if signs == ["="]:
        return Entry(expectation=expectation, breadth=LITERAL, numbers=frozenset(bounds))
    if len(signs) == 2 and signs[0] in _LOWER and signs[1] in _UPPER:
        if bounds[0] >= bounds[1]:
            raise InvalidPattern(path, f"the lower bound {bounds[0]} must be below the upper bound {bounds[1]}")
    elif len(signs) != 1:
        raise InvalidPattern(path, "a range is > or >= with a number, then < or <= with a number")
    # An event's infinity is no JSON number; the largest double keeps it out of every range.
    low, low_open, high, high_open = -sys.float_info.max, False, sys.float_info.max, False
    for sign, bound in zip(signs, bounds, strict=True):
        if sign in _LOWER:
            low, low_open = bound, sign == ">"
        else:
            high, high_open = bound, sign == "<"
    return Entry(expectation=expectation, breadth=SHAPE, number_test=_between(low, low_open, high, high_open))


def _between(low: float, low_open: bool, high: float, high_open: bool) -> NumberTest:
    if low_open:
        return (lambda number: low < number < high) if high_open else (lambda number: low < number <= high)
    return (lambda number: low <= number < high) if high_open else (lambda number: low <= number <= high)


def _sign(term: object, path: str) -> str:
    if isinstance(term, str) and term in ("=", *_LOWER, *_UPPER):
        return term
    raise InvalidPattern(path, f"must be one of =, <, <=, >, >=, not {kind_of(term)}")


def _anything_but(operand: object, path: str) -> Entry:
    if isinstance(operand, Mapping):
        return _anything_but_shaped(operand, path)
    values = _one_or_more(operand, path)
    if isinstance(values[0][0], str):
        texts = [_string(value, place) for value, place in values]
        strings = frozenset(texts)
        return _everything(texts, string_test=lambda string: string not in strings)
    numbers = frozenset(_number(value, place) for value, place in values)
    return _everything(sorted(numbers), number_test=lambda number: number not in numbers)


def _anything_but_shaped(operand: Mapping[Any, Any], path: str) -> Entry:
    name, shapes = _only_item(operand, path)
    if name not in _EXCLUDABLE:
        raise InvalidPattern(path, f"cannot exclude by {name!r:.80} (only by {', '.join(_EXCLUDABLE)})")
    shape = _EXCLUDABLE[name]
    texts = [(_string(value, place), place) for value, place in _one_or_more(shapes, f"{path}.{name}")]
    tests = [shape(text, place) for text, place in texts]
    first = tests[0]
    return _everything(
        [f"{name} {_quoted(text)}" for text, _ in texts],
        string_test=(lambda string: not first(string))
        if len(tests) == 1
        else (lambda string: not any(test(string) for test in tests)),
    )


def _shape_of_a_part(test: Callable[[str], StringTest]) -> Callable[[str, str], StringTest]:
    def read(text: str, path: str) -> StringTest:
        if not text:
            raise InvalidPattern(path, "an empty string would exclude every string")
        return test(text)

    return read


def _wildcard_test(text: str, path: str) -> StringTest:
    try:
        return wildcard(text)
    except ValueError as fault:
        raise InvalidPattern(path, str(fault)) from fault


_EXCLUDABLE: dict[str, Callable[[str, str], StringTest]] = {
    "prefix": _shape_of_a_part(starts_with),
    "suffix": _shape_of_a_part(ends_with),
    "equals-ignore-case": lambda text, _: equals_ignoring_case(text),
    "wildcard": _wildcard_test,
}


def _everything(
    exclusions: Sequence[object], *, string_test: StringTest | None = None, number_test: NumberTest | None = None
) -> Entry:
    listed = " or ".join(str(exclusion) for exclusion in exclusions)
    return Entry(
        expectation=f"anything but {listed}",
        breadth=ANYTHING_BUT,
        string_test=string_test,
        number_test=number_test,
        every_string=string_test is None,
        every_number=number_test is None,
        every_other=True,
    )


_OPERATORS: dict[str, Callable[[object, str], Entry]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
    "exists": _exists,
    "exactly": _exactly,
}


def _only_item(operators: Mapping[Any, Any], path: str) -> tuple[Any, Any]:
    if len(operators) != 1:
        raise InvalidPattern(path, f"needs exactly one operator, has {len(operators)}")
    ((name, operand),) = operators.items()
    return name, operand


def _one_or_more(operand: object, path: str) -> list[tuple[object, str]]:
    """The values of an operand that may be one value or a list of them, each with its place."""
    if not isinstance(operand, list | tuple):
        return [(operand, path)]
    if not operand:
        raise InvalidPattern(path, "an empty list excludes nothing")
    return [(value, f"{path}[{index}]") for index, value in enumerate(operand)]


def _string(operand: object, path: str) -> str:
    if not isinstance(operand, str):
        raise InvalidPattern(path, f"must be a string, not {kind_of(operand)}")
    return operand


def _number(operand: object, path: str) -> float:
    if isinstance(operand, bool) or not isinstance(operand, int | float):
        raise InvalidPattern(path, f"must be a number, not {kind_of(operand)}")
    number = comparable(operand)
    if number is None:
        raise InvalidPattern(path, "is not a number that a double can hold, so it cannot be compared")
    return number


def _quoted(text: str) -> str:
    return f'"{text}"'

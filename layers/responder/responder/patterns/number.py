"""Which numbers EventBridge can compare.

event-ruler (``ComparableNumber``) compares numbers as IEEE 754 doubles, and only those whose shortest decimal form is
the very number that was written: 5, 5.0 and 5e0 are one number, 0.1 is 0.1, but 9007199254740993 (2**53 + 1) is no
double, so it is not compared at all. Such a number equals only the same digits, is in no range, and is different
from every number of an ``anything-but``.

A JSON number that was parsed into a Python ``float`` has already lost the digits that a double cannot hold. Parse with
``parse_float=decimal.Decimal`` where that matters: events (not patterns) may hold ``Decimal``.
"""

from __future__ import annotations

from decimal import Decimal

# Every whole number up to here is a double of its own.
EXACT_INTEGERS = 2**53


def comparable(number: int | float | Decimal) -> int | float | None:
    """The number as EventBridge compares it, or None if it does not.

    >>> comparable(7), comparable(0.1), comparable(Decimal("8.50"))
    (7, 0.1, 8.5)
    >>> [comparable(number) for number in (2**53 + 1, 10**400, float("nan"), Decimal("0.1000000000000000055"))]
    [None, None, None, None]
    """
    if isinstance(number, int) and -EXACT_INTEGERS <= number <= EXACT_INTEGERS:
        return number
    try:
        double = float(number)
    except OverflowError:
        return None
    if double - double != 0:  # infinite or not a number
        return None
    return double if isinstance(number, float) or Decimal(repr(double)) == number else None

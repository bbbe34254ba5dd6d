"""IP addresses and CIDR ranges, read as event-ruler reads them (its ``CIDR``, and Java's ``InetAddress``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

_V4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_V6 = re.compile(r"[0-9a-fA-F:]+")
_V4_IN_V6 = 0xFFFF << 32
_LONGEST_V4_LITERAL = 15


class Address(NamedTuple):
    """An address as a number, and its family by the number of its bits."""

    bits: int
    number: int


def parse_address(text: str) -> Address | None:
    """The address that the whole text is, or None.

    Leading zeros are decimal, not octal, and an IPv4 address mapped into IPv6 is the IPv4 address, as in Java. Names
    are never resolved.

    >>> parse_address("10.0.0.5") == parse_address("010.0.0.5") == parse_address("::ffff:a00:5")
    True
    >>> parse_address("10.0.0.256"), parse_address("cloudtrail.amazonaws.com"), parse_address("08:23")
    (None, None, None)
    """
    if _V4.fullmatch(text) or (":" in text and _V6.fullmatch(text)):
        return _read(text)
    return None


@lru_cache(maxsize=4096)  # recorded events repeat their few source addresses
def _read(text: str) -> Address | None:
    return _read_v6(text) if ":" in text else _read_v4(text)


def _read_v4(text: str) -> Address | None:
    if len(text) > _LONGEST_V4_LITERAL:
        return None
    octets = [int(octet) for octet in text.split(".")]
    if max(octets) > 0xFF:
        return None
    return Address(32, int.from_bytes(bytes(octets), "big"))


def _read_v6(text: str) -> Address | None:
    head, gap, tail = text.partition("::")
    left = head.split(":") if head else []
    right = tail.split(":") if tail else []
    missing = 8 - len(left) - len(right)
    if missing < 1 if gap else missing:
        return None
    number = 0
    for group in [*left, *["0"] * missing, *right]:
        value = int(group, 16) if group else 0x10000
        if value > 0xFFFF:
            return None
        number = number << 16 | value
    if number >> 32 << 32 == _V4_IN_V6:
        return Address(32, number & 0xFFFFFFFF)
    return Address(128, number)


def same_address(address: Address) -> Callable[[str], bool]:
    """A test for strings that are this address, however it is written."""
    return lambda text: parse_address(text) == address


def inside_range(cidr: str) -> Callable[[str], bool]:
    """A test for strings that are addresses of this range.

    As in event-ruler the range begins at its first address whatever address names it, and is longer than one address:
    a mask of 32 bits (IPv6: 128) is refused. Unlike event-ruler, which compares hexadecimal digits from the left,
    a range never holds an address of the other family.

    Raises
    ------
    ValueError
        With the reason, if this is no such range.

    >>> [inside_range("10.0.0.77/24")(text) for text in ("10.0.0.1", "10.0.1.1", "AWS Internal")]
    [True, False, False]
    """
    parts = cidr.rstrip("/").split("/")  # Java's split drops empty strings at the end
    if len(parts) != 2:
        raise ValueError("must be an address, one '/' and a number of mask bits")
    address = parse_address(parts[0])
    if address is None:
        raise ValueError(f"{parts[0]!r} is not an IP address")
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", parts[1]):
        raise ValueError("the mask bits must be a whole number")
    mask = int(parts[1])
    if not 0 <= mask < address.bits:
        raise ValueError(f"the mask bits must be 0 to {address.bits - 1}")
    bits, number = address
    host_bits = bits - mask
    network = number >> host_bits

    def test(text: str) -> bool:
        found = parse_address(text)
        return found is not None and found.bits == bits and found.number >> host_bits == network

    return test

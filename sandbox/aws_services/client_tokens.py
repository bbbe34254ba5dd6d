"""Idempotency of calls that carry a client token."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

Result = TypeVar("Result")


class TokenReusedError(Exception):
    """The token was used before, by the same operation, with other details."""


@dataclass
class ClientTokens:
    """What each client token did, per operation of one account and Region.

    1. The same operation, token and details give the first call's result again, and nothing happens a second time.
    2. The same operation and token with other details raise `TokenReusedError`.
    3. A call that fails leaves its token unused.

    Tokens never expire: AWS does not document for how long it keeps them.
    """

    _calls: dict[tuple[str, str], tuple[str, Any]] = field(default_factory=dict)

    def once(self, operation: str, token: str | None, details: Mapping[str, Any], act: Callable[[], Result]) -> Result:
        if not token:
            return act()
        fingerprint = json.dumps(details, sort_keys=True, default=str)
        if (call := self._calls.get((operation, token))) is not None:
            known, result = call
            if known != fingerprint:
                raise TokenReusedError(f"Client token {token} was already used for {operation} with different details.")
            return cast(Result, result)
        result = act()
        self._calls[operation, token] = (fingerprint, result)
        return result

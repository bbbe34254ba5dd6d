"""Pages of a listing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class InvalidTokenError(Exception):
    """A next token that no earlier page of the same request gave out."""


@dataclass
class Pages(Generic[Item]):
    """Pages through what a listing found when its first page was asked for.

    The found items are kept under the token, so a caller that changes what it lists (resolves each finding of a
    page, say) skips nothing and sees nothing twice. Tokens are counted, so two equal runs print the same, and are good
    for the request that they came from only: the same filters, any page size.
    """

    _next: dict[str, tuple[str, list[Item], int]] = field(default_factory=dict)

    def page(
        self,
        request: Mapping[str, Any],
        find: Callable[[], Sequence[Item]],
        *,
        size: int,
        token: str | None,
    ) -> tuple[list[Item], str | None]:
        """The items of one page, and the token of the next one when there are more."""
        asked = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()[:16]
        if token:
            known, items, start = self._next.get(token, ("", [], 0))
            if known != asked:
                raise InvalidTokenError(token)
        else:
            items, start = list(find()), 0
        end = start + size
        return items[start:end], self._keep(asked, items, end) if end < len(items) else None

    def _keep(self, asked: str, items: list[Item], start: int) -> str:
        token = f"{asked}-{len(self._next) + 1:06d}"
        self._next[token] = (asked, items, start)
        return token

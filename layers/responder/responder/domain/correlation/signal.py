"""Signals: observations as they are kept, one row each, and what is kept beside them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from responder.domain.correlation.observation import Observation
from responder.domain.correlation.versions import Order, Versions
from responder.domain.resource import Resource
from responder.domain.security_hub import FindingKey


class Pair(NamedTuple):
    """A rule's id and a resource: what signals are gathered by, and what fires."""

    rule: str
    resource: Resource


@dataclass(frozen=True, slots=True)
class Signal:
    """An observation that a version of a finding makes, gathered for a pair."""

    pair: Pair
    """Its resource is the observation's own, or one that this is related to."""
    observation: Observation
    order: Order
    """Of the version that made it."""
    title: str = field(default="", compare=False)
    """The finding's."""
    mention: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The observation's resource as the finding's ``Resources`` name it."""
    replay: str = field(default="", compare=False)
    """The name of EventBridge's replay that brought it; empty if none did."""

    def of(self, pair: Pair) -> "Signal":
        """The same for a pair whose resource its own is related to."""
        return replace(self, pair=pair)

    @property
    def subject(self) -> str:
        """The mark of what is said, see :class:`~responder.domain.correlation.versions.Version`."""
        return mark(self.pair.rule, self.observation)


@dataclass(slots=True)
class KnownFinding:
    """What is kept of a finding that a rule may concern."""

    key: FindingKey
    versions: Versions = field(default_factory=Versions)
    revision: int = 0
    """Of its row: how often it was written."""

    def until(self, signal: Signal) -> datetime | None:
        """Until when the observation stands; None while it does."""
        return self.versions.until(signal.order, signal.subject)


def mark(rule: str, observation: Observation) -> str:
    """What a version says, for comparison with others: a digest of rule, leg, resource and value."""
    text = "\0".join((rule, observation.leg, str(observation.resource), observation.value))
    return hashlib.sha256(text.encode()).hexdigest()[:16]

"""Remembering what was written, where forgetting it does no harm."""

from collections.abc import Mapping
from datetime import datetime

from responder.domain.faults import Permanent, Retryable
from responder.domain.ports import Count, RecentUpdate, RecentUpdates
from responder.domain.security_hub import FindingKey


def remember(recent: RecentUpdates, updates: Mapping[FindingKey, RecentUpdate], *, now: datetime, count: Count) -> None:
    """Remember updates if possible; those that cannot be are counted.

    They are written in any case. At worst an event that does not show one yet has a finding written again.
    """
    try:
        recent.remember(updates, now)
    except (Retryable, Permanent):
        count("UpdatesNotRemembered", len(updates))

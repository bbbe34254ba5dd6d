"""AWS Systems Manager Incident Manager (`ssm-incidents`) for moto, and what a program may ask of its state."""

from __future__ import annotations

from .cloudformation import ResponsePlanResource
from .models import IncidentManagerBackend, all_backends, ssmincidents_backends
from .records import Incident, RelatedItem, ReplicationSet, ResponsePlan, TimelineEvent

__all__ = [
    "Incident",
    "IncidentManagerBackend",
    "RelatedItem",
    "ReplicationSet",
    "ResponsePlan",
    "ResponsePlanResource",
    "TimelineEvent",
    "incidents",
    "response_plans",
    "ssmincidents_backends",
]


def response_plans(*, account_id: str | None = None, region: str | None = None) -> list[ResponsePlan]:
    """The response plans of one account and Region, or of all, in the order in which they were created."""
    return [plan for backend in all_backends(account_id, region) for plan in backend.response_plans.values()]


def incidents(*, account_id: str | None = None, region: str | None = None) -> list[Incident]:
    """The incidents, each with its timeline and related items, in the order in which they were started."""
    return [incident for backend in all_backends(account_id, region) for incident in backend.incidents.values()]

"""AWS Organizations (`organizations`) for moto, and a way to put a whole organization there at once."""

from __future__ import annotations

from .models import OrganizationsBackend, backend_of, organization_of

__all__ = ["OrganizationsBackend", "create_organization", "organization_of"]


def create_organization(
    management_account: str, partition: str, *, organization_id: str, account_name: str, email: str
) -> OrganizationsBackend:
    """Found an organization of that id with its management account as the only member; where to add the others.

    Raises
    ------
    AlreadyInOrganizationException
        The account is in one already.
    """
    backend = backend_of(management_account, partition)
    backend.found(organization_id, account_name=account_name, email=email)
    return backend

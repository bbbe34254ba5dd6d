"""AWS Account Management (`account`) for moto: alternate contacts, given only to whom AWS gives them."""

from __future__ import annotations

from moto.account.models import account_backends

from .models import SERVICE_PRINCIPAL, AccountManagementBackend

__all__ = ["SERVICE_PRINCIPAL", "AccountManagementBackend", "put_security_contact"]


def put_security_contact(account_id: str, partition: str, *, name: str, email: str, phone: str, title: str) -> None:
    """Set the alternate contact SECURITY of an account, whoever may do so."""
    account_backends[account_id][partition].put_alternate_contact(
        alternate_contact_type="SECURITY", name=name, email_address=email, phone_number=phone, title=title
    )

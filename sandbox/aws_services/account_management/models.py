"""Account Management of one account: all that moto has."""

from __future__ import annotations

from moto.account import models as moto_account

SERVICE_PRINCIPAL = "account.amazonaws.com"


class AccountManagementBackend(moto_account.AccountBackend):
    """moto's; of a class of its own, so that its requests come here."""

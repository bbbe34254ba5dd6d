"""The contexts of accounts and the names of OUs that all containers share (DynamoDB).

Rows: ``context-1/<account>`` with its context and who fetches it, ``ou/<id>`` with its name.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from responder.aws.batches import read_items, write_together
from responder.aws.faults import aws_call
from responder.domain.enrichment.context import AccountContext, Known, SecurityContact

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateTypeDef

_CONTEXT = "context-1"
"""Kind of a context's rows. Its number goes up with every change of AccountContext, so that no version of the function
reads what another has written: both run during a deployment, and the earlier again after a rollback."""

KEPT = timedelta(days=30)
"""How long a context can be served while the organization does not answer."""


class AccountContextsTable:
    """See :class:`~responder.domain.enrichment.ports.ContextStore`. Raises AwsUnavailable or AwsRefused."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def contexts(self, accounts: Collection[str]) -> dict[str, Known]:
        rows = read_items(self._client, self._table, [_account_key(account) for account in accounts])
        return {
            known.context.account: known for row in rows if "context" in row for known in (_known(row),)
        }  # a row without one is only a claim

    def claim(self, accounts: Mapping[str, datetime | None], *, now: datetime, until: datetime) -> list[str]:
        # Two containers lack the same account:
        #   A: read old .. claim .. fetch .......... settle
        #   B: read old ....................................... claim fails: the context is no longer the one it read
        #   C: ................... read old .. claim fails: A's lease runs
        asked = list(accounts)
        refused = write_together(
            self._client, [{"Update": self._claiming(account, accounts[account], now, until)} for account in asked]
        )
        return [account for number, account in enumerate(asked) if number not in refused]

    def _claiming(self, account: str, fetched_at: datetime | None, now: datetime, until: datetime) -> "UpdateTypeDef":
        unchanged = "attribute_not_exists(fetched_at)" if fetched_at is None else "fetched_at = :read"
        values: dict[str, Any] = {
            ":now": {"S": now.isoformat()},
            ":until": {"S": until.isoformat()},
            ":expiry": {"N": str(int((now + KEPT).timestamp()))},
        }
        if fetched_at is not None:
            values[":read"] = {"S": fetched_at.isoformat()}
        return {
            "TableName": self._table,
            "Key": _account_key(account),
            "UpdateExpression": "SET lease_until = :until, expires_at = if_not_exists(expires_at, :expiry)",
            "ConditionExpression": f"{unchanged} AND (attribute_not_exists(lease_until) OR lease_until <= :now)",
            "ExpressionAttributeValues": values,
        }

    def settle(self, fetched: Collection[Known], given_up: Collection[str]) -> None:
        writes: list[TransactWriteItemTypeDef] = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": {
                        **_account_key(known.context.account),
                        "context": {"S": json.dumps(asdict(known.context))},
                        "fetched_at": {"S": known.fetched_at.isoformat()},
                        "expires_at": {"N": str(int((known.fetched_at + KEPT).timestamp()))},
                    },
                }
            }
            for known in fetched
        ]
        writes += [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": _account_key(account),
                    "UpdateExpression": "REMOVE lease_until",
                }
            }
            for account in given_up
        ]
        write_together(self._client, writes)

    def ou_name(self, ou: str) -> tuple[str, datetime] | None:
        with aws_call("read the name of an organizational unit"):
            row = self._client.get_item(TableName=self._table, Key=_ou_key(ou)).get("Item")
        return (row["name"]["S"], datetime.fromisoformat(row["fetched_at"]["S"])) if row else None

    def keep_ou_name(self, ou: str, name: str, now: datetime) -> None:
        with aws_call("store the name of an organizational unit"):
            self._client.put_item(
                TableName=self._table,
                Item={
                    **_ou_key(ou),
                    "name": {"S": name},
                    "fetched_at": {"S": now.isoformat()},
                    "expires_at": {"N": str(int((now + KEPT).timestamp()))},
                },
            )


def _account_key(account: str) -> dict[str, Any]:
    return {"key": {"S": f"{_CONTEXT}/{account}"}}


def _ou_key(ou: str) -> dict[str, Any]:
    return {"key": {"S": f"ou/{ou}"}}


def _known(row: Mapping[str, Any]) -> Known:
    stored = json.loads(row["context"]["S"])
    contact = stored["contact"]
    context = AccountContext(
        **stored | {"ou_path": tuple(stored["ou_path"]), "contact": SecurityContact(**contact) if contact else None}
    )
    return Known(context, datetime.fromisoformat(row["fetched_at"]["S"]))

"""What is known to be deleted (DynamoDB): one row a resource."""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from responder.aws.batches import read_items, write_items
from responder.aws.stored import to_json
from responder.domain.deletion.deleted import Deletion
from responder.domain.deletion.identifiers import is_deleted
from responder.domain.resource import Resource

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REMEMBERED = timedelta(days=90)
"""As long as Security Hub keeps a finding that is not updated."""

_RANDOM_SUFFIX = len("-a1b2c3")
"""Of the ARNs of Secrets Manager's secrets, which a call may leave out."""


class DeletedResourcesTable:
    """See :class:`~responder.domain.deletion.ports.DeletedResources`. Raises AwsUnavailable or AwsRefused."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def remember(self, deletions: Mapping[Resource, Deletion], now: datetime) -> None:
        rows = [
            {
                "key": {"S": _key(resource)},
                "resource": {"S": str(resource)},
                "deletion": {"S": to_json(deletion)},
                "expires_at": {"N": str(int((now + REMEMBERED).timestamp()))},
            }
            for resource, deletion in deletions.items()
        ]
        write_items(self._client, self._table, rows)

    def of(self, resources: Collection[Resource], now: datetime) -> dict[Resource, Deletion]:
        wanted = {_key(form): None for resource in resources for form in _forms(resource)}
        rows = read_items(self._client, self._table, [{"key": {"S": key}} for key in wanted])
        deletions = {
            row["key"]["S"]: _deletion(row["deletion"]["S"])
            for row in rows
            if int(row["expires_at"]["N"]) > now.timestamp()  # DynamoDB deletes expired rows within days, not at once
        }
        return {
            resource: deletion
            for resource in resources
            for form in _forms(resource)
            if (deletion := deletions.get(_key(form))) and is_deleted(resource, deletion)
        }


def _forms(resource: Resource) -> tuple[Resource, ...]:
    """A resource as a deletion may have named it."""
    if resource.type != "AWS::SecretsManager::Secret":
        return (resource,)
    place = (resource.partition, resource.account, resource.region, resource.type)
    return resource, Resource(*place, resource.id[:-_RANDOM_SUFFIX])


def _key(resource: Resource) -> str:
    """An id may be longer than a key of DynamoDB, 2,048 bytes."""
    return hashlib.sha256(str(resource).encode()).hexdigest()[:40]


def _deletion(text: str) -> Deletion:
    stored: dict[str, Any] = json.loads(text)
    stored["resource"] = Resource(**stored["resource"])
    stored["also"] = tuple(Resource(**resource) for resource in stored["also"])
    stored["noticed_within"] = timedelta(seconds=stored["noticed_within"])
    stored["deleted_at"] = datetime.fromisoformat(stored["deleted_at"])
    return Deletion(**stored)

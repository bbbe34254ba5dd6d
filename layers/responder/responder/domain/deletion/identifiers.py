"""Under which names findings may know a deleted resource, and whether one that was found so is about it.

The names are for ``GetFindings`` and its filter ``ResourceId``, whose comparisons are EQUALS and PREFIX (20 values a
filter): few, because their number is the number of calls. They find namesakes too, in other accounts and Regions and of
other types; that a finding names the resource is decided by its identity alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from responder.domain.deletion.deleted import Deletion
from responder.domain.resource import Resource
from responder.domain.resource.types import find_type

_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}")
"""What Secrets Manager appends to a secret's name."""


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Values for a filter. Of deletions in one account prefixes are often the same (all roles of an account have one),
    so that a query for many deletions has them once.
    """

    exact: tuple[str, ...]
    prefixes: tuple[str, ...]


def identifiers(deletion: Deletion) -> Identifiers:
    """The values under which findings may name a deleted resource, none of them found by another one already.

    >>> from datetime import UTC, datetime
    >>> role = Resource("aws", "111122223333", "global", "AWS::IAM::Role", "report")
    >>> identifiers(Deletion(role, datetime(2026, 3, 1, tzinfo=UTC), None, "iam:DeleteRole", "1"))
    Identifiers(exact=('report',), prefixes=('arn:aws:iam::111122223333:role/',))
    """
    arn = [deletion.arn] if deletion.arn else []
    exact = [*arn, *(text for resource in (deletion.resource, *deletion.also) for text in _forms(resource))]
    # A whole ARN makes the prefix needless that stands for its path; not the one of a function and its versions.
    prefixes = tuple(
        prefix for prefix in _prefixes(deletion) if not any(text != prefix and text.startswith(prefix) for text in arn)
    )
    return Identifiers(tuple(text for text in dict.fromkeys(exact) if not text.startswith(prefixes)), prefixes)


def _forms(resource: Resource) -> Iterator[str]:
    kind = find_type(resource.type)
    if kind is not None and kind.normal_id(resource.id) == resource.id:
        yield from kind.bare_arns(**_place(resource), id=resource.id)
        if kind.typed_ids:
            yield f"{resource.type}:{resource.id}"
        if resource.type == "AWS::SQS::Queue":
            yield _queue_url(resource)
    yield resource.id


def _prefixes(deletion: Deletion) -> list[str]:
    resource = deletion.resource
    kind = find_type(resource.type)
    if kind is None or kind.normal_id(resource.id) != resource.id:
        return []
    if deletion.lacks_suffix:
        return [f"{arn}-" for arn in kind.arns(**_place(resource), id=resource.id)]
    return list(kind.arn_prefixes(**_place(resource), id=resource.id))


def _place(resource: Resource) -> dict[str, str]:
    return {"partition": resource.partition, "account": resource.account, "region": resource.region}


def _queue_url(queue: Resource) -> str:
    domain = "amazonaws.com.cn" if queue.partition == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{queue.region}.{domain}/{queue.account}/{queue.id}"


def is_deleted(resource: Resource, deletion: Deletion) -> bool:
    """Whether a resource is the deleted one."""
    if resource in (deletion.resource, *deletion.also):
        return True
    gone = deletion.resource
    return (
        deletion.lacks_suffix
        and (resource.partition, resource.account, resource.region, resource.type)
        == (gone.partition, gone.account, gone.region, gone.type)
        and resource.id.startswith(gone.id)
        and _SUFFIX.fullmatch(resource.id.removeprefix(gone.id)) is not None
    )

"""What a text in a finding, a call or a Config item names: the one resource that it stands for.

A mention says as much as its writer thought necessary; the rest comes from where it stands. Nothing is guessed: what
cannot be brought to a canonical form keeps its own, which is nobody else's.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from responder.domain.resource.identity import GLOBAL, Resource
from responder.domain.resource.types import ResourceType, find_type, type_of_arn, type_of_id

_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9.-]+):([^:/]*):([^:/]*):(.+)", re.DOTALL)
_ENCODED_ARN = re.compile(r"arn(:|%3a)aws[a-z-]*%3a", re.IGNORECASE)
_TYPED_ID = re.compile(r"(AWS::[A-Za-z0-9]*::[A-Za-z0-9]+):(.+)")
_QUEUE_URL = re.compile(r"https?://([a-z0-9.-]+)/([0-9]{12})/([^/]+)/?")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]")
_QUEUE = "AWS::SQS::Queue"
_NO_TYPE = ("", "Other")
_NO_ID = "null"  # after a type: what GuardDuty writes for an access key that it does not know


def resource_named(text: str, kind: str, *, partition: str, account: str, region: str) -> Resource | None:
    """The resource that a text names, of a type by any of its names, in what stands around it.

    The partition, account and Region of an ARN and of a queue's URL win over those given. An ARN of a form that the
    table does not know is the identity itself, under its service: the type that a product calls it then adds nothing.
    A text that contradicts its type (a bucket's ARN, said to be an instance) stays as it is and is no other's mention.

    >>> where = {"partition": "aws", "account": "111122223333", "region": "eu-west-1"}
    >>> str(resource_named("arn:aws:iam::444455556666:user/ops/ada", "AwsIamUser", **where))
    'aws/444455556666/global/AWS::IAM::User/ada'
    >>> str(resource_named("https://sqs.us-east-1.amazonaws.com/444455556666/jobs", "AWS::SQS::Queue", **where))
    'aws/444455556666/us-east-1/AWS::SQS::Queue/jobs'
    >>> resource_named("AWS::IAM::AccessKey:null", "AwsIamAccessKey", **where) is None
    True
    """
    text = unencoded(text)
    typed = _TYPED_ID.fullmatch(text)
    said = find_type(kind)
    if typed and (said is None or find_type(typed[1]) is said):
        kind, text, said = typed[1], unencoded(typed[2]), find_type(typed[1])
    if not text or (typed and text == _NO_ID):
        return None
    if arn := _ARN.fullmatch(text):
        return _by_arn(arn, said, account=account, region=region)
    if said is not None and said.name == _QUEUE and (url := _QUEUE_URL.fullmatch(text)):
        region, account, text = _region_of_queue(url[1]) or region, url[2], url[3]
    if said is None and kind in _NO_TYPE:
        said = type_of_id(text)
    name = said.name if said else kind or _NO_TYPE[1]
    return Resource(partition, account, region, name, (said.normal_id(text) if said else None) or text)


def unencoded(text: str) -> str:
    """The text, and an ARN that was part of a path as it was before.

    >>> unencoded("arn%3Aaws%3Akafka%3Aeu-west-1%3A111122223333%3Acluster%2Forders%2F0a1b-2")
    'arn:aws:kafka:eu-west-1:111122223333:cluster/orders/0a1b-2'
    """
    text = text.strip()
    return unquote(text) if _ENCODED_ARN.match(text) else text


def _by_arn(arn: re.Match[str], said: ResourceType | None, *, account: str, region: str) -> Resource:
    found = type_of_arn(arn[0])
    where = (arn[1], arn[4] or account, arn[3] or region)
    if found is None:
        return Resource(*where, f"AWS::{arn[2]}", arn[0])
    if said is not None and said is not found:
        return Resource(*where, said.name, arn[0])
    return Resource(*where, found.name, found.id_in(arn[0]) or arn[0])


def _region_of_queue(host: str) -> str | None:
    """The Region in a queue's host name; the oldest form, ``queue.amazonaws.com``, has none."""
    return next((label for label in host.split(".") if _REGION.fullmatch(label)), None)


def resource_of_finding(resource: Mapping[str, Any], *, account: str, region: str, partition: str) -> Resource | None:
    """The resource that an entry of a finding's ``Resources`` names, None when it names none.

    Parameters
    ----------
    resource
        An ASFF resource, of which only ``Id``, ``Type``, ``Region`` and ``Partition`` are read, whatever they are.
    account, region, partition
        The finding's. The resource's own Region and partition win over them, and those of an ARN over both.

    >>> mention = {"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::acme-invoices", "Region": "eu-central-1"}
    >>> str(resource_of_finding(mention, account="111122223333", region="us-east-1", partition="aws"))
    'aws/111122223333/eu-central-1/AWS::S3::Bucket/acme-invoices'
    """
    return resource_named(
        _text(resource, "Id") or "",
        _text(resource, "Type") or "",
        partition=_text(resource, "Partition") or partition,
        account=account,
        region=_text(resource, "Region") or region,
    )


def resources_of_config_item(
    item: Mapping[str, Any], *, account: str, region: str, partition: str
) -> tuple[Resource, ...]:
    """The identities of the resource that a configuration item is about: the canonical one, then others it goes by.

    Others are the unique id of an IAM identity (some findings put it where its name belongs, as in
    ``user/AIDAEXAMPLE``), and the id of a resource that is otherwise known by its ARN because the table has no row
    for its type. Empty when the item names nothing.

    Parameters
    ----------
    item
        AWS Config's item, of which ``ARN``, ``resourceName``, ``resourceId``, ``resourceType``, ``awsAccountId`` and
        ``awsRegion`` are read; a deleted resource's may lack the first two.
    account, region, partition
        Those of the event, for an item that says none.
    """
    kind, own_id = _text(item, "resourceType"), _text(item, "resourceId")
    if kind is None:
        return ()
    where = {
        "partition": partition,
        "account": _text(item, "awsAccountId") or account,
        "region": _text(item, "awsRegion") or region,
    }
    known = find_type(kind)
    opaque = known is not None and known.opaque_in_config
    named = [_text(item, "ARN"), own_id if own_id and _ARN.fullmatch(own_id) else None]
    named.append(_text(item, "resourceName") if opaque else None)
    found = [_of_item(text, kind, known, own_id, where) for text in named if text]
    if None in found:
        return ()  # what else it says is in doubt too
    if known is not None and opaque:
        # As it is: db-ABC… is no identifier of a database, however much it looks like one in lower case.
        if own_id and (not found or known.normal_id(own_id) == own_id):
            found.append(Resource(where["partition"], where["account"], where["region"], known.name, own_id))
    elif own_id and (not found or known is None):
        found.append(_of_item(own_id, kind, known, own_id, where))
    return tuple(dict.fromkeys(resource for resource in found if resource is not None))


def _of_item(
    text: str, kind: str, known: ResourceType | None, own_id: str | None, where: Mapping[str, str]
) -> Resource | None:
    """What an item's text names; None for what is in another account or Region than the item.

    A type that the table does not know may go by the ARN of another resource, the policy of a secret by the secret's:
    an ARN is its own if no type that the table knows has it, and if it ends in the item's id.
    """
    if (arn := _ARN.fullmatch(unencoded(text))) and not (
        arn[4] in ("", where["account"]) and (arn[3] in ("", where["region"]) or where["region"] == GLOBAL)
    ):
        return None
    found = resource_named(text, kind, **where)
    is_own = arn is None or known is not None or own_id in (None, text) or text.endswith((f"/{own_id}", f":{own_id}"))
    if found is not None and (find_type(found.type) is not known or not is_own):
        return Resource(found.partition, found.account, found.region, kind, unencoded(text))
    return found


def resource_of_config_item(item: Mapping[str, Any], *, account: str, region: str, partition: str) -> Resource | None:
    """The canonical identity of the resource that a configuration item is about: the one that a finding of it has.

    >>> item = {"resourceType": "AWS::IAM::Role", "resourceId": "AROAEXAMPLE", "resourceName": "report",
    ...         "ARN": "arn:aws:iam::111122223333:role/service-role/report", "awsRegion": "global"}
    >>> str(resource_of_config_item(item, account="111122223333", region="us-east-1", partition="aws"))
    'aws/111122223333/global/AWS::IAM::Role/report'
    """
    return next(iter(resources_of_config_item(item, account=account, region=region, partition=partition)), None)


def _text(value: Mapping[str, Any], member: str) -> str | None:
    text = value.get(member)
    return text if isinstance(text, str) and text else None

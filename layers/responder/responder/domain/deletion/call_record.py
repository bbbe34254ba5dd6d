"""Deletions that CloudTrail's records of calls prove, by the table of calls.

Records are read as they are found, not as they should be: parameters may be null, a list may be an object with
``items``, a list, a single object, or a text, and ids may be anything that somebody has typed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from responder.domain.cloudtrail import Outcome, Record, read_record
from responder.domain.deletion.calls import Call, Effect, Target, find_call, is_whole
from responder.domain.deletion.deleted import Deletion
from responder.domain.event import Event
from responder.domain.resource import Resource, partition_of, resource_named, unencoded
from responder.domain.resource.types import require_type
from responder.domain.text import one_line

_DRY_RUN = "DryRunOperation"
_LONGEST_ID = 2048  # no ARN is longer; a longer text names nothing


def read(event: Event) -> tuple[Deletion, ...] | str:
    """The deletions that a record proves, or why it proves none.

    Raises
    ------
    Rejected
        Naming the field that is missing or wrong.
    """
    record, detail = read_record(event), event.detail
    call = find_call(record.event_source, record.event_name)
    how = f"{record.service}:{record.event_name}"
    if call is None:
        return f"{one_line(how, 100)} is not among the deleting calls"
    doubt = _failure(record, detail) or _shortfall(call, detail)
    if doubt is not None:
        return f"{how} {doubt}"
    by, deletions = _caller(detail), []
    for target, text in _texts(call, detail):
        resource = _resource(text, target, call, record, event)
        if resource is not None:
            deletions.append(
                Deletion(
                    resource=resource,
                    deleted_at=record.time,
                    by=by,
                    how=how,
                    event_id=record.event_id,
                    arn=text if text.startswith("arn:") else None,
                    lacks_suffix=target.lacks_suffix and not text.startswith("arn:"),
                )
            )
    return tuple(dict.fromkeys(deletions)) or f"{how} names no resource that can be known from the record"


def _failure(record: Record, detail: Mapping[str, Any]) -> str | None:
    if _DRY_RUN in (record.error or "") or _is_true(_reached(detail, "requestParameters.dryRun")):
        return "was a dry run"
    if record.outcome is not Outcome.SUCCESS:
        return f"failed: {one_line(record.error or 'it does not say why', 100)}"
    if _reached(detail, "responseElements._return") in (False, "false"):
        return "failed: it returned false"
    return None


def _shortfall(call: Call, detail: Mapping[str, Any]) -> str | None:
    """What the call does instead of deleting."""
    if call.effect is not Effect.DELETES:
        return f"{call.effect.value}"
    for name in call.true:
        if not _is_true(_reached(detail, f"requestParameters.{name}")):
            return f"without {name} only schedules a deletion"
    for name in call.absent:
        if _reached(detail, f"requestParameters.{name}") not in (None, ""):
            return f"with {name} deletes less than the resource"
    return None


def _texts(call: Call, detail: Mapping[str, Any]) -> Iterator[tuple[Target, str]]:
    """What the first target that names anything names; nothing of another target after that."""
    for target in call.targets:
        texts = [unencoded(text) for text in _named(target, detail)]
        whole = [text for text in texts if len(text) <= _LONGEST_ID and is_whole(target, text)]
        yield from ((target, text) for text in whole)
        if texts:
            return


def _named(target: Target, detail: Mapping[str, Any]) -> Iterator[str]:
    parent_at, _, member = target.at.rpartition(".")
    for parent in _reach(detail, parent_at.split(".")):
        text = parent.get(member) if isinstance(parent, Mapping) else None
        if isinstance(text, str) and text.strip() and _is_deleted(target, parent):
            yield text


def _is_deleted(target: Target, element: Mapping[str, Any]) -> bool:
    """Whether an element says that it is gone; one that need not say it always is."""
    if target.state_at is None:
        return True
    state = element.get(target.state_at)
    name = state.get("name") if isinstance(state, Mapping) else state
    return isinstance(name, str) and name in target.states


def _reach(value: Any, steps: list[str]) -> Iterator[Any]:
    """Everything at a path. ``items[]`` stands for a list in any of the shapes in which CloudTrail has written one.

    >>> for found in ({"items": [{"id": 1}, {"id": 2}]}, {"items": {"id": 1}}, [{"id": 1}], {"id": 1}, {"items": []}):
    ...     print(list(_reach({"set": found}, ["set", "items[]"])))
    [{'id': 1}, {'id': 2}]
    [{'id': 1}]
    [{'id': 1}]
    [{'id': 1}]
    []
    """
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step.endswith("[]"):
        inner = value.get(step[:-2], value) if isinstance(value, Mapping) else value
        for element in inner if isinstance(inner, list) else [inner]:
            yield from _reach(element, rest)
    elif isinstance(value, Mapping) and step in value:
        yield from _reach(value[step], rest)


def _reached(detail: Mapping[str, Any], path: str) -> Any:
    return next(_reach(detail, path.split(".")), None)


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _resource(text: str, target: Target, call: Call, record: Record, event: Event) -> Resource | None:
    """The resource that a text names, None when it is none of the target's type."""
    region = event.detail.get("awsRegion") or event.region
    where = {"partition": partition_of(region), "region": region}
    account = _account(call, event)
    resource = resource_named(text, target.type, account=account, **where)
    if resource is None or resource.type != target.type or resource.id.startswith("arn:"):
        return None
    if require_type(target.type).normal_id(resource.id) != resource.id:
        return None
    owner = _owner(event.detail, target, resource, where)
    return resource_named(text, target.type, account=owner, **where) if owner else resource


def _account(call: Call, event: Event) -> str:
    """Whose the resource is, unless its name or the record's list of resources says it.

    Not the caller's account first: a call from another account is recorded in the owner's as well.
    """
    detail = event.detail
    stated = _reached(detail, f"requestParameters.{call.account_at}") if call.account_at else None
    return stated if isinstance(stated, str) and stated else event.account


def _owner(detail: Mapping[str, Any], target: Target, resource: Resource, where: Mapping[str, str]) -> str | None:
    """The owner that the record's own list of resources gives: of a bucket deleted from another account, say."""
    for entry in _reach(detail, ["resources", "items[]"]):
        arn, owner = (entry.get("ARN"), entry.get("accountId")) if isinstance(entry, Mapping) else (None, None)
        if isinstance(arn, str) and arn and isinstance(owner, str) and owner:
            named = resource_named(arn, target.type, account=resource.account, **where)
            if named == resource:
                return owner
    return None


def _caller(detail: Mapping[str, Any]) -> str | None:
    """The most telling name of the caller: an ARN, a service, a user, an id."""
    identity = detail["userIdentity"]
    issuer = _reached(identity, "sessionContext.sessionIssuer.arn")
    names = (identity.get("arn"), identity.get("invokedBy"), issuer, identity.get("userName"))
    others = (identity.get("principalId"), identity.get("accountId"), identity.get("type"))
    found = next((name for name in (*names, *others) if isinstance(name, str) and name.strip()), None)
    return one_line(found, 200) if found else None

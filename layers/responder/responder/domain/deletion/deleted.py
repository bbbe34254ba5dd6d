"""A deletion, as its evidence tells it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from responder.domain.resource import Resource


@dataclass(frozen=True, slots=True)
class Deletion:
    """That a resource is gone, and how that is known."""

    resource: Resource
    deleted_at: datetime
    """The event's own time: of the call, or of the moment when AWS Config noticed."""
    by: str | None
    """Who deleted it, on one line: an ARN or a name. None where the evidence does not tell, as AWS Config's."""
    how: str
    """The call, as ``ec2:TerminateInstances``, or what AWS Config said."""
    event_id: str
    arn: str | None = None
    """The whole ARN, where the evidence names it: with the path that is not part of an IAM resource's identity."""
    also: tuple[Resource, ...] = ()
    """Other identities that findings may give the same resource, such as an IAM user by its unique id."""
    noticed_within: timedelta = timedelta(0)
    """How long after it happened AWS Config may have noticed it, at ``deleted_at``; nothing for a call."""
    lacks_suffix: bool = False
    """Whether the resource's id lacks the random end that the ids of its mentions have."""
    found_gone: bool = False
    """Whether ``deleted_at`` is only when the resource was found to be gone: deleted some time before."""

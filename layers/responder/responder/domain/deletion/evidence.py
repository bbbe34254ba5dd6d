"""From an event to the deletions that it proves.

Two kinds of events are evidence: CloudTrail's record of a successful call that *is* a deletion, and AWS Config's item
of a deleted resource. An event that may mean a deletion but does not prove one proves none: a finding is closed on
evidence only. Both kinds are delivered with best effort: what is never told here, the sweep finds.
"""

from responder.domain import cloudtrail
from responder.domain.deletion import call_record, config_item
from responder.domain.deletion.deleted import Deletion
from responder.domain.event import Event, require_of_aws
from responder.domain.faults import Rejected
from responder.domain.text import quoted


def read_deletions(event: Event) -> tuple[Deletion, ...] | str:
    """The deletions that an event proves, each resource once; or, as text, why it proves none.

    A failed call, a dry run, a call that only starts or schedules a deletion, one whose target is unknown, and an item
    of a resource that lives: all of these are ordinary events, and their text is for the log.

    Raises
    ------
    Rejected
        When AWS did not emit the event, when it is of another kind, or when it lacks what its kind must say.
    """
    require_of_aws(event)
    if event.detail_type in cloudtrail.DETAIL_TYPES:
        return call_record.read(event)
    if event.detail_type == config_item.ITEM_CHANGE:
        return config_item.read(event)
    raise Rejected("detail-type", f"{quoted(event.detail_type)} is not a kind of event that tells of deletions")

"""How a finding is closed when what it tells of is gone, and what its Note then says."""

from collections.abc import Sequence

from responder.domain.deletion.deleted import Deletion
from responder.domain.note import RESOLVER, with_block
from responder.domain.security_hub import Finding, FindingUpdate, Note
from responder.domain.text import one_line
from responder.domain.times import show_time


def closing(finding: Finding, evidence: Sequence[Deletion]) -> FindingUpdate:
    """The update that resolves a finding, with the evidence, one deletion or more, in its Note."""
    note = with_block(finding.note.text if finding.note else "", "; ".join(map(in_words, evidence)))
    return FindingUpdate(note=Note(note, RESOLVER), workflow_status="RESOLVED")


def in_words(deletion: Deletion) -> str:
    """A deletion for a Note: the resource, who deleted it, when, by which call or Config item, and the event.

    >>> from datetime import UTC, datetime
    >>> from responder.domain.resource import Resource
    >>> bucket = Resource("aws", "111122223333", "eu-west-1", "AWS::S3::Bucket", "acme-logs")
    >>> in_words(Deletion(bucket, datetime(2026, 3, 1, tzinfo=UTC), "ada", "s3:DeleteBucket", "e-1"))
    'AWS::S3::Bucket/acme-logs deleted at 2026-03-01T00:00:00Z by ada (s3:DeleteBucket, event e-1)'
    """
    by = f" by {one_line(deletion.by, 120)}" if deletion.by else ""
    what = "found gone" if deletion.found_gone else "deleted"
    when = f"{what} at {show_time(deletion.deleted_at)}"
    return f"{one_line(deletion.resource.name, 160)} {when}{by} ({deletion.how}, event {deletion.event_id})"

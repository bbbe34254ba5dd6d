"""The notification topic (SNS)."""

from typing import TYPE_CHECKING

from responder.aws.faults import aws_call
from responder.domain.incident.occurrence import IncidentRequest
from responder.domain.text import ascii_line, cut

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

MAX_SUBJECT = 99
"""Longest subject: ASCII, "less than 100 characters". Source: SNS Publish, API reference."""

_MAX_MESSAGE = (
    100_000  # of the 256 KB that Publish takes; in UTF-8 a unit is three bytes at most, and the rest is short
)


class NotificationTopic:
    """Tells the topic's subscribers of incidents, and of silence."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def announce(self, request: IncidentRequest, *, incident: str | None, problem: str | None) -> None:
        """See :class:`~responder.domain.incident.ports.Notifier`."""
        headline = request.headline
        subject = f"Incident: {headline.title}" if problem is None else f"NOT OPENED: {headline.title}"
        lines = [headline.title, f"Impact: {headline.impact} of 5 (1 is the gravest)", "", request.text, ""]
        if incident is not None:
            lines.append(f"Incident: {incident}")
        if problem is not None:
            lines += [f"No incident could be opened for this: {problem}", "The event as it came:", request.raw_data]
        lines.append(f"Incident key: {request.key}, generation {request.generation}")
        lines += [f"{item.title}: {item.target}" for item in request.related_items]
        self.tell(subject, "\n".join(lines))

    def tell(self, subject: str, text: str) -> None:
        """See :class:`~responder.domain.heartbeat.ports.Teller`."""
        with aws_call("publish to the notification topic"):
            self._client.publish(
                TopicArn=self._topic_arn,
                Subject=ascii_line(subject, MAX_SUBJECT),
                Message=cut(text, _MAX_MESSAGE // 2),
            )

"""Links into the AWS console, for the partition that the Region belongs to."""

from urllib.parse import quote

from responder.domain.resource import partition_of

_DOMAINS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_MAX_URL = 1000


def guardduty_finding(region: str, finding_id: str) -> str | None:
    return _page(region, "guardduty", f"/findings?macros=current&fId={_quoted(finding_id)}")


def security_hub_finding(region: str, finding_id: str) -> str | None:
    """The page that searches findings by id; it decodes the search twice."""
    search = f"Id%3D%255Coperator%255C%253AEQUALS%255C%253A{_quoted(_quoted(finding_id))}"
    return _page(region, "securityhub", f"/findings?search={search}")


def cloudtrail_event(region: str, event_id: str) -> str | None:
    return _page(region, "cloudtrailv2", f"/events/{_quoted(event_id)}")


def config_timeline(region: str, resource_type: str, resource_id: str) -> str | None:
    return _page(
        region, "config", f"/resources/timeline?resourceId={_quoted(resource_id)}&resourceType={_quoted(resource_type)}"
    )


def _page(region: str, service: str, fragment: str) -> str | None:
    """The page's URL; None when it would exceed the 1,000 characters that Incident Manager takes."""
    place = _quoted(region)
    url = f"https://{place}.{_DOMAINS[partition_of(region)]}/{service}/home?region={place}#{fragment}"
    return url if len(url) <= _MAX_URL else None


def _quoted(text: str) -> str:
    return quote(text, safe="")

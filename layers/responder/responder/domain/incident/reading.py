"""Which events are about incidents, in code: the same meaning as the patterns of template.yaml's rules."""

from dataclasses import dataclass

from responder.domain import cloudtrail, config, guardduty, security_hub
from responder.domain.event import Event, require_of_aws
from responder.domain.faults import Rejected
from responder.domain.incident import config_compliance, correlated_finding, guardduty_finding, root_activity
from responder.domain.incident.occurrence import Occurrence
from responder.domain.text import quoted


@dataclass(frozen=True, slots=True)
class Criteria:
    """What opens an incident besides root activity and correlated findings, as the template's parameters choose it."""

    guardduty_minimum_severity: float
    config_rule_names: tuple[str, ...]


def read_occurrence(event: Event, criteria: Criteria) -> Occurrence | str:
    """What an event says to its incident; or, as text, why it is none of an incident's business.

    Raises
    ------
    Rejected
        When the event is of another kind, or lacks what its kind must say.
    """
    require_of_aws(event)
    if event.detail_type in cloudtrail.DETAIL_TYPES:
        return root_activity.occurrence(cloudtrail.read_record(event), event)
    if event.detail_type == guardduty.FINDING:
        return guardduty_finding.occurrence(guardduty.read_finding(event), event, criteria.guardduty_minimum_severity)
    if event.detail_type == config.COMPLIANCE_CHANGE:
        change = config.read_compliance_change(event)
        return config_compliance.occurrence(change, event, criteria.config_rule_names)
    if event.detail_type == security_hub.IMPORTED:
        return correlated_finding.occurrence(security_hub.read_findings(event), event)
    raise Rejected("detail-type", f"{quoted(event.detail_type)} is not a kind of event that opens incidents")

"""What AWS Config says: a resource that turned compliant or not with a rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from responder.domain.event import Event, require_own_account
from responder.domain.resource import Resource, partition_of
from responder.domain.schema import require_valid
from responder.domain.times import parse_time

COMPLIANCE_CHANGE = "Config Rules Compliance Change"


@dataclass(frozen=True, slots=True)
class ComplianceChange:
    """A resource's evaluation by a rule, when its outcome changed."""

    rule: str
    account: str
    region: str
    resource: Resource
    compliance: str
    previous: str | None
    annotation: str | None
    recorded_at: datetime

    @property
    def is_compliant(self) -> bool:
        return self.compliance == "COMPLIANT"

    def rule_among(self, names: Iterable[str]) -> str | None:
        """The chosen name that this change's rule bears, with what conformance packs and Security Hub put around it.

        Several names may fit (one within another): the longest is meant. None when none fits.
        """
        return max((name for name in names if name in self.rule), key=len, default=None)


def read_compliance_change(event: Event) -> ComplianceChange:
    """Read the compliance change in an event's detail.

    Raises
    ------
    Rejected
        Naming the field that is missing or wrong.
    """
    detail = event.detail
    require_valid("config_compliance", detail, at="detail")
    require_own_account(event, detail.get("awsAccountId"), "detail.awsAccountId")
    account, region = event.account, detail.get("awsRegion") or event.region
    evaluation, previous = detail["newEvaluationResult"], detail.get("oldEvaluationResult") or {}
    recorded = evaluation.get("resultRecordedTime")
    return ComplianceChange(
        rule=detail["configRuleName"],
        account=account,
        region=region,
        resource=Resource(partition_of(region), account, region, detail["resourceType"], detail["resourceId"]),
        compliance=evaluation["complianceType"],
        previous=previous.get("complianceType"),
        annotation=evaluation.get("annotation"),
        recorded_at=parse_time(recorded, "detail.newEvaluationResult.resultRecordedTime") if recorded else event.time,
    )

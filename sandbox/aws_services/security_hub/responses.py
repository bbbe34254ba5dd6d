"""Security Hub's finding operations, from and to the wire; moto's others are inherited."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.securityhub.responses import SecurityHubResponse as MotoSecurityHubResponse

from ..model import Rule, Violation
from ..service_response import CheckedResult, ServiceResponse, WireResult
from .asff import limit_violations
from .models import SecurityHubBackend, backend_of

MAX_FINDINGS_A_CALL = 100
_UPDATABLE = ("Note", "RelatedFindings", "Types", "UserDefinedFields")


class SecurityHubResponse(ServiceResponse, MotoSecurityHubResponse):
    refusal_code = "InvalidInputException"

    @property
    def securityhub_backend(self) -> SecurityHubBackend:
        return backend_of(self.current_account, self.region)

    def batch_import_findings(self) -> ActionResult:  # type: ignore[override]
        sent = self.sent()
        self.refuse(self.breaches(sent, opaque=[("Findings",)]))
        failed = self.securityhub_backend.import_findings(sent["Findings"], caller_arn=self.caller_arn)
        return CheckedResult(
            {"FailedCount": len(failed), "SuccessCount": len(sent["Findings"]) - len(failed), "FailedFindings": failed}
        )

    def batch_update_findings(self) -> ActionResult:
        request = self.request()
        identifiers = request.pop("FindingIdentifiers")
        self.refuse([*_identifier_violations(identifiers), *limit_violations(request, _UPDATABLE)])
        processed, unprocessed = self.securityhub_backend.update_findings(identifiers, request)
        return CheckedResult({"ProcessedFindings": processed, "UnprocessedFindings": unprocessed})

    def get_findings(self) -> ActionResult:  # type: ignore[override]
        request = self.request()
        findings, token = self.securityhub_backend.find_findings(
            request.get("Filters", {}),
            request.get("SortCriteria", []),
            size=request.get("MaxResults"),
            token=request.get("NextToken"),
        )
        return WireResult({"Findings": findings} | ({"NextToken": token} if token else {}))


def _identifier_violations(identifiers: list[dict[str, str]]) -> list[Violation]:
    """The service model has these bounds in its prose only."""
    path = ("FindingIdentifiers",)
    if not identifiers:
        return [Violation(path, identifiers, Rule.MIN_LENGTH, 1)]
    if len(identifiers) > MAX_FINDINGS_A_CALL:
        return [Violation(path, identifiers, Rule.MAX_LENGTH, MAX_FINDINGS_A_CALL)]
    return []

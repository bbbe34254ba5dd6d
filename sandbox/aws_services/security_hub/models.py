"""Security Hub of one account and Region: moto's, with findings that keep to AWS's rules.

What differs from AWS, knowingly:

- A finding lives in the account and Region where it was imported or placed. An administrator's hub holds its members'
  findings because the sandbox places them there; nothing is copied from member to administrator or between Regions.
- An update shows after `updates_visible_after`, exactly, and by default at once; at AWS it may take minutes. What a
  provider sends shows at once.
- The hub and the product integrations need not be enabled, and automation rules do not run.
- GetFindings gives 10 findings a page when `MaxResults` is absent. AWS documents no default.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, cast

from moto.core.base_backend import BackendDict
from moto.securityhub import models as moto_securityhub

from ..model import without_nulls
from ..paging import InvalidTokenError, Pages
from .asff import MAX_BATCH_BYTES, MAX_FINDING_BYTES, finding_breaches, size_in_bytes
from .exceptions import AccessDeniedException, InvalidInputException
from .filters import Test, compile_filters, sort_findings, utc_now
from .findings import FindingStore, Key, StoredFinding, finding_key, placed
from .listeners import announce

DEFAULT_PAGE_SIZE = 10


class SecurityHubBackend(moto_securityhub.SecurityHubBackend):
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.finding_store = FindingStore()
        self.updates_visible_after = timedelta(0)
        self._pages: Pages[Key] = Pages()

    def disable_security_hub(self) -> dict[str, Any]:
        result = super().disable_security_hub()
        self.finding_store = FindingStore()
        return result

    def import_findings(self, sent: list[Any], *, caller_arn: str) -> list[dict[str, str]]:
        """Take a provider's findings, one after the other, and give back those that could not be taken.

        The account of each finding must be the caller's, and its product the caller's default one or a partner's in
        this Region. Otherwise the call as a whole is denied, as AWS Support has confirmed for one wrong account id
        (github.com/prowler-cloud/prowler/issues/867).
        """
        if size_in_bytes(sent) > MAX_BATCH_BYTES:
            raise InvalidInputException("The batch is larger than 6 MB.")
        for finding in sent:
            if isinstance(finding, Mapping) and not self._may_import(finding):
                raise AccessDeniedException(caller_arn, finding["ProductArn"])
        failed = []
        for finding in without_nulls(sent):
            if breaches := finding_breaches(finding):
                failed.append(_import_error(finding, breaches))
            elif (stored := self.finding_store.take_import(finding, at=utc_now())) is not None:
                self._announce(stored.key)
        return failed

    def update_findings(
        self, identifiers: list[dict[str, str]], update: Mapping[str, Any]
    ) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
        """Change every named finding alike; the identifiers that were processed, and those that were not."""
        if not update:
            raise InvalidInputException("At least one attribute to update must be given.")
        times = Counter(map(finding_key, identifiers))
        processed, unprocessed = [], []
        for identifier in identifiers:
            error = self._update_finding(finding_key(identifier), times, update)
            if error is None:
                processed.append(identifier)
            else:
                code, message = error
                unprocessed.append({"FindingIdentifier": identifier, "ErrorCode": code, "ErrorMessage": message})
        return processed, unprocessed

    def find_findings(
        self,
        filters: Mapping[str, list[dict[str, Any]]],
        criteria: list[dict[str, str]],
        *,
        size: int | None,
        token: str | None,
    ) -> tuple[list[dict[str, Any]], str | None]:
        test = compile_filters(filters, now=utc_now())

        def find() -> list[Key]:
            candidates = self._shown_by(finding.key for finding in self._candidates(filters))
            found = [finding.asff for finding in candidates if test(finding.asff)]
            return [finding_key(finding) for finding in sort_findings(found, criteria)]

        asked = {"filters": filters, "criteria": criteria}
        try:
            keys, next_token = self._pages.page(asked, find, size=size or DEFAULT_PAGE_SIZE, token=token)
        except InvalidTokenError as error:
            raise InvalidInputException(f"NextToken is not valid: {error}") from error
        return list(self._still_found(keys, test)), next_token

    def put_finding(self, finding: Mapping[str, Any], *, if_absent: bool) -> bool:
        if if_absent and self.finding_store.get(finding_key(finding)) is not None:
            return False
        self.finding_store.put(placed(finding))
        return True

    def receive_finding(self, finding: Mapping[str, Any]) -> bool:
        return self.finding_store.take_event(finding) is not None

    def _may_import(self, finding: Mapping[str, Any]) -> bool:
        account, product = finding.get("AwsAccountId"), finding.get("ProductArn")
        if not isinstance(account, str) or not isinstance(product, str):
            return True  # and is then refused for its format
        owner = f"arn:{self.partition}:securityhub:{self.region_name}:"
        default = f"{owner}{self.account_id}:product/{self.account_id}/default"
        is_partners = product.startswith(f"{owner}:product/") and not product.startswith(f"{owner}:product/aws/")
        return account == self.account_id and (product == default or is_partners)

    def _update_finding(self, key: Key, times: Counter[Key], update: Mapping[str, Any]) -> tuple[str, str] | None:
        if times[key] > 1:
            return "DuplicatedFindingIdentifier", "Finding Identifier is duplicated"
        if (existing := self.finding_store.get(key)) is None:
            return "FindingNotFound", "Finding Not Found"
        now = utc_now()
        updated = existing.updated(update, at=now)
        if size_in_bytes(updated.asff) > MAX_FINDING_BYTES:
            return "FindingSizeExceeded", "Finding size exceeded 240 KB"
        self.finding_store.put_update(updated, shows_at=now + self.updates_visible_after, now=now)
        self._announce(key)
        return None

    def _announce(self, key: Key) -> None:
        """Tell the listeners of a change, with the finding as it shows."""
        for finding in self._shown_by([key]):
            announce(self.account_id, self.region_name, finding.asff)

    def _candidates(self, filters: Mapping[str, list[dict[str, Any]]]) -> Iterator[StoredFinding]:
        """The findings worth testing: by id where ids are asked for, else all."""
        ids = filters.get("Id")
        if ids and all(value["Comparison"] == "EQUALS" for value in ids):
            return self.finding_store.having_ids(value["Value"] for value in ids)
        return iter(self.finding_store)

    def _shown_by(self, keys: Iterable[Key]) -> Iterator[StoredFinding]:
        """The findings of these keys as they show now; unknown ones are left out."""
        now = utc_now()
        for key in keys:
            if (finding := self.finding_store.shown(key, at=now)) is not None:
                yield finding

    def _still_found(self, keys: list[Key], test: Test) -> Iterator[dict[str, Any]]:
        """The findings of a page as they are now; those that changed out of the filters since are left out."""
        return (finding.asff for finding in self._shown_by(keys) if test(finding.asff))


def security_hub_backends() -> BackendDict[SecurityHubBackend]:
    """moto's own dictionary of Security Hub backends, which makes ours once the services are installed."""
    return cast("BackendDict[SecurityHubBackend]", moto_securityhub.securityhub_backends)


def backend_of(account_id: str, region: str) -> SecurityHubBackend:
    return security_hub_backends()[account_id][region]


def _import_error(finding: Any, breaches: list[str]) -> dict[str, str]:
    finding_id = finding.get("Id") if isinstance(finding, Mapping) else None
    return {
        "Id": finding_id if isinstance(finding_id, str) and finding_id else "unknown",
        "ErrorCode": "InvalidInput",
        "ErrorMessage": f"Finding does not adhere to Amazon Finding Format. {', '.join(breaches)}.",
    }

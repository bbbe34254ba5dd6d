"""Security Hub (CSPM): reads, updates and imports findings, many a call.

The hub's account is the delegated administrator, and its Region the aggregation Region: members' findings of all
linked Regions are read and updated here.
"""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.validate import ParamValidator

from responder.aws.faults import AwsRefused, AwsUnavailable, aws_call
from responder.aws.pace import Pace, Quota
from responder.domain.deletion.ports import PageLost
from responder.domain.faults import Permanent, Rejected, Retryable
from responder.domain.security_hub import (
    FILTER_VALUES,
    OPEN_STATES,
    Finding,
    FindingGone,
    FindingKey,
    FindingRefused,
    FindingUpdate,
    barely_named,
    read_finding,
)
from responder.domain.times import show_exactly

if TYPE_CHECKING:
    from mypy_boto3_securityhub import SecurityHubClient
    from mypy_boto3_securityhub.type_defs import BatchUpdateFindingsRequestTypeDef, GetFindingsRequestTypeDef

T = TypeVar("T")

PAGE = 100
UPDATES = 100
IMPORTS = 100
"""Findings that GetFindings gives in a page, and that BatchUpdateFindings and BatchImportFindings take. Source:
botocore's model."""

MAX_FINDING = 240 * 1024
MAX_IMPORT = 6 * 1024 * 1024
"""Bytes of a finding, and of a call of BatchImportFindings. Source: Security Hub, quotas."""

_IMPORT_ROOM = MAX_IMPORT - 1024
"""For the findings of a call, with some bytes to spare for what is around them."""

_Filters = Mapping[str, Sequence[Mapping[str, str]]]
"""Of GetFindings, by attribute: what is asked for, any of which it may be. All attributes hold."""


def _any_of(values: Collection[str], comparison: str = "EQUALS") -> list[Mapping[str, str]]:
    return [{"Value": value, "Comparison": comparison} for value in sorted(values)]


_OPEN: _Filters = {"RecordState": _any_of(["ACTIVE"]), "WorkflowStatus": _any_of(OPEN_STATES)}

QUOTAS = {"BatchImportFindings": Quota(10, 30), "BatchUpdateFindings": Quota(10, 30), "GetFindings": Quota(3, 6)}
"""Of an account and Region. Source: Security Hub, quotas."""

SWEEP_QUOTAS = {"BatchUpdateFindings": Quota(2, 1), "GetFindings": Quota(0.5, 1)}
"""The part of them that a sweep takes, which is in no hurry: the rest is for what events bring."""

_REFUSED = frozenset({"DuplicatedFindingIdentifier", "FindingSizeExceeded", "InvalidInput"})
"""Error codes of UnprocessedFindings and FailedFindings that no retry mends; for all others, new ones too, another try
is worth it."""

_FEW = 2 * FILTER_VALUES
"""Findings that ids ask for in two calls: to look for their neighbours first may cost one in vain."""

_TICK = timedelta(milliseconds=1)
"""To spare on both sides of a span of time: AWS does not say whether its ends are in it."""

_REFUSALS = 5
"""Findings that are refused alone, and none taken, until the call itself is taken to be at fault."""


class SecurityHub:
    """The findings of the hub. ``pace`` needs the operations of QUOTAS."""

    def __init__(self, client: "SecurityHubClient", *, pace: Pace, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._pace = pace
        self._clock = clock

    def get(self, findings: Collection[Finding], *, until: datetime) -> dict[FindingKey, Finding | Exception]:
        """The findings as they are now, or why one could not be read; one that is gone is missing.

        Up to 100 a call where they are close together, as those are that came together; 20 a call, by their ids, where
        they are few or others are between them. No call begins after ``until``.
        """
        sought = {finding.key: finding for finding in findings}
        found: dict[FindingKey, Finding | Exception] = {**self._neighbours(sought, until)}
        missing = sorted(sought.keys() - found.keys())
        return found | _in_portions(missing, FILTER_VALUES, lambda portion: self._with_ids(portion, until))

    def _with_ids(self, keys: Sequence[FindingKey], until: datetime) -> dict[FindingKey, Finding]:
        found = self._find({"Id": _any_of({key.id for key in keys})}, until)
        # Ids are unique within a product only.
        return {finding.key: finding for finding in found if finding.key in keys}

    def _neighbours(self, sought: Mapping[FindingKey, Finding], until: datetime) -> dict[FindingKey, Finding]:
        """Those that are found among the open findings of their accounts, products and times, as long as that pays.

        It pays if a page brings more of them than ids would. Who is missing is not gone: it may be closed by now, or
        newer.
        """
        found: dict[FindingKey, Finding] = {}
        filters = _around(sought.values()) if len(sought) > _FEW else None
        token: str | None = None
        while filters and len(sought) - len(found) > FILTER_VALUES:
            try:
                page, token = self._page(filters, token, until)
            except (AwsUnavailable, AwsRefused):
                break  # their ids tell whether they can be read
            new = {f.key: f for f in page if f.key in sought and f.key not in found}
            found |= new
            if token is None or len(new) <= FILTER_VALUES:
                break
        return found

    def naming(
        self, exact: Sequence[str], prefixes: Sequence[str], *, accounts: Collection[str], until: datetime
    ) -> list[Finding]:
        """The open findings of these accounts that name a resource by one of these ids, or by one that begins so.

        One query, of up to 20 values in all and 20 accounts, paged to its end. No page is asked for after ``until``.

        Raises
        ------
        AwsUnavailable, AwsRefused
            When any page could not be read.
        """
        ids = _any_of(exact) + _any_of(prefixes, "PREFIX")
        return list(self._find({"ResourceId": ids, "AwsAccountId": _any_of(accounts), **_OPEN}, until))

    def open_findings(
        self, resource_types: Sequence[str], *, token: str | None, until: datetime
    ) -> tuple[list[Finding], str | None]:
        """A page of up to 100 open findings about resources of these types (ASFF's names), and the next page's token.

        Raises
        ------
        PageLost
            When Security Hub does not take the token (any more).
        AwsUnavailable, AwsRefused
            When it could not be read.
        """
        try:
            return self._page({"ResourceType": _any_of(resource_types), **_OPEN}, token, until)
        except AwsRefused as refusal:
            if token is not None and refusal.code == "InvalidInputException":
                raise PageLost(str(refusal)) from refusal
            raise

    def _require_time(self, until: datetime) -> None:
        if self._clock() >= until:
            raise AwsUnavailable("no time is left for another call")

    def _find(self, filters: _Filters, until: datetime) -> Iterator[Finding]:
        token: str | None = None
        while True:
            findings, token = self._page(filters, token, until)
            yield from findings
            if token is None:
                return

    def _page(self, filters: _Filters, token: str | None, until: datetime) -> tuple[list[Finding], str | None]:
        self._require_time(until)
        self._pace.wait("GetFindings")
        request: GetFindingsRequestTypeDef = {"Filters": filters, "MaxResults": PAGE}  # type: ignore[typeddict-item]
        if token is not None:
            request["NextToken"] = token
        with aws_call("read findings"):
            page = self._client.get_findings(**request)
        return list(self._read(page["Findings"])), page.get("NextToken")

    def _read(self, values: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
        for value in values:
            try:
                yield read_finding(value, seen_at=self._clock())
            except Rejected:  # without identity, account or a readable note: nothing can be done about it
                continue

    def update(self, updates: Mapping[FindingKey, FindingUpdate], *, until: datetime) -> dict[FindingKey, Exception]:
        """Change findings: equal updates together, up to 100 a call. No call begins after ``until``.

        Returns
        -------
        Why it failed for those for which it did: a Retryable, FindingGone, FindingRefused, or another Permanent that
        concerns the call and not the finding, such as a missing permission.
        """
        groups: dict[FindingUpdate, list[FindingKey]] = defaultdict(list)
        for key, update in updates.items():
            groups[update].append(key)
        problems: dict[FindingKey, Exception] = {}
        for update, keys in groups.items():
            problems |= _in_portions(keys, UPDATES, partial(self._update, update, until=until))
            # Such as ConcurrentUpdateError: over in a moment, while another delivery would take a quarter of an hour.
            again = [key for key in keys if type(problems.get(key)) is Retryable]
            if again:
                problems = {key: problem for key, problem in problems.items() if key not in again}
                problems |= _in_portions(again, UPDATES, partial(self._update, update, until=until))
        return problems

    def _update(
        self, update: FindingUpdate, keys: Sequence[FindingKey], *, until: datetime
    ) -> dict[FindingKey, Exception]:
        self._require_time(until)
        self._pace.wait("BatchUpdateFindings")
        with aws_call("update findings"):
            answer = self._client.batch_update_findings(**_request(update, keys))
        return {
            FindingKey(item["FindingIdentifier"]["ProductArn"], item["FindingIdentifier"]["Id"]): _problem(
                "update", item["ErrorCode"], item.get("ErrorMessage", "")
            )
            for item in answer.get("UnprocessedFindings", [])
        }

    def import_findings(self, findings: Sequence[Mapping[str, Any]], *, until: datetime) -> dict[FindingKey, Exception]:
        """Import findings of the hub's own account and product, 100 or 6 MB a call. No call begins after ``until``.

        One that Security Hub has in a version as late or later stays as it is there, and counts as imported. What only
        is said of its resources keeps from being taken is imported with their names alone: the rest are other products'
        words, and the finding counts for more.

        Returns
        -------
        Why it failed for those for which it did: a Retryable, FindingRefused, or another Permanent that concerns the
        call and not the finding, such as a missing permission.
        """
        pending = {_key(finding): finding for finding in findings}
        problems = self._import_all(pending, until)
        again: dict[FindingKey, Mapping[str, Any]] = {}
        for key, problem in problems.items():
            bare = _with_bare_resources(pending[key])
            if isinstance(problem, FindingRefused) and bare != pending[key]:
                again[key] = bare
            elif type(problem) is Retryable:
                again[key] = pending[key]
        if not again:
            return problems
        return {key: problem for key, problem in problems.items() if key not in again} | self._import_all(again, until)

    def _import_all(
        self, findings: Mapping[FindingKey, Mapping[str, Any]], until: datetime
    ) -> dict[FindingKey, Exception]:
        problems: dict[FindingKey, Exception] = {}
        fitting: dict[FindingKey, Mapping[str, Any]] = {}
        for key, finding in findings.items():
            if fault := self._fault(finding):
                problems[key] = FindingRefused(f"could not import a finding: {fault}")
            else:
                fitting[key] = finding
        for portion in _import_portions(fitting):
            try:
                problems |= self._import(portion, until)
            except (AwsUnavailable, AwsRefused) as problem:
                problems |= dict.fromkeys(portion, problem)
        return problems

    def _fault(self, finding: Mapping[str, Any]) -> str | None:
        """Why the call would fail with this finding in it; None if it would not."""
        if len(json.dumps(finding, ensure_ascii=False).encode()) > MAX_FINDING:
            return "it is larger than 240 KB"
        shape = self._client.meta.service_model.operation_model("BatchImportFindings").input_shape
        assert shape is not None
        report = ParamValidator().validate({"Findings": [finding]}, shape)
        return str(report.generate_report()) if report.has_errors() else None

    def _import(self, findings: Mapping[FindingKey, Mapping[str, Any]], until: datetime) -> dict[FindingKey, Exception]:
        self._require_time(until)
        self._pace.wait("BatchImportFindings")
        request: Any = {"Findings": list(findings.values())}
        with aws_call("import findings"):
            answer = self._client.batch_import_findings(**request)
        failed = {
            item["Id"]: _problem("import", item["ErrorCode"], item.get("ErrorMessage", ""))
            for item in answer.get("FailedFindings", [])
        }
        problems: dict[FindingKey, Exception] = {key: failed[key.id] for key in findings if key.id in failed}
        if answer["FailedCount"] > len(problems):  # without saying which: what is imported twice is imported once
            unnamed = Retryable("could not import a finding: Security Hub does not say which of several failed")
            problems |= {key: unnamed for key in findings if key not in problems}
        return problems


def _in_portions(
    keys: Sequence[FindingKey], size: int, call: Callable[[Sequence[FindingKey]], Mapping[FindingKey, T]]
) -> dict[FindingKey, T | Exception]:
    """What a call answers about findings, so many at a time, or why it failed.

    One identifier that Security Hub cannot read fails the whole call, which is halved until that one is alone.
    """
    answers: dict[FindingKey, T | Exception] = {}
    portions = deque(_portions(keys, size))
    refused, is_taken = 0, False
    while portions:
        portion = portions.popleft()
        try:
            answers |= call(portion)
            is_taken = True
        except AwsUnavailable as problem:
            answers |= dict.fromkeys(portion, problem)
        except AwsRefused as refusal:
            if refusal.code not in ("InvalidInputException", "ParamValidation"):
                answers |= dict.fromkeys(portion, refusal)
            elif len(portion) == 1 or (refused >= _REFUSALS and not is_taken):
                refused += 1
                answers |= dict.fromkeys(portion, FindingRefused(str(refusal)))
            else:
                middle = len(portion) // 2
                portions.extendleft((portion[middle:], portion[:middle]))
    return answers


def _around(findings: Collection[Finding]) -> _Filters | None:
    """What open findings close to these have in common with them; None if no query can say it."""
    times = sorted(finding.updated_at for finding in findings if finding.updated_at is not None)
    accounts = {finding.account for finding in findings}
    products = {finding.key.product_arn for finding in findings}
    if not times or max(len(accounts), len(products)) > FILTER_VALUES:
        return None
    return {
        "AwsAccountId": _any_of(accounts),
        "ProductArn": _any_of(products),
        "UpdatedAt": [{"Start": show_exactly(times[0] - _TICK), "End": show_exactly(times[-1] + _TICK)}],
        **_OPEN,
    }


def _request(update: FindingUpdate, keys: Sequence[FindingKey]) -> "BatchUpdateFindingsRequestTypeDef":
    request: BatchUpdateFindingsRequestTypeDef = {
        "FindingIdentifiers": [{"ProductArn": key.product_arn, "Id": key.id} for key in keys]
    }
    if update.note is not None:
        request["Note"] = {"Text": update.note.text, "UpdatedBy": update.note.updated_by}
    if update.fields is not None:
        request["UserDefinedFields"] = dict(update.fields)
    if update.workflow_status is not None:
        request["Workflow"] = {"Status": update.workflow_status}  # type: ignore[typeddict-item] # one of its few words
    return request


def _problem(verb: str, code: str, message: str) -> Retryable | Permanent:
    told = f"could not {verb} a finding: {code}: {message}"
    if code == "FindingNotFound":
        return FindingGone(told)
    return FindingRefused(told) if code in _REFUSED else Retryable(told)


def _key(finding: Mapping[str, Any]) -> FindingKey:
    return FindingKey(finding["ProductArn"], finding["Id"])


def _with_bare_resources(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {**finding, "Resources": [barely_named(mention) for mention in finding["Resources"]]}


def _import_portions(
    findings: Mapping[FindingKey, Mapping[str, Any]],
) -> Iterator[dict[FindingKey, Mapping[str, Any]]]:
    portion: dict[FindingKey, Mapping[str, Any]] = {}
    room = _IMPORT_ROOM
    for key, finding in findings.items():
        size = len(json.dumps(finding)) + 2  # as botocore sends it, with what separates it from the next
        if portion and (len(portion) == IMPORTS or size > room):
            yield portion
            portion, room = {}, _IMPORT_ROOM
        portion[key] = finding
        room -= size
    if portion:
        yield portion


def _portions(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]

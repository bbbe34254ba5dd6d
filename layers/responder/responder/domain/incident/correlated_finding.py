"""Correlated findings as incidents: one per rule and resource, with the evidence in its timeline.

A finding says one thing of its own, that its rule fired, and one for each finding that is its evidence. Each is an
occurrence with a time of its own, known again by its generation and, for evidence, by its finding: whatever version of
the correlated finding brings it, however often, and however often it is observed again, it is in the timeline once.
Whichever is from after the incident's resolution opens the next one, also if somebody has resolved the correlated
finding: another attack is not lost in a resolved incident. What is only observed, written or delivered again opens
nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from responder.domain.correlation.correlated import Contribution, Correlated, read_correlated
from responder.domain.event import Event
from responder.domain.faults import Rejected
from responder.domain.incident import console
from responder.domain.incident.occurrence import (
    MAX_RELATED_ITEMS,
    Occurrence,
    RelatedItem,
    compose_key,
    compose_text,
    compose_title,
)
from responder.domain.resource import Resource, is_arn
from responder.domain.security_hub import RULE_FIELD, Finding
from responder.domain.text import cut, one_line
from responder.domain.times import show_time

_IMPACT = 1
_SHOWN_TITLE = 100  # of a rule, so that an incident's title has room for the resource


def occurrence(findings: Sequence[Finding | Rejected], event: Event) -> Occurrence | str:
    """What correlated findings say to their incidents; as text, why a finding is none of an incident's business.

    Raises
    ------
    Rejected
        When a finding cannot be read.
    """
    found: list[Occurrence] = []
    reason = "no finding"
    for number, finding in enumerate(findings):
        if isinstance(finding, Rejected):
            raise finding
        said = _said(finding, event, number)
        if isinstance(said, str):
            reason = said
        else:
            found += said
    if not found:
        return reason
    return replace(found[0], parts=tuple(found[1:]))


def _said(finding: Finding, event: Event, number: int) -> list[Occurrence] | str:
    fields = finding.document.get("ProductFields")
    if not isinstance(fields, Mapping) or RULE_FIELD not in fields or finding.account != event.account:
        return "not a correlated finding of this application"
    if finding.record_state != "ACTIVE" or finding.workflow_status == "SUPPRESSED":
        return f"record state {finding.record_state}, workflow status {finding.workflow_status}"
    correlated = read_correlated(finding.document, hub=event.account)
    if correlated is None:
        raise Rejected(f"detail.findings.{number}.ProductFields", "are not those of a correlated finding")
    return list(_occurrences(correlated, event))


def _occurrences(correlated: Correlated, event: Event) -> Iterator[Occurrence]:
    """First that the rule fired, then the evidence in the order in which it was observed."""
    resource, evidence = correlated.resource, correlated.evidence
    page = console.security_hub_finding(event.region, correlated.key.id)
    links = [RelatedItem("Correlated finding", page)] if page else []
    links += [RelatedItem(resource.name, resource.arn)] if resource.arn else []
    items = [item for contribution in evidence for item in _links(contribution, event)]
    fired = Occurrence(
        key=compose_key("correlated", correlated.rule_id, str(resource)),
        fingerprint=f"fired/{correlated.generation}",
        event_id=event.id,
        source="responder.correlation",
        opens=True,
        impact=_IMPACT,
        title=_title(correlated),
        text=compose_text(
            correlated.title,
            where=_where(resource),
            Resource=resource.arn or resource.name,
            who=None,
            when=correlated.created_at,
            Says=correlated.description,
            Evidence=_listed(evidence, correlated.evidence_count),
            Rule=correlated.rule_id,
            Finding=correlated.key.id,
            first=_first(correlated),
        ),
        occurred_at=correlated.created_at,
        related_items=tuple(dict.fromkeys([*links, *items]))[:MAX_RELATED_ITEMS],
        document=event.document,
    )
    yield fired
    told = set()
    for contribution in evidence:  # one that is evidence of several legs is told once
        if contribution.key not in told:
            told.add(contribution.key)
            yield _told(contribution, correlated, fired, event)
    if correlated.evidence_count > len(evidence):
        yield _more(correlated, fired)


def _told(contribution: Contribution, correlated: Correlated, fired: Occurrence, event: Event) -> Occurrence:
    key, at = contribution.key, contribution.observed_at
    return replace(
        fired,
        fingerprint=f"evidence/{correlated.generation}/{key.product_arn}/{key.id}",
        text=compose_text(
            contribution.title,
            where=_where(contribution.resource),
            Resource=contribution.resource.arn or contribution.resource.name,
            who=None,
            when=at,
            Evidence_of=f"{correlated.title}: {contribution.leg}",
            Finding=key.id,
            Product=key.product_arn,
            first=_first(correlated),
        ),
        occurred_at=at,
        related_items=tuple(_links(contribution, event)),
    )


def _more(correlated: Correlated, fired: Occurrence) -> Occurrence:
    """That there is more evidence than a correlated finding can list."""
    count, at = correlated.evidence_count, correlated.last_observed_at
    return replace(
        fired,
        fingerprint=f"more/{correlated.generation}/{count}/{at.isoformat()}",
        text=compose_text(
            f"{count} findings are evidence, more than the {len(correlated.evidence)} that are listed",
            where=_where(correlated.resource),
            Resource=correlated.resource.arn or correlated.resource.name,
            who=None,
            when=at,
            Evidence_of=correlated.title,
            first=_first(correlated),
        ),
        occurred_at=at,
        related_items=(),
    )


def _title(correlated: Correlated) -> str:
    resource = correlated.resource
    return compose_title(
        cut(one_line(correlated.title), _SHOWN_TITLE),
        f"on {resource.id.rpartition(':')[2][:80]}",
        "in account",
        resource.account,
        f"({resource.region})",
    )


def _where(resource: Resource) -> str:
    return f"account {resource.account}, {resource.region}"


def _listed(evidence: Sequence[Contribution], count: int) -> str:
    told = [f"{show_time(entry.observed_at)} {one_line(entry.title, 120)} ({entry.leg})" for entry in evidence]
    return f"{count} in all: {'; '.join(told)}"


def _first(correlated: Correlated) -> str:
    text = correlated.remediation_text or "read the evidence, find the resource's owner, and contain the resource."
    return f"{text} {correlated.remediation_url}" if correlated.remediation_url else text


def _links(contribution: Contribution, event: Event) -> Iterator[RelatedItem]:
    """Where a finding can be read: in the hub, which has those of all accounts."""
    id_ = contribution.key.id
    target = console.security_hub_finding(event.region, id_) or (id_ if is_arn(id_) else None)
    if target:
        yield RelatedItem(contribution.title, target)

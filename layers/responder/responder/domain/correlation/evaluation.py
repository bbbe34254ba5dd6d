"""Rules applied to a whole history, by the definition in :mod:`responder.domain.correlation` and nothing cleverer.

This is what ``responder rules test`` and ``explain`` say, and the oracle for whatever correlates as findings come. Its
cost grows with the square of the findings of one resource.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from responder.domain.correlation.observation import Observation, observe
from responder.domain.correlation.rule import Leg, Rule
from responder.domain.correlation.versions import Order, order_of
from responder.domain.resource import Resource
from responder.domain.resource.relations import NO_RELATIONS, Relations
from responder.domain.security_hub import Finding, FindingKey

Evidence = tuple[Observation, ...]
"""In the order of the rule's legs, of each the newest first."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A generation of a rule that fired for a resource."""

    rule: str
    resource: Resource
    generation: int
    """From 1."""
    fired_at: datetime
    """The moment at which it began."""
    changed_at: datetime
    """The moment since which its evidence is what it is."""
    evidence: Evidence

    def evidence_of(self, leg: str) -> Evidence:
        return tuple(observation for observation in self.evidence if observation.leg == leg)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rule stands for a resource after the last moment of the history."""

    resource: Resource
    firings: tuple[Firing, ...]
    nearest: Mapping[str, Evidence]
    """By leg, what counts in the window that comes nearest to satisfying the rule, up to what the leg needs."""


def evaluate(rule: Rule, history: Iterable[Finding], relations: Relations = NO_RELATIONS) -> tuple[Firing, ...]:
    """What the rule fires for, by resource and generation.

    Parameters
    ----------
    history
        Versions of findings, in any order and as often as they come; ``seen_at`` is their event's time.
    """
    return tuple(firing for standing in standings(rule, history, relations) for firing in standing.firings)


def standings(rule: Rule, history: Iterable[Finding], relations: Relations = NO_RELATIONS) -> tuple[Standing, ...]:
    """How the rule stands for every resource of its types of which something was observed, sorted by resource."""
    findings = _findings(rule, history)
    by_resource: defaultdict[Resource, set[FindingKey]] = defaultdict(set)
    for key, versions in findings.items():
        for version in versions:
            for observation in version.observations:
                by_resource[observation.resource].add(key)
    found = []
    for resource in sorted((resource for resource in by_resource if rule.groups(resource.type)), key=str):
        sources = {leg.name: _sources(leg, resource, relations) for leg in rule.legs}
        concerned = {key for source in set().union(*sources.values()) for key in by_resource[source]}
        found.append(_replay(rule, resource, sources, {key: findings[key] for key in sorted(concerned)}))
    return tuple(found)


def satisfying(rule: Rule, standing: Iterable[Observation]) -> Evidence | None:
    """The evidence in observations that stand: of the latest window in which they satisfy the rule, if there is one."""
    by_leg = _newest_first(rule, standing)
    if any(len({observation.value for observation in by_leg[leg.name]}) < leg.count for leg in rule.legs):
        return None
    for end in _ends(by_leg):
        chosen = {leg.name: _chosen(rule, leg, by_leg[leg.name], end) for leg in rule.legs}
        if all(len(chosen[leg.name]) == leg.count for leg in rule.legs):
            return tuple(observation for evidence in chosen.values() for observation in evidence)
    return None


def newest_first(observations: Iterable[Observation]) -> list[Observation]:
    """Observations in the order in which they are taken for evidence."""
    found = sorted(observations, key=lambda found: (found.value, found.finding, str(found.resource)))
    return sorted(found, key=lambda found: found.time, reverse=True)


@dataclass(frozen=True, slots=True)
class _Version:
    order: Order
    observations: frozenset[Observation]


def _findings(rule: Rule, history: Iterable[Finding]) -> dict[FindingKey, list[_Version]]:
    """The versions of every finding, in their order."""
    findings: defaultdict[FindingKey, dict[Order, _Version]] = defaultdict(dict)
    for finding in history:
        order = order_of(finding)
        findings[finding.key][order] = _Version(order, observe(rule, finding))
    return {key: [versions[order] for order in sorted(versions)] for key, versions in findings.items()}


def _sources(leg: Leg, resource: Resource, relations: Relations) -> frozenset[Resource]:
    """The resources that a leg may be observed on, to count for this one."""
    related: Collection[Resource] = relations.related(resource, leg.related) if leg.related else ()
    return frozenset((resource, *related))


def _replay(
    rule: Rule,
    resource: Resource,
    sources: Mapping[str, frozenset[Resource]],
    findings: Mapping[FindingKey, Sequence[_Version]],
) -> Standing:
    """Go through the moments of what concerns a resource."""
    at_moment: defaultdict[datetime, set[FindingKey]] = defaultdict(set)
    for key, versions in findings.items():
        for version in versions:
            at_moment[version.order.moment].add(key)
    standing: dict[FindingKey, frozenset[Observation]] = {}
    firings: list[Firing] = []
    newest = None  # of the evidence that the last generation ever had
    for moment in sorted(at_moment):
        observed: set[Observation] = set()
        for key in at_moment[moment]:
            known = [version for version in findings[key] if version.order.moment <= moment]
            standing[key] = frozenset(
                observation for observation in _standing(known) if observation.resource in sources[observation.leg]
            )
            told = {seen for version in known if version.order.moment == moment for seen in version.observations}
            observed |= told & standing[key]
        evidence = satisfying(rule, (observation for found in standing.values() for observation in found))
        if evidence is None or observed.isdisjoint(evidence):
            continue
        end = max(observation.time for observation in evidence)
        if newest is None or end - newest > rule.window:
            firings.append(Firing(rule.id, resource, len(firings) + 1, moment, moment, evidence))
            newest = end
        elif end >= newest:
            if evidence != firings[-1].evidence:
                firings[-1] = replace(firings[-1], changed_at=moment, evidence=evidence)
            newest = end
    last_standing = [observation for found in standing.values() for observation in found]
    return Standing(resource, tuple(firings), _nearest(rule, last_standing))


def _standing(known: Iterable[_Version]) -> frozenset[Observation]:
    """The observations that stand when these versions of one finding are known."""
    standing: frozenset[Observation] = frozenset()
    for version in known:
        said = {observation.subject for observation in version.observations}
        standing = version.observations.union(old for old in standing if old.subject in said)
    return standing


def _newest_first(rule: Rule, observations: Iterable[Observation]) -> dict[str, list[Observation]]:
    by_leg: dict[str, list[Observation]] = {leg.name: [] for leg in rule.legs}
    for observation in observations:
        by_leg[observation.leg].append(observation)
    return {name: newest_first(found) for name, found in by_leg.items()}


def _ends(by_leg: Mapping[str, Sequence[Observation]]) -> list[datetime]:
    """Where windows may end, the latest first: an observation is the newest of every one that matters."""
    return sorted({observation.time for found in by_leg.values() for observation in found}, reverse=True)


def _chosen(rule: Rule, leg: Leg, newest_first: Iterable[Observation], end: datetime) -> Evidence:
    """Of a leg's observations in the window that ends then, the newest of each value, as many as the leg counts."""
    chosen: dict[str, Observation] = {}
    for observation in newest_first:
        if end - rule.window <= observation.time <= end:
            chosen.setdefault(observation.value, observation)
    return tuple(chosen.values())[: leg.count]


def _nearest(rule: Rule, standing: Iterable[Observation]) -> dict[str, Evidence]:
    by_leg = _newest_first(rule, standing)
    nearest: dict[str, Evidence] = {leg.name: () for leg in rule.legs}
    most = (0, 0)
    for end in _ends(by_leg):
        chosen = {leg.name: _chosen(rule, leg, by_leg[leg.name], end) for leg in rule.legs}
        complete = sum(len(chosen[leg.name]) == leg.count for leg in rule.legs)
        if (score := (complete, sum(map(len, chosen.values())))) > most:
            nearest, most = chosen, score
    return nearest

"""Correlating as findings come, compared with the plain evaluation of the whole history."""

from typing import Any

from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from responder.domain.correlation import Firing, evaluate
from responder.domain.correlation.pair_state import observations
from responder.domain.correlation.versions import order_of
from responder.domain.security_hub import Finding, read_finding
from tests.domain.correlation.histories import GROUP, RULE, alarm, day, resource, weakness
from tests.domain.correlation.memory import Correlating, KnownRelated
from tests.domain.correlation.test_evaluation import ATTACHED, HISTORIES

RELATED = {resource("i-1"): [resource("sg-1", GROUP)]}


def correlating() -> Correlating:
    return Correlating(RULE, relations=KnownRelated(RELATED))


def last_evidence(firings: tuple[Firing, ...]) -> dict[Any, Any]:
    return {firing.resource: set(firing.evidence) for firing in firings}  # the last generation's is the one that stays


def live_evidence(live: Correlating) -> dict[Any, Any]:
    return {
        pair.resource: set(observations(state.generation.evidence))
        for pair, state in live.store.kept.items()
        if state.generation
    }


def moment(version: Finding) -> Any:
    return order_of(version).moment


def line(version: Finding) -> str:
    """A version on one line."""
    document = version.document
    values = [found["Id"] for found in document.get("Vulnerabilities", [])]
    state = [version.record_state, version.workflow_status, document.get("Compliance")]
    times = [document["UpdatedAt"][5:10], f"{version.seen_at:%m-%d}", document["LastObservedAt"][5:10]]
    return f"{version.key.id} {document['Resources'][0]['Id']} updated, told, observed {times} {values} {state}"


def is_closing(version: Finding) -> bool:
    return not version.is_open or "Compliance" in version.document


@settings(max_examples=200, deadline=None)
@given(HISTORIES, st.randoms(use_true_random=False), st.integers(1, 5))
def test_whatever_the_order_the_same_fires_on_the_same_evidence(
    history: list[Finding], random: Any, batch: int
) -> None:
    """Where nothing is withdrawn, arrival changes nothing."""
    history = [version for version in history if not is_closing(version)]
    ids = {version.key: version for version in history}  # one version a finding: nothing is withdrawn
    history = list(ids.values())
    arriving = history + random.sample(history, len(history) // 2)
    random.shuffle(arriving)
    live = correlating()
    while arriving:
        live.collect(*arriving[:batch])
        del arriving[:batch]
        if random.random() < 0.5:
            live.correlate(most=batch)
    live.correlate(most=batch)
    expected = last_evidence(evaluate(RULE, history, ATTACHED))
    event(f"firings: {len(expected)}")
    assert live_evidence(live) == expected


@settings(max_examples=200, deadline=None)
@given(HISTORIES)
def test_in_order_every_generation_and_its_evidence_are_those_of_the_definition(history: list[Finding]) -> None:
    history = list({moment(version): version for version in history}.values())
    history.sort(key=moment)
    live = correlating()
    live.see(*history)
    note("\n".join(map(line, history)))
    firings = evaluate(RULE, history, ATTACHED)
    event(f"firings: {len(firings)}")
    assert live_evidence(live) == last_evidence(firings)
    assert sorted(live.imported.findings) == sorted(f"correlated/{f.rule}/{f.resource}/{f.generation}" for f in firings)


@st.composite
def workflows(draw: st.DrawFn) -> list[Finding]:
    """Findings that people close and open again, which changes none of their times."""
    made = [alarm(0, "alarm-1"), alarm(1, "alarm-2"), weakness(0, 1, id_="one"), weakness(2, 2, id_="two")]
    history = []
    for number, first in enumerate(made):
        states = draw(st.lists(st.sampled_from(["NEW", "RESOLVED"]), min_size=1, max_size=4))
        for told, state in enumerate(states):
            document = {**first.document, "Workflow": {"Status": state}}
            history.append(read_finding(document, seen_at=day(3 + told + number / 10)))
    return history


@settings(max_examples=200, deadline=None)
@given(HISTORIES | workflows(), st.randoms(use_true_random=False))
def test_what_fires_is_what_fired_by_what_was_known_at_some_time(history: list[Finding], random: Any) -> None:
    """Out of order, with withdrawals: what has fired on what was known then stays fired, and nothing else fires."""
    random.shuffle(history)
    live = correlating()
    expected = set()
    for number, version in enumerate(history, 1):
        live.see(version)
        note(line(version))
        expected |= {firing.resource for firing in evaluate(RULE, history[:number], ATTACHED)}
        assert set(live_evidence(live)) == expected

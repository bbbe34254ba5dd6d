"""Every function, with every sample event that it takes, mutilated in every way: each ends well, and the others too."""

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from responder.aws.dead_letters import MAX_MESSAGE
from tests.fuzzing.mutations import ANYTHING, BODIES, CHANGES_OF_BODIES, loaded, mutated, text_of, with_secrets
from tests.fuzzing.verdict import TALLY, judge, judge_envelope
from tests.fuzzing.worlds import World, bodies_in

FUZZING = settings.get_profile("fuzzing")
AROUND = st.sampled_from([(0, 1), (0, 1), (0, 0), (1, 0), (1, 1)])
"""How many neighbours are before a mutilated record, and how many behind it: they are two."""


def trials(world: World, is_long: bool, share: float = 1) -> settings:
    """So many of a world's cases."""
    return settings(FUZZING, max_examples=int(world.cases[is_long] * share))


def mutilated_texts(world: World) -> st.SearchStrategy[str]:
    """The samples of a world, mutilated."""
    samples = [with_secrets(sample) for sample in world.samples]
    return st.sampled_from(samples).flatmap(mutated).map(text_of)


@pytest.fixture(scope="module")
def is_long(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--long"))


def is_held_by_queues(body: str) -> bool:
    """Whether a message may be so large."""
    return len(body.encode(errors="replace")) <= MAX_MESSAGE


def run(world: World, text: str, before: int = 0, behind: int = 0, payload: Any = None) -> None:
    """Have a function handle a mutilated record, with neighbours around it."""
    assume(is_held_by_queues(text))
    first, second = map(json.dumps, world.neighbours)
    records = [*[first][:before], text, *[second][:behind]]
    outcome = judge(world, records, before, payload)
    TALLY.cases[world.name, outcome if outcome in ("rejected", "refused") else "handled"] += 1


def test_a_mutilated_record_among_others(world: World, is_long: bool) -> None:
    @trials(world, is_long)
    @given(text=mutilated_texts(world), around=AROUND)
    def each(text: str, around: tuple[int, int]) -> None:
        run(world, text, *around)

    each()


def test_a_body_that_is_no_event(world: World, is_long: bool) -> None:
    changed = st.builds(lambda change, text: change(text), st.sampled_from(CHANGES_OF_BODIES), mutilated_texts(world))

    @trials(world, is_long, 0.2)
    @given(text=st.sampled_from(BODIES) | changed, around=AROUND)
    def each(text: str, around: tuple[int, int]) -> None:
        run(world, text, *around)

    if world.takes_texts:
        each()


def test_a_single_mutilated_event(world: World, is_long: bool) -> None:
    @trials(world, is_long, 0.2)
    @given(text=mutilated_texts(world))
    def each(text: str) -> None:
        payload = loaded(text)
        run(world, json.dumps(payload), payload=payload)

    each()


def test_a_mutilated_envelope(world: World, is_long: bool) -> None:
    batch = world.batch([json.dumps(event) for event in world.neighbours])
    payloads = mutated(batch).map(text_of) | st.sampled_from([text_of(value) for value in ANYTHING])

    @trials(world, is_long, 0.2)
    @given(text=payloads)
    def each(text: str) -> None:
        payload = loaded(text)
        assume(all(map(is_held_by_queues, bodies_in(payload))))
        outcome = judge_envelope(world, payload)
        TALLY.cases[world.name, outcome] += 1

    each()

"""What correlation knows, in DynamoDB: kept as it was, found by its keys, told of once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import event, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from responder.aws.faults import AwsRefused, AwsUnavailable
from responder.aws.signals_table import FIRST_PAGE, KEPT_CLAIM, MOST_MENTIONED, SignalsTable, read_signal
from responder.domain.correlation import evaluate
from responder.domain.correlation.correlator import Result
from responder.domain.correlation.observation import Observation
from responder.domain.correlation.pair_state import Generation, PairState
from responder.domain.correlation.rule import MAX_VALUE, MOST_COUNTED, RETENTION
from responder.domain.correlation.signal import KnownFinding, Pair, Signal
from responder.domain.correlation.versions import MOST_VERSIONS, Order, Version, Versions
from responder.domain.faults import Rejected
from responder.domain.resource import Resource
from responder.domain.security_hub import Finding, FindingKey
from tests.correlation_world import TABLE, create_signals_table
from tests.domain.correlation.histories import ARCHIVED, GROUP, RULE, alarm, day, resource, weakness
from tests.domain.correlation.memory import Correlating, KnownRelated, MemoryStore
from tests.domain.correlation.test_evaluation import ATTACHED, HISTORIES
from tests.domain.correlation.test_live import RELATED, last_evidence, live_evidence, moment

NOW = datetime(2026, 3, 2, 14, 0, 0, 123456, tzinfo=UTC)
A_MICROSECOND = timedelta(microseconds=1)
PAIR = Pair("rule", resource("i-1"))
KEY = FindingKey("arn:aws:securityhub:eu-west-1::product/aws/guardduty", "finding")
MENTION = {"Type": "AwsEc2Instance", "Id": "i-1", "Region": "eu-west-1", "Details": {"Other": {"name": "Zoë"}}}


class TableWithStream(SignalsTable):
    """The table, and what its stream tells the correlator. AWS tells of no put that changes nothing, moto does."""

    def __init__(self, client: Any, streams: Any, arn: str, *, clock: Callable[[], datetime]) -> None:
        super().__init__(client, TABLE, clock=clock)
        self._streams = streams
        (shard,) = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self._place = self._streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        self._images: dict[tuple[str, str], Any] = {}
        self._told: list[Signal] = []

    @property
    def stream(self) -> list[Signal]:
        """All signals that it ever told of."""
        answer = self._streams.get_records(ShardIterator=self._place)
        self._place = answer["NextShardIterator"]
        for change in (record["dynamodb"] for record in answer["Records"]):
            pair, row = change["Keys"]["pair"]["S"], change["Keys"]["row"]["S"]
            image = change.get("NewImage")
            if image == self._images.get((pair, row)):
                continue
            self._images[pair, row] = image
            if image is not None and row.startswith("o#"):
                self._told.append(read_signal(image))
        return self._told

    @property
    def kept(self) -> dict[Pair, PairState]:
        """The states of the instances in histories."""
        return self.states([Pair(RULE.id, resource(id_)) for id_ in ("i-1", "i-2")])


class World:
    """The table, its clock, the calls to it, and what AWS refuses."""

    def __init__(self, client: Any, streams: Any) -> None:
        self.now = NOW
        self.calls: Counter[str] = Counter()
        self._client = client
        self._refusals: dict[str, tuple[int, str]] = {}
        self._hooks: list[tuple[str, Callable[..., Any]]] = []
        arn = create_signals_table(client)
        self.table = TableWithStream(client, streams, arn, clock=lambda: self.now)
        self.hook("before-call.dynamodb", self._before)

    def close(self) -> None:
        for event_name, handler in self._hooks:
            self._client.meta.events.unregister(event_name, handler)
        self._client.delete_table(TableName=TABLE)

    def hook(self, event_name: str, handler: Callable[..., Any]) -> None:
        """Have an event of botocore's handled."""
        self._client.meta.events.register(event_name, handler)
        self._hooks.append((event_name, handler))

    def _before(self, model: Any, **_: Any) -> None:
        self.calls[model.name] += 1
        at_call, code = self._refusals.get(model.name, (0, ""))
        if code and self.calls[model.name] >= at_call:
            raise ClientError({"Error": {"Code": code, "Message": "refused"}}, model.name)

    def refuse(self, operation: str, code: str, *, after: int = 0) -> None:
        """Let AWS refuse an operation from now on, but for the next ones that still pass."""
        self._refusals[operation] = self.calls[operation] + after + 1, code

    def accept(self) -> None:
        self._refusals.clear()

    def rows(self) -> dict[tuple[str, str], Any]:
        found = self._client.scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return {(row["pair"]["S"], row["row"]["S"]): row for row in found}

    def expiry(self) -> datetime:
        """When the only row expires, which is told in whole seconds."""
        (row,) = self.rows().values()
        return datetime.fromtimestamp(int(row["expires_at"]["N"]), UTC)

    def newest(self, pair: Pair = PAIR, leg: str = "alarm") -> list[Signal]:
        return list(self.table.newest(pair, leg))

    def between(self, start: float = -300, end: float = 300, leg: str = "alarm") -> list[Signal]:
        return list(self.table.between(PAIR, leg, day(start), day(end)))


Clients = tuple[Any, Any]


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    """Made once: that takes longer than most tests."""
    with mock_aws():
        yield boto3.client("dynamodb"), boto3.client("dynamodbstreams")


@pytest.fixture
def world(clients: Clients) -> Iterator[World]:
    with closing(World(*clients)) as world:
        yield world


def signal(
    at: float | datetime = 0.0,
    id_: str = "finding",
    *,
    pair: Pair = PAIR,
    leg: str = "alarm",
    on: Resource | None = None,
    value: str = "",
    digest: str = "d1",
    **told: Any,
) -> Signal:
    time = at if isinstance(at, datetime) else day(at)
    order = Order(time, time + timedelta(seconds=9), False, digest)
    seen = Observation(leg, on or pair.resource, value, time, FindingKey(KEY.product_arn, id_))
    return Signal(pair, seen, order, **told)


def signals(number: int, **change: Any) -> list[Signal]:
    """One a minute, the oldest first."""
    return [signal(day(0) + timedelta(minutes=minute), f"finding-{minute}", **change) for minute in range(number)]


def in_full(found: Signal) -> tuple[Any, ...]:
    """All that it says, for a comparison."""
    return found, found.title, found.mention


# What is kept


SAID: dict[str, Signal] = {
    "bare": signal(),
    "all": signal(0.5, leg="cve-2", value="CVE-2026-1", title="Backdoor", mention=MENTION),
    "of a related resource": signal(on=resource("sg-1", GROUP)),
    "unicode": signal(value="Größe 😀 \0\n", title="Zoë – “naïve” 🇪🇺", mention={"Id": "i-1", "Tags": {"é": "ü"}}),
    "microseconds": signal(NOW),
    "the longest value": signal(value="x" * MAX_VALUE),
    "the longest value in unicode": signal(value="😀" * MAX_VALUE),
    "a long resource": signal(pair=Pair("rule", resource("i/" + "x" * 2000))),
    "a long resource in unicode": signal(pair=Pair("rule", resource("ü" * 600))),
    "a long id": signal(id_="arn:aws:inspector2:" + "x" * 2000),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_signal_comes_back_as_it_was_added(world: World, said: Signal) -> None:
    world.table.add([said])

    (row,) = world.rows().values()
    assert in_full(read_signal(row)) == in_full(said)
    assert list(map(in_full, world.newest(said.pair, said.observation.leg))) == [in_full(said)]
    assert list(map(in_full, world.table.stream)) == [in_full(said)]


def test_resources_whose_ids_are_too_long_for_a_key_are_told_apart(world: World) -> None:
    one, other = (signal(pair=Pair("rule", resource("x" * 2000 + end))) for end in "ab")
    world.table.add([one, other])

    assert world.newest(one.pair) == [one]
    assert world.newest(other.pair) == [other]
    assert world.table.states([one.pair, other.pair]).keys() == {one.pair, other.pair}


def test_a_large_mention_is_kept_without_its_details(world: World) -> None:
    most = {"Id": "i-1", "Details": "x" * (MOST_MENTIONED - len(json.dumps({"Id": "i-1", "Details": ""})))}
    larger = MENTION | {"Partition": "aws", "Details": {"Other": {"text": "x" * MOST_MENTIONED}}}
    world.table.add([signal(0, mention=most), signal(1, mention=larger)])

    cut, whole = world.newest()
    assert whole.mention == most
    assert cut.mention == {"Type": "AwsEc2Instance", "Id": "i-1", "Partition": "aws", "Region": "eu-west-1"}


def test_a_long_title_is_cut(world: World) -> None:
    world.table.add([signal(0, title="é" * 256), signal(1, title="é" * 257)])

    cut, whole = world.newest()
    assert whole.title == "é" * 256
    assert cut.title == "é" * 255 + "…"


def test_signals_that_differ_in_anything_they_say_are_several(world: World) -> None:
    different = [
        signal(),
        signal(leg="cve"),
        signal(value="v"),
        signal(on=resource("sg-1", GROUP)),
        signal(id_="other"),
        signal(digest="d2"),
        signal(NOW),
        replace(signal(), order=replace(signal().order, seen_at=NOW)),
        replace(signal(), order=replace(signal().order, updated_at=NOW)),
    ]
    world.table.add([*different, *different])

    assert {read_signal(row) for row in world.rows().values()} == set(different)
    assert len(world.rows()) == len(different)


def test_more_signals_than_a_call_takes_are_added_and_set_aside(world: World) -> None:
    many = signals(60)
    world.table.add(many)
    world.table.set_aside(many[:55])

    assert set(world.newest()) == set(many[55:])
    assert Counter(world.between()) == Counter(many)


def test_nothing_makes_no_call(world: World) -> None:
    world.table.add([])
    world.table.set_aside([])

    assert world.table.findings([]) == {}
    assert world.table.states([]) == {}
    assert not world.calls


def test_a_row_that_lacks_something_is_rejected(world: World) -> None:
    world.table.add([signal()])
    (row,) = world.rows().values()
    texts = row.keys() - {"pair", "row", "expires_at"}

    assert len(texts) == 13
    for missing in texts:
        with pytest.raises(Rejected, match=f"no row of a signal: KeyError: '{missing}'"):
            read_signal({name: value for name, value in row.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("resource", {"S": "aws/444455556666"}, "'aws/444455556666' is no resource's canonical text"),
        ("observed_on", {"S": "i-1"}, "'i-1' is no resource's canonical text"),
        ("time", {"S": "yesterday"}, "Invalid isoformat string: 'yesterday'"),
        ("updated_at", {"S": ""}, "Invalid isoformat string: ''"),
        ("seen_at", {"S": "2026-13-01"}, "month must be in 1..12"),
        ("mention", {"S": "{"}, "Expecting property name"),
        ("title", {"N": "1"}, "KeyError: 'S'"),
        ("mention", {"S": "[" * 100_000}, "RecursionError"),
        ("title", {"S": None}, "TypeError"),
        ("title", None, "TypeError"),
        ("finding_id", {"S": ""}, "ValueError: the finding has no id"),
        ("product_arn", {"S": ""}, "ValueError: the finding has no id, or no product"),
        ("more", {"BOOL": True}, "KeyError: 'S'"),
    ],
)
def test_a_row_with_something_else_is_rejected(world: World, name: str, value: Any, said: str) -> None:
    world.table.add([signal()])
    (row,) = world.rows().values()

    with pytest.raises(Rejected, match=f"no row of a signal: .*{said}"):
        read_signal(row | {name: value})


@pytest.mark.parametrize(
    ("name", "text"), [("time", "2026-03-01T00:00:00"), ("seen_at", "2026-03-01"), ("mention", "[]"), ("mention", "1")]
)
def test_a_row_with_a_time_of_no_zone_or_a_mention_that_is_no_object_is_rejected(
    world: World, name: str, text: str
) -> None:
    world.table.add([signal()])
    (row,) = world.rows().values()

    with pytest.raises(Rejected):
        read_signal(row | {name: {"S": text}})


def test_half_a_character_in_a_row_is_none_in_what_is_read(world: World) -> None:
    world.table.add([signal()])
    (row,) = world.rows().values()

    read = read_signal(row | {"title": {"S": "\ud800"}, "mention": {"S": json.dumps({"Id": "\ud800"})}})

    assert (read.title, read.mention["Id"]) == ("\ufffd", "\ufffd")


# The newest, and those of a time


def test_the_newest_come_first(world: World) -> None:
    times = [day(1), day(-1), day(1) + A_MICROSECOND, day(0.5), day(-60)]
    world.table.add([signal(time, f"finding-{number}") for number, time in enumerate(times)])

    assert [found.observation.time for found in world.newest()] == sorted(times, reverse=True)


def test_the_newest_are_read_page_by_page_as_they_are_taken(world: World) -> None:
    many = signals(FIRST_PAGE * 5 + 7)
    world.table.add(many)
    found = world.table.newest(PAIR, "alarm")
    assert world.calls["Query"] == 0

    first = list(islice(found, FIRST_PAGE))
    assert world.calls["Query"] == 1
    second = list(islice(found, 4 * FIRST_PAGE))
    assert world.calls["Query"] == 2
    third = list(found)
    assert world.calls["Query"] == 3
    assert [*first, *second, *third] == many[::-1]


def test_those_set_aside_are_not_among_the_newest(world: World) -> None:
    one, other, third = signals(3)
    world.table.add([one, other, third])
    world.table.set_aside([other, third])

    assert world.newest() == [one]


def test_of_legs_of_which_one_begins_with_the_other_each_has_its_own(world: World) -> None:
    legs = ["cve", "cve-2", "cve-2-x", "cv", "cve2"]
    of_leg = {leg: [signal(0, leg=leg), signal(1, leg=leg)] for leg in legs}
    world.table.add(list(chain(*of_leg.values())))
    world.table.set_aside([found for _, found in of_leg.values()])

    for leg, (one, other) in of_leg.items():
        assert world.newest(leg=leg) == [one]
        assert world.between(leg=leg) == [one, other]


def test_each_rule_and_resource_has_its_own(world: World) -> None:
    pairs = [PAIR, Pair("rule", resource("i-10")), Pair("rule-2", resource("i-1")), Pair("rule", resource("i-1/a"))]
    pairs += [Pair("rule", resource("i-1", account="222222222222")), Pair("rule", resource("i-1", region="us-east-1"))]
    of_pair = {pair: signal(pair=pair) for pair in pairs}
    world.table.add(list(of_pair.values()))

    assert {pair: world.newest(pair) for pair in pairs} == {pair: [found] for pair, found in of_pair.items()}


def test_a_time_includes_both_its_ends_and_those_set_aside(world: World) -> None:
    start, end = NOW, NOW + timedelta(days=1)
    times = [start - A_MICROSECOND, start, start + A_MICROSECOND, end - A_MICROSECOND, end, end + A_MICROSECOND]
    many = [signal(time) for time in times]
    world.table.add(many)
    assert list(world.table.between(PAIR, "alarm", start, end)) == many[1:-1]

    world.table.set_aside(many[:2] + many[4:])
    assert Counter(world.table.between(PAIR, "alarm", start, end)) == Counter(many[1:-1])
    assert list(world.table.between(PAIR, "alarm", end, end)) == [many[4]]


def test_a_time_may_hold_more_than_a_page(world: World) -> None:
    many = signals(700, title="é" * 256, value="😀" * MAX_VALUE)
    world.table.add(many)

    assert world.between() == many
    assert world.calls["Query"] > 2, "a page of a megabyte for the signals, another for those set aside"


# Told of once


LARGE = MENTION | {"Details": "x" * MOST_MENTIONED}


def test_a_signal_that_is_added_again_changes_nothing(world: World) -> None:
    several = [signal(0, title="x" * 300, mention=MENTION), signal(1, mention=LARGE)]
    world.table.add(several)
    before = world.rows()
    world.now += timedelta(days=1)
    world.table.add([*reversed(several), *several])

    assert world.rows() == before
    assert world.table.stream == several


@pytest.mark.parametrize("mention", [MENTION, LARGE])
def test_a_signal_that_is_added_again_as_it_was_read_changes_nothing(world: World, mention: dict[str, Any]) -> None:
    world.table.add([signal(title="é" * 300, mention=mention)])
    before = world.rows()
    world.table.add(world.newest())

    assert world.rows() == before


def test_a_replay_tells_of_a_signal_again_once(world: World) -> None:
    world.table.add([signal()])
    (before,) = world.rows().values()
    for _ in range(2):
        world.table.add([signal(replay="replay-1")])

    (row,) = world.rows().values()
    assert row == before | {"replay": {"S": "replay-1"}}
    assert world.table.stream == [signal(), signal()]
    world.table.add([signal(replay="replay-2")])
    assert len(world.table.stream) == 3


def test_a_replay_of_a_related_resources_finding_reaches_what_it_is_related_to(world: World) -> None:
    live = correlating(world)
    live.see(weakness(0), alarm(1, on="sg-1"))
    live.collect(alarm(1, on="sg-1"), replay="replay-1")

    assert live.correlate() == [Result.PASSED_ON, Result.WAITING]


# Setting aside


def test_setting_aside_that_was_cut_short_loses_nothing_and_can_be_done_again(world: World) -> None:
    one, other = signals(2)
    world.table.add([one, other])
    world.refuse("BatchWriteItem", "ThrottlingException", after=1)

    with pytest.raises(AwsUnavailable):
        world.table.set_aside([one])
    assert world.newest() == [other, one]
    assert Counter(world.between()) == Counter([one, one, other]), "given twice, as it is in two rows"

    world.accept()
    for _ in range(2):
        world.table.set_aside([one])
        assert world.newest() == [other]
        assert Counter(world.between()) == Counter([one, other])


def test_setting_aside_that_was_refused_at_once_changes_nothing(world: World) -> None:
    world.table.add([signal()])
    before = world.rows()
    world.refuse("BatchWriteItem", "AccessDeniedException")

    with pytest.raises(AwsRefused):
        world.table.set_aside([signal()])
    assert world.rows() == before


def test_what_is_set_aside_says_what_it_said(world: World) -> None:
    world.table.add([SAID["all"]])
    world.table.set_aside(world.newest(leg="cve-2"))

    (row,) = world.rows().values()
    assert in_full(read_signal(row)) == in_full(SAID["all"])
    assert world.table.stream == [SAID["all"]], "the stream is not of those set aside"


def test_one_that_was_set_aside_and_is_added_again_is_in_two_rows(world: World) -> None:
    world.table.add([signal()])
    world.table.set_aside([signal()])
    world.table.add([signal()])

    assert world.newest() == [signal()]
    assert world.between() == [signal(), signal()]


class Doubled(MemoryStore):
    """Every signal is in two rows."""

    def between(self, pair: Pair, leg: str, start: datetime, end: datetime) -> Iterator[Signal]:
        found = list(super().between(pair, leg, start, end))
        yield from [*found, *found]


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.randoms(use_true_random=False))
def test_that_a_signal_is_given_twice_changes_nothing(history: list[Finding], random: Any) -> None:
    random.shuffle(history)
    once = Correlating(RULE, relations=KnownRelated(RELATED), store=MemoryStore())
    twice = Correlating(RULE, relations=KnownRelated(RELATED), store=Doubled())
    for live in (once, twice):
        live.see(*history)
    event(f"read between: {once.store.calls['read between'] > 0}")
    assert live_evidence(twice) == live_evidence(once)
    assert twice.imported.findings == once.imported.findings


def test_what_could_not_be_set_aside_does_no_harm(world: World) -> None:
    live = correlating(world)
    live.see(alarm(0), alarm(1, **ARCHIVED))
    live.collect(weakness(2))
    world.refuse("BatchWriteItem", "ThrottlingException", after=1)
    assert set(live.correlate()) == {Result.WAITING}
    assert live.counts["SignalsNotSetAside"] == 1

    world.accept()
    late = weakness(0.5, 3, 4, id_="late")
    live.see(late)

    withdrawn = list(live.store.between(Pair(RULE.id, resource("i-1")), "alarm", day(0), day(0)))
    assert len(withdrawn) == 2
    assert live_evidence(live) == last_evidence(evaluate(RULE, [alarm(0), alarm(1, **ARCHIVED), late], ATTACHED))


def test_what_is_withdrawn_with_each_of_several_signals_is_set_aside(world: World) -> None:
    live = correlating(world)
    live.see(alarm(1), weakness(2, id_="standing"), weakness(6, 3, 4, **ARCHIVED))
    live.collect(weakness(5, 3, 4, told=8))
    waiting = live.store.stream[-2:]

    for _ in range(3):
        outcomes = live.correlator.correlate(waiting)
    assert outcomes == [Result.WAITING, Result.WAITING]


def test_what_fires_in_a_batch_that_withdraws_twice_is_told_of(world: World) -> None:
    live = correlating(world)
    live.collect(weakness(1), alarm(2, "a"), alarm(3, "a", **ARCHIVED), weakness(4, id_="later"))
    live.collect(alarm(5, "b"), alarm(6, "b", **ARCHIVED), weakness(7, id_="last"))

    assert set(live.correlate()) == {Result.FIRED}
    assert len(live.imported.findings) == 1


# Findings and states


def order(at: float, *, is_closed: bool = False) -> Order:
    return Order(day(at), NOW + timedelta(days=at), is_closed, f"{at:016}")


SHORT = Versions([Version(order(0), frozenset({"a", "b"}), NOW)])
LONG = Versions(
    [
        *(Version(order(number), frozenset({"a", f"mark-{number % 3}"}), day(number)) for number in range(90)),
        Version(order(90), frozenset(), None),
        Version(order(91, is_closed=True), frozenset(), None),
    ]
)


@pytest.mark.parametrize("versions", [SHORT, LONG], ids=["one", "many"])
def test_what_is_known_of_a_finding_comes_back_as_it_was_remembered(world: World, versions: Versions) -> None:
    known = KnownFinding(KEY, versions)
    assert world.table.remember(known)

    assert known.revision == 1
    assert world.table.findings([KEY, FindingKey("arn", "unknown")]) == {KEY: known}


def test_findings_that_read_alike_are_not_mistaken_for_each_other(world: World) -> None:
    world.table.remember(KnownFinding(FindingKey("arn", "x-1"), SHORT))

    assert world.table.findings([FindingKey("arnx", "-1"), FindingKey("ar", "nx-1")]) == {}


def generation(number: int, *evidence: Signal) -> Generation:
    return Generation(number, NOW, NOW + A_MICROSECOND, day(3), evidence, evidence[:1], NOW + timedelta(days=1))


def state_of(pair: Pair = PAIR) -> PairState:
    one = signal(3, "one", pair=pair, title="One – 😀")
    related = signal(2, "other", pair=pair, on=resource("sg-1", GROUP), title="Other")
    cves = tuple(signal(n, f"cve-{n}", pair=pair, leg="cves", value="ü" * MAX_VALUE + f"{n}") for n in (2, 1))
    return PairState(
        pair=pair,
        newest={"alarm": (one, related), "cves": cves, "none": ()},
        last_moment=NOW,
        set_aside_until=NOW - A_MICROSECOND,
        related=frozenset({resource("sg-1", GROUP), resource("sg-2", GROUP)}),
        related_at=NOW + A_MICROSECOND,
        mention=MENTION,
        mentioned_at=day(3),
        generation=generation(3, one, *cves),
        untold={2: generation(2, related), 3: generation(3, one, *cves)},
    )


@pytest.mark.parametrize(
    "pair", [PAIR, Pair("rule", resource("x" * 2000)), Pair("rule", resource("ü" * 600))], ids=["i-1", "x…", "ü…"]
)
def test_a_state_comes_back_as_it_was_saved(world: World, pair: Pair) -> None:
    state, bare = state_of(pair), PairState(Pair("rule-2", pair.resource))
    assert world.table.save(state)
    assert world.table.save(bare)

    assert state.revision == bare.revision == 1
    read = world.table.states([pair, bare.pair])
    assert read == {pair: state, bare.pair: bare}
    assert read[pair].generation is not None
    assert [found.title for found in read[pair].generation.evidence] == ["One – 😀", "", ""]


def test_of_what_is_not_known_the_state_is_new(world: World) -> None:
    world.table.add([signal()])

    assert world.table.states([PAIR]) == {PAIR: PairState(PAIR)}


def written(world: World, what: str) -> tuple[Callable[[], Any], Callable[[Any, str], bool]]:
    """How a row is read, and written with a mark in it."""
    if what == "finding":

        def remember(known: KnownFinding, mark: str) -> bool:
            known.versions.add(Version(order(known.revision), frozenset({mark}), NOW))
            return world.table.remember(known)

        return lambda: world.table.findings([KEY]).get(KEY) or KnownFinding(KEY), remember

    def save(state: PairState, mark: str) -> bool:
        state.mention = {**state.mention, f"{state.revision}": mark}
        return world.table.save(state)

    return lambda: world.table.states([PAIR])[PAIR], save


@pytest.mark.parametrize("revisions", [0, 1, 12])
@pytest.mark.parametrize("what", ["finding", "state"])
def test_of_two_that_read_the_same_one_writes_and_nothing_is_overwritten(
    world: World, what: str, revisions: int
) -> None:
    read, write = written(world, what)
    for number in range(revisions):
        assert write(read(), f"before-{number}")
    one, other = read(), read()

    assert write(one, "one")
    kept = world.rows()
    assert not write(other, "other")

    assert world.rows() == kept
    assert (one.revision, other.revision) == (revisions + 1, revisions)
    assert read() == one
    assert write(one, "one again"), "who wrote need not read again"
    assert not write(other, "other again")
    assert write(read(), "other")


@pytest.mark.parametrize("what", ["finding", "state"])
def test_what_could_not_be_written_is_of_the_revision_that_it_was(world: World, what: str) -> None:
    read, write = written(world, what)
    mine = read()
    world.refuse("PutItem", "ThrottlingException")
    with pytest.raises(AwsUnavailable):
        write(mine, "one")
    assert mine.revision == 0

    world.accept()
    assert write(mine, "two")


def test_more_than_a_call_takes_are_read(world: World) -> None:
    keys = [FindingKey("arn", f"finding-{number}") for number in range(130)]
    pairs = [Pair("rule", resource(f"i-{number}")) for number in range(130)]
    for key, pair in zip(keys[:105], pairs[:105], strict=True):
        world.table.remember(KnownFinding(key, Versions(list(SHORT.known))))
        world.table.save(PairState(pair, mention={"Id": key.id}))

    assert world.table.findings(keys).keys() == set(keys[:105])
    assert world.calls["BatchGetItem"] == 2
    states = world.table.states(pairs)
    assert world.calls["BatchGetItem"] == 4
    assert [states[pair].mention.get("Id") for pair in pairs[:105]] == [key.id for key in keys[:105]]
    assert all(states[pair] == PairState(pair) for pair in pairs[105:])


def test_rows_that_a_call_leaves_out_are_asked_for_again(world: World) -> None:
    keys = [FindingKey("arn", f"finding-{number}") for number in range(130)]
    for key in keys:
        world.table.remember(KnownFinding(key, Versions(list(SHORT.known))))

    def leave_out(parsed: dict[str, Any], **_: Any) -> None:
        rows = parsed["Responses"][TABLE]
        left = [{name: row[name] for name in ("pair", "row")} for row in rows[40:]]
        parsed["Responses"] = {TABLE: rows[:40]}
        parsed["UnprocessedKeys"] = {TABLE: {"Keys": left}} if left else {}

    world.hook("after-call.dynamodb.BatchGetItem", leave_out)
    assert world.table.findings(keys).keys() == set(keys)
    assert world.calls["BatchGetItem"] == 4


def test_rows_that_are_not_written_are_written_again(world: World) -> None:
    many = signals(60)
    asked: list[int] = []

    def leave_all(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
        wanted = json.loads(params["body"])["RequestItems"]
        asked.append(len(wanted[TABLE]))
        processes = len(asked) % 2 == 0
        return None if processes else (SimpleNamespace(status_code=200), {"UnprocessedItems": wanted})

    world.hook("before-call.dynamodb.BatchWriteItem", leave_all)
    world.table.add(many)

    assert asked == [25, 25, 25, 25, 10, 10]
    assert set(world.newest()) == set(many)


def test_a_state_has_room_for_as_many_values_as_a_rule_may_count(world: World) -> None:
    """Long and not ASCII, and not the same in the two generations."""
    values = [
        signal(n, "ü" * 200 + f"{n}", leg="cves", value=f"{n:0>{MAX_VALUE}}".replace("0", "漢"), title="漢" * 256)
        for n in range(3 * MOST_COUNTED)
    ]
    newest = {"cves": tuple(values[:MOST_COUNTED])}
    fired = replace(generation(1, *values[MOST_COUNTED : 2 * MOST_COUNTED]), told=tuple(values[2 * MOST_COUNTED :]))
    assert world.table.save(PairState(PAIR, newest, generation=fired, untold={1: fired}))


def test_a_finding_has_room_for_versions_that_all_say_something_else(world: World) -> None:
    versions = Versions()
    for number in range(MOST_VERSIONS):
        said = frozenset(f"{number:08}{subject:08}" for subject in range(32 * 50))
        versions.add(Version(order(number), said, NOW))
    assert len(versions.known) > 5
    assert world.table.remember(KnownFinding(KEY, versions))


# Related resources


GROUPS = [Pair("rule", resource(id_, GROUP)) for id_ in ("sg-1", "sg-2", "sg-10")]


def test_a_related_resource_has_the_pairs_that_were_attached_to_it(world: World) -> None:
    long, other_rule = Pair("rule", resource("ü" * 600)), Pair("rule-2", resource("i-1"))
    for pair in (PAIR, long, other_rule, PAIR):
        world.table.attach(GROUPS[0], pair)
    world.table.attach(GROUPS[1], PAIR)
    world.table.add([signal(pair=GROUPS[0])])

    assert Counter(world.table.attached(GROUPS[0])) == Counter([PAIR, long, other_rule])
    assert world.table.attached(GROUPS[1]) == [PAIR]
    assert world.table.attached(GROUPS[2]) == world.table.attached(PAIR) == []


def test_what_is_detached_is_attached_no_more(world: World) -> None:
    other = Pair("rule", resource("i-2"))
    for pair in (PAIR, other):
        world.table.attach(GROUPS[0], pair)
    for _ in range(2):
        world.table.detach(GROUPS[0], PAIR)
    world.table.detach(GROUPS[1], PAIR)

    assert world.table.attached(GROUPS[0]) == [other]


def test_more_pairs_than_a_page_may_be_attached(world: World) -> None:
    pairs = [Pair("rule", resource(f"{number:04}" + "x" * 10_000)) for number in range(120)]
    for pair in pairs:
        world.table.attach(GROUPS[0], pair)

    assert set(world.table.attached(GROUPS[0])) == set(pairs)
    assert world.calls["Query"] == 2


def test_what_was_attached_long_ago_is_attached_no_more(world: World) -> None:
    world.table.attach(GROUPS[0], PAIR)
    world.now += RETENTION
    assert world.table.attached(GROUPS[0]) == [PAIR]

    world.now += timedelta(seconds=1)
    assert world.table.attached(GROUPS[0]) == []
    world.table.attach(GROUPS[0], PAIR)
    assert world.table.attached(GROUPS[0]) == [PAIR]


def test_what_stays_related_stays_attached(world: World) -> None:
    live = correlating(world)
    history = [*(weakness(at) for at in (0, 30, 60, 89, 95)), alarm(96, on="sg-1")]
    for version in history:
        live.now = world.now = version.seen_at
        live.see(version)

    assert live_evidence(live) == last_evidence(evaluate(RULE, history, ATTACHED))


# How long it is kept


A_SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("at", [NOW, NOW.replace(microsecond=0), day(-80), day(60)])
def test_signals_expire_ninety_days_after_their_event_time(world: World, at: datetime) -> None:
    world.table.add([signal(at)])
    assert at + RETENTION < world.expiry() <= at + RETENTION + A_SECOND

    world.table.set_aside([signal(at)])
    assert at + RETENTION < world.expiry() <= at + RETENTION + A_SECOND


@pytest.mark.parametrize(
    ("version", "latest"),
    [
        (Version(Order(day(1), day(2), False, ""), frozenset("a"), day(0)), day(2)),
        (Version(Order(day(3), day(2), False, ""), frozenset("a"), day(0)), day(3)),
        (Version(Order(day(1), day(2), False, ""), frozenset("a"), day(4)), day(4)),
        (Version(Order(day(1), day(2), True, ""), frozenset(), None), day(2)),
    ],
)
def test_a_finding_expires_ninety_days_after_the_last_that_is_known_of_it(
    world: World, version: Version, latest: datetime
) -> None:
    first = Version(Order(day(0), day(0), False, ""), frozenset("a"), day(0))
    world.table.remember(KnownFinding(KEY, Versions([first, version])))

    assert latest + RETENTION < world.expiry() <= latest + RETENTION + A_SECOND


def fired(*, newest: float, updated: float) -> Generation:
    return Generation(1, day(0), day(0), day(newest), (), (), day(updated))


@pytest.mark.parametrize(
    ("state", "expiry"),
    [
        (PairState(PAIR), NOW + RETENTION),
        (PairState(PAIR, {"a": (signal(5), signal(4)), "b": (signal(1),), "c": ()}), day(5) + RETENTION),
        (PairState(PAIR, {"a": (signal(5),)}, generation=fired(newest=5, updated=6)), day(6) + KEPT_CLAIM),
        (PairState(PAIR, {"a": (signal(9),)}, generation=fired(newest=8, updated=6)), day(8) + KEPT_CLAIM),
        (PairState(PAIR, {"a": (signal(400),)}, generation=fired(newest=1, updated=1)), day(400) + RETENTION),
    ],
    ids=["nothing known", "signals", "claim", "claim of later evidence", "signals later than the claim"],
)
def test_a_state_expires_ninety_days_after_its_signals_and_not_before_its_claim(
    world: World, state: PairState, expiry: datetime
) -> None:
    world.table.save(state)

    assert expiry < world.expiry() <= expiry + A_SECOND


def test_a_claim_is_kept_four_hundred_days() -> None:
    assert timedelta(days=400) == KEPT_CLAIM


def test_a_link_expires_ninety_days_after_it_was_attached(world: World) -> None:
    world.table.attach(GROUPS[0], PAIR)

    assert world.now + RETENTION < world.expiry() <= world.now + RETENTION + A_SECOND


# What AWS is asked, and refuses


METHODS: dict[str, Callable[[SignalsTable], Any]] = {
    "findings": lambda table: table.findings([KEY]),
    "remember": lambda table: table.remember(KnownFinding(KEY, Versions(list(SHORT.known)))),
    "add": lambda table: table.add([signal()]),
    "newest": lambda table: list(table.newest(PAIR, "alarm")),
    "between": lambda table: list(table.between(PAIR, "alarm", day(0), day(1))),
    "set_aside": lambda table: table.set_aside([signal()]),
    "states": lambda table: table.states([PAIR]),
    "save": lambda table: table.save(PairState(PAIR)),
    "attach": lambda table: table.attach(GROUPS[0], PAIR),
    "detach": lambda table: table.detach(GROUPS[0], PAIR),
    "attached": lambda table: table.attached(GROUPS[0]),
}
READING = ("findings", "newest", "between", "states", "attached")
OPERATIONS = ("BatchGetItem", "BatchWriteItem", "DeleteItem", "PutItem", "Query")


@pytest.mark.parametrize("method", READING)
def test_all_reads_are_consistent(world: World, method: str) -> None:
    asked: list[Any] = []
    world.hook("before-call.dynamodb", lambda params, **_: asked.append(json.loads(params["body"])))
    METHODS[method](world.table)

    assert asked
    for body in asked:
        assert body.get("RequestItems", {}).get(TABLE, body)["ConsistentRead"] is True


@pytest.mark.parametrize("method", METHODS)
def test_a_throttle_is_worth_a_retry_and_a_refusal_is_not(world: World, method: str) -> None:
    for code in ("ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"):
        for operation in OPERATIONS:
            world.refuse(operation, code)
        with pytest.raises(AwsUnavailable, match=f"could not .*: {code}: refused"):
            METHODS[method](world.table)
    for code in ("AccessDeniedException", "ResourceNotFoundException", "ValidationException"):
        for operation in OPERATIONS:
            world.refuse(operation, code)
        with pytest.raises(AwsRefused, match=f"could not .*: {code}: refused") as raised:
            METHODS[method](world.table)
        assert raised.value.code == code
    assert world.rows() == {}


# Correlating on it


def correlating(world: World) -> Correlating:
    live = Correlating(RULE, relations=KnownRelated(RELATED), store=world.table)
    world.now = live.now
    return live


FIRES = [alarm(4.5), weakness(5.5, id_="first")]


@settings(max_examples=30, deadline=None)
@given(HISTORIES)
def test_in_order_every_generation_and_its_evidence_are_those_of_the_definition(
    clients: Clients, history: list[Finding]
) -> None:
    history = list({moment(version): version for version in [*FIRES, *history]}.values())
    history.sort(key=moment)
    with closing(World(*clients)) as world:
        live = correlating(world)
        live.see(*history)
        evidence = live_evidence(live)
    firings = evaluate(RULE, history, ATTACHED)
    event(f"firings: {len(firings)}")
    assert evidence == last_evidence(firings)
    told = [f"correlated/{found.rule}/{found.resource}/{found.generation}" for found in firings]
    assert sorted(live.imported.findings) == sorted(told)

"""The directory: few calls, one fetch an account, stale rather than nothing."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from responder.domain.enrichment.context import AccountContext, Known
from responder.domain.enrichment.directory import Directory
from responder.domain.faults import Permanent, Retryable

START = datetime(2026, 3, 2, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)


class World:
    """Time, an organization, and the table that all containers share."""

    def __init__(self) -> None:
        self.now = START
        self.names: dict[str, str] = {}
        self.failure: Exception | None = None
        self.read: list[str] = []
        self.read_ous: list[str] = []
        self.rows: dict[str, Known] = {}
        self.leases: dict[str, datetime] = {}
        self.ous: dict[str, tuple[str, datetime]] = {}
        self.keeps_ous = True
        self.counted: dict[str, int] = {}
        self.meanwhile: Callable[[], None] = lambda: None

    def directory(self) -> Directory:
        return Directory(
            _Organization(self),
            _Table(self),
            clock=lambda: self.now,
            sleep=self.sleep,
            count=self.count,
            max_age=HOUR,
            patience=timedelta(seconds=25),
        )

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.meanwhile()

    def count(self, name: str, number: int) -> None:
        self.counted[name] = self.counted.get(name, 0) + number


class _Organization:
    def __init__(self, world: World) -> None:
        self.world = world

    def read(self, account: str, ou_name: Callable[[str], str]) -> AccountContext:
        self.world.read.append(account)
        if self.world.failure:
            raise self.world.failure
        return AccountContext(account, self.world.names.get(account, account), "ACTIVE", ("Root", ou_name("ou-prod")))

    def ou_name(self, ou: str) -> str:
        self.world.read_ous.append(ou)
        return "Prod"


class _Table:
    def __init__(self, world: World) -> None:
        self.world = world

    def contexts(self, accounts: object) -> dict[str, Known]:
        return {account: self.world.rows[account] for account in accounts if account in self.world.rows}  # type: ignore[attr-defined]

    def claim(self, accounts: Mapping[str, datetime | None], *, now: datetime, until: datetime) -> list[str]:
        claimed = []
        for account, fetched_at in accounts.items():
            row = self.world.rows.get(account)
            if (row.fetched_at if row else None) == fetched_at and self.world.leases.get(account, START) <= now:
                self.world.leases[account] = until
                claimed.append(account)
        return claimed

    def settle(self, fetched: Collection[Known], given_up: Collection[str]) -> None:
        self.world.rows |= {known.context.account: known for known in fetched}
        for account in (*(known.context.account for known in fetched), *given_up):
            self.world.leases.pop(account, None)

    def ou_name(self, ou: str) -> tuple[str, datetime] | None:
        return self.world.ous.get(ou)

    def keep_ou_name(self, ou: str, name: str, now: datetime) -> None:
        if not self.world.keeps_ous:
            raise Retryable("throttled")
        self.world.ous[ou] = name, now


@pytest.fixture
def world() -> World:
    return World()


def names(found: dict[str, Known | Exception]) -> dict[str, str | None]:
    return {account: known.context.name for account, known in found.items() if isinstance(known, Known)}


def test_an_ou_whose_name_the_table_does_not_take_is_no_failure_of_the_organization(world: World) -> None:
    world.keeps_ous = False
    directory = world.directory()

    assert names(directory.contexts({"A", "B", "C", "D"})) == {"A": "A", "B": "B", "C": "C", "D": "D"}

    assert world.read_ous == ["ou-prod"]
    assert world.counted == {"ContextsFetched": 4, "OUNamesNotKept": 1}


def test_an_account_is_fetched_once_and_its_ou_once_for_all(world: World) -> None:
    first, second = world.directory(), world.directory()

    for directory in (first, first, second):
        assert names(directory.contexts({"A", "B"})) == {"A": "A", "B": "B"}

    assert world.read == ["A", "B"]
    assert world.read_ous == ["ou-prod"]


def test_a_context_is_fetched_again_when_it_is_old(world: World) -> None:
    directory = world.directory()
    directory.contexts({"A"})
    world.names["A"] = "renamed"
    world.now += HOUR - timedelta(seconds=1)
    assert names(directory.contexts({"A"})) == {"A": "A"}

    world.now += timedelta(seconds=1)

    assert names(directory.contexts({"A"})) == {"A": "renamed"}
    assert world.read_ous == ["ou-prod", "ou-prod"]


def test_memory_can_be_passed_by(world: World) -> None:
    directory = world.directory()
    directory.contexts({"A"})
    world.rows["A"] = Known(AccountContext("A", "as another container knows it"), world.now)

    assert names(directory.contexts({"A"})) == {"A": "A"}
    assert names(directory.contexts({"A"}, skip_memory=True)) == {"A": "as another container knows it"}
    assert world.read == ["A"]


def test_a_container_waits_for_the_one_that_fetches(world: World) -> None:
    world.leases["A"] = START + timedelta(seconds=30)

    def other_container() -> None:
        if world.now >= START + timedelta(seconds=5):
            world.rows["A"] = Known(AccountContext("A", "theirs"), world.now)

    world.meanwhile = other_container

    assert names(world.directory().contexts({"A"})) == {"A": "theirs"}
    assert world.read == []
    assert world.now - START < timedelta(seconds=7)


def test_a_container_that_died_while_fetching_is_replaced_when_its_lease_is_over(world: World) -> None:
    world.leases["A"] = START + timedelta(seconds=10)

    assert names(world.directory().contexts({"A"})) == {"A": "A"}
    assert timedelta(seconds=10) <= world.now - START < timedelta(seconds=12)


def test_patience_ends_and_the_events_come_again(world: World) -> None:
    world.leases["A"] = START + timedelta(seconds=300)

    found = world.directory().contexts({"A"})

    assert isinstance(found["A"], Retryable)
    assert world.now - START < timedelta(seconds=27)


@pytest.mark.parametrize("failure", [Retryable("throttled"), Permanent("access denied")], ids=str)
def test_the_last_known_context_is_served_as_stale_while_the_organization_fails(
    world: World, failure: Exception
) -> None:
    world.directory().contexts({"A"})
    world.now += timedelta(days=3)
    world.failure = failure

    found = world.directory().contexts({"A", "B"})

    assert found["A"] == Known(AccountContext("A", "A", "ACTIVE", ("Root", "Prod")), START, is_stale=True)
    assert found["B"] is failure
    assert (world.counted["ContextsStale"], world.counted["ContextsUnavailable"]) == (1, 1)


def test_a_failing_organization_is_left_alone_after_three_accounts(world: World) -> None:
    world.failure = Retryable("throttled")

    found = world.directory().contexts({f"{number:03d}" for number in range(300)})

    assert world.read == ["000", "001", "002"]
    assert all(isinstance(problem, Retryable) for problem in found.values())
    assert world.leases == {}


def test_a_failing_organization_is_left_alone_for_two_minutes_and_then_asked_once(world: World) -> None:
    directory = world.directory()
    directory.contexts({"A", "B", "C"})
    world.now += 2 * HOUR
    world.failure = Retryable("hangs")
    directory.contexts({"A", "B", "C"})
    world.read.clear()

    world.now += timedelta(seconds=100)
    resting = directory.contexts({"A", "B", "C"})
    read_while_resting = list(world.read)
    world.now += timedelta(seconds=30)
    directory.contexts({"A", "B", "C"})

    assert all(isinstance(known, Known) and known.is_stale for known in resting.values())
    assert read_while_resting == []
    assert world.read == ["A"]


def test_an_organization_that_answers_again_is_asked_as_before(world: World) -> None:
    directory = world.directory()
    world.failure = Retryable("throttled")
    directory.contexts({"A", "B", "C"})
    world.now += timedelta(minutes=3)
    world.failure = None

    assert names(directory.contexts({"A", "B", "C", "D"})).keys() == {"A", "B", "C", "D"}


def test_accounts_that_may_not_be_asked_about_keep_nobody_else_waiting(world: World) -> None:
    class Partial(_Organization):
        def read(self, account: str, ou_name: Callable[[str], str]) -> AccountContext:
            if account < "5":
                raise Permanent("access denied")
            return super().read(account, ou_name)

    directory = world.directory()
    directory._organization = Partial(world)

    found = directory.contexts({str(number) for number in range(10)})

    assert names(found).keys() == {"5", "6", "7", "8", "9"}


def test_whoever_fails_keeps_nobody_waiting(world: World) -> None:
    world.failure = Retryable("throttled")
    world.directory().contexts({"A"})
    world.failure = None

    assert names(world.directory().contexts({"A"})) == {"A": "A"}
    assert world.now == START


def test_the_name_of_an_ou_that_another_container_has_fetched_is_not_fetched_again(world: World) -> None:
    one, other = world.directory(), world.directory()
    one.contexts({"A"})
    other.contexts({"B"})
    world.now += 2 * HOUR
    one.contexts({"A"})
    other.contexts({"B"})

    assert world.read_ous == ["ou-prod"] * 2


def test_a_context_that_cannot_be_stored_is_served_nevertheless(world: World) -> None:
    class Full(_Table):
        def settle(self, fetched: Collection[Known], given_up: Collection[str]) -> None:
            raise Retryable("throttled")

    directory = world.directory()
    directory._store = Full(world)

    assert names(directory.contexts({"A"})) == {"A": "A"}


def test_what_was_fetched_before_a_failure_is_kept(world: World) -> None:
    class Flaky(_Organization):
        def read(self, account: str, ou_name: Callable[[str], str]) -> AccountContext:
            if account == "B":
                raise Retryable("throttled")
            return super().read(account, ou_name)

    directory = world.directory()
    directory._organization = Flaky(world)

    assert names(directory.contexts({"A", "B", "C"})) == {"A": "A", "C": "C"}
    assert world.rows.keys() == {"A", "C"}


def test_a_slow_organization_cannot_take_more_than_the_patience(world: World) -> None:
    class Slow(_Organization):
        def read(self, account: str, ou_name: Callable[[str], str]) -> AccountContext:
            world.now += timedelta(seconds=2)
            return super().read(account, ou_name)

    directory = world.directory()
    directory._organization = Slow(world)

    found = directory.contexts({f"{number:03d}" for number in range(100)})

    assert len(names(found)) == 13
    assert all(isinstance(problem, Known | Retryable) for problem in found.values())
    assert (len(world.rows), world.leases) == (13, {})


def test_accounts_that_another_container_fetches_are_left_to_it_and_the_others_fetched_meanwhile(world: World) -> None:
    accounts = [f"{number:03d}" for number in range(25)]
    theirs = accounts[3:20:4]
    world.leases = dict.fromkeys(theirs, START + timedelta(seconds=30))

    def other_container() -> None:
        assert world.rows.keys() == set(accounts) - set(theirs)
        world.rows |= {account: Known(AccountContext(account, "theirs"), world.now) for account in theirs}

    world.meanwhile = other_container
    found = names(world.directory().contexts(accounts))

    assert found == {account: "theirs" if account in theirs else account for account in accounts}
    assert world.read == [account for account in accounts if account not in theirs]


def test_what_was_fetched_is_with_the_others_before_many_more_are(world: World) -> None:
    behind: list[int] = []

    class Watched(_Organization):
        def read(self, account: str, ou_name: Callable[[str], str]) -> AccountContext:
            behind.append(len(world.read) - len(world.rows))
            assert len(world.leases) <= 10
            return super().read(account, ou_name)

    directory = world.directory()
    directory._organization = Watched(world)
    directory.contexts({f"{number:03d}" for number in range(100)})

    assert len(behind) == 100
    assert max(behind) < 10

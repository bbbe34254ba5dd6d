"""The directory of accounts: contexts from memory, else from the table that all containers share, else from AWS.

Guarantees
----------
1. However many containers ask at once, one of them fetches an account; the others wait for it.
2. A context is served for ``max_age`` and then fetched again; OU names likewise, once for all accounts below them.
3. While the organization does not answer, the last known context is served, and says that it is stale.
4. An organization that fails a few times in a row is left alone for a while, and every account gets what is known at
   once; ``patience``, and the fetch that is under way when it ends, bound what one call takes.

A few accounts at a time are claimed, fetched, and stored.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from responder.domain.enrichment.context import Known
from responder.domain.enrichment.ports import ContextStore, Organization
from responder.domain.faults import Permanent, Retryable
from responder.domain.ports import Count

FAILURES_IN_A_ROW = 3
"""Fetches that failed one after the other, until no other is tried for REST. After it, one is."""

REST = timedelta(minutes=2)

LEASE = timedelta(minutes=2)
"""How long a container that dies while it fetches accounts keeps others from them. Longer than ``patience`` and the
last fetch take, which is a few seconds, and up to a minute when the organization hangs."""

TOGETHER = 10
"""Accounts that are claimed and stored in one call. The fewer, the sooner others have what was fetched, and the less is
lost with a container that dies; the more, the fewer calls."""

_LOOK_AGAIN_AFTER = 1.0


class Directory:
    """The contexts of accounts, as seen from one container.

    Parameters
    ----------
    max_age
        How old a context may be to be served as it is.
    patience
        Time after which one call begins no fetch and waits for nobody.
    """

    def __init__(
        self,
        organization: Organization,
        store: ContextStore,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        count: Count,
        max_age: timedelta,
        patience: timedelta,
    ) -> None:
        self._organization = organization
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._count = count
        self._max_age = max_age
        self._patience = patience
        self._memory: dict[str, Known] = {}
        self._ou_names: dict[str, tuple[str, datetime]] = {}
        self._failures = 0
        self._rests_until = datetime.min.replace(tzinfo=UTC)

    def contexts(self, accounts: Collection[str], *, skip_memory: bool = False) -> dict[str, Known | Exception]:
        """The context of each account, or why there is none (Retryable or Permanent).

        ``skip_memory`` asks the shared table even for what this container remembers: another may know better.

        Raises
        ------
        Retryable
            When the shared table cannot be reached.
        """
        found: dict[str, Known | Exception] = {}
        if not skip_memory:
            found |= {account: known for account in accounts if (known := self._remembered(account))}
        missing = sorted(set(accounts) - found.keys())
        if missing:
            found |= self._look_up(missing)
        return found

    def _remembered(self, account: str) -> Known | None:
        known = self._memory.get(account)
        return known if known and self._is_fresh(known.fetched_at) else None

    def _is_fresh(self, moment: datetime) -> bool:
        return self._clock() - moment < self._max_age

    def _look_up(self, accounts: list[str]) -> dict[str, Known | Exception]:
        """What the table has, and from the organization what it lacks."""
        until = self._clock() + self._patience
        old: dict[str, Known] = {}
        problems: dict[str, Exception] = {}
        pending = accounts
        while True:
            stored = self._store.contexts(pending)
            for account, known in stored.items():
                (self._memory if self._is_fresh(known.fetched_at) else old)[account] = known
            pending = [account for account in pending if not (account in stored and self._remembered(account))]
            waiting = []
            for start in range(0, len(pending), TOGETHER):
                if self._has_to_end(until):
                    break
                asked = pending[start : start + TOGETHER]
                claimed = self._claim(asked, old)
                waiting += [account for account in asked if account not in claimed]
                problems |= self._fetch(claimed, until)
            pending = waiting
            if not pending:
                break
            self._sleep(_LOOK_AGAIN_AFTER)
        return {account: self._best(account, old, problems) for account in accounts}

    def _has_to_end(self, until: datetime) -> bool:
        return self._clock() >= until or self._clock() < self._rests_until

    def _claim(self, accounts: list[str], old: dict[str, Known]) -> Collection[str]:
        now = self._clock()
        read = {account: old[account].fetched_at if account in old else None for account in accounts}
        return self._store.claim(read, now=now, until=now + LEASE)

    def _fetch(self, accounts: Collection[str], until: datetime) -> dict[str, Exception]:
        """Fetch accounts that are claimed, and give the claims up. Why it failed for those for which it did."""
        fetched: dict[str, Known] = {}
        problems: dict[str, Exception] = {}
        for account in accounts:
            if self._has_to_end(until):
                break
            try:
                context = self._organization.read(account, self._ou_name)
            except (Retryable, Permanent) as problem:
                self._note_failure(problem)
                problems[account] = problem
            else:
                self._failures = 0
                self._memory[account] = fetched[account] = Known(context, self._clock())
                self._count("ContextsFetched", 1)
        try:
            self._store.settle(fetched.values(), [account for account in accounts if account not in fetched])
        except (Retryable, Permanent) as problem:  # what is fetched is served from memory, and the claims run out
            problems = dict.fromkeys(accounts, problem) | problems
        return problems

    def _note_failure(self, problem: Exception) -> None:
        self._count("ContextsFailed", 1)
        if isinstance(problem, Retryable):  # one that may not be asked about says nothing of the others
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self._rests_until = self._clock() + REST

    def _best(self, account: str, old: dict[str, Known], problems: dict[str, Exception]) -> Known | Exception:
        if known := self._remembered(account):
            return known
        problem = problems.get(account) or Retryable(f"the context of account {account} is not fetched yet")
        if account in old:
            self._count("ContextsStale", 1)
            return Known(old[account].context, old[account].fetched_at, is_stale=True)
        self._count("ContextsUnavailable", 1)
        return problem

    def _ou_name(self, ou: str) -> str:
        for recall in (self._ou_names.get, self._store.ou_name):
            known = recall(ou)
            if known and self._is_fresh(known[1]):
                break
        else:
            known = self._organization.ou_name(ou), self._clock()
            try:
                self._store.keep_ou_name(ou, *known)
            except (Retryable, Permanent):  # the others will ask for themselves; the organization has not failed
                self._count("OUNamesNotKept", 1)
        self._ou_names[ou] = known
        return known[0]

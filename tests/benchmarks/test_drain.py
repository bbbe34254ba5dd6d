"""Token buckets, and the simulation of a queue that drains: against what can be reckoned by hand."""

import pytest

from benchmarks.drain import (
    QUOTAS,
    SECONDS_PER_OTHER_CALL,
    Batch,
    Settings,
    TokenBucket,
    drain_seconds,
    one_by_one_seconds,
    split,
)
from responder.aws.pace import Quota

UPDATE, READ, UNLIMITED = "securityhub:BatchUpdateFindings", "securityhub:GetFindings", "dynamodb:PutItem"


def settings(**changes: object) -> Settings:
    given: dict[str, object] = {
        "batch_size": 10,
        "window_seconds": 0,
        "containers": 1,
        "memory_megabytes": 1769,
        "paces": {},
    }
    return Settings(**(given | changes))  # type: ignore[arg-type]


def last_of(bucket: TokenBucket, calls: int, at: float = 0) -> float:
    return [bucket.take(at) for _ in range(calls)][-1]


@pytest.mark.parametrize(
    ("calls", "seconds"), [(1, 0), (30, 0), (31, 0.1), (130, 10)], ids=["one", "the burst", "one more", "many"]
)
def test_a_bucket_admits_its_burst_at_once_and_then_its_rate(calls: int, seconds: float) -> None:
    assert last_of(TokenBucket(Quota(rate=10, burst=30)), calls) == pytest.approx(seconds)


def test_a_bucket_fills_while_nobody_asks_and_no_further_than_its_burst() -> None:
    bucket = TokenBucket(Quota(rate=10, burst=30))
    last_of(bucket, 30)

    assert bucket.take(0.05) == pytest.approx(0.1)
    assert last_of(bucket, 30, at=1000) == 1000
    assert bucket.take(1000) == pytest.approx(1000.1)


def test_who_asks_earlier_than_the_last_one_was_served_waits_behind_him() -> None:
    bucket = TokenBucket(Quota(rate=2, burst=1))
    assert [bucket.take(at) for at in (0, 0, 0.1)] == pytest.approx([0, 0.5, 1.0])


def test_one_container_makes_the_calls_of_a_batch_one_after_the_other() -> None:
    batches = [Batch([UNLIMITED, UPDATE], own_seconds=1.5)] * 2
    expected = 2 * (1.5 + 0.01 + SECONDS_PER_OTHER_CALL)
    assert drain_seconds(batches, settings()) == pytest.approx(expected)


def test_containers_share_the_batches_and_the_quota() -> None:
    alone = drain_seconds([Batch((), 3.0)] * 10, settings())
    five = drain_seconds([Batch((), 3.0)] * 10, settings(containers=5))
    assert (alone, five) == pytest.approx((30, 6))

    quota = QUOTAS[READ]
    many = drain_seconds([Batch([READ])] * 306, settings(containers=306))
    assert many == pytest.approx((306 - quota.burst) / quota.rate + SECONDS_PER_OTHER_CALL)


def test_the_handlers_pace_is_kept_by_each_container_for_its_share() -> None:
    paced = settings(containers=2, paces={"PutItem": Quota(99, 1), UNLIMITED: Quota(4, 1)})
    # Two a second each, so ten of a batch take from 0 to 4.5 seconds, and the exchange of the last.
    assert drain_seconds([Batch([UNLIMITED] * 10)] * 2, paced) == pytest.approx(4.51)


def test_the_window_counts_once() -> None:
    assert drain_seconds([Batch((), 1.0)] * 3, settings(window_seconds=60)) == pytest.approx(63)
    assert drain_seconds([], settings(window_seconds=60)) == 60


def test_a_function_of_one_event_is_as_slow_as_the_scarcest_of_its_calls() -> None:
    units = QUOTAS["organizations:DescribeOrganizationalUnit"]
    seconds = one_by_one_seconds(1000, ["organizations:DescribeOrganizationalUnit", UPDATE])
    assert seconds == pytest.approx((1000 - units.burst) / units.rate + 2 * SECONDS_PER_OTHER_CALL)


def test_a_batch_is_no_larger_than_its_size_and_what_an_invocation_carries() -> None:
    assert settings(batch_size=250).events_per_batch(1000) == 250
    assert settings(batch_size=2000).events_per_batch(6 * 1024) == 1024
    assert settings(batch_size=2000).events_per_batch(10**9) == 1


def test_own_time_grows_as_the_memory_shrinks_and_shrinks_no_further_than_a_processor() -> None:
    assert settings(memory_megabytes=884.5).own_seconds(1.0, 1000) == pytest.approx(2.0)
    assert settings(memory_megabytes=10_000).own_seconds(1.0, 1000) == pytest.approx(1.0)


def test_the_last_batch_has_what_is_left() -> None:
    sizes: list[int] = []

    def batch(size: int) -> Batch:
        sizes.append(size)
        return Batch(())

    assert len(list(split(25, 10, batch))) == 3
    assert sizes == [10, 10, 5]

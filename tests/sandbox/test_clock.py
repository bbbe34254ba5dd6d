"""Time follows the events; nothing waits."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.clock import Clock, format_time, parse_time

MARCH = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock().start()
    yield clock
    clock.stop()


def test_everything_sees_the_simulated_time(clock: Clock) -> None:
    clock.follow(MARCH)
    assert datetime.now(UTC) == clock.now == MARCH
    assert time.time() == MARCH.timestamp()


def test_it_never_goes_back(clock: Clock) -> None:
    clock.follow(MARCH)
    clock.follow(MARCH - timedelta(days=400))
    assert clock.now == MARCH


def test_it_follows_no_event_into_the_far_future(clock: Clock) -> None:
    clock.follow(MARCH)
    clock.follow(datetime(9999, 12, 31, tzinfo=UTC))
    assert clock.now == MARCH


def test_sleeping_takes_simulated_time_only(clock: Clock) -> None:
    clock.follow(MARCH)
    began = time.perf_counter()
    time.sleep(3600)
    assert clock.now == MARCH + timedelta(hours=1)
    assert time.perf_counter() - began < 1


def test_sleeping_a_negative_time_is_refused_as_ever(clock: Clock) -> None:
    with pytest.raises(ValueError, match="non-negative"):
        time.sleep(-1)


def test_real_time_returns_afterwards() -> None:
    sleep, before = time.sleep, datetime.now(UTC)
    Clock().start().stop()
    assert time.sleep is sleep
    assert timedelta() <= datetime.now(UTC) - before < timedelta(minutes=1)


def test_it_keeps_whole_milliseconds_as_sqs_does(clock: Clock) -> None:
    clock.follow(MARCH + timedelta(microseconds=1999))
    clock.advance(0.0001)
    assert clock.now == MARCH + timedelta(milliseconds=2)


def test_a_deadline_stops_time_where_it_is(clock: Clock) -> None:
    clock.follow(MARCH)
    with clock.deadline(MARCH + timedelta(seconds=3), TimeoutError("too late")):
        time.sleep(2)
        with pytest.raises(TimeoutError):
            time.sleep(2)
        with pytest.raises(TimeoutError):
            time.sleep(0)
    assert clock.now == MARCH + timedelta(seconds=3)
    time.sleep(5)
    assert clock.now == MARCH + timedelta(seconds=8)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T10:00:00Z", MARCH),
        ("2026-03-01T10:00:00.000Z", MARCH),
        ("2026-03-01T12:00:00+02:00", MARCH),
        ("2026-03-01T10:00:00", MARCH),
        ("yesterday", None),
        ("", None),
        ("0001-01-01T00:00:00+14:00", None),
        (1772359200, None),
        (None, None),
    ],
)
def test_parse_time(text: object, moment: datetime | None) -> None:
    assert parse_time(text) == moment


def test_format_time() -> None:
    assert format_time(MARCH) == "2026-03-01T10:00:00Z"
    assert format_time(MARCH + timedelta(milliseconds=5)) == "2026-03-01T10:00:00.005Z"

"""A clock that is not the machine's: what is waited for by it, and that it says so."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.unit.engagement.fakes import NOON, LoopClock, SetClock, bench, run_virtual
from worker.clock import at_pace, sleeping, warn_of_pace
from worker.engagement import Limit, Quota
from worker.model import REAL_TIME, Pace, PostId, Timestamp, first_post_id

FAST = Pace(60.0, Timestamp(NOON))


def test_a_minute_of_a_clock_that_is_sixty_times_as_fast_is_slept_in_a_second() -> None:
    async def slept(pace: Pace) -> float:
        await sleeping(pace)(60.0)
        return asyncio.get_running_loop().time()

    assert run_virtual(slept(FAST)) == 1
    assert run_virtual(slept(REAL_TIME)) == 60


def test_the_quota_s_minute_is_one_of_the_fast_clock() -> None:
    async def taken() -> list[float]:
        quota, times = Quota(Limit.of(6), at_pace(FAST, LoopClock()), sleeping(FAST)), []
        for _ in range(13):
            permit = await quota.take()
            times.append(asyncio.get_running_loop().time())
            permit.end()
        return times

    times = run_virtual(taken())
    assert [round(time * 6) for time in times] == [*range(13)]


def test_how_long_a_request_took_is_told_in_the_machine_s_seconds() -> None:
    async def took() -> float:
        tested = bench(latency=0.25, pace=FAST)
        await tested.ask([PostId(first_post_id(Timestamp(NOON - 60)))])
        return tested.value("toptweets_request_seconds_sum", endpoint="totals")

    assert run_virtual(took()) == pytest.approx(0.25)


def test_a_fast_clock_is_warned_of_and_real_time_is_not() -> None:
    with capture_logs() as logs:
        warn_of_pace(REAL_TIME, SetClock())
        assert not logs
        warn_of_pace(FAST, at_pace(FAST, SetClock(10.0)))
    (told,) = logs
    assert (told["event"], told["log_level"], told["speed"]) == ("clock_is_fast", "warning", 60)
    assert (told["since"], told["tells"]) == ("2025-10-09T12:00:00Z", "2025-10-09T12:10:00Z")

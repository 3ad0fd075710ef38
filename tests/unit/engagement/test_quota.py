"""The quota: paced, never more than the limit in a minute, corrected by what the API says."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.engagement.fakes import NOON, NOON_DATE, LoopClock, SetClock, run_virtual
from worker.engagement import Limit, Quota
from worker.model import Seconds


def quota_of(limit: float) -> tuple[Quota, SetClock]:
    clock = SetClock()
    return Quota(Limit.of(limit), clock), clock


def take(quota: Quota) -> None:
    """One request that is over at once."""
    permit = quota.try_take()
    assert permit is not None
    permit.end()


def test_the_first_permit_is_there_at_once_and_the_next_a_pace_later() -> None:
    quota, clock = quota_of(60)
    take(quota)
    assert quota.try_take() is None
    assert quota.wait() == 1.0
    clock.at = 1.0
    take(quota)


def test_idle_time_saves_up_nothing() -> None:
    quota, clock = quota_of(60)
    take(quota)
    clock.at = 3600.0
    take(quota)
    assert quota.wait() == 1.0


def test_a_request_is_held_until_a_minute_after_its_answer() -> None:
    quota, clock = quota_of(2)
    slow = quota.try_take()
    assert slow is not None
    clock.at = 30.0
    take(quota)
    clock.at = 80.0
    slow.end()
    assert quota.used == 2
    assert quota.try_take() is None
    clock.at = 90.01
    assert quota.used == 1
    take(quota)


def test_while_all_are_in_flight_it_is_looked_at_again_soon() -> None:
    quota, clock = quota_of(1)
    permit = quota.try_take()
    assert permit is not None
    clock.at = 1000.0
    assert 0 < quota.wait() <= 1
    permit.end()
    assert quota.wait() == pytest.approx(60, abs=0.01)


def test_a_permit_ends_once() -> None:
    quota, clock = quota_of(60)
    permit = quota.try_take()
    assert permit is not None
    permit.end()
    permit.end()
    assert quota.used == 1
    clock.at = 61.0
    assert quota.used == 0


def test_a_lower_limit_of_the_api_is_kept_and_a_higher_one_is_not_believed() -> None:
    quota, _ = quota_of(60)
    quota.learn({"x-per-minute-limit": "30"})
    assert quota.limit.rate == 30
    quota.learn({"x-per-minute-limit": "600"})
    assert quota.limit.rate == 60


@pytest.mark.parametrize("text", ["0", "-5", "", "many", "60, 60", "9" * 5000, "1e3"])
def test_a_limit_that_is_none_changes_nothing(text: str) -> None:
    quota, _ = quota_of(60)
    quota.learn({"x-per-minute-limit": text})
    assert quota.limit.rate == 60


def test_after_a_lower_limit_it_waits_until_the_minute_holds_less() -> None:
    quota, clock = quota_of(60)
    for second in range(20):
        clock.at = float(second)
        take(quota)
    quota.learn({"x-per-minute-limit": "10"})
    # The requests of the seconds 0 to 10 must have left the minute: then nine are held.
    assert clock.at + quota.wait() == pytest.approx(70, abs=0.01)
    clock.at = 70.01
    assert quota.used == 9
    take(quota)


def test_nothing_remaining_waits_for_the_reset_by_the_servers_clock() -> None:
    quota, clock = quota_of(60)
    clock.at = 500.0
    headers = {
        "x-per-minute-remaining": "0",
        "x-per-minute-reset": str(int(NOON) + 20),
        "date": NOON_DATE,
    }
    quota.learn(headers)
    assert quota.wait() == 20.0


def test_nothing_remaining_without_a_reset_waits_a_pace() -> None:
    quota, _ = quota_of(60)
    quota.learn({"x-per-minute-remaining": "0"})
    assert quota.wait() == 1.0
    quota.learn({"x-per-minute-remaining": "-1", "x-per-minute-reset": "soon"})
    assert quota.wait() == 1.0


@pytest.mark.parametrize("remaining", [None, "", "none", "0.0", "7"])
def test_headers_that_do_not_say_that_nothing_remains_hold_nothing(remaining: str | None) -> None:
    quota, _ = quota_of(60)
    headers = {"x-per-minute-reset": str(int(NOON) + 20)}
    quota.learn(headers if remaining is None else headers | {"x-per-minute-remaining": remaining})
    assert quota.wait() == 0.0


def test_a_hold_is_kept_and_a_shorter_one_does_not_end_it() -> None:
    quota, clock = quota_of(60)
    quota.hold(Seconds(30.0))
    quota.hold(Seconds(5.0))
    assert quota.wait() == 30.0
    clock.at = 30.0
    take(quota)


def test_a_hold_has_a_bound() -> None:
    quota, _ = quota_of(60)
    quota.hold(Seconds(1e12))
    assert quota.wait() == 900.0


@pytest.mark.parametrize(("rate", "span"), [(0.25, 240), (0.05, 1200), (1.5, 40)])
def test_below_two_a_minute_there_is_one_request_in_a_span_after_its_answer(rate: float, span: float) -> None:
    quota, clock = quota_of(rate)
    permit = quota.try_take()
    assert permit is not None
    clock.at = 3.0
    permit.end()
    assert quota.wait() == pytest.approx(span, abs=0.01)
    clock.at = span + 2.9
    assert quota.try_take() is None
    assert quota.used == 1
    clock.at = span + 3.01
    take(quota)


def test_an_api_that_counts_whole_minutes_raises_no_limit_below_one_and_lowers_those_above() -> None:
    quota, _ = quota_of(0.25)
    quota.learn({"x-per-minute-limit": "1"})
    assert quota.limit == quota.contract
    quota, _ = quota_of(2.5)
    quota.learn({"x-per-minute-limit": "2"})
    assert quota.limit == Limit(2, Seconds(60))
    quota.learn({"x-per-minute-limit": "3"})
    assert quota.limit == Limit(2, Seconds(48))


def test_a_lower_limit_counts_what_was_asked_before_in_a_whole_minute() -> None:
    quota, clock = quota_of(2.5)
    for at in (0.0, 25.0):
        clock.at = at
        take(quota)
    clock.at = 50.0
    # Of 48 s the first request is no part any more.
    assert quota.used == 1
    quota.learn({"x-per-minute-limit": "2"})
    assert quota.used == 2
    assert clock.at + quota.wait() == pytest.approx(60, abs=0.01)


def test_what_left_every_span_is_forgotten() -> None:
    quota, clock = quota_of(2.5)
    for number in range(100):
        clock.at = number * 25.0
        take(quota)
    assert max(len(span._ended) for span in quota._spans.values()) <= 3  # noqa: SLF001 -- memory is no behaviour


def test_that_our_own_requests_left_nothing_costs_no_more_time() -> None:
    quota, clock = quota_of(0.25)
    take(quota)
    said = {"x-per-minute-limit": "1", "x-per-minute-remaining": "0", "date": NOON_DATE}
    quota.learn(said | {"x-per-minute-reset": str(int(NOON) + 500)})
    assert quota.wait() == pytest.approx(240, abs=0.01)
    clock.at = 300.0
    # Somebody else used it up.
    quota.learn(said | {"x-per-minute-reset": str(int(NOON) + 230)})
    assert quota.wait() == 230.0


def test_a_hold_may_be_as_long_as_the_span() -> None:
    quota, _ = quota_of(0.05)
    quota.hold(Seconds(1190.0))
    assert quota.wait() == 1190.0
    quota.hold(Seconds(1e12))
    assert quota.wait() == 1201.0


def test_many_who_wait_take_turns_at_the_pace() -> None:
    async def taken_at() -> list[float]:
        quota, loop = Quota(Limit.of(60), LoopClock()), asyncio.get_running_loop()
        times: list[float] = []

        async def one() -> None:
            permit = await quota.take()
            times.append(loop.time())
            await asyncio.sleep(0.3)
            permit.end()

        await asyncio.gather(*(one() for _ in range(5)))
        return times

    assert run_virtual(taken_at()) == pytest.approx([0, 1, 2, 3, 4])

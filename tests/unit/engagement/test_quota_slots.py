"""The quota of a worker among others: a permit needs a slot, and leaves in it or not at all."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.unit.engagement.fakes import POSTS, TOKEN, SetClock, bench, own_all, reply, run_virtual
from worker.engagement import AppOnlyAuth, Limit, Quota, Slots
from worker.model import Seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.engagement.fakes import Bench
    from worker.engagement.quota import Permit

HEADROOM = Seconds(2.0)


def quota_of(limit: float = 62, own: Sequence[int] = (0, 1, 2, 3)) -> tuple[Quota, SetClock]:
    """A quota with the slots of these partitions. Of 62, slot n is second n."""
    clock = SetClock()
    slots = Slots(Limit.of(limit), 4, HEADROOM, clock)
    slots.own(own)
    slots.renew(Seconds(1e9))
    clock.at = 1.0
    return Quota(Limit.of(limit), clock, slots=slots), clock


def take(quota: Quota) -> Permit:
    permit = quota.try_take()
    assert permit is not None
    return permit


def used_in(quota: Quota, clock: SetClock, seconds: float, latency: float = 0.0, step: float = 0.25) -> int:
    """Requests of who asks whenever it may."""
    under_way: list[tuple[float, Permit]] = []
    sent = 0
    end = clock.at + seconds
    while clock.at < end:
        while under_way and under_way[0][0] <= clock.at:
            under_way.pop(0)[1].end()
        while (permit := quota.try_take()) is not None:
            under_way.append((clock.at + latency, permit))
            sent += 1
        clock.at += step
    for _, permit in under_way:
        permit.end()
    return sent


def test_slots_are_the_pace() -> None:
    quota, clock = quota_of()
    take(quota).end()
    assert quota.wait() == 1.0
    assert quota.try_take() is None
    clock.at = 2.0
    take(quota)


def test_without_slots_it_waits_and_looks_again() -> None:
    async def asked() -> float:
        loop = asyncio.get_running_loop()
        tested = bench(limit=62, slots=True)
        slots = tested.quota.slots
        assert slots is not None
        slots.disown(range(3))
        assert tested.quota.wait() == math.inf
        loop.call_later(100, own_all, slots)
        await tested.quota.take()
        return loop.time()

    assert 101 <= run_virtual(asked()) <= 103


def test_the_share_goes_with_the_partitions_and_the_limit() -> None:
    quota, _ = quota_of(limit=60, own=(2,))
    assert quota.share == 15.0
    assert quota.limit.rate == 60
    quota.learn({"x-per-minute-limit": "30"})
    assert quota.share == 7.5


def test_answers_within_the_headroom_cost_no_slot() -> None:
    quota, clock = quota_of()
    assert used_in(quota, clock, 620, latency=1.5) == 620


def test_late_answers_hold_back_as_many_slots() -> None:
    quota, clock = quota_of()
    used_in(quota, clock, 200, latency=20)
    # A request is held for 80 s in place of 62.
    assert used_in(quota, clock, 800, latency=20) == pytest.approx(800 * 62 / 80, rel=0.03)


def test_late_answers_hold_back_the_share_only() -> None:
    quota, clock = quota_of(own=(0, 1))
    used_in(quota, clock, 200, latency=20)
    assert used_in(quota, clock, 800, latency=20) == pytest.approx(400 * 62 / 80, rel=0.05)


def test_partitions_that_go_do_not_hold_back_those_that_stay() -> None:
    quota, clock = quota_of()
    used_in(quota, clock, 100)
    slots = quota.slots
    assert slots is not None
    slots.disown([2, 3])
    assert used_in(quota, clock, 20) == 10


def test_a_learned_limit_thins_the_slots_evenly() -> None:
    quota, clock = quota_of()
    quota.learn({"x-per-minute-limit": "31"})
    assert used_in(quota, clock, 620) == 310
    quota.learn({"x-per-minute-limit": "62"})
    assert used_in(quota, clock, 62) >= 60


def test_a_hold_is_not_caught_up() -> None:
    quota, clock = quota_of(limit=620)
    quota.hold(Seconds(10.0))
    assert quota.wait() >= 10.0
    clock.at += 10.0
    clock.at += quota.wait()
    assert len([*iter(quota.try_take, None)]) == 1


def test_of_one_request_in_four_minutes_each_slot_is_used_though_every_answer_says_0_remain() -> None:
    quota, clock = quota_of(limit=0.25)
    at: list[float] = []
    while clock.at < 3000:
        clock.at += quota.wait() + 0.001
        permit = take(quota)
        at.append(clock.at)
        clock.at += 1.5
        permit.end()
        now = int(clock.now())
        quota.learn(
            {"x-per-minute-limit": "1", "x-per-minute-remaining": "0", "x-per-minute-reset": str(now + 242)}
        )
    assert [after - before for before, after in pairwise(at)] == pytest.approx([242] * (len(at) - 1), abs=0.5)


def test_a_limit_per_second_is_shared_too() -> None:
    quota, clock = quota_of(limit=6200, own=(0, 1))
    quota.learn({"x-per-second-limit": "10"})
    assert used_in(quota, clock, 20, step=0.01) == pytest.approx(100, abs=5)


def test_a_permit_is_fresh_until_half_the_headroom_after_its_slot_began() -> None:
    quota, clock = quota_of()
    permit = take(quota)
    clock.at = 2.0
    assert permit.fresh()
    clock.at = 2.01
    assert not permit.fresh()


def test_a_permit_that_is_given_back_is_not_held_and_its_slot_stays_used() -> None:
    quota, _ = quota_of()
    permit = take(quota)
    assert quota.used == 1
    permit.give_back()
    assert quota.used == 0
    assert not permit.fresh()
    permit.end()
    permit.give_back()
    assert quota.used == 0
    assert quota.try_take() is None


def test_a_permit_without_slots_is_always_fresh() -> None:
    clock = SetClock()
    permit = take(Quota(Limit.of(60), clock))
    clock.at = 1e6
    assert permit.fresh()
    permit.end()
    assert not permit.fresh()


# The client


def test_a_request_whose_slot_was_over_waits_for_another_and_counts_once() -> None:
    async def asked() -> Bench:
        # A slot every 2 s, and fetching the token takes longer than one may be used.
        tested = bench(
            reply(200, {"token_type": "bearer", "access_token": TOKEN}),
            limit=31,
            latency=1.5,
            slots=True,
            credentials=lambda api: AppOnlyAuth("http://api.example/token", "key", "secret", api),
        )
        await tested.ask(POSTS)
        assert tested.quota.used == 1
        return tested

    tested = run_virtual(asked())
    token, request = tested.api.sent
    assert token.url.endswith("token")
    assert [token.at, request.at] == pytest.approx([2.0, 4.0], abs=0.01)
    assert tested.requests("200") == 1


def test_each_try_leaves_in_a_slot_of_its_own() -> None:
    async def asked() -> list[float]:
        tested = bench(reply(500, b""), reply(500, b""), limit=10, slots=True)
        await tested.ask(POSTS)
        assert tested.quota.used == 3
        return [sent.at for sent in tested.api.sent]

    first, second, third = run_virtual(asked())
    assert [second - first, third - second] == pytest.approx([6.2, 6.2], abs=1.0)

"""The quota over several workers: they come, go, freeze and wake; no rolling span of the API has more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.group_world import ROUNDING, Terms, World, most_in
from worker.engagement import Limit

if TYPE_CHECKING:
    from tests.property.group_world import SimWorker

LASTING = {
    0.05: 7000.0,
    0.25: 3000.0,
    1: 900.0,
    1.5: 900.0,
    2: 900.0,
    2.5: 900.0,
    7: 600.0,
    60: 300.0,
    600: 150.0,
    6000: 75.0,
}
"""Seconds that are simulated under a limit of so many requests a minute."""
RATES = [*LASTING]

HAPPENINGS = st.tuples(
    st.floats(0.02, 1),
    st.sampled_from(["move", "move", "kill", "start", "restart", "freeze", "suspend", "idle", "step"]),
    st.integers(0, 30),
    st.floats(0, 1),
)


@st.composite
def worlds(draw: st.DrawFn, rate: float) -> World:
    """Workers whose clocks and network are as bad as the headroom allows, together."""
    headroom = draw(st.sampled_from([0.2, 2.0, 6.0]))
    skew = draw(st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)) * headroom / 4
    return World(
        Terms(
            rate=rate,
            partitions=draw(st.sampled_from([1, 3, 12, 16])),
            headroom=headroom,
            skew=skew,
            latency=draw(st.sampled_from([0.5, 0.9, 3.0])) * headroom,
            counted=max(0.0, headroom / 2 - 2 * skew - ROUNDING),
            lag=draw(st.sampled_from([0.5, 1.5])) * headroom,
        ),
        draw(st.integers(0, 2**32)),
    )


def happen(world: World, kind: str, number: int, how_much: float) -> None:
    living = [worker for worker in world.workers if worker.alive]
    if kind == "start" or not living:
        if len(living) < 5:
            world.start()
        return
    worker = living[number % len(living)]
    match kind:
        case "move":
            world.move(number % world.terms.partitions, worker)
        case "kill":
            worker.alive = False
        case "restart":
            world.restart(worker)
        case "freeze":
            # Half of these outlast the session: the worker wakes as a zombie.
            worker.frozen_until = max(worker.frozen_until, world.at + how_much * 2 * world.terms.session)
        case "suspend":
            # The whole machine sleeps, and its monotonic clock stands.
            slept = how_much * 2 * world.terms.session
            worker.frozen_until = max(worker.frozen_until, world.at + slept)
            worker.clock.booted -= slept
        case "idle":
            worker.idle_until = world.at + how_much * 60
        case "step":
            worker.clock.skew = (2 * how_much - 1) * world.terms.skew


def check_limit(world: World) -> None:
    limit = world.terms.limit
    assert most_in(limit.seconds, world.counted) <= limit.requests


def check(world: World) -> None:
    check_limit(world)
    numbers = Counter(slot.number for slot in world.taken)
    assert [number for number, times in numbers.items() if times > 1] == []


def simulate(world: World, workers: int, happenings: list[tuple[float, str, int, float]]) -> None:
    lasting = LASTING[world.terms.rate]
    for _ in range(workers):
        world.start()
    for at, kind, number, how_much in sorted(happenings):
        world.run(at * lasting)
        happen(world, kind, number, how_much)
    world.run(lasting)
    check(world)


def lives(rate: float, examples: int) -> None:
    @settings(deadline=None, max_examples=examples)
    @given(worlds(rate), st.integers(1, 5), st.lists(HAPPENINGS, max_size=30))
    def lived(world: World, workers: int, happenings: list[tuple[float, str, int, float]]) -> None:
        simulate(world, workers, happenings)

    lived()


@pytest.mark.parametrize(
    ("rate", "examples"),
    [
        *((0.05, 5), (0.25, 30), (1, 150), (1.5, 40), (2, 150), (2.5, 40)),
        *((7, 100), (60, 60), (600, 15), (6000, 4)),
    ],
)
def test_whatever_workers_do_no_rolling_span_has_more_than_the_limit(rate: float, examples: int) -> None:
    lives(rate, examples)


@pytest.mark.parametrize("kind", ["freeze", "suspend"])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_who_wakes_when_its_partitions_are_anothers_uses_no_slot_of_theirs(
    kind: str, data: st.DataObject
) -> None:
    world = data.draw(worlds(data.draw(st.sampled_from([60, 600]))))
    for _ in range(data.draw(st.integers(2, 5))):
        world.start()
    for number in range(6):
        world.run(20 + 15 * number + data.draw(st.floats(0, 3)))
        happen(world, kind, number, data.draw(st.floats(0.5, 1)))
    world.run(130)
    check(world)


def calm(rate: float, workers: int, partitions: int, latency: float, seed: int) -> World:
    headroom = 2.0
    terms = Terms(rate, partitions, headroom, 0.0, latency * headroom, headroom / 2 - ROUNDING, lag=0.02)
    world = World(terms, seed)
    for _ in range(workers):
        world.start()
    return world


@pytest.mark.parametrize("rate", RATES)
@given(data=st.data())
@settings(deadline=None, max_examples=6)
def test_while_all_is_calm_and_there_is_work_hardly_a_slot_is_left(rate: float, data: st.DataObject) -> None:
    workers, partitions = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([1, 3, 12, 16]))
    world = calm(rate, workers, partitions, data.draw(st.floats(0, 0.95)), data.draw(st.integers(0, 999)))
    settled, lasting = 70.0, LASTING[rate] + 100.0
    world.run(lasting)
    used = sum(1 for at in world.taken_at if at >= settled)
    slots = (lasting - settled) * world.terms.limit.requests / world.terms.span
    assert used >= 0.97 * (slots - 1)
    check(world)


@pytest.mark.parametrize("rate", [0.25, 1, 2.5])
@given(workers=st.integers(1, 5), partitions=st.sampled_from([1, 3, 12]), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=6)
def test_below_and_above_one_a_minute_each_partition_has_its_slots_and_nobody_starves(
    rate: float, workers: int, partitions: int, seed: int
) -> None:
    world = calm(rate, workers, partitions, latency=0.5, seed=seed)
    world.run(10 + 2 * partitions * world.terms.span / world.terms.limit.requests)
    used = Counter(slot.number % partitions for slot in world.taken)
    assert [number for number in range(partitions) if not 1 <= used[number] <= 3] == []
    owners = {id(owner) for owner in world.owners.values()}
    assert sum(worker.quota.share > 0 for worker in world.workers) == len(owners)
    assert sum(worker.quota.share for worker in world.workers) == pytest.approx(rate)
    check(world)


@pytest.mark.parametrize("rate", [0.05, 0.25, 1, 1.5, 2, 2.5, 7, 60, 600])
@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_one_worker_keeps_the_limit_whatever_the_latency_and_however_its_clock_is_set(
    rate: float, data: st.DataObject
) -> None:
    headroom = data.draw(st.sampled_from([0.2, 2.0, 6.0]))
    spans = st.floats(0, 3.5).map(lambda spans: spans * Limit.of(rate).seconds)
    latency = data.draw(st.sampled_from([0.5, 5.0, 59.0, 61.0, 200.0]) | spans)
    terms = Terms(rate, data.draw(st.sampled_from([1, 12])), headroom, 0.0, latency, latency, lag=headroom)
    world = World(terms, data.draw(st.integers(0, 2**32)))
    worker = world.start()
    happenings = st.tuples(
        st.floats(0, 1),
        st.sampled_from(["step", "freeze", "idle", "told", "held"]),
        st.sampled_from([-86_400.0, -90.0, -30.0, -1.0, 0.3, 5.0, 59.0, 3600.0]) | st.floats(-200, 200),
    )
    lasting = LASTING[rate]
    for at, kind, how_much in sorted(data.draw(st.lists(happenings, max_size=12))):
        world.run(at * lasting)
        trouble(worker, kind, how_much)
    world.run(lasting)
    check_limit(world)
    check_used_once_in_a_span(world)


def trouble(worker: SimWorker, kind: str, how_much: float) -> None:
    now = worker.world.at
    match kind:
        case "step":
            worker.clock.skew += how_much
        case "freeze":
            worker.frozen_until = now + min(abs(how_much), 90.0)
        case "idle":
            worker.idle_until = now + min(abs(how_much), 90.0)
        case "told":
            worker.quota.learn({"x-per-minute-limit": str(int(abs(how_much)) + 1)})
        case "held":
            worker.quota.learn({"x-per-minute-remaining": "0"})


def check_used_once_in_a_span(world: World) -> None:
    """A slot of a wrong time may come again when the time is right, but not within a span."""
    last: dict[int, float] = {}
    for slot, at in zip(world.taken, world.taken_at, strict=True):
        assert at - last.get(slot.start, -1e9) >= world.terms.limit.seconds
        last[slot.start] = at

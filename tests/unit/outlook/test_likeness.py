"""The world that is simulated is like the one that was counted, and no larger than there is time for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.outlook.making import DAY, SMALL, census
from worker.outlook.likeness import BUDGETS, MOST_POSTS, MOST_REQUESTS, likeness
from worker.outlook.runs import Done, simulate


def requests(posts: int, rate: float, per_minute: float) -> float:
    """Of a run at the contract."""
    plan = likeness(census(posts=posts, posts_per_hour=rate, requests_per_minute=per_minute)).plan
    return plan.requests_per_minute[0] * 60 * (plan.hours + plan.warm_up)


def test_a_small_world_is_simulated_as_it_is() -> None:
    made = likeness(census())
    arrivals = made.plan.world.arrivals
    assert made.scale == 1.0
    assert (arrivals.live_posts, arrivals.window, arrivals.campaigns) == (10_000, DAY, 3)
    assert [share for _, share in arrivals.shares] == pytest.approx([0.4, 0.2, 0.1, 0.3])
    assert arrivals.shares[-1][0] == ()
    assert made.plan.requests_per_minute == (0.25,)
    assert (made.plan.warm_up, made.plan.hours) == (24.0, 3.0)
    assert made.plan.world.growing.half_growth == made.plan.half_growth == 4800.0
    assert made.plan.habits.timing.min_interval == 15.0


def test_a_large_one_has_fewer_posts_and_as_many_fewer_requests() -> None:
    made = likeness(census(posts=200_000, posts_per_hour=200_000 / 24, requests_per_minute=1.0))
    assert made.scale == pytest.approx(0.1)
    assert made.plan.world.arrivals.live_posts == MOST_POSTS
    assert made.plan.requests_per_minute[0] == pytest.approx(0.1)
    assert made.requests_per_minute(4.0) == pytest.approx(0.4)


def test_many_requests_scale_a_world_down_too() -> None:
    assert requests(20_000, 20_000 / 24, 5.0) == pytest.approx(MOST_REQUESTS)
    assert likeness(census(posts=20_000, posts_per_hour=20_000 / 24, requests_per_minute=5.0)).scale < 0.5


def test_a_stream_of_an_hour_is_a_world_of_an_hour() -> None:
    plan = likeness(census(posts=500, posts_per_hour=500.0)).plan
    assert plan.world.arrivals.window == 3600.0
    assert (plan.warm_up, plan.hours) == (1.0, 1.0)


def test_a_stream_that_dried_up_keeps_its_posts() -> None:
    arrivals = likeness(census(posts_per_hour=0.0)).plan.world.arrivals
    assert (arrivals.live_posts, arrivals.window) == (10_000, DAY)


def test_posts_in_several_campaigns_count_for_one_each() -> None:
    shares = likeness(census(posts=1000, campaigns=(900, 600))).plan.world.arrivals.shares
    assert [share for _, share in shares] == pytest.approx([0.6, 0.4, 0.0])


def test_a_contract_below_one_a_minute_is_as_good_as_any() -> None:
    assert likeness(census(requests_per_minute=0.05)).requests_per_minute(0.25) == pytest.approx(0.0125)


@given(
    posts=st.integers(100, 2_000_000),
    rate=st.floats(0, 1e7),
    window=st.floats(60, 30 * DAY),
    per_minute=st.floats(0.01, 10_000),
    campaigns=st.lists(st.integers(1, 2_000_000), max_size=300),
)
def test_whatever_was_counted_the_world_is_bounded_and_as_tight(
    posts: int, rate: float, window: float, per_minute: float, campaigns: list[int]
) -> None:
    made = likeness(
        census(
            posts=posts,
            posts_per_hour=rate,
            window=window,
            requests_per_minute=per_minute,
            campaigns=tuple(sorted(campaigns, reverse=True)),
        )
    )
    arrivals = made.plan.world.arrivals
    assert 0 < made.scale <= 1
    assert min(posts, 999) <= arrivals.live_posts <= MOST_POSTS
    assert 0 < arrivals.window <= window
    # As many requests a Post as there are in truth.
    tight = made.plan.requests_per_minute[0] / (posts * made.scale)
    assert tight == pytest.approx(per_minute / posts)
    assert sum(share for _, share in arrivals.shares) == pytest.approx(1)
    assert arrivals.campaigns == len(arrivals.shares) - 1 <= 50


def test_each_budget_is_run_in_one_world_before_any_in_the_next() -> None:
    tasks = list(likeness(census()).tasks())
    assert [task.budget for task in tasks[: len(BUDGETS)]] == [1.0, 0.5, 2.0, 0.25, 4.0]
    assert [task.seed for task in tasks] == [1] * 5 + [2] * 5 + [3] * 5


def test_more_requests_are_no_worse_in_it() -> None:
    lines = simulate(SMALL.to_json())
    found = {one.task.budget: one.outcome for one in map(Done.from_json, (next(lines) for _ in BUDGETS))}
    assert found.keys() == set(BUDGETS)
    assert 0 < found[0.25].recall < found[4.0].recall <= 1
    assert found[0.25].shown_error_mean > found[4.0].shown_error_mean
    assert found[4.0].requests == pytest.approx(16 * found[0.25].requests, rel=0.1)


def test_posts_outside_of_all_campaigns_are_in_none() -> None:
    population = likeness(census()).plan.world.populate(1, 0.0, DAY)
    none = sum(population.campaigns_of(post) == () for post in range(len(population)))
    assert none / len(population) == pytest.approx(0.3, abs=0.05)
    first = len(population.members(population.campaigns[0])) / len(population)
    assert first == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("tail", [0.7, 1.1])
def test_however_large_posts_become_their_counts_fit_in_memory(tail: float) -> None:
    world = likeness(census(least_size=1e5, size_tail=tail)).plan.world
    assert world.sizes.most_in_all == 2e6
    population = world.populate(1, -DAY, 0.0)
    everyone = population.members(population.campaigns[0])
    assert population.counts(everyone, 1e6)[:, 0].sum() < 2.1e6

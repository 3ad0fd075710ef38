"""Whose turn it is: by weight, and by how full a request is; nobody starves, and nobody saves up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.catalogue import Endpoint
from worker.engagement import Query
from worker.model import MetricName
from worker.routes import Route, Turns

if TYPE_CHECKING:
    from worker.planner import Planner
    from worker.watchlist import Lane

TOTALS = Query(Endpoint.TOTALS, (MetricName("favorites"),))
RECENT = Query(Endpoint.LAST_28H, (MetricName("favorites"),))


def route(query: Query = TOTALS, weight: float = 1.0) -> Route:
    return Route(cast("Lane", object()), cast("Planner", object()), query, weight=weight)


def served(turns: Turns, requests: int, seats: dict[int, int]) -> Counter[int]:
    """How often each route went first, when those in ``seats`` always have so many Posts to ask for."""
    counted: Counter[int] = Counter()
    for _ in range(requests):
        first = next(one for one in turns.in_order() if turns.routes.index(one) in seats)
        number = turns.routes.index(first)
        turns.taken(first, seats[number])
        counted[number] += 1
    return counted


def test_routes_with_equal_weights_and_full_requests_take_turns() -> None:
    assert served(Turns([route(), route(), route()]), 30, {0: 250, 1: 250, 2: 250}) == {0: 10, 1: 10, 2: 10}


@pytest.mark.parametrize(("share", "expected"), [(0.25, 25), (0.5, 50), (0.1, 10)])
def test_the_last_28_hours_get_their_share(share: float, expected: int) -> None:
    turns = Turns([route(), route(RECENT, share / (1 - share))])
    assert served(turns, 100, {0: 250, 1: 25})[1] == pytest.approx(expected, abs=1)


def test_a_route_with_few_posts_waits_longer_and_not_for_ever() -> None:
    counted = served(Turns([route(), route()]), 110, {0: 250, 1: 1})
    assert counted[1] == pytest.approx(10, abs=1)


@pytest.mark.parametrize(("times", "expected"), [(1.0, 100), (3.0, 150), (1000.0, 167)])
def test_requests_that_are_worth_more_go_more_often_within_bounds(times: float, expected: int) -> None:
    turns = Turns([route(), route()])
    counted: Counter[int] = Counter()
    for _ in range(200):
        first = turns.in_order()[0]
        number = turns.routes.index(first)
        turns.taken(first, 250, 7.0 * (times if number == 0 else 1.0))
        counted[number] += 1
    assert counted[0] == pytest.approx(expected, abs=6)
    assert counted[1] > 0


def test_where_nothing_is_worth_anything_all_take_turns() -> None:
    turns = Turns([route(), route()])
    for _ in range(10):
        turns.taken(turns.in_order()[0], 250, 0.0)
    assert turns.routes[0].turn == turns.routes[1].turn


def test_a_route_that_had_nothing_to_ask_saves_nothing_up() -> None:
    turns = Turns([route(), route()])
    assert served(turns, 50, {0: 250}) == {0: 50}
    assert served(turns, 20, {0: 250, 1: 250})[1] <= 11


@given(
    st.lists(st.tuples(st.floats(0.1, 10), st.integers(1, 250)), min_size=1, max_size=6),
    st.lists(st.sets(st.integers(0, 5), min_size=1), min_size=1, max_size=200),
)
def test_who_always_has_something_to_ask_is_served_again_within_a_bound(
    routes: list[tuple[float, int]], ready: list[set[int]]
) -> None:
    turns = Turns([route(weight=weight) for weight, _ in routes])
    costs = [1 / (weight * max(seats / 250, 0.1)) for weight, seats in routes]
    waited = 0
    bound = sum(1 + costs[0] / cost for cost in costs)
    for others in ready:
        now = {0, *(number for number in others if number < len(routes))}
        first = next(one for one in turns.in_order() if turns.routes.index(one) in now)
        number = turns.routes.index(first)
        turns.taken(first, routes[number][1])
        waited = 0 if number == 0 else waited + 1
        assert waited <= bound

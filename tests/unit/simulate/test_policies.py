"""The simple policies ask for what they rank first, and share a ranking where requests are frequent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.watchlist.making import HOUR, NOW, OLD_ID, counts, later, post, sighting, watchlist
from worker.model import PostId, Seconds, Standings, Timestamp
from worker.planner import TimingSettings
from worker.simulate.policies import Ranked, age_decay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.model import FloatArray
    from worker.watchlist import Watchlist

SEATS = 3
NOBODY = Standings({})


class Bench:
    """Ranks Posts by their number, the highest first, and counts how often it does."""

    def __init__(self, count: int) -> None:
        self.columns = SimpleNamespace(
            post_ids=np.arange(1, count + 1),
            states=np.full(count, 2, dtype=np.int8),
            in_flight=np.zeros(count, dtype=bool),
        )
        self.posts: Any = SimpleNamespace(columns=self.columns)
        self.ranked = 0
        self.policy = Ranked(self._rank)

    def _rank(self, _now: float, posts: Any, rows: NDArray[np.intp]) -> FloatArray:
        self.ranked += 1
        ids: FloatArray = posts.columns.post_ids[rows].astype(float)
        return ids

    def asks(self, now: float) -> list[int]:
        return sorted(self.policy.plan(Timestamp(now), self.posts, NOBODY, SEATS).post_ids, reverse=True)


def test_those_that_rank_first_are_asked_each_time() -> None:
    bench = Bench(30)
    assert bench.asks(0.0) == [30, 29, 28]
    bench.columns.in_flight[29] = True
    bench.columns.states[28] = 0
    assert bench.asks(60.0) == [28, 27, 26]
    assert bench.ranked == 2


@pytest.mark.parametrize(("pause", "rankings"), [(7.5, 6), (3.0, 3), (1.0, 2)])
def test_frequent_requests_share_a_ranking(pause: float, rankings: int) -> None:
    bench = Bench(100)
    for number in range(6):
        bench.asks(number * pause)
    assert bench.ranked == rankings


def test_of_a_ranking_that_is_shared_each_request_gets_the_next_posts() -> None:
    bench = Bench(100)
    bench.asks(0.0)
    assert [bench.asks(float(number)) for number in range(1, 4)] == [
        [100, 99, 98],
        [97, 96, 95],
        [94, 93, 92],
    ]


def test_of_a_ranking_that_is_shared_nobody_is_asked_who_cannot_be() -> None:
    bench = Bench(100)
    bench.asks(0.0)
    bench.asks(1.0)
    bench.columns.in_flight[96] = True
    bench.columns.states[95] = 0
    assert bench.asks(2.0) == [95, 94, 93]
    assert bench.ranked == 2


def test_of_fewer_posts_than_a_ranking_is_for_the_first_come_first_too() -> None:
    bench = Bench(8)
    bench.asks(0.0)
    assert [bench.asks(float(number)) for number in (1, 2)] == [[8, 7, 6], [5, 4, 3]]


def test_few_posts_are_all_asked() -> None:
    bench = Bench(2)
    assert bench.asks(0.0) == [2, 1]
    assert bench.asks(0.5) == [2, 1]


class TestAgeDecay:
    """Its order, told by requests for one Post at a time."""

    MIN_INTERVAL, RECHECK = 15.0, 6 * HOUR

    def order(self, posts: Watchlist, seconds: float) -> list[PostId]:
        timing = TimingSettings(Seconds(2.0), Seconds(self.MIN_INTERVAL), 0.0, Seconds(self.RECHECK))
        at, policy = later(seconds), age_decay(timing, Seconds(4800.0))
        asked: list[PostId] = []
        while batch := policy.plan(at, posts.app, NOBODY, 1).post_ids:
            posts.app.mark_asked(batch, at)
            asked += batch
        return asked

    def measure(self, posts: Watchlist, post_ids: Sequence[PostId], at: float = NOW) -> None:
        posts.app.mark_asked(post_ids, Timestamp(at))
        posts.record(counts(dict.fromkeys(post_ids, (1,)), at))

    def test_new_posts_go_before_due_ones_and_the_longest_wait_first(self) -> None:
        posts = watchlist(post(1), post(2))
        self.measure(posts, [post(1), post(2)])
        posts.add(0, [sighting(post(3), seen_at=NOW + 60), sighting(post(4), seen_at=NOW + 50)], later(60))
        assert self.order(posts, 100)[:2] == [post(4), post(3)]

    def test_due_ones_go_by_the_growth_that_their_age_lets_expect_unseen(self) -> None:
        ages = (30, 2, 10, 1, 20, 5)
        by_age = [post(at=NOW - hours * HOUR) for hours in ages]
        posts = watchlist(*by_age)
        self.measure(posts, by_age)
        assert self.order(posts, 100) == [post(at=NOW - hours * HOUR) for hours in sorted(ages)]

    def test_of_equal_age_the_one_measured_longest_ago_goes_first(self) -> None:
        posts = watchlist(post(1), post(2), post(3))
        self.measure(posts, [post(1), post(2), post(3)])
        self.measure(posts, [post(1), post(3)], NOW + 50)
        assert self.order(posts, 100)[0] == post(2)

    def test_who_is_due_goes_before_who_is_not_however_much_that_one_gains(self) -> None:
        due, young = post(at=NOW - 40 * HOUR), post(at=NOW - HOUR)
        posts = watchlist(due, young)
        self.measure(posts, [due])
        self.measure(posts, [young], NOW + 10)
        assert self.order(posts, self.MIN_INTERVAL) == [due, young]

    def test_an_unavailable_post_gains_nothing_and_goes_last_of_those_that_are_due(self) -> None:
        gone, other = post(at=NOW - HOUR), post(at=NOW - 40 * HOUR)
        posts = watchlist(gone, other)
        self.measure(posts, [gone, other])
        posts.mark_unavailable([gone], NOW)
        assert self.order(posts, self.RECHECK) == [other, gone]

    def test_an_unavailable_post_that_is_due_goes_before_one_that_is_not(self) -> None:
        gone, other = post(1), post(2)
        posts = watchlist(gone, other)
        posts.mark_unavailable([gone], NOW)
        self.measure(posts, [other], NOW + self.RECHECK - 10)
        assert self.order(posts, self.RECHECK) == [gone, other]

    def test_an_id_without_a_time_is_as_old_as_its_sighting(self) -> None:
        posts = watchlist(OLD_ID, post(at=NOW - 10 * HOUR))
        self.measure(posts, [OLD_ID, post(at=NOW - 10 * HOUR)], NOW + 1)
        assert self.order(posts, 100) == [OLD_ID, post(at=NOW - 10 * HOUR)]

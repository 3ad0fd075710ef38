"""The simple policies ask for what they rank first, and share a ranking where requests are frequent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from worker.model import Standings, Timestamp
from worker.simulate.policies import Ranked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import FloatArray

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

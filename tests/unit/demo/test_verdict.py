"""The verdict finds what is wrong: a missing Post, a false value, a board out of order."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from sandbox.world import World
from worker.boards import BoardsLimits
from worker.demo import verdict
from worker.demo.verdict import Verdict, judge
from worker.engagement import Outcome
from worker.model import PUBLIC_METRICS, Counts, PostId, Seconds, Sighting, Timestamp, first_post_id
from worker.telemetry import Telemetry
from worker.tracker import Tracker
from worker.watchlist import WatchlistLimits

NOW = Timestamp(1_763_719_740.0)
WORLD = World(1, growth_minutes=1.0)
POSTS = [PostId(first_post_id(Timestamp(NOW - 60)) + number * 4099) for number in range(40)]
HERE = [post_id for post_id in POSTS if not WORLD.unavailable(np.array([post_id]), int(NOW))[0]][:20]


def _tracker(posts: list[PostId]) -> Tracker:
    limits = WatchlistLimits(Seconds(3600), 1000, 10, Seconds(20))
    tracker = Tracker(
        PUBLIC_METRICS,
        limits,
        BoardsLimits(5, 5),
        half_growth=Seconds(60),
        telemetry=Telemetry(CollectorRegistry()),
    )
    tracker.take(0, [Sighting(post_id, (), NOW) for post_id in posts], NOW)
    return tracker


def _measure(tracker: Tracker, posts: list[PostId], *, wrong_by: int = 0) -> None:
    ids = np.array(posts, dtype=np.int64)
    tracker.watchlist.app.mark_asked(posts, NOW)
    counts = Counts(NOW, ids, WORLD.counts(ids, int(NOW)) + wrong_by)
    tracker.answered(Outcome(NOW, counts=[counts]))


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "_MEASURE_TIMEOUT", 0.0)


def _judge(tracker: Tracker, posts: list[PostId]) -> Verdict:
    return asyncio.run(judge(tracker, WORLD, posts))


def test_where_all_is_right_there_is_no_fault_and_all_is_counted() -> None:
    tracker = _tracker(HERE)
    _measure(tracker, HERE)
    found = _judge(tracker, HERE)
    assert found.faults == []
    assert (found.posts, found.measured, found.unavailable) == (20, 20, 0)
    assert found.values == 20 * len(PUBLIC_METRICS)
    assert found.boards == len(PUBLIC_METRICS)


def test_a_verdict_on_nothing_is_not_all_right() -> None:
    assert "nothing was checked" in _judge(_tracker([]), []).faults[0]


def test_a_post_that_was_not_measured_is_a_fault() -> None:
    tracker = _tracker(HERE)
    _measure(tracker, HERE[1:])
    assert _judge(tracker, HERE).faults == [f"Post {HERE[0]} was not measured"]


def test_a_post_that_is_not_known_is_a_fault() -> None:
    tracker = _tracker(HERE[1:])
    _measure(tracker, HERE[1:])
    assert _judge(tracker, HERE).faults == [f"Post {HERE[0]} was not measured"]


def test_a_value_that_is_not_the_truth_is_a_fault() -> None:
    tracker = _tracker(HERE[:1])
    _measure(tracker, HERE[:1], wrong_by=1)
    faults = _judge(tracker, HERE[:1]).faults
    assert len(faults) == len(PUBLIC_METRICS)
    assert all("the truth" in fault for fault in faults)


def test_a_post_said_to_be_unavailable_that_is_not_is_a_fault() -> None:
    tracker = _tracker(HERE[:1])
    _measure(tracker, HERE[:1])
    tracker.answered(Outcome(NOW, unavailable=tuple(HERE[:1])))
    found = _judge(tracker, HERE[:1])
    assert found.unavailable == 1
    assert "was not unavailable" in found.faults[0]


def test_a_board_that_is_not_the_plain_sort_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = _tracker(HERE)
    _measure(tracker, HERE)

    def check() -> None:
        raise AssertionError("board all/favorites is wrong")

    monkeypatch.setattr(tracker, "check", check)
    assert _judge(tracker, HERE).faults == ["board all/favorites is wrong"]

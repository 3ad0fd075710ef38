"""What a worker knows of its world: found in a Watchlist whose Posts were made by a known one."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.outlook.making import census
from tests.unit.watchlist.making import LIKES, LIKES_PER_HOUR, NOW, RETWEETS, A, B, counts, post, sighting
from worker.model import ALL, Campaign, MetricName, Seconds
from worker.outlook.census import Census, NoWorldError, take_census
from worker.planner.curve import Curve
from worker.settings import Settings
from worker.watchlist import Watchlist, WatchlistLimits

if TYPE_CHECKING:
    from worker.model import FloatArray

DAY = 86_400.0
CURVE = Curve(Seconds(4800.0), 0.5)


def settings(**engagement: object) -> Settings:
    return Settings.model_validate(
        {
            "watchlist": {"tracking_window": "24h"},
            "boards": {"top": 7},
            "engagement": engagement,
            "planner": {"linger": "3s"},
        }
    )


def watched(ages: FloatArray, *metrics: MetricName, tail: float | None = None) -> Watchlist:
    """Posts of these ages, measured now where ``tail`` gives their sizes."""
    watchlist = Watchlist(metrics or (LIKES,), WatchlistLimits(Seconds(DAY), 1_000_000, 10, Seconds(3600.0)))
    posts = [post(number, NOW - age) for number, age in enumerate(ages.tolist())]
    watchlist.add(0, [sighting(one, A) for one in posts], NOW)
    if tail is not None:
        chance = np.random.default_rng(1)
        sizes = 20.0 * (1.0 - chance.random(len(posts))) ** (-1.0 / tail)
        likes = chance.poisson(np.minimum(sizes * CURVE.grown(ages), 1e7)).tolist()
        watchlist.record(counts({one: (value,) for one, value in zip(posts, likes, strict=True)}, NOW))
    return watchlist


def taken(watchlist: Watchlist, tracked: dict[Campaign, int] | None = None, **engagement: object) -> Census:
    tracked = {ALL: len(watchlist)} if tracked is None else tracked
    return take_census(watchlist, tracked, CURVE, settings(**engagement), NOW)


def spread(posts: int, over: float) -> FloatArray:
    return np.linspace(1.0, over, posts)


def test_posts_and_how_fast_they_come_are_counted() -> None:
    found = taken(watched(spread(2400, DAY - 60)))
    assert found.posts == 2400
    assert found.posts_per_hour == pytest.approx(100, rel=0.02)


def test_a_stream_that_began_an_hour_ago_comes_at_the_pace_of_that_hour() -> None:
    found = taken(watched(spread(600, 3600.0)))
    assert found.posts_per_hour == pytest.approx(600, rel=0.02)


def test_an_old_post_or_two_do_not_make_the_stream_a_slow_one() -> None:
    found = taken(watched(np.array([*spread(600, 3600.0), 70_000.0, 80_000.0])))
    assert found.posts_per_hour == pytest.approx(600, rel=0.05)


def test_a_stream_of_a_minute_says_little_of_an_hour() -> None:
    assert taken(watched(spread(200, 60.0))).posts_per_hour == pytest.approx(1200)


def test_posts_that_are_gone_are_none_of_the_world() -> None:
    watchlist = watched(spread(200, 3600.0))
    watchlist.mark_unavailable(list(watchlist.post_ids())[:50], NOW)
    assert taken(watchlist).posts == 150


def test_posts_beyond_the_tracking_window_are_none_of_the_world() -> None:
    assert taken(watched(np.array([*spread(200, 3600.0), *[2 * DAY] * 50]))).posts == 200


def test_the_posts_of_all_workers_count_by_what_they_tell() -> None:
    found = taken(watched(spread(500, 3600.0)), {ALL: 2000, A: 1200, B: 1500})
    assert found.posts == 2000
    assert found.posts_per_hour == pytest.approx(2000, rel=0.02)
    assert found.campaigns == (1500, 1200)


def test_too_few_posts_are_told() -> None:
    with pytest.raises(NoWorldError, match="there are 99 Posts in the tracking window; it takes 100"):
        taken(watched(spread(99, 3600.0)))


@pytest.mark.parametrize("tail", [0.9, 1.1, 1.8])
def test_the_tail_of_sizes_is_found_and_how_large_the_large_are(tail: float) -> None:
    found = taken(watched(spread(20_000, DAY - 60), tail=tail))
    assert found.size_tail == pytest.approx(tail, rel=0.12)
    # What one of a hundred passes.
    hundredth = found.least_size * 100 ** (1 / found.size_tail)
    assert hundredth == pytest.approx(20.0 * 100 ** (1 / tail), rel=0.25)


def test_where_nothing_was_measured_sizes_are_as_usual() -> None:
    found = taken(watched(spread(200, 3600.0)))
    assert (found.least_size, found.size_tail) == (2.0, 1.1)


def test_the_counts_are_those_that_boards_are_made_of_the_largest_first() -> None:
    watchlist = watched(spread(200, 3600.0), LIKES_PER_HOUR, RETWEETS)
    watchlist.record(counts({next(watchlist.post_ids()): (5, 9)}, NOW))
    assert taken(watchlist).metrics == (RETWEETS, LIKES)


def test_the_settings_and_the_curve_go_along() -> None:
    found = taken(watched(spread(200, 3600.0)), requests_per_minute=62, headroom="2s")
    assert found.requests_per_minute == pytest.approx(60.0)
    assert (found.top, found.window, found.linger) == (7, DAY, 3.0)
    assert (found.half_growth, found.growth_tail) == (4800.0, 0.5)


def test_it_arrives_in_another_process_as_it_left() -> None:
    left = census()
    assert Census.from_json(left.to_json()) == left
    assert all(getattr(left, field.name) is not None for field in fields(left))


def test_of_a_million_posts_some_stand_for_all() -> None:
    watchlist = watched(spread(120_000, DAY - 60))
    found = taken(watchlist)
    assert found.posts == pytest.approx(120_000, rel=0.001)
    assert found.posts_per_hour == pytest.approx(5000, rel=0.02)

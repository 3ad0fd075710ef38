"""Who leaves when the Watchlist is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.watchlist.making import (
    HOUR,
    LIKES,
    LIKES_PER_HOUR,
    NOW,
    RETWEETS,
    A,
    counts,
    later,
    post,
    sighting,
    watchlist,
)
from worker.model import ALL, Campaign, MetricName, PostId, Seconds, Standings
from worker.watchlist import least_able

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.watchlist import Watchlist

HALF_GROWTH = Seconds(4800.0)
OLD = NOW - 40 * HOUR


def standings(**bars: float) -> Standings:
    """Bars of ``all``, by metric; those left out have free places."""
    return Standings({(ALL, MetricName(metric)): bar for metric, bar in bars.items()})


def leaving(posts: Watchlist, bars: Standings, count: int = 100) -> list[PostId]:
    return least_able(posts, bars, NOW, count, HALF_GROWTH)


def measured(values: Mapping[PostId, tuple[int | None, ...]], *metrics: MetricName) -> Watchlist:
    posts = watchlist(*values, metrics=metrics)
    posts.record(counts(values, NOW))
    return posts


def test_the_farthest_below_the_bar_leave_first() -> None:
    values = {post(number, OLD): (likes,) for number, likes in enumerate((50, 3, 200, 9))}
    order = [post(1, OLD), post(3, OLD), post(0, OLD), post(2, OLD)]
    posts = measured(values, LIKES)
    assert leaving(posts, standings(favorites=100)) == order
    assert leaving(posts, standings(favorites=100), count=2) == order[:2]


def test_only_posts_that_were_asked_for_and_are_not_in_flight_leave() -> None:
    one, two, three = post(1), post(2), post(3)
    posts = watchlist(one, two, three)
    posts.record(counts({one: (1,), two: (2,)}))
    posts.app.mark_asked([two], NOW)
    assert leaving(posts, standings(favorites=10)) == [one]
    assert leaving(watchlist(one), standings(favorites=10)) == []


def test_a_young_post_leaves_after_an_old_one_of_the_same_count() -> None:
    young, old = post(at=NOW - 600), post(at=OLD)
    for likes in (0, 5):
        for order in ((young, old), (old, young)):
            posts = measured(dict.fromkeys(order, (likes,)), LIKES)
            assert leaving(posts, standings(favorites=1000)) == [old, young]


def test_a_post_that_is_near_one_bar_stays_however_far_it_is_from_another() -> None:
    liked, neither = post(1, OLD), post(2, OLD)
    posts = measured({liked: (90, 0), neither: (20, 20)}, LIKES, RETWEETS)
    assert leaving(posts, standings(favorites=100, retweets=100)) == [neither, liked]


def test_who_is_on_a_board_with_free_places_leaves_last() -> None:
    small, popular = post(1, OLD), post(2, OLD)
    posts = watchlist(popular)
    posts.add(0, [sighting(small, A)], NOW)
    posts.record(counts({small: (1,), popular: (5000,)}))
    assert leaving(posts, standings(favorites=1000)) == [popular, small]


def test_a_metric_that_is_not_available_reaches_nothing_not_even_a_free_place() -> None:
    without, with_none = post(1, OLD), post(2, OLD)
    posts = measured({with_none: (10, 0), without: (90, None)}, LIKES, RETWEETS)
    assert leaving(posts, standings(favorites=100)) == [without, with_none]


def test_a_bar_of_nothing_does_not_make_all_posts_equal() -> None:
    """Most Posts have no video: the bar of ``video_views`` is 0, and reaching it is no merit."""
    values = {post(number, OLD): (likes, 0) for number, likes in enumerate((400, 100, 900, 0))}
    posts = measured(values, LIKES, RETWEETS)
    order = [post(3, OLD), post(1, OLD), post(0, OLD), post(2, OLD)]
    assert leaving(posts, standings(favorites=1000, retweets=0)) == order


def test_posts_that_are_unavailable_leave_before_all_others() -> None:
    gone, nobody_likes_it = post(1), post(2, OLD)
    posts = measured({gone: (1000,), nobody_likes_it: (0,)}, LIKES)
    posts.mark_unavailable([gone], NOW)
    assert leaving(posts, standings(favorites=100)) == [gone, nobody_likes_it]


def test_posts_that_are_unavailable_leave_even_before_those_that_fall() -> None:
    gone, falling = post(1), post(2)
    posts = watchlist(gone, falling, metrics=(LIKES_PER_HOUR,))
    posts.record(counts({falling: (100,)}))
    posts.record(counts({falling: (10,)}, later(2 * HOUR)))
    posts.mark_unavailable([gone], NOW)
    assert leaving(posts, standings(favorites_per_hour=5)) == [gone, falling]


def test_growth_per_hour_is_no_count_that_goes_on_growing() -> None:
    slow, quick = post(1, NOW - 2 * HOUR), post(2, NOW - 10 * HOUR)
    posts = watchlist(slow, quick, metrics=(LIKES_PER_HOUR,))
    posts.record(counts({slow: (10,), quick: (60,)}))
    assert leaving(posts, standings(favorites_per_hour=100)) == [slow, quick]


def test_growth_below_zero_and_bars_below_zero_have_an_order_too() -> None:
    falling, still = post(1, OLD), post(2, OLD)
    posts = watchlist(falling, still, metrics=(LIKES_PER_HOUR,))
    posts.record(counts({falling: (100,), still: (5,)}))
    posts.record(counts({falling: (10,), still: (5,)}, later(2 * HOUR)))
    assert leaving(posts, standings(favorites_per_hour=-50)) == [falling, still]


@pytest.mark.parametrize("other", [1.0, 1000.0])
def test_of_several_campaigns_the_lowest_bar_counts(other: float) -> None:
    one, two = post(1, OLD), post(2, OLD)
    posts = watchlist(two)
    posts.add(0, [sighting(one, A)], NOW)
    posts.record(counts({one: (10,), two: (20,)}))
    bars = Standings({(ALL, LIKES): 100.0, (Campaign("a"), LIKES): other})
    assert leaving(posts, bars) == ([two, one] if other == 1 else [one, two])

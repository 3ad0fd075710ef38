"""Growth per hour, by the design's definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.watchlist.making import (
    HOUR,
    LIKES,
    LIKES_PER_HOUR,
    NOW,
    OLD_ID,
    RETWEETS_PER_HOUR,
    counts,
    later,
    limits,
    post,
    sighting,
    watchlist,
)

if TYPE_CHECKING:
    from worker.model import PostId
    from worker.watchlist import Watchlist

POST = post(at=NOW - 2 * HOUR)


def growing(*posts: PostId) -> Watchlist:
    return watchlist(*posts, metrics=(LIKES, LIKES_PER_HOUR, RETWEETS_PER_HOUR), bounds=limits())


def per_hour(posts: Watchlist, likes: int | None, at: float, of: PostId = POST) -> float | None:
    """Measure, and say what the growth is."""
    posts.record(counts({of: (likes, 0)}, at))
    known = posts.tracked(of)
    assert known is not None
    return known.values.get(LIKES_PER_HOUR)


def test_the_first_measurement_grows_from_0_at_the_creation() -> None:
    assert per_hour(growing(POST), 10, NOW) == pytest.approx(5)


def test_until_a_measurement_is_old_enough_growth_is_since_the_creation() -> None:
    posts = growing(POST)
    per_hour(posts, 10, NOW)
    assert per_hour(posts, 12, later(HOUR - 1)) == pytest.approx(12 / (3 - 1 / 3600))


def test_from_the_window_on_growth_is_since_the_kept_measurement() -> None:
    posts = growing(POST)
    per_hour(posts, 10, NOW)
    assert per_hour(posts, 12, later(HOUR)) == pytest.approx(2)


def test_the_base_stays_until_the_next_one_is_old_enough() -> None:
    posts = growing(POST)
    per_hour(posts, 10, NOW)
    per_hour(posts, 12, later(HOUR))
    assert per_hour(posts, 13, later(1.5 * HOUR)) == pytest.approx(3 / 1.5)
    assert per_hour(posts, 16, later(2 * HOUR)) == pytest.approx(4)


def test_a_late_measurement_still_has_its_base() -> None:
    posts = growing(POST)
    per_hour(posts, 10, NOW)
    assert per_hour(posts, 60, later(10 * HOUR)) == pytest.approx(5)


def test_a_count_that_falls_grows_by_less_than_nothing() -> None:
    posts = growing(POST)
    per_hour(posts, 10, NOW)
    assert per_hour(posts, 4, later(2 * HOUR)) == pytest.approx(-3)


def test_growth_changes_only_when_the_post_is_measured() -> None:
    posts = growing(POST, post(1))
    first = per_hour(posts, 10, NOW)
    posts.record(counts({post(1): (5, 0)}, later(5 * HOUR)))
    known = posts.tracked(POST)
    assert known is not None
    assert known.values[LIKES_PER_HOUR] == first


def test_without_a_time_in_the_id_growth_is_not_available_until_there_is_a_base() -> None:
    posts = growing(OLD_ID)
    assert per_hour(posts, 10, NOW, OLD_ID) is None
    assert per_hour(posts, 30, later(HOUR / 2), OLD_ID) is None
    assert per_hour(posts, 30, later(HOUR), OLD_ID) == pytest.approx(20)


def test_growth_of_a_count_that_is_not_available_is_not_available() -> None:
    posts = growing(POST)
    per_hour(posts, 10, NOW)
    assert per_hour(posts, None, later(2 * HOUR)) is None
    assert per_hour(posts, 14, later(2.5 * HOUR)) == pytest.approx(4 / 2.5)


def test_a_base_without_the_metric_is_none_for_it_and_growth_is_since_the_creation() -> None:
    posts = growing(POST)
    per_hour(posts, None, NOW)
    assert per_hour(posts, 12, later(HOUR)) == pytest.approx(12 / 3)
    known = posts.tracked(POST)
    assert known is not None
    assert known.values[RETWEETS_PER_HOUR] == 0


def test_a_post_measured_at_once_has_grown_for_a_second_at_least() -> None:
    born_now = post(at=NOW)
    assert per_hour(growing(born_now), 2, NOW, born_now) == pytest.approx(2 * 3600)


def test_an_id_from_the_future_counts_from_when_it_was_seen() -> None:
    ahead = post(at=NOW + 600)
    assert per_hour(growing(ahead), 6, later(HOUR), ahead) == pytest.approx(6)


def test_an_older_answer_that_comes_late_moves_no_base() -> None:
    posts = growing(POST)
    per_hour(posts, 10, NOW)
    value = per_hour(posts, 12, later(HOUR))
    assert per_hour(posts, 11, later(HOUR / 2)) == value
    assert per_hour(posts, 13, later(1.5 * HOUR)) == pytest.approx(3 / 1.5)


def test_a_post_tracked_anew_has_no_base_from_before() -> None:
    posts = growing(POST)
    per_hour(posts, 100, NOW)
    per_hour(posts, 200, later(HOUR))
    posts.remove(POST)
    posts.add(0, [sighting(POST)], later(HOUR))
    assert per_hour(posts, 300, later(2 * HOUR)) == pytest.approx(300 / 4)

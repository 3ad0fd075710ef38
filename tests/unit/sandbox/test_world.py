"""The world: what is promised of its counts."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.world import METRICS, VIDEO_MAX_AGE, VIDEO_VIEWS, World, ages, without_video_views
from tests.unit.sandbox.asking import DAY, NOON, post_created_at, some_posts

POSTS = np.array(some_posts(4000), dtype=np.int64)
HOURS = range(NOON, NOON + 3 * DAY, 3600)
CALM = {"second_waves": 0.0, "falls": 0.0, "deleted": 0.0, "suspended": 0.0, "protected": 0.0}


def test_these_counts_are_the_same_on_every_machine() -> None:
    pinned = {
        20: [8, 1, 0, 0, 0],  # from before snowflakes
        1975941353906672661: [2964, 654, 265, 127, 15106],  # with a video
        1976092594838686293: [3726, 489, 187, 127, 0],
        1976117282196196158: [35, 6, 2, 1, 679],  # fallen from 39
        2**63 - 1: [0, 0, 0, 0, 0],  # to come
    }
    counts = World(1).counts(np.array(list(pinned)), NOON)
    assert dict(zip(pinned, counts.tolist(), strict=True)) == pinned
    assert np.flatnonzero(World(1).unavailable(POSTS, NOON))[:8].tolist() == [
        41,
        51,
        115,
        123,
        235,
        345,
        404,
        424,
    ]


def test_a_post_alone_has_the_counts_it_has_among_others() -> None:
    world = World(5)
    together = world.counts(POSTS[:300], NOON)
    gone = world.unavailable(POSTS[:300], NOON)
    for place in range(300):
        alone = POSTS[place : place + 1]
        np.testing.assert_array_equal(world.counts(alone, NOON)[0], together[place])
        assert world.unavailable(alone, NOON)[0] == gone[place]


def test_another_seed_is_another_world() -> None:
    same = (World(1).counts(POSTS, NOON) == World(2).counts(POSTS, NOON)).all(axis=1)
    assert same.mean() < 0.2  # small counts coincide


def test_the_arguments_are_left_as_they_were() -> None:
    posts = POSTS[:10].copy()
    World(1).counts(posts, NOON)
    World(1).unavailable(posts, NOON)
    np.testing.assert_array_equal(posts, POSTS[:10])


def test_what_was_gained_never_goes_down() -> None:
    world = World(1)
    gains = np.array([world.gained(POSTS, at) for at in HOURS])
    assert (np.diff(gains, axis=0) >= 0).all()


def test_counts_never_go_down_where_there_are_no_falls() -> None:
    world = World(1, falls=0.0)
    counts = np.array([world.counts(POSTS, at) for at in HOURS])
    assert (np.diff(counts, axis=0) >= 0).all()
    assert counts[-1].sum() > counts[0].sum()


def test_counts_fall_for_some_for_a_while_or_for_good_and_are_never_negative() -> None:
    world = World(1, falls=1.0, second_waves=0.0)
    counts = np.array([world.counts(POSTS, at)[:, 0] for at in HOURS])
    gained = np.array([world.gained(POSTS, at)[:, 0] for at in HOURS])
    assert (counts >= 0).all()
    assert (counts <= gained).all()
    fell = (np.diff(counts, axis=0) < 0).any(axis=0)
    whole = counts[-1] == gained[-1]
    assert (fell & whole).sum() > 50
    assert (fell & ~whole).sum() > 50


def test_half_of_the_first_wave_comes_in_the_growth_minutes() -> None:
    world = World(1, growth_minutes=10, **CALM)
    posts = np.array([post_created_at(NOON, low) for low in range(20_000)])
    half, almost_all = (world.counts(posts, NOON + age)[:, 0].sum() for age in (600, 100 * DAY))
    assert half / almost_all == pytest.approx(0.5, abs=0.05)


def test_growth_slows_with_age() -> None:
    world = World(1, **CALM)
    posts = np.array([post_created_at(NOON, low) for low in range(2000)])
    gains = np.diff([world.counts(posts, at)[:, 0].sum() for at in HOURS][:24])
    assert (gains > 0).all()
    assert (np.diff(gains) < 0).all()


def test_a_second_wave_comes_late_and_can_be_larger_than_the_first() -> None:
    posts = np.array([post_created_at(NOON, low) for low in range(5000)])
    calm, stirred = World(1, **CALM), World(1, **{**CALM, "second_waves": 1.0})
    early, late = NOON + 80 * 60, NOON + 100 * DAY
    np.testing.assert_array_equal(calm.counts(posts, early), stirred.counts(posts, early))
    assert stirred.counts(posts, late)[:, 0].sum() > 1.5 * calm.counts(posts, late)[:, 0].sum()


def test_sizes_have_a_heavy_tail() -> None:
    posts = np.array([post_created_at(NOON, low) for low in range(100_000)])
    favorites = np.sort(World(1, **CALM).counts(posts, NOON + 100 * DAY)[:, 0])
    assert np.median(favorites) == pytest.approx(10, abs=3)
    assert favorites[-1000:].sum() > 0.3 * favorites.sum()
    assert favorites[-1] < 10_000_000


def test_metrics_go_together_as_they_do_in_life() -> None:
    favorites, retweets, replies, quote_tweets, video_views = World(1, **CALM).counts(POSTS, NOON).T
    assert (favorites >= retweets).all()
    assert (retweets >= replies).all()
    assert (retweets >= quote_tweets).all()
    assert np.mean(video_views[favorites > 0] > 0) == pytest.approx(0.3, abs=0.03)
    assert (video_views[video_views > 0] >= favorites[video_views > 0]).all()


def test_a_post_to_come_has_no_counts_and_is_not_gone() -> None:
    to_come = np.array([post_created_at(NOON + 1, low) for low in range(1000)])
    world = World(1, protected=0.0, suspended=0.0, deleted=1.0)
    assert world.counts(to_come, NOON).sum() == 0
    assert not world.unavailable(to_come, NOON).any()


def test_an_id_from_before_snowflakes_is_very_old() -> None:
    old = np.array([1, 20, 29_699_999_999])
    assert (ages(old, NOON) > 10 * 365 * DAY).all()
    assert without_video_views(old, NOON).all()
    assert not (np.diff([World(1).counts(old, at) for at in (NOON, NOON + DAY)], axis=0) != 0).any()


def test_video_views_end_at_1800_days() -> None:
    world = World(1, videos=1.0)
    post = np.array([post_created_at(NOON, low) for low in range(20)])
    for age, told in ((VIDEO_MAX_AGE, True), (VIDEO_MAX_AGE + 1, False)):
        assert without_video_views(post, NOON + age).any() != told
        assert (world.counts(post, NOON + age)[:, VIDEO_VIEWS].sum() > 0) == told
        assert world.counts(post, NOON + age)[:, 0].sum() > 0


def test_deleted_posts_are_there_first_and_never_come_back() -> None:
    world = World(1, deleted=1.0, suspended=0.0, protected=0.0)
    posts = np.array([post_created_at(NOON, low) for low in range(1000)])
    gone = np.array([world.unavailable(posts, at) for at in HOURS])
    assert not gone[0].any()
    assert gone[-1].mean() > 0.8
    assert not (gone[:-1] & ~gone[1:]).any()


def test_suspended_posts_come_back() -> None:
    world = World(1, deleted=0.0, suspended=1.0, protected=0.0)
    posts = np.array([post_created_at(NOON, low) for low in range(1000)])
    gone = np.array([world.unavailable(posts, at) for at in HOURS])
    assert (gone[:-1] & ~gone[1:]).any(axis=0).mean() > 0.7


def test_protected_posts_were_never_there() -> None:
    world = World(1, deleted=0.0, suspended=0.0, protected=1.0)
    assert world.unavailable(POSTS, NOON - 10 * DAY).all()
    assert world.unavailable(POSTS, NOON).all()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"growth_minutes": 0}, "growth_minutes"),
        ({"growth_minutes": float("nan")}, "growth_minutes"),
        ({"falls": 1.1}, "falls"),
        ({"videos": -0.1}, "videos"),
        ({"deleted": 0.6, "protected": 0.6}, "add up"),
    ],
)
def test_a_world_that_cannot_be_is_refused(settings: dict[str, float], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        World(1, **settings)


def test_no_posts_have_no_counts() -> None:
    assert World(1).counts(np.empty(0, dtype=np.int64), NOON).shape == (0, len(METRICS))

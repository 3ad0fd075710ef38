"""28hr and historical: what they count, how they nest it, and that they agree with totals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sandbox.catalogue import HISTORICAL, TOTALS, column
from sandbox.private import ENGAGED
from sandbox.series import FIRST_COUNTED, hourly, summed
from sandbox.totals import PRIVATE_MAX_AGE, all_totals
from sandbox.window import Window, written
from sandbox.world import HISTORY, VIDEO_VIEWS, World
from tests.unit.sandbox.asking import DAY, NOON, Clock, app_at, ask_for, error_of, post_created_at, some_posts
from tests.unit.sandbox.signing import ALICE, BOB, POSTS_OF_ALICE, POSTS_OF_BOB, ask_as_owner, owned_by

PINNED = {
    "favorites": [2964, 39],
    "retweets": [654, 6],
    "replies": [265, 2],
    "quote_tweets": [127, 1],
    "video_views": [15106, 521],
    "impressions": [149030, 3582],
    "engagements": [12660, 177],
    "media_views": [38501, 1347],
    "media_engagements": [2660, 36],
    "url_clicks": [0, 0],
    "hashtag_clicks": [207, 3],
    "detail_expands": [2861, 79],
    "permalink_clicks": [23, 0],
    "app_install_attempts": [0, 0],
    "app_opens": [0, 0],
    "email_tweet": [1, 0],
    "user_follows": [56, 0],
    "user_profile_clicks": [2265, 8],
}
WORLD = World(1)
POSTS = np.array(some_posts(300, over=20 * DAY), dtype=np.int64)
MONTH = Window(NOON - 28 * DAY, NOON)
ALL = list(HISTORICAL.metrics)
GONE = {
    post_id
    for post_id, gone in zip(
        POSTS_OF_ALICE, WORLD.unavailable(np.array(POSTS_OF_ALICE), NOON).tolist(), strict=True
    )
    if gone
}
MINE = [post_id for post_id in POSTS_OF_ALICE if post_id not in GONE][:25]


def answered(endpoint: str, ids: Any, metrics: Any, groupings: Any, **more: Any) -> Any:
    answer = app_at(Clock()).handle(ask_as_owner(endpoint, ids, metrics, groupings, **more))
    assert answer.status == 200, answer.content
    return answer.content


def group(*values: str) -> dict[str, object]:
    return {"g": {"group_by": list(values)}}


def total(part: Any) -> int:
    return sum(map(total, part.values())) if isinstance(part, dict) else int(part)


def test_there_are_17_metrics_of_series_and_7_of_totals() -> None:
    assert len(HISTORICAL.metrics) == len(set(HISTORICAL.metrics)) == 17
    assert len(TOTALS.metrics) == 7
    assert set(HISTORICAL.metrics) | set(TOTALS.metrics) == set(HISTORY)


def test_these_histories_are_the_same_on_every_machine() -> None:
    posts = np.array([1975941353906672661, 1976117282196196158])
    told = dict(zip(HISTORY, WORLD.history(posts, [NOON])[0].T.tolist(), strict=True))
    assert told["favorites"] == [2964, 39]
    assert told == PINNED


def test_no_hour_of_history_is_negative_and_its_parts_fit() -> None:
    gains = dict(zip(HISTORY, np.moveaxis(hourly(WORLD, POSTS, MONTH, NOON), 2, 0), strict=True))
    assert all((gains[name] >= 0).all() for name in HISTORY)
    parts = sum(gains[name] for name in ("favorites", "retweets", "replies", *ENGAGED))
    assert (gains["engagements"] >= parts).all()
    assert (gains["engagements"] > parts).any()
    assert (gains["impressions"] >= gains["engagements"] + gains["media_views"]).all()
    assert (gains["media_views"] >= gains["video_views"]).all()
    assert all(gains[name].any() for name in HISTORY)


def test_totals_are_the_sum_of_history_but_for_falls_and_videos_elsewhere() -> None:
    world = World(1, falls=0.0, videos_elsewhere=0.0)
    created = np.array(some_posts(200, over=27 * DAY), dtype=np.int64)
    np.testing.assert_array_equal(summed(world, created, MONTH, NOON), all_totals(world, created, NOON))
    np.testing.assert_array_equal(
        hourly(world, created, MONTH, NOON).sum(axis=0), all_totals(world, created, NOON)
    )


def test_falls_are_in_totals_only() -> None:
    world = World(1, falls=1.0)
    assert (world.counts(POSTS, NOON)[:, :4] < summed(world, POSTS, MONTH, NOON)[:, :4]).any()
    np.testing.assert_array_equal(
        summed(world, POSTS, MONTH, NOON), summed(World(1, falls=0.0), POSTS, MONTH, NOON)
    )


def test_video_views_of_totals_are_also_those_in_other_posts() -> None:
    world = World(1, falls=0.0)
    everywhere = world.counts(POSTS, NOON)[:, VIDEO_VIEWS]
    own = summed(world, POSTS, MONTH, NOON)[:, VIDEO_VIEWS]
    assert (own <= everywhere).all()
    assert 0.15 < np.mean(own[everywhere > 100] < everywhere[everywhere > 100]) < 0.45


def test_before_15_september_2015_there_are_no_favorites_replies_and_retweets() -> None:
    posts = np.array([post_created_at(FIRST_COUNTED - 2 * 3600, low) for low in range(300)])
    gains = hourly(WORLD, posts, Window(FIRST_COUNTED - 3 * 3600, FIRST_COUNTED + 3 * 3600), NOON)
    for name in HISTORICAL.metrics:
        before, after = gains[:3, :, column(name)].sum(), gains[3:, :, column(name)].sum()
        assert after > 0, name
        assert (before == 0) == (name in ("favorites", "replies", "retweets")), name


def test_28hr_is_the_last_28_whole_hours() -> None:
    content = answered("28hr", MINE, ALL, group("tweet.id", "engagement.type"))
    assert (content["start"], content["end"]) == (written(NOON - 28 * 3600), written(NOON))
    gains = summed(WORLD, np.array(MINE), Window(NOON - 28 * 3600, NOON), NOON)
    assert content["g"] == {
        str(post_id): {name: str(row[column(name)]) for name in ALL}
        for post_id, row in zip(MINE, gains.tolist(), strict=True)
    }


def test_what_is_to_come_is_not_counted() -> None:
    answer = app_at(Clock(NOON + 600.0)).handle(
        ask_as_owner("historical", MINE, ["favorites"], group("tweet.id"), at=NOON + 600)
    )
    assert answer.content["end"] == written(NOON + 3600)
    told = {int(post_id): int(count) for post_id, count in answer.content["g"].items()}
    gained = WORLD.gained(np.array(list(told)), NOON + 600)[:, 0].tolist()
    assert list(told.values()) == gained


def test_hours_are_told_under_their_days_and_only_those_of_the_window() -> None:
    content = answered("28hr", MINE[:2], ["favorites"], group("engagement.day", "engagement.hour"))
    days = content["g"]
    assert list(days) == ["2025-10-08", "2025-10-09"]
    assert list(days["2025-10-08"]) == [f"{hour:02}" for hour in range(8, 24)]
    assert list(days["2025-10-09"]) == [f"{hour:02}" for hour in range(12)]


def test_hours_before_days_nest_the_other_way_without_empty_ones() -> None:
    content = answered(
        "historical",
        MINE[:2],
        ["favorites"],
        group("engagement.hour", "tweet.id", "engagement.day"),
        start="2025-10-08T20:00:00Z",
        end="2025-10-09T02:00:00Z",
    )
    assert list(content["g"]) == ["00", "01", "20", "21", "22", "23"]
    assert {day: list(posts[str(MINE[0])]) for day, posts in content["g"].items()} == {
        **{hour: ["2025-10-09"] for hour in ("00", "01")},
        **{hour: ["2025-10-08"] for hour in ("20", "21", "22", "23")},
    }


def test_hours_without_days_are_summed_by_hour_of_the_day() -> None:
    both = answered("28hr", MINE, ["replies"], group("engagement.day", "engagement.hour"))["g"]
    alone = answered("28hr", MINE, ["replies"], group("engagement.hour"))["g"]
    assert list(alone) == [f"{hour:02}" for hour in range(24)]
    assert alone == {hour: str(sum(int(hours.get(hour, 0)) for hours in both.values())) for hour in alone}


def test_posts_of_others_refuse_the_whole_request() -> None:
    app = app_at(Clock())
    others = [POSTS_OF_BOB[0], MINE[1], POSTS_OF_BOB[1]]
    for endpoint, metrics in (
        ("28hr", ["favorites"]),
        ("historical", ["replies"]),
        ("totals", ["impressions"]),
    ):
        answer = app.handle(ask_as_owner(endpoint, [MINE[0], *others], metrics))
        assert answer.status == 403
        assert error_of(answer) == f"Forbidden to access tweets: {POSTS_OF_BOB[0]}, {POSTS_OF_BOB[1]}"
        assert app.handle(ask_as_owner(endpoint, [MINE[0]], metrics)).status == 200


def test_public_metrics_of_totals_are_for_any_account() -> None:
    answer = app_at(Clock()).handle(ask_as_owner("totals", [*MINE, *POSTS_OF_BOB]))
    assert answer.status == 200
    assert set(map(str, MINE)) < set(answer.content["by_post"])


@pytest.mark.parametrize("endpoint", ["28hr", "historical"])
def test_a_bearer_token_may_have_no_metric_of_a_series(endpoint: str) -> None:
    answer = app_at(Clock()).handle(ask_for(MINE, ["favorites", "url_clicks"], endpoint=endpoint))
    assert answer.status == 403
    assert error_of(answer) == "Forbidden to access metrics: favorites, url_clicks"


def test_a_bearer_token_may_not_have_the_private_metrics_of_totals() -> None:
    answer = app_at(Clock()).handle(ask_for(MINE, ["impressions", "favorites", "engagements"]))
    assert answer.status == 403
    assert error_of(answer) == "Forbidden to access metrics: impressions, engagements"


def test_posts_that_are_gone_are_listed_whosever_they_are() -> None:
    theirs = next(p for p in POSTS_OF_BOB if WORLD.unavailable(np.array([p]), NOON)[0])
    mine = min(GONE)
    for endpoint in ("totals", "28hr", "historical"):
        answer = app_at(Clock()).handle(ask_as_owner(endpoint, [MINE[0], theirs, mine], ["engagements"]))
        assert answer.status == 200
        assert answer.content["errors"] == ["2 Tweet ID(s) are unavailable"]
        assert answer.content["unavailable_tweet_ids"] == [str(theirs), str(mine)]
        alone = app_at(Clock()).handle(ask_as_owner(endpoint, [mine], ["engagements"]))
        assert (alone.status, alone.content["errors"]) == (400, ["1 Tweet ID(s) are unavailable"])


def test_a_protected_post_is_gone_for_its_owner_too() -> None:
    protected = World(1, deleted=0.0, suspended=0.0)
    mine = next(p for p in owned_by(ALICE, some_posts(2000)) if protected.unavailable(np.array([p]), NOON)[0])
    answer = app_at(Clock()).handle(ask_as_owner("totals", [mine], ["impressions"]))
    assert (answer.status, answer.content["unavailable_tweet_ids"]) == (400, [str(mine)])


def test_impressions_of_posts_older_than_90_days_are_unsupported_and_read_0() -> None:
    posts = [post_created_at(NOON - PRIVATE_MAX_AGE, low) for low in range(200)]
    young = owned_by(ALICE, posts)[0]
    old = owned_by(ALICE, [post_created_at(NOON - PRIVATE_MAX_AGE - 1, low) for low in range(200)])[0]
    metrics = ["impressions", "engagements", "favorites"]
    answer = app_at(Clock()).handle(ask_as_owner("totals", [young, old], metrics))
    assert answer.status == 200
    assert answer.content["unsupported_for_impressions_engagements_tweet_ids"] == [str(old)]
    assert error_of(answer) == (
        "Impressions & engagements for tweets older than 90 days"
        " (2025-07-11T12:00:00Z - 2025-10-09T12:00:00Z) are not supported"
    )
    told = answer.content["by_post"]
    assert (told[str(old)]["impressions"], told[str(old)]["engagements"]) == ("0", "0")
    assert int(told[str(young)]["impressions"]) > int(told[str(young)]["engagements"]) > 0
    public = app_at(Clock()).handle(ask_as_owner("totals", [young, old], ["favorites"]))
    assert set(public.content) == {"by_post"}


def test_the_account_of_another_world_is_unknown() -> None:
    answer = app_at(Clock(), seed=2).handle(ask_as_owner("28hr", MINE, ["favorites"], account=BOB))
    assert answer.status == 401
    assert error_of(answer) == (
        "Your account could not be authenticated. Reason: The token is unknown or was revoked"
    )


def test_sums_over_posts_are_groupings_without_them() -> None:
    groupings = {
        "posts": {"group_by": ["tweet.id", "engagement.type", "engagement.day", "engagement.hour"]},
        "types": {"group_by": ["engagement.type"]},
        "days": {"group_by": ["engagement.type", "engagement.day"]},
    }
    content = answered("historical", MINE, ALL, groupings)
    for name in ALL:
        by_post = sum(total(post[name]) for post in content["posts"].values())
        assert by_post == int(content["types"][name]) == total(content["days"][name])

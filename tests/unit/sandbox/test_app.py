"""The sandbox without its network: each endpoint, and the order in which a request for totals is judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sandbox.messages import Request
from sandbox.settings import SandboxSettings
from sandbox.world import World
from tests.unit.sandbox.asking import (
    BY_BOTH,
    NOON,
    PUBLIC,
    Clock,
    app_at,
    ask_for,
    error_of,
    get,
    post,
    post_created_at,
    some_posts,
)

POSTS = some_posts(250)
WORLD = World(1)
GONE = [
    post_id
    for post_id, gone in zip(POSTS, WORLD.unavailable(np.array(POSTS), NOON).tolist(), strict=True)
    if gone
]
THERE = [post_id for post_id in POSTS if post_id not in GONE]
OLD = post_created_at(NOON - 1801 * 86_400)


def stats(app: Any) -> Any:
    return app.handle(get("/sandbox/stats")).content


def test_totals_are_the_worlds_counts_as_strings_at_the_second_of_the_date() -> None:
    clock = Clock(NOON + 0.9)
    answer = app_at(clock).handle(ask_for(list(map(str, THERE))))
    counts = WORLD.counts(np.array(THERE), NOON).tolist()
    expected = {
        str(post_id): dict(zip(PUBLIC, map(str, row), strict=True))
        for post_id, row in zip(THERE, counts, strict=True)
    }
    assert (answer.status, answer.at) == (200, NOON)
    assert answer.content == {"by_post": expected}


def test_several_groupings_and_metrics_in_the_order_asked_for() -> None:
    groupings = {
        "sums": {"group_by": ["engagement.type"]},
        "turned": {"group_by": ["engagement.type", "tweet.id"]},
    }
    answer = app_at(Clock()).handle(ask_for(THERE, ["retweets", "favorites"], groupings))
    counts = WORLD.counts(np.array(THERE), NOON)
    assert answer.content["sums"] == {
        "retweets": str(counts[:, 1].sum()),
        "favorites": str(counts[:, 0].sum()),
    }
    assert list(answer.content["turned"]) == ["retweets", "favorites"]
    assert answer.content["turned"]["favorites"] == dict(
        zip(map(str, THERE), map(str, counts[:, 0].tolist()), strict=True)
    )


def test_unavailable_posts_are_listed_and_the_others_still_told() -> None:
    assert GONE
    answer = app_at(Clock()).handle(ask_for(POSTS))
    assert answer.status == 200
    assert answer.content["unavailable_tweet_ids"] == list(map(str, GONE))
    assert answer.content["errors"] == [f"{len(GONE)} Tweet ID(s) are unavailable"]
    assert list(answer.content["by_post"]) == list(map(str, THERE))


def test_where_all_posts_are_unavailable_the_answer_is_400() -> None:
    answer = app_at(Clock()).handle(ask_for(GONE))
    assert answer.status == 400
    assert answer.content == {
        "errors": [f"{len(GONE)} Tweet ID(s) are unavailable"],
        "unavailable_tweet_ids": list(map(str, GONE)),
    }


def test_video_views_of_old_posts_are_unsupported_and_read_0() -> None:
    answer = app_at(Clock()).handle(ask_for([OLD, THERE[0]]))
    assert answer.status == 200
    assert answer.content["unsupported_for_video_views_tweet_ids"] == [str(OLD)]
    assert answer.content["by_post"][str(OLD)]["video_views"] == "0"


def test_old_posts_are_not_listed_when_video_views_are_not_asked_for() -> None:
    answer = app_at(Clock()).handle(ask_for([OLD], ["favorites"]))
    assert set(answer.content) == {"by_post"}


def test_over_the_quota_there_is_no_data_and_the_headers_say_when() -> None:
    clock = Clock(NOON + 0.25)
    app = app_at(clock, requests_per_minute=2)
    first, second, third = (app.handle(ask_for(THERE)) for _ in range(3))
    assert [first.status, second.status, third.status] == [200, 200, 429]
    assert third.content == {"errors": ["Too Many Requests"]}
    assert dict(second.headers) == {
        "x-per-minute-limit": "2",
        "x-per-minute-remaining": "0",
        "x-per-minute-reset": str(NOON + 61),
    }
    assert dict(third.headers) == {**dict(second.headers), "Retry-After": "61"}
    clock.now += 61
    assert app.handle(ask_for(THERE)).status == 200


def test_a_bad_request_costs_quota_and_one_without_a_token_does_not() -> None:
    app = app_at(Clock(), requests_per_minute=1)
    assert app.handle(replace(ask_for(THERE), headers={})).status == 401
    assert app.handle(ask_for([])).status == 400
    assert app.handle(ask_for(THERE)).status == 429


def test_without_a_token_the_answer_says_so_and_carries_no_rates() -> None:
    answer = app_at(Clock()).handle(replace(ask_for(THERE), headers={"authorization": "Bearer other"}))
    assert error_of(answer).startswith("Your account could not be authenticated. Reason: ")
    assert answer.headers == ()


def test_a_revoked_token_is_refused() -> None:
    app = app_at(Clock())
    assert app.handle(Request("POST", "/sandbox/tokens/revoke")).content == {"revoked": 1}
    assert app.handle(ask_for(THERE)).status == 401


@pytest.mark.parametrize(
    ("fault", "status"), [("429", 429), ("500", 500), ("503", 503), ("401", 401), ("html", 502)]
)
def test_a_fault_answers_in_the_place_of_the_data(fault: str, status: int) -> None:
    app = app_at(Clock())
    app.handle(post("/sandbox/faults", {"shares": {fault: 1}}))
    answer = app.handle(ask_for(THERE))
    assert answer.status == status
    assert b"by_post" not in (
        answer.content if isinstance(answer.content, bytes) else repr(answer.content).encode()
    )
    assert stats(app)["ids_served"] == 0


def test_a_429_that_is_a_fault_says_that_nothing_remains() -> None:
    app = app_at(Clock())
    app.handle(post("/sandbox/faults", {"shares": {"429": 1}}))
    headers = dict(app.handle(ask_for(THERE)).headers)
    assert headers == {
        "Retry-After": "1",
        "x-per-minute-limit": "120",
        "x-per-minute-remaining": "0",
        "x-per-minute-reset": str(NOON + 1),
    }


def test_latency_is_for_all_and_slowness_comes_on_top() -> None:
    app = app_at(Clock())
    app.handle(post("/sandbox/faults", {"latency_seconds": 0.5, "slow_seconds": 2, "shares": {"slow": 1}}))
    assert app.handle(ask_for(THERE)).delay == 2.5
    assert app.handle(replace(ask_for(THERE), headers={})).delay == 0.5


def test_faults_can_be_read_and_cleared() -> None:
    app = app_at(Clock())
    set_to = app.handle(post("/sandbox/faults", {"shares": {"503": 0.25}, "seed": 9})).content
    assert set_to["shares"]["503"] == 0.25
    assert app.handle(get("/sandbox/faults")).content == set_to
    cleared = app.handle(post("/sandbox/faults", {})).content
    assert not any(cleared["shares"].values())
    assert app.handle(ask_for(THERE)).status == 200


def test_wrong_faults_leave_those_in_force() -> None:
    app = app_at(Clock())
    app.handle(post("/sandbox/faults", {"shares": {"503": 1}}))
    assert app.handle(post("/sandbox/faults", {"shares": {"503": 2}})).status == 400
    assert app.handle(ask_for(THERE)).status == 503


def test_stats_count_requests_sent_and_requests_let_in() -> None:
    clock = Clock()
    app = app_at(clock, requests_per_minute=2)
    for second in (0, 1, 2, 90):
        clock.now = NOON + second
        app.handle(ask_for(POSTS))
    found = stats(app)
    tally = {"requests": 4, "answers_by_status": {"200": 3, "429": 1}, "ids_served": 750}
    assert found.pop("cpu_seconds") > 0
    assert found == {
        "requests": 4,
        "requests_in_the_last_minute": 1,
        "most_requests_in_a_minute": 3,
        "most_let_in_a_minute": 2,
        "requests_per_minute": 2,
        "span": {"seconds": 60.0, "limit": 2, "most_requests": 3, "most_let_in": 2},
        "answers_by_status": {"200": 3, "429": 1},
        "faults": {},
        "ids_served": 750,
        "by_endpoint": {"totals": tally},
        "by_account": {"bearer": tally},
        "world": {"seed": 1, "growth_minutes": 80.0},
        "clock": {"now": NOON + 90, "speed": 1.0, "since": None},
    }


def test_the_truth_is_what_totals_say_and_what_they_hold_back() -> None:
    ids = [*THERE[:5], GONE[0], OLD]
    answer = app_at(Clock()).handle(get("/sandbox/truth", f"ids={','.join(map(str, ids))}&at={NOON + 7}"))
    assert answer.content["at"] == NOON + 7
    posts = answer.content["posts"]
    assert list(posts) == list(map(str, ids))
    counts = WORLD.counts(np.array(THERE[:1]), NOON + 7)[0].tolist()
    assert posts[str(THERE[0])] == {"available": True, "counts": dict(zip(PUBLIC, counts, strict=True))}
    assert posts[str(GONE[0])]["available"] is False
    assert posts[str(OLD)]["counts"]["video_views"] is None


def test_the_truth_is_of_now_when_no_time_is_given() -> None:
    assert app_at(Clock(NOON + 3.9)).handle(get("/sandbox/truth", "ids=20")).content["at"] == NOON + 3


@pytest.mark.parametrize(
    "query",
    [
        "",
        "ids=",
        "ids=x",
        "ids=0",
        f"ids={2**63}",
        "ids=20&at=x",
        "ids=20&at=-1",
        "ids=20&at=",
        "ids=20&at=99999999999999",
        "id=20",
        "ids=" + ",".join(["20"] * 1001),
    ],
)
def test_a_truth_that_cannot_be_told_is_refused(query: str) -> None:
    answer = app_at(Clock()).handle(get("/sandbox/truth", query))
    assert answer.status == 400
    assert answer.content["errors"]


def test_what_is_not_there_is_404_and_a_wrong_method_405() -> None:
    app = app_at(Clock())
    assert app.handle(get("/insights/engagement/7days")).status == 404
    refused = app.handle(get("/insights/engagement/totals"))
    assert (refused.status, refused.headers) == (405, (("Allow", "POST"),))


def test_every_answer_has_the_time_at_which_it_was_made() -> None:
    app = app_at(Clock(NOON + 0.5))
    for request in (
        get("/"),
        get("/sandbox/stats"),
        ask_for([], groupings=BY_BOTH),
        post("/oauth2/token", {}),
    ):
        assert app.handle(request).at == NOON


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"port": 65_536}, "port"),
        ({"requests_per_minute": -1}, "requests_per_minute"),
        ({"requests_per_minute": 0.0005}, "requests_per_minute is 0.0005; it must be 0"),
        ({"requests_per_minute": float("nan")}, "requests_per_minute is nan"),
        ({"requests_per_minute": float("inf")}, "requests_per_minute is inf"),
        ({"growth_minutes": 0.0}, "growth_minutes"),
        ({"bearer_token": "two words"}, "bearer_token"),
        ({"consumer_secret": ""}, "consumer_secret"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        SandboxSettings(**settings)


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(SandboxSettings(consumer_secret="hidden-1", bearer_token="hidden-2"))
    assert "hidden" not in shown

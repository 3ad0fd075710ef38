"""What the sandbox tells of single requests: arrival, IDs, what became of them; bounded, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.settings import SandboxSettings
from tests.unit.sandbox.asking import NOON, Clock, app_at, ask_for, get, post, some_posts

POSTS = list(map(str, some_posts(5)))


def told(app: Any, query: str = "") -> Any:
    answer = app.handle(get("/sandbox/requests", query))
    assert answer.status == 200, answer.content
    return answer.content


def test_each_request_is_told_with_its_arrival_and_what_became_of_it() -> None:
    clock = Clock(NOON + 0.25)
    app = app_at(clock, kept_requests=10, requests_per_minute=3)
    app.handle(ask_for(POSTS[:2]))
    app.handle(
        post("/sandbox/faults", {"rules": [{"fault": "503", "nth": [1]}, {"fault": "slow", "nth": [2]}]})
    )
    app.handle(ask_for(POSTS[2:]))
    clock.now += 1.5
    app.handle(ask_for(POSTS[:1]))
    app.handle(ask_for(POSTS))
    same = {"endpoint": "totals", "who": "bearer"}
    assert told(app) == {
        "dropped": 0,
        "next": 4,
        "received": 4,
        "requests": [
            {
                "number": 0,
                "at": NOON + 0.25,
                **same,
                "status": 200,
                "fault": None,
                "whole": True,
                "ids": POSTS[:2],
            },
            {
                "number": 1,
                "at": NOON + 0.25,
                **same,
                "status": 503,
                "fault": "503",
                "whole": False,
                "ids": POSTS[2:],
            },
            {
                "number": 2,
                "at": NOON + 1.75,
                **same,
                "status": 200,
                "fault": "slow",
                "whole": True,
                "ids": POSTS[:1],
            },
            {"number": 3, "at": NOON + 1.75, **same, "status": 429, "fault": None, "whole": False, "ids": []},
        ],
    }


def test_the_oldest_are_dropped_and_that_is_said() -> None:
    app = app_at(Clock(), kept_requests=2)
    for one in POSTS:
        app.handle(ask_for([one]))
    page = told(app)
    assert (page["dropped"], page["next"], page["received"]) == (3, 5, 5)
    assert [one["ids"] for one in page["requests"]] == [[POSTS[3]], [POSTS[4]]]


def test_pages_follow_each_other_without_gap_or_overlap() -> None:
    app = app_at(Clock(), kept_requests=10)
    for one in POSTS:
        app.handle(ask_for([one]))
    found, after = [], 0
    while (page := told(app, f"after={after}&most=2"))["requests"]:
        found += [one["number"] for one in page["requests"]]
        after = page["next"]
    assert found == [0, 1, 2, 3, 4]
    assert told(app, "after=99")["requests"] == []


def test_nothing_is_kept_unless_asked_for() -> None:
    app = app_at(Clock())
    app.handle(ask_for(POSTS))
    assert told(app) == {"dropped": 1, "next": 1, "received": 1, "requests": []}


@pytest.mark.parametrize("query", ["after=-1", "after=x", "most=0", "most=1001", "sort=up"])
def test_a_query_that_cannot_be_is_refused(query: str) -> None:
    answer = app_at(Clock()).handle(get("/sandbox/requests", query))
    assert answer.status == 400
    assert query.partition("=")[0] in answer.content["errors"][0]


@pytest.mark.parametrize("kept", [-1, 1_000_001])
def test_how_many_are_kept_has_a_range(kept: int) -> None:
    with pytest.raises(ValueError, match="kept_requests"):
        SandboxSettings(kept_requests=kept)

"""A sandbox whose time goes faster: all that it tells and counts is of that time."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.settings import SandboxSettings
from tests.unit.sandbox.asking import NOON, Clock, app_at, ask_for, get, post_created_at

FAST: dict[str, Any] = {"clock_speed": 60.0, "clock_since": str(NOON)}


def test_answers_and_truth_are_of_the_fast_time() -> None:
    clock = Clock()
    app = app_at(clock, **FAST)
    post_id = post_created_at(NOON)
    clock.now += 30
    assert app.handle(get("/sandbox/stats")).at == NOON + 1800
    told = app.handle(get("/sandbox/truth", f"ids={post_id}")).content
    assert told["at"] == NOON + 1800
    assert told == app_at(Clock(NOON + 1800)).handle(get("/sandbox/truth", f"ids={post_id}")).content


def test_the_quota_s_minute_is_a_second() -> None:
    clock = Clock()
    app = app_at(clock, requests_per_minute=1, **FAST)
    statuses = []
    for second in (0.0, 0.99, 1.0, 1.5, 2.0):
        clock.now = NOON + second
        statuses.append(app.handle(ask_for([post_created_at(NOON)])).status)
    assert statuses == [200, 429, 200, 429, 200]


def test_stats_tell_the_clock_so_that_posts_can_be_made_for_it() -> None:
    clock = Clock(NOON + 10)
    told = app_at(clock, **FAST).handle(get("/sandbox/stats")).content["clock"]
    assert told == {"now": NOON + 600, "speed": 60.0, "since": NOON}


@pytest.mark.parametrize("since", [str(NOON), f"{NOON}.0", "2025-10-09T12:00Z", " 2025-10-09 12:00 "])
def test_a_moment_may_be_written_in_several_ways(since: str) -> None:
    assert SandboxSettings(clock=Clock(), clock_speed=60.0, clock_since=since).since == NOON


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"clock_speed": 0.5}, "clock_speed"),
        ({"clock_speed": 1001.0}, "clock_speed"),
        ({"clock_speed": float("nan")}, "clock_speed"),
        ({"clock_speed": 60.0}, "clock_since"),
        ({"clock_speed": 60.0, "clock_since": "soon"}, "clock_since"),
        ({"clock_speed": 60.0, "clock_since": str(NOON + 1)}, "in the past"),
        ({"clock_speed": 60.0, "clock_since": str(NOON - 86_401)}, "a day ago"),
    ],
)
def test_a_pace_that_cannot_be_is_refused_with_what_would_be_right(
    settings: dict[str, Any], name: str
) -> None:
    with pytest.raises(ValueError, match=name):
        SandboxSettings(clock=Clock(), **settings)

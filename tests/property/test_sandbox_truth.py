"""The three endpoints agree with each other and with ``/sandbox/truth``, on random Posts and windows."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.accounts import Accounts
from sandbox.catalogue import HISTORICAL, TOTALS
from sandbox.messages import Request
from sandbox.window import DAY, HOUR, LONGEST, written
from tests.unit.sandbox.asking import NOON, Clock, app_at, get, post_created_at
from tests.unit.sandbox.signing import signed

OWNER = Accounts(1, 1, 1.0).all[0]
BY_POST = {"by_post": {"group_by": ["tweet.id", "engagement.type"]}}
SHARED = sorted({*TOTALS.metrics} & {*HISTORICAL.metrics} - {"video_views"})
HOURS = st.integers(NOON // HOUR - 60 * 24, NOON // HOUR).map(lambda hour: hour * HOUR)
POSTS = st.lists(
    st.builds(post_created_at, st.integers(NOON - 60 * DAY, NOON), st.integers(0, 2**22 - 1)),
    min_size=1,
    max_size=25,
    unique=True,
)


class Owned:
    """A sandbox where one account owns every Post, at a moment."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._app = app_at(Clock(float(at)), accounts=1, owned=1.0)

    def counts(
        self, endpoint: str, post_ids: list[int], metrics: tuple[str, ...], **window: str
    ) -> dict[str, Any]:
        """What the endpoint says of the Posts that can be seen."""
        request = signed(Request("POST", f"/insights/engagement/{endpoint}"), OWNER, at=self._at)
        content = {"tweet_ids": post_ids, "engagement_types": metrics, "groupings": BY_POST, **window}
        answer: Any = self._app.handle(replace(request, body=json.dumps(content).encode()))
        told = answer.content.get("by_post", {})
        return {
            post_id: {metric: int(count) for metric, count in of_post.items()}
            for post_id, of_post in told.items()
        }

    def truth(self, endpoint: str, post_ids: list[int], **window: str) -> dict[str, Any]:
        """What ``/sandbox/truth`` says of them."""
        query = "&".join(
            [f"ids={','.join(map(str, post_ids))}&at={self._at}&endpoint={endpoint}"]
            + [f"{name}={value}" for name, value in window.items()]
        )
        answer: Any = self._app.handle(get("/sandbox/truth", query))
        return {
            post_id: told["counts"] for post_id, told in answer.content["posts"].items() if told["available"]
        }


@settings(deadline=None, max_examples=60)
@given(POSTS, st.integers(NOON, NOON + 20 * DAY))
def test_totals_and_the_last_28_hours_are_the_truth(post_ids: list[int], at: int) -> None:
    api = Owned(at)
    assert api.counts("totals", post_ids, TOTALS.metrics) == api.truth("totals", post_ids)
    assert api.counts("28hr", post_ids, HISTORICAL.metrics) == api.truth("28hr", post_ids)


@settings(deadline=None, max_examples=60)
@given(POSTS, HOURS, st.integers(1, LONGEST // HOUR))
def test_any_window_of_history_is_the_truth(post_ids: list[int], start: int, hours: int) -> None:
    api = Owned(NOON)
    window = {"start": written(start), "end": written(min(start + hours * HOUR, NOON))}
    if window["start"] == window["end"]:
        return
    asked = api.counts("historical", post_ids, HISTORICAL.metrics, **window)
    assert asked == api.truth("historical", post_ids, **window)


@settings(deadline=None, max_examples=60)
@given(POSTS)
def test_the_last_28_hours_are_the_window_of_28_whole_hours_before_this_one(post_ids: list[int]) -> None:
    api = Owned(NOON)
    window = {"start": written(NOON - 28 * HOUR), "end": written(NOON)}
    recent = api.counts("28hr", post_ids, HISTORICAL.metrics)
    assert recent == api.counts("historical", post_ids, HISTORICAL.metrics, **window)


@settings(deadline=None, max_examples=60)
@given(POSTS)
def test_windows_since_creation_add_up_to_the_totals_but_for_falls(post_ids: list[int]) -> None:
    api = Owned(NOON)
    totals = api.counts("totals", post_ids, TOTALS.metrics)
    assert totals.keys() == api.truth("totals", post_ids).keys()
    seams = [*range(NOON - 3 * LONGEST, NOON, LONGEST), NOON]
    parts = [
        api.counts("historical", post_ids, HISTORICAL.metrics, start=written(start), end=written(end))
        for start, end in pairwise(seams)
    ]
    for post_id, counts in totals.items():
        for metric in SHARED:
            gained = sum(part[post_id][metric] for part in parts)
            if metric in {"impressions", "engagements"}:
                assert counts[metric] == gained
            else:
                # Unlikes and removed accounts take from totals, and are no event of any hour.
                assert counts[metric] <= gained

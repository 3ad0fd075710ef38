"""Posts, Sightings, answers and Watchlists in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.model import (
    NOT_AVAILABLE,
    Campaign,
    Counts,
    MetricName,
    PostId,
    Seconds,
    Sighting,
    Timestamp,
    first_post_id,
)
from worker.watchlist import Watchlist, WatchlistLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = Timestamp(1_700_000_000.0)
HOUR = Seconds(3600.0)

LIKES = MetricName("favorites")
RETWEETS = MetricName("retweets")
LIKES_PER_HOUR = MetricName("favorites_per_hour")
RETWEETS_PER_HOUR = MetricName("retweets_per_hour")

A, B, C = Campaign("a"), Campaign("b"), Campaign("c")

OLD_ID = PostId(20)
"""From before Post IDs held a time."""


def later(seconds: float, than: Timestamp = NOW) -> Timestamp:
    return Timestamp(than + seconds)


def post(number: int = 0, at: float = NOW - HOUR) -> PostId:
    """Post ``number`` of those created at a moment."""
    return PostId(first_post_id(Timestamp(at)) + number)


def sighting(
    post_id: PostId,
    *campaigns: Campaign,
    seen_at: float = NOW,
    author: str | None = None,
    text: str | None = None,
) -> Sighting:
    return Sighting(post_id, campaigns, Timestamp(seen_at), author, text)


def limits(
    max_posts: int = 100,
    max_campaigns: int = 10,
    tracking_window: float = 48 * HOUR,
    growth_window: float = HOUR,
) -> WatchlistLimits:
    return WatchlistLimits(Seconds(tracking_window), max_posts, max_campaigns, Seconds(growth_window))


def watchlist(
    *posts: PostId,
    metrics: Sequence[MetricName] = (LIKES,),
    bounds: WatchlistLimits | None = None,
) -> Watchlist:
    """A Watchlist that has seen these Posts, in partition 0, just now."""
    made = Watchlist(metrics, bounds or limits())
    made.add(0, [sighting(post_id) for post_id in posts], NOW)
    return made


def counts(values: Mapping[PostId, Sequence[int | None]], at: float = NOW) -> Counts:
    """An answer; ``None`` is not available."""
    listed = [[NOT_AVAILABLE if count is None else count for count in row] for row in values.values()]
    ids = np.array(list(values), dtype=np.int64)
    width = len(listed[0]) if listed else 0
    return Counts(Timestamp(at), ids, np.array(listed, dtype=np.int64).reshape(len(ids), width))

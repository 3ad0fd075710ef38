"""``/28hr`` and ``/historical``: what Posts gained in a window, hour by hour, in the API's JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sandbox.catalogue import BY_DAY, BY_HOUR, BY_METRIC, BY_POST, column
from sandbox.groupings import nested, texts
from sandbox.window import DAY, HOUR

if TYPE_CHECKING:
    from sandbox.asked import Asked
    from sandbox.window import Window
    from sandbox.world import IntArray, World

FIRST_COUNTED: Final = 1_442_275_200
"""15 September 2015: before it, history has no favorites, replies and retweets."""

_LATE: Final = [column(name) for name in ("favorites", "replies", "retweets")]
_HOURS: Final = [f"{hour:02}" for hour in range(24)]


def series(world: World, asked: Asked, post_ids: IntArray, window: Window, now: int) -> dict[str, Any]:
    """The groupings asked for, and the window; nothing of what comes after the second ``now`` is counted."""
    gains = hourly(world, post_ids, window, now)[:, :, asked.columns]
    posts, metrics, days = len(post_ids), len(asked.metrics), len(window.days)
    # Time gets two axes, day and hour of the day; what of them lies outside the window is not told of.
    counts = np.zeros((days * 24, posts, metrics), dtype=np.int64)
    told = np.zeros(days * 24, dtype=np.bool_)
    first = window.start % DAY // HOUR
    here = slice(first, first + len(window.hours))
    counts[here], told[here] = gains, True
    cube = counts.reshape(days, 24, posts, metrics)
    there = told.reshape(days, 24, 1, 1)
    axes = {
        BY_DAY: [datetime.fromtimestamp(day, UTC).strftime("%Y-%m-%d") for day in window.days],
        BY_HOUR: _HOURS,
        BY_POST: texts(post_ids),
        BY_METRIC: asked.metrics,
    }
    content: dict[str, Any] = dict(window.as_json())
    for name, group_by in asked.groupings.items():
        content[name] = nested(cube, axes, group_by, there)
    return content


def hourly(world: World, post_ids: IntArray, window: Window, now: int) -> IntArray:
    """What each Post gained in each hour, up to the second ``now``. Shape (hours, Posts, ``HISTORY``)."""
    return np.diff(_until(world, post_ids, [*window.hours, window.end], now), axis=0)


def summed(world: World, post_ids: IntArray, window: Window, now: int) -> IntArray:
    """What each Post gained in the whole window, up to the second ``now``. Shape (Posts, ``HISTORY``)."""
    before, after = _until(world, post_ids, [window.start, window.end], now)
    return np.asarray(after - before)


def _until(world: World, post_ids: IntArray, times: list[int], now: int) -> IntArray:
    """History up to each time, as it is told: without what was gained before ``FIRST_COUNTED`` of some."""
    told = world.history(post_ids, [*(min(time, now) for time in times), FIRST_COUNTED])
    told[:, :, _LATE] = np.maximum(told[:, :, _LATE], told[-1:, :, _LATE])
    return told[:-1]

"""Who leaves when the Watchlist is full: the measured Posts least able to reach a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from worker.board_metrics import board_metric
from worker.catalogue import Endpoint
from worker.model import PostId
from worker.watchlist.columns import State

if TYPE_CHECKING:
    from worker.model import FloatArray, MetricName, Seconds, Standings, Timestamp
    from worker.watchlist.watchlist import Watchlist

_FREE_PLACE: Final = -np.inf
"""The bar of a leaderboard that is not full: any value reaches it."""

_WITHIN_REACH: Final = 1e12
"""Beyond how far above a bar a forecast may be; who has a free place is as near as that, and by its value."""


def least_able(
    watchlist: Watchlist, standings: Standings, now: Timestamp, count: int, half_growth: Seconds
) -> list[PostId]:
    """At most ``count`` Posts that were asked for, those first whose forecast is farthest below every bar.

    The forecast of a count is what it comes to when growth is over, by the curve that the planner starts
    from: count + (count + 1) * half_growth / age. The one more keeps a Post that was just born, and that
    nobody can have liked yet, from being taken for one that nobody likes. What is derived, and what is of the
    last 28 hours, is taken as it is. Unavailable Posts, and those whose
    metrics are not available, reach nothing and are named before all others; Posts above a bar, or on a
    board with free places, are named last: of the latter those with the lowest forecast first, as nothing
    else is known while a Watchlist is restored.
    """
    columns = watchlist.columns
    rows = np.flatnonzero((columns.states >= State.MEASURED) & ~columns.in_flight)
    to_come = half_growth / np.maximum(now - columns.born()[rows], 1.0)
    nearness = np.full(len(rows), -np.inf)
    # One metric at a time: at a million Posts each array is megabytes.
    for column, metric in enumerate(watchlist.metrics):
        forecast = columns.values[rows, column]
        made = board_metric(metric)
        if made.kind == "count" and made.endpoint is Endpoint.TOTALS:
            forecast += (forecast + 1) * to_come
        bars = _bars(watchlist, standings, metric)[columns.groups[rows]]
        near = np.where(bars == _FREE_PLACE, _WITHIN_REACH + forecast, forecast / (np.maximum(bars, 0.0) + 1))
        near[np.isnan(forecast)] = -np.inf
        np.maximum(nearness, near, out=nearness)
    if count < len(rows):
        least = np.argpartition(nearness, count)[:count]
        rows, nearness = rows[least], nearness[least]
    order = np.argsort(nearness, kind="stable")
    return [PostId(post_id) for post_id in columns.post_ids[rows[order]].tolist()]


def _bars(watchlist: Watchlist, standings: Standings, metric: MetricName) -> FloatArray:
    """The lowest bar of each set of campaigns, by the set's number."""
    sets = dict(watchlist.groups.sets())
    bars = np.zeros(max(sets, default=-1) + 1)
    for number, campaigns in sets.items():
        bars[number] = min(standings.bars.get((campaign, metric), _FREE_PLACE) for campaign in campaigns)
    return bars

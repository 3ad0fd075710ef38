"""Who leaves when the Watchlist is full: the measured Posts least able to reach a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.model import PostId, is_per_hour
from worker.watchlist.columns import State

if TYPE_CHECKING:
    from worker.model import FloatArray, Seconds, Standings, Timestamp
    from worker.watchlist.watchlist import Watchlist


def least_able(
    watchlist: Watchlist, standings: Standings, now: Timestamp, count: int, half_growth: Seconds
) -> list[PostId]:
    """At most ``count`` measured Posts, those first whose forecast is farthest below every bar.

    The forecast of a count is what it comes to when growth is over, by the curve that the planner starts
    from: count * (1 + half_growth / age). A Post above a bar, or on a board with free places, is named last.
    """
    columns = watchlist.columns
    rows = np.flatnonzero((columns.states == State.MEASURED) & ~columns.in_flight)
    if not len(rows):
        return []
    born = np.where(np.isnan(columns.created[rows]), columns.seen[rows], columns.created[rows])
    still_to_come = 1 + half_growth / np.maximum(now - born, 1.0)
    forecast = np.nan_to_num(columns.values[rows], nan=0.0)
    counted = [column for column, metric in enumerate(watchlist.metrics) if not is_per_hour(metric)]
    forecast[:, counted] *= still_to_come[:, np.newaxis]

    bars = _bars(watchlist, standings)[columns.groups[rows]]
    nearness = np.max((forecast + 1) / (bars + 1), axis=1)
    order = np.argsort(nearness, kind="stable")[:count]
    return [PostId(post_id) for post_id in columns.post_ids[rows[order]].tolist()]


def _bars(watchlist: Watchlist, standings: Standings) -> FloatArray:
    """The lowest bar of each set of campaigns at each metric, shape (sets, metrics)."""
    sets = dict(watchlist.groups.sets())
    bars = np.zeros((max(sets, default=-1) + 1, len(watchlist.metrics)))
    for number, campaigns in sets.items():
        for column, metric in enumerate(watchlist.metrics):
            bars[number, column] = min(standings.bar(campaign, metric) for campaign in campaigns)
    return bars

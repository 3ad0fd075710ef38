"""What a worker knows of its world: how many Posts and campaigns, how fast they come, how large they grow."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson

from worker.board_metrics import board_metric
from worker.model import ALL, PUBLIC_METRICS
from worker.watchlist import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from worker.model import Campaign, FloatArray, MetricName, Timestamp
    from worker.planner.curve import Curve
    from worker.settings import Settings
    from worker.watchlist import Watchlist

FEWEST_POSTS: Final = 100
"""Fewer are no world to learn from: and the contract is enough for them."""

_LATELY: Final = 6 * 3600.0
"""Seconds over which arrivals are counted."""
_LEAST_TIME: Final = 600.0
_OLD: Final = 0.95
"""The share of Posts by whose age that time is cut: of a stream that began an hour ago, it is an hour."""
_LOOKED_AT: Final = 50_000
"""Posts that ages and sizes are learned from, at most: it is done in the event loop."""
_LARGEST: Final = 0.1
"""The share of Posts that the tail of sizes is learned from: boards show no others."""
_FEWEST_SIZES: Final = 50
_TAILS: Final = (0.7, 3.0)
_USUAL_SIZES: Final = (2.0, 1.1)
_LEAST_GROWN: Final = 0.05
"""Of a Post that has grown less than this, nobody knows the size."""


class NoWorldError(Exception):
    """There is nothing to simulate yet. The text says why, in a sentence."""


@dataclass(frozen=True, slots=True)
class Census:
    """All that a world is made of; of all workers of the group together.

    ``posts``: those in the tracking window, ``window`` seconds long. ``posts_per_hour``: created lately.
    ``campaigns``: Posts in each, largest first. ``metrics``: the counts simulated, largest first.
    ``half_growth`` and ``growth_tail``: the curve that the planner has learned. ``least_size`` and
    ``size_tail``: of the first metric. ``requests_per_minute``: what ``engagement.headroom`` leaves of the
    contract. The rest are settings of the planner.
    """

    posts: int
    posts_per_hour: float
    window: float
    campaigns: tuple[int, ...]
    metrics: tuple[MetricName, ...]
    top: int
    half_growth: float
    growth_tail: float
    least_size: float
    size_tail: float
    requests_per_minute: float
    linger: float
    min_interval: float
    interval_growth: float
    recheck_unavailable: float
    unasked_share: float
    max_unasked: float
    retire_chance: float

    def to_json(self) -> bytes:
        """For another process."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, told: bytes) -> Census:
        """What ``to_json`` wrote."""
        values = orjson.loads(told)
        return cls(**{**values, **{name: tuple(values[name]) for name in ("campaigns", "metrics")}})


def take_census(
    watchlist: Watchlist, tracked: Mapping[Campaign, int], curve: Curve, settings: Settings, now: Timestamp
) -> Census:
    """What is known now.

    Args:
        watchlist: the Posts of this worker's partitions. Which these are is decided by a hash of the Post ID,
            so that they stand for all.
        tracked: the Posts tracked in each campaign, by all workers.
        curve: how Posts grow, as learned.
        settings: the worker's.
        now: the time.

    Raises:
        NoWorldError: there are too few Posts.
    """
    columns, window = watchlist.columns, settings.watchlist.tracking_window
    some = np.arange(0, len(columns.states), math.ceil(len(columns.states) / _LOOKED_AT))
    some = some[columns.states[some] != State.FREE]
    ages = now - _born(watchlist, some)
    there = (columns.states[some] != State.UNAVAILABLE) & (ages < window)
    rows, ages = some[there], np.maximum(ages[there], 1.0)
    stands_for = max(len(watchlist), tracked.get(ALL, 0)) / max(len(some), 1)
    posts = round(len(rows) * stands_for)
    if posts < FEWEST_POSTS:
        raise NoWorldError(f"there are {posts} Posts in the tracking window; it takes {FEWEST_POSTS}")
    metrics = _by_size(watchlist, rows)
    least, tail = _sizes(watchlist, metrics[0], rows, curve)
    engagement, planner = settings.engagement, settings.planner
    return Census(
        posts=posts,
        posts_per_hour=posts * _share_an_hour(ages),
        window=window,
        campaigns=tuple(sorted((posts for name, posts in tracked.items() if name != ALL), reverse=True)),
        metrics=metrics,
        top=settings.boards.top,
        half_growth=float(curve.half),
        growth_tail=curve.tail,
        least_size=least,
        size_tail=tail,
        requests_per_minute=engagement.requests_per_minute * 60.0 / (60.0 + engagement.headroom),
        linger=planner.linger,
        min_interval=planner.min_interval,
        interval_growth=planner.interval_growth,
        recheck_unavailable=settings.watchlist.recheck_unavailable,
        unasked_share=planner.unasked_share,
        max_unasked=planner.max_unasked,
        retire_chance=planner.retire_chance,
    )


def _born(watchlist: Watchlist, rows: NDArray[np.intp]) -> FloatArray:
    """As ``Columns.born``, of these."""
    born: FloatArray = np.fmin(watchlist.columns.created[rows], watchlist.columns.seen[rows])
    return born


def _share_an_hour(ages: FloatArray) -> float:
    """The share of these Posts that an hour brings: of those created lately, the mean."""
    span = min(max(float(np.quantile(ages, _OLD)) / _OLD, _LEAST_TIME), _LATELY)
    return float(np.count_nonzero(ages <= span) / len(ages) / span * 3600.0)


def _by_size(watchlist: Watchlist, rows: NDArray[np.intp]) -> tuple[MetricName, ...]:
    """The public counts that boards are made of, those first that Posts have most of."""
    sources = {source for metric in watchlist.metrics for source in board_metric(metric).sources}
    public = [metric for metric in PUBLIC_METRICS if metric in sources]
    sums = {metric: float(np.nansum(_values(watchlist, metric, rows))) for metric in public}
    return tuple(sorted(public, key=lambda metric: -sums[metric]))


def _values(watchlist: Watchlist, metric: MetricName, rows: NDArray[np.intp]) -> FloatArray:
    if metric not in watchlist.metrics:
        return np.full(len(rows), np.nan)
    values: FloatArray = watchlist.columns.values[rows, watchlist.metrics.index(metric)]
    return values


def _sizes(
    watchlist: Watchlist,
    metric: MetricName,
    rows: NDArray[np.intp],
    curve: Curve,
) -> tuple[float, float]:
    """The least size and the tail index: Hill's estimate, of what the largest counts will have come to."""
    columns = watchlist.columns
    grown = curve.grown(columns.measured[rows] - _born(watchlist, rows))
    known = (columns.states[rows] == State.MEASURED) & (grown >= _LEAST_GROWN)
    values = _values(watchlist, metric, rows)[known] / grown[known]
    sizes = np.sort(values[values > 0])[::-1]
    count = int(_LARGEST * len(values))
    if count < _FEWEST_SIZES or count >= len(sizes):
        return _USUAL_SIZES
    least = float(sizes[count])
    logs = float(np.mean(np.log(sizes[:count] / least)))
    tail = float(np.clip(1.0 / max(logs, 1e-9), *_TAILS))
    # So many are above the least of the largest: from there the distribution is led down to all Posts.
    return least * _LARGEST ** (1.0 / tail), tail

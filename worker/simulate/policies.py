"""The policies by name: the planner, and what it is compared with, as simple as a user would write them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import PostId, Seconds, Timestamp
from worker.planner import BoardGain, BoardGainSettings, Plan, TimingSettings
from worker.planner.assessor import born
from worker.planner.curve import Curve
from worker.planner.growth import PRIOR_COUNT, PRIOR_GROWN, Growth, Measured
from worker.planner.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from worker.model import FloatArray, MetricName, Standings
    from worker.planner import Planner, Posts
    from worker.planner.planner import Columns

_NEW: Final = 1
_MEASURED: Final = 2
_UNAVAILABLE: Final = 3
_RETRY: Final = 15.0
_RANK_FOR: Final = 7.0
"""Seconds that a ranking holds: less than is between two requests of a contract of eight a minute."""
_MOST_AHEAD: Final = 30


class Ranked:
    """Asks for the Posts that a rank puts first. Who is in flight is left out; new Posts are due at once.

    Where requests follow each other faster than ``_RANK_FOR``, those within it share a ranking, each with the
    next of its Posts: to rank a million Posts takes a tenth of a second.
    """

    def __init__(self, rank: Callable[[float, Posts, NDArray[np.intp]], FloatArray]) -> None:
        self._rank = rank
        self._planned_at = -math.inf
        self._ranked_at = -math.inf
        self._next = np.empty(0, dtype=np.intp)

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:  # noqa: ARG002 -- it looks at none
        """See ``Planner.plan``."""
        columns = posts.columns
        self._next = self._next[_is_askable(columns, self._next)]
        if now - self._ranked_at >= _RANK_FOR or len(self._next) < seats:
            self._ranked_at = now
            self._next = self._first(now, posts, seats, self._requests_ahead(now))
        self._planned_at = now
        rows, self._next = self._next[:seats], self._next[seats:]
        asked = [PostId(post_id) for post_id in columns.post_ids[rows].tolist()]
        return Plan(asked, Timestamp(now + _RETRY), len(asked))

    def _requests_ahead(self, now: float) -> int:
        """How many requests a ranking is for: this one, and as many as follow at the present pace."""
        return 1 + min(int(_RANK_FOR / max(now - self._planned_at, 1e-3)), _MOST_AHEAD)

    def _first(self, now: float, posts: Posts, seats: int, requests: int) -> NDArray[np.intp]:
        """The rows of so many requests, best first; all, in any order, where they have seats in one."""
        rows = np.flatnonzero(_is_askable(posts.columns, slice(None)))
        if len(rows) <= seats:
            return rows
        rank, count = -self._rank(now, posts, rows), seats * requests
        if len(rows) > count:
            first = np.argpartition(rank, count)[:count]
            rows, rank = rows[first], rank[first]
        best: NDArray[np.intp] = rows[np.argsort(rank, kind="stable")]
        return best


def _is_askable(columns: Columns, rows: NDArray[np.intp] | slice) -> NDArray[np.bool_]:
    askable: NDArray[np.bool_] = (columns.states[rows] >= _NEW) & ~columns.in_flight[rows]
    return askable


def round_robin() -> Planner:
    """Every Post in turn: those asked longest ago first, new ones before all."""
    return Ranked(lambda _now, posts, rows: -posts.columns.asked[rows])


def uniform(seed: int) -> Planner:
    """Posts at random, each as likely as any other."""
    chance = np.random.default_rng(seed)
    return Ranked(lambda _now, _posts, rows: chance.random(len(rows)))


def age_decay(timing: TimingSettings, half_growth: Seconds) -> Planner:
    """New Posts first, then those that are due, and of these the ones of which most growth was not seen yet.

    That is F(age now) less F(age when measured), with F(a) = 1 - 1/(1 + a/half_growth), whatever the counts.
    """
    due_at = Timing(timing).due_at

    def rank(now: float, posts: Posts, rows: NDArray[np.intp]) -> FloatArray:
        columns = posts.columns
        measured, births = columns.measured[rows], born(columns, rows)
        seen = 1 / (1 + np.maximum(measured - births, 0.0) / half_growth)
        unseen: FloatArray = seen - 1 / (1 + np.maximum(now - births, 0.0) / half_growth)
        unseen[columns.states[rows] == _UNAVAILABLE] = 0.0
        # No share is above 1: who is due comes before who is not, new Posts before all, longest wait first.
        unseen += due_at(columns, rows) <= now
        new = columns.states[rows] == _NEW
        unseen[new] = 2.0 + now - columns.seen[rows[new]]
        return unseen

    return Ranked(rank)


def growth_only(metrics: Sequence[MetricName], half_growth: Seconds) -> Planner:
    """Those first whose counts have probably grown most since they were measured, whatever the boards are."""
    growth, curve = Growth(metrics, Seconds(3600.0)), Curve(half_growth)

    def rank(now: float, posts: Posts, rows: NDArray[np.intp]) -> FloatArray:
        columns = posts.columns
        births = born(columns, rows)
        # Of a new Post no more is known than that it is one.
        gained: FloatArray = PRIOR_COUNT / PRIOR_GROWN * curve.grown(now - births)
        known = columns.states[rows] == _MEASURED
        values = columns.values[rows[known]]
        nothing = np.zeros(len(values))
        measured = Measured(
            columns.measured[rows[known]] - births[known], values, nothing, np.zeros_like(values)
        )
        forecast = growth.forecast(measured, now - births[known], curve, 0.0)
        gained[known] = np.nan_to_num(forecast.mean).sum(axis=1)
        return gained

    return Ranked(rank)


@dataclass(frozen=True, slots=True)
class Habits:
    """What users may set of the planner. See ``BoardGainSettings``."""

    timing: TimingSettings
    unasked_share: float
    max_unasked: Seconds
    retire_chance: float


USUAL_HABITS: Final = Habits(
    TimingSettings(Seconds(2.0), Seconds(15.0), 0.02, Seconds(21_600.0)),
    unasked_share=0.03,
    max_unasked=Seconds(86_400.0),
    retire_chance=1e-4,
)

SIMPLE: Final = ("round-robin", "uniform", "age-decay", "growth-only")
POLICIES: Final = ("planner", "planner-fixed", *SIMPLE)
"""``planner-fixed``: the half of the growth stays as assumed. It shows what learning it brings."""


def make_policy(
    name: str,
    metrics: Sequence[MetricName],
    *,
    top: int,
    window: Seconds,
    half_growth: Seconds,
    seed: int,
    habits: Habits = USUAL_HABITS,
) -> Planner:
    """A policy by its name, which is one of ``POLICIES``."""
    match name:
        case "planner" | "planner-fixed":
            settings = BoardGainSettings(
                top,
                Seconds(3600.0),
                half_growth,
                tracking_window=window,
                unasked_share=habits.unasked_share,
                max_unasked=habits.max_unasked,
                retire_chance=habits.retire_chance,
                learn=name == "planner",
            )
            return BoardGain(metrics, settings, habits.timing, seed=seed)
        case "round-robin":
            return round_robin()
        case "uniform":
            return uniform(seed)
        case "age-decay":
            return age_decay(habits.timing, half_growth)
        case "growth-only":
            return growth_only(metrics, half_growth)
    raise ValueError(f"{name} is no policy: one of {', '.join(POLICIES)}")

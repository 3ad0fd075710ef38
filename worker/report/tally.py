"""Totals, top N and engagement rates of Posts. Pure: columns in, figures out.

Ties fall to the older Post, which has the smaller ID, whatever the order of the input was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from worker.catalogue import ENGAGEMENTS, IMPRESSIONS
from worker.model import NOT_AVAILABLE, PostId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.model import IntArray, MetricName


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of a metric over the ``posts`` that it is available of. ``None``: of none."""

    value: int | None
    posts: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a top N, counted from 1."""

    rank: int
    post_id: PostId
    value: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What the counts of some Posts add up to.

    ``engagement_rate``: engagements ÷ impressions of the Posts that both are available of.
    """

    posts: int
    totals: Mapping[MetricName, Total]
    top: Mapping[MetricName, Sequence[Place]]
    engagement_rate: float | None


def tally(post_ids: IntArray, values: IntArray, metrics: Sequence[MetricName], top: int) -> Tally:
    """The tally of these Posts, the older first; ``values`` has a row for each and a column for each metric.

    Cost: in proportion to the Posts; only candidates for the top are sorted.
    """
    columns = {metric: values[:, column] for column, metric in enumerate(metrics)}
    return Tally(
        posts=len(post_ids),
        totals={metric: _total(column) for metric, column in columns.items()},
        top={metric: _top(post_ids, column, top) for metric, column in columns.items()},
        engagement_rate=_rate(columns),
    )


def _total(column: IntArray) -> Total:
    available = column[column != NOT_AVAILABLE]
    return Total(int(available.sum()) if len(available) else None, len(available))


def _top(post_ids: IntArray, column: IntArray, size: int) -> list[Place]:
    rows = np.flatnonzero(column != NOT_AVAILABLE)
    if 0 < size < len(rows):
        # Whoever is equal to the last place is a candidate: which of them it is, the age says.
        last = np.partition(column[rows], len(rows) - size)[len(rows) - size]
        rows = rows[column[rows] >= last]
    best = rows[np.argsort(-column[rows], kind="stable")][:size]
    return [
        Place(rank, PostId(int(post_ids[row])), int(column[row])) for rank, row in enumerate(best, start=1)
    ]


def _rate(columns: Mapping[MetricName, IntArray]) -> float | None:
    if IMPRESSIONS not in columns or ENGAGEMENTS not in columns:
        return None
    impressions, engagements = columns[IMPRESSIONS], columns[ENGAGEMENTS]
    both = (impressions != NOT_AVAILABLE) & (engagements != NOT_AVAILABLE)
    seen = int(impressions[both].sum())
    return int(engagements[both].sum()) / seen if seen > 0 else None

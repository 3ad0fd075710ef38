"""From an answer's counts to the values that boards are of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.board_metrics import board_metric
from worker.model import NOT_AVAILABLE
from worker.watchlist.growth import grow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.catalogue import Endpoint
    from worker.model import FloatArray, IntArray, MetricName, Seconds, Timestamp
    from worker.watchlist.columns import Columns


class _Rate(NamedTuple):
    """A board's column, and the counts that it is the quotient of."""

    column: int
    engagements: int
    impressions: int


class Growth(NamedTuple):
    """The rows of the Posts that were measured ``at`` this moment; see ``grow`` for the window."""

    columns: Columns
    rows: NDArray[np.intp]
    at: Timestamp
    window: Seconds


class Recipe:
    """How the counts of ``asked`` metrics of one endpoint become values of boards.

    A board whose counts are not asked for gets *not available*: these Posts' counts are another's to know.
    Boards of other endpoints keep what they have.
    """

    def __init__(
        self,
        metrics: Sequence[MetricName],
        endpoint: Endpoint,
        asked: Sequence[MetricName],
        rate_floor: int,
    ) -> None:
        self._rate_floor = rate_floor
        made = [(column, board_metric(metric)) for column, metric in enumerate(metrics)]
        own = [(column, metric) for column, metric in made if metric.endpoint is endpoint]
        self._own = [column for column, _ in own]
        told = [(column, metric) for column, metric in own if set(metric.sources) <= set(asked)]
        place = {metric: number for number, metric in enumerate(asked)}
        counts = [(column, place[metric.sources[0]]) for column, metric in told if metric.kind == "count"]
        self._counted, self._counted_from = [c for c, _ in counts], [source for _, source in counts]
        # Growth keeps its earlier counts in columns of their own, one for each such board.
        grown = [metric for _, metric in made if metric.kind == "per_hour"]
        self._grown = [column for column, metric in made if metric.kind == "per_hour"] if own else []
        self._grown_from = [place.get(metric.sources[0], -1) for metric in grown]
        self._grows = bool(grown) and endpoint is grown[0].endpoint
        self._rates = [
            _Rate(column, place[metric.sources[0]], place[metric.sources[1]])
            for column, metric in told
            if metric.kind == "rate"
        ]

    def clear(self, values: FloatArray) -> None:
        """Write *not available* for the boards of this endpoint, in place."""
        values[:, self._own] = np.nan

    def fill(self, values: FloatArray, counts: IntArray, growth: Growth) -> None:
        """Write the values of some Posts in place.

        Args:
            values: shape (n, board metrics), as they are so far.
            counts: shape (n, asked metrics).
            growth: what they grow against; it moves on.
        """
        answer = counts.astype(np.float64)
        answer[counts == NOT_AVAILABLE] = np.nan
        values[:, self._own] = np.nan
        values[:, self._counted] = answer[:, self._counted_from]
        for rate in self._rates:
            impressions = answer[:, rate.impressions]
            # One engagement of one impression is luck, and no winner.
            enough = impressions >= self._rate_floor
            values[enough, rate.column] = answer[enough, rate.engagements] / impressions[enough]
        if self._grows:
            unknown = np.full((len(answer), 1), np.nan)
            counted = np.hstack([answer, unknown])[:, self._grown_from]
            values[:, self._grown] = grow(growth.columns, growth.rows, counted, growth.at, growth.window)

"""The answers to one batch put together: over all pieces of its window, each Post in exactly one outcome."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import NOT_AVAILABLE
from worker.report.job import SERIES
from worker.report.series import points_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from worker.engagement.query import Query
    from worker.model import IntArray, MetricName, PostId
    from worker.report.answered import Answered
    from worker.report.series import Points


class Outcome(IntEnum):
    """What became of a Post. Of several pieces of a window the greatest counts."""

    PENDING = 0
    MEASURED = 1
    UNSUPPORTED = 2
    UNAVAILABLE = 3
    REFUSED = 4
    FAILED = 5
    FORBIDDEN = 6
    """Not of the account that asked: no last word, but to be asked for as unowned."""


NOT_ANSWERED: Final = "no answer told anything of it"


class Gathering:
    """What the requests of one batch told. ``post_ids``: those of the batch, in order.

    ``why``: what befell the last request that told nothing of some of them, where that is known.
    """

    def __init__(self, post_ids: IntArray, queries: Sequence[Query], metrics: Sequence[MetricName]) -> None:
        self.post_ids = post_ids
        self.reasons: dict[PostId, str] = {}
        self.why: str | None = None
        self._metrics = list(metrics)
        self._states = np.zeros((len(queries), len(post_ids)), dtype=np.int8)
        self._values = np.zeros((len(post_ids), len(metrics)), dtype=np.int64)
        self._lacking = np.ones(self._values.shape, dtype=bool)
        asked = {metric for query in queries for metric in query.metrics}
        self._lacking[:, [metric in asked for metric in metrics]] = False
        self._points: dict[PostId, list[Points]] = {}

    def add(self, piece: int, answered: Answered) -> None:
        """What a request for this query of the batch told. Of a Post the first word counts."""
        self.why = answered.why or self.why
        rows = self._rows(answered.post_ids)
        fresh = self._states[piece, rows] == Outcome.PENDING
        rows, values = rows[fresh], answered.values[fresh]
        self._states[piece, rows] = Outcome.MEASURED
        cells = np.ix_(rows, [self._metrics.index(metric) for metric in answered.metrics])
        lacking = values == NOT_AVAILABLE
        self._lacking[cells] |= lacking
        self._values[cells] += np.where(lacking, 0, values)
        self._settle(piece, answered.unavailable, Outcome.UNAVAILABLE)
        self._settle(piece, answered.refused, Outcome.REFUSED)
        self._settle(piece, answered.forbidden, Outcome.FORBIDDEN)
        for post_id in self._settle(piece, answered.failed, Outcome.FAILED):
            self.reasons[post_id] = answered.failed[post_id]
        told = set(self.post_ids[rows].tolist()) if answered.trees else set()
        for tree in answered.trees:
            for post_id, points in points_of(tree.get(SERIES)).items():
                if post_id in told:
                    self._points.setdefault(post_id, []).append(points)

    def open(self, piece: int) -> list[PostId]:
        """The Posts of which nothing is known yet for this query."""
        left: list[PostId] = self.post_ids[self._states[piece] == Outcome.PENDING].tolist()
        return left

    def outcomes(self, why_not_told: str = NOT_ANSWERED) -> IntArray:
        """The outcome of each Post, now that all is asked. Who was not told of has failed."""
        pending = (self._states == Outcome.PENDING).any(axis=0)
        outcomes: IntArray = self._states.max(axis=0).astype(np.int64)
        outcomes[(outcomes == Outcome.MEASURED) & self._lacking.all(axis=1)] = Outcome.UNSUPPORTED
        outcomes[pending] = Outcome.FAILED
        for post_id in self.post_ids[pending].tolist():
            self.reasons.setdefault(post_id, why_not_told)
        return outcomes

    def values(self) -> IntArray:
        """The count of each Post and metric: over all pieces, and not available where it lacks in one."""
        values: IntArray = np.where(self._lacking, NOT_AVAILABLE, self._values)
        return values

    def series(self) -> Mapping[PostId, Sequence[Points]]:
        """The time series of the Posts, a mapping for each piece of the window."""
        return self._points

    def _settle(self, piece: int, post_ids: Iterable[PostId], outcome: Outcome) -> list[PostId]:
        """Note the outcome of those of them that have none yet, and say who they are."""
        listed = np.array(list(post_ids), dtype=np.int64)
        rows = self._rows(listed)
        fresh = self._states[piece, rows] == Outcome.PENDING
        self._states[piece, rows[fresh]] = outcome
        settled: list[PostId] = listed[fresh].tolist()
        return settled

    def _rows(self, post_ids: IntArray) -> IntArray:
        rows: IntArray = np.searchsorted(self.post_ids, post_ids).astype(np.int64, copy=False)
        return rows

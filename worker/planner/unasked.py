"""A share of the seats for those Posts that were not asked for the longest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import Seconds
    from worker.planner.planner import Columns
    from worker.planner.timing import Timing

_NEW: Final = 1
_AHEAD: Final = 40
"""For so many requests they are found at once, as all Posts must be looked at."""
_TOO_LONG_SHARE: Final = 0.1
"""Of the seats, for those who have waited longer than they may: the limit must not cost the boards."""


class LongestUnasked:
    """``share`` of the seats, and up to a tenth of them for Posts that wait for longer than ``limit``."""

    def __init__(self, timing: Timing, share: float, limit: Seconds) -> None:
        self._timing = timing
        self._share = share
        self._limit = limit
        self._saved = 0.0
        self._ahead: NDArray[np.intp] = np.zeros(0, dtype=np.intp)

    def take(self, now: float, columns: Columns, seats: int) -> NDArray[np.intp]:
        """Rows of those whose turn it is in a request, or in some at once, with so many seats."""
        self._saved += self._share * seats
        count = int(self._saved)
        self._saved -= count
        most = max(count, math.ceil(_TOO_LONG_SHARE * seats))
        rows = self._ahead[self._may_be_asked(now, columns, self._ahead)]
        if len(rows) < most:
            rows = self._find(now, columns, most * _AHEAD)
        too_long = int(np.count_nonzero(_last(columns, rows[:most]) < now - self._limit))
        count = max(count, too_long)
        self._ahead = rows[count:]
        return rows[:count]

    def _find(self, now: float, columns: Columns, count: int) -> NDArray[np.intp]:
        rows = np.flatnonzero(columns.states >= _NEW)
        rows = rows[self._may_be_asked(now, columns, rows)]
        last = _last(columns, rows)
        if len(rows) > count:
            first = np.argpartition(last, count)[:count]
            rows, last = rows[first], last[first]
        found: NDArray[np.intp] = rows[np.argsort(last, kind="stable")]
        return found

    def _may_be_asked(self, now: float, columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        due = self._timing.due_at(columns, rows) <= now
        may: NDArray[np.bool_] = ~columns.in_flight[rows] & (due | (columns.states[rows] == _NEW))
        return may


def _last(columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """When they were asked for last, or seen, where that never was."""
    last: NDArray[np.float64] = np.maximum(columns.asked[rows], columns.seen[rows])
    return last

"""What the planner remembers of each Post, by the rows of the Watchlist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from worker.planner.explain import Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import FloatArray, IntArray
    from worker.planner.planner import Columns

_NEVER: Final = np.inf
_MOVE_ON: Final = 0.1
"""The earlier measurement moves on when the newest is this share of its age younger: else two within
a minute would be all that is known of the growth of a day."""


class Memory:
    """Arrays of equal length. ``earlier``: the values measured before, at ``earlier_at``; 0 if none.

    ``kept``: the last values that were heeded, at ``kept_at``. ``worth``: of asking for it, when last looked
    at. ``look_at``: when to look again; never, where there is nothing to ask. ``near``: it may be above a
    bar. ``reason``: why it was asked for last, and ``asked_worth`` what that was worth.
    """

    def __init__(self, metrics: int) -> None:
        self.post_ids: IntArray = np.zeros(0, dtype=np.int64)
        self.earlier: NDArray[np.float32] = np.zeros((0, metrics), dtype=np.float32)
        self.earlier_at: FloatArray = np.zeros(0)
        self.kept: NDArray[np.float32] = np.zeros((0, metrics), dtype=np.float32)
        self.kept_at: FloatArray = np.zeros(0)
        self.worth: FloatArray = np.zeros(0)
        self.look_at: FloatArray = np.zeros(0)
        self.near: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self.doubted: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self.missing: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        self.reason: NDArray[np.int8] = np.zeros(0, dtype=np.int8)
        self.asked_worth: NDArray[np.float32] = np.zeros(0, dtype=np.float32)

    def reach(self, columns: Columns) -> None:
        """Grow with the Watchlist, and forget Posts whose rows have others now."""
        rows = len(columns.post_ids)
        if rows > len(self.post_ids):
            for name, array in vars(self).items():
                longer = np.zeros((rows, *array.shape[1:]), dtype=array.dtype)
                longer[: len(array)] = array
                setattr(self, name, longer)
        free = columns.states == 0
        changed = np.flatnonzero((columns.post_ids != self.post_ids) & ~free)
        self.post_ids[changed] = columns.post_ids[changed]
        self._forget(changed)
        # A Post that left and came back to the same row is a new one too.
        left = np.flatnonzero(free & (self.look_at < _NEVER))
        self.post_ids[left] = 0
        self._forget(left)
        self.look_at[left] = _NEVER

    def heed(self, columns: Columns, rows: NDArray[np.intp], values: FloatArray) -> None:
        """These were measured anew: what was the last measurement may become the earlier one."""
        at, apart = columns.measured[rows], self.apart(columns, rows)
        moving = rows[apart]
        self.earlier[moving], self.earlier_at[moving] = self.kept[moving], self.kept_at[moving]
        fresh = apart | (self.kept_at[rows] == 0)
        keeping = rows[fresh]
        self.kept[keeping], self.kept_at[keeping] = np.nan_to_num(values[fresh]), at[fresh]

    def widen(self, campaigns: int) -> None:
        """A Post may be in so many campaigns from now on."""
        more = campaigns - self.missing.shape[1]
        if more > 0:
            self.missing = np.pad(self.missing, ((0, 0), (0, more)))

    def before(self, rows: NDArray[np.intp], births: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How old some Posts were at their earlier measurement, and what it said; 0 where there is none."""
        at = self.earlier_at[rows]
        return np.where(at > 0, at - births, 0.0), self.earlier[rows].astype(np.float64)

    def apart(self, columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of these were measured long enough after the measurement that is kept to tell of growth."""
        at, kept_at = columns.measured[rows], self.kept_at[rows]
        born = np.fmin(columns.created[rows], columns.seen[rows])
        apart: NDArray[np.bool_] = (kept_at > 0) & (at - kept_at >= _MOVE_ON * (at - born))
        return apart

    def _forget(self, rows: NDArray[np.intp]) -> None:
        self.earlier[rows], self.earlier_at[rows] = 0.0, 0.0
        self.kept[rows], self.kept_at[rows] = 0.0, 0.0
        self.worth[rows], self.look_at[rows], self.near[rows] = 0.0, 0.0, False
        self.reason[rows], self.asked_worth[rows] = Reason.NOT_ASKED, 0.0
        self.missing[rows], self.doubted[rows] = 0.0, 0.0

"""The simple policy: new Posts first, then those whose counts, by their age, have grown most unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import PostId, Timestamp
from worker.planner.planner import Plan
from worker.planner.timing import Timing

if TYPE_CHECKING:
    from worker.model import FloatArray, Seconds, Standings
    from worker.planner.planner import Columns, Posts
    from worker.planner.timing import TimingSettings

_UNAVAILABLE: Final = 3
_ALL_ROWS: Final = slice(None)


class AgeDecay:
    """New Posts are due at once and go first, longest wait first. Measured ones go by *gain*, due ones first.

    Gain is the share of a Post's growth that was not seen yet: F(age now) less F(age when measured), with
    F(a) = 1 - 1/(1 + a/half_growth). Standings are not looked at.
    """

    def __init__(self, settings: TimingSettings, half_growth: Seconds) -> None:
        self._timing = Timing(settings)
        self._half_growth = half_growth

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:  # noqa: ARG002 -- it looks at none
        """See ``Planner.plan``. O(seats) while new Posts fill them or nothing is due, else O(tracked)."""
        new = posts.first_unmeasured(seats)
        if len(new) == seats:
            return Plan(new, now, len(new))
        if plan := self._timing.wait(now, posts, new, seats):
            return plan
        columns = posts.columns
        due_at = self._timing.due_at(columns, _ALL_ROWS)
        if plan := self._timing.wait_for(now, posts, new, seats, due_at):
            return plan
        best = self._best(columns, due_at, now, seats - len(new))
        return Plan([*new, *best], now, len(new) + int(np.count_nonzero(due_at <= now)))

    def due_at(self, columns: Columns, row: int) -> Timestamp:
        """When the Post in a row, measured before and not in flight, is due again."""
        return Timestamp(float(self._timing.due_at(columns, slice(row, row + 1))[0]))

    def _best(self, columns: Columns, due_at: FloatArray, now: float, count: int) -> list[PostId]:
        rows = np.flatnonzero(due_at <= now)
        if len(rows) < count:
            rows = np.flatnonzero(due_at < np.inf)
        half = self._half_growth
        # A Post was there when it was seen, whatever time its ID holds.
        born = np.fmin(columns.created[rows], columns.seen[rows])
        seen = 1 / (1 + np.maximum(columns.measured[rows] - born, 0.0) / half)
        gain = seen - 1 / (1 + np.maximum(now - born, 0.0) / half)
        gain[columns.states[rows] == _UNAVAILABLE] = 0.0
        # Due ones come before others, however little they gain: 1 is more than any gain.
        rank = gain + (due_at[rows] <= now)
        if len(rows) > count:
            best = np.argpartition(-rank, count)[:count]
            rows, rank = rows[best], rank[best]
        order = np.argsort(-rank, kind="stable")
        return [PostId(post_id) for post_id in columns.post_ids[rows[order[rank[order] > 0]]].tolist()]

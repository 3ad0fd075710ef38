"""The first policy: new Posts first, then those whose counts, by their age, have grown most unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from worker.model import PostId, Timestamp
from worker.planner.planner import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.model import FloatArray, Seconds, Standings
    from worker.planner.planner import Columns, Posts

_MEASURED: Final = 2
_UNAVAILABLE: Final = 3

Rows: TypeAlias = "NDArray[np.intp]"


@dataclass(frozen=True, slots=True)
class AgeDecaySettings:
    """How often a Post is worth asking for.

    ``linger``: longest wait of a due Post for a request to fill up. ``min_interval``: least time between two
    measurements. ``interval_growth``: a Post is due again after this share of its age. ``half_growth``: age
    at which half of a Post's growth is over. ``recheck_unavailable``: time between looks at a Post that was
    gone.
    """

    linger: Seconds
    min_interval: Seconds
    interval_growth: float
    half_growth: Seconds
    recheck_unavailable: Seconds


class AgeDecay:
    """A request leaves when its seats are full of due Posts, or when one has waited the linger.

    New Posts are due at once and go first, longest wait first. A measured Post is due again after
    ``max(min_interval, interval_growth * age)``; those come by *gain*, the share of a Post's growth that
    was not seen yet: F(age now) less F(age when measured), with F(a) = 1 - 1/(1 + a/half_growth). Empty
    seats are filled with Posts that are not due yet, by the same gain. Standings are not looked at.
    """

    def __init__(self, settings: AgeDecaySettings) -> None:
        self._settings = settings
        self._nothing_due_before = Timestamp(0.0)

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:  # noqa: ARG002
        """See ``Planner.plan``. O(1) while new Posts fill the seats, else O(tracked Posts)."""
        new = posts.first_unmeasured(seats)
        if len(new) == seats:
            return Plan(new, now, len(new))
        linger_over = posts.waiting_since(new[0]) + self._settings.linger if new else np.inf
        if now < min(linger_over, self._nothing_due_before):
            return Plan((), Timestamp(min(linger_over, self._nothing_due_before)), len(new))
        return self._look_at_all(now, posts.columns, new, linger_over, seats)

    def due_at(self, columns: Columns, row: int) -> Timestamp:
        """When the Post in a row, measured before, is due again."""
        now = float(columns.measured[row])
        return Timestamp(float(self._due_at(columns, np.array([row]), now)[0]))

    def _look_at_all(
        self, now: Timestamp, columns: Columns, new: Sequence[PostId], linger_over: float, seats: int
    ) -> Plan:
        askable = (columns.states >= _MEASURED) & ~columns.in_flight
        rows = np.flatnonzero(askable)
        due_at = self._due_at(columns, rows, now)
        due = due_at <= now
        due_count = len(new) + int(np.count_nonzero(due))
        first_due = float(due_at.min(initial=np.inf))
        leave_at = min(linger_over, first_due + self._settings.linger)
        if due_count < seats and now < leave_at:
            wake_at = min(leave_at, self._due_count_reached(due_at, seats - len(new)))
            # What is measured from now on is due after min_interval at the earliest.
            self._nothing_due_before = Timestamp(min(wake_at, now + self._settings.min_interval))
            return Plan((), Timestamp(min(self._nothing_due_before, linger_over)), due_count)
        self._nothing_due_before = Timestamp(0.0)
        chosen = self._best(columns, rows, due, now, seats - len(new))
        return Plan([*new, *chosen], now, due_count)

    def _due_at(self, columns: Columns, rows: Rows, now: float) -> FloatArray:
        settings = self._settings
        interval = np.maximum(settings.min_interval, settings.interval_growth * (now - _born(columns, rows)))
        interval[columns.states[rows] == _UNAVAILABLE] = settings.recheck_unavailable
        # A request that failed counts as a try: else its Posts would be asked for again at once, for ever.
        return np.maximum(columns.measured[rows] + interval, columns.asked[rows] + settings.min_interval)

    @staticmethod
    def _due_count_reached(due_at: FloatArray, count: int) -> float:
        """When so many Posts are due."""
        if len(due_at) < count:
            return np.inf
        return float(np.partition(due_at, count - 1)[count - 1])

    def _best(
        self,
        columns: Columns,
        rows: Rows,
        due: NDArray[np.bool_],
        now: float,
        count: int,
    ) -> list[PostId]:
        half = self._settings.half_growth
        age_now = np.maximum(now - _born(columns, rows), 0.0)
        age_then = np.maximum(columns.measured[rows] - _born(columns, rows), 0.0)
        gain = 1 / (1 + age_then / half) - 1 / (1 + age_now / half)
        gain[columns.states[rows] == _UNAVAILABLE] = 0.0
        # Due ones come before others, however little they gain: 1 is more than any gain.
        rank = gain + due
        worth = rows[rank > 0], rank[rank > 0]
        if len(worth[0]) > count:
            best = np.argpartition(-worth[1], count)[:count] if count else np.zeros(0, dtype=np.intp)
            worth = worth[0][best], worth[1][best]
        order = np.argsort(-worth[1], kind="stable")
        return [PostId(post_id) for post_id in columns.post_ids[worth[0][order]].tolist()]


def _born(columns: Columns, rows: Rows) -> FloatArray:
    """When Posts were created; for an ID that holds no time, when it was seen."""
    created = columns.created[rows]
    return np.where(np.isnan(created), columns.seen[rows], created)

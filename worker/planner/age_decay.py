"""The first policy: new Posts first, then those whose counts, by their age, have grown most unseen."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import PostId, Timestamp
from worker.planner.planner import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import FloatArray, Seconds, Standings
    from worker.planner.planner import Columns, Posts

_MEASURED: Final = 2
_UNAVAILABLE: Final = 3

_ALL_ROWS: Final = slice(None)


@dataclass(frozen=True, slots=True)
class AgeDecaySettings:
    """How often a Post is worth asking for.

    ``linger``: longest wait of a due Post for a request to fill up. ``min_interval``: least time from a
    measurement until the Post is due again. ``interval_growth``: it is due again after this share of the age
    that it was measured at. ``half_growth``: age at which half of a Post's growth is over.
    ``recheck_unavailable``: time between looks at a Post that was gone.
    """

    linger: Seconds
    min_interval: Seconds
    interval_growth: float
    half_growth: Seconds
    recheck_unavailable: Seconds


@dataclass(frozen=True, slots=True)
class _Agenda:
    """When Posts measured before are due next: the first ``len(times)`` of them, in order.

    It holds as long as no asked Post came back; and until ``holds_until`` also if some did, as none of them
    can be due earlier. A Post that left may still stand in it.
    """

    times: Sequence[float]
    answers: int
    holds_until: float

    def holds(self, now: float, answers: int) -> bool:
        return now < self.holds_until or answers == self.answers

    def leave_at(self, seats: int, linger: Seconds) -> float:
        """When a request leaves: so many Posts are due, or the first one has waited the linger."""
        full = self.times[seats - 1] if len(self.times) >= seats else np.inf
        return min(full, self.times[0] + linger if self.times else np.inf)


_NO_AGENDA: Final = _Agenda((), -1, -np.inf)


class AgeDecay:
    """A request leaves when its seats are full of due Posts, or when one has waited the linger.

    New Posts are due at once and go first, longest wait first. A measured Post is due again after
    ``max(min_interval, interval_growth * age when measured)``; those come by *gain*, the share of a Post's
    growth that was not seen yet: F(age now) less F(age when measured), with F(a) = 1 - 1/(1 + a/half_growth).
    Empty seats are filled with Posts that are not due yet, by the same gain. Standings are not looked at.
    """

    def __init__(self, settings: AgeDecaySettings) -> None:
        self._settings = settings
        self._agenda = _NO_AGENDA

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:  # noqa: ARG002 -- it looks at none
        """See ``Planner.plan``. O(seats) while new Posts fill them or nothing is due, else O(tracked)."""
        new = posts.first_unmeasured(seats)
        if len(new) == seats:
            return Plan(new, now, len(new))
        if self._agenda.holds(now, posts.answers):
            plan = self._wait(now, posts, new, seats)
            if plan is not None:
                return plan
        columns = posts.columns
        due_at = self._due_at(columns, _ALL_ROWS)
        due = len(new) + int(np.count_nonzero(due_at <= now))
        if due < seats:
            self._agenda = self._make_agenda(now, columns, posts.answers, due_at, seats)
            plan = self._wait(now, posts, new, seats)
            if plan is not None:
                return plan
        # Of who leaves now some stand in the agenda.
        self._agenda = _NO_AGENDA
        return Plan([*new, *self._best(columns, due_at, now, seats - len(new))], now, due)

    def due_at(self, columns: Columns, row: int) -> Timestamp:
        """When the Post in a row, measured before and not in flight, is due again."""
        return Timestamp(float(self._due_at(columns, slice(row, row + 1))[0]))

    def _wait(self, now: Timestamp, posts: Posts, new: Sequence[PostId], seats: int) -> Plan | None:
        """The plan to wait, if there is still time by the agenda."""
        agenda, linger = self._agenda, self._settings.linger
        leave_at = agenda.leave_at(seats - len(new), linger)
        if new:
            leave_at = min(leave_at, posts.longest_wait_since(new) + linger)
        if leave_at <= now:
            return None
        if posts.answers != agenda.answers:
            leave_at = min(leave_at, agenda.holds_until)
        return Plan((), Timestamp(leave_at), len(new) + bisect_right(agenda.times, now))

    def _make_agenda(
        self, now: Timestamp, columns: Columns, answers: int, due_at: FloatArray, count: int
    ) -> _Agenda:
        times = np.partition(due_at, count - 1)[:count] if len(due_at) > count else due_at
        # Who is in flight, or is asked for from now on, is not due before min_interval after it was asked.
        asked_first = float(columns.asked[columns.in_flight].min(initial=now))
        return _Agenda(
            np.sort(times[times < np.inf]).tolist(), answers, asked_first + self._settings.min_interval
        )

    def _due_at(self, columns: Columns, rows: slice) -> FloatArray:
        """When Posts measured before are due; never, where there is no such Post or it is in flight."""
        settings = self._settings
        states, measured = columns.states[rows], columns.measured[rows]
        interval = measured - np.fmin(columns.created[rows], columns.seen[rows])
        interval *= settings.interval_growth
        np.maximum(interval, settings.min_interval, out=interval)
        interval[states == _UNAVAILABLE] = settings.recheck_unavailable
        # A request that failed counts as a try: else its Posts would be asked for again at once, for ever.
        due_at = np.maximum(measured + interval, columns.asked[rows] + settings.min_interval)
        due_at[(states < _MEASURED) | columns.in_flight[rows]] = np.inf
        return due_at

    def _best(self, columns: Columns, due_at: FloatArray, now: float, count: int) -> list[PostId]:
        rows = np.flatnonzero(due_at <= now)
        if len(rows) < count:
            rows = np.flatnonzero(due_at < np.inf)
        half = self._settings.half_growth
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

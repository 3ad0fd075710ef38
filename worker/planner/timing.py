"""When Posts are due, and when a request leaves: full, or when a due Post has waited long enough."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import Timestamp
from worker.planner.planner import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.model import FloatArray, PostId, Seconds
    from worker.planner.planner import Columns, Posts

_MEASURED: Final = 2
_UNAVAILABLE: Final = 3


@dataclass(frozen=True, slots=True)
class TimingSettings:
    """How often a Post may be asked for.

    ``linger``: longest wait of a due Post for a request to fill up. ``min_interval``: time before which a
    measured Post is not due again. ``interval_growth``: it is due again after this share of the age that it
    was measured at.
    ``recheck_unavailable``: time between looks at a Post that was gone.
    """

    linger: Seconds
    min_interval: Seconds
    interval_growth: float
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


class Timing:
    """Says whether a request should leave now. New Posts are due at once."""

    def __init__(self, settings: TimingSettings) -> None:
        self._settings = settings
        self._agenda = _NO_AGENDA

    def wait(self, now: Timestamp, posts: Posts, new: Sequence[PostId], seats: int) -> Plan | None:
        """The plan to wait, where what was found out before still holds. O(seats)."""
        if len(new) == seats or not self._agenda.holds(now, posts.answers):
            return None
        return self._wait(now, posts, new, seats)

    def wait_for(
        self, now: Timestamp, posts: Posts, new: Sequence[PostId], seats: int, due_at: FloatArray
    ) -> Plan | None:
        """The plan to wait, found out from when every Post is due; ``None`` when a request should leave."""
        due = len(new) + int(np.count_nonzero(due_at <= now))
        if due < seats:
            self._agenda = self._make_agenda(now, posts.columns, posts.answers, due_at, seats)
            plan = self._wait(now, posts, new, seats)
            if plan is not None:
                return plan
        self.left()
        return None

    def left(self) -> None:
        """A request leaves: of its Posts some may stand in the agenda."""
        self._agenda = _NO_AGENDA

    def due_at(self, columns: Columns, rows: slice | NDArray[np.intp]) -> FloatArray:
        """When Posts measured before are due; never, where there is no such Post or it is in flight."""
        settings = self._settings
        states, measured = columns.states[rows], columns.measured[rows]
        interval = measured - np.fmin(columns.created[rows], columns.seen[rows])
        interval *= settings.interval_growth
        np.maximum(interval, settings.min_interval, out=interval)
        interval[states == _UNAVAILABLE] = settings.recheck_unavailable
        # A request that failed counts as a try: else its Posts would be asked for again at once, for ever.
        due_at: FloatArray = np.maximum(measured + interval, columns.asked[rows] + settings.min_interval)
        due_at[(states < _MEASURED) | columns.in_flight[rows]] = np.inf
        return due_at

    def _wait(self, now: Timestamp, posts: Posts, new: Sequence[PostId], seats: int) -> Plan | None:
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

"""The policy: ask for those Posts whose answers put boards right, and true numbers beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.catalogue import Endpoint
from worker.model import PostId, Seconds, Timestamp
from worker.planner.assessor import Assessor, born
from worker.planner.auditing import Auditing
from worker.planner.explain import Explanation, Reason
from worker.planner.growth import Measured
from worker.planner.hopeless import Hopeless
from worker.planner.learning import CurveLearner
from worker.planner.memory import Memory
from worker.planner.own_boards import OwnBoards
from worker.planner.planner import Plan
from worker.planner.rows import without
from worker.planner.timing import Timing
from worker.planner.unasked import LongestUnasked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.model import Campaign, FloatArray, MetricName, Missing, Standings
    from worker.planner.curve import Curve
    from worker.planner.planner import Columns, Posts
    from worker.planner.timing import TimingSettings

_NEW: Final = 1
_MEASURED: Final = 2
_UNAVAILABLE: Final = 3
_ALL_ROWS: Final = slice(None)

_DISPERSION: Final = 1.0
_TAIL: Final = 0.5
_TAUGHT: Final = 60
_TEACH_EVERY: Final = 60.0
"""Answers that the curve is learned from at once, and seconds between: enough, and cheap."""
_LOOK_AGAIN: Final = np.array([(0.1, 10.0), (0.3, 60.0), (2.0, 600.0)])
_LOOK_AGAIN_AT_EASE: Final = np.array([(0.1, 10.0), (0.3, 60.0), (1.0, 300.0)])
"""A Post is looked at again when the time since its measurement is longer by this share, and at least so many
seconds: of the hot, the warm, and the cold. Those about to be asked for are looked at each time."""
_AT_EASE: Final = 60.0
"""Seconds between plans from which on there is time to look at the cold more often."""
_HOT: Final = 0.1
_WARM: Final = 1e-3
_LOOKED_AT: Final = 2
"""Times the seats: how many of the best are looked at anew before a choice."""
_LOOKED_AT_ONCE: Final = 20_000
"""Posts a plan, so that the first plans after a restore take no seconds: the next ones look at the rest."""
_BARS_EVERY: Final = 60.0
"""Seconds: bars, and how many Posts are due, hardly move in less."""
_BARS_OF_AUDITS_EVERY: Final = 5.0
"""Seconds: an audit is judged by bars of after its answers. Where requests leave in a row, some of those
that it asked for come back with each of them: every time would be too often."""
_AHEAD: Final = 8
_AHEAD_FOR: Final = 0.5
"""Requests that are chosen for at once, and for how many seconds that holds."""


@dataclass(frozen=True, slots=True)
class BoardGainSettings:
    """What users may set.

    ``top``: places of a leaderboard. ``growth_window``: of growth per hour. ``half_growth``: age at which
    half of a Post's growth is over, before anything else was learned. ``tracking_window``: age up to which a
    Post may reach a board. ``unasked_share``: of the seats, one half for those Posts that were not asked for
    the longest, and one for those drawn at random. ``max_unasked``: see ``LongestUnasked``.
    ``retire_chance``: see ``Hopeless``; 0 for planners that do not know all boards of their Posts.
    ``free_seats``: whether seats that are left go to Posts that are not due. ``learn``: whether the half of
    the growth is learned.
    """

    top: int
    growth_window: Seconds
    half_growth: Seconds
    tracking_window: Seconds
    unasked_share: float
    max_unasked: Seconds
    retire_chance: float
    free_seats: bool = True
    learn: bool = True


class BoardGain:
    """Keeps a worth for each Post, looks again at those whose worth may have changed, and asks for the best.

    Deterministic for a seed. It finds out by itself which of those it asked for were answered.
    """

    def __init__(
        self,
        metrics: Sequence[MetricName],
        settings: BoardGainSettings,
        timing: TimingSettings,
        *,
        endpoint: Endpoint = Endpoint.TOTALS,
        owned: bool = True,
        seed: int = 0,
    ) -> None:
        self._settings = settings
        self._min_interval = timing.min_interval
        self._timing = Timing(timing)
        self._own = OwnBoards(metrics, endpoint, owned=owned)
        self._memory = Memory(len(self._own))
        self._learner = CurveLearner(settings.half_growth, _TAIL, _DISPERSION)
        self._assessor = Assessor(
            self._own,
            self._memory,
            self._learner,
            top=settings.top,
            growth_window=settings.growth_window,
            tracking_window=settings.tracking_window,
        )
        self._chance = np.random.default_rng(seed)
        self._pending: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._regrouped = -1
        self._bars_at = -np.inf
        self._taught_at = -np.inf
        self._cut = 0.0
        self._ready: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._chosen_at = -np.inf
        self._followed_at = -np.inf
        self._looked: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._at_ease = False
        self._due = 0
        share = settings.unasked_share / 2
        self._unasked = LongestUnasked(self._timing, share, settings.max_unasked)
        self._auditing = Auditing(self._assessor, self._memory, share, self._chance, self._look)
        self._hopeless = Hopeless(self._assessor, self._memory, settings.retire_chance)
        self._leaving: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self.empty = True
        """Whether there was no Post at all when it last looked."""

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:
        """See ``Planner.plan``. O(tracked), but with few and cheap steps for each Post."""
        new = posts.first_unmeasured(seats)
        if plan := self._timing.wait(now, posts, new, seats):
            return plan
        columns = posts.columns
        if len(ready := self._take_ready(now, columns, seats)):
            return self._ask(now, columns, ready, self._due)
        self._follow(now, posts, columns, standings)
        rows = self._hot(now, columns, 2 * seats)
        due_at = self._timing.due_at(columns, rows)
        due = (columns.states[rows] == _NEW) | (due_at <= now)
        count = int(np.count_nonzero(due))
        if count >= seats:
            self._timing.left()
            # Where requests leave in a row, some are chosen for at once, as counts do not change in between.
            # All of those must be due: who is not has a seat only in a request that leaves anyway.
            ahead = min(count // seats, _AHEAD) if now - self._chosen_at < _AHEAD_FOR else 1
            rows = rows[due] if ahead > 1 or not self._settings.free_seats else rows
            self._ready, self._chosen_at = self._choose(now, columns, rows, ahead * seats), now
            return self._ask(now, columns, self._take_ready(now, columns, seats), self._due)
        every = self._timing.due_at(columns, _ALL_ROWS)
        if plan := self._timing.wait_for(now, posts, new, seats, every):
            return plan
        every[(columns.states == _NEW) & ~columns.in_flight] = -np.inf
        rows = np.flatnonzero(every <= now)
        if len(rows) > seats:
            return self._ask(now, columns, self._choose(now, columns, rows, seats), len(rows))
        self._auditing.note_all_due(now, columns, rows)
        return self._ask(now, columns, self._fill(now, rows, every, seats), len(rows))

    @property
    def curve(self) -> Curve:
        """How Posts grow, as learned by now: the likeliest, not what is safest to forecast by."""
        return self._learner.likeliest

    def due_at(self, columns: Columns, row: int) -> Timestamp:
        """When the Post in a row, measured before and not in flight, is due again."""
        return Timestamp(float(self._timing.due_at(columns, slice(row, row + 1))[0]))

    def missing(self, campaign: Campaign) -> Missing | None:
        """What the full boards of a campaign lack of its Posts here. ``None``: not enough data."""
        number = self._assessor.campaigns.names().get(campaign)
        return None if number is None else self._auditing.audit.missing(number)

    def explain(self, now: Timestamp, columns: Columns, row: int) -> Explanation:
        """Why the Post in a row was asked for, and what is expected of it now."""
        memory = self._memory
        known = row < len(memory.post_ids) and int(memory.post_ids[row]) == int(columns.post_ids[row])
        reason = Reason(int(memory.reason[row])) if known else Reason.NOT_ASKED
        asked = reason is not Reason.NOT_ASKED
        worth, stakes = self._assessor.stakes(now, columns, row) if known else (0.0, [])
        return Explanation(
            reason,
            Timestamp(float(columns.asked[row])) if asked else None,
            float(memory.asked_worth[row]) if asked else None,
            worth,
            self._cut,
            self._learner.curve.half,
            stakes,
        )

    def _follow(self, now: float, posts: Posts, columns: Columns, standings: Standings) -> None:
        """Take in what has happened since the last plan."""
        memory, assessor = self._memory, self._assessor
        self._at_ease, self._followed_at = now - self._followed_at >= _AT_EASE, now
        if posts.regrouped != self._regrouped:
            for number in assessor.regroup(posts.groups()):
                self._auditing.audit.reset(number)
            self._regrouped = posts.regrouped
        memory.reach(columns)
        self.empty = not columns.states.any()
        back = self._take_back(columns)
        fresh = back[columns.states[back] == _MEASURED]
        fresh = fresh[columns.measured[fresh] > memory.kept_at[fresh]]
        self._learn(now, columns, fresh)
        audited = len(back) > 0 and self._auditing.audit.waits
        if now - self._bars_at >= (_BARS_OF_AUDITS_EVERY if audited else _BARS_EVERY):
            near = memory.near & (columns.states == _MEASURED)
            near[fresh] = True
            assessor.set_bars(now, columns, np.flatnonzero(near), standings)
            self._due, self._bars_at = self._count_due(now, columns), now
        if audited:
            self._auditing.heed(columns, back, fresh, self._own.values(columns, fresh))
        stale = np.flatnonzero(memory.look_at <= now)[:_LOOKED_AT_ONCE]
        self._meet(columns, stale)
        self._look(now, columns, stale)
        self._looked = stale
        if len(found := self._hopeless.find(now, columns, fresh)):
            self._leaving = np.union1d(self._leaving, found)

    def _count_due(self, now: float, columns: Columns) -> int:
        new = (columns.states == _NEW) & ~columns.in_flight
        return int(np.count_nonzero(new | (self._timing.due_at(columns, _ALL_ROWS) <= now)))

    def _take_back(self, columns: Columns) -> NDArray[np.intp]:
        """Rows of those asked for that came back, answered or not."""
        flying = columns.in_flight[self._pending]
        back, self._pending = self._pending[~flying], self._pending[flying]
        self._memory.look_at[back] = 0.0
        return back

    def _learn(self, now: float, columns: Columns, fresh: NDArray[np.intp]) -> None:
        """Take in new values of those that had some before."""
        memory = self._memory
        again = fresh[memory.kept_at[fresh] > 0]
        if self._settings.learn and len(again) and now - self._taught_at >= _TEACH_EVERY:
            self._teach(columns, again)
            self._taught_at = now
        memory.heed(columns, again, self._own.values(columns, again))

    def _meet(self, columns: Columns, rows: NDArray[np.intp]) -> None:
        """Take in the first answers of those that have some, be they from before a restart."""
        first = rows[(columns.states[rows] == _MEASURED) & (self._memory.kept_at[rows] == 0)]
        if len(first):
            self._assessor.meet(columns, first)
            self._memory.heed(columns, first, self._own.values(columns, first))

    def _teach(self, columns: Columns, rows: NDArray[np.intp]) -> None:
        memory = self._memory
        rows = rows[memory.apart(columns, rows)]
        if len(rows) > _TAUGHT:
            rows = self._chance.choice(rows, _TAUGHT, replace=False)
        births, counted = born(columns, rows), self._assessor.counted
        earlier_age, earlier = memory.before(rows, births)
        kept = memory.kept[rows].astype(np.float64)
        before = Measured(memory.kept_at[rows] - births, kept[:, counted], earlier_age, earlier[:, counted])
        self._learner.learn(
            before, columns.measured[rows] - births, self._own.values(columns, rows)[:, counted]
        )

    def _look(self, now: float, columns: Columns, rows: NDArray[np.intp]) -> None:
        """Find out anew what these are worth, and when to look again."""
        memory = self._memory
        states = columns.states[rows]
        memory.look_at[rows], memory.worth[rows] = np.inf, 0.0
        for state, assess, since in (
            (_NEW, self._assessor.new, columns.seen),
            (_MEASURED, self._assessor.measured, columns.measured),
        ):
            these = rows[states == state]
            if len(these):
                memory.worth[these], memory.near[these], missing = assess(now, columns, these)
                memory.missing[these, : missing.shape[1]] = missing
                memory.doubted[these] = missing.sum(axis=1)
                memory.look_at[these] = now + self._look_after(memory.worth[these], now - since[these])

    def _look_after(self, worth: FloatArray, waited: FloatArray) -> FloatArray:
        kind = (worth <= _HOT * self._cut).astype(np.intp) + (worth <= _WARM * self._cut)
        share, least = (_LOOK_AGAIN_AT_EASE if self._at_ease else _LOOK_AGAIN)[kind].T
        after: FloatArray = np.maximum(share * waited, least)
        return after

    def _take_ready(self, now: float, columns: Columns, seats: int) -> NDArray[np.intp]:
        """Of those chosen just now the next ones, if they fill the seats; else nobody."""
        rows = self._ready if now - self._chosen_at < _AHEAD_FOR else self._ready[:0]
        rows = rows[(columns.states[rows] >= _NEW) & ~columns.in_flight[rows]]
        self._ready = rows[seats:]
        return rows[:seats] if len(rows) >= seats else rows[:0]

    def _hot(self, now: float, columns: Columns, count: int) -> NDArray[np.intp]:
        """Rows of the Posts that may be worth most, not in flight and not asked for just now."""
        worth = self._memory.worth
        rows = np.flatnonzero(worth > 0.5 * self._cut)
        if len(rows) < 2 * count:
            rows = np.flatnonzero(worth > 0.1 * self._cut)
        if len(rows) < 2 * count:
            rows = np.flatnonzero(worth > 0.0)
        free = ~columns.in_flight[rows] & (columns.asked[rows] + self._min_interval <= now)
        return rows[free]

    def _choose(self, now: float, columns: Columns, rows: NDArray[np.intp], seats: int) -> NDArray[np.intp]:
        """Of more than there are seats for: those worth most, and a few that have waited longest."""
        unasked = self._unasked.take(now, columns, seats)
        rows = without(rows, unasked)
        count = min(seats - len(unasked), len(rows))
        worth = self._memory.worth
        if len(rows) > _LOOKED_AT * count:
            rows = rows[np.argpartition(-worth[rows], _LOOKED_AT * count)[: _LOOKED_AT * count]]
        self._look(now, columns, without(rows, self._looked))
        best = rows[np.argsort(-worth[rows], kind="stable")]
        self._cut = float(worth[best[count - 1]]) if count else 0.0
        drawn = self._auditing.draw(now, columns, first=unasked, best=best[:count], seats=seats)
        best = without(best, drawn)[: seats - len(unasked) - len(drawn)]
        reason = self._memory.reason
        reason[unasked], reason[drawn], reason[best] = Reason.WAITED, Reason.DRAWN, Reason.WORTH
        # Those who waited come first: of more than one request none is without some.
        return np.concatenate([unasked, drawn, best])

    def _fill(self, now: float, due: NDArray[np.intp], due_at: FloatArray, seats: int) -> NDArray[np.intp]:
        """All that are due, and in the seats that are left those worth most of the others."""
        if not self._settings.free_seats:
            self._memory.reason[due] = Reason.DUE
            return due
        others = np.flatnonzero((due_at > now) & (due_at < np.inf) & (self._memory.worth > 0))
        self._cut = 0.0
        count = seats - len(due)
        if len(others) > count:
            best = np.argpartition(-self._memory.worth[others], count)[:count]
            others = others[best]
        self._memory.reason[due], self._memory.reason[others] = Reason.DUE, Reason.FREE_SEAT
        return np.concatenate([due, others])

    def _ask(self, now: Timestamp, columns: Columns, rows: NDArray[np.intp], due: int) -> Plan:
        memory = self._memory
        self._pending = np.concatenate([self._pending, rows])
        memory.asked_worth[rows] = memory.worth[rows]
        worth = float(memory.worth[rows].sum())
        memory.look_at[rows], memory.worth[rows] = np.inf, 0.0
        memory.missing[rows], memory.doubted[rows] = 0.0, 0.0
        leaving, self._leaving = self._leaving, self._leaving[:0]
        leaving = without(leaving[columns.states[leaving] == _MEASURED], rows)
        return Plan(_posts(columns, rows), now, due, _posts(columns, leaving), worth)


def _posts(columns: Columns, rows: NDArray[np.intp]) -> list[PostId]:
    return [PostId(post_id) for post_id in columns.post_ids[rows].tolist()]

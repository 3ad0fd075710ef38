"""What asking for each Post is worth now: what boards lose by not knowing it, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from worker.planner.audit import SORTS, Asked, sort
from worker.planner.authors import Authors
from worker.planner.bars import OPEN, Bars, Campaigns, find_bars, heed, open_bars
from worker.planner.explain import Known, Stake, known_of
from worker.planner.growth import PRIOR_COUNT, PRIOR_GROWN, Forecast, Growth, Measured
from worker.planner.newcomers import Newcomers
from worker.planner.worth import belongs, doubt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from worker.model import Campaign, FloatArray, Seconds, Standings
    from worker.planner.learning import CurveLearner
    from worker.planner.memory import Memory
    from worker.planner.own_boards import OwnBoards
    from worker.planner.planner import Columns

_ERROR_WEIGHT: Final = 0.1
"""A number that is off by all of itself is as bad as a tenth of a wrong Post. The median error shown is
0.5 % with it at one request in ten minutes; without it, 10 %."""
_LONGEST: Final = 43_200.0
_SHORTEST: Final = 60.0
_NEWCOMER: Final = 2.0
"""A first answer also says whether the Post needs a second: so it is worth two (decision 19)."""
_NEAR: Final = 0.6
"""Who is forecast to have this share of a bar may be among the first before it is looked at again."""
_SECOND_WAVE: Final = 0.01
"""Who has this share of a bar may come to it by a second wave, which no forecast tells of."""
_MOST_GROWN: Final = 2 / 3
"""Of the growth, before which nobody is without hope: of real cascades one in 3,000 that had nothing in their
first hour came to a board later, and none of those that had next to nothing by then."""
_FEW_GROWN: Final = 0.5
"""Of the growth, by when the last measurement of who is let go must have been: some begin slowly, and had
five in their first quarter of an hour and a thousand after nine hours."""
_EARLY: Final = 0.04
"""A share of the growth by which a new Post may be ahead of the curve: first minutes differ most. At one
request a minute those that were missing without it were all some minutes old."""
_SMALLEST: Final = 0.5
"""Of sizes: below it all are the same to a board."""
_NOT_MISSING: Final = 1e-6
"""A million Posts of which each is missing by a smaller chance lack less than one place together."""
_NEW: Final = 1
_MEASURED: Final = 2


class Assessment(NamedTuple):
    """By Post: the ``worth`` of asking, in board places times seconds; and who is ``near`` a board's bar.

    ``missing``: from how many full boards of counts of each of its campaigns it is probably missing, shape
    (n, campaigns).
    """

    worth: FloatArray
    near: NDArray[np.bool_]
    missing: FloatArray


class Assessor:
    """Forecasts, bars and what was learned, put together."""

    def __init__(
        self,
        own: OwnBoards,
        memory: Memory,
        learner: CurveLearner,
        *,
        top: int,
        growth_window: Seconds,
        tracking_window: Seconds,
    ) -> None:
        self.campaigns = Campaigns()
        self._own = own
        self.bars = open_bars(0, len(own))
        self._metrics = {metric: column for column, metric in enumerate(own.metrics)}
        self._memory = memory
        self._learner = learner
        self._growth = Growth(own.metrics, growth_window)
        self._newcomers = Newcomers(len(own))
        self._authors = Authors()
        self._top = top
        self._window = float(tracking_window)
        self.counted = self._growth.counted

    def regroup(self, groups: Iterable[tuple[int, Sequence[Campaign]]]) -> list[int]:
        """Other campaigns are there; the numbers that stand for new ones."""
        new = self.campaigns.update(groups)
        for number in new:
            self._newcomers.reset(number)
        self._memory.widen(self.campaigns.of_group.shape[1])
        missing = len(self.campaigns) - len(self.bars.true)
        if missing > 0:
            more = open_bars(missing, len(self._metrics))
            self.bars = Bars(*(np.concatenate(pair) for pair in zip(self.bars, more, strict=True)))
        return new

    def meet(self, columns: Columns, rows: NDArray[np.intp]) -> None:
        """First answers: what newcomers of their campaigns are like."""
        grown = self._learner.curve.grown(columns.measured[rows] - born(columns, rows))
        sizes = (self._own.values(columns, rows) + PRIOR_COUNT) / (grown + PRIOR_GROWN)[:, np.newaxis]
        boards = self._boards(columns, rows)
        doublings = np.log2(np.maximum(sizes, _SMALLEST))
        larger, counted = np.zeros(len(rows)), np.zeros(len(rows))
        for board, there in boards:
            above = (doublings - self._newcomers.typical(board)).mean(axis=1)
            larger += np.where(there, above, 0.0)
            counted += there
        self._authors.learn(columns.authors[rows], larger / np.maximum(counted, 1), grown)
        for board, there in boards:
            self._newcomers.learn(board[there], sizes[there], grown[there])

    def set_bars(self, now: float, columns: Columns, rows: NDArray[np.intp], standings: Standings) -> None:
        """Find the bars among the Posts that may be above them."""
        known, births = self._known(columns, rows)
        change = self._change(known, now - births)
        self.bars = find_bars(
            self.campaigns, columns.groups[rows], known.values + change.mean, change.variance, self._top
        )
        heed(self.bars, self.campaigns, standings, self._metrics)

    def measured(self, now: float, columns: Columns, rows: NDArray[np.intp]) -> Assessment:
        """Of Posts that were measured before."""
        known, births = self._known(columns, rows)
        change = self._change(known, now - births)
        expected = known.values + change.mean
        posts, slots, board = self._entries(columns, rows)
        bars = Bars(*(of[board] for of in self.bars))
        doubted = doubt(known.values[posts], Forecast(*(of[posts] for of in change)), bars, self._growth)
        doubts = (doubted.wrong + _ERROR_WEIGHT * doubted.error).sum(axis=1)
        near = np.zeros(len(rows), dtype=np.bool_)
        near[posts[(expected[posts] >= _NEAR * bars.true).any(axis=1)]] = True
        missing = np.zeros((len(rows), self.campaigns.of_group.shape[1]))
        missing[posts, slots] = (doubted.missing * (bars.true != OPEN))[:, self.counted].sum(axis=1)
        worth = np.bincount(posts, weights=doubts, minlength=len(rows))
        return Assessment(worth * self._lasting(known.age, now - births), near, missing)

    def new(self, now: float, columns: Columns, rows: NDArray[np.intp]) -> Assessment:
        """Of Posts that were never asked for."""
        ages = np.maximum(now - born(columns, rows), 1.0)
        posts, slots, board = self._entries(columns, rows)
        bars = self.bars.true[board]
        above = self._newcomers.above(board, bars, self._likely(columns, rows, ages)[posts])
        missing = np.zeros((len(rows), self.campaigns.of_group.shape[1]))
        missing[posts, slots] = (above * (bars != OPEN))[:, self.counted].sum(axis=1)
        worth = np.bincount(posts, weights=above.sum(axis=1), minlength=len(rows))
        lasting = _NEWCOMER * self._lasting(np.zeros(len(rows)), ages)
        return Assessment(worth * lasting, np.zeros(len(rows), dtype=np.bool_), missing)

    def hopes(self, now: float, columns: Columns, rows: NDArray[np.intp]) -> FloatArray:
        """The best chance of measured Posts to belong on any board when their window is over.

        It is 1 where a value is not known, or is as high as a part of the bar that a second wave may make up;
        for as long as a Post may still have the most of its growth before it; and where all that is known is
        from before the half of it.
        """
        best = np.ones(len(rows))
        births, curve = born(columns, rows), self._learner.curve
        told = curve.grown(columns.measured[rows] - births) >= _FEW_GROWN
        grown = np.flatnonzero(told & (curve.grown(now - births) >= _MOST_GROWN))
        values, boards = self._own.values(columns, rows[grown]), self._boards(columns, rows[grown])
        small = ~np.isnan(values).any(axis=1)
        for board, there in boards:
            small &= ~there | (values + 1.0 < _SECOND_WAVE * self.bars.true[board]).all(axis=1)
        far = grown[small]
        best[far], rows = 0.0, rows[far]
        known, births = self._known(columns, rows)
        change = self._change(known, np.maximum(self._window, now - births))
        for board, there in self._boards(columns, rows):
            bars = Bars(*(of[board] for of in self.bars))
            chance = belongs(known.values, change, bars, self._growth).max(axis=1)
            best[far] = np.maximum(best[far], np.where(there, chance, 0.0))
        return best

    def asked(self, columns: Columns, rows: NDArray[np.intp]) -> Asked:
        """What an audit must know of those that are asked."""
        numbers = self.campaigns.of_group[columns.groups[rows]]
        values = np.nan_to_num(self._own.values(columns, rows), nan=-np.inf)[:, np.newaxis, :]
        new = columns.states[rows] == _NEW
        known = np.maximum(numbers, 0)
        shown = (values >= self.bars.shown[known]) & ~new[:, np.newaxis, np.newaxis]
        missing = self._memory.missing[rows][:, : numbers.shape[1]].astype(np.float64)
        hidden = (self.bars.true[known] != OPEN) & (numbers >= 0)[:, :, np.newaxis] & ~shown
        hidden[:, :, self._growth.moving] = False
        return Asked(rows, numbers, missing, hidden, self.bars.shown[known], new)

    def last_places(self) -> FloatArray:
        """What the Post in the last place of each board has, at least: counts grow by whole numbers."""
        last = self.bars.last.copy()
        last[:, self.counted] = np.floor(last[:, self.counted])
        return last

    def missing_by_campaign(self, columns: Columns, leaving: NDArray[np.intp]) -> FloatArray:
        """Places missing by the forecast, by campaign number and sort of Post; see ``Audit``.

        Those who are ``leaving``, in a request made now, count half: they are missing until it is answered
        and not after it, and between two requests boards are, at the mean, as wrong as midway between.
        """
        width = self.campaigns.of_group.shape[1]
        posts = np.flatnonzero((self._memory.doubted > _NOT_MISSING) & (columns.states > 0))
        missing = self._memory.missing[posts, :width]
        sorts = sort(missing, (columns.states[posts] == _NEW)[:, np.newaxis])
        shares = np.ones(len(columns.states), dtype=np.float32)
        shares[leaving] = 0.5
        missing *= shares[posts][:, np.newaxis]
        # Number -1 stands for none: its cells come first, and are left out.
        cells = (self.campaigns.of_group[columns.groups[posts]] + 1) * SORTS + sorts
        places: FloatArray = np.bincount(
            cells.ravel(), weights=missing.ravel(), minlength=(len(self.campaigns) + 1) * SORTS
        ).astype(np.float64, copy=False)
        return places[SORTS:].reshape(-1, SORTS)

    def stakes(self, now: float, columns: Columns, row: int) -> tuple[float, list[Stake]]:
        """What asking for one Post is worth, and each board that it competes on."""
        rows, state = np.array([row]), int(columns.states[row])
        if state not in (_NEW, _MEASURED):
            return 0.0, []
        assess = self.new if state == _NEW else self.measured
        names = {number: campaign for campaign, number in self.campaigns.names().items()}
        stakes = [
            stake
            for board, there in self._boards(columns, rows)
            if there[0]
            for stake in self._stakes_of(now, columns, rows, names[int(board[0])], board)
        ]
        return float(assess(now, columns, rows).worth[0]), stakes

    def _stakes_of(
        self,
        now: float,
        columns: Columns,
        rows: NDArray[np.intp],
        campaign: Campaign,
        board: NDArray[np.intp],
    ) -> list[Stake]:
        bars = Bars(*(of[board] for of in self.bars))
        if int(columns.states[rows[0]]) == _NEW:
            grown = self._likely(columns, rows, now - born(columns, rows))
            chances = self._newcomers.above(board, bars.true, grown)[0]
            known: list[Known | None] = [None] * len(self._own)
        else:
            of_post, births = self._known(columns, rows)
            values, change = of_post.values, self._change(of_post, now - births)
            chances = belongs(values, change, bars, self._growth)[0]
            known = [
                known_of(values[0, place], change.mean[0, place], change.variance[0, place], grows=grows)
                for place, grows in enumerate(np.isin(np.arange(len(self._own)), self._growth.counted))
            ]
        return [
            Stake(
                campaign,
                metric,
                known[place],
                bar=_unless_open(bars.true[0, place]),
                shown_bar=_unless_open(bars.shown[0, place]),
                chance=float(np.nan_to_num(chances[place])),
            )
            for place, metric in enumerate(self._own.metrics)
        ]

    def _likely(self, columns: Columns, rows: NDArray[np.intp], ages: FloatArray) -> FloatArray:
        """How much of a typical size new Posts have come to: the share that has grown, times the author's."""
        grown = self._learner.curve.grown(ages) + _EARLY
        likely: FloatArray = grown * np.exp2(self._authors.larger(columns.authors[rows]))
        return likely

    def _known(self, columns: Columns, rows: NDArray[np.intp]) -> tuple[Measured, FloatArray]:
        """What was measured of some Posts, and when they were created."""
        births = born(columns, rows)
        values = self._own.values(columns, rows)
        before = self._memory.before(rows, births)
        return Measured(columns.measured[rows] - births, values, *before), births

    def _change(self, known: Measured, ages: FloatArray) -> Forecast:
        return self._growth.forecast(known, ages, self._learner.curve, self._learner.dispersion)

    def _entries(
        self, columns: Columns, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Each campaign of each of some Posts: which of them, the how manieth of its own, and its number."""
        numbers = self.campaigns.of_group[columns.groups[rows]]
        posts, slots = np.nonzero(numbers >= 0)
        return posts, slots, numbers[posts, slots]

    def _boards(
        self, columns: Columns, rows: NDArray[np.intp]
    ) -> list[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
        """Campaign numbers of some Posts, one list for each that a Post may be in, and where they count."""
        numbers = self.campaigns.of_group[columns.groups[rows]]
        return [(np.maximum(one, 0), one >= 0) for one in numbers.T]

    def _lasting(self, before: FloatArray, now: FloatArray) -> FloatArray:
        """Seconds until as much will have grown again as has since the age ``before``."""
        curve = self._learner.curve
        again = curve.age_at(np.minimum(2.0 * curve.grown(now) - curve.grown(before), 1.0))
        return np.clip(again - now, _SHORTEST, _LONGEST)


def _unless_open(bar: float) -> float | None:
    return None if bar == OPEN else float(bar)


def born(columns: Columns, rows: NDArray[np.intp]) -> FloatArray:
    """When Posts were created. A Post was there when it was seen, whatever time its ID holds."""
    return np.fmin(columns.created[rows], columns.seen[rows])

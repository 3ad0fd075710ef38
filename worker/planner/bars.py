"""The bars of boards: what a Post must have to belong on one, and what it must show to stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from worker.model import Campaign, FloatArray, MetricName, Standings

OPEN: Final = -1.0
"""The bar of a board with free places: every count passes it."""


class Bars(NamedTuple):
    """By campaign number and metric, shape (campaigns, metrics).

    ``true``: midway between what the Nth and the next Post have come to by the forecast. ``variance``: of
    that. ``shown``: the last value that the leaderboard shows. ``last``: what the Nth Post has come to by the
    forecast.
    """

    true: FloatArray
    variance: FloatArray
    shown: FloatArray
    last: FloatArray


class Campaigns:
    """Numbers of campaigns, and which of them each group of the Watchlist competes in."""

    def __init__(self) -> None:
        self._numbers: dict[Campaign, int] = {}
        self._free: list[int] = []
        self.of_group: NDArray[np.intp] = np.full((1, 1), -1, dtype=np.intp)
        """Shape (groups, most campaigns of one); -1 where a group has fewer."""
        self.width = 0

    def __len__(self) -> int:
        return self.width

    def update(self, sets: Iterable[tuple[int, Sequence[Campaign]]]) -> list[int]:
        """Take the groups that there are now; the numbers that stand for new campaigns."""
        known = dict(sets)
        there = {campaign for campaigns in known.values() for campaign in campaigns}
        for campaign in self._numbers.keys() - there:
            self._free.append(self._numbers.pop(campaign))
        new = [self._number(campaign) for campaign in sorted(there - self._numbers.keys())]
        most = max(map(len, known.values()), default=1)
        self.of_group = np.full((max(known, default=0) + 1, most), -1, dtype=np.intp)
        for group, campaigns in known.items():
            self.of_group[group, : len(campaigns)] = [self._numbers[campaign] for campaign in campaigns]
        return new

    def names(self) -> Mapping[Campaign, int]:
        """The number of each campaign."""
        return self._numbers

    def _number(self, campaign: Campaign) -> int:
        if self._free:
            number = self._free.pop()
        else:
            number = self.width
            self.width += 1
        self._numbers[campaign] = number
        return number


def open_bars(campaigns: int, metrics: int) -> Bars:
    """Of boards that all have free places."""
    return Bars(*(np.full((campaigns, metrics), value) for value in (OPEN, 0.0, OPEN, OPEN)))


def find_bars(
    campaigns: Campaigns,
    groups: NDArray[np.int32],
    expected: FloatArray,
    variance: FloatArray,
    top: int,
) -> Bars:
    """The bars by what some Posts have come to: all that may be first on a board must be among them.

    Args:
        campaigns: those of each group.
        groups: of the Posts, shape (n,).
        expected: forecasts, shape (n, metrics), ``nan`` where there is none.
        variance: of them.
        top: how many places a leaderboard has.
    """
    bars = open_bars(len(campaigns), expected.shape[1])
    for metric in range(expected.shape[1]):
        known = np.flatnonzero(~np.isnan(expected[:, metric]))
        best_first = known[np.argsort(-expected[known, metric])]
        boards = campaigns.of_group[groups[best_first]]
        rows, columns = np.nonzero(boards >= 0)
        # Rows come in order, so that a stable sort keeps the best of each board first.
        board = boards[rows, columns]
        order = np.argsort(board, kind="stable")
        board, posts = board[order], best_first[rows[order]]
        starts = np.flatnonzero(np.diff(board, prepend=-1))
        full = starts[np.diff(np.append(starts, len(board))) > top]
        last, next_ = posts[full + top - 1], posts[full + top]
        where = board[full], metric
        bars.last[where] = expected[last, metric]
        bars.true[where] = (expected[last, metric] + expected[next_, metric]) / 2
        bars.variance[where] = (variance[last, metric] + variance[next_, metric]) / 4
    return bars


def heed(bars: Bars, campaigns: Campaigns, standings: Standings, metrics: Mapping[MetricName, int]) -> None:
    """Take in what the merged leaderboards show: other workers' Posts can only raise a bar."""
    numbers = campaigns.names()
    there = [
        (numbers[campaign], metrics[metric], value)
        for (campaign, metric), value in standings.bars.items()
        if campaign in numbers and metric in metrics
    ]
    if there:
        rows, columns, values = (np.array(of) for of in zip(*there, strict=True))
        bars.shown[rows, columns] = values
        bars.true[rows, columns] = np.maximum(bars.true[rows, columns], values)
        bars.last[rows, columns] = np.maximum(bars.last[rows, columns], values)

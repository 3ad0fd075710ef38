"""How right leaderboards are: against the sort of everything there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from worker.model import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.boards import Boards
    from worker.model import Campaign, FloatArray, IntArray, MetricName, PostId
    from worker.simulate.population import Population
    from worker.watchlist import Watchlist


@dataclass(slots=True)
class Verdict:
    """What was seen at all looks: one value a board and look, or one a shown count.

    ``latest``: the recall of each board that had a Post to show, at the last look.
    """

    recalls: list[float] = field(default_factory=list)
    exact: list[bool] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    latest: dict[tuple[Campaign, MetricName], float] = field(default_factory=dict)


class Judge:
    """Compares boards with the truth. A Post that ties with the last place is as right as any other there."""

    def __init__(
        self, population: Population, metrics: Sequence[MetricName], top: int, window: float
    ) -> None:
        self._population = population
        self._metrics = tuple(metrics)
        self._top = top
        self._members = {campaign: population.members(campaign) for campaign in (ALL, *population.campaigns)}
        self.verdict = Verdict()
        self._window = window
        self._stay = np.zeros(len(population), dtype=np.bool_)

    def look(self, boards: Boards, watchlist: Watchlist, now: float, begin: float) -> None:
        """Judge all boards at one moment. ``now``: seconds from the beginning, which is at ``begin``."""
        there = self._population.born_by(now)
        truth = self._population.counts(np.arange(there, dtype=np.int64), now)
        # Who is out of the tracking window competes for as long as it is among the best of some board.
        competes = self._stay[:there] | (self._population.born[:there] > now - self._window)
        self._stay[:] = False
        self.verdict.latest.clear()
        for campaign, everyone in self._members.items():
            seen = everyone[: np.searchsorted(everyone, there)]
            members = seen[competes[seen]]
            if len(members):
                for column, metric in enumerate(self._metrics):
                    shown = boards.merged(campaign, metric)
                    times = watchlist.measured_times([post_id for post_id, _ in shown])
                    recall = self._judge(shown, np.array(times) - begin, truth[:, column], members, now)
                    if recall is not None:
                        self.verdict.latest[campaign, metric] = recall

    def _judge(
        self,
        shown: Sequence[tuple[PostId, float]],
        measured: FloatArray,
        truth: IntArray,
        members: IntArray,
        now: float,
    ) -> float | None:
        """The recall of one leaderboard, if there is anything to show.

        ``measured``: when each value shown was, by the clock of ``now``.
        """
        values = truth[members]
        values = values[values >= 0]
        places = min(self._top, len(values))
        if not places:
            return None
        bar = np.partition(values, len(values) - places)[len(values) - places]
        self._stay[members[truth[members] >= bar]] = True
        right = truth[self._population.numbers(np.array([post_id for post_id, _ in shown], dtype=np.int64))]
        # Who is out of the window stands on a board with free places until it is looked through.
        recall = min(int(np.count_nonzero(right >= bar)), places) / places
        verdict = self.verdict
        verdict.recalls.append(recall)
        verdict.exact.append(recall >= 1.0)
        told = np.array([value for _, value in shown])
        verdict.errors += (np.abs(told - right) / np.maximum(right, 1)).tolist()
        verdict.ages += (now - measured).tolist()
        return recall

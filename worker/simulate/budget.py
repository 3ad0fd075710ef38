"""Which contract suffices: the requests a minute with which the planner reaches a recall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.simulate.experiment import estimate, run_each, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.simulate.experiment import Estimate, Row, Told
    from worker.simulate.scaling import Scaled

_STEP: Final = math.sqrt(2.0)
"""Between two budgets that are tried."""
_MOST_STEPS: Final = 40
_LEAST: Final = 0.001
"""Requests a minute: less than two a day is no contract."""


class NotReachedError(Exception):
    """No budget within reach suffices. The text says how far it came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is ``needed``, in requests a minute, as a mean over seeds with half of its 95 % interval.

    ``enough`` is the end of that interval. ``rows``: all budgets tried, ascending; ``enough`` is one of them.
    """

    recall: float
    needed: Estimate
    enough: float
    rows: Sequence[Row]


def find_budget(
    made: Scaled,
    recall: float,
    jobs: int,
    tried: Callable[[Row], None] | None = None,
    told: Told | None = None,
) -> Answer:
    """Try budgets, a factor of 1.4 apart, until each seed's recall is below in one and above in the next.

    Args:
        made: the plan, with one policy; its budgets are not looked at. All that is told and answered is of
            the world that it stands for.
        recall: what is to be reached, below 1.
        jobs: runs at the same time.
        tried: called with what came of each budget, as soon as it is known.
        told: called before each run.

    Raises:
        NotReachedError: even far more requests do not suffice.
    """
    search = _Search(made, jobs, tried, told)
    above = below = 0
    while min(search.recalls(above)) < recall:
        above += 1
        if above > _MOST_STEPS:
            most, reached = search.budget(above - 1), min(search.recalls(above - 1))
            raise NotReachedError(
                f"{recall:g} is not reached: with {most:g} requests a minute the recall is {reached:.4f}"
            )
    while max(search.recalls(below)) >= recall and search.budget(below - 1) >= _LEAST:
        below -= 1
    needed = estimate(search.crossings(range(below, above + 1), recall))
    enough = needed.mean + (0.0 if math.isnan(needed.within) else needed.within)
    return Answer(recall, needed, enough, search.rows_with(enough))


class _Search:
    """Budgets by steps, each run once. They are those of the world that is stood for."""

    def __init__(
        self, made: Scaled, jobs: int, tried: Callable[[Row], None] | None, told: Told | None
    ) -> None:
        self._made, self._jobs = made, jobs
        self._tried, self._told = tried, told
        self._recalls: dict[int, list[float]] = {}
        self._rows: list[Row] = []

    def budget(self, step: int) -> float:
        """Step 0 asks for each Post twice in the window."""
        arrivals = self._made.plan.world.arrivals
        twice = 2.0 * arrivals.live_posts / self._made.scale / self._made.plan.seats * 60.0 / arrivals.window
        return float(twice * _STEP**step)

    def recalls(self, step: int) -> list[float]:
        """Of each seed, in their order."""
        if step not in self._recalls:
            self._recalls[step] = self._run(self.budget(step))
        return self._recalls[step]

    def crossings(self, steps: Sequence[int], recall: float) -> list[float]:
        """Where each seed's recall passes what is wanted."""
        seeds = range(self._made.plan.seeds)
        return [
            self._crossing([(step, self.recalls(step)[seed]) for step in steps], recall) for seed in seeds
        ]

    def rows_with(self, budget: float) -> list[Row]:
        """All that were run, ascending, this one among them."""
        if all(not math.isclose(budget, row.requests_per_minute) for row in self._rows):
            self._run(budget)
        return sorted(self._rows, key=lambda row: row.requests_per_minute)

    def _crossing(self, reached: Sequence[tuple[int, float]], recall: float) -> float:
        """Between two budgets, by their logarithm."""
        last = max((place for place, (_, one) in enumerate(reached) if one < recall), default=-1)
        if last < 0:
            return self.budget(reached[0][0])
        (step, low), (_, high) = reached[last], reached[last + 1]
        share = float(np.clip((recall - low) / max(high - low, 1e-12), 0.0, 1.0))
        return float(self.budget(step) * _STEP**share)

    def _run(self, budget: float) -> list[float]:
        def told(policy: str, _scaled: float, done: int) -> None:
            if self._told is not None:
                self._told(policy, budget, done)

        ((policy, requests, outcomes),) = run_each(self._made.under(budget), self._jobs, told)
        row = self._made.whole_row(summarise(policy, requests, outcomes), budget)
        self._rows.append(row)
        if self._tried is not None:
            self._tried(row)
        return [outcome.recall for outcome in outcomes]


def to_sign_for(enough: float, headroom: float) -> float:
    """The contract, in requests a minute, of which a worker sends so many as are enough.

    ``headroom``: seconds by which a worker takes the span of its limit to be longer.
    """
    requests = max(1, math.floor(enough))
    while True:
        # In a span are as many requests as the whole part of the contract says; the headroom makes it longer.
        left = 1.0 / enough - headroom / (60.0 * requests)
        if left * (requests + 1) > 1.0:
            return max(1.0 / left, float(requests) if requests > 1 else 0.0)
        requests += 1

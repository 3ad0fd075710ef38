"""Which contract suffices: the requests a minute with which the planner reaches a recall."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.simulate.experiment import Estimate, estimate, run, run_each, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.simulate.experiment import Outcome, Plan, Row, Told

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
    plan: Plan,
    recall: float,
    jobs: int,
    tried: Callable[[Row], None] | None = None,
    told: Told | None = None,
) -> Answer:
    """Try budgets, a factor of 1.4 apart, until each seed's recall is below in one and above in the next.

    Args:
        plan: with one policy; its budgets are not looked at.
        recall: what is to be reached, below 1.
        jobs: runs at the same time.
        tried: called with what came of each budget, as soon as it is known.
        told: called before each run.

    Raises:
        NotReachedError: even far more requests do not suffice.
    """
    outcomes: dict[int, list[Outcome]] = {}

    def recalls(step: int) -> list[float]:
        if step not in outcomes:
            budget = _budget(plan, step)
            one = replace(plan, requests_per_minute=(budget,))
            _, _, outcomes[step] = next(run_each(one, jobs, told))
            if tried is not None:
                tried(summarise(plan.policies[0], budget, outcomes[step]))
        return [outcome.recall for outcome in outcomes[step]]

    above = below = 0
    while min(recalls(above)) < recall:
        above += 1
        if above > _MOST_STEPS:
            most, reached = _budget(plan, above - 1), min(recalls(above - 1))
            raise NotReachedError(
                f"{recall:g} is not reached: with {most:g} requests a minute the recall is {reached:.4f}"
            )
    while max(recalls(below)) >= recall and _budget(plan, below - 1) >= _LEAST:
        below -= 1
    steps = range(below, above + 1)
    for step in steps:
        recalls(step)
    needed = [
        _crossing(plan, [(step, recalls(step)[seed]) for step in steps], recall) for seed in range(plan.seeds)
    ]
    found = estimate(needed)
    within = 0.0 if math.isnan(found.within) else found.within
    rows = [summarise(plan.policies[0], _budget(plan, step), outcomes[step]) for step in sorted(outcomes)]
    enough = found.mean + within
    if all(not math.isclose(enough, row.requests_per_minute) for row in rows):
        confirmed = next(run(replace(plan, requests_per_minute=(enough,)), jobs, told))
        rows = sorted([*rows, confirmed], key=lambda row: row.requests_per_minute)
        if tried is not None:
            tried(confirmed)
    return Answer(recall, found, enough, rows)


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


def _budget(plan: Plan, step: int) -> float:
    """Step 0 asks for each Post twice in the window."""
    arrivals = plan.world.arrivals
    return float(2.0 * arrivals.live_posts / 250.0 * 60.0 / arrivals.window * _STEP**step)


def _crossing(plan: Plan, reached: Sequence[tuple[int, float]], recall: float) -> float:
    """Where the recall passes what is wanted: between two budgets, by their logarithm."""
    last = max((place for place, (_, one) in enumerate(reached) if one < recall), default=-1)
    if last < 0:
        return _budget(plan, reached[0][0])
    (step, low), (_, high) = reached[last], reached[last + 1]
    share = float(np.clip((recall - low) / max(high - low, 1e-12), 0.0, 1.0))
    return float(_budget(plan, step) * _STEP**share)

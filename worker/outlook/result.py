"""What came of the runs, for whoever asks: budgets ascending, each with what it would give."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from worker.outlook.likeness import BUDGETS, POLICY, likeness
from worker.publish.http.views import Estimated, OutlookBudget, OutlookResult, OutlookWorld
from worker.simulate.experiment import summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import Timestamp
    from worker.outlook.census import Census
    from worker.outlook.runs import Done
    from worker.simulate.experiment import Estimate


def result_of(
    census: Census, found: Sequence[Done], *, contract: float, at: Timestamp, took: float
) -> OutlookResult:
    """Of a census and the runs that were done; budgets without any are named as left out."""
    made = likeness(census)
    arrivals = made.plan.world.arrivals
    done = {budget: [one.outcome for one in found if one.task.budget == budget] for budget in sorted(BUDGETS)}
    budgets = []
    for budget, outcomes in done.items():
        if outcomes:
            row = summarise(POLICY, budget * contract, outcomes)
            budgets.append(
                OutlookBudget(
                    budget,
                    row.requests_per_minute,
                    row.seeds,
                    recall=_estimated(row.recall),
                    exact_boards=_estimated(row.exact_boards),
                    shown_error=_estimated(row.shown_error_median),
                )
            )
    return OutlookResult(
        made_at=at,
        took=took,
        world=OutlookWorld(
            posts=census.posts,
            posts_per_hour=census.posts_per_hour,
            campaigns=arrivals.campaigns,
            metrics=made.plan.world.metrics,
            top=census.top,
            half_growth=census.half_growth,
            size_tail=census.size_tail,
            scale=made.scale,
        ),
        budgets=budgets,
        left_out=[budget for budget, outcomes in done.items() if not outcomes],
    )


def _estimated(estimate: Estimate) -> Estimated:
    return Estimated(estimate.mean, None if math.isnan(estimate.within) else estimate.within)

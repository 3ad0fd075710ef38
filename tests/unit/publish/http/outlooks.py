"""Outlooks to serve."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.unit.publish.http.serving import NOON
from worker.model import MetricName
from worker.publish.http import Estimated, OutlookBudget, OutlookResult, OutlookView, OutlookWorld

if TYPE_CHECKING:
    from worker.model import Timestamp

RECALLS = {0.25: 0.881234, 0.5: 0.957, 1.0: 0.99045, 2.0: 0.9925, 4.0: 1.0}


def outlook(
    *budgets: float, at: Timestamp = NOON, scale: float = 0.1, within: float | None = 0.004
) -> OutlookView:
    """What these budgets would give, all five unless told; a contract of 60."""
    chosen = budgets or tuple(RECALLS)
    return OutlookView(
        OutlookResult(
            made_at=at,
            took=412.34,
            world=OutlookWorld(
                posts=200_000,
                posts_per_hour=4166.66,
                campaigns=20,
                metrics=(MetricName("favorites"), MetricName("retweets")),
                top=50,
                half_growth=4800.0,
                size_tail=1.1234,
                scale=scale,
            ),
            budgets=[
                OutlookBudget(
                    budget,
                    60 * budget,
                    3,
                    recall=Estimated(RECALLS[budget], within),
                    exact_boards=Estimated(RECALLS[budget] / 2, within),
                    shown_error=Estimated(0.04 / budget, within),
                )
                for budget in chosen
            ],
            left_out=[budget for budget in RECALLS if budget not in chosen],
        ),
        None,
    )


def perfect_outlook() -> OutlookView:
    """All budgets would give all that can be had."""
    view = outlook()
    assert view.result is not None
    all_right, nothing = Estimated(1.0, 0.0), Estimated(0.0, 0.0)
    budgets = [
        replace(one, recall=all_right, exact_boards=all_right, shown_error=nothing)
        for one in view.result.budgets
    ]
    return OutlookView(replace(view.result, budgets=budgets), None)

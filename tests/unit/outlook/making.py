"""Censuses, and runs that were done, in few words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.unit.watchlist.making import LIKES, RETWEETS
from worker.outlook.census import Census
from worker.outlook.likeness import Task
from worker.outlook.runs import Done
from worker.simulate.experiment import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = 86_400.0

_USUAL = Census(
    posts=10_000,
    posts_per_hour=10_000 / 24,
    window=DAY,
    campaigns=(4000, 2000, 1000),
    metrics=(LIKES, RETWEETS),
    top=10,
    half_growth=4800.0,
    growth_tail=0.5,
    least_size=2.0,
    size_tail=1.1,
    requests_per_minute=0.25,
    linger=2.0,
    min_interval=15.0,
    interval_growth=0.02,
    recheck_unavailable=21_600.0,
    unasked_share=0.03,
    max_unasked=DAY,
    retire_chance=1e-4,
)

SMALL = replace(_USUAL, posts=150, posts_per_hour=150.0, campaigns=(80, 40), top=5, requests_per_minute=0.1)
"""A world of an hour: all of its runs are done within seconds."""


def census(**other: Any) -> Census:
    """A world of a day, of 10,000 Posts, that needs no scaling."""
    return replace(_USUAL, **other)


def done(budget: float, seed: int = 1, recall: float = 0.9, error: float = 0.1) -> Done:
    """A run that came to this."""
    return Done(Task(budget, seed), Outcome(recall, recall / 2, error, error, 60.0, 100, 25_000))


def all_done(budgets: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0), seeds: int = 3) -> list[Done]:
    """A run of each budget and seed; more requests give more."""
    return [
        done(budget, seed, 1 - 0.01 * seed / budget, 0.04 / budget)
        for seed in range(1, seeds + 1)
        for budget in budgets
    ]

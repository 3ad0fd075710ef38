"""A world like the worker's own, small enough to be simulated in minutes: from a census to an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from worker.model import Campaign, Seconds
from worker.planner import TimingSettings
from worker.simulate.arrivals import Arrivals, GroupShare
from worker.simulate.cascades import Sizes
from worker.simulate.experiment import Plan
from worker.simulate.policies import Habits
from worker.simulate.synthetic import Growing
from worker.simulate.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.outlook.census import Census

BUDGETS: Final = (1.0, 0.5, 2.0, 0.25, 4.0)
"""Times the contract; what is wanted most comes first, as the time may end before the last."""
SEEDS: Final = 3

MOST_POSTS: Final = 20_000
"""In the tracking window: a larger world is scaled down."""
_FEWEST_POSTS: Final = 1000
MOST_REQUESTS: Final = 1500.0
"""Of a run at the contract: each takes some 10 ms, and there are 23 times as many in all."""
_MOST_COUNTED: Final = 4e6
"""All counts of all Posts of a world at the most; each takes 16 bytes, and as much again for a moment."""
_MOST_CAMPAIGNS: Final = 50
_MOST_METRICS: Final = 2
"""More boards say the same, and cost time at each request."""
_SHORTEST_WINDOW: Final = 3600.0
_JUDGED_SHARE: Final = 0.125
_JUDGED_HOURS: Final = (1.0, 6.0)
POLICY: Final = "planner"


class Task(NamedTuple):
    """A run: a budget, as a multiple of the contract, in one world."""

    budget: float
    seed: int


@dataclass(frozen=True, slots=True)
class Likeness:
    """The experiment, and by how much Posts and requests are fewer than the worker's own.

    The plan's one budget is that of the contract.
    """

    plan: Plan
    scale: float

    def requests_per_minute(self, budget: float) -> float:
        """Of the scaled world under a multiple of the contract."""
        return self.plan.requests_per_minute[0] * budget

    def tasks(self) -> Iterator[Task]:
        """All budgets in one world, then in the next: each is known early, and then better."""
        return (Task(budget, seed) for seed in range(1, self.plan.seeds + 1) for budget in BUDGETS)


def likeness(census: Census) -> Likeness:
    """Such an experiment.

    Posts come as fast as they do now, for as long as brings as many as there are: the whole tracking window
    where it is full, the last hour where the stream began an hour ago.
    """
    window = census.posts / max(census.posts_per_hour, 1e-9) * 3600.0
    window = float(np.clip(window, min(_SHORTEST_WINDOW, census.window), census.window))
    hours = float(np.clip(_JUDGED_SHARE * window / 3600.0, *_JUDGED_HOURS))
    requests = census.requests_per_minute * (window / 60.0 + hours * 60.0)
    # What the scaling is for is time and memory; a world of few Posts has boards that all of them are on.
    scale = min(MOST_POSTS / census.posts, MOST_REQUESTS / requests)
    scale = min(1.0, max(scale, _FEWEST_POSTS / census.posts))
    metrics = census.metrics[:_MOST_METRICS]
    campaigns = census.campaigns[:_MOST_CAMPAIGNS]
    whole = max(census.posts, sum(census.campaigns))
    world = World(
        Arrivals(
            round(census.posts * scale),
            window,
            len(campaigns),
            swing=0.0,
            shares=_shares([posts / whole for posts in campaigns]),
        ),
        metrics,
        Sizes(census.least_size, census.size_tail, _MOST_COUNTED / len(metrics)),
        Growing(census.half_growth, census.growth_tail, within=window),
    )
    plan = Plan(
        world,
        (POLICY,),
        (census.requests_per_minute * scale,),
        SEEDS,
        census.top,
        hours,
        window / 3600.0,
        census.half_growth,
        habits=Habits(
            TimingSettings(
                Seconds(census.linger),
                Seconds(census.min_interval),
                census.interval_growth,
                Seconds(census.recheck_unavailable),
            ),
            census.unasked_share,
            Seconds(census.max_unasked),
            census.retire_chance,
        ),
    )
    return Likeness(plan, scale)


def _shares(campaigns: Sequence[float]) -> tuple[GroupShare, ...]:
    """Each of these alone, and who is left in none."""
    named = [
        GroupShare((Campaign(f"campaign-{number:03}"),), share)
        for number, share in enumerate(campaigns, start=1)
    ]
    return (*named, GroupShare((), max(0.0, 1.0 - sum(campaigns))))

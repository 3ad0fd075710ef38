"""A world that is too large to be simulated in minutes, as a smaller one: Posts, seats and requests alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.simulate.experiment import Estimate

if TYPE_CHECKING:
    from worker.simulate.arrivals import Arrivals
    from worker.simulate.experiment import Plan, Row

_OFTEN_ENOUGH: Final = 1.0
"""Requests a minute: who waits longer for the next is seen later, so of fewer than these none is left out."""
_FEWEST_SEATS: Final = 10
_POSTS_A_PLACE: Final = 5.0
"""A board is right by itself where it has fewer Posts than places, and too easily where it has few more."""
_SMALL_CAMPAIGNS: Final = 0.05
"""The share of the campaigns that had so many, and may have fewer in the smaller world."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A plan, and by how much Posts and seats are fewer in it: 1 where they are not.

    How often a Post can be asked for stays as it is. Boards keep their places, and share fewer seats.
    """

    plan: Plan
    scale: float

    def under(self, requests_per_minute: float) -> Plan:
        """The plan under a budget of the world it stands for: with fewer seats, or fewer requests of many."""
        if self.scale == 1.0:
            return replace(self.plan, requests_per_minute=(requests_per_minute,))
        seats_a_minute = self.plan.seats * self.scale * requests_per_minute
        often = max(requests_per_minute * self.scale, min(requests_per_minute, _OFTEN_ENOUGH))
        seats = min(math.ceil(seats_a_minute / often), self.plan.seats)
        return replace(self.plan, requests_per_minute=(seats_a_minute / seats,), seats=seats)

    def whole_row(self, row: Row, requests_per_minute: float) -> Row:
        """A row of such a plan, as one of the world it stands for."""
        return replace(
            row,
            requests_per_minute=requests_per_minute,
            requests=_times(row.requests, requests_per_minute / row.requests_per_minute),
            asked=_times(row.asked, 1.0 / self.scale),
        )


def scaled(plan: Plan, most_posts: int) -> Scaled:
    """The plan with so many Posts in the window at most; with more if boards or requests became too small."""
    arrivals = plan.world.arrivals
    least = max(_FEWEST_SEATS / plan.seats, _least_for_boards(arrivals, plan.top))
    scale = min(max(most_posts / arrivals.live_posts, least), 1.0)
    live_posts = round(arrivals.live_posts * scale)
    if live_posts >= arrivals.live_posts:
        return Scaled(plan, 1.0)
    world = replace(plan.world, arrivals=replace(arrivals, live_posts=live_posts))
    return Scaled(replace(plan, world=world), scale)


def _least_for_boards(arrivals: Arrivals, top: int) -> float:
    """The scale down to which nearly all campaigns keep Posts enough that their boards can be wrong."""
    posts = np.array(arrivals.campaign_shares()) * arrivals.live_posts
    enough = _POSTS_A_PLACE * top
    large = posts[posts >= enough]
    return float(enough / np.quantile(large, _SMALL_CAMPAIGNS)) if len(large) else 0.0


def _times(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.mean * factor, estimate.within * factor)

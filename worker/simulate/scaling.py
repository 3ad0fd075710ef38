"""A world that is too large to be simulated in minutes, as a smaller one: Posts, seats and requests alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from worker.simulate.experiment import Estimate

if TYPE_CHECKING:
    from worker.simulate.experiment import Plan, Row


_OFTEN_ENOUGH: Final = 1.0
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Scaled:
    """A plan, and by how much Posts and seats are fewer in it: 1 where they are not.

    How often a Post can be asked for stays as it is. Boards keep their places, and share fewer seats: so what
    suffices here rather suffices there.
    """

    plan: Plan
    scale: float

    def under(self, requests_per_minute: float) -> Plan:
        """The plan under a budget of the world that is stood for: fewer seats, or fewer requests of many.

        Requests hardly become rarer than one a minute by it: who waits longer for the next is seen later.
        """
        least = min(requests_per_minute, _OFTEN_ENOUGH)
        seats_a_minute = self.plan.seats * self.scale * requests_per_minute
        seats = math.ceil(seats_a_minute / max(requests_per_minute * self.scale, least) - _ROUNDING)
        requests = requests_per_minute if seats == self.plan.seats * self.scale else seats_a_minute / seats
        return replace(self.plan, requests_per_minute=(requests,), seats=seats)

    def whole_row(self, row: Row, requests_per_minute: float) -> Row:
        """A row of such a plan, as one of the world it stands for."""
        fewer = row.requests_per_minute / requests_per_minute
        return replace(
            row,
            requests_per_minute=requests_per_minute,
            requests=_times(row.requests, 1.0 / fewer),
            asked=_times(row.asked, 1.0 / self.scale),
        )


def _times(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.mean * factor, estimate.within * factor)


def scaled(plan: Plan, most_posts: int) -> Scaled:
    """The plan with so many Posts in the window, at most."""
    arrivals = plan.world.arrivals
    if arrivals.live_posts <= most_posts:
        return Scaled(plan, 1.0)
    world = replace(plan.world, arrivals=replace(arrivals, live_posts=most_posts))
    return Scaled(replace(plan, world=world), most_posts / arrivals.live_posts)

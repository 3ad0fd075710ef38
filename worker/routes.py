"""Routes: the lanes of the Watchlist, each with its planner, query and token; and whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.engagement import Account, Query
    from worker.planner import Planner
    from worker.watchlist import Lane

_LEAST_FILLED: Final = 0.1
"""A request with fewer seats taken counts as if it had so many: who has few Posts is not kept waiting."""
_MOST_WORTH: Final = 5.0
"""A request counts as so many times better or worse than the mean, at most: nobody waits for ever."""
_REMEMBERED: Final = 0.05
"""The weight of the newest request in the mean."""


@dataclass(slots=True)
class Route:
    """How the Posts of a lane are asked for. ``account``: whose token; ``None``: the app's.

    ``weight``: its requests against those of the others, when there are not enough for all.
    """

    lane: Lane
    planner: Planner
    query: Query
    account: Account | None = None
    weight: float = 1.0
    turn: float = 0.0
    due: int = 0


class Turns:
    """Requests shared among routes by their weights, by what they are worth and how they fill their seats.

    Start-time fair queueing: each request moves its route's turn on by what it cost, and the route whose turn
    comes first goes first. A route that had nothing to ask saves nothing up.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._now = 0.0
        self._mean = 0.0

    def in_order(self) -> list[Route]:
        """All routes, those first whose turn comes first."""
        if len(self.routes) == 1:
            return [*self.routes]
        return sorted(self.routes, key=lambda route: (max(route.turn, self._now), route.turn))

    def taken(self, route: Route, seats: int, worth: float | None = None) -> None:
        """A request of this route leaves, with so many Posts; ``worth`` is that of the plan."""
        filled = max(seats / route.query.endpoint.seats, _LEAST_FILLED)
        self._now = max(route.turn, self._now)
        route.turn = self._now + 1 / (route.weight * filled * self._better(worth))

    def _better(self, worth: float | None) -> float:
        """How many times better a request is than most."""
        if worth is None or worth < 0:
            return 1.0
        self._mean += (_REMEMBERED if self._mean else 1.0) * (worth - self._mean)
        if not self._mean:
            return 1.0
        return min(max(worth / self._mean, 1 / _MOST_WORTH), _MOST_WORTH)

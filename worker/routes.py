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
    """Requests shared among routes by their weights and by how well they fill their seats.

    Start-time fair queueing: each request moves its route's turn on by what it cost, and the route whose turn
    comes first goes first. A route that had nothing to ask saves nothing up.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._now = 0.0

    def in_order(self) -> list[Route]:
        """All routes, those first whose turn comes first."""
        if len(self.routes) == 1:
            return [*self.routes]
        return sorted(self.routes, key=lambda route: (max(route.turn, self._now), route.turn))

    def taken(self, route: Route, seats: int) -> None:
        """A request of this route leaves, with so many Posts."""
        filled = max(seats / route.query.endpoint.seats, _LEAST_FILLED)
        self._now = max(route.turn, self._now)
        route.turn = self._now + 1 / (route.weight * filled)

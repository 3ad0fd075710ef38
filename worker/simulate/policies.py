"""What the planner is compared with: policies as simple as a user would write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import PostId, Timestamp
from worker.planner import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import Standings
    from worker.planner import Posts

_NEVER_MEASURED: Final = 1
_RETRY: Final = 15.0


class RoundRobin:
    """Every Post in turn: those asked longest ago first, new ones before all."""

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:  # noqa: ARG002 -- it looks at none
        """See ``Planner.plan``."""
        columns = posts.columns
        rows = np.flatnonzero((columns.states >= _NEVER_MEASURED) & ~columns.in_flight)
        return _plan(posts, rows, -columns.asked[rows], now, seats)


class Uniform:
    """Posts at random, each as likely as any other."""

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:  # noqa: ARG002 -- it looks at none
        """See ``Planner.plan``."""
        columns = posts.columns
        rows = np.flatnonzero((columns.states >= _NEVER_MEASURED) & ~columns.in_flight)
        return _plan(posts, rows, self._chance.random(len(rows)), now, seats)


def _plan(posts: Posts, rows: NDArray[np.intp], rank: NDArray[np.float64], now: Timestamp, seats: int) -> Plan:
    if len(rows) > seats:
        rows = rows[np.argpartition(-rank, seats)[:seats]]
    asked = [PostId(post_id) for post_id in posts.columns.post_ids[rows].tolist()]
    return Plan(asked, Timestamp(now + _RETRY), len(asked))

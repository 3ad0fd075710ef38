"""Whether a leaderboard that was shown has a Post missing, by the truth. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sandbox.world import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.world import World
    from worker.model import PostId

STALE: Final = 30.0
"""Seconds ago that a shown Post may have been measured: while its partition has no owner, it is not."""

_STEP: Final = 60
_STEADY_FOR: Final = 900


def steady(world: World, post_ids: Sequence[PostId], at: int) -> list[PostId]:
    """Those whose counts only rise, and that stay to be had, for the next quarter of an hour."""
    array = np.array(post_ids, dtype=np.int64)
    good = np.ones(len(array), dtype=bool)
    for second in range(at, at + _STEADY_FOR + 1, _STEP):
        good &= ~world.unavailable(array, second)
        good &= (world.counts(array, second) == world.gained(array, second)).all(axis=1)
    return [post_id for post_id, is_good in zip(post_ids, good, strict=True) if is_good]


@dataclass(frozen=True, slots=True)
class Shown:
    """A leaderboard as a reader got it. ``at``: when, in epoch seconds."""

    at: float
    campaign: str
    metric: str
    board: Mapping[str, Any]


class Judge:
    """Knows the Posts of each campaign, all of them steady; and how many places a board has."""

    def __init__(self, world: World, campaigns: Mapping[PostId, str], top: int) -> None:
        self._world = world
        self._top = top
        posts = defaultdict[str, list[int]](list)
        for post_id, campaign in campaigns.items():
            posts[campaign].append(post_id)
            posts["all"].append(post_id)
        self._posts = {name: np.array(sorted(of), dtype=np.int64) for name, of in posts.items()}

    def missing(self, shown: Shown) -> set[int]:
        """Posts that must be on it whenever within ``STALE`` they were measured, and are not.

        A Post's count only rises: one that was above the last place's then is above it now.
        """
        posts, entries = self._posts[shown.campaign], shown.board["entries"]
        as_of = datetime.fromisoformat(shown.board["as_of"]).timestamp()
        is_full = len(entries) >= min(self._top, len(posts))
        bar = entries[-1]["value"] if entries and is_full else -1
        least = self._world.counts(posts, int(as_of - STALE))[:, METRICS.index(shown.metric)]
        return {*posts[least > bar].tolist()} - {int(entry["post_id"]) for entry in entries}

    def uncounted(self, shown: Shown) -> int:
        """Posts of the campaign that it does not count as tracked."""
        return len(self._posts[shown.campaign]) - int(shown.board["tracked_posts"])

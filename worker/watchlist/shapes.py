"""What the Watchlist is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import Campaign, FloatArray, IntArray, MetricName, PostId, Seconds, Timestamp
    from worker.watchlist.columns import State

Place: TypeAlias = "tuple[int, tuple[Campaign, ...]]"
"""Where a Post competes: its ``sightings`` partition, and its campaigns with ``all`` first."""


@dataclass(frozen=True, slots=True)
class WatchlistLimits:
    """How much is tracked, and for how long."""

    tracking_window: Seconds
    max_posts: int
    max_campaigns: int
    growth_window: Seconds


@dataclass(frozen=True, slots=True)
class Added:
    """What became of some Sightings: how many were taken, how many Posts are new, who joined campaigns."""

    taken: int
    new: int
    joined: tuple[PostId, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What an answer changed: ``Boards.update`` takes it. Values have the shape (Posts, board metrics)."""

    post_ids: IntArray
    places: Sequence[Place]
    old: FloatArray
    new: FloatArray


@dataclass(frozen=True, slots=True)
class Tracked:
    """All that is known of one Post. ``values`` are by board metric, without those not available."""

    post_id: PostId
    state: State
    partition: int
    campaigns: tuple[Campaign, ...]
    created_at: Timestamp | None
    seen_at: Timestamp
    measured_at: Timestamp | None
    values: dict[MetricName, float]
    author: str | None
    text: str | None

"""What input topics say of the Posts that come: how many a day, at which hours, in which campaigns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.intake.forwarder import partition_of
from worker.model import Sighting, Timestamp, Unreadable, creation_times
from worker.simulate.arrivals import DAY, GroupShare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.model import Campaign, FloatArray, PostId, Reading
    from worker.simulate.arrivals import Group

MOST_POSTS: Final = 1_000_000
_MOST_NAMES: Final = 10_000
_MOST_TOGETHER: Final = 50
_MOST_GROUPS: Final = 5_000
_MIXES: Final = 2**32
_HOUR: Final = 3600.0
_HOURS: Final = 24
_LEAST_OF_HOUR: Final = 900.0
"""Seconds of an hour of the day that must have been seen, to say how many come in it."""
_LATEST: Final = 0.75
"""Of what was read: a Post that was first seen at a higher age counts as one of this age does."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came from ``begins`` to ``ends``. Posts are counted once, or estimated where a sample was kept.

    ``posts``: all that were seen. ``new``: those of them that were created after ``begins``; the others may
    have been seen before. ``by_hour``: the rate of new Posts in each hour of the day (UTC), next to its mean;
    empty where too little was read to say. ``shares``: the campaigns that Posts are in together, the most
    frequent first. ``kept``: the share of the Posts that was looked at. ``folded``: campaigns beyond the
    limit.
    """

    begins: Timestamp
    ends: Timestamp
    records: int
    unreadable: int
    posts: int
    new: int
    posts_per_day: float
    by_hour: tuple[float, ...]
    shares: tuple[GroupShare, ...]
    kept: float
    folded: int

    @property
    def campaigns(self) -> Mapping[Campaign, float]:
        """The share of the Posts in each campaign, the largest first."""
        return _sizes(dict(self.shares))

    def together(self, least: int, most: float = math.inf) -> float:
        """The share of the Posts that are in so many campaigns, ``all`` not counted."""
        return math.fsum(share for group, share in self.shares if least <= len(group) <= most)


class Measuring:
    """Takes records in any order, as partitions give them, and says what they come to.

    Holds at most ``most_posts`` Posts. When there are more, it goes on with a half of them, chosen by their
    IDs, so that a Post is known again; and so on.
    """

    def __init__(self, most_posts: int = MOST_POSTS) -> None:
        self.records = 0
        self._unreadable = 0
        self._most_posts = most_posts
        self._earliest = Timestamp(math.inf)
        self._below = _MIXES
        self._posts: dict[PostId, tuple[Timestamp, Group]] = {}
        self._names: set[Campaign] = set()

    def take(self, reading: Reading, at: Timestamp) -> None:
        """A record that was written at some time."""
        self.records += 1
        self._earliest = min(self._earliest, at)
        if isinstance(reading, Unreadable):
            self._unreadable += 1
        elif isinstance(reading, Sighting) and partition_of(reading.post_id, _MIXES) < self._below:
            self._see(reading.post_id, self._group(reading.campaigns), at)

    def measured(
        self, since: Timestamp, until: Timestamp, *, from_first: bool, most_campaigns: int
    ) -> Measured:
        """What the records of this time come to.

        Args:
            since: what was read begins here.
            until: it ends here.
            from_first: nothing is known of the time before the first record, so that begins it.
            most_campaigns: the largest so many campaigns; the others are told apart no more, as in a worker.
        """
        begins = Timestamp(min(max(self._earliest, since), until)) if from_first else since
        created = creation_times(np.fromiter(self._posts, dtype=np.int64, count=len(self._posts)))
        seen = np.array([at for at, _ in self._posts.values()], dtype=np.float64).clip(begins, until)
        new = created >= begins
        kept = self._below / _MIXES
        weights = _chances(seen - created, until - begins) / kept * new
        posts_per_day, by_hour = _by_hour(seen, weights, begins, until)
        groups = [group for _, group in self._posts.values()]
        # Where none is new, all of them say who is in which campaign: how many come must be told otherwise.
        shares, folded = _shares(groups, weights if new.any() else np.ones(len(groups)), most_campaigns)
        return Measured(
            begins,
            until,
            self.records,
            self._unreadable,
            round(len(self._posts) / kept),
            round(int(new.sum()) / kept),
            posts_per_day,
            by_hour,
            shares,
            kept,
            folded,
        )

    def _see(self, post_id: PostId, group: Group, at: Timestamp) -> None:
        known = self._posts.get(post_id)
        if known is not None:
            self._posts[post_id] = min(known[0], at), _together(known[1], group)
            return
        self._posts[post_id] = at, group
        while len(self._posts) > self._most_posts:
            self._below //= 2
            self._posts = {
                post: known for post, known in self._posts.items() if partition_of(post, _MIXES) < self._below
            }

    def _group(self, campaigns: Group) -> Group:
        """The campaigns, without those that came when too many names were known."""
        if not self._names.issuperset(campaigns):
            self._names.update(campaigns[: max(_MOST_NAMES - len(self._names), 0)])
            return tuple(name for name in campaigns if name in self._names)
        return campaigns


@lru_cache(8192)
def _together(first: Group, second: Group) -> Group:
    """The campaigns of both, as far as one Post can be in: the same few come again, and share one tuple."""
    return tuple(sorted({*first, *second})[:_MOST_TOGETHER])


def _chances(ages: FloatArray, span: float) -> FloatArray:
    """How many Posts stand behind each that was first seen at this age, within so many seconds.

    One that comes late is among those created in this time only if it was created early in it.
    """
    late = np.nan_to_num(ages).clip(0.0, _LATEST * span)
    return span / np.maximum(span - late, 1e-9)


def _by_hour(
    seen: FloatArray, weights: FloatArray, begins: float, ends: float
) -> tuple[float, tuple[float, ...]]:
    """New Posts a day, and the rate in each hour of the day next to its mean."""
    counts = np.bincount((seen // _HOUR).astype(np.int64) % _HOURS, weights, _HOURS)
    length = _seconds_of_hours(begins, ends)
    known = length >= _LEAST_OF_HOUR
    if not known.any() or not counts[known].any():
        return float(weights.sum() * DAY / max(ends - begins, 1.0)), ()
    rates = counts[known] / length[known]
    by_hour = np.ones(_HOURS)
    # An hour that was not seen is taken for one like the others.
    by_hour[known] = rates / rates.mean()
    return float(rates.mean() * DAY), tuple(by_hour.tolist())


def _seconds_of_hours(begins: float, ends: float) -> FloatArray:
    """How many seconds from one time to another are in each hour of the day."""
    starts = np.arange(begins // _HOUR, ends // _HOUR + 1.0)
    inside = np.minimum((starts + 1.0) * _HOUR, ends) - np.maximum(starts * _HOUR, begins)
    return np.bincount(starts.astype(np.int64) % _HOURS, inside, _HOURS).astype(np.float64)


def _shares(
    groups: Sequence[Group], weights: FloatArray, most_campaigns: int
) -> tuple[tuple[GroupShare, ...], int]:
    """How many of the Posts each group is, and how many campaigns are not told apart."""
    found: dict[Group, float] = {}
    for group, weight in zip(groups, weights.tolist(), strict=True):
        if weight:
            found[group] = found.get(group, 0.0) + weight
    sizes = _sizes(found)
    largest = set(list(sizes)[:most_campaigns])
    told: dict[Group, float] = {}
    for group, weight in found.items():
        left = tuple(campaign for campaign in group if campaign in largest)
        told[left] = told.get(left, 0.0) + weight
    frequent = sorted(told.items(), key=lambda one: (-one[1], one[0]))[:_MOST_GROUPS]
    total = math.fsum(weight for _, weight in frequent)
    return tuple(GroupShare(group, weight / total) for group, weight in frequent), len(sizes) - len(largest)


def _sizes(groups: Mapping[Group, float]) -> dict[Campaign, float]:
    """How much of the Posts is in each campaign, the largest first."""
    sizes: dict[Campaign, float] = {}
    for group, weight in groups.items():
        for campaign in group:
            sizes[campaign] = sizes.get(campaign, 0.0) + weight
    return dict(sorted(sizes.items(), key=lambda one: (-one[1], one[0])))

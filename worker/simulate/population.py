"""A population of Posts whose counts are known at every moment: what a simulation asks, and is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import ALL, NOT_AVAILABLE, Campaign, PostId, Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.model import FloatArray, IntArray, MetricName
    from worker.simulate.arrivals import Group

BEGIN: Final = Timestamp(1_750_000_000.0)
"""The moment at which every simulation begins: a round one, as nothing depends on it."""

_SPAN: Final = 2.0**23
"""Seconds, more than any history lasts: 97 days. Post number x this + age orders all events of all Posts,
and is exact to microseconds for millions of Posts."""


class Histories:
    """When each Post gained one, for many Posts, as ages in seconds; one array for all of them."""

    def __init__(self, ages: FloatArray, starts: IntArray) -> None:
        """``ages``: ascending within each Post; ``starts``: where each Post's begin, and their number."""
        self._starts = starts
        posts = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        self._keys = posts * _SPAN + np.clip(ages, 0.0, _SPAN - 1.0)

    @classmethod
    def of(cls, ages: Sequence[FloatArray]) -> Histories:
        """Of a sequence with an array for each Post, each of them ascending."""
        lengths = np.fromiter(map(len, ages), dtype=np.int64, count=len(ages))
        return cls(np.concatenate([*ages, np.zeros(0)]), np.concatenate([[0], np.cumsum(lengths)]))

    def counts(self, posts: IntArray, ages: FloatArray) -> IntArray:
        """How many each of these Posts has at this age. Shapes (n,)."""
        at = posts * _SPAN + np.minimum(ages, _SPAN - 1.0)
        return np.searchsorted(self._keys, at, side="right") - self._starts[posts]

    def __len__(self) -> int:
        return len(self._starts) - 1


@dataclass(frozen=True, slots=True)
class Population:
    """Posts by their number, in order of creation.

    ``born``: seconds from the beginning; before it where negative. ``group_of``: which of ``groups`` each
    Post is in; a group is the campaigns that Posts have together. ``campaigns``: all of those, without
    ``all``. ``rises`` and ``falls``: a history for each metric; falls may be missing.
    ``gone``: the age at which a Post is deleted; infinite where it is not.
    """

    metrics: tuple[MetricName, ...]
    born: FloatArray
    group_of: NDArray[np.int32]
    groups: tuple[Group, ...]
    campaigns: tuple[Campaign, ...]
    rises: Sequence[Histories]
    falls: Sequence[Histories]
    gone: FloatArray
    post_ids: IntArray

    @classmethod
    def make(
        cls,
        metrics: Sequence[MetricName],
        born: FloatArray,
        group_of: NDArray[np.int32],
        groups: Sequence[Group],
        rises: Sequence[Histories],
        *,
        falls: Sequence[Histories] = (),
        gone: FloatArray | None = None,
    ) -> Population:
        """With the Post IDs that belong to the times of creation."""
        numbers = np.arange(len(born), dtype=np.int64)
        at = np.array([first_post_id(Timestamp(BEGIN + one)) for one in born.tolist()], dtype=np.int64)
        return cls(
            tuple(metrics),
            born,
            group_of,
            tuple(groups),
            tuple(dict.fromkeys(chain.from_iterable(groups))),
            tuple(rises),
            tuple(falls),
            np.full(len(born), np.inf) if gone is None else gone,
            at + numbers % (1 << 22),
        )

    def __len__(self) -> int:
        return len(self.born)

    def born_by(self, now: float) -> int:
        """How many Posts there are so many seconds after the beginning: those with lower numbers."""
        return int(np.searchsorted(self.born, now, side="right"))

    def numbers(self, post_ids: IntArray) -> IntArray:
        """The numbers of some Posts by their IDs."""
        return np.searchsorted(self.post_ids, post_ids)

    def counts(self, posts: IntArray, now: float) -> IntArray:
        """What the API would say. Shape (Posts, metrics); ``NOT_AVAILABLE`` where a Post is deleted."""
        ages = now - self.born[posts]
        values = np.empty((len(posts), len(self.metrics)), dtype=np.int64)
        for column, rises in enumerate(self.rises):
            values[:, column] = rises.counts(posts, ages)
            if self.falls:
                values[:, column] -= self.falls[column].counts(posts, ages)
        values[ages >= self.gone[posts]] = NOT_AVAILABLE
        return values

    def campaigns_of(self, post: int) -> tuple[Campaign, ...]:
        """The campaigns a Post is seen with."""
        return self.groups[self.group_of[post]]

    def members(self, campaign: Campaign) -> IntArray:
        """The numbers of all Posts of a campaign, ascending."""
        if campaign == ALL:
            return np.arange(len(self), dtype=np.int64)
        having = [number for number, group in enumerate(self.groups) if campaign in group]
        return np.flatnonzero(np.isin(self.group_of, having))

    def post_id(self, post: int) -> PostId:
        """The ID of a Post."""
        return PostId(int(self.post_ids[post]))

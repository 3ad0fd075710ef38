"""A living population of Posts without any state: what was counted of a Post is a closed function of time.

Promises: the same seed, Post ID, metric and second give the same count on every machine (only ``+ - * /``,
``sqrt`` and integer mixing are used, all of them exact by IEEE 754; no ``exp`` or ``log``, which differ
between processors), alone or among others. Nothing is shared with the worker, so that a fault in one cannot
hide in the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from sandbox.mixing import keys, uniforms
from sandbox.private import DRAWS, PRIVATE, private_gains, private_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    IntArray: TypeAlias = NDArray[np.int64]
    FloatArray: TypeAlias = NDArray[np.float64]
    BoolArray: TypeAlias = NDArray[np.bool_]

METRICS: Final = ("favorites", "retweets", "replies", "quote_tweets", "video_views")
"""The columns of every array of totals."""

HISTORY: Final = (*METRICS, *PRIVATE)
"""The columns of every array of history. Its ``video_views`` are those of the Post alone."""

VIDEO_VIEWS: Final = METRICS.index("video_views")

VIDEO_MAX_AGE: Final = 1800 * 86_400
"""Seconds after which the API gives no ``video_views`` on totals any more."""

_SNOWFLAKE_EPOCH_MS: Final = 1_288_834_974_657
_FIRST_SNOWFLAKE: Final = 29_700_000_000
_BEFORE_SNOWFLAKES_MS: Final = 1_246_406_400_000  # 2009-07-01: IDs without a time inside get this one

_TYPICAL: Final = 15.0  # favorites; the median of a final size is two thirds of it
_LARGEST: Final = 10_000_000.0

# Each trait of a Post has a draw of its own. New traits are added at the end: the others must keep theirs.
(
    _TEMPO,
    _FATE,
    _FATE_START,
    _FATE_END,
    _SIZE,
    _RETWEETS,
    _REPLIES,
    _QUOTES,
    _HAS_VIDEO,
    _VIDEO,
    _HAS_WAVE,
    _WAVE_START,
    _WAVE_SIZE,
    _HAS_FALL,
    _FALL_START,
    _FALL_DEPTH,
    _FALL_END,
    _VIDEO_ELSEWHERE,
    _VIDEO_OWN,
    _FIRST_PRIVATE,
) = range(20)
_FATES: Final = 4  # what tells whether a Post is there stands first, so that it can be drawn alone
_TRAITS: Final = 17  # all that totals of public metrics need
_ALL_TRAITS: Final = _FIRST_PRIVATE + DRAWS


@dataclass(frozen=True, slots=True)
class _Traits:
    """All that is drawn of some Posts. Columns of shape (Posts,); times are ages in seconds."""

    tempo: FloatArray
    sizes: FloatArray  # (metrics, Posts): what the first wave comes to
    wave_start: FloatArray
    wave_size: FloatArray  # relative to the first wave; 0 where there is no second one
    fall_start: FloatArray  # inf where there is none
    fall_end: FloatArray  # inf where it is for good
    fall_depth: FloatArray


@dataclass(frozen=True, slots=True)
class World:
    """Every Post there could be, and its counts at any time.

    ``growth_minutes`` is the age at which an ordinary Post has half of its first wave. The rest are shares of
    all Posts, from 0 to 1: those with a late second wave, a fall, a video, and those that get deleted,
    suspended for a while, or are protected from the start (a Post is at most one of these three).
    ``videos_elsewhere`` is the share of videos that other Posts show too.

    Raises:
        ValueError: ``growth_minutes`` is not above 0, or a share is not in 0 to 1, or the last three exceed
        1.
    """

    seed: int
    growth_minutes: float = 80.0
    second_waves: float = 0.10
    falls: float = 0.10
    videos: float = 0.30
    videos_elsewhere: float = 0.30
    deleted: float = 0.02
    suspended: float = 0.005
    protected: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.growth_minutes < np.inf:
            raise ValueError(f"growth_minutes is {self.growth_minutes}; it must be a number above 0")
        for name in (
            *("second_waves", "falls", "videos", "videos_elsewhere"),
            *("deleted", "suspended", "protected"),
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; a share is from 0 to 1")
        if self.deleted + self.suspended + self.protected > 1:
            raise ValueError("deleted, suspended and protected add up to more than 1")

    def counts(self, post_ids: IntArray, at: int) -> IntArray:
        """The totals as of the second ``at`` (epoch). Shape (Posts, ``METRICS``), C order, never negative.

        0 before the Post's creation, and for ``video_views`` beyond ``VIDEO_MAX_AGE``. Posts that are
        unavailable have counts all the same: they are only not told.
        """
        age = ages(post_ids, at)
        traits = self._traits(uniforms(keys(self.seed, post_ids), _TRAITS))
        counted = _gained(traits, age)
        fallen = np.flatnonzero((traits.fall_start <= age) & (age < traits.fall_end))
        if fallen.size:
            before = _gained(traits, traits.fall_start, fallen)
            counted[:, fallen] -= np.floor(before * traits.fall_depth[fallen])
        counted[VIDEO_VIEWS, age > VIDEO_MAX_AGE] = 0.0
        return np.ascontiguousarray(counted.T.astype(np.int64))

    def gained(self, post_ids: IntArray, at: int) -> IntArray:
        """What was ever gained until ``at``, before falls and limits of age. Shape (Posts, ``METRICS``).

        Never goes down as ``at`` goes up, so the gain of any period is the difference of its two ends, and
        the gains of periods that touch add up exactly.
        """
        traits = self._traits(uniforms(keys(self.seed, post_ids), _TRAITS))
        return np.ascontiguousarray(_gained(traits, ages(post_ids, at)).T.astype(np.int64))

    def history(self, post_ids: IntArray, times: Sequence[int]) -> IntArray:
        """What each Post itself gained from its creation until each of ``times``.

        Shape (times, Posts, ``HISTORY``). Never goes down; a period's gain is a difference. In
        every period ``engagements`` gains at least what its parts gain together, and ``impressions`` at least
        that. Public metrics are those of ``gained``, but ``video_views``: totals count those in other Posts
        too.
        """
        draws = uniforms(keys(self.seed, post_ids), _ALL_TRAITS)
        traits = self._traits(draws)
        age = np.stack([ages(post_ids, at) for at in times])
        public = traits.sizes.copy()
        elsewhere = draws[_VIDEO_ELSEWHERE] < self.videos_elsewhere
        public[VIDEO_VIEWS] *= np.where(elsewhere, 0.2 + 0.7 * draws[_VIDEO_OWN], 1.0)
        private = private_sizes(draws[_FIRST_PRIVATE:], public[0], has_video=public[VIDEO_VIEWS] > 0)
        grown = _grown(traits, age)[:, np.newaxis, :]
        gains = np.floor(public * grown)
        told = np.concatenate((gains, private_gains(gains, np.floor(private * grown))), axis=1)
        return np.ascontiguousarray(told.transpose(0, 2, 1).astype(np.int64))

    def unavailable(self, post_ids: IntArray, at: int) -> BoolArray:
        """Whether each Post is deleted, suspended or protected as of the second ``at``. Shape (Posts,)."""
        draws = uniforms(keys(self.seed, post_ids), _FATES)
        tempo, fate = self._tempo(draws), draws[_FATE]
        for_good = self.protected + self.deleted
        odds = draws[_FATE_START] / (1.0 - draws[_FATE_START])
        gone_from = np.where(fate < for_good + self.suspended, tempo * (5.0 * odds), np.inf)
        gone_from[fate < self.protected] = 0.0
        gone_until = np.where(fate < for_good, np.inf, gone_from + tempo * (1.0 + 9.0 * draws[_FATE_END]))
        # A protected Post is gone at any age, also before its creation: nobody was ever told of it.
        age = np.maximum(ages(post_ids, at), 0.0)
        return (gone_from <= age) & (age < gone_until)

    def _traits(self, draws: FloatArray) -> _Traits:
        tempo = self._tempo(draws)
        fall_start = np.where(
            draws[_HAS_FALL] < self.falls, tempo * (1.0 + 15.0 * draws[_FALL_START]), np.inf
        )
        # Half of the falls are for good; the others last between 0 and 10 tempos.
        for_a_while = draws[_FALL_END] < 0.5  # noqa: PLR2004 - half
        fall_end = np.where(for_a_while, fall_start + tempo * (20.0 * draws[_FALL_END]), np.inf)
        return _Traits(
            tempo=tempo,
            sizes=self._sizes(draws),
            wave_start=tempo * (3.0 + 27.0 * draws[_WAVE_START]),
            wave_size=np.where(draws[_HAS_WAVE] < self.second_waves, 0.3 + 2.7 * draws[_WAVE_SIZE] ** 2, 0.0),
            fall_start=fall_start,
            fall_end=fall_end,
            fall_depth=0.05 + 0.35 * draws[_FALL_DEPTH],
        )

    def _tempo(self, draws: FloatArray) -> FloatArray:
        """The age in seconds at which half of the first wave has come: 1/3 to 3 times the ordinary one."""
        tempo: FloatArray = self.growth_minutes * 60.0 * (0.5 + draws[_TEMPO]) / (1.5 - draws[_TEMPO])
        return tempo

    def _sizes(self, draws: FloatArray) -> FloatArray:
        """What each metric's first wave comes to. Favorites have a Pareto tail (4/3), bent at the top."""
        root = np.sqrt(draws[_SIZE])
        tail = _TYPICAL * (1.0 / (root * np.sqrt(root)) - 1.0)  # u ** -3/4, by operations that are exact
        favorites = tail / (1.0 + tail / _LARGEST)
        retweets = favorites * (0.1 + 0.4 * draws[_RETWEETS] ** 2)
        replies = retweets * (0.1 + 0.7 * draws[_REPLIES])
        quote_tweets = retweets * (0.05 + 0.3 * draws[_QUOTES])
        views = np.where(draws[_HAS_VIDEO] < self.videos, favorites * (5.0 + 45.0 * draws[_VIDEO] ** 2), 0.0)
        return np.stack((favorites, retweets, replies, quote_tweets, views))


def ages(post_ids: IntArray, at: int) -> FloatArray:
    """Seconds from each Post's creation, read from its ID, to ``at``; negative for a Post to come."""
    created_ms = (post_ids >> 22) + _SNOWFLAKE_EPOCH_MS
    created_ms[post_ids < _FIRST_SNOWFLAKE] = _BEFORE_SNOWFLAKES_MS
    return (at * 1000 - created_ms) / 1000.0


def without_video_views(post_ids: IntArray, at: int) -> BoolArray:
    """Whether each Post is too old, at the second ``at``, for the API to give its ``video_views``."""
    return ages(post_ids, at) > VIDEO_MAX_AGE


def _gained(traits: _Traits, age: FloatArray, which: IntArray | slice = slice(None)) -> FloatArray:
    """Whole counts gained up to each Post's age, of the Posts ``which``. Shape (metrics, Posts)."""
    return np.floor(traits.sizes[:, which] * _grown(traits, age[which], which))


def _grown(traits: _Traits, age: FloatArray, which: IntArray | slice = slice(None)) -> FloatArray:
    """What both waves have brought, relative to the first one's size. Shape as ``age``: (…, Posts)."""
    tempo, start = traits.tempo[which], traits.wave_start[which]
    grown: FloatArray = _share(age, tempo) + traits.wave_size[which] * _share(age - start, tempo)
    return grown


def _share(age: FloatArray, tempo: FloatArray) -> FloatArray:
    """How much of a wave has come at this age: 1 - 1 / (1 + age / tempo), and 0 before it starts."""
    since = np.maximum(age, 0.0)
    return since / (since + tempo)

"""Posts that grow as a formula says: heavy-tailed sizes, one curve, second waves, falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import Seconds
from worker.planner.curve import Curve

if TYPE_CHECKING:
    from worker.model import FloatArray, IntArray

_WAVE_SHARE: Final = 0.5
"""Of a Post's size, how much comes with its second wave."""
_FALL_SHARE: Final = 0.3
"""Of a Post's size, how much a fall takes away again."""
_LATEST: Final = 0.999
"""The share of growth after which nothing comes: the last thousandth would take months."""


@dataclass(frozen=True, slots=True)
class Growing:
    """How Posts grow.

    ``half_growth``: age in seconds at which half of it is over. ``tail``: see ``Curve``. ``waves``: the
    share of Posts that have a second wave, as large as the first, at a random age within ``within`` seconds.
    ``falls``: the share of Posts of which 30 % is taken away again, within ten minutes at a random age, as
    when bots are removed.
    """

    half_growth: float = 4800.0
    tail: float = 1.0
    waves: float = 0.0
    falls: float = 0.0
    within: float = 86_400.0

    def rises(self, sizes: FloatArray, chance: np.random.Generator) -> tuple[FloatArray, IntArray]:
        """The ages at which each Post gains one, ascending within each, and where each Post's begin."""
        counts = chance.poisson(np.minimum(sizes, 1e7))
        starts = np.concatenate([[0], np.cumsum(counts)])
        curve = Curve(Seconds(self.half_growth), self.tail)
        ages = curve.age_at(chance.random(int(starts[-1])) * _LATEST)
        posts = np.repeat(np.arange(len(sizes)), counts)
        waves = np.where(
            chance.random(len(sizes)) < self.waves, chance.uniform(0, self.within, len(sizes)), 0.0
        )
        second = (waves[posts] > 0) & (chance.random(len(ages)) < _WAVE_SHARE)
        ages[second] += waves[posts[second]]
        return ages[np.lexsort((ages, posts))], starts

    def drops(
        self, rises: FloatArray, starts: IntArray, chance: np.random.Generator
    ) -> tuple[FloatArray, IntArray]:
        """The ages at which each Post loses one, in the same shape: never more than it has by then."""
        posts = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        fall_at = np.where(
            chance.random(len(starts) - 1) < self.falls,
            chance.uniform(600.0, self.within, len(starts) - 1),
            np.inf,
        )
        lost = (
            (rises < fall_at[posts]) & np.isfinite(fall_at[posts]) & (chance.random(len(rises)) < _FALL_SHARE)
        )
        ages = fall_at[posts[lost]] + chance.uniform(0.0, 600.0, int(lost.sum()))
        counts = np.bincount(posts[lost], minlength=len(starts) - 1)
        return ages[np.lexsort((ages, posts[lost]))], np.concatenate([[0], np.cumsum(counts)])

"""Tails of distributions, for whole arrays, to the few digits that choosing needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from worker.model import FloatArray

_P: Final = 0.2316419
_B: Final = (0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429)
_PEAK: Final = 0.3989422804014327
_LEAST_NEED: Final = 1e-9


def normal_above(z: FloatArray) -> FloatArray:
    """The chance that a standard normal variable is above z, to 1e-7 (Abramowitz and Stegun 26.2.17)."""
    distance = np.abs(z)
    t = 1.0 / (1.0 + _P * distance)
    series = t * (_B[0] + t * (_B[1] + t * (_B[2] + t * (_B[3] + t * _B[4]))))
    tail = np.exp(-0.5 * distance * distance) * (_PEAK * series)
    return np.where(z >= 0, tail, 1.0 - tail)


def gain_above(need: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """The chance that a gain comes to at least ``need``; 1 where nothing is needed.

    A lognormal variable of this mean and variance, as what is shared multiplies: the growth of cascades has a
    heavier tail than a gamma distribution. ``mean`` and ``variance`` must be above 0.
    """
    spread = np.log1p(variance / (mean * mean))
    z = (np.log(np.maximum(need, _LEAST_NEED) / mean) + 0.5 * spread) / np.sqrt(spread)
    return np.where(need <= 0.0, 1.0, normal_above(z))

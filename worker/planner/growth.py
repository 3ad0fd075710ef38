"""What the counts of measured Posts have come to by now: a mean, and how far it may be off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from worker.model import FloatArray
    from worker.planner.curve import Curve

_PRIOR_COUNT: Final = 0.3
_PRIOR_GROWN: Final = 0.02
"""A Post begins as if it had grown by 0.3 in the first 2 % of its growth: what is hardly measured is hardly known."""

_KEPT: Final = 0.5
"""The weight of what was before the earlier measurement: forgetting is what catches second waves."""

_LEAST: Final = 1e-9


class Measured(NamedTuple):
    """What was measured of some Posts. Ages in seconds, shape (n,); values of shape (n, metrics), ``nan`` if none.

    ``earlier_age`` is 0 where there is one measurement only; then ``earlier`` is 0 too.
    """

    age: FloatArray
    values: FloatArray
    earlier_age: FloatArray
    earlier: FloatArray


class Forecast(NamedTuple):
    """How much was gained since the measurement; shape (n, metrics). The mean is above 0."""

    mean: FloatArray
    variance: FloatArray


def forecast(measured: Measured, ages: FloatArray, curve: Curve, dispersion: float) -> Forecast:
    """The growth of counts from their measurement to now.

    The size s of a Post, all that its count will come to, has a gamma distribution with shape A and rate B:
    A = a0 + k * (earlier count) + (gain since), B = b0 + k * F(earlier age) + F(age) - F(earlier age).
    Growth to the age now has the mean (A / B) * dF, and the variance mean + (A / B^2) * dF^2 + dispersion * mean^2,
    with dF = F(age now) - F(age).

    Args:
        measured: what is known.
        ages: of the Posts now.
        curve: F.
        dispersion: how much more growth varies than the curve says: the square of its relative error.
    """
    before, at = curve.grown(measured.earlier_age), curve.grown(measured.age)
    to_come = np.maximum(curve.grown(ages) - at, _LEAST)[:, np.newaxis]
    gained = np.maximum(measured.values - measured.earlier, 0.0)
    shape = _PRIOR_COUNT + _KEPT * measured.earlier + gained
    rate = (_PRIOR_GROWN + _KEPT * before + (at - before))[:, np.newaxis]
    mean = shape / rate * to_come
    return Forecast(mean, mean * (1.0 + to_come / rate + dispersion * mean))

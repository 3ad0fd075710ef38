"""What the values of measured Posts have come to by now: a mean, and how far it may be off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from worker.board_metrics import board_metric
from worker.catalogue import Endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.model import FloatArray, MetricName, Seconds
    from worker.planner.curve import Curve

PRIOR_COUNT: Final = 0.3
PRIOR_GROWN: Final = 0.02
"""A Post begins as if it had come to 0.3 in the first 2 % of its growth: what was hardly measured is hardly
known."""

_KEPT: Final = 0.5
"""The weight of what was before the earlier measurement: forgetting is what catches second waves."""

_LEAST_GROWN: Final = 1e-9
_LEAST_GAIN: Final = 1e-9
_LEAST_VARIANCE: Final = 1e-12
_LEAST_VALUE: Final = 1e-6
_28_HOURS: Final = 28 * 3600.0


class Measured(NamedTuple):
    """What was measured of some Posts. Ages in seconds, shape (n,); values (n, metrics), ``nan`` if none.

    ``earlier_age`` is 0 where there is one measurement only; then ``earlier`` is 0 too.
    """

    age: FloatArray
    values: FloatArray
    earlier_age: FloatArray
    earlier: FloatArray


class Forecast(NamedTuple):
    """How values have changed since the measurement; shape (n, metrics). The mean of counts is above 0."""

    mean: FloatArray
    variance: FloatArray


class Growth:
    """Forecasts of each board metric by its kind: what a count gains, how far other values may have moved.

    ``counted`` are the columns of counts, which only grow, but for the few that fall; ``moving`` all others.
    """

    def __init__(self, metrics: Sequence[MetricName], window: Seconds) -> None:
        made = [board_metric(metric) for metric in metrics]
        recent = [metric.endpoint is Endpoint.LAST_28H for metric in made]
        counts = [metric.grows for metric in made]
        self._window = window
        self.counted: NDArray[np.intp] = np.flatnonzero(counts)
        self.moving: NDArray[np.intp] = np.flatnonzero(np.logical_not(counts))
        self.least: FloatArray = np.where(counts, 1.0, _LEAST_VALUE)
        """What an error is at least a share of, by column: half a like too much is no error of 50 %."""
        self._hourly = np.flatnonzero([metric.kind == "per_hour" for metric in made])
        self._recent = np.flatnonzero(recent)
        self._rates = np.flatnonzero(
            [metric.kind == "rate" and not late for metric, late in zip(made, recent, strict=True)]
        )

    def forecast(self, measured: Measured, ages: FloatArray, curve: Curve, dispersion: float) -> Forecast:
        """How values have changed from their measurement to now.

        Args:
            measured: what is known.
            ages: of the Posts now.
            curve: F.
            dispersion: how much more growth varies than the curve says: the square of its relative error.
        """
        if not len(self.moving):
            return gain(measured, ages, curve, dispersion)
        change = Forecast(np.zeros_like(measured.values), np.full_like(measured.values, _LEAST_VARIANCE))
        if len(self.counted):
            counted = measured._replace(
                values=measured.values[:, self.counted], earlier=measured.earlier[:, self.counted]
            )
            change.mean[:, self.counted], change.variance[:, self.counted] = gain(
                counted, ages, curve, dispersion
            )
        self._hours(change, measured, ages, curve)
        apart = (ages - measured.age)[:, np.newaxis]
        grown = curve.grown(ages)[:, np.newaxis]
        of_growth = 1.0 - curve.grown(measured.age)[:, np.newaxis] / np.maximum(grown, _LEAST_GROWN)
        for columns, new in (
            (self._recent, 1.0 - np.exp(-apart / _28_HOURS)),
            (self._rates, of_growth),
        ):
            # The new share of it may be anything from nothing to twice of what it was.
            value = np.abs(measured.values[:, columns])
            change.variance[:, columns] += (value * new) ** 2 + value * new * (columns is self._recent)
        return change

    def _hours(self, change: Forecast, measured: Measured, ages: FloatArray, curve: Curve) -> None:
        """Growth per hour falls as the curve does; a share of it is of hours that are not over yet."""
        if not len(self._hourly):
            return
        window = self._window
        past = curve.grown(measured.age) - curve.grown(measured.age - window)
        now = curve.grown(ages) - curve.grown(ages - window)
        # A count that falls has a growth below 0; a variance has not.
        values = measured.values[:, self._hourly]
        moved = np.abs(values)
        expected = values * (now / np.maximum(past, _LEAST_GROWN))[:, np.newaxis]
        new = (1.0 - np.exp(-(ages - measured.age) / window))[:, np.newaxis]
        change.mean[:, self._hourly] = expected - values
        change.variance[:, self._hourly] += (moved * new) ** 2 + moved * new


def gain(measured: Measured, ages: FloatArray, curve: Curve, dispersion: float) -> Forecast:
    """What counts have gained from their measurement to now.

    The size s of a Post, all that its count will come to, has a gamma distribution with shape A and rate B:
    A = a0 + k * (earlier count) + (gain since), B = b0 + k * F(earlier age) + F(age) - F(earlier age).
    The gain up to the age now has the mean (A / B) * dF, with dF = F(age now) - F(age), and the variance
    mean + (A / B^2) * dF^2 + dispersion * mean^2.
    """
    before, at = curve.grown(measured.earlier_age), curve.grown(measured.age)
    to_come = np.maximum(curve.grown(ages) - at, _LEAST_GROWN)[:, np.newaxis]
    shape = PRIOR_COUNT + _KEPT * measured.earlier + np.maximum(measured.values - measured.earlier, 0.0)
    rate = (PRIOR_GROWN + _KEPT * before + (at - before))[:, np.newaxis]
    mean = np.maximum(shape / rate * to_come, _LEAST_GAIN)
    return Forecast(mean, mean * (1.0 + to_come / rate + dispersion * mean))

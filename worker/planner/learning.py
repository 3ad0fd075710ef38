"""How fast Posts grow, learned from each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import Seconds
from worker.planner.curve import Curve
from worker.planner.growth import gain

if TYPE_CHECKING:
    from worker.model import FloatArray
    from worker.planner.growth import Measured

_FACTORS: Final = tuple(2.0**step for step in range(-3, 4))
"""Of the half of the settings."""
_MEMORY: Final = 10_000.0
"""Growths, after which older ones count less: habits of campaigns change within days."""
_OUTLIER: Final = 9.0
"""The most that one growth may speak against a curve, as a squared error in standard deviations."""
_PRIOR: Final = 10.0
"""How much likelier, in log likelihood, the half of the settings is than one a factor of 2 off."""
_BETTER: Final = 5.0
"""In log likelihood: so much better must another curve be to be taken."""
_LONGER: Final = 0.25
"""In log likelihood, of each growth: by how much a half twice as long as that of the settings must be better.
One that is too long costs recall; one that is too short costs next to nothing."""
_LEAST_GAIN: Final = 1.0
"""Growth that is expected to be less tells nothing."""


class CurveLearner:
    """Weighs curves by how well each would have forecast the gains that were measured.

    A quasi-likelihood (Wedderburn 1974): a gain has the mean and the variance of ``gain``, whatever its
    distribution. The tail of the curve, and how much growth varies around it, are as given: see decision 19.
    """

    def __init__(self, half: Seconds, tail: float, dispersion: float) -> None:
        self.dispersion = dispersion
        self._curves = [Curve(Seconds(half * factor), tail) for factor in _FACTORS]
        self._chosen = len(_FACTORS) // 2
        self._said = np.zeros(len(_FACTORS))
        doublings = np.log2(np.array(_FACTORS))
        self._prior = -_PRIOR * np.abs(doublings)
        self._price = _LONGER * np.maximum(doublings, 0.0)
        self._heard = 0.0

    @property
    def curve(self) -> Curve:
        """What to forecast by: the likeliest curve by now, if it pays."""
        return self._curves[self._chosen]

    @property
    def likeliest(self) -> Curve:
        """The likeliest curve by now, whatever it costs to be wrong."""
        return self._curves[int((self._said + self._prior).argmax())]

    def learn(self, before: Measured, ages: FloatArray, values: FloatArray) -> None:
        """Counts as they were ``before``, and what they came to at these ages; shape (n, counts)."""
        forecasts = [gain(before, ages, curve, self.dispersion) for curve in self._curves]
        gained = np.maximum(values - before.values, 0.0)
        # By any one of the curves: else each would be judged by other Posts.
        tells = ~np.isnan(gained) & (forecasts[self._chosen].mean >= _LEAST_GAIN)
        told = np.maximum(tells.sum(axis=1, keepdims=True), 1)
        weights = (tells / told)[tells]
        for number, forecast in enumerate(forecasts):
            mean = forecast.mean[tells]
            spread = np.log1p(forecast.variance[tells] / (mean * mean))
            off = np.log((gained[tells] + 0.5) / (mean + 0.5)) + 0.5 * spread
            against = np.minimum(off * off / spread, _OUTLIER) + np.log(spread)
            self._said[number] -= 0.5 * float((weights * against).sum())
        self._heard += float(weights.sum())
        if self._heard > _MEMORY:
            self._said *= _MEMORY / self._heard
            self._heard = _MEMORY
        score = self._said + self._prior - self._price * self._heard
        best = int(score.argmax())
        if score[best] - score[self._chosen] > _BETTER:
            self._chosen = best

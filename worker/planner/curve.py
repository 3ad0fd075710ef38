"""How the count of a Post grows with its age: one curve for all, scaled by the size of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from worker.model import FloatArray, Seconds


@dataclass(frozen=True, slots=True)
class Curve:
    """The share of all growth that is over at age a: F(a) = 1 - (1 + a / scale) ** -tail.

    ``half``: the age in seconds at which half of it is over. ``tail``: how fast the rest comes; the chance of
    growth after age a falls as a ** -tail. Power laws of this kind with tails near 1 fit retweets (SEISMIC:
    Zhao et al., KDD 2015).
    """

    half: Seconds
    tail: float = 1.0

    @property
    def scale(self) -> float:
        """Seconds; see the formula above."""
        return float(self.half / (2.0 ** (1.0 / self.tail) - 1.0))

    def grown(self, ages: FloatArray) -> FloatArray:
        """F at these ages in seconds, 0 for those below 0."""
        left: FloatArray = 1.0 + np.maximum(ages, 0.0) / self.scale
        return 1.0 - (1.0 / left if self.tail == 1.0 else left**-self.tail)

    def age_at(self, grown: FloatArray) -> FloatArray:
        """The ages at which this share of growth is over; infinite from 1 on."""
        left = np.maximum(1.0 - grown, 0.0)
        with np.errstate(divide="ignore"):
            age: FloatArray = self.scale * (
                (1.0 / left if self.tail == 1.0 else left ** (-1.0 / self.tail)) - 1.0
            )
        return age

"""The straight line through samples, with how sure its slope is. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_FEWEST: Final = 4
_SURE: Final = 2.0
"""Standard errors that a slope must be beyond a bound to count: one run in forty does so by chance."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A change a unit of time. ``error``: its standard error; infinite where there is too little to tell."""

    value: float
    error: float

    def is_above(self, bound: float) -> bool:
        """Whether it is, beyond what chance makes."""
        return self.value - _SURE * self.error > bound

    def is_below(self, bound: float) -> bool:
        """Whether it is not above it, beyond what chance makes. Too short a run shows neither."""
        return self.value + _SURE * self.error <= bound


def rise(values: Sequence[float]) -> float:
    """How much the median of the last third is above that of the first: what comes and goes is not seen."""
    third = len(values) // 3
    return median(values[-third:]) - median(values[:third]) if third else 0.0


def slope(times: Sequence[float], values: Sequence[float]) -> Slope:
    """The slope by least squares.

    What a process takes now it takes a moment later too: neighbours are alike, and count for fewer samples
    than there are. So the error is widened by how alike the residuals of neighbours are.
    """
    count = len(times)
    if count < _FEWEST:
        return Slope(0.0, math.inf)
    middle, mean = fmean(times), fmean(values)
    spread = sum((at - middle) ** 2 for at in times)
    if not spread:
        return Slope(0.0, math.inf)
    found = sum((at - middle) * (one - mean) for at, one in zip(times, values, strict=True)) / spread
    rest = [one - mean - found * (at - middle) for at, one in zip(times, values, strict=True)]
    squares = sum(one * one for one in rest)
    if not squares:
        return Slope(found, 0.0)
    alike = sum(one * after for one, after in pairwise(rest)) / squares
    effective = max(_FEWEST, count * (1 - max(alike, 0.0)) / (1 + max(alike, 0.0)))
    return Slope(found, math.sqrt(squares / (effective - 2) / (spread * effective / count)))

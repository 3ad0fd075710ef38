"""Whose Posts grow larger than others of their campaigns, and whose do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import FloatArray

_SLOTS: Final = 1 << 16
"""Authors share a slot where there are more: what is said of one is then a mean, and never wrong by much."""
_UNSURE: Final = 3.0
"""First answers that an author counts as if there had been, of Posts no larger than others: of how far sizes
differ, in logarithms, about a quarter is the author's."""
_MEMORY: Final = 30.0
"""First answers of an author, after which older ones count less: habits change."""
_MOST: Final = 6.0
"""Doublings that an author may be worth."""


class Authors:
    """By author, in doublings, how much larger Posts are. 0 stands for an unknown author."""

    def __init__(self) -> None:
        self._weight = np.zeros(_SLOTS)
        self._sum = np.zeros(_SLOTS)

    def learn(self, authors: NDArray[np.int32], larger: FloatArray, weights: FloatArray) -> None:
        """First answers: by how many doublings each Post is larger than those of its campaigns are."""
        known = (authors != 0) & np.isfinite(larger)
        slots = authors[known] % _SLOTS
        np.add.at(self._weight, slots, weights[known])
        np.add.at(self._sum, slots, weights[known] * larger[known])
        kept = np.minimum(1.0, _MEMORY / np.maximum(self._weight[slots], 1.0))
        # An author may stand here twice: the same is written for both.
        self._sum[slots], self._weight[slots] = self._sum[slots] * kept, self._weight[slots] * kept

    def larger(self, authors: NDArray[np.int32]) -> FloatArray:
        """By how many doublings Posts of these authors are probably larger."""
        slots = authors % _SLOTS
        expected = self._sum[slots] / (self._weight[slots] + _UNSURE)
        found: FloatArray = np.where(authors != 0, np.clip(expected, -_MOST, _MOST), 0.0)
        return found

"""What a Post that was never asked for may have come to: what first answers in its campaigns said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import FloatArray

_BINS: Final = 64
"""Of sizes: below 1, and then a bin each doubling, which is enough for any count."""
_SHARED: Final = 20.0
"""First answers that a campaign counts as if it had seen them, as all campaigns together have."""
_MEMORY: Final = 20_000.0
"""First answers of a board, after which older ones count less."""
_UNKNOWN: Final = 1e-12


class Newcomers:
    """Sizes of Posts by board: how many first answers said so, those of older Posts with more weight."""

    def __init__(self, metrics: int) -> None:
        # Without any answer yet a size is as likely as twice that: nothing is ruled out.
        self._all = np.full((metrics, _BINS), 1.0) * 2.0 ** -np.arange(_BINS)
        self._all /= self._all.sum(axis=1, keepdims=True)
        self._own: NDArray[np.float64] = np.zeros((0, metrics, _BINS))
        self._above: FloatArray | None = None

    def reset(self, campaign: int) -> None:
        """The number stands for another campaign now."""
        if campaign < len(self._own):
            self._own[campaign] = 0.0
            self._above = None

    def learn(self, campaigns: NDArray[np.intp], sizes: FloatArray, weights: FloatArray) -> None:
        """First answers: the campaign of each, sizes of shape (n, metrics), ``nan`` where there is none."""
        self._reach(int(campaigns.max(initial=-1)) + 1)
        for metric in range(sizes.shape[1]):
            known = ~np.isnan(sizes[:, metric])
            bins = _bins(sizes[known, metric]).astype(np.intp)
            np.add.at(self._own[:, metric], (campaigns[known], bins), weights[known])
            np.add.at(self._all[metric], bins, weights[known])
        for seen in (self._own, self._all):
            total = seen.sum(axis=-1, keepdims=True)
            np.multiply(seen, np.minimum(1.0, _MEMORY / np.maximum(total, 1.0)), out=seen)
        self._above = None

    def typical(self, campaigns: NDArray[np.intp]) -> FloatArray:
        """The logarithm, to base 2, of what first answers in these campaigns said of sizes; (n, metrics)."""
        there, places = np.unique(campaigns, return_inverse=True)
        self._reach(int(there.max(initial=-1)) + 1)
        seen = self._own[there] + self._all / self._all.sum(axis=1, keepdims=True) * _SHARED
        typical: FloatArray = ((seen @ (np.arange(_BINS) - 0.5)) / seen.sum(axis=-1))[places]
        return typical

    def above(self, campaigns: NDArray[np.intp], bars: FloatArray, grown: FloatArray) -> FloatArray:
        """The chance that the count is above the bar by now.

        Args:
            campaigns: shape (n,).
            bars: shape (n, metrics).
            grown: the share of growth that is over, shape (n,), above 0.

        Returns:
            Shape (n, metrics).
        """
        self._reach(int(campaigns.max(initial=-1)) + 1)
        if self._above is None:
            shared = self._all / self._all.sum(axis=1, keepdims=True) * _SHARED
            seen = self._own + shared
            from_above = seen[..., ::-1].cumsum(axis=-1)[..., ::-1]
            self._above = np.log(from_above / from_above[..., :1] + _UNKNOWN)
        at = np.minimum(_bins(np.maximum(bars, 0.0) / grown[:, np.newaxis]), _BINS - 1.001)
        low = at.astype(np.intp)
        metrics = np.arange(bars.shape[1])[np.newaxis, :]
        below, over = (
            self._above[campaigns[:, np.newaxis], metrics, low],
            self._above[campaigns[:, np.newaxis], metrics, low + 1],
        )
        chance: FloatArray = np.exp(below + (at - low) * (over - below))
        return chance

    def _reach(self, campaigns: int) -> None:
        if campaigns > len(self._own):
            more = np.zeros((campaigns - len(self._own), *self._own.shape[1:]))
            self._own = np.concatenate([self._own, more])
            self._above = None


def _bins(sizes: FloatArray) -> FloatArray:
    """Where sizes stand among the bins, with a fraction."""
    where: FloatArray = np.log2(np.maximum(sizes, 0.5)) + 1.0
    return where

"""The world that a simulation runs in: who appears when, in which campaign, and how each grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.simulate.cascades import Sizes, thinned
from worker.simulate.population import Histories, Population
from worker.simulate.synthetic import Growing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import FloatArray, MetricName
    from worker.simulate.arrivals import Arrivals

_USUAL_RATIO: Final = 0.5
"""Each metric after the first is half as large as the one before, on average."""
_SPREAD: Final = 0.5
"""Metrics of a Post go together, but not quite: the standard deviation of the logarithm of their ratio."""


@dataclass(frozen=True, slots=True)
class Attack:
    """``posts`` of nobody's interest, in the largest campaign, from ``at`` on within ``within`` seconds."""

    posts: int
    at: float = 6 * 3600.0
    within: float = 600.0


@dataclass(frozen=True, slots=True)
class World:
    """All that makes a population. ``cascades``: real ones to draw from; else growth is synthetic."""

    arrivals: Arrivals
    metrics: tuple[MetricName, ...]
    sizes: Sizes = field(default_factory=Sizes)
    growing: Growing = field(default_factory=Growing)
    cascades: Sequence[FloatArray] = ()
    attack: Attack | None = None

    def populate(self, seed: int, begins: float, ends: float) -> Population:
        """The Posts that appear between two times, in seconds; the same for the same seed."""
        chance = np.random.default_rng(seed)
        arrivals = self.arrivals
        born = arrivals.times(chance, begins, ends)
        group_of = arrivals.assign(chance, len(born))
        sizes = self.sizes.draw(chance, len(born))
        if self.attack is not None:
            dead = np.sort(self.attack.at + chance.uniform(0.0, self.attack.within, self.attack.posts))
            order = np.argsort(np.concatenate([born, dead]), kind="stable")
            born = np.concatenate([born, dead])[order]
            group_of = np.concatenate([group_of, np.zeros(len(dead), dtype=np.int32)])[order]
            sizes = np.concatenate([sizes, np.zeros(len(dead))])[order]
        rises, falls = self._grow(sizes, chance)
        return Population.make(self.metrics, born, group_of, arrivals.groups(), rises, falls=falls)

    def _grow(
        self, sizes: FloatArray, chance: np.random.Generator
    ) -> tuple[list[Histories], list[Histories]]:
        """Rises and falls by metric."""
        picks = chance.integers(0, len(self.cascades), len(sizes)).tolist() if self.cascades else []
        rises, falls = [], []
        for number in range(len(self.metrics)):
            # One metric is as large as is said; more of them stand in ratios that are each Post's own.
            ratio = _USUAL_RATIO**number * np.exp(_SPREAD * chance.standard_normal(len(sizes)) * (number > 0))
            if self.cascades:
                rises.append(Histories.of(thinned(self.cascades, sizes * ratio, picks, chance)))
                continue
            ages, starts = self.growing.rises(sizes * ratio, chance)
            rises.append(Histories(ages, starts))
            if self.growing.falls:
                falls.append(Histories(*self.growing.drops(ages, starts, chance)))
        return rises, falls

"""When Posts appear, and in which campaign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.model import Campaign

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import FloatArray

DAY: Final = 86_400.0
_PEAK: Final = 19.0
"""Hour of the day at which most Posts appear."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """``live_posts`` in a window of ``window`` seconds, over ``campaigns`` of Zipf sizes.

    ``zipf``: campaign number k is 1 / k ** zipf as large as the first. ``swing``: how far the rate of arrival
    is above its mean at the peak of the day, and below it twelve hours later; 0 to 1. ``largest``: the share
    of all Posts that the first campaign has, whatever the others would leave it. ``shares``: those of each
    campaign, instead of all that; who is left is in none.
    """

    live_posts: int
    window: float
    campaigns: int
    zipf: float = 1.0
    swing: float = 0.5
    largest: float | None = None
    shares: tuple[float, ...] | None = None

    def names(self) -> tuple[Campaign, ...]:
        """The campaigns, largest first."""
        return tuple(Campaign(f"campaign-{number:03}") for number in range(1, self.campaigns + 1))

    def times(self, chance: np.random.Generator, begins: float, ends: float) -> FloatArray:
        """When Posts are created, ascending, in seconds from the beginning, which is at midnight."""
        rate = self.live_posts / self.window
        most = chance.poisson(rate * (1.0 + self.swing) * (ends - begins))
        times = np.sort(chance.uniform(begins, ends, most))
        keep = chance.random(most) * (1.0 + self.swing) < 1.0 + self.swing * np.cos(
            2.0 * np.pi * (times / DAY - _PEAK / 24.0)
        )
        return times[keep]

    def assign(self, chance: np.random.Generator, count: int) -> NDArray[np.int32]:
        """The number of the campaign of each of so many Posts; -1 of those in none."""
        if self.shares is not None:
            ends = np.cumsum(self.shares)
            picks = np.searchsorted(ends, chance.random(count), side="right")
            return np.where(picks < self.campaigns, picks, -1).astype(np.int32)
        shares = 1.0 / np.arange(1, self.campaigns + 1) ** self.zipf
        shares /= shares.sum()
        if self.largest is not None and self.campaigns > 1:
            shares[1:] *= (1.0 - self.largest) / shares[1:].sum()
            shares[0] = self.largest
        return chance.choice(self.campaigns, count, p=shares).astype(np.int32)

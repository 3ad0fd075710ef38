"""When Posts appear, and in which campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from worker.model import Campaign

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import FloatArray

DAY: Final = 86_400.0
_HOUR: Final = 3600.0
_PEAK: Final = 19.0
"""Hour of the day at which most Posts appear."""


Group: TypeAlias = "tuple[Campaign, ...]"
"""The campaigns that a Post is seen with, apart from ``all``: often one, at times none or several."""


class GroupShare(NamedTuple):
    """The Posts that have the same campaigns, and how much of all they are; all of these come to 1."""

    group: Group
    share: float


@dataclass(frozen=True, slots=True)
class Arrivals:
    """``live_posts`` in a window of ``window`` seconds, over ``campaigns`` of Zipf sizes, or as was measured.

    ``zipf``: campaign number k is 1 / k ** zipf as large as the first. ``swing``: how far the rate of arrival
    is above its mean at the peak of the day, and below it twelve hours later; 0 to 1. ``largest``: the share
    of all Posts that the first campaign has, whatever the others would leave it.

    ``by_hour``: the rate in each of the 24 hours of the day, next to its mean; then ``swing`` is not looked
    at. ``shares``: who appears; then nothing is of Zipf sizes, and ``campaigns`` is how many are named there.
    """

    live_posts: int
    window: float
    campaigns: int
    zipf: float = 1.0
    swing: float = 0.5
    largest: float | None = None
    by_hour: tuple[float, ...] = ()
    shares: tuple[GroupShare, ...] = ()

    def groups(self) -> tuple[Group, ...]:
        """What campaigns Posts can have together; of Zipf sizes one each, the largest first."""
        if self.shares:
            return tuple(group for group, _ in self.shares)
        return tuple((Campaign(f"campaign-{number:03}"),) for number in range(1, self.campaigns + 1))

    def campaign_shares(self) -> list[float]:
        """The share of all Posts that each campaign has."""
        shares: dict[Campaign, float] = {}
        for group, share in zip(self.groups(), self._shares(), strict=True):
            for campaign in group:
                shares[campaign] = shares.get(campaign, 0.0) + float(share)
        return list(shares.values())

    def times(self, chance: np.random.Generator, begins: float, ends: float) -> FloatArray:
        """When Posts are created, ascending, in seconds from the beginning, which is at midnight."""
        rate = self.live_posts / self.window
        highest = max(self.by_hour, default=1.0 + self.swing)
        most = chance.poisson(rate * highest * (ends - begins))
        times = np.sort(chance.uniform(begins, ends, most))
        keep = chance.random(most) * highest < self._relative(times)
        return times[keep]

    def assign(self, chance: np.random.Generator, count: int) -> NDArray[np.int32]:
        """The number of the group of each of so many Posts."""
        shares = self._shares()
        return chance.choice(len(shares), count, p=shares).astype(np.int32)

    def _relative(self, times: FloatArray) -> FloatArray:
        """The rate of arrival at some times, next to its mean."""
        if self.by_hour:
            by_hour: FloatArray = np.array(self.by_hour)
            return by_hour[(times // _HOUR).astype(np.int64) % 24]
        return 1.0 + self.swing * np.cos(2.0 * np.pi * (times / DAY - _PEAK / 24.0))

    def _shares(self) -> FloatArray:
        if self.shares:
            return np.array([share for _, share in self.shares], dtype=np.float64)
        shares: FloatArray = np.arange(1.0, self.campaigns + 1) ** -self.zipf
        shares /= shares.sum()
        if self.largest is not None and self.campaigns > 1:
            shares[1:] *= (1.0 - self.largest) / shares[1:].sum()
            shares[0] = self.largest
        return shares

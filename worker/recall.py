"""How right boards are: what an audit has found, summed over workers and boards, and what may be said of it.

The method is in docs/planner.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from worker.model import Missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LOW: Final = 0.025
_HIGH: Final = 0.975
_DIGITS: Final = 3
_OFF: Final = 0.4
"""For what chance does not make: forecasts that are off where nobody was drawn, and boards that change
between two audits. A standard error of so much of what is missing."""
_UNHEARD_OF: Final = 0.001
"""Of all places, those that may be missing besides: Posts of some minutes that no forecast thinks much of."""
_WIDEST: Final = 0.05
"""An interval of all boards that is wider says too little to be said."""
_WIDEST_OF_ONE: Final = 0.2
"""The same of one campaign: of ten places two."""
_MANY: Final = 100.0
"""Posts from which on a normal distribution will do."""
_MOST: Final = 10_000
_LEAST: Final = 1e-6
_MOST_UNKNOWN: Final = 0.1
"""Of all places, those on boards without an audit: of more the rest does not speak."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Right Posts among those that boards should show: the share that is expected, and what it may be now.

    It is between ``low`` and ``high`` 19 times of 20. With few places it can be few things: of ten places 0.9
    or 1, where 0.98 is expected.
    """

    value: float
    low: float
    high: float

    @property
    def rounded(self) -> tuple[float, float, float]:
        """As it is told: ``value``, ``low`` and ``high`` to three digits, of which the last says little."""
        value, low, high = (round(one, _DIGITS) for one in (self.value, self.low, self.high))
        return value, low, high


@dataclass(frozen=True, slots=True)
class Audited:
    """The full boards of a campaign: how many ``places`` they have, and what they lack, if that is known."""

    places: int
    missing: Missing | None

    @property
    def recall(self) -> Recall | None:
        """``None``: not enough data."""
        return recall_of(self.places, self.missing, _WIDEST_OF_ONE)


def sum_of(missing: Sequence[Missing | None]) -> Missing | None:
    """What all of them lack; ``None`` where that is not known of one."""
    known = [one for one in missing if one is not None]
    if len(known) < len(missing):
        return None
    posts = sum(one.posts for one in known)
    together = sum(one.posts * one.together for one in known) / posts if posts > 0 else 1.0
    return Missing(posts, sum(one.unsure for one in known), max(together, 1.0))


def overall(audits: Iterable[Audited]) -> Recall | None:
    """Of all boards together. New boards without an audit are left out, as long as they are few."""
    audits = list(audits)
    known = [audit for audit in audits if audit.missing is not None]
    places = sum(audit.places for audit in known)
    if places < (1 - _MOST_UNKNOWN) * sum(audit.places for audit in audits):
        return None
    return recall_of(places, sum_of([audit.missing for audit in known]), _WIDEST)


def recall_of(places: float, missing: Missing | None, widest: float) -> Recall | None:
    """What may be said of boards with so many places; ``None``: not enough data.

    How many places are lacked at a moment has a negative binomial distribution: a Poisson distribution of
    Posts, each with its places, around an expected number that has a gamma distribution itself.
    """
    if missing is None or places <= 0:
        return None
    posts = missing.posts / missing.together
    unsure = math.hypot(missing.unsure, _OFF * missing.posts) / missing.together
    most = _quantile(posts + _UNHEARD_OF * places / missing.together, unsure, _HIGH) * missing.together
    fewest = _quantile(posts, unsure, _LOW) * missing.together
    value = 1 - missing.posts / places
    recall = Recall(
        *(
            min(max(one, 0.0), 1.0)
            for one in (value, min(1 - most / places, value), max(1 - fewest / places, value))
        )
    )
    return recall if recall.high - recall.low <= widest else None


def _quantile(mean: float, unsure: float, chance: float) -> float:
    """The least number that Posts stay below, or come to, with this chance."""
    variance = mean + unsure * unsure
    if mean > _MANY:
        return max(mean + NormalDist().inv_cdf(chance) * math.sqrt(variance), 0.0)
    if mean < _LEAST:
        return 0.0
    # Where nothing is unsure, Poisson's distribution is the limit.
    shape = 1 / min(max((unsure / mean) ** 2, _LEAST), 1 / _LEAST)
    likely = (1 + mean / shape) ** -shape
    below, number = likely, 0
    while below < chance and number < _MOST:
        likely *= (shape + number) / (number + 1) * mean / (shape + mean)
        number += 1
        below += likely
    return float(number)

"""How right boards are: what an audit has found, summed over workers and boards, and what may be said of it.

The method is in docs/planner.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.model import Missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SURE: Final = 1.96
_DIGITS: Final = 3
_ALLOWED: Final = 0.005
_OFF: Final = 0.5
"""For what chance does not make: forecasts that are off where nobody was drawn, and boards that are wrong
between two audits. So much of the recall at least, and so much of what is missing."""
_WIDEST: Final = 0.05
"""An interval that is wider says too little to be said."""
_MOST_UNKNOWN: Final = 0.1
"""Of all places, those on boards without an audit: of more the rest does not speak."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Right Posts among those that boards should show, between ``low`` and ``high`` 19 times of 20."""

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
        return recall_of(self.places, self.missing)


def sum_of(missing: Sequence[Missing | None]) -> Missing | None:
    """What all of them lack; ``None`` where that is not known of one."""
    known = [one for one in missing if one is not None]
    if len(known) < len(missing):
        return None
    return Missing(sum(one.posts for one in known), sum(one.unsure for one in known))


def overall(audits: Iterable[Audited]) -> Recall | None:
    """Of all boards together. New boards without an audit are left out, as long as they are few."""
    audits = list(audits)
    known = [audit for audit in audits if audit.missing is not None]
    places = sum(audit.places for audit in known)
    if places < (1 - _MOST_UNKNOWN) * sum(audit.places for audit in audits):
        return None
    return recall_of(places, sum_of([audit.missing for audit in known]))


def recall_of(places: float, missing: Missing | None) -> Recall | None:
    """What may be said of boards with so many places; ``None``: not enough data."""
    if missing is None or places <= 0:
        return None
    share, unsure = missing.posts / places, missing.unsure / places
    within = _SURE * unsure + max(_ALLOWED, _OFF * share)
    if not math.isfinite(within) or within > _WIDEST / 2:
        return None
    return Recall(*(min(max(one, 0.0), 1.0) for one in (1 - share, 1 - share - within, 1 - share + within)))

"""Why a Post was asked for, and what is expected of it: for whoever wonders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import Campaign, MetricName, Timestamp

_LOW_AND_HIGH: Final = 1.645
"""Standard deviations between which nine of ten values are."""


class Reason(IntEnum):
    """Why a Post had a seat in its last request."""

    NOT_ASKED = 0
    """It had none since this worker tracks it."""
    WORTH = 1
    """Its answer was worth more to boards than that of those left out."""
    WAITED = 2
    """It had not been asked for the longest."""
    DRAWN = 5
    """It was drawn at random, to find out how right boards are."""
    DUE = 3
    """It was due, and there was room for all that were."""
    FREE_SEAT = 4
    """It was not due yet, but a request left with seats to spare."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was measured last, what it has probably come to, and between what it is nine times of ten."""

    value: float
    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Stake:
    """A board that a Post competes on.

    ``known`` is ``None`` while nothing was measured. ``bar``: what it must have to belong on the board, by
    the forecasts of all; ``shown_bar``: the last value shown; both ``None`` while there are free places.
    ``chance``: that it belongs there by now.
    """

    campaign: Campaign
    metric: MetricName
    known: Known | None
    bar: float | None
    shown_bar: float | None
    chance: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """``worth`` is that of asking now; ``last_seat`` what the last seat of the newest full request was worth.

    Both count in places on boards times seconds. ``asked_worth``: what it was worth when it was asked.
    """

    reason: Reason
    asked_at: Timestamp | None
    asked_worth: float | None
    worth: float
    last_seat: float
    half_growth: float
    stakes: Sequence[Stake]


def known_of(value: float, mean: float, variance: float, *, grows: bool) -> Known | None:
    """What a value has come to, after a change of this mean and variance; ``None`` if not available."""
    if math.isnan(value):
        return None
    if not grows:
        spread = _LOW_AND_HIGH * math.sqrt(variance)
        return Known(value, value + mean, value + mean - spread, value + mean + spread)
    spread = math.log1p(variance / (mean * mean))
    middle, width = math.log(mean) - spread / 2, _LOW_AND_HIGH * math.sqrt(spread)
    return Known(value, value + mean, value + math.exp(middle - width), value + math.exp(middle + width))

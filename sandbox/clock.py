"""A clock that is faster than the machine's, for those who cannot wait: the worker has the same settings."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FASTEST: Final = 1000.0
OLDEST: Final = 86_400.0
"""Seconds that time may have gone faster for, at most: whoever gives an older moment forgot to renew it."""


def fast(clock: Callable[[], float], speed: float, since: float) -> Callable[[], float]:
    """Epoch seconds that pass ``speed`` times as fast as those of ``clock`` since ``since``."""
    return clock if speed == 1 else lambda: since + speed * (clock() - since)


def read_since(text: str) -> float:
    """Epoch seconds of a moment in ISO 8601 (UTC where it names no zone), or of a number of them.

    Raises:
        ValueError: it is neither.
    """
    if re.fullmatch(r"\d{1,12}(\.\d*)?", text.strip()):
        return float(text)
    moment = datetime.fromisoformat(text.strip())
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), 6)


def check_pace(speed: float, since: str, now: float) -> None:
    """See that a clock can go so fast since then.

    Raises:
        ValueError: it cannot; says what would be right.
    """
    if not 1 <= speed <= FASTEST:
        raise ValueError(f"clock_speed is {speed:g}; it must be from 1, which is real time, to {FASTEST:g}")
    if speed == 1:
        return
    right = f"it must be the moment that time goes faster from, such as {_written(int(now))}"
    try:
        moment = read_since(since)
    except (ValueError, OverflowError):
        raise ValueError(f"clock_since is {since!r}; {right}") from None
    if not now - OLDEST <= moment <= now:
        raise ValueError(f"clock_since is {since!r}; {right}, in the past and at most a day ago")


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")

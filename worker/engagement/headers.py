"""What headers of an answer say about time: its ``Date``, and how long to wait. Garbage says nothing."""

from __future__ import annotations

import math
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from worker.model import Seconds, Timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

_MINUTE: Final = 60.0


def date(headers: Mapping[str, str]) -> Timestamp | None:
    """When the server says that it made the answer."""
    return _moment(headers.get("date"))


def retry_after(headers: Mapping[str, str], now: Timestamp) -> Seconds | None:
    """How long ``Retry-After`` asks to wait; it gives seconds, or a date by the server's own clock."""
    text = headers.get("retry-after", "")
    until = _moment(text)
    wait = _number(text) if until is None else until - (date(headers) or now)
    return Seconds(wait) if wait is not None and wait > 0 else None


def until_reset(
    headers: Mapping[str, str], now: Timestamp, family: str = "x-per-minute", longest: float = _MINUTE
) -> Seconds | None:
    """How long until the API's minute, or second, is over, by the server's own clock; ``longest`` at most."""
    reset = whole(headers.get(f"{family}-reset"))
    if reset is None:
        return None
    return Seconds(min(max(0.0, reset - (date(headers) or now)), longest + 1))


def whole(text: str | None) -> int | None:
    """A whole number, where that is what the header holds."""
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _moment(text: str | None) -> Timestamp | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)  # noqa: UP017 -- read as GMT, as HTTP has it
    return Timestamp(moment.timestamp())

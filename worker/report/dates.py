"""Moments and periods as people write them on the command line. UTC where nothing else is said."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from worker.catalogue import HOUR, LONGEST_WINDOW
from worker.engagement.query import Window
from worker.model import Timestamp

EVER: Final = Timestamp(0.0)
"""Earlier than anything."""

_AGO: Final = re.compile(r"(\d{1,6})\s*(d|h|m)(?:\s+ago)?")
_UNITS: Final = {"d": 86_400.0, "h": 3600.0, "m": 60.0}
_DIGITS: Final = re.compile(r"\d{12}")
_RIGHT: Final = (
    "write YYYYMMDDHHMM, YYYY-MM-DD, 'YYYY-MM-DD HH:MM', ISO 8601 such as 2015-07-01T12:24:00Z, "
    "or how long ago: 7d, 6h, 30m"
)

_END_BEFORE_START: Final = "--end must be after --start, by a whole hour that is over"


def parse_moment(text: str, now: Timestamp) -> Timestamp:
    """The moment that a text says; ``now`` is what ``7d`` is counted back from.

    Raises:
        ValueError: it says none; tells what would be right.
    """
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        return Timestamp(now - int(ago[1]) * _UNITS[ago[2]])
    try:
        if _DIGITS.fullmatch(text):
            moment = datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return Timestamp(moment.timestamp())
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no date; {_RIGHT}") from None


def parse_window(start: str | None, end: str | None, now: Timestamp, earliest: Timestamp = EVER) -> Window:
    """The period from start to end, in whole hours that are over; a missing end is 28 days away.

    It begins at ``earliest`` at the earliest, in the first whole hour.

    Raises:
        ValueError: a date cannot be read, lies in the future or before ``earliest``, or the end is not
            after the start.
    """
    first = None if start is None else parse_moment(start, now)
    last = None if end is None else parse_moment(end, now)
    if first is not None and last is not None and first >= last:
        raise ValueError(_END_BEFORE_START)
    begins = None if first is None else first // HOUR * HOUR
    ends = None if last is None else -(-last // HOUR) * HOUR
    for name, moment in (("start", begins), ("end", ends)):
        if moment is not None and moment - HOUR >= now:
            raise ValueError(f"--{name} lies in the future: the API has no counts from there")
    if begins is None:
        ends = min(ends or now, now) // HOUR * HOUR
        begins = ends - LONGEST_WINDOW
    elif ends is None:
        ends = begins + LONGEST_WINDOW
    if start is None or begins > earliest - HOUR:
        begins = max(begins, -(-earliest // HOUR) * HOUR)
    else:
        raise ValueError(f"--start {iso(begins)}: the API has nothing from before {iso(earliest)}")
    # The hour at hand is not over, and the API refuses ends in the future.
    ends = min(ends, now // HOUR * HOUR)
    if begins >= ends:
        raise ValueError(_END_BEFORE_START)
    return Window(Timestamp(begins), Timestamp(ends))


def iso(moment: float) -> str:
    """A moment as the API writes it: ``2015-07-01T12:24:00Z``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

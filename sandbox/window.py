"""Of which hours an answer tells: ``start`` and ``end`` of a request, moved to whole hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sandbox.messages import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.messages import RefusedError

HOUR: Final = 3600
DAY: Final = 24 * HOUR
LONGEST: Final = 28 * DAY

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d(?:\.\d{1,9})?)Z)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """Whole hours from ``start`` up to ``end``, which is not in it; both epoch seconds."""

    start: int
    end: int

    @property
    def hours(self) -> Sequence[int]:
        """When each hour starts."""
        return range(self.start, self.end, HOUR)

    @property
    def days(self) -> Sequence[int]:
        """When each UTC day that has hours of the window starts."""
        return range(self.start // DAY * DAY, self.end, DAY)

    def as_json(self) -> dict[str, str]:
        """``start`` and ``end`` as answers carry them."""
        return {"start": written(self.start), "end": written(self.end)}


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back historical reaches: from ``earliest`` (epoch seconds), and ``days`` back (0: no limit)."""

    earliest: int
    days: int

    def limit(self, now: float) -> int:
        """The earliest hour that can be asked for, epoch seconds."""
        return max(self.earliest, int(now) // HOUR * HOUR - self.days * DAY) if self.days else self.earliest


def last_28_hours(now: float) -> Window:
    """The 28 whole hours before the one that runs at ``now`` (epoch seconds)."""
    end = int(now) // HOUR * HOUR
    return Window(end - 28 * HOUR, end)


def read_window(start: Any, end: Any, reach: Reach, now: float) -> Window:  # noqa: ANN401 - whatever the JSON held
    """The window that a request for historical asks for; an end that is not given is 4 weeks from the other.

    ``start`` moves down and ``end`` up to whole hours, after they were checked as sent. With neither, it is
    the 4 weeks up to the hour that runs at ``now`` (epoch seconds), that one included.

    Raises:
        RefusedError: 400 for what is no date or timestamp, the future, an end not after its start, more than
        4 weeks, or a start before the reach.
    """
    last = read_moment("end", end) if end is not None else None
    first = read_moment("start", start) if start is not None else None
    if last is not None and last > now:
        raise _bad("end cannot be in the future.")
    if last is None:
        last = _hour_up(now) if first is None else min(first + LONGEST, now)
        # As much of the last 4 weeks as is in reach, when nothing was asked for.
        first = max(last - LONGEST, reach.limit(now)) if first is None else first
    if first is None:
        first = last - LONGEST
    if first >= last:
        raise _bad("start must be before end.")
    if last - first > LONGEST:
        raise _bad("The time between start and end cannot exceed 4 weeks.")
    window = Window(int(first) // HOUR * HOUR, _hour_up(last))
    if window.start < reach.limit(now):
        raise _bad(f"start cannot be before {written(reach.limit(now))}.")
    return window


def read_moment(name: str, given: Any) -> float:  # noqa: ANN401 - whatever the JSON held
    """Epoch seconds of a date (its first moment, UTC) or a timestamp in UTC.

    Raises:
        RefusedError: 400; it is neither.
    """
    match = _MOMENT.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise _bad(f"{name} must be a date (2015-08-01) or a timestamp in UTC (2015-07-01T12:24:00Z).")
    date, time = match.groups(default="00:00:00")
    whole, _, fraction = time.partition(".")
    try:
        moment = datetime.fromisoformat(f"{date}T{whole}").replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _bad(f"{name} is not a date that there is.") from None
    return moment.timestamp() + float(f"0.{fraction or 0}")


def written(at: int) -> str:
    """An epoch second as the API writes it.

    >>> written(1_442_250_000)
    '2015-09-14T17:00:00Z'
    """
    return (_EPOCH + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ")


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _hour_up(moment: float) -> int:
    return -int(-moment // HOUR) * HOUR


def _bad(what: str) -> RefusedError:
    return refused(400, f"{what} Please adjust your request and try again.")

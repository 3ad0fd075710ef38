"""The real clocks. Everything else is given one, so that tests and simulations can own time.

What goes by the machine's clock, and what by one that may be faster: docs/decisions/0018-clock-speed.md.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog

from worker.model import Seconds, Timestamp
from worker.moments import as_iso

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from worker.model import Clock, Pace

_log = structlog.get_logger(__name__)

_LEAST_REST: Final = Seconds(0.02)
"""Seconds of the machine that a loop which only looks around rests, however fast its clock goes."""


class SystemClock:
    """The machine's time."""

    def now(self) -> Timestamp:
        """See ``Clock.now``."""
        return Timestamp(time.time())

    def monotonic(self) -> Seconds:
        """See ``Clock.monotonic``."""
        return Seconds(time.monotonic())


class FastClock:
    """A machine's time at another pace: for development.

    Its ``monotonic`` is what has ``passed`` by the machine's: so a moment that was taken by that one can be
    told by this one.
    """

    def __init__(self, pace: Pace, machine: Clock) -> None:
        self._pace = pace
        self._machine = machine

    def now(self) -> Timestamp:
        """See ``Clock.now``."""
        return self._pace.moment(self._machine.now())

    def monotonic(self) -> Seconds:
        """See ``Clock.monotonic``."""
        return self._pace.passed(self._machine.monotonic())


def at_pace(pace: Pace, machine: Clock) -> Clock:
    """The clock that goes at this pace; where that is real time, the machine's own."""
    return machine if pace.is_real else FastClock(pace, machine)


def sleeping(pace: Pace) -> Callable[[float], Awaitable[None]]:
    """``asyncio.sleep``, of so many seconds of a clock at this pace."""
    return lambda seconds: asyncio.sleep(pace.lasts(Seconds(seconds)))


def rest(pace: Pace, seconds: float) -> Seconds:
    """How many of the machine's seconds a loop rests that goes round each so many of the clock's.

    A fast clock shortens it to a bound only: else looking around would be all that is done.
    """
    return max(pace.lasts(Seconds(seconds)), min(Seconds(seconds), _LEAST_REST))


def warn_of_pace(pace: Pace, clock: Clock) -> None:
    """Say loudly that a clock is not the machine's."""
    if not pace.is_real:
        _log.warning(
            "clock_is_fast",
            speed=pace.speed,
            since=as_iso(pace.since),
            tells=as_iso(clock.now()),
            do="for development only: nothing here is of real time; take [clock] out of the settings",
        )

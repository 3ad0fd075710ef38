"""The real clock. Everything else is given one, so that tests and simulations can own time."""

from __future__ import annotations

import time

from worker.model import Seconds, Timestamp


class SystemClock:
    """The machine's time."""

    def now(self) -> Timestamp:
        """See ``Clock.now``."""
        return Timestamp(time.time())

    def monotonic(self) -> Seconds:
        """See ``Clock.monotonic``."""
        return Seconds(time.monotonic())

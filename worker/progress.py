"""Whether the loops move on: liveness means progress, not that a process is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.model import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.model import Clock
    from worker.telemetry import Telemetry


class Progress:
    """When each loop last made progress. Loops report themselves, also when they wait for good reason."""

    def __init__(self, stalled_after: Seconds, clock: Clock, telemetry: Telemetry) -> None:
        self._stalled_after = stalled_after
        self._clock = clock
        self._telemetry = telemetry
        self._at: dict[str, Seconds] = {}

    def made(self, loop: str) -> None:
        """A loop went round once more; from any thread."""
        self._at[loop] = self._clock.monotonic()
        self._telemetry.loop_progressed.labels(loop).set(self._clock.now())

    def of(self, loop: str) -> Callable[[], None]:
        """``made`` of one loop; its time begins now."""
        self.made(loop)
        return lambda: self.made(loop)

    def stalled(self) -> dict[str, Seconds]:
        """Loops without progress for too long, each with for how long."""
        now = self._clock.monotonic()
        ages = {loop: Seconds(now - at) for loop, at in self._at.copy().items()}
        return {loop: age for loop, age in ages.items() if age > self._stalled_after}

    def loops(self) -> list[str]:
        """All loops that report themselves."""
        return sorted(self._at)

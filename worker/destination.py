"""What is told of a destination: metrics each time, the log when it begins to fail and works again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from worker.model import Clock
    from worker.publish.protocol import PublishError
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)


class Destination:
    """Whether a destination takes what it is given."""

    def __init__(self, name: str, clock: Clock, telemetry: Telemetry) -> None:
        self.name = name
        self._clock = clock
        self._telemetry = telemetry
        self._troubled = False

    def failed(self, error: PublishError) -> None:
        """It did not take what it was given."""
        self._telemetry.publish_errors.labels(self.name).inc()
        if not self._troubled:
            _log.warning("publish_failing", destination=self.name, error=str(error))
        self._troubled = True

    def took(self, count: int) -> None:
        """It has so many more."""
        if self._troubled:
            _log.info("publish_works_again", destination=self.name)
            self._troubled = False
        self._telemetry.publications.labels(self.name).inc(count)
        self._telemetry.published_at.labels(self.name).set(self._clock.now())

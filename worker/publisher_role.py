"""Which worker publishes: the owner of ``sightings`` partition 0, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.editions import Editions, Outlet
    from worker.merging import Merger
    from worker.model import Clock
    from worker.ownership import Ownership
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

PUBLISHERS_PARTITION: Final = 0
_AGAIN_AFTER: Final = 1.0


class PublisherRole:
    """Opens and closes the outlets that all workers share.

    A worker takes over when it has restored the partition and read all partials, so that its leaderboards are
    whole; it steps down as soon as it hears that the partition is not its own any more.
    """

    def __init__(
        self,
        ownership: Ownership,
        merger: Merger,
        editions: Editions,
        outlets: Sequence[Outlet],
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._clock = clock
        self._ownership = ownership
        self._merger = merger
        self._editions = editions
        self._outlets = [outlet for outlet in outlets if outlet.shared]
        self._telemetry = telemetry
        self._held = False
        self._took_over_at = -_AGAIN_AFTER
        telemetry.publisher.set(0)

    @property
    def held(self) -> bool:
        """Whether this worker publishes."""
        return self._held

    def look(self) -> None:
        """Look who should publish now."""
        held = self._merger.complete and self._ownership.has_restored(PUBLISHERS_PARTITION)
        if held == self._held:
            return
        self._held = held
        self._telemetry.publisher.set(held)
        _log.info("publishes" if held else "publishes_no_more")
        if held:
            self._editions.publish()
            self._take_over(self._outlets)
        else:
            for outlet in self._outlets:
                outlet.step_down()

    def tend(self) -> None:
        """Take over again where another worker did, although it is ours to publish: it is late, or was."""
        again = [outlet for outlet in self._outlets if outlet.superseded]
        if again and self._clock.monotonic() - self._took_over_at >= _AGAIN_AFTER:
            _log.warning("publishes_again", do="another worker took over that does not own the partition")
            self._take_over(again)

    def _take_over(self, outlets: Sequence[Outlet]) -> None:
        self._took_over_at = self._clock.monotonic()
        for outlet in outlets:
            outlet.take_over(self._editions.shown)

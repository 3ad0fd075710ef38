"""What is looked after each second, whatever else goes on: Posts that are over, gauges, warnings, sockets."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Final

from worker.memory import MemoryWatch, resident_bytes
from worker.model import Timestamp

if TYPE_CHECKING:
    from worker.api_watch import ApiWatch
    from worker.engagement import Handles
    from worker.intake import BrokerWatch
    from worker.logs import KafkaErrors
    from worker.membership import Membership
    from worker.model import Clock
    from worker.tracker import Tracker

_LOOK_EVERY: Final = 1.0
_RETIRE_EVERY: Final = 5.0
_YOUNG: Final = 1
"""The generation up to which objects are young to the collector."""


class House:
    """Goes round each of the machine's seconds. ``clock`` is the one that Posts grow old by."""

    def __init__(
        self,
        tracker: Tracker,
        handles: Handles,
        api: ApiWatch,
        brokers: BrokerWatch,
        membership: Membership,
        *,
        kafka_errors: KafkaErrors,
        memory_warning: int | None,
        clock: Clock,
    ) -> None:
        self._tracker = tracker
        self._handles = handles
        self._api = api
        self._brokers = brokers
        self._membership = membership
        self._kafka_errors = kafka_errors
        self._memory = MemoryWatch(memory_warning, resident_bytes)
        self._clock = clock
        self._retire_at = clock.now()

    async def keep(self) -> None:
        """Look after it for ever; cancel it to stop."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_EVERY)

    def look(self) -> None:
        """Look after it once."""
        now = self._clock.now()
        if now >= self._retire_at:
            self._tracker.retire(now)
            self._tracker.tell_longest_unasked(now)
            self._retire_at = Timestamp(now + _RETIRE_EVERY)
        self._tracker.count()
        self._handles.tell()
        self._api.look()
        self._membership.look(self._brokers)
        if self._kafka_errors.take():
            # kafka-python leaves a socket of each try to the collector, which we have look rarely.
            gc.collect(_YOUNG)
        self._memory.look()

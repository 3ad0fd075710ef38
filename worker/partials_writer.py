"""Tells the other workers of the boards of our partitions, at a bounded pace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker.formats.partial import encode_key, encode_partial
from worker.merging import key_of
from worker.model import Partial
from worker.publish.protocol import PublishError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.destination import Destination
    from worker.merging import Merger
    from worker.model import Clock, PartialKey, Seconds
    from worker.ownership import Ownership
    from worker.publish.sending import Sending
    from worker.telemetry import Telemetry

_STEP: Final = 50
"""Partials made without letting other loops have their turn: a few milliseconds."""

_STEPS: Final = 5
"""Of them in one interval. What else changed waits for the next: telling must not take measuring its time."""


class PartialsWriter:
    """Writes what is due, once an interval, and not before what it wrote last is there or has failed.

    While brokers are slow or down nothing queues up: what is due is a set of keys, and a partial is made of
    its board when it is sent. A partition that was revoked is left out up to the moment of sending.
    """

    def __init__(
        self,
        merger: Merger,
        ownership: Ownership,
        sending: Sending,
        *,
        destination: Destination,
        interval: Seconds,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._merger = merger
        self._ownership = ownership
        self._sending = sending
        self._destination = destination
        self._interval = interval
        self._clock = clock
        self._telemetry = telemetry

    async def run(self) -> None:
        """Write for ever; cancel it to stop, and ``finish``."""
        while True:
            await asyncio.sleep(self._interval)
            self._merger.look_round()
            await self.write()

    async def write(self) -> None:
        """Write what is due, or a bounded part of it; what fails is due again."""
        # Before all of the topic is read it is not known what of it must be erased.
        if not self._merger.complete:
            return
        taken: list[Partial | PartialKey] = []
        try:
            for _ in range(_STEPS):
                taken += self._merger.take_due(_STEP, self._clock.now())
                await asyncio.sleep(0)
            if taken:
                await self._sending.send(self._records(taken))
        except PublishError as error:
            self._merger.put_back(taken)
            self._destination.failed(error)
        except BaseException:
            self._merger.put_back(taken)
            raise
        else:
            if taken:
                self._destination.took(len(taken))
        finally:
            self._telemetry.partials_due.set(self._merger.due)

    async def finish(self, within: Seconds) -> None:
        """Write the last state, if it can be done in time: the next owners show it until they know more."""
        try:
            async with asyncio.timeout(within):
                await self.write()
        except TimeoutError:
            return

    def _records(self, taken: Iterable[Partial | PartialKey]) -> Iterator[tuple[bytes, bytes | None]]:
        """In the thread that sends, so that no encoding delays the loop."""
        for one in taken:
            key = key_of(one)
            if self._ownership.has_restored(key.partition):
                yield encode_key(key), encode_partial(one) if isinstance(one, Partial) else None

"""The owner of ``sightings`` partitions: takes what the Inbox holds into the Watchlist, in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker.intake import Assigned, Batch, Foreign, Journaled, JournalEnd, Overtaken, Restored, Revoked

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.intake import Event, Inbox
    from worker.journal import Journal
    from worker.model import Clock
    from worker.ownership import Ownership
    from worker.tracker import Tracker

_LONGEST_WAIT: Final = 1.0
_WAIT_FOR_ROOM: Final = 0.5


class Owner:
    """Applies assignments, revocations, what the journal tells, and batches.

    After a revocation nothing of its partitions is taken. ``released`` is called with a partition that is
    restored, and its turn: its Sightings may be read from now on.

    While the Watchlist is full and nothing in it was measured yet, or too much waits for the journal, a batch
    waits here, so the Inbox fills and reading pauses.
    """

    def __init__(
        self,
        inbox: Inbox,
        ownership: Ownership,
        tracker: Tracker,
        journal: Journal,
        *,
        released: Callable[[int, int], None],
        news: Callable[[], None],
        progressed: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._inbox = inbox
        self._ownership = ownership
        self._tracker = tracker
        self._journal = journal
        self._released = released
        self._news = news
        self._progressed = progressed
        self._clock = clock

    async def run(self) -> None:
        """Take events for ever; cancel it to stop."""
        while True:
            self._progressed()
            try:
                async with asyncio.timeout(_LONGEST_WAIT):
                    event = await self._inbox.get()
            except TimeoutError:
                continue
            await self.take(event)
            self._inbox.done(event)

    async def take(self, event: Event) -> None:
        """Apply one event."""
        if isinstance(event, Batch):
            await self._take_batch(event)
        elif isinstance(event, Journaled):
            await self._restore(event)
        elif isinstance(event, Assigned):
            self._ownership.assigned(event.partitions)
            self._journal.assigned(event.partitions, event.turn, event.generation)
        elif isinstance(event, Revoked):
            self._revoke(event)
        elif isinstance(event, Restored):
            self._ownership.was_restored(event.partition)
        elif isinstance(event, Foreign):
            self._hear_of_others(event)
        elif self._journal.keeper.is_turn(event.partition, event.turn):
            self._take_journal(event)

    def _hear_of_others(self, event: Foreign) -> None:
        keeper = self._journal.keeper
        if keeper.is_turn(event.partition, event.turn):
            keeper.foreign(event.partition, event.post_ids, event.claim)
        elif keeper.kept_since(event.partition, event.turn):
            # What was claimed in an earlier turn is the reader's to judge.
            keeper.foreign(event.partition, event.post_ids, None)

    def _take_journal(self, event: JournalEnd | Overtaken) -> None:
        keeper = self._journal.keeper
        if isinstance(event, Overtaken):
            self._tracker.drop_partition(event.partition)
            keeper.overtaken(event.partition)
            return
        if not event.kept:
            self._tracker.restored(event.partition)
        keeper.restored(event.partition, event.stale)
        self._released(event.partition, event.turn)
        self._news()

    async def _restore(self, event: Journaled) -> None:
        items = event.items
        while items and self._journal.keeper.is_turn(event.partition, event.turn):
            items = self._tracker.restore(event.partition, items, self._clock.now())
            if items:
                self._news()
                await self._wait_for_room_in_the_watchlist()
        await asyncio.sleep(0)

    async def _take_batch(self, batch: Batch) -> None:
        items = batch.items
        while self._journal.keeper.full and self._ownership.owns(batch.partition):
            await self._wait_for_room()
        while items and self._ownership.owns(batch.partition):
            taken = self._tracker.take(batch.partition, items, self._clock.now())
            items = items[taken:]
            self._news()
            if items:
                await self._wait_for_room_in_the_watchlist()
        if self._ownership.owns(batch.partition):
            self._journal.keeper.took(batch.partition, batch.items, batch.offset)
        # Other loops come to their turn also while a backlog is read.
        await asyncio.sleep(0)

    async def _wait_for_room_in_the_watchlist(self) -> None:
        self._ownership.waits_for_room = True
        try:
            await self._wait_for_room()
        finally:
            self._ownership.waits_for_room = False

    async def _wait_for_room(self) -> None:
        """Until an answer may have made some. Partitions taken away meanwhile make some too."""
        self._progressed()
        await asyncio.sleep(_WAIT_FOR_ROOM)
        while (revoked := self._inbox.take_revoked()) is not None:
            self._revoke(revoked)

    def _revoke(self, event: Revoked) -> None:
        self._ownership.revoked(event.partitions)
        handed_over = event.handed_over
        kept = self._journal.keeper.keep(event.partitions) if event.kept else ()
        gone = [partition for partition in event.partitions if partition not in kept]
        self._journal.revoked(gone, None if handed_over is None else handed_over.set)
        for partition in gone:
            self._tracker.drop_partition(partition)

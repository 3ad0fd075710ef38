"""The journal as the worker has it: what is told, what is read, and the threads that do it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Final

from worker.intake.commits import Commits
from worker.intake.forwarder import partition_of
from worker.journal.keeper import Holds, Keeper, KeeperSettings
from worker.journal.reader import JournalReader
from worker.journal.writer import JournalWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from worker.intake import Inbox, TopicNames
    from worker.model import Clock, Seconds
    from worker.telemetry import Telemetry
    from worker.tracker import Tracker

_FLUSH_EVERY: Final = 0.25


class Journal:
    """Keeper, writer and reader of one worker's run, which signs with a name of its own.

    ``partitions`` is how many ``sightings`` has. ``commits`` are the ``sightings`` offsets that the journal
    covers. ``in_flight`` and ``queue_posts`` bound what is under way to it and from it. ``machine`` is the
    clock that reading is timed by. Make it in the event loop that runs it.
    """

    def __init__(
        self,
        tracker: Tracker,
        inbox: Inbox,
        names: TopicNames,
        settings: KeeperSettings,
        *,
        partitions: int,
        in_flight: int,
        queue_posts: int,
        holds: Holds,
        failed: Callable[[BaseException], None],
        progressed: Callable[[], None],
        clock: Clock,
        machine: Clock,
        telemetry: Telemetry,
    ) -> None:
        by = secrets.token_hex(4)
        self.commits = Commits()
        self._loop = asyncio.get_running_loop()
        self._progressed = progressed
        self._writer = JournalWriter(self.commits, in_flight=in_flight, failed=failed, telemetry=telemetry)
        self.reader = JournalReader(
            names.journal,
            by,
            inbox,
            belongs=lambda post_id, partition: partition_of(post_id, partitions) == partition,
            queue_posts=queue_posts,
            failed=failed,
            clock=machine,
            telemetry=telemetry,
        )
        self.keeper = Keeper(
            tracker, self._writer, names, by, settings, holds=holds, clock=clock, telemetry=telemetry
        )
        tracker.on_retired = self.keeper.retired

    def start(self, consumer: Any, producer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """Begin to write and read with these clients; whoever made them closes them."""
        self._writer.start(producer)
        self.reader.start(consumer)

    def ask_to_stop(self) -> None:
        """End soon."""
        self.reader.ask_to_stop()
        self._writer.ask_to_stop()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        return self.reader.join(timeout) and self._writer.join(timeout)

    def describe(self) -> str:
        """For whoever looks: whether it can be written."""
        trouble = self._writer.trouble
        return "is written" if trouble is None else f"cannot be written, so nothing is committed: {trouble}"

    def assigned(self, partitions: Iterable[int], turn: int, generation: int) -> None:
        """These are ours: claim them, and restore into the Inbox what of them is not known."""
        numbers = list(partitions)
        kept = self.keeper.resume(numbers, turn, generation)
        fresh = [number for number in numbers if number not in kept]
        self.keeper.assigned(fresh, turn, generation)
        self.reader.resume(kept, turn)
        self.reader.restore(fresh, turn)

    def revoked(self, partitions: Iterable[int], handed_over: Callable[[], None] | None) -> None:
        """These are not ours any more; where the next owner waits for it, tell all of them first."""
        numbers = list(partitions)
        self.reader.forget(numbers)
        if handed_over is None:
            self.keeper.drop(numbers)
        else:
            self.keeper.hand_over(numbers, handed_over)

    async def run(self) -> None:
        """Tell what is due, for ever; cancel it to stop."""
        while True:
            self._progressed()
            self.keeper.flush()
            await asyncio.sleep(_FLUSH_EVERY)

    async def hand_over_all(self) -> None:
        """Tell all that is ours, and wait until the journal has it: as long as it takes."""
        told = asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(told.set)

        self.keeper.hand_over_all(tell)
        await told.wait()

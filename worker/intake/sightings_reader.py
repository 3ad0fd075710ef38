"""The ``sightings`` partitions that this worker owns: read from their beginning, handed to the Watchlist."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog
from kafka import ConsumerRebalanceListener, OffsetAndMetadata

from worker.formats.wire import decode
from worker.intake.forwarder import partition_of
from worker.intake.inbox import Assigned, Batch, Restored, Revoked
from worker.intake.polling import Polling, end_of, position_of
from worker.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from worker.intake.clients import Consumer, Partition, Record
    from worker.intake.inbox import Inbox
    from worker.model import Clock, Seconds, Sighting, Tombstone
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_COMMIT_EVERY: Final = 1.0
_TELL_EVERY: Final = 60.0


class SightingsReader:
    """Reads ``<group>.sightings`` as a member of the group ``<group>.owners``.

    Until there is a journal, every assignment of a partition reads all of it again: it holds the tracking
    window. Offsets are committed for show: they tell monitoring tools how far this worker is behind.
    """

    def __init__(
        self,
        consumer: Consumer,
        inbox: Inbox,
        *,
        partitions: int,
        queue_posts: int,
        failed: Callable[[BaseException], None],
        progressed: Callable[[], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._consumer = consumer
        self._inbox = inbox
        self._partitions = partitions
        self._queue_posts = queue_posts
        self._clock = clock
        self._telemetry = telemetry
        self._polling = Polling(
            "sightings",
            consumer,
            self,
            failed=failed,
            progressed=progressed,
            clock=clock,
            telemetry=telemetry,
        )
        self._restoring: dict[Partition, int | None] = {}
        self._lock = threading.Lock()
        self._told_at: dict[str, Seconds] = {}
        self._committed_at = clock.monotonic()
        self._full = False

    def start(self, topic: str) -> None:
        """Subscribe and begin to read."""
        self._consumer.subscribe(topics=[topic], listener=_Listener(self))
        self._polling.start()

    def ask_to_stop(self) -> None:
        """End soon."""
        self._polling.ask_to_stop()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        return self._polling.join(timeout)

    # Work, in the polling thread

    def take(self, records: Mapping[Partition, Sequence[Record]]) -> None:
        """See ``Work.take``."""
        for partition, batch in records.items():
            items: list[Sighting | Tombstone] = []
            for record in batch:
                item = decode(record.key, record.value)
                if isinstance(item, Unreadable):
                    self._refuse(partition, record, item.reason, item.detail)
                elif partition_of(item.post_id, self._partitions) != partition.partition:
                    # Another worker owns this Post: two of them would show it twice.
                    self._refuse(partition, record, "misplaced", "the Post belongs to another partition.")
                else:
                    items.append(item)
            self._telemetry.records.labels(partition.topic, "owned").inc(len(items))
            self._inbox.put(Batch(partition.partition, items))

    def turn(self) -> None:
        """See ``Work.turn``."""
        self._telemetry.queue_posts.set(self._inbox.posts)
        for partition in list(self._restoring):
            self._look_whether_restored(partition)
        now = self._clock.monotonic()
        if now - self._committed_at >= _COMMIT_EVERY:
            self._committed_at = now
            self._show_offsets()

    def full(self) -> bool:
        """See ``Work.full``. Room again when half of the queue is empty, so that pausing is rare."""
        limit = self._queue_posts // 2 if self._full else self._queue_posts
        self._full = self._inbox.posts >= limit
        return self._full

    def hurried(self) -> bool:
        """See ``Work.hurried``."""
        return bool(self._restoring)

    def finish(self) -> None:
        """See ``Work.finish``. Nothing is under way here."""

    # Ownership, in the client's I/O thread

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """These partitions are ours: read them from their beginning."""
        if not partitions:
            return
        self._consumer.seek_to_beginning(*partitions)
        with self._lock:
            self._restoring |= dict.fromkeys(partitions)
            self._inbox.put(Assigned(tuple(partition.partition for partition in partitions)))

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """These partitions are not ours any more."""
        if not partitions:
            return
        with self._lock:
            for partition in partitions:
                self._restoring.pop(partition, None)
            self._inbox.put(Revoked(tuple(partition.partition for partition in partitions)))

    def _look_whether_restored(self, partition: Partition) -> None:
        position, end = position_of(self._consumer, partition), end_of(self._consumer, partition)
        with self._lock:
            if position is None or end is None or partition not in self._restoring:
                return
            goal = self._restoring[partition]
            if goal is None:
                goal = self._restoring[partition] = end
            if position >= goal:
                del self._restoring[partition]
                self._inbox.put(Restored(partition.partition))

    def _show_offsets(self) -> None:
        positions = {
            partition: position_of(self._consumer, partition) for partition in self._consumer.assignment()
        }
        offsets = {
            partition: OffsetAndMetadata(position, "", -1)
            for partition, position in positions.items()
            if position is not None
        }
        if offsets:
            self._consumer.commit_async(offsets)

    def _refuse(self, partition: Partition, record: Record, reason: str, detail: str) -> None:
        """Only workers write to this topic, so this is a stranger's record, or a newer worker's.

        Told once a minute a reason at most; the counter has them all.
        """
        self._telemetry.records.labels(partition.topic, "refused").inc()
        now = self._clock.monotonic()
        if now - self._told_at.get(reason, -_TELL_EVERY) >= _TELL_EVERY:
            self._told_at[reason] = now
            where = f"{partition.topic}:{partition.partition}:{record.offset}"
            _log.error("sighting_refused", record=where, reason=reason, detail=detail)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """Runs in the client's I/O thread: nothing here may block."""

    def __init__(self, reader: SightingsReader) -> None:
        self._reader = reader

    def on_partitions_assigned(self, assigned: Iterable[Partition]) -> None:
        partitions = sorted(assigned)
        self._reader.assigned(partitions)
        _log.info("sightings_assigned", partitions=[partition.partition for partition in partitions])

    def on_partitions_revoked(self, revoked: Iterable[Partition]) -> None:
        partitions = sorted(revoked)
        self._reader.revoked(partitions)
        _log.info("sightings_revoked", partitions=[partition.partition for partition in partitions])

"""The ``sightings`` partitions that this worker owns: read from their beginning, handed to the Watchlist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from kafka import ConsumerRebalanceListener, OffsetAndMetadata

from worker.formats.wire import decode
from worker.intake.inbox import Assigned, Batch, Restored, Revoked
from worker.intake.polling import Polling, position_of
from worker.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from worker.intake.clients import Consumer, Partition, Record
    from worker.intake.inbox import Inbox
    from worker.model import Clock, Seconds, Sighting, Tombstone
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_COMMIT_EVERY: Final = 1.0


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
        queue_posts: int,
        failed: Callable[[BaseException], None],
        progressed: Callable[[], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._consumer = consumer
        self._inbox = inbox
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
                    self._refuse(partition, record, item)
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
        self._inbox.put(Assigned(tuple(partition.partition for partition in partitions)))
        for partition in partitions:
            self._restoring[partition] = None

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """These partitions are not ours any more."""
        for partition in partitions:
            self._restoring.pop(partition, None)
        if partitions:
            self._inbox.put(Revoked(tuple(partition.partition for partition in partitions)))

    def _look_whether_restored(self, partition: Partition) -> None:
        position, end = position_of(self._consumer, partition), self._consumer.highwater(partition)
        if position is None or end is None:
            return
        goal = self._restoring.get(partition) or end
        self._restoring[partition] = goal
        if position >= goal and self._restoring.pop(partition, None) is not None:
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

    def _refuse(self, partition: Partition, record: Record, why: Unreadable) -> None:
        """Only workers write to this topic, so this is a stranger's record, or a newer worker's."""
        self._telemetry.records.labels(partition.topic, "dead_letter").inc()
        where = f"{partition.topic}:{partition.partition}:{record.offset}"
        _log.error("sighting_unreadable", record=where, reason=why.reason, detail=why.detail)


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

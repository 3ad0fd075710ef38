"""The ``sightings`` partitions that this worker owns: read once restored, handed to the Watchlist."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from kafka import TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.net.selector import KernelEvent

from worker.formats.wire import decode
from worker.intake.commits import CommitTrouble, as_offsets, commit_last
from worker.intake.forwarder import partition_of
from worker.intake.inbox import Assigned, Batch, Restored, Revoked
from worker.intake.polling import Polling, end_of, position_of
from worker.model import REAL_TIME, Timestamp, Tombstone, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from worker.intake.clients import Consumer, Partition, Record
    from worker.intake.commits import Commits, Taken
    from worker.intake.inbox import Inbox
    from worker.intake.joining import Joining
    from worker.model import Clock, Pace, Seconds, Sighting
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_TELL_EVERY: Final = 60.0
_HAND_OVER: Final = 2.0
_HAND_OVER_STEP: Final = 0.02
_HAND_OVER_AT_STOP: Final = 8.0
_COMMITTED_MS: Final = 1000


class Membership(Protocol):
    """Who hears of our place in the group, in the client's threads: at once, and without waiting."""

    def assigned(self, partitions: Iterable[int]) -> None:
        """These are ours."""

    def revoked(self, partitions: Iterable[int]) -> None:
        """These are another's, or about to be."""

    def proved(self, at: Seconds) -> None:
        """The group knew us at this moment (monotonic)."""


class SightingsReader:
    """Reads ``<group>.sightings`` as a member of the group ``<group>.owners``.

    A partition that is assigned is held until it is ``release``d: when the journal's Posts are restored.
    Offsets are committed as ``commits`` tells them: when the journal has what was read. Each commit that is
    accepted proves that we are in the group; ``membership`` hears of it, with the moment it was sent. One is
    sent every ``prove_every`` seconds.

    ``clock`` is the machine's, as the brokers' are: ``pace`` is that of the clock which all others hear of.
    """

    def __init__(
        self,
        consumer: Consumer,
        inbox: Inbox,
        commits: Commits,
        joining: Joining,
        *,
        partitions: int,
        queue_posts: int,
        membership: Membership,
        session: Seconds,
        prove_every: Seconds,
        failed: Callable[[BaseException], None],
        progressed: Callable[[], None],
        clock: Clock,
        telemetry: Telemetry,
        pace: Pace = REAL_TIME,
    ) -> None:
        self._consumer = consumer
        self._inbox = inbox
        self._commits = commits
        self._partitions = partitions
        self._queue_posts = queue_posts
        self._membership = membership
        self._prove_every = prove_every
        self._clock = clock
        self._pace = pace
        self._telemetry = telemetry
        self._polling = Polling(
            consumer,
            self,
            joining,
            longest_poll=prove_every,
            failed=failed,
            progressed=progressed,
            clock=clock,
            telemetry=telemetry,
        )
        self._topic = ""
        self._turns: dict[Partition, int] = {}
        self._held: set[Partition] = set()
        self._known: set[Partition] = set()
        self._rewind: set[Partition] = set()
        self._generation: int | None = None
        self._missed = False
        self._awaited: set[Partition] = set()
        self._reading: set[Partition] = set()
        self._released: set[Partition] = set()
        self._restoring: dict[Partition, int | None] = {}
        self._committed: dict[Partition, int] = {}
        self._lock = threading.Lock()
        self._handed_over = threading.Event()
        self._told_at: dict[str, Seconds] = {}
        self._committed_at = clock.monotonic()
        self._commit_trouble = CommitTrouble("sightings_commit", session, clock)
        self._full = False

    def start(self, topic: str) -> None:
        """Subscribe and begin to read."""
        self._topic = topic
        self._consumer.on_joined(self.joined)
        self._consumer.subscribe(topics=[topic], listener=_Listener(self))
        self._polling.start()

    def ask_to_stop(self) -> None:
        """Read no more. The end comes when all is ``handed_over``."""
        self._polling.ask_to_stop()

    def handed_over(self) -> None:
        """The journal has all that it will get: commit, and leave the group."""
        self._handed_over.set()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        return self._polling.join(timeout)

    def release(self, number: int, turn: int) -> None:
        """What the journal had of a partition is restored: it may be read from now on. From any thread.

        Only in this ``turn`` of owning it: in another one it is restored anew.
        """
        partition = TopicPartition(self._topic, number)
        with self._lock:
            if self._turns.get(partition) == turn:
                self._released.add(partition)

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
                elif isinstance(item, Tombstone):
                    said_at = self._pace.moment(Timestamp(record.timestamp / 1000))
                    items.append(Tombstone(item.post_id, said_at))
                else:
                    items.append(item)
            self._telemetry.records.labels(partition.topic, "owned").inc(len(items))
            with self._lock:
                # A rebalance may have taken it away since it was polled, and even given it to us anew.
                if partition in self._reading:
                    self._inbox.put(Batch(partition.partition, items, batch[-1].offset + 1))

    def turn(self) -> None:
        """See ``Work.turn``."""
        self._telemetry.queue_posts.set(self._inbox.posts)
        for partition in list(self._restoring):
            self._look_whether_restored(partition)
        now = self._clock.monotonic()
        if now - self._committed_at >= self._prove_every:
            self._committed_at = now
            self._commit()

    def full(self) -> bool:
        """See ``Work.full``. Room again when half of the queue is empty, so that pausing is rare."""
        limit = self._queue_posts // 2 if self._full else self._queue_posts
        self._full = self._inbox.posts >= limit
        return self._full

    def held(self) -> Collection[Partition]:
        """See ``Work.held``."""
        with self._lock:
            for partition in self._held - self._known:
                # Where reading begins all before is done with: it may be committed, and proves membership.
                position = self._beginning(partition)
                if position is not None:
                    self._commits.note({partition: position})
                    self._known.add(partition)
            for partition in self._released & self._known:
                self._released.discard(partition)
                self._held.discard(partition)
                self._reading.add(partition)
                self._restoring[partition] = None
            return self._held | self._released

    def _beginning(self, partition: Partition) -> int | None:
        """Where reading of a held partition begins, if that is known by now."""
        if partition in self._rewind:
            # The client goes on where it was; but another may have read and committed more, or less, since.
            offset = self._consumer.committed(partition, timeout_ms=_COMMITTED_MS)
            if offset is None:
                self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, offset)
            self._rewind.discard(partition)
        return position_of(self._consumer, partition)

    def hurried(self) -> bool:
        """See ``Work.hurried``."""
        return bool(self._restoring or self._held)

    def finish(self) -> None:
        """See ``Work.finish``."""
        self._handed_over.wait(_HAND_OVER_AT_STOP)
        commit_last(self._consumer, self._commits)

    # Ownership, in the client's I/O thread

    def joined(self, generation: int) -> None:
        """A rebalance is complete. If there was one without us, what we had was others' meanwhile.

        The listener hears nothing of that, nor of what we are given back: it is taken as lost and assigned
        anew. Whether another claimed it meanwhile the journal tells.
        """
        self._missed = self._generation is not None and generation != self._generation + 1
        self._generation = generation
        assignment = self._consumer.assignment()
        if gone := self._awaited - assignment:
            self._let_go(sorted(gone), None)
        self._awaited.clear()
        kept = sorted(assignment & self._turns.keys())
        if self._missed and kept:
            _log.warning("sightings_kept_over_a_gap", partitions=_numbers(kept))
            self.lost(kept, kept=True)
            self.assigned(kept)
            with self._lock:
                self._rewind |= set(kept)

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """These partitions are ours; they are read when they are restored."""
        if not partitions:
            return
        self._consumer.pause(*partitions)
        turn = self._commits.own(partitions)
        generation = self._consumer.group_metadata().generation_id
        self._membership.assigned(_numbers(partitions))
        with self._lock:
            self._held |= set(partitions)
            self._turns |= dict.fromkeys(partitions, turn)
            self._inbox.put(Assigned(_numbers(partitions), turn, generation))

    async def revoked(self, partitions: Sequence[Partition]) -> None:
        """These partitions are being taken away: have the journal get them, and commit, for a moment."""
        if not partitions:
            return
        if self._missed:
            self.lost(partitions)
            return
        self._membership.revoked(_numbers(partitions))
        handed_over = threading.Event()
        self._let_go(partitions, handed_over)
        if not self._handed_over.is_set():
            deadline = self._clock.monotonic() + _HAND_OVER
            while not handed_over.is_set() and self._clock.monotonic() < deadline:
                await KernelEvent("_sleep", _HAND_OVER_STEP)
        taken = self._commits.take(partitions)
        if taken.offsets:
            self._consumer.commit_async(as_offsets(taken.offsets))
        self._commit_no_more(partitions)

    def expelled(self, partitions: Sequence[Partition]) -> None:
        """We had these partitions, and are no member any more; the next join may give them back."""
        self._awaited |= set(partitions)
        self.lost(partitions, kept=True)

    def lost(self, partitions: Sequence[Partition], *, kept: bool = False) -> None:
        """These partitions are another member's already; or, where they are ``kept``, may be."""
        if partitions:
            self._membership.revoked(_numbers(partitions))
            self._commit_no_more(partitions)
            self._let_go(partitions, None, kept=kept)

    def _commit_no_more(self, partitions: Sequence[Partition]) -> None:
        # Under the lock, as the polling thread commits also while a hand-over is waited for.
        with self._lock:
            self._commits.disown(partitions)
            for partition in partitions:
                self._committed.pop(partition, None)

    def _let_go(
        self, partitions: Sequence[Partition], handed_over: threading.Event | None, *, kept: bool = False
    ) -> None:
        with self._lock:
            for partition in partitions:
                self._restoring.pop(partition, None)
                self._turns.pop(partition, None)
            self._reading -= set(partitions)
            self._known -= set(partitions)
            self._rewind -= set(partitions)
            self._held -= set(partitions)
            self._released -= set(partitions)
            self._inbox.put(Revoked(_numbers(partitions), handed_over, kept))

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

    # Offsets

    def _commit(self) -> None:
        """What is new; and the rest again, as it proves that we are in the group."""
        with self._lock:
            taken = self._commits.take()
            self._committed |= taken.offsets
            offsets = as_offsets(self._committed)
        if offsets:
            sent_at = self._clock.monotonic()
            self._consumer.commit_async(
                offsets, callback=lambda _, response: self._told(taken, response, sent_at)
            )

    def _told(self, taken: Taken, response: object, sent_at: Seconds) -> None:
        if isinstance(response, Exception):
            self._commits.failed(taken)
            self._commit_trouble.failed(response)
        else:
            self._membership.proved(self._pace.passed(sent_at))
            self._commit_trouble.worked()

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


class _Listener(AsyncConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """Runs in the client's I/O thread: nothing here may block; what is awaited lets heartbeats go on."""

    def __init__(self, reader: SightingsReader) -> None:
        self._reader = reader

    async def on_partitions_assigned(self, assigned: Iterable[Partition]) -> None:
        partitions = sorted(assigned)
        self._reader.assigned(partitions)
        _log.info("sightings_assigned", partitions=_numbers(partitions))

    async def on_partitions_revoked(self, revoked: Iterable[Partition]) -> None:
        partitions = sorted(revoked)
        _log.info("sightings_revoked", partitions=_numbers(partitions))
        await self._reader.revoked(partitions)

    async def on_partitions_lost(self, lost: Iterable[Partition]) -> None:
        partitions = sorted(lost)
        self._reader.expelled(partitions)
        _log.warning("sightings_lost", partitions=_numbers(partitions))


def _numbers(partitions: Iterable[Partition]) -> tuple[int, ...]:
    return tuple(partition for _, partition in partitions)

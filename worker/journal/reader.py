"""The thread that reads the journal: whole partitions to restore them, and then what is added to them."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog
from kafka import TopicPartition
from kafka.errors import AuthorizationError, KafkaError, SaslAuthenticationFailedError

from worker.formats.ids import read_id_bytes
from worker.formats.journal import CLAIM_KEY, Claim, Epoch, Retired, decode, writer_of
from worker.formats.reasons import Reason, unreadable
from worker.intake.inbox import Foreign, Journaled, JournalEnd, Overtaken
from worker.intake.polling import end_of, position_of
from worker.model import SavedPost, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.intake.clients import Record
    from worker.intake.inbox import Inbox
    from worker.model import Clock, PostId, Seconds
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_POLL_MS: Final = 200
"""While something is being restored."""

_FOLLOW_EVERY: Final = 0.5
"""Seconds between two looks at what was added, once all is restored and read: each costs, full or empty."""

_ERROR_WAIT: Final = 1.0
_ROOM_WAIT: Final = 0.005
_TELL_EVERY: Final = 5.0
_TELL_REFUSED_EVERY: Final = 60.0
_CLAIM_WAIT: Final = 10.0
_NO_EPOCH: Final = Epoch(-1, -1)
"""Below all epochs: there is no claim."""


class JournalError(Exception):
    """The journal cannot be read as it is. The text says why, and what to do."""


class _Wish(NamedTuple):
    """Partitions to restore in a turn, or to go on with where they are ``kept``; without one, to forget."""

    partitions: tuple[int, ...]
    turn: int | None
    kept: bool = False


@dataclass(slots=True)
class _Reading:
    """A partition that is read.

    ``writer``: whose records hold at present, as the last claim that counts says, and ``epoch`` its epoch.
    ``kept``: all that stands before is known since an earlier turn, unless another claims it before we do.
    ``shared``: another has claimed it since it was restored. ``claimed``: the turn that the last claim names.
    """

    turn: int
    since: Seconds
    looked_at: Seconds
    restored: bool = False
    kept: bool = False
    shared: bool = False
    writer: str | None = None
    epoch: Epoch = _NO_EPOCH
    claimed: int | None = None
    records: int = 0
    stale: dict[PostId, None] = field(default_factory=dict)

    def counts(self, claim: Claim) -> bool:
        """Take note of a claim; whether it counts: it is not below the one before it."""
        if claim.epoch < self.epoch:
            return False
        self.writer, self.epoch, self.claimed = claim.by, claim.epoch, claim.turn
        return True

    @property
    def ours_alone(self) -> bool:
        """Whether all that holds up to here is known, and nobody else has claimed it."""
        return (self.restored or self.kept) and not self.shared


class JournalReader:
    """Restores partitions into the Inbox, and goes on reading what is written into those that are ours.

    A partition is restored when our own claim is read: all before it is, by then, for good. ``by``: how this
    worker signs what it writes. ``belongs``: whether a Post is of a partition; what another's journal tells
    of it is refused. ``queue_posts``: Posts that may wait in the Inbox.
    """

    def __init__(
        self,
        topic: str,
        by: str,
        inbox: Inbox,
        *,
        belongs: Callable[[PostId, int], bool],
        queue_posts: int,
        failed: Callable[[BaseException], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._topic = topic
        self._by = by
        self._inbox = inbox
        self._belongs = belongs
        self._queue_posts = queue_posts
        self._failed = failed
        self._clock = clock
        self._telemetry = telemetry
        self._wanted: queue.SimpleQueue[_Wish] = queue.SimpleQueue()
        self._reading: dict[int, _Reading] = {}
        self._left: dict[int, int] = {}
        self._stop = threading.Event()
        self._stirred = threading.Event()
        self._thread: threading.Thread | None = None
        self._troubled = False
        # Whether all is restored and read, as far as is known.
        self._follows = False
        self._told_at = -_TELL_EVERY
        self._refused_at = -_TELL_REFUSED_EVERY

    def start(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """Begin to read with this client; whoever made it closes it."""
        self._thread = threading.Thread(
            target=self._run, args=(consumer,), name="journal-reader", daemon=True
        )
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End soon: after the poll that is under way."""
        self._stop.set()
        self._stirred.set()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def restore(self, partitions: Iterable[int], turn: int) -> None:
        """Read these from their beginning, and hand them over as of this turn; from any thread."""
        self._wish(_Wish(tuple(partitions), turn))

    def resume(self, partitions: Iterable[int], turn: int) -> None:
        """Go on with these, which were restored before, up to our claim of this turn; from any thread.

        Where another claimed one of them since, it is read from its beginning, as for ``restore``.
        """
        self._wish(_Wish(tuple(partitions), turn, kept=True))

    def forget(self, partitions: Iterable[int]) -> None:
        """These are another worker's."""
        self._wish(_Wish(tuple(partitions), None))

    def records_left(self) -> int:
        """Records to read before all that is being restored is, as far as is known."""
        return sum(self._left.values())

    def _wish(self, wish: _Wish) -> None:
        self._wanted.put(wish)
        self._stirred.set()

    def _rest(self) -> None:
        """Until there is a wish, or it is time to look again."""
        self._stirred.wait(_FOLLOW_EVERY)
        self._stirred.clear()

    def _run(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        try:
            while not self._stop.is_set():
                self._once(consumer)
        except BaseException as error:  # noqa: BLE001 -- whatever ends the thread must be told
            self._failed(error)

    def _once(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        self._take_wishes(consumer)
        if not self._reading:
            self._rest()
            return
        if self._inbox.posts >= self._queue_posts:
            self._stop.wait(_ROOM_WAIT)
            return
        try:
            follows = self._follows
            polled = consumer.poll(timeout_ms=0 if follows else _POLL_MS)
            for partition, records in polled.items():
                self._take(consumer, partition.partition, records)
            self._look_after_restores(consumer)
            self._follows = not self._is_behind(consumer)
            if follows and self._follows and not polled:
                self._rest()
        except (SaslAuthenticationFailedError, AuthorizationError):
            raise
        except KafkaError as error:
            # Who stops closes the client, also while it is read.
            if not self._troubled and not self._stop.is_set():
                _log.warning("journal_not_read", error=repr(error))
            self._troubled = True
            self._stop.wait(_ERROR_WAIT)
        else:
            self._troubled = False

    def _take_wishes(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        begin: list[int] = []
        now, changed = self._clock.monotonic(), False
        while not self._wanted.empty():
            wish = self._wanted.get()
            changed = True
            for partition in wish.partitions:
                self._left.pop(partition, None)
                before = self._reading.pop(partition, None)
                if wish.turn is None:
                    continue
                if wish.kept and before is not None and before.ours_alone:
                    self._go_on(partition, before, wish.turn)
                    continue
                if wish.kept:
                    self._inbox.put(Overtaken(partition, wish.turn))
                self._reading[partition] = _Reading(wish.turn, now, now)
                begin.append(partition)
        if not changed:
            return
        self._follows = False
        consumer.assign([TopicPartition(self._topic, number) for number in sorted(self._reading)])
        begin = [number for number in begin if number in self._reading]
        if begin:
            consumer.seek_to_beginning(*(TopicPartition(self._topic, number) for number in begin))
        self._told_at = now
        self._tell_gauges()

    def _go_on(self, partition: int, before: _Reading, turn: int) -> None:
        now = self._clock.monotonic()
        self._reading[partition] = reading = replace(
            before, turn=turn, since=now, looked_at=now, restored=False, kept=True, records=0
        )
        if reading.writer == self._by and reading.claimed == turn:
            # It was written, and read, before we heard of the wish.
            self._end(partition, reading)

    def _take(self, consumer: Any, partition: int, records: Sequence[Record]) -> None:  # noqa: ANN401 -- kafka-python is untyped
        reading = self._reading.get(partition)
        if reading is None:
            return
        if reading.restored:
            self._look_at_news(partition, reading, records)
            return
        if reading.kept:
            self._take_kept(consumer, partition, reading, records)
            return
        items: dict[PostId, SavedPost | Retired] = {}
        for place, record in enumerate(records, start=1):
            if record.key == CLAIM_KEY:
                if self._is_ours(partition, reading, record):
                    self._hand_over(partition, reading, items, place)
                    self._end(partition, reading)
                    self._look_at_news(partition, reading, records[place:])
                    return
            elif reading.writer is not None and _by(record) != reading.writer:
                # Sent late by a worker that had lost the partition: what was there before it holds.
                if (post_id := read_id_bytes(record.key or b"")) is not None:
                    reading.stale[post_id] = None
            else:
                self._read(partition, reading, record, items)
        self._hand_over(partition, reading, items, len(records))

    def _take_kept(self, consumer: Any, partition: int, reading: _Reading, records: Sequence[Record]) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """Up to our claim only what others wrote matters; and whether one of them claimed it."""
        start = 0
        for place, record in enumerate(records):
            if record.key != CLAIM_KEY:
                continue
            self._look_at_news(partition, reading, records[start:place])
            start = place + 1
            ours = self._is_ours(partition, reading, record)
            if reading.writer != self._by:
                self._restore_after_all(consumer, partition, reading)
                return
            if ours:
                self._end(partition, reading)
                break
        self._look_at_news(partition, reading, records[start:])

    def _restore_after_all(self, consumer: Any, partition: int, reading: _Reading) -> None:  # noqa: ANN401 -- kafka-python is untyped
        now = self._clock.monotonic()
        self._inbox.put(Overtaken(partition, reading.turn))
        self._reading[partition] = _Reading(reading.turn, now, now)
        consumer.seek_to_beginning(TopicPartition(self._topic, partition))

    def _is_ours(self, partition: int, reading: _Reading, record: Record) -> bool:
        """Whether this is the claim that was written for this restore, and counts."""
        claim = self._read_claim(partition, record)
        if claim is None:
            return False
        ours = claim.by == self._by and claim.turn == reading.turn
        if reading.counts(claim):
            return ours
        if ours:
            # It does not: the group was forgotten, or we were by the group.
            self._inbox.put(Foreign(partition, reading.turn, (), reading.epoch))
        return False

    def _read_claim(self, partition: int, record: Record) -> Claim | None:
        claim = decode(record.key, record.value)
        if isinstance(claim, Unreadable):
            self._refuse(partition, record, claim)
        return claim if isinstance(claim, Claim) else None

    def _read(
        self, partition: int, reading: _Reading, record: Record, items: dict[PostId, SavedPost | Retired]
    ) -> None:
        item = decode(record.key, record.value)
        if isinstance(item, SavedPost | Retired) and not self._belongs(item.post_id, partition):
            item = unreadable(Reason.JOURNAL_MALFORMED, f"key: Post {item.post_id} is of another partition.")
        if isinstance(item, SavedPost | Retired):
            items[item.post_id] = item
            if reading.stale:
                reading.stale.pop(item.post_id, None)
        elif isinstance(item, Unreadable):
            self._refuse(partition, record, item)

    def _hand_over(
        self, partition: int, reading: _Reading, items: dict[PostId, SavedPost | Retired], records: int
    ) -> None:
        reading.records += records
        self._telemetry.journal_read.inc(records)
        if items:
            self._inbox.put(Journaled(partition, reading.turn, [*items.values()]))

    def _end(self, partition: int, reading: _Reading) -> None:
        reading.restored = True
        self._left.pop(partition, None)
        took = self._clock.monotonic() - reading.since
        _log.info("journal_read", partition=partition, records=reading.records, seconds=round(took, 2))
        self._telemetry.restore_seconds.observe(took)
        self._inbox.put(JournalEnd(partition, reading.turn, tuple(reading.stale), reading.kept))
        reading.stale.clear()

    def _look_at_news(self, partition: int, reading: _Reading, records: Sequence[Record]) -> None:
        """Of a restored partition: what others wrote, or we did after another's claim; both are void."""
        foreign: dict[PostId, None] = {}
        claimed: Epoch | None = None
        for record in records:
            by = _by(record)
            if record.key == CLAIM_KEY:
                claim = self._read_claim(partition, record)
                if claim is None:
                    continue
                counts = reading.counts(claim)
                if claim.by != self._by:
                    claimed = claim.epoch
                    reading.shared |= counts
                elif counts:
                    claimed = None
            elif by == reading.writer == self._by:
                continue
            elif (post_id := read_id_bytes(record.key or b"")) is not None:
                foreign[post_id] = None
        if foreign or claimed is not None:
            self._inbox.put(Foreign(partition, reading.turn, tuple(foreign), claimed))

    def _is_behind(self, consumer: Any) -> bool:  # noqa: ANN401 -- kafka-python is untyped
        """Whether there is more to read now: a partition is not restored, or the last answer told of more."""
        for number, reading in self._reading.items():
            place = TopicPartition(self._topic, number)
            position, end = position_of(consumer, place), end_of(consumer, place)
            if not reading.restored or (position is not None and end is not None and position < end):
                return True
        return False

    def _look_after_restores(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        now = self._clock.monotonic()
        for number, reading in self._reading.items():
            if reading.restored:
                continue
            place = TopicPartition(self._topic, number)
            position, end = position_of(consumer, place), end_of(consumer, place)
            if position is None or end is None:
                continue
            self._left[number] = max(0, end - position)
            if position < end:
                reading.looked_at = now
            elif now - reading.looked_at >= _CLAIM_WAIT:
                # All is read, and no claim of ours was there: have it written again, as below all others.
                reading.looked_at = now
                self._inbox.put(Foreign(number, reading.turn, (), _NO_EPOCH))
        waiting = self._tell_gauges()
        if waiting and now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            _log.info("restoring", partitions=waiting, records_left=self.records_left())

    def _tell_gauges(self) -> int:
        """How many partitions are being restored."""
        waiting = sum(not reading.restored for reading in self._reading.values())
        self._telemetry.restoring_partitions.set(waiting)
        self._telemetry.restore_left.set(self.records_left())
        return waiting

    def _refuse(self, partition: int, record: Record, why: Unreadable) -> None:
        """Told once a minute at most; the counter has them all."""
        where = f"{self._topic}:{partition}:{record.offset}"
        if why.reason == Reason.JOURNAL_VERSION:
            raise JournalError(f"{where}: {why.detail}")
        self._telemetry.journal_refused.inc()
        now = self._clock.monotonic()
        if now - self._refused_at >= _TELL_REFUSED_EVERY:
            self._refused_at = now
            _log.error("journal_record_refused", record=where, reason=why.reason, detail=why.detail)


def _by(record: Record) -> str | None:
    return writer_of(record.value, record.headers)

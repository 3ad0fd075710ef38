"""The input topics: polled in a thread, forwarded, committed when the forward is acknowledged."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka import ConsumerRebalanceListener, OffsetAndMetadata
from kafka.errors import KafkaError

from worker.intake.clients import Partition
from worker.intake.polling import Polling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from worker.intake.clients import Consumer, Record
    from worker.intake.forwarder import Forwarder
    from worker.model import Clock, Seconds
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_COMMIT_EVERY: Final = 1.0
_SETTLE_AT_STOP: Final = 3.0
_SETTLE_STEP: Final = 0.02
_COMMIT_AT_STOP_MS: Final = 2000


class InputReader:
    """Reads the input topics as a member of the group ``<group>`` and hands records to the forwarder.

    Commits only what the forwarder says is acknowledged, each second, when partitions are taken away, and
    at the end.
    """

    def __init__(
        self,
        consumer: Consumer,
        forwarder: Forwarder,
        *,
        failed: Callable[[BaseException], None],
        progressed: Callable[[], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._consumer = consumer
        self._forwarder = forwarder
        self._clock = clock
        self._polling = Polling(
            "input", consumer, self, failed=failed, progressed=progressed, clock=clock, telemetry=telemetry
        )
        self._to_commit: dict[Partition, int] = {}
        self._lost: set[Partition] = set()
        self._lock = threading.Lock()
        self._committed_at = clock.monotonic()
        self._commit_troubled = False

    def start(self, topics: Sequence[str], pattern: str | None) -> None:
        """Subscribe and begin to read."""
        self._consumer.subscribe(topics=topics, pattern=pattern, listener=_Listener(self))
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
        self._forwarder.take(records)

    def turn(self) -> None:
        """See ``Work.turn``."""
        self._note_acknowledged()
        now = self._clock.monotonic()
        if now - self._committed_at >= _COMMIT_EVERY:
            self._committed_at = now
            self._commit(self._take_to_commit(self._consumer.assignment()))

    def full(self) -> bool:
        """See ``Work.full``."""
        return self._forwarder.full

    def hurried(self) -> bool:
        """See ``Work.hurried``."""
        return self._forwarder.in_flight > 0

    def finish(self) -> None:
        """See ``Work.finish``."""
        deadline = self._clock.monotonic() + _SETTLE_AT_STOP
        pause = threading.Event()
        while self._forwarder.in_flight and self._clock.monotonic() < deadline:
            self._note_acknowledged()
            pause.wait(_SETTLE_STEP)
        self._note_acknowledged()
        offsets = _offsets(self._take_to_commit(self._consumer.assignment()))
        if not offsets:
            return
        try:
            self._consumer.commit(offsets, timeout_ms=_COMMIT_AT_STOP_MS)
        except KafkaError as error:
            # Nothing is lost: what was not committed is read again.
            _log.warning("commit_failed_at_stop", error=repr(error))

    # Offsets

    def commit_before_losing(self, partitions: set[Partition]) -> None:
        """Commit what is acknowledged of partitions that are being taken away; in the client's I/O thread."""
        self._commit(self._take_to_commit(partitions))
        self.forget(partitions)

    def forget(self, partitions: set[Partition]) -> None:
        """These partitions are another member's: no offset of before may be committed any more."""
        self._take_to_commit(partitions)
        with self._lock:
            self._lost |= partitions

    def _note_acknowledged(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, set()
        if lost:
            self._forwarder.drop(lost)
        self._forwarder.settle()
        acknowledged = self._forwarder.take_acknowledged()
        with self._lock:
            self._to_commit.update(acknowledged)

    def _take_to_commit(self, partitions: set[Partition]) -> dict[Partition, int]:
        with self._lock:
            taken = {key: offset for key, offset in self._to_commit.items() if key in partitions}
            for key in taken:
                del self._to_commit[key]
        return taken

    def _commit(self, taken: Mapping[Partition, int]) -> None:
        if taken:
            self._consumer.commit_async(_offsets(taken), callback=self._told)

    def _told(self, offsets: Mapping[Partition, Any], response: object) -> None:
        failed = isinstance(response, Exception)
        if failed:
            # To be tried again with the next commit, unless a later offset is waiting there already.
            with self._lock:
                for key, offset in offsets.items():
                    partition = Partition(*key)
                    self._to_commit[partition] = max(self._to_commit.get(partition, 0), offset.offset)
        if failed != self._commit_troubled:
            self._commit_troubled = failed
            _log.warning("commit_failing", error=repr(response)) if failed else _log.info(
                "commit_works_again"
            )


def _offsets(taken: Mapping[Partition, int]) -> dict[Partition, Any]:
    return {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in taken.items()}


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """Runs in the client's I/O thread: nothing here may block."""

    def __init__(self, reader: InputReader) -> None:
        self._reader = reader

    def on_partitions_assigned(self, assigned: Iterable[Partition]) -> None:
        _log.info("input_assigned", partitions=[f"{topic}:{number}" for topic, number in assigned])

    def on_partitions_revoked(self, revoked: Iterable[Partition]) -> None:
        self._reader.commit_before_losing(set(revoked))
        _log.info("input_revoked", partitions=[f"{topic}:{number}" for topic, number in revoked])

    def on_partitions_lost(self, lost: Iterable[Partition]) -> None:
        self._reader.forget(set(lost))
        _log.warning("input_lost", partitions=[f"{topic}:{number}" for topic, number in lost])

"""The input topics: polled in a thread, forwarded, committed when the forward is acknowledged."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog
from kafka import ConsumerRebalanceListener

from worker.intake.commits import Commits, CommitTrouble, as_offsets, commit_last
from worker.intake.polling import Polling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from worker.intake.clients import Consumer, Partition, Record
    from worker.intake.commits import Taken
    from worker.intake.forwarder import Forwarder
    from worker.intake.joining import Joining
    from worker.model import Clock, Seconds
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_COMMIT_EVERY: Final = 1.0
_SETTLE_AT_STOP: Final = 2.5
_SETTLE_STEP: Final = 0.02


class InputReader:
    """Reads the input topics as a member of the group ``<group>`` and hands records to the forwarder.

    Commits only what the forwarder says is acknowledged, each second, when partitions are taken away, and
    at the end.
    """

    def __init__(
        self,
        consumer: Consumer,
        forwarder: Forwarder,
        joining: Joining,
        *,
        session: Seconds,
        failed: Callable[[BaseException], None],
        progressed: Callable[[], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._consumer = consumer
        self._forwarder = forwarder
        self._clock = clock
        self._polling = Polling(
            consumer, self, joining, failed=failed, progressed=progressed, clock=clock, telemetry=telemetry
        )
        self._commits = Commits()
        self._lost: set[Partition] = set()
        self._lock = threading.Lock()
        self._committed_at = clock.monotonic()
        self._commit_trouble = CommitTrouble("commit", session, clock)

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
        # Before these are entered: of a partition lost and won again, only what was polled before is dropped.
        self._drop_lost()
        self._forwarder.take(records)

    def turn(self) -> None:
        """See ``Work.turn``."""
        self._note_acknowledged()
        now = self._clock.monotonic()
        if now - self._committed_at >= _COMMIT_EVERY:
            self._committed_at = now
            self._commit(self._commits.take())

    def full(self) -> bool:
        """See ``Work.full``."""
        return self._forwarder.full

    def held(self) -> Collection[Partition]:
        """See ``Work.held``."""
        return ()

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
        commit_last(self._consumer, self._commits)

    # Ownership, in the client's I/O thread

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """These partitions are ours."""
        self._commits.own(partitions)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """These partitions are being taken away: commit what is acknowledged of them, for the next owner."""
        self._commit(self._commits.take(partitions))
        self.lost(partitions)

    def lost(self, partitions: Sequence[Partition]) -> None:
        """These partitions are another member's: no offset of before may be committed any more."""
        self._commits.disown(partitions)
        with self._lock:
            self._lost |= set(partitions)

    # Offsets

    def _drop_lost(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, set()
        if lost:
            self._forwarder.drop(lost)

    def _note_acknowledged(self) -> None:
        self._drop_lost()
        self._forwarder.settle()
        self._commits.note(self._forwarder.take_acknowledged())

    def _commit(self, taken: Taken) -> None:
        if taken.offsets:
            self._consumer.commit_async(
                as_offsets(taken.offsets), callback=lambda _, response: self._told(taken, response)
            )

    def _told(self, taken: Taken, response: object) -> None:
        if isinstance(response, Exception):
            self._commits.failed(taken)
            self._commit_trouble.failed(response)
        else:
            self._commit_trouble.worked()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """Runs in the client's I/O thread: nothing here may block."""

    def __init__(self, reader: InputReader) -> None:
        self._reader = reader

    def on_partitions_assigned(self, assigned: Iterable[Partition]) -> None:
        partitions = sorted(assigned)
        self._reader.assigned(partitions)
        _log.info("input_assigned", partitions=_names(partitions))

    def on_partitions_revoked(self, revoked: Iterable[Partition]) -> None:
        partitions = sorted(revoked)
        self._reader.revoked(partitions)
        _log.info("input_revoked", partitions=_names(partitions))

    def on_partitions_lost(self, lost: Iterable[Partition]) -> None:
        partitions = sorted(lost)
        self._reader.lost(partitions)
        _log.warning("input_lost", partitions=_names(partitions))


def _names(partitions: Iterable[Partition]) -> list[str]:
    return [f"{topic}:{number}" for topic, number in partitions]

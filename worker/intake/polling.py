"""The thread that polls a consumer: nearly always inside ``poll``, so that the group never waits for it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from kafka.errors import (
    AuthorizationError,
    FencedInstanceIdError,
    KafkaError,
    SaslAuthenticationFailedError,
)

from worker.intake.fencing import FencedError, fail_if_fenced, instance_id_of
from worker.model import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from worker.intake.clients import Consumer, Partition, Record
    from worker.intake.joining import Joining
    from worker.model import Clock
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_LONGEST_POLL: Final = Seconds(1.0)
"""A join goes on only inside ``poll``: so be inside for long."""

_PAUSED_POLL_MS: Final = 100
_ERROR_WAIT: Final = 1.0
_LAG_EVERY: Final = 1.0
_CLOSE_MS: Final = 2000

_GONE: Final = (KafkaError, KeyError)
"""What kafka-python raises for a partition that a rebalance, in its own thread, took away just now."""


class Work(Protocol):
    """What a reader does with what is polled; all of it quick, in the polling thread."""

    def take(self, records: Mapping[Partition, Sequence[Record]]) -> None:
        """Deal with some records."""

    def turn(self) -> None:
        """Called after every poll, also of nothing."""

    def full(self) -> bool:
        """Whether reading should pause: there is no room for more."""

    def held(self) -> Collection[Partition]:
        """Partitions that must not be read yet."""

    def hurried(self) -> bool:
        """Whether there is something to look after soon, so that a poll should not be long."""

    def finish(self) -> None:
        """Reading has ended: settle what is under way, within a bound."""


class Polling:
    """One consumer and its thread.

    Pauses partitions, also those assigned later, while the work is full, and stays in the group. An error
    of the brokers is told once and waited out; a refusal (authentication, authorisation), another member that
    took this one's place, or a fault of ours ends the thread, and ``failed`` is called with it.
    """

    def __init__(
        self,
        consumer: Consumer,
        work: Work,
        joining: Joining,
        *,
        longest_poll: Seconds = _LONGEST_POLL,
        failed: Callable[[BaseException], None],
        progressed: Callable[[], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._name = name = joining.consumer
        self._poll_ms = round(min(longest_poll, _LONGEST_POLL) * 1000)
        self._consumer = consumer
        self._work = work
        self._joining = joining
        self._failed = failed
        self._progressed = progressed
        self._clock = clock
        self._telemetry = telemetry
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._troubled = False
        self._paused = False
        self._lag_at = 0.0
        self._lag_of: set[Partition] = set()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End soon: after the poll that is under way."""
        self._stop.set()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._once()
                self._joining.look(self._consumer)
            self._work.finish()
        except BaseException as error:  # noqa: BLE001 -- whatever ends the thread must be told
            self._failed(error)
        finally:
            try:
                self._consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)
            except (KafkaError, RuntimeError) as error:
                _log.warning("consumer_close_failed", consumer=self._name, error=repr(error))

    def _once(self) -> None:
        try:
            short = self._pause_or_resume() or self._work.hurried()
            records = self._consumer.poll(
                timeout_ms=min(_PAUSED_POLL_MS, self._poll_ms) if short else self._poll_ms
            )
        except (SaslAuthenticationFailedError, AuthorizationError):
            raise
        except KafkaError as error:
            if type(error) is KafkaError and error.__cause__ is not None:
                # This is how kafka-python says that our rebalance listener failed: a fault of ours.
                raise
            self._wait_out(error)
            return
        # Before anything is done with the records: they are another's by now.
        fail_if_fenced(self._consumer)
        if records:
            self._work.take(records)
            if self._troubled:
                _log.info("kafka_trouble_over", consumer=self._name)
                self._troubled = False
        try:
            self._work.turn()
            self._tell_lag()
        except KafkaError as error:
            self._wait_out(error)
            return
        self._progressed()

    def _wait_out(self, error: KafkaError) -> None:
        if isinstance(error, FencedInstanceIdError):
            raise FencedError(instance_id_of(self._consumer)) from error
        if not self._troubled:
            _log.warning("kafka_trouble", consumer=self._name, error=repr(error))
        self._troubled = True
        self._stop.wait(_ERROR_WAIT)

    def _pause_or_resume(self) -> bool:
        """Pause while there is no room, and resume after that; whether all is paused."""
        assigned, paused = self._consumer.assignment(), self._consumer.paused()
        full = self._work.full()
        held = self._work.held()
        # Those of the assignment, which are kafka-python's own: it takes no others that are equal.
        waiting = assigned if full else {partition for partition in assigned if partition in held}
        # One that a rebalance takes away in this moment needs neither.
        for partition in waiting - paused:
            with contextlib.suppress(*_GONE):
                self._consumer.pause(partition)
        for partition in paused - waiting:
            with contextlib.suppress(*_GONE):
                self._consumer.resume(partition)
        if full != self._paused:
            _log.info("reading_paused" if full else "reading_resumed", consumer=self._name)
        self._paused = full
        self._telemetry.paused.labels(self._name).set(full)
        return full

    def _tell_lag(self) -> None:
        now = self._clock.monotonic()
        if now - self._lag_at < _LAG_EVERY:
            return
        self._lag_at = now
        assigned = self._consumer.assignment()
        for partition in self._lag_of - assigned:
            self._telemetry.lag.remove(partition.topic, str(partition.partition))
        self._lag_of = set()
        for partition in assigned:
            end, position = end_of(self._consumer, partition), position_of(self._consumer, partition)
            if end is not None and position is not None:
                lag = max(0, end - position)
                self._telemetry.lag.labels(partition.topic, str(partition.partition)).set(lag)
                self._lag_of.add(partition)


def position_of(consumer: Consumer, partition: Partition) -> int | None:
    """The offset of the next record, if it is known without asking the brokers and the partition is ours."""
    try:
        return consumer.position(partition, timeout_ms=0)
    except _GONE:
        return None


def end_of(consumer: Consumer, partition: Partition) -> int | None:
    """The offset after the last record, as of the last answer, if the partition is ours."""
    try:
        return consumer.highwater(partition)
    except _GONE:
        return None

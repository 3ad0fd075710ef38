"""Input offsets on their way to the brokers: the newest of each partition, never one behind another."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from worker.model import Seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from worker.intake.clients import Consumer, Partition
    from worker.model import Clock

_log = structlog.get_logger(__name__)

_COMMIT_AT_STOP_MS: Final = 1500
_PASSING: Final = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
"""A rebalance is going on, or the membership has ended and the group is joined anew."""


class Taken(NamedTuple):
    """Offsets taken to be committed, and in which turn of ownership of each partition."""

    offsets: Mapping[Partition, int]
    turns: Mapping[Partition, int]


class Turn(NamedTuple):
    """A partition in one turn of our owning it."""

    partition: Partition
    turn: int


class Commits:
    """What is acknowledged and not committed yet, of the partitions that are ours.

    What is noted, or comes back as failed, of a partition that was taken away since is forgotten: its next
    owner may have committed more. Safe for threads: rebalances come from the client's I/O thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[Partition, int] = {}
        self._turn = 0
        self._waiting: dict[Partition, int] = {}
        self._taken: dict[Partition, int] = {}

    def own(self, partitions: Iterable[Partition]) -> int:
        """These are ours from now on. Returns the number of this turn of ownership."""
        with self._lock:
            self._turn += 1
            for partition in partitions:
                self._forget(partition)
                self._turns[partition] = self._turn
            return self._turn

    def disown(self, partitions: Iterable[Partition]) -> None:
        """These are another member's: nothing of them may be committed any more."""
        with self._lock:
            for partition in partitions:
                self._forget(partition)

    def note(self, offsets: Mapping[Partition, int]) -> None:
        """Up to these offsets all is acknowledged."""
        with self._lock:
            for partition, offset in offsets.items():
                self._note(partition, offset)

    def note_in_turns(self, offsets: Mapping[Turn, int]) -> None:
        """As ``note``; what was read in an earlier turn of ownership is forgotten."""
        with self._lock:
            for (partition, turn), offset in offsets.items():
                if self._turns.get(partition) == turn:
                    self._note(partition, offset)

    def take(self, partitions: Iterable[Partition] | None = None) -> Taken:
        """What may be committed, of all partitions or of some; it waits no more."""
        with self._lock:
            wanted = self._waiting.keys() if partitions is None else self._waiting.keys() & set(partitions)
            offsets = {partition: self._waiting.pop(partition) for partition in list(wanted)}
            self._taken |= offsets
            return Taken(offsets, {partition: self._turns[partition] for partition in offsets})

    def failed(self, taken: Taken) -> None:
        """They are not committed: they wait again, unless later ones were taken or wait."""
        with self._lock:
            for partition, offset in taken.offsets.items():
                ours = self._turns.get(partition) == taken.turns[partition]
                if ours and offset >= self._taken[partition]:
                    self._waiting.setdefault(partition, offset)

    def _note(self, partition: Partition, offset: int) -> None:
        newest = max(self._waiting.get(partition, -1), self._taken.get(partition, -1))
        if partition in self._turns and offset > newest:
            self._waiting[partition] = offset

    def _forget(self, partition: Partition) -> None:
        for known in (self._turns, self._waiting, self._taken):
            known.pop(partition, None)


class CommitTrouble:
    """Tells in the log that commits fail, once, and that they work again; ``name`` begins the events.

    Each rebalance has some fail: these are told when they go on for longer than ``patience`` (the session
    timeout), any other at once.
    """

    def __init__(self, name: str, patience: Seconds, clock: Clock) -> None:
        self._name = name
        self._patience = patience
        self._clock = clock
        self._since = self._last = Seconds(-math.inf)
        self._told = False

    def failed(self, error: Exception) -> None:
        """A commit failed with this."""
        now = self._clock.monotonic()
        # Of what is not ours any more none is made again, so that one may be the last for hours.
        if now - self._last > self._patience:
            self._since = now
        self._last = now
        lasts = now - self._since > self._patience
        if not self._told and (lasts or not isinstance(error, _PASSING)):
            self._told = True
            _log.warning(f"{self._name}_failing", error=repr(error))

    def worked(self) -> None:
        """A commit was accepted."""
        if self._told:
            _log.info(f"{self._name}_works_again")
        self._last, self._told = Seconds(-math.inf), False


def commit_last(consumer: Consumer, commits: Commits) -> None:
    """Commit what may be, at the end of reading, within a bound."""
    offsets = commits.take().offsets
    if not offsets:
        return
    try:
        consumer.commit(as_offsets(offsets), timeout_ms=_COMMIT_AT_STOP_MS)
    except KafkaError as error:
        # Nothing is lost: what was not committed is read again.
        _log.warning("commit_failed_at_stop", error=repr(error))


def as_offsets(offsets: Mapping[Partition, int]) -> dict[Partition, Any]:
    """Offsets as kafka-python commits them: it takes no other tuples, equal as they are."""
    return {
        TopicPartition(*partition): OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()
    }

"""What stands on the topic of leaderboards: who wrote each record, in which order; which keys there are.

Every record has the headers ``epoch``, ``sequence`` (decimal numbers) and ``writer`` (any text).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError, UnknownTopicOrPartitionError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from worker.model import Seconds

CLAIM_KEY: Final = b"/epoch"
"""The key of the tombstone that opens an epoch. No leaderboard has it: a campaign's name is not empty."""

_POLL_MS: Final = 100
_MOST_DIGITS: Final = 15


class Stamp(NamedTuple):
    """Who wrote a record, and when in the order of all of them."""

    epoch: int
    sequence: int
    writer: str

    def headers(self) -> list[tuple[str, bytes]]:
        """As a record carries it."""
        return [
            ("epoch", str(self.epoch).encode()),
            ("sequence", str(self.sequence).encode()),
            ("writer", self.writer.encode()),
        ]


def stamp_of(headers: Iterable[tuple[str, bytes]]) -> Stamp:
    """The stamp of a record; the lowest there is where it has none that can be read."""
    found = dict(headers)
    try:
        stamp = Stamp(_number(found["epoch"]), _number(found["sequence"]), found["writer"].decode())
    except (KeyError, ValueError, AttributeError, TypeError):
        return Stamp(0, 0, "")
    return stamp


def _number(digits: bytes) -> int:
    """Raises ``ValueError`` for what no publisher writes: the next epoch must be one that JSON can hold."""
    if not digits.isdigit() or len(digits) > _MOST_DIGITS:
        raise ValueError(digits)
    return int(digits)


class _Newest(NamedTuple):
    writer: str
    there: bool


class BoardsTopic:
    """The topic as ``writer`` finds it. One thread uses it; it closes the consumer."""

    def __init__(self, consumer: Any, topic: str, writer: str) -> None:  # noqa: ANN401 -- kafka-python is untyped
        self._consumer = consumer
        self._writer = writer
        self._newest: dict[bytes, _Newest] = {}
        self._ends: dict[Any, int] = {}
        self.others = 0
        """The highest epoch of another writer."""
        self.others_before_mine = 0
        """The highest epoch of another writer before the newest record of this one."""
        self._mine = -1
        self.began_anew = False
        """Whether offsets went back: the topic was lost, and is another one now."""
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            raise UnknownTopicOrPartitionError(topic)
        self._partitions = [TopicPartition(topic, number) for number in partitions]
        consumer.assign(self._partitions)
        consumer.seek_to_beginning(*self._partitions)

    def read_to_end(self, stop: threading.Event, within: Seconds) -> None:
        """Read all there is now, or until ``stop`` is set.

        Raises:
            KafkaError: it cannot be read, or nothing more was for ``within`` seconds.
        """
        self._read(lambda: all(self._at_end(one) for one in self._partitions), stop, within)

    def read_to_mine(self, sequence: int, stop: threading.Event, within: Seconds) -> None:
        """As ``read_to_end``, to this writer's record of this number."""
        # Where a consumer was at the end before, it learns of a new one only by reading on.
        self._read(lambda: self._mine >= sequence, stop, within)

    def look(self, epoch: int) -> set[bytes]:
        """Read what came since; gives the keys that others wrote under a lower epoch."""
        written = {
            key for key, stamp in self._poll(0) if stamp.writer != self._writer and stamp.epoch < epoch
        }
        for partition, end in self._ends.items():
            self.began_anew |= (self._consumer.highwater(partition) or end) < end
        return written

    def keys(self) -> set[bytes]:
        """The keys of the leaderboards that are there."""
        return {key for key, newest in self._newest.items() if newest.there and key != CLAIM_KEY}

    def is_mine(self, key: bytes) -> bool:
        """Whether the newest record of a key is this writer's."""
        newest = self._newest.get(key)
        return newest is not None and newest.writer == self._writer

    def close(self) -> None:
        """Let go of the consumer."""
        self._consumer.close(autocommit=False, timeout_ms=0)

    def _read(self, enough: Callable[[], bool], stop: threading.Event, within: Seconds) -> None:
        deadline = time.monotonic() + within
        while not enough() and not stop.is_set():
            if self._poll(_POLL_MS):
                deadline = time.monotonic() + within
            elif time.monotonic() > deadline:
                raise KafkaTimeoutError(f"the topic was not read to its end: no more for {within:g} s")

    def _at_end(self, partition: TopicPartition) -> bool:
        end = self._consumer.highwater(partition)
        # Asked only when the end is known: it waits for brokers where it does not know the position.
        return end is not None and self._consumer.position(partition, timeout_ms=_POLL_MS) >= end

    def _poll(self, timeout_ms: int) -> list[tuple[bytes, Stamp]]:
        found: list[tuple[bytes, Stamp]] = []
        for partition, records in self._consumer.poll(timeout_ms=timeout_ms).items():
            for record in records:
                key, stamp = record.key or b"", stamp_of(record.headers)
                found.append((key, stamp))
                self._newest[key] = _Newest(stamp.writer, record.value is not None)
                if stamp.writer == self._writer:
                    self.others_before_mine = self.others
                    self._mine = stamp.sequence
                else:
                    self.others = max(self.others, stamp.epoch)
                self.began_anew |= record.offset < self._ends.get(partition, 0)
                self._ends[partition] = record.offset + 1
        return found

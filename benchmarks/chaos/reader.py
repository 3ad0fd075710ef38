"""A reader of ``<group>.leaderboards`` as a customer would have one: it reads all the time."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.chaos.ownership import Span


@dataclass(frozen=True, slots=True)
class Backward:
    """An older board that came after a newer one."""

    key: str
    offset: int
    before: tuple[Any, ...]
    after: tuple[Any, ...]


class Boards:
    """Judges records in the order in which they are read. Pure."""

    def __init__(self) -> None:
        self.backward: list[Backward] = []
        self.arrivals: list[float] = []
        self.records = 0
        self._newest: dict[str, tuple[Any, ...]] = {}

    def take_record(self, record: Any, at: float) -> None:  # noqa: ANN401 -- kafka-python's
        """As ``take``, of what a consumer gives."""
        self.take(record.key, record.value, record.offset, at)

    def take(self, key: bytes, value: bytes | None, offset: int, at: float) -> None:
        """A record, read at ``at``. A tombstone has no age."""
        self.records += 1
        self.arrivals.append(at)
        if value is None:
            return
        board = json.loads(value)
        age = _age(board)
        name = key.decode()
        before = self._newest.get(name)
        if before is not None and len(before) == len(age) and age < before:
            self.backward.append(Backward(name, offset, before, age))
        else:
            self._newest[name] = age

    def longest_outage(self, within: Sequence[Span]) -> Span:
        """From when to when nothing came, in the time that counts."""
        worst = (0.0, 0.0)
        for begins, ends in within:
            times = [begins, *(at for at in self.arrivals if begins < at < ends), ends]
            for before, after in pairwise(times):
                if after - before > worst[1] - worst[0]:
                    worst = (before, after)
        return worst


def _age(board: dict[str, Any]) -> tuple[Any, ...]:
    """What says which of two is newer."""
    if "epoch" in board:
        return board["epoch"], board["sequence"]
    return (datetime.fromisoformat(board["as_of"]).timestamp(),)


class Reader:
    """Reads a topic in a thread of its own, from the beginning on; ``take`` gets each record and the time."""

    def __init__(self, bootstrap: str, topic: str, take: Callable[[Any, float], None]) -> None:
        self._topic = topic
        self._take = take
        self._ends = threading.Event()
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            request_timeout_ms=6000,
            metadata_max_age_ms=5000,
        )
        self._thread = threading.Thread(target=self._run, name=f"reader of {topic}", daemon=True)

    def start(self) -> None:
        """Begin to read, as soon as the topic is there."""
        self._thread.start()

    def close(self) -> None:
        """End, and let go of the brokers."""
        self._ends.set()
        if self._thread.ident is not None:
            self._thread.join(10)
        self._consumer.close(timeout_ms=1000)

    def _run(self) -> None:
        while not self._ends.is_set():
            try:
                if not self._consumer.assignment() and not self._assign():
                    self._ends.wait(0.5)
                    continue
                for batch in self._consumer.poll(200).values():
                    now = time.time()
                    for record in batch:
                        self._take(record, now)
            except KafkaError:
                self._ends.wait(0.5)

    def _assign(self) -> bool:
        parts = self._consumer.partitions_for_topic(self._topic)
        if parts:
            self._consumer.assign([TopicPartition(self._topic, part) for part in parts])
        return bool(parts)

"""The state of a group to another one, with as many partitions as is wanted: ``top-tweets move-state``."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from kafka import TopicPartition
from kafka.errors import CommitFailedError, UnknownMemberIdError

from worker.formats.ids import read_id_bytes
from worker.formats.journal import CLAIM_KEY, writer_of
from worker.intake.commits import as_offsets
from worker.intake.forwarder import partition_of
from worker.intake.topics import TopicNames
from worker.topic_reading import partitions_of, read_partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.connections import KafkaConnections
    from worker.intake.clients import Partition
    from worker.settings.sections import Kafka

_FLUSH_EVERY: Final = 20_000
_TIMEOUT: Final = 60.0


class MoveError(Exception):
    """The state cannot be moved; the group that it is of is as it was. The text says what to do."""


class StateMove:
    """Copies journal, Sightings that wait, handles and input offsets of a group to topics of another one.

    The topics of the other group must be there. Nothing of the first one is changed, and whatever is copied
    twice overwrites itself. ``counts`` has what was copied, by kind. ``tell`` is called with a sentence as
    each step begins.
    """

    def __init__(
        self, kafka: Kafka, connections: KafkaConnections, to: str, tell: Callable[[str], object]
    ) -> None:
        self._kafka = kafka
        self._connections = connections
        self._old, self._new = TopicNames(kafka.group), TopicNames(to)
        self._tell = tell
        self._within = kafka.request_timeout
        self._on_the_way: list[Any] = []
        self.counts: Counter[str] = Counter()

    def run(self, *, again: bool = False) -> None:
        """Copy everything; the input offsets last, as they say that the rest is there.

        Args:
            again: also where the other group has input offsets, which are overwritten.

        Raises:
            MoveError: a group has members, or the other one is in use; nothing was copied.
            TopicError: the brokers give nothing.
            KafkaError: they refuse.
        """
        offsets = self._committed(self._old.group, self._inputs())
        waiting = self._committed(f"{self._old.group}.owners", self._partitions(self._old.sightings))
        self._refuse_members(self._old.group, offsets)
        self._refuse_members(f"{self._old.group}.owners", waiting)
        if not again and self._committed(self._new.group, self._inputs()):
            raise MoveError(f"group {self._new.group} is in use: name another, or overwrite it with --again")
        reader, producer = self._connections.reader(), self._connections.producer()
        try:
            partitions = len(partitions_of(reader, self._new.journal))
            self._tell(f"copying {self._old.journal}")
            self._copy(producer, self._new.journal, self._journal(reader), partitions)
            self._tell(f"copying what waits in {self._old.sightings}")
            self._copy(producer, self._new.sightings, self._sightings(reader, waiting), partitions)
            self._tell(f"copying {self._old.handles}")
            self._copy(producer, self._new.handles, self._handles(reader), None)
            self._flush(producer)
        finally:
            reader.close(autocommit=False)
            producer.close(timeout=_TIMEOUT)
        if offsets:
            self._commit(self._new.group, offsets)
        self.counts["input offsets"] = len(offsets)

    # What there is

    def _journal(self, reader: Any) -> Iterator[Any]:  # noqa: ANN401 -- kafka-python is untyped
        """Records that hold, by the rule of claims, and no claims: each new owner writes its own."""
        for number in partitions_of(reader, self._old.journal):
            writer: str | None = None
            for record in read_partition(reader, self._old.journal, number, self._within):
                by = writer_of(record.value, record.headers)
                if record.key == CLAIM_KEY:
                    writer = by
                elif writer is None or by == writer:
                    self.counts["journal records"] += 1
                    yield record

    def _sightings(self, reader: Any, waiting: dict[Partition, int]) -> Iterator[Any]:  # noqa: ANN401 -- kafka-python is untyped
        """Those that no owner had committed."""
        topic = self._old.sightings
        for number in partitions_of(reader, topic):
            first = waiting.get(TopicPartition(topic, number), 0)
            for record in read_partition(reader, topic, number, self._within, first=first):
                self.counts["sightings"] += 1
                yield record

    def _handles(self, reader: Any) -> Iterator[Any]:  # noqa: ANN401 -- kafka-python is untyped
        for number in partitions_of(reader, self._old.handles):
            for record in read_partition(reader, self._old.handles, number, self._within):
                self.counts["handles"] += 1
                yield record

    def _inputs(self) -> list[Partition]:
        pattern = self._kafka.topic_pattern
        found = list(self._kafka.topic)
        reader = self._connections.reader()
        try:
            if pattern is not None:
                compiled = re.compile(self._old.others(pattern))
                found = [topic for topic in sorted(reader.topics()) if compiled.match(topic)]
            return [
                TopicPartition(topic, number) for topic in found for number in partitions_of(reader, topic)
            ]
        finally:
            reader.close(autocommit=False)

    def _partitions(self, topic: str) -> list[Partition]:
        reader = self._connections.reader()
        try:
            return [TopicPartition(topic, number) for number in partitions_of(reader, topic)]
        finally:
            reader.close(autocommit=False)

    # What is done

    def _copy(
        self,
        producer: Any,  # noqa: ANN401 -- kafka-python is untyped
        topic: str,
        records: Iterator[Any],
        partitions: int | None,
    ) -> None:
        """In order, so that of each key the last record is the last here too."""
        for record in records:
            post_id = read_id_bytes(record.key or b"") if partitions is not None else None
            if partitions is not None and post_id is None:
                self.counts["records of strangers, left out"] += 1
                continue
            place = None if post_id is None or partitions is None else partition_of(post_id, partitions)
            sent = producer.send(
                topic, record.value, key=record.key, headers=[*record.headers], partition=place
            )
            self._on_the_way.append(sent)
            if len(self._on_the_way) >= _FLUSH_EVERY:
                self._flush(producer)

    def _flush(self, producer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        producer.flush(timeout=_TIMEOUT)
        for sent in self._on_the_way:
            sent.get(timeout=_TIMEOUT)
        self._on_the_way.clear()

    def _committed(self, group: str, partitions: list[Partition]) -> dict[Partition, int]:
        consumer = self._connections.consumer(group, start="earliest")
        try:
            found = {
                one: consumer.committed(one, timeout_ms=round(self._within * 1000)) for one in partitions
            }
        finally:
            consumer.close(autocommit=False)
        return {one: offset for one, offset in found.items() if offset is not None}

    def _refuse_members(self, group: str, offsets: dict[Partition, int]) -> None:
        """Commit what is committed: brokers take that from a stranger only while nobody is in the group."""
        if offsets:
            self._commit(group, offsets)

    def _commit(self, group: str, offsets: dict[Partition, int]) -> None:
        consumer = self._connections.consumer(group, start="earliest")
        try:
            consumer.assign(list(offsets))
            consumer.commit(as_offsets(offsets), timeout_ms=round(self._within * 1000))
        except (CommitFailedError, UnknownMemberIdError) as error:
            raise MoveError(
                f"group {group} has members: stop its workers first (one that was killed counts until "
                "kafka.session_timeout is over)"
            ) from error
        finally:
            consumer.close(autocommit=False)

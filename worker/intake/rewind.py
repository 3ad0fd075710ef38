"""Puts the input group back to a moment: from there its next members read the input topics again."""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING, Any, Final

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaError, UnknownMemberIdError

from worker.model import Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from worker.intake.clients import Partition, Record

BEGINNING: Final = Timestamp(0.0)
"""Before every record."""

_POLL_MS: Final = 200


class RewindError(Exception):
    """The group cannot be put back; nothing was changed. The text says what to do."""


class Rewind:
    """Finds where a moment is in each partition, and commits that for a group, all at once or not at all.

    What brokers say of times is looked at by reading the records there, as some say wrong things; where it
    is wrong, the partition is read from its beginning until a record is late enough.

    Args:
        consumer: of the group, and not a member of it.
        within: seconds without an answer after which to give up.
    """

    def __init__(self, consumer: Any, within: float) -> None:  # noqa: ANN401 -- kafka-python is untyped
        self._consumer = consumer
        self._within = within

    def to(self, moment: Timestamp, topics: Sequence[str], pattern: str | None) -> dict[Partition, int]:
        """Put the group back to a moment in these topics; the offsets that it begins at.

        Before the first record is the first record, after the last is the end.

        Raises:
            RewindError: the group has members, or the brokers do not answer.
            KafkaError: they refuse.
        """
        partitions = self.partitions(topics, pattern)
        offsets = self.find(moment, partitions) if partitions else {}
        if offsets:
            self._commit(offsets)
        return offsets

    def partitions(self, topics: Sequence[str], pattern: str | None) -> list[Partition]:
        """The partitions of those of these topics, or of a pattern, that are there."""
        there = self._consumer.topics()
        if pattern is not None:
            compiled = re.compile(pattern)
            topics = [topic for topic in there if compiled.match(topic)]
        return [
            TopicPartition(topic, number)
            for topic in sorted(there.intersection(topics))
            for number in sorted(self._consumer.partitions_for_topic(topic))
        ]

    def find(self, moment: Timestamp, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The offset of the first record of each partition that is not before the moment, else the end."""
        # kafka-python takes its own type of partition only. It equals ours.
        partitions = [TopicPartition(*one) for one in partitions]
        beginnings = self._beginnings(partitions)
        if moment <= BEGINNING:
            return beginnings
        wanted = math.ceil(moment * 1000)
        said = self._consumer.offsets_for_times(
            dict.fromkeys(partitions, wanted), timeout_ms=round(self._within * 1000)
        )
        ends = self._ends(partitions)
        found = {one: ends[one] if said.get(one) is None else said[one].offset for one in partitions}
        found = {one: min(max(offset, beginnings[one]), ends[one]) for one, offset in found.items()}
        wrong = self._wrong(found, wanted, beginnings, ends)
        return found | {one: self._search(one, wanted, ends[one]) for one in wrong}

    def _beginnings(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        first = self._read(partitions, lambda: self._consumer.seek_to_beginning(*partitions))
        return {
            one: record.offset if record is not None else self._position(one) for one, record in first.items()
        }

    def _ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """As the fetches of just now said: not all brokers answer rightly when asked for it."""
        return {one: self._consumer.highwater(one) for one in partitions}

    def _wrong(
        self,
        found: Mapping[Partition, int],
        wanted: int,
        beginnings: Mapping[Partition, int],
        ends: Mapping[Partition, int],
    ) -> list[Partition]:
        """The partitions where the record found is too early, or the one before it is not."""
        at = self._read_at({one: offset for one, offset in found.items() if offset < ends[one]})
        before = self._read_at({one: offset - 1 for one, offset in found.items() if offset > beginnings[one]})
        early = [one for one, record in at.items() if record is not None and _time(record) < wanted]
        late = [
            one
            for one, record in before.items()
            if record is not None and record.offset < found[one] and _time(record) >= wanted
        ]
        return sorted({*early, *late})

    def _search(self, partition: Partition, wanted: int, end: int) -> int:
        self._consumer.assign([partition])
        self._consumer.seek_to_beginning(partition)
        patient_until = time.monotonic() + self._within
        while (position := self._position(partition)) < end:
            for record in self._consumer.poll(timeout_ms=_POLL_MS).get(partition, ()):
                if _time(record) >= wanted:
                    return int(record.offset)
            if self._position(partition) > position:
                patient_until = time.monotonic() + self._within
            self._still(patient_until)
        return end

    def _read_at(self, places: Mapping[Partition, int]) -> dict[Partition, Record | None]:
        def seek() -> None:
            for partition, offset in places.items():
                self._consumer.seek(partition, offset)

        return self._read(list(places), seek)

    def _read(
        self, partitions: Sequence[Partition], seek: Callable[[], object]
    ) -> dict[Partition, Record | None]:
        """The first record of each partition from where ``seek`` goes; ``None`` where that is its end."""
        found: dict[Partition, Record | None] = {}
        if not partitions:
            return found
        self._consumer.assign(partitions)
        seek()
        patient_until = time.monotonic() + self._within
        while len(found) < len(partitions):
            for partition, records in self._consumer.poll(timeout_ms=_POLL_MS).items():
                if partition not in found and records:
                    # It is read on until all are found: kafka-python may not read on one that was paused.
                    found[partition] = records[0]
            for partition in partitions:
                end = self._consumer.highwater(partition)
                if partition not in found and end is not None and self._position(partition) >= end:
                    found[partition] = None
            if len(found) < len(partitions):
                self._still(patient_until)
        return found

    def _position(self, partition: Partition) -> int:
        position = self._consumer.position(partition, timeout_ms=round(self._within * 1000))
        if position is None:
            raise RewindError(f"the brokers do not say where {partition.topic} begins")
        return int(position)

    def _still(self, patient_until: float) -> None:
        if time.monotonic() > patient_until:
            raise RewindError(f"the brokers gave nothing of the input topics for {self._within:g} s")

    def _commit(self, offsets: Mapping[Partition, int]) -> None:
        """One request: brokers take it from one who is no member only while there is no member at all."""
        plain = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}
        try:
            self._consumer.commit(plain, timeout_ms=round(self._within * 1000))
        except (CommitFailedError, UnknownMemberIdError) as error:
            raise RewindError(
                "other workers are in the group, and nothing was changed: stop them all first. One that was "
                "killed, or has a kafka.instance_id, counts until kafka.session_timeout is over"
            ) from error
        except KafkaError as error:
            raise RewindError(f"the brokers do not take the group's offsets: {error!r}") from error


def _time(record: Any) -> int:  # noqa: ANN401 -- kafka-python is untyped
    return int(record.timestamp)

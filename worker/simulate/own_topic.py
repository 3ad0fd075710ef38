"""Reads the user's own input topics, to measure what comes. Changes nothing there, and is in no group."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from worker.formats.record import RecordReader
from worker.intake.rewind import BEGINNING, Rewind
from worker.intake.topics import TopicNames
from worker.model import Timestamp
from worker.reading import reading_rules
from worker.settings.types import write_duration
from worker.simulate.measured import Measuring
from worker.topic_reading import TopicError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from worker.intake.clients import Partition, Record
    from worker.settings import Settings
    from worker.settings.sections import Kafka
    from worker.simulate.measured import Measured

_POLL_MS: Final = 200


class OwnTopic:
    """The input topics of some settings.

    Args:
        consumer: of no group; whoever made it closes it.
        settings: which topics, and how their records are read.
        told: called with how many records were read, and how many there are to read.
    """

    def __init__(
        self,
        consumer: Any,  # noqa: ANN401 -- kafka-python is untyped
        settings: Settings,
        told: Callable[[int, int], None],
    ) -> None:
        self._consumer = consumer
        self._settings = settings
        self._told = told
        self._within = settings.kafka.request_timeout

    def measure(self, now: Timestamp, last: float) -> Measured:
        """What came in the last so many seconds before ``now``, or as far back as the topics go.

        Raises:
            TopicError: there is no topic or no record, or the brokers say nothing for too long.
            RewindError: they do not say where records begin.
            KafkaError: they refuse.
        """
        since = Timestamp(now - last)
        kafka = self._settings.kafka
        rewind = Rewind(self._consumer, self._within)
        pattern = kafka.topic_pattern
        own = None if pattern is None else TopicNames(kafka.group).others(pattern)
        partitions = rewind.partitions(kafka.topic, own)
        there = {topic for topic, _ in partitions}
        if not there.issuperset(kafka.topic) or not there:
            raise TopicError(_missing(kafka, there))
        begins = rewind.find(since, partitions)
        from_first = begins == rewind.find(BEGINNING, partitions)
        # Nobody's name or text is needed here, so none is taken out of the records.
        rules = replace(reading_rules(self._settings.intake), keep_author=False, keep_text=False)
        reader, measuring = RecordReader(rules), Measuring()
        for partition, records in self._records(begins):
            for record in records:
                at = Timestamp(record.timestamp / 1000)
                reading = reader.read(record.value, record.key, record.headers, partition.topic, at)
                measuring.take(reading, at)
        if not measuring.records:
            raise TopicError(_empty(partitions, last, whole=from_first))
        limit = self._settings.watchlist.max_campaigns
        return measuring.measured(since, now, from_first=from_first, most_campaigns=limit)

    def _records(self, begins: Mapping[Partition, int]) -> Iterator[tuple[Partition, Sequence[Record]]]:
        """The records from these offsets up to the ends that fetches tell first; what comes later is left."""
        self._consumer.assign(list(begins))
        for partition, offset in begins.items():
            self._consumer.seek(partition, offset)
        ends: dict[Partition, int] = {}
        positions = dict(begins)
        patient_until = time.monotonic() + self._within
        while len(ends) < len(begins) or any(positions[one] < end for one, end in ends.items()):
            polled: Mapping[Partition, Sequence[Record]] = self._consumer.poll(timeout_ms=_POLL_MS)
            found = self._ends(begins.keys() - ends.keys())
            ends |= found
            for partition, records in polled.items():
                yield partition, [record for record in records if record.offset < ends[partition]]
            if self._moved(positions, ends) or found:
                patient_until = time.monotonic() + self._within
                done = sum(min(positions[one], end) - begins[one] for one, end in ends.items())
                self._told(done, sum(end - begins[one] for one, end in ends.items()))
            elif time.monotonic() > patient_until:
                raise TopicError(f"the brokers gave nothing of the input topics for {self._within:g} s")

    def _ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Those ends that are known by now: not every broker answers rightly when asked for them."""
        said = {one: self._consumer.highwater(one) for one in partitions}
        return {one: end for one, end in said.items() if end is not None}

    def _moved(self, positions: dict[Partition, int], ends: Mapping[Partition, int]) -> bool:
        """Note how far each partition is read, and stop where that is its end; whether any went on."""
        before = dict(positions)
        for partition, end in ends.items():
            if positions[partition] < end:
                position = self._consumer.position(partition, timeout_ms=round(self._within * 1000))
                positions[partition] = positions[partition] if position is None else position
            if positions[partition] >= end:
                self._consumer.pause(partition)
        return positions != before


def _missing(kafka: Kafka, there: Collection[str]) -> str:
    if kafka.topic_pattern is not None:
        return (
            f"no topic on these brokers matches kafka.topic_pattern {kafka.topic_pattern!r}: "
            "check it and kafka.bootstrap_servers"
        )
    missing = ", ".join(topic for topic in kafka.topic if topic not in there)
    return f"there is no topic {missing} on these brokers: check kafka.topic and kafka.bootstrap_servers"


def _empty(partitions: Sequence[Partition], last: float, *, whole: bool) -> str:
    topics = ", ".join(sorted({topic for topic, _ in partitions}))
    if whole:
        return f"no record is in {topics}: there is nothing to measure yet"
    return f"no record of the last {write_duration(last)} is in {topics}: look further back with --last"

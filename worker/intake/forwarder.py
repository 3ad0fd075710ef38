"""Input records to ``sightings``: read, leave out what was forwarded lately, dead-letter the unreadable."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import structlog
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from worker.formats.wire import encode_sighting, encode_tombstone
from worker.intake.dead_letters import dead_letter, smaller
from worker.intake.ledger import Ledger, Parcel
from worker.model import PostId, Sighting, Skip, Source, Tombstone, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.formats.record import RecordReader
    from worker.intake.clients import Partition, Producer, Record, Sent
    from worker.intake.recent import RecentPosts
    from worker.intake.topics import TopicNames
    from worker.model import Clock, Timestamp
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_MIXER: Final = 0x9E3779B97F4A7C15
_WORD: Final = 2**64 - 1


def partition_of(post_id: PostId, partitions: int) -> int:
    """The ``sightings`` partition that a Post belongs to: a multiplicative hash, the same in every worker.

    The brokers' own partitioner costs ten times as much in Python, and only workers produce to this topic.
    """
    return ((post_id * _MIXER & _WORD) >> 32) % partitions


class Forwarder:
    """Deals with polled records: each is sent on, left out as known, a tombstone, or a dead letter.

    ``take_acknowledged`` gives the input offsets that may be committed: those whose records are acknowledged.
    """

    def __init__(
        self,
        producer: Producer,
        reader: RecordReader,
        recent: RecentPosts,
        names: TopicNames,
        *,
        partitions: int,
        in_flight: int,
        buffer_bytes: int,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._producer = producer
        self._reader = reader
        self._recent = recent
        self._names = names
        self._partitions = partitions
        self._in_flight_limit = in_flight
        # Dead letters may be a megabyte each, and kafka-python's producer takes whatever it is given.
        self._buffer_bytes = buffer_bytes
        self._clock = clock
        self._telemetry = telemetry
        self._ledger: Ledger[Partition] = Ledger(self._send, self._refit)
        self._failures = 0
        self._troubled = False

    def take(self, records: Mapping[Partition, Sequence[Record]]) -> None:
        """Read some records and send them on."""
        now = self._clock.now()
        parcels: list[Parcel] = []
        offsets: dict[Partition, int] = {}
        for partition, batch in records.items():
            outcomes = Counter([self._read(record, partition, now, parcels) for record in batch])
            offsets[partition] = batch[-1].offset + 1
            for outcome, count in outcomes.items():
                self._telemetry.records.labels(partition.topic, outcome).inc(count)
        self._ledger.enter(offsets, parcels)

    def settle(self) -> None:
        """Look after what is on its way; called often."""
        self._ledger.settle()
        self._recent.tick()
        self._telemetry.forwards_in_flight.set(self._ledger.in_flight)
        self._telemetry.forwards_in_flight_bytes.set(self._ledger.size)
        self._telemetry.recent_posts.set(len(self._recent))
        if self._ledger.failures > self._failures:
            self._telemetry.forward_errors.inc(self._ledger.failures - self._failures)
            self._failures = self._ledger.failures
        self._tell_trouble()

    def take_acknowledged(self) -> dict[Partition, int]:
        """The offsets that may be committed since this was asked last."""
        return self._ledger.take_acknowledged()

    def drop(self, partitions: set[Partition]) -> None:
        """These partitions were taken away: their offsets are not ours to commit any more."""
        self._ledger.drop(partitions)

    @property
    def in_flight(self) -> int:
        """Records sent and not acknowledged."""
        return self._ledger.in_flight

    @property
    def full(self) -> bool:
        """Whether so much is on its way that no more should be read."""
        many = self._ledger.in_flight >= self._in_flight_limit
        return many or self._ledger.size >= self._buffer_bytes or self._ledger.stuck

    def _read(self, record: Record, partition: Partition, now: Timestamp, parcels: list[Parcel]) -> str:
        reading = self._reader.read(record.value, record.key, record.headers, partition.topic, now)
        if isinstance(reading, Sighting):
            if self._recent.covers(reading):
                return "repeated"
            key, value = encode_sighting(reading)
            place = partition_of(reading.post_id, self._partitions)
            parcels.append(Parcel(self._names.sightings, key, value, place, None))
            return "sighting"
        if isinstance(reading, Tombstone):
            self._recent.forget(reading.post_id)
            place = partition_of(reading.post_id, self._partitions)
            parcels.append(Parcel(self._names.sightings, *encode_tombstone(reading.post_id), place, None))
            return "tombstone"
        if isinstance(reading, Skip):
            return "skipped"
        source = Source(partition.topic, partition.partition, record.offset)
        parcels.append(self._dead_letter(record, source, reading))
        return "dead_letter"

    def _dead_letter(self, record: Record, source: Source, why: Unreadable) -> Parcel:
        self._telemetry.dead_letters.labels(why.reason).inc()
        return dead_letter(self._names.dead_letters, record, source, why)

    def _send(self, parcel: Parcel) -> Sent | None:
        try:
            return self._producer.send(
                parcel.topic, parcel.value, key=parcel.key, headers=parcel.headers, partition=parcel.partition
            )
        except KafkaError:
            # The ledger keeps it, counts it, and tries again.
            return None

    def _refit(self, parcel: Parcel, error: BaseException) -> Parcel:
        """What to send after a failure: the same, unless it is a dead letter that brokers find too large."""
        too_large = isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError)
        return smaller(parcel) if too_large and parcel.topic == self._names.dead_letters else parcel

    def _tell_trouble(self) -> None:
        trouble = self._ledger.trouble
        if (trouble is not None) == self._troubled:
            return
        self._troubled = trouble is not None
        if self._troubled:
            _log.warning("forward_failing", error=trouble)
        else:
            _log.info("forward_works_again")

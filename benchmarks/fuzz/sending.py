"""Sends fuzzed records in batches of every compression, and knows at which offset each of them is."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from kafka import KafkaProducer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.fuzz.mutations import Made

CODECS: Final = (None, "gzip", "snappy", "lz4", "zstd")
_LARGEST_REQUEST: Final = 24_000_000
_PATIENCE: Final = 120.0


class Sender:
    """Sends to one topic, to its partitions in turn. Its records must be the only ones there.

    One producer at a time, and an idempotent one: so offsets follow the order of sending.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self.ends = [0] * partitions
        """Of each partition, the offset of the next record."""
        self._turn = 0

    def send(self, records: Iterable[Made], codec: str | None) -> list[tuple[int, int]]:
        """Send them, and wait until the brokers have them; partition and offset of each."""
        places: list[tuple[int, int]] = []
        producer = KafkaProducer(
            bootstrap_servers=self._bootstrap,
            compression_type=codec,
            acks="all",
            enable_idempotence=True,
            linger_ms=10,
            batch_size=262_144,
            max_request_size=_LARGEST_REQUEST,
        )
        with closing(producer):
            sent = []
            for key, value, headers in records:
                partition = self._turn
                self._turn = (partition + 1) % len(self.ends)
                sent.append(producer.send(self._topic, value, key=key, headers=headers, partition=partition))
                places.append((partition, self.ends[partition]))
                self.ends[partition] += 1
            for one, (_, offset) in zip(sent, places, strict=True):
                if one.get(timeout=_PATIENCE).offset != offset:
                    raise RuntimeError(f"offset {one.value.offset}, and {offset} was to be expected")
        return places

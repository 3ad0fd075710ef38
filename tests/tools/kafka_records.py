"""Records to and from topics, for tests."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PATIENCE: Final = 30.0


class Writer:
    """Produces to topics; ``close`` it, or use it in ``closing``."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap, enable_idempotence=False, acks="all", max_request_size=20_000_000
        )

    def send(
        self,
        topic: str,
        values: Iterable[bytes | None],
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        """Send values and wait until the brokers have them."""
        sent = [
            self._producer.send(topic, value, key=key, headers=list(headers), partition=partition)
            for value in values
        ]
        for one in sent:
            one.get(timeout=_PATIENCE)

    def close(self) -> None:
        """Let go of the brokers."""
        self._producer.close(timeout=5)


def read_all(bootstrap: str, topic: str) -> list[Any]:
    """All records of a topic as of now: of each partition in order."""
    with closing(_reader(bootstrap)) as consumer:
        partitions = [
            TopicPartition(topic, one) for one in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        assert partitions, f"no topic {topic}"
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        records: list[Any] = []
        deadline = time.monotonic() + _PATIENCE
        while not all(_read_to_end(consumer, one) for one in partitions):
            assert time.monotonic() < deadline, f"{topic} does not end"
            for batch in consumer.poll(200).values():
                records += batch
        return records


def latest(bootstrap: str, topic: str) -> dict[bytes, Any]:
    """The last record of each key: what a compacted topic holds in the end, without its tombstones."""
    found = {record.key: record for record in read_all(bootstrap, topic)}
    return {key: record for key, record in found.items() if record.value is not None}


def committed(bootstrap: str, group: str, topic: str, partitions: int) -> dict[int, int]:
    """The offsets that a group has committed in a topic."""
    with closing(_reader(bootstrap, group)) as consumer:
        found = {number: consumer.committed(TopicPartition(topic, number)) for number in range(partitions)}
    return {number: offset for number, offset in found.items() if offset is not None}


def _reader(bootstrap: str, group: str | None = None) -> Any:
    return KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )


def _read_to_end(consumer: Any, partition: TopicPartition) -> bool:
    end = consumer.highwater(partition)
    return end is not None and consumer.position(partition) >= end

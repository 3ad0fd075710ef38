"""A topic from a place to its end as of now, record by record: no more is held than a fetch brings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from kafka import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLL_MS: Final = 200
_RECORDS: Final = 500


class TopicError(Exception):
    """The topic cannot be read or written. The text says what to do."""


def partitions_of(consumer: Any, topic: str) -> list[int]:  # noqa: ANN401 -- kafka-python is untyped
    """The partitions of a topic; none where it is not there. Creates nothing."""
    return sorted(consumer.partitions_for_topic(topic) or ()) if topic in consumer.topics() else []


def read(
    consumer: Any,  # noqa: ANN401 -- kafka-python is untyped
    topic: str,
    within: float,
    *,
    first: int = 0,
    last: int | None = None,
) -> Iterator[Any]:
    """The records of all partitions, one after the other, each as ``read_partition`` gives them."""
    for number in partitions_of(consumer, topic):
        yield from read_partition(consumer, topic, number, within, first=first, last=last)


def read_partition(
    consumer: Any,  # noqa: ANN401 -- kafka-python is untyped
    topic: str,
    number: int,
    within: float,
    *,
    first: int = 0,
    last: int | None = None,
) -> Iterator[Any]:
    """The records of a partition, up to the end that it has when it is begun.

    What comes in meanwhile is not read: a letter that a replay brings about must not be replayed by it.
    The end is told by what fetches say, as not every broker answers rightly when asked for it.

    Args:
        consumer: of no group.
        topic: one that is there.
        number: of the partition.
        within: seconds without a record or the end after which to give up.
        first: offset to begin at, if it is there.
        last: the last offset wanted.

    Raises:
        TopicError: nothing came for too long.
    """
    partition = TopicPartition(topic, number)
    consumer.assign([partition])
    consumer.seek(partition, first)
    end: int | None = None
    patient_until = time.monotonic() + within
    while end is None or consumer.position(partition, timeout_ms=round(within * 1000)) < end:
        for record in consumer.poll(timeout_ms=_POLL_MS, max_records=_RECORDS).get(partition, ()):
            patient_until = time.monotonic() + within
            if last is not None and record.offset > last:
                break
            # One that came after the end was known is not of now.
            if end is None or record.offset < end:
                yield record
        if end is None:
            end = consumer.highwater(partition)
            if end is not None and last is not None:
                end = min(end, last + 1)
        if time.monotonic() > patient_until:
            raise TopicError(f"topic {topic}: the brokers gave nothing for {within:g} s")

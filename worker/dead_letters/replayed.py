"""The topic ``<group>.replayed``: which dead letters were sent back, so that none is sent twice by accident.

Key ``partition:offset`` of the letter, value ``{"letter_at": …, "replayed_at": …, "to": "posts"}``, the first
in milliseconds and the second in seconds since 1970; compacted, one partition. docs/decisions/0016 says why.
"""

from __future__ import annotations

import re
import time
from array import array
from typing import TYPE_CHECKING, Any, Final

import orjson
from kafka import TopicPartition
from kafka.errors import KafkaError, TopicAlreadyExistsError

from worker.topic_reading import TopicError, partitions_of, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.dead_letters.letter import Letter

_KEY: Final = re.compile(rb"(\d{1,9}):(\d{1,18})")
_BLOCK: Final = 4096
_NEVER: Final = -1
_FLUSH_EVERY: Final = 1000


class Replayed:
    """What was replayed before, and by this process. Eight bytes a letter, also with millions of them.

    A letter is told from another at the same offset, of a topic that was deleted and made anew, by its time.
    """

    def __init__(self, topic: str, within: float) -> None:
        self._topic = topic
        self._within = within
        self._blocks: dict[tuple[int, int], array[int]] = {}

    def load(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """Read the topic, if it is there.

        Raises:
            TopicError: the brokers do not give it.
        """
        for record in read(consumer, self._topic, self._within):
            found = _KEY.fullmatch(record.key or b"")
            if found is not None:
                self._set(int(found[1]), int(found[2]), _letter_at(record.value))

    def has(self, letter: Letter) -> bool:
        """Whether this letter was sent back."""
        block = self._blocks.get((letter.partition, letter.offset // _BLOCK))
        return block is not None and block[letter.offset % _BLOCK] == _milliseconds(letter)

    def mark(self, producer: Any, letters: Iterable[tuple[Letter, str]]) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """These were sent to these topics; returns when the brokers have it.

        Raises:
            TopicError: the brokers do not take it.
        """
        sent = []
        try:
            for letter, topic in letters:
                note = {"letter_at": _milliseconds(letter), "replayed_at": time.time(), "to": topic}
                key = b"%d:%d" % (letter.partition, letter.offset)
                sent.append((letter, producer.send(self._topic, orjson.dumps(note), key=key)))
            for letter, one in sent:
                one.get(timeout=self._within)
                self._set(letter.partition, letter.offset, _milliseconds(letter))
        except KafkaError as error:
            raise TopicError(f"topic {self._topic} cannot be written to: {error!r}") from error

    def forget_gone(self, consumer: Any, producer: Any, letters: str) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """Take out the marks of letters that the topic ``letters`` does not hold any more.

        Raises:
            KafkaError: the brokers do not answer.
        """
        partitions = [TopicPartition(letters, number) for number in partitions_of(consumer, letters)]
        begins = {one.partition: offset for one, offset in consumer.beginning_offsets(partitions).items()}
        for number, key in enumerate(self._marked_before(begins)):
            producer.send(self._topic, None, key=key)
            if number % _FLUSH_EVERY == 0:
                producer.flush(timeout=self._within)
        producer.flush(timeout=self._within)

    def _marked_before(self, begins: dict[int, int]) -> Iterator[bytes]:
        for (partition, number), block in self._blocks.items():
            for offset, at in enumerate(block, start=number * _BLOCK):
                if offset >= begins.get(partition, 0):
                    break
                if at != _NEVER:
                    yield b"%d:%d" % (partition, offset)

    def _set(self, partition: int, offset: int, at: int) -> None:
        place = partition, offset // _BLOCK
        if place not in self._blocks:
            self._blocks[place] = array("q", [_NEVER]) * _BLOCK
        self._blocks[place][offset % _BLOCK] = at


def ensure_topic(admin: Any, topic: str, replication_factor: int) -> None:  # noqa: ANN401 -- kafka-python is untyped
    """Create the topic where it is missing.

    Raises:
        TopicError: the brokers refuse to.
    """
    options = {
        "num_partitions": 1,
        "replication_factor": replication_factor,
        "configs": {"cleanup.policy": "compact"},
    }
    try:
        admin.create_topics({topic: options})
    except TopicAlreadyExistsError:
        return
    except KafkaError as error:
        raise TopicError(f"topic {topic} cannot be created: {error}") from error
    admin.wait_for_topics([topic])


def _milliseconds(letter: Letter) -> int:
    return round(letter.at * 1000)


def _letter_at(value: bytes | None) -> int:
    try:
        return int(orjson.loads(value or b"")["letter_at"])
    except (ValueError, KeyError, TypeError):
        return _NEVER

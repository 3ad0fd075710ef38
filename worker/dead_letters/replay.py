"""Sends dead letters back to where they came from, waits until the brokers have them, and marks them."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from worker.topic_reading import TopicError, partitions_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.dead_letters.letter import Letter
    from worker.dead_letters.replayed import Replayed

_BATCH_LETTERS: Final = 500
_BATCH_BYTES: Final = 16 * 2**20
"""Letters on their way at most: so much is in memory, and so many may be sent twice after a power cut."""


class Replay:
    """Sends letters in the order given, a batch at a time: each is marked when the brokers have it.

    ``sent`` counts letters by the topic they went to; ``already`` those that were replayed before;
    ``refused`` those that cannot be replayed, each of which ``complain`` was told.
    """

    def __init__(
        self,
        consumer: Any,  # noqa: ANN401 -- kafka-python is untyped
        producer: Any,  # noqa: ANN401 -- kafka-python is untyped
        replayed: Replayed,
        *,
        forbidden: Callable[[str], str | None],
        complain: Callable[[str], object],
        within: float,
        to: str | None = None,
        again: bool = False,
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._replayed = replayed
        self._forbidden = forbidden
        self._complain = complain
        self._within = within
        self._to = to
        self._again = again
        self._partitions: dict[str, list[int]] = {}
        self._batch: list[tuple[Letter, str, Any]] = []
        self._bytes = 0
        self.sent: Counter[str] = Counter()
        self.already = 0
        self.refused = 0

    def offer(self, letter: Letter) -> bool:
        """Send this letter, if it can be and was not before; whether it is on its way.

        Without a producer nothing is sent, and what would be is counted.

        Raises:
            TopicError: the brokers do not take records.
        """
        if not self._again and self._replayed.has(letter):
            self.already += 1
            return False
        topic = self._to or (letter.source.topic if letter.source else "")
        why = letter.obstacle or self._closed(letter, topic)
        if why is not None:
            self._refuse(letter, why)
            return False
        if self._producer is None:
            self.sent[topic] += 1
            return True
        return self._send(letter, topic)

    def settle(self, within: float | None = None) -> None:
        """Wait until the brokers have what is on its way, and mark it.

        Raises:
            TopicError: they do not answer. What they took until then is marked, if they take that.
        """
        deadline = time.monotonic() + (self._within if within is None else within)
        arrived: list[tuple[Letter, str]] = []
        refused: list[tuple[Letter, str]] = []
        unanswered = 0
        for letter, topic, one in self._batch:
            try:
                one.get(timeout=max(0.0, deadline - time.monotonic()))
            except KafkaTimeoutError:
                unanswered += 1
            except KafkaError as error:
                refused.append((letter, f"topic {topic} does not take it: {error!r}"))
            else:
                arrived.append((letter, topic))
        self._replayed.mark(self._producer, arrived)
        # Only now, so that one who is interrupted above can settle the same once more.
        self._batch, self._bytes = [], 0
        self.sent.update(topic for _, topic in arrived)
        for letter, why in refused:
            self._refuse(letter, why)
        if unanswered:
            raise TopicError(f"the brokers did not say that they have {unanswered:,} of the records sent")

    def _send(self, letter: Letter, topic: str) -> bool:
        place = None if self._to or letter.source is None else letter.source.partition
        headers = list(letter.headers)
        try:
            one = self._producer.send(topic, letter.value, key=letter.key, headers=headers, partition=place)
        except MessageSizeTooLargeError as error:
            self._refuse(letter, str(error))
            return False
        except KafkaError as error:
            raise TopicError(f"topic {topic} cannot be written to: {error!r}") from error
        self._batch.append((letter, topic, one))
        self._bytes += len(letter.value or b"") + len(letter.key or b"")
        if len(self._batch) >= _BATCH_LETTERS or self._bytes >= _BATCH_BYTES:
            self.settle()
        return True

    def _closed(self, letter: Letter, topic: str) -> str | None:
        """Why its topic does not take it: it is ours, or is not there any more."""
        if (why := self._forbidden(topic)) is not None:
            return f"topic {topic!r}: {why}"
        if topic not in self._partitions:
            self._partitions[topic] = partitions_of(self._consumer, topic)
        known = self._partitions[topic]
        if not known:
            return f"topic {topic} is not there; --to names another"
        source = letter.source
        if not self._to and source is not None and source.partition not in known:
            return f"topic {topic} has no partition {source.partition} any more; --to {topic} goes by its key"
        return None

    def _refuse(self, letter: Letter, why: str) -> None:
        self.refused += 1
        self._complain(f"{letter.place}: not replayed: {why}")

"""Post IDs from files onto the input topic: what ``top-tweets produce`` does."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import orjson
from kafka.errors import KafkaError

from worker.formats.files import read_post_ids
from worker.model import Sighting, Skip, Timestamp, Tombstone, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.formats.rules import ReadingRules

_FLUSH_EVERY: Final = 20_000
"""Records on their way at most: sending is quicker than brokers take, and what waits is in memory."""
_FLUSH_TIMEOUT: Final = 60.0

Headers = list[tuple[str, bytes]]


class ProduceError(Exception):
    """The brokers do not take records. The text says what to do."""


class Producing:
    """Sends what files hold to a topic and keeps count of what became of each line.

    ``outcomes`` has ``sighting``, ``tombstone``, ``skipped`` and ``unreadable``; ``failed`` counts records
    that the brokers did not take. ``complain`` is told each line that cannot be read.
    """

    def __init__(
        self,
        producer: Any,  # noqa: ANN401 -- kafka-python is untyped
        topic: str,
        campaigns: Sequence[str],
        rules: ReadingRules,
        complain: Callable[[str], None],
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._campaigns = campaigns
        self._rules = rules
        self._complain = complain
        self._on_the_way: list[Any] = []
        self.outcomes: Counter[str] = Counter()
        self.failed = 0

    def account(self) -> str:
        """What became of all lines, in a sentence."""
        sighted, deleted = self.outcomes["sighting"], self.outcomes["tombstone"]
        return (
            f"{_number(sighted, 'Post ID')} and {_number(deleted, 'delete notice')} sent to {self._topic}; "
            f"{self.outcomes['skipped']:,} skipped, {self.outcomes['unreadable']:,} not readable, "
            f"{self.failed:,} not sent"
        )

    def send_file(self, stream: BinaryIO, name: str) -> Iterator[None]:
        """Send a file; yields after each line, so that a caller can show progress.

        Raises:
            ProduceError: the brokers do not answer.
            OSError: the file cannot be read.
        """
        for record in read_post_ids(stream, name, at=Timestamp(time.time()), rules=self._rules):
            reading = record.reading
            if isinstance(reading, Sighting):
                self._send(b"%d" % reading.post_id, _value(reading), self._headers(reading))
                self.outcomes["sighting"] += 1
            elif isinstance(reading, Tombstone):
                self._send(b"%d" % reading.post_id, None, [])
                self.outcomes["tombstone"] += 1
            elif isinstance(reading, Skip):
                self.outcomes["skipped"] += 1
            elif isinstance(reading, Unreadable):
                self.outcomes["unreadable"] += 1
                self._complain(f"{record.place}: {reading.detail}")
            yield

    def finish(self, within: float = _FLUSH_TIMEOUT) -> None:
        """Wait until the brokers have everything.

        Raises:
            ProduceError: they do not answer.
        """
        try:
            self._producer.flush(timeout=within)
        except KafkaError as error:
            raise ProduceError(f"the brokers did not take everything in {within:g} s: {error}") from error
        finally:
            lost = (sent for sent in self._on_the_way if not sent.is_done or sent.exception is not None)
            self.failed += sum(1 for _ in lost)
            self._on_the_way.clear()

    def _send(self, key: bytes, value: bytes | None, headers: Headers) -> None:
        try:
            self._on_the_way.append(self._producer.send(self._topic, value, key=key, headers=headers))
        except KafkaError as error:
            raise ProduceError(f"topic {self._topic} cannot be written to (is it there?): {error}") from error
        if len(self._on_the_way) >= _FLUSH_EVERY:
            self.finish()

    def _headers(self, sighting: Sighting) -> Headers:
        """Campaigns go as headers, which leave the value as plain as it can be."""
        names = dict.fromkeys([*self._campaigns, *sighting.campaigns])
        return [("campaign", name.encode()) for name in names]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _value(sighting: Sighting) -> bytes:
    """The ID as text; with author or text, an object that intake reads."""
    if sighting.author is None and sighting.text is None:
        return b"%d" % sighting.post_id
    document: dict[str, object] = {"id_str": str(sighting.post_id)}
    if sighting.text is not None:
        document["text"] = sighting.text
    if sighting.author is not None:
        document["user"] = {"screen_name": sighting.author}
    return orjson.dumps(document)

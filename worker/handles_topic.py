"""The topic ``<group>.handles``: which accounts were asked for in which month, shared by all workers.

Key ``2026-11/acme``, value ``{"first_used": 1763719740.1}`` in seconds since 1970; compacted, one partition.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
import structlog
from kafka.errors import KafkaError

from worker.topic_reader import ERROR_WAIT, TopicReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.intake.clients import Sent
    from worker.model import Seconds, Timestamp

_log = structlog.get_logger(__name__)

_KEY: Final = re.compile(r"(\d{4}-\d{2})/(.{1,100})")


class _Use(NamedTuple):
    month: str
    handle: str
    at: Timestamp


class HandlesTopic:
    """Reads the topic for ever in a thread of its own, and writes what ``save`` is given until it is there.

    ``learned`` is called in that thread, with the month and the handle of every record; ``failed`` with a
    fault of ours, which ends it.
    """

    def __init__(
        self,
        topic: str,
        learned: Callable[[str, str], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._topic = topic
        self._learned = learned
        self._unsaved: deque[_Use] = deque()
        self._producer: Any = None
        self._reader = TopicReader(
            topic, "handles", read=self._read_all, turn=self._write, troubled=self._tell, failed=failed
        )

    def save(self, month: str, handle: str, at: Timestamp) -> None:
        """Write this; from any thread, and never waits."""
        self._unsaved.append(_Use(month, handle, at))

    def start(self, consumer: Any, producer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """Begin to read and write with these clients; whoever made them closes them."""
        self._producer = producer
        self._reader.start(consumer)

    def ask_to_stop(self) -> None:
        """End soon: after the poll that is under way, and one more try to write."""
        self._reader.stop.set()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        return self._reader.join(timeout)

    def _read_all(self, records: Sequence[Any]) -> None:
        for record in records:
            self._read(record.key)

    def _read(self, key: bytes | None) -> None:
        found = _KEY.fullmatch((key or b"").decode(errors="replace"))
        if found is None:
            _log.warning("handle_unreadable", topic=self._topic, key=repr(key)[:100])
        else:
            self._learned(found[1], found[2])

    def _write(self) -> None:
        """Write all that waits; what fails goes on waiting."""
        waiting = [self._unsaved.popleft() for _ in range(len(self._unsaved))]
        sent: list[tuple[_Use, Sent]] = []
        try:
            for use in waiting:
                sent.append((use, self._send(use)))
            for _, one in sent:
                one.get(timeout=ERROR_WAIT)  # type: ignore[attr-defined]  # kafka-python's future
        except KafkaError:
            there = {use for use, one in sent if one.is_done and one.exception is None}
            self._unsaved.extend(use for use in waiting if use not in there)
            raise

    def _send(self, use: _Use) -> Sent:
        value = orjson.dumps({"first_used": use.at})
        sent: Sent = self._producer.send(self._topic, value, key=f"{use.month}/{use.handle}".encode())
        return sent

    def _tell(self, error: KafkaError) -> None:
        _log.warning("handles_not_shared", error=repr(error), unsaved=len(self._unsaved))

"""The topic ``<group>.partials``, read for ever: what the owners of all partitions tell of their boards."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

import structlog

from worker.formats.partial import decode_partial
from worker.model import Unreadable
from worker.topic_reader import ERROR_WAIT, TopicReader

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from kafka.errors import KafkaError

    from worker.model import Partial, PartialKey, Seconds
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_BATCH: Final = 100
"""Partials handed to the loop at once. It takes them before it is given more, so none pile up there."""


class PartialsTopic:
    """Reads the topic in a thread of its own, from its beginning.

    ``learned`` is called in the event loop, with each thing that records say, in their order; ``complete``
    there too, once, when all is read that stood in the topic when this began; ``failed``, in the thread,
    with a fault of ours, which ends it.
    """

    def __init__(
        self,
        topic: str,
        learned: Callable[[Partial | PartialKey], None],
        complete: Callable[[], None],
        *,
        failed: Callable[[BaseException], None],
        loop: asyncio.AbstractEventLoop,
        telemetry: Telemetry,
    ) -> None:
        self._learned = learned
        self._complete = complete
        self._loop = loop
        self._telemetry = telemetry
        self._reader = TopicReader(
            topic,
            "partials",
            read=self._read,
            turn=self._look_whether_all_is_read,
            troubled=self._tell,
            failed=failed,
        )
        self._consumer: Any = None
        self._goal: int | None = None
        self._read_all = False
        self._told: set[str] = set()

    def start(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """Begin to read with this client; whoever made it closes it."""
        self._consumer = consumer
        self._reader.start(consumer)

    def ask_to_stop(self) -> None:
        """End soon: after the poll that is under way."""
        self._reader.stop.set()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        return self._reader.join(timeout)

    def _read(self, records: Sequence[Any]) -> None:
        for start in range(0, len(records), _BATCH):
            said = [self._decode(record) for record in records[start : start + _BATCH]]
            self._hand_over([one for one in said if one is not None])

    def _decode(self, record: Any) -> Partial | PartialKey | None:  # noqa: ANN401 -- kafka-python is untyped
        found = decode_partial(record.key, record.value)
        if not isinstance(found, Unreadable):
            return found
        self._telemetry.partials_refused.inc()
        if found.reason not in self._told:
            self._told.add(found.reason)
            _log.error("partial_refused", offset=record.offset, reason=found.reason, detail=found.detail)
        return None

    def _look_whether_all_is_read(self) -> None:
        if self._read_all:
            return
        partition = self._reader.partition
        if self._goal is None:
            # Asked of the brokers: no answer to a poll may have come yet.
            self._goal = self._consumer.end_offsets([partition])[partition]
        if self._consumer.position(partition) >= self._goal:
            self._read_all = True
            self._in_loop(self._complete)

    def _hand_over(self, said: Sequence[Partial | PartialKey]) -> None:
        taken = threading.Event()

        def take() -> None:
            for one in said:
                self._learned(one)
            taken.set()

        if said and self._in_loop(take):
            while not taken.wait(ERROR_WAIT) and not self._reader.stop.is_set():
                pass

    def _in_loop(self, call: Callable[[], None]) -> bool:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call)
            return True
        return False

    def _tell(self, error: KafkaError) -> None:
        _log.warning("partials_not_read", error=repr(error))

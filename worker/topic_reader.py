"""A topic of one partition that is read for ever, from its beginning, in a thread; no group is asked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from kafka import TopicPartition
from kafka.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.model import Seconds

_POLL_MS: Final = 500
ERROR_WAIT: Final = 1.0
"""Seconds until the brokers are asked again."""


class TopicReader:
    """Owns the thread. ``read`` is given the records of each poll, and ``turn`` is called after it.

    Both are called in the thread, and may raise a ``KafkaError``: ``troubled`` hears of the first of a row,
    and it goes on after a moment. ``failed`` hears of any other error, which ends it. ``name`` is the
    thread's.
    """

    def __init__(
        self,
        topic: str,
        name: str,
        *,
        read: Callable[[Sequence[Any]], None],
        turn: Callable[[], None],
        troubled: Callable[[KafkaError], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.partition = TopicPartition(topic, 0)
        self.stop = threading.Event()
        self._name = name
        self._read = read
        self._turn = turn
        self._troubled = troubled
        self._failed = failed
        self._in_trouble = False
        self._thread: threading.Thread | None = None

    def start(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        """Begin to read with this client; whoever made it closes it."""
        consumer.assign([self.partition])
        consumer.seek_to_beginning(self.partition)
        self._thread = threading.Thread(target=self._run, args=(consumer,), name=self._name, daemon=True)
        self._thread.start()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end, after ``stop`` is set; whether it came in time."""
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        try:
            while not self.stop.is_set():
                if not self._went_well(lambda: self._poll(consumer)):
                    self.stop.wait(ERROR_WAIT)
            self._went_well(self._turn)
        except BaseException as error:  # noqa: BLE001 -- whatever ends the thread must be told
            self._failed(error)

    def _poll(self, consumer: Any) -> None:  # noqa: ANN401 -- kafka-python is untyped
        for records in consumer.poll(timeout_ms=_POLL_MS).values():
            self._read(records)
        self._turn()

    def _went_well(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except KafkaError as error:
            # Who stops closes the client, also while it is read.
            if not self._in_trouble and not self.stop.is_set():
                self._troubled(error)
            self._in_trouble = True
            return False
        self._in_trouble = False
        return True

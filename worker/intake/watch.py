"""Whether the brokers answer: ``poll`` hides an outage, so somebody asks them every few seconds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from kafka.errors import KafkaError, KafkaTimeoutError, NodeNotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.model import Seconds
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_CLIENT: Final = "watch"
_EVERY: Final = 5.0
_AGAIN: Final = 1.0
_FAILURES: Final = 2
"""In a row before the brokers count as down: of several brokers, the one that was asked may just restart."""


_ONLY_THAT: Final = (NodeNotReadyError, KafkaTimeoutError)
"""Errors that say that nobody answers, in words of kafka-python's inside."""


def _cause(error: KafkaError) -> str:
    return "" if isinstance(error, _ONLY_THAT) else f": {error}"


class Admin(Protocol):
    """What this needs of kafka-python's admin client. Each call has a bound, set where it is made."""

    def describe_cluster(self) -> object: ...  # noqa: D102 -- kafka-python's
    def close(self) -> None: ...  # noqa: D102 -- kafka-python's


class BrokerWatch:
    """Asks the brokers something light in a thread of its own; sets a gauge and tells each change once."""

    def __init__(
        self,
        connect: Callable[[], Admin],
        servers: Sequence[str],
        *,
        failed: Callable[[BaseException], None],
        telemetry: Telemetry,
    ) -> None:
        self._connect = connect
        self._servers = ", ".join(servers)
        self._failed = failed
        self._gauge = telemetry.kafka_up.labels(_CLIENT)
        self._gauge.set(1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-watch", daemon=True)
        self._admin: Admin | None = None
        self._failures = 0
        self._down: str | None = None

    @property
    def down(self) -> str | None:
        """Why the brokers count as down; ``None`` while they answer."""
        return self._down

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End soon: after the question that is under way."""
        self._stop.set()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def look(self) -> bool:
        """Ask once, and tell if it is news; whether they answered."""
        try:
            self._admin = self._admin or self._connect()
            self._admin.describe_cluster()
        except KafkaError as error:
            self._failures += 1
            if self._failures >= _FAILURES and self._down is None:
                self._down = f"no answer from {self._servers}{_cause(error)}"
                self._gauge.set(0)
                _log.warning("kafka_down", error=self._down)
            return False
        self._failures = 0
        if self._down is not None:
            self._down = None
            self._gauge.set(1)
            _log.info("kafka_back")
        return True

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                answered = self.look()
                self._stop.wait(_EVERY if answered else _AGAIN)
            if self._admin is not None:
                self._admin.close()
        except BaseException as error:  # noqa: BLE001 -- whatever ends the thread must be told
            self._failed(error)

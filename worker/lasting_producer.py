"""The producer of sightings, dead letters and handles, which outlives the clients that it is made of."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
from kafka.errors import KafkaConnectionError, KafkaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.model import Seconds
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

_LOOK_EVERY: Final = 1.0
_WAIT: Final = 1.0
_WAIT_MAX: Final = 30.0
_STUCK_AFTER: Final = 180.0
"""Seconds without an end of a record: kafka-python gives every record up after 120."""


class Client(Protocol):
    """What this needs of ``worker.connections.Producer``."""

    @property
    def dead(self) -> bool: ...  # noqa: D102 -- see ``worker.connections``
    def discard(self) -> None: ...  # noqa: D102 -- see ``worker.connections``
    def send(self, topic: str, value: Any = None, **more: Any) -> Any: ...  # noqa: ANN401, D102 -- kafka-python's
    def partitions_for(self, topic: str) -> Any: ...  # noqa: ANN401, D102 -- kafka-python's
    def flush(self, timeout: float | None = None) -> None: ...  # noqa: D102 -- kafka-python's


class LastingProducer:
    """Forwards to a client, and puts a new one in the place of one that died.

    What the dead one had not sent fails, so that whoever gave it sends it again. While there is no client,
    calls raise ``KafkaConnectionError``. Safe for threads; a thread of its own looks after the client, also
    when nobody sends.

    Args:
        connect: makes a client; it may wait for brokers, and fails with a ``KafkaError``. It is called here
            once, and then in the thread.
        reachable: whether it is worth to call ``connect`` again.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        telemetry: Telemetry,
        *,
        reachable: Callable[[], bool],
        look_every: Seconds | None = None,
    ) -> None:
        self._connect = connect
        self._reachable = reachable
        self._telemetry = telemetry
        self._look_every = look_every or _LOOK_EVERY
        self._client: Client | None = connect()
        self._probe: tuple[Any, float] | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="producer", daemon=True)
        self._thread.start()

    def send(self, topic: str, value: bytes | None = None, **more: Any) -> Any:  # noqa: ANN401 -- kafka-python's
        """See kafka-python."""
        sent = self._now().send(topic, value, **more)
        if self._probe is None:
            self._probe = sent, time.monotonic()
        return sent

    def partitions_for(self, topic: str) -> Any:  # noqa: ANN401 -- kafka-python's
        """See kafka-python."""
        return self._now().partitions_for(topic)

    def flush(self, timeout: float | None = None) -> None:
        """See kafka-python."""
        self._now().flush(timeout)

    def close(self, timeout: float = 0.0) -> None:
        """Send what can be sent within ``timeout`` seconds, and let go. Any number of times."""
        self._closing.set()
        client = self._client
        if client is not None:
            with contextlib.suppress(KafkaError):
                client.flush(timeout)
            client.discard()

    def _now(self) -> Client:
        client = self._client
        if client is None:
            raise KafkaConnectionError("the producer died and is being rebuilt")
        return client

    def _look_after(self) -> None:
        while not self._closing.wait(self._look_every):
            client = self._client
            if client is not None and (client.dead or self._stuck()):
                self._rebuild(client)

    def _stuck(self) -> bool:
        """Whether a record has had no end for long: the thread runs, and does no work."""
        probe = self._probe
        if probe is None:
            return False
        sent, since = probe
        if sent.is_done:
            self._probe = None
            return False
        return time.monotonic() - since > _STUCK_AFTER

    def _rebuild(self, dead: Client) -> None:
        self._client = None
        self._probe = None
        dead.discard()
        wait = _WAIT
        while not self._closing.is_set():
            try:
                client = self._connect() if self._reachable() else None
            except KafkaError:
                client = None
            if client is None:
                self._closing.wait(wait)
                wait = min(2 * wait, _WAIT_MAX)
                continue
            self._client = client
            if self._closing.is_set():
                client.discard()
                return
            self._telemetry.producer_rebuilds.inc()
            _log.warning("producer_rebuilt")
            return

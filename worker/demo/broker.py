"""A broker for development, by itself: the embedded one, for as long as it is wanted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker.embedded import EmbeddedBrokerError, embedded_broker
from worker.signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_EVERY: Final = 0.2


async def run_broker(port: int, say: Callable[[str], None]) -> None:
    """Run it until a signal; nothing of it is left then.

    Raises:
        EmbeddedBrokerError: it cannot run here, or ended by itself.
    """
    stop = stop_on_signals()
    with embedded_broker(port) as broker:
        say(f"Kafka broker for development: {broker.bootstrap}")
        say("It keeps everything in memory. Ctrl-C ends it and all that is on it.")
        while not stop.is_set():
            if (code := broker.process.poll()) is not None:
                raise EmbeddedBrokerError(f"the embedded broker ended by itself (exit code {code})")
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    await stop.wait()
            except TimeoutError:
                continue

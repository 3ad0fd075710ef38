"""Signals: the first asks to stop, the second ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Final

_STOPPED_AT_ONCE: Final = 1


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; when one of them comes again, the process ends there and then."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(_STOPPED_AT_ONCE)
        stop.set()

    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, on_signal)
    return stop

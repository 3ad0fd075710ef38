"""Signals: the first asks to stop, the second ends the process at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_STOPPED_AT_ONCE: Final = 1


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; when one of them comes again, the process ends there and then.

    Also when the event loop is busy or stuck: Python runs the handler between two steps of whatever it does.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    came = False

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came:
            os._exit(_STOPPED_AT_ONCE)
        came = True
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the process is about to
            loop.call_soon_threadsafe(stop.set)

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, on_signal)
    return stop

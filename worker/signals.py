"""Signals: the first asks to stop, the second ends the process at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_ENDED_BY: Final = 128
"""What a shell adds to the number of the signal that ended a process: 143 for SIGTERM, 130 for SIGINT."""


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; when one of them comes again, the process ends there and then.

    Its exit code says which came again: 143 is SIGTERM, 130 SIGINT.

    Also when the event loop is busy or stuck: Python runs the handler between two steps of whatever it does.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    came = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came:
            # The same as a shell says where the signal comes so late that Python handles it no more.
            os._exit(_ENDED_BY + number)
        came = True
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the process is about to
            loop.call_soon_threadsafe(stop.set)

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, on_signal)
    return stop

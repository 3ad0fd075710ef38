"""The time until a command is at work: Ctrl-C then ends it without a word. Imports next to nothing itself."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

INTERRUPTED: Final = 130


@contextmanager
def interrupted_at_once() -> Iterator[None]:
    """SIGINT ends the process at once for as long as the block lasts: for imports, with nothing under way.

    As an exception it would show where Python stood, or be lost inside the import system. Where SIGINT is
    ignored or has a handler of somebody else's, that stays.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    with _handled(signal.SIGINT, _end):
        yield


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM is a ``KeyboardInterrupt`` too for as long as the block lasts: a command ends alike by both."""
    with _handled(signal.SIGTERM, signal.default_int_handler):
        yield


@contextmanager
def _handled(number: signal.Signals, handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)

"""Tells when a loop stands still, and where: the stacks of all threads and tasks, once a stall.

A thread of its own, so that it sees a hung event loop too. A stack is told as places and lines of code alone:
never with what variables hold, since secrets are among that.
"""

from __future__ import annotations

import asyncio
import linecache
import sys
import threading
import traceback
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

    from worker.model import Seconds
    from worker.progress import Progress

_log = structlog.get_logger(__name__)

_LOOK_EVERY: Final = 1.0
_DEEPEST: Final = 40
_MOST_TASKS: Final = 100


class Watchdog:
    """Looks at the loops' progress. A loop that stalls is told once, and once more when it moves again."""

    def __init__(self, progress: Progress, loop: asyncio.AbstractEventLoop) -> None:
        self._progress = progress
        self._loop = loop
        self._stalled: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look. The loops must report themselves by now."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End soon; what stands still from now on does so because it is stopped."""
        self._stop.set()

    def join(self, timeout: Seconds) -> bool:
        """Wait for the end; whether it came in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def look(self) -> None:
        """Tell what stalled and what moves again since the last look."""
        stalled = self._progress.stalled()
        for loop in sorted(self._stalled - stalled.keys()):
            _log.info("moves_again", loop=loop)
        new = sorted(stalled.keys() - self._stalled)
        self._stalled = set(stalled)
        if not new:
            return
        threads, tasks = thread_stacks(), task_stacks(self._loop)
        for loop in new:
            _log.error(
                "stalled", loop=loop, without_progress_s=round(stalled[loop], 1), threads=threads, tasks=tasks
            )

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY):
            self.look()


def thread_stacks() -> dict[str, list[str]]:
    """Where each thread is, by its name and number: the outermost call first, the innermost kept."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return {
        f"{names.get(number, 'thread')} {number}": _told(traceback.walk_stack(frame), outermost_last=True)
        for number, frame in sys._current_frames().items()  # noqa: SLF001 -- documented; there is no other way
    }


def task_stacks(loop: asyncio.AbstractEventLoop) -> dict[str, list[str]]:
    """Where each asyncio task is, as ``thread_stacks``; of a hundred tasks at most."""
    tasks = sorted(asyncio.all_tasks(loop), key=asyncio.Task.get_name)
    return {
        f"{task.get_name()} {number}": _told(_awaits(task.get_coro()), outermost_last=False)
        for number, task in enumerate(islice(tasks, _MOST_TASKS))
    }


def _awaits(coroutine: Any) -> Iterator[tuple[FrameType, int]]:  # noqa: ANN401 -- whatever can be awaited
    """The frames of a coroutine and of what it awaits. They may move on meanwhile: it is a snapshot."""
    while coroutine is not None:
        for frame_name, next_name in (
            ("cr_frame", "cr_await"),
            ("gi_frame", "gi_yieldfrom"),
            ("ag_frame", "ag_await"),
        ):
            if (frame := getattr(coroutine, frame_name, None)) is not None:
                yield frame, frame.f_lineno
                coroutine = getattr(coroutine, next_name, None)
                break
        else:
            return


def _told(frames: Iterable[tuple[FrameType, int | None]], *, outermost_last: bool) -> list[str]:
    places = [_place(frame, line or 0) for frame, line in frames]
    return (places[::-1] if outermost_last else places)[-_DEEPEST:]


def _place(frame: FrameType, line: int) -> str:
    code = frame.f_code
    text = linecache.getline(code.co_filename, line).strip()
    return f"{code.co_filename}:{line} {code.co_qualname}: {text}"

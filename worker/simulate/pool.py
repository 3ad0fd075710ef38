"""Processes that simulate: gone when whoever started them is, however that ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def simulating(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes at most. An error in the block, Ctrl-C too, ends them in the middle of their work."""
    before = set(multiprocessing.active_children())
    with ProcessPoolExecutor(jobs, initializer=_follow) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - before:
                process.kill()
            raise


def _follow() -> None:
    """End with the parent: Ctrl-C reaches both, and the parent says what becomes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)

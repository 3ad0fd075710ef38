"""Processes that simulate: ended with an error in the middle of their work, and nobody else's."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.tools.live_worker import await_that
from worker.simulate.pool import simulating

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess

LONG = 600.0


@pytest.fixture
def stranger() -> Iterator[BaseProcess]:
    """A process of somebody else in this program."""
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(LONG,), daemon=True)
    process.start()
    yield process
    process.kill()
    process.join(10)


def test_what_they_find_comes_back_and_they_end() -> None:
    with simulating(2) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
    assert not multiprocessing.active_children()


def interrupted() -> None:
    with simulating(2) as pool:
        for _ in range(6):
            pool.submit(time.sleep, LONG)
        raise KeyboardInterrupt


def test_an_error_ends_them_in_the_middle_and_leaves_others_alone(stranger: BaseProcess) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    await_that(lambda: multiprocessing.active_children() == [stranger], "their end", patience=30.0)
    assert stranger.is_alive()


def test_ctrl_c_is_for_their_parent_and_a_request_to_end_is_heeded() -> None:
    with simulating(1) as pool:
        assert pool.submit(signal.getsignal, signal.SIGINT).result() is signal.SIG_IGN
        assert pool.submit(signal.getsignal, signal.SIGTERM).result() is signal.SIG_DFL
        assert pool.submit(os.getpid).result() != os.getpid()

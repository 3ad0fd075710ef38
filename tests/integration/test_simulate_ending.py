"""``top-tweets simulate`` and ``budget`` ended in the middle of their work: all processes are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tools.live_worker import await_that
from tests.tools.processes import children, is_there, resident

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")

LONG = {
    "simulate": ("--live-posts=20000", "--requests-per-minute=2"),
    "budget": ("--posts-per-day=20000",),
}


@contextmanager
def at_work(command: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """The command with two processes that simulate: worlds take more memory than imports do."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", command, *LONG[command], "--seeds=8", "--jobs=2"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        await_that(lambda: len(children(process.pid)) == 2, "two processes")
        busy = children(process.pid)
        await_that(lambda: all(resident(one) > 75_000_000 for one in busy), "worlds")
        yield process, busy
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.parametrize("command", list(LONG))
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_so_and_all_is_gone(command: str, how: signal.Signals) -> None:
    with at_work(command) as (process, busy):
        process.send_signal(how)
        _, said = process.communicate(timeout=5)
        assert process.returncode == 130
        assert said == f"{command}: interrupted\n"
        await_that(lambda: not any(is_there(one) for one in busy), "their end", patience=2.0)


def test_killed_with_no_word_its_processes_go_too() -> None:
    with at_work("simulate") as (process, busy):
        process.kill()
        await_that(lambda: not any(is_there(one) for one in busy), "their end", patience=2.0)


def test_ctrl_c_reaches_all_of_them_and_is_told_once() -> None:
    """A terminal sends it to every process."""
    with at_work("simulate") as (process, busy):
        for one in (*busy, process.pid):
            os.kill(one, signal.SIGINT)
        _, said = process.communicate(timeout=5)
        assert (process.returncode, said) == (130, "simulate: interrupted\n")

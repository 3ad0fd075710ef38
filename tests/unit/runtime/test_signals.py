"""The first signal asks, the second ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from worker.signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY = """
import asyncio, time
from worker.signals import stop_on_signals

async def main():
    stop_on_signals()
    print("ready", flush=True)
    while True:
        time.sleep(0.01)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def _handlers_as_before() -> Iterator[None]:
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_to_stop(name: signal.Signals) -> None:
    async def check() -> None:
        stop = stop_on_signals()
        assert not stop.is_set()
        os.kill(os.getpid(), name)
        async with asyncio.timeout(5):
            await stop.wait()

    asyncio.run(check())


@pytest.mark.parametrize(("again", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_second_signal_ends_the_process_at_once_also_when_its_loop_is_stuck(
    again: signal.Signals, code: int
) -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(again)
        assert process.wait(5) == code

"""Calls in threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from worker.threads import in_thread


def test_the_result_of_a_call_in_a_thread_comes_back() -> None:
    async def check() -> None:
        here = threading.get_ident()
        assert await in_thread(threading.get_ident) != here
        assert await in_thread(divmod, 7, 2) == (3, 1)

    asyncio.run(check())


def test_what_it_raises_is_raised_where_it_is_awaited() -> None:
    async def check() -> None:
        with pytest.raises(ZeroDivisionError):
            await in_thread(divmod, 1, 0)

    asyncio.run(check())


def test_a_call_that_hangs_keeps_neither_the_loop_nor_the_process_waiting() -> None:
    release = threading.Event()

    async def check() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await in_thread(release.wait, timeout=60)
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "wait")

    asyncio.run(check())
    release.set()

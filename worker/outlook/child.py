"""The worker's end of the process that simulates: within a time, and gone when it is not wanted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING, Final

from worker.outlook.runs import Done

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Sequence

    from worker.model import Seconds
    from worker.outlook.census import Census

_COMMAND: Final = (sys.executable, "-m", "worker.outlook")
_SECRET: Final = "TOPTWEETS_"  # noqa: S105 -- what the names of settings begin with, secrets among them
_TOLD: Final = 1000
"""Bytes of what it complained of that are kept: the end says why."""
_CHUNK: Final = 4096


class ChildError(Exception):
    """The process ended before its work was done. The text says how, and what it said last."""


async def run_all(
    census: Census, within: Seconds, found: list[Done], *, command: Sequence[str] = _COMMAND
) -> bool:
    """Have the experiment run; each run goes to ``found`` as soon as it is done.

    Returns whether all was done within the time. However this ends, the process has ended too: by an error,
    by the time, and when it is cancelled.

    Raises:
        ChildError: the process ended by itself, and not well, or told nonsense.
        OSError: it could not be started.
    """
    async with _running(command) as process:
        try:
            async with asyncio.timeout(within):
                await _talk(process, census, found)
        except TimeoutError:
            return False
    return True


async def _talk(process: Process, census: Census, found: list[Done]) -> None:
    assert process.stdin is not None  # noqa: S101 -- for the types: all three are pipes
    with contextlib.suppress(ConnectionError):  # it ended at once: its exit code says more
        process.stdin.write(census.to_json() + b"\n")
        await process.stdin.drain()
    said, _ = await asyncio.gather(_last_words(process), _take(process, found))
    code = await process.wait()
    if code:
        raise ChildError(f"it ended with {code}: {said}")


async def _take(process: Process, found: list[Done]) -> None:
    assert process.stdout is not None  # noqa: S101 -- for the types
    async for line in process.stdout:
        try:
            found.append(Done.from_json(line))
        except (ValueError, KeyError, TypeError) as error:
            raise ChildError(f"it told what is no run: {line[:_TOLD]!r}") from error


async def _last_words(process: Process) -> str:
    assert process.stderr is not None  # noqa: S101 -- for the types
    said = b""
    while chunk := await process.stderr.read(_CHUNK):
        said = (said + chunk)[-_TOLD:]
    return said.decode(errors="replace").strip()


@contextlib.asynccontextmanager
async def _running(command: Sequence[str]) -> AsyncIterator[Process]:
    # Its input stays open for as long as this process lives: by the end of it the child knows.
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**_plain_environment(), "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _plain_environment() -> dict[str, str]:
    """Ours without the settings: the child needs none of them, and no token."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SECRET)}

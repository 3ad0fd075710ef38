"""Engagement APIs for tests that call a command: the sandbox, or one that spoils answers, in a thread."""

from __future__ import annotations

import asyncio
import gzip
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from sandbox.server import RunningSandbox, SandboxSettings, running_sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

Server = TypeVar("Server")


@contextmanager
def in_a_thread(serving: Callable[[], AbstractAsyncContextManager[Server]]) -> Iterator[Server]:
    """A server on a loop of its own, for as long as the block lasts."""
    ready: list[Server | BaseException] = []
    told = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        async with serving() as server:
            ready.append(server)
            told.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            ready.append(error)
            told.set()
            raise

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    if not told.wait(30) or isinstance(ready[0], BaseException):
        raise RuntimeError(f"the server did not start: {ready}")
    try:
        yield ready[0]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


@contextmanager
def sandbox_in_a_thread(settings: SandboxSettings) -> Iterator[RunningSandbox]:
    """A sandbox beside the test."""
    with in_a_thread(lambda: running_sandbox(settings)) as sandbox:
        yield sandbox


def http(status: int, body: object, *headers: str, packed: bool = True, length: int = 0) -> bytes:
    """An answer on the wire; ``body`` as JSON, unless it is bytes. ``length``: bytes more than it says."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = [f"HTTP/1.1 {status} X", *headers]
    if packed:
        content = gzip.compress(content)
        lines.append("Content-Encoding: gzip")
    lines.append(f"Content-Length: {len(content) + length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def counts(post_ids: list[str], metrics: list[str]) -> dict[str, dict[str, str]]:
    """What this API counts: of each Post something else, and never 0."""
    return {one: {metric: str(int(one) % 97 + len(metric)) for metric in metrics} for one in post_ids}


def right(asked: dict[str, Any]) -> bytes:
    """The answer where all is well."""
    return http(200, {"by_post": counts(list(map(str, asked["tweet_ids"])), asked["engagement_types"])})


@dataclass
class SpoiltApi:
    """Answers as ``answer`` says, given the number of the request (from 0) and what it asks."""

    answer: Callable[[int, dict[str, Any]], bytes | None]
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[SpoiltApi]:
        """Listen for as long as the block lasts."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                asked = orjson.loads(await reader.readexactly(length))
                self.asked.append(asked)
                answer = self.answer(len(self.asked) - 1, asked)
                writer.write(right(asked) if answer is None else answer)
                await writer.drain()
                if answer is not None:
                    break  # a spoilt answer may not say where it ends
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

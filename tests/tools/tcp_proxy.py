"""TCP links that can be cut, hung and slowed, in front of a broker or an API: a network that fails on demand.

The links run on an event loop in a thread of its own. Every call returns once it is in force.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

_HOST: Final = "127.0.0.1"
_CHUNK: Final = 65_536
_PATIENCE: Final = 10.0
_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""For SO_LINGER: what is not sent is dropped, and the other side is told by a reset."""


class TcpLink:
    """One listening port whose connections go on to ``target`` (host and port), while the link is whole.

    ``target`` may be set later, and changed: it is read for each new connection.
    """

    def __init__(self, run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self.target: tuple[str, int] | None = None
        self.port = 0
        self._run = run
        self._flows = asyncio.Event()
        self._cut = False
        self._delay = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where clients connect, such as ``127.0.0.1:19092``."""
        return f"{_HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """Clients that are connected now."""
        return len(self._writers) // 2

    def cut(self) -> None:
        """Reset all connections, and each new one as soon as it is there."""
        self._set(cut=True)

    def hang(self) -> None:
        """Let nothing through. Connections stay open, and what was sent waits: a network that swallows."""
        self._set(flows=False)

    def slow(self, seconds: float) -> None:
        """Let each piece of what is sent wait so long."""
        self._set(delay=seconds)

    def restore(self) -> None:
        """A whole link again: what waited goes on, new connections go through."""
        self._set()

    def _set(self, *, cut: bool = False, flows: bool = True, delay: float = 0.0) -> None:
        async def apply() -> None:
            self._cut, self._delay = cut, delay
            if flows:
                self._flows.set()
            else:
                self._flows.clear()
            if cut:
                self._reset_all()

        self._run(apply())

    async def listen(self) -> None:
        """Take a free port and accept connections. In the loop's thread, as all that follows."""
        self._flows.set()
        self._server = await asyncio.start_server(self._serve, _HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Give up the port and reset all connections."""
        if self._server is not None:
            self._server.close()
        self._flows.set()
        self._reset_all()

    def _reset_all(self) -> None:
        for writer in tuple(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut or self.target is None:
            _reset(writer)
            return
        own = {writer}
        self._writers |= own
        try:
            await self._flows.wait()
            ahead_reader, ahead_writer = await asyncio.open_connection(*self.target)
            own.add(ahead_writer)
            self._writers.add(ahead_writer)
            if not self._cut:
                await asyncio.gather(self._pass_on(reader, ahead_writer), self._pass_on(ahead_reader, writer))
        except OSError:
            pass  # the target is not there, or an end was reset: so the other end is, too
        finally:
            self._writers -= own
            for one in own:
                _reset(one)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._flows.wait()
            writer.write(chunk)
            await writer.drain()
        await self._flows.wait()
        if not writer.is_closing():
            writer.write_eof()


class TcpLinks:
    """Owns the thread and its links."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._links: list[TcpLink] = []

    def open(self, target: tuple[str, int] | None = None) -> TcpLink:
        """A new link on a free port of the loopback address; without a target it resets every connection."""
        link = TcpLink(self._run)
        link.target = target
        self._run(link.listen())
        self._links.append(link)
        return link

    def close(self) -> None:
        """Reset everything and give up the ports."""
        for link in self._links:
            self._run(link.close())
        self._links.clear()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)


@contextmanager
def tcp_links() -> Iterator[TcpLinks]:
    """A thread for links, for as long as the block lasts; then their ports are free again."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tcp-links", daemon=True)
    thread.start()
    links = TcpLinks(loop)
    try:
        yield links
    finally:
        links.close()
        asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result(_PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE)
        loop.close()


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # aborted transports let go of their sockets in the loop's next turn


def _reset(writer: asyncio.StreamWriter) -> None:
    ahead = writer.get_extra_info("socket")
    with suppress(OSError):
        ahead.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()

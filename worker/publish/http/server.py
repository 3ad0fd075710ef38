"""Runs an ASGI app in the event loop that is there already; signals stay with whoever owns the process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Final

import uvicorn

from worker.model import Seconds
from worker.publish.http.connections import connections_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

    from worker.publish.http.connections import Room

KEEP_ALIVE: Final = 75
"""Seconds that an idle connection stays open: longer than most proxies keep theirs, so that they end it."""

READER_STALLED: Final = Seconds(60.0)
"""A client that takes in nothing for so long is cut off, by the kernel."""

_LAST_MOMENT: Final = 1.0


class ListenError(Exception):
    """The address cannot be listened on. The text names it, and the setting to change."""


class _Server(uvicorn.Server):
    """uvicorn, without its signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Owns the listening socket and the task that serves. Start once, stop once."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        room: Room,
        grace: Seconds = Seconds(2.0),  # noqa: B008 -- a NewType of an immutable number
        reader_stalled: Seconds = READER_STALLED,
    ) -> None:
        self._host = host
        self._port = port
        self._grace = grace
        self._reader_stalled = reader_stalled
        self._bound: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http=connections_in(room),
                lifespan="off",
                ws="none",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE,
            )
        )

    @property
    def port(self) -> int:
        """The port it listens on: known after ``start``, also when a free one was asked for."""
        if self._bound is None:
            raise RuntimeError("not started")
        return self._bound

    @property
    def url(self) -> str:
        """Where to find it, from this machine. Known after ``start``."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 -- read, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Listen and serve. When it returns, clients are answered.

        Raises:
            ListenError: the address cannot be listened on, for one because another process does.
        """
        try:
            listening = _listen(self._host, self._port, self._reader_stalled)
        except OSError as error:
            raise ListenError(_why(error, self._host, self._port)) from error
        self._bound = int(listening.getsockname()[1])
        self._task = asyncio.create_task(self._server.serve([listening]), name="http-server")
        while not self._server.started:
            await asyncio.wait({self._task}, timeout=0.005)
            if self._task.done():
                listening.close()
                await self._task
                raise RuntimeError("the HTTP server ended while it started")

    async def wait(self) -> None:
        """Until it stops. Raises what stopped it, when nobody asked it to."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Listen no more, finish the answers under way, and cut off what is not finished after the grace.

        It takes at most the grace and one second; much less when the publisher, and so its streams, was
        closed before.
        """
        if self._task is None:
            return
        self._server.should_exit = True
        if not await self._ended_within(self._grace):
            for connection in list(self._server.server_state.connections):
                connection.transport.abort()
            if not await self._ended_within(Seconds(_LAST_MOMENT)):
                self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _ended_within(self, time: Seconds) -> bool:
        if self._task is None:
            return True
        done, _ = await asyncio.wait({self._task}, timeout=time)
        return bool(done)


def _why(error: OSError, host: str, port: int) -> str:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"publish.http.port: {address} is in use: choose another port, or 0 for a free one"
    name = "port" if error.errno == errno.EACCES else "host"
    return f"publish.http.{name}: {address} cannot be listened on: {error.strerror or error}"


def _listen(host: str, port: int, reader_stalled: Seconds) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named: 40 ms an answer, else.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; each accepted connection takes it over
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(reader_stalled * 1000))
    return listening

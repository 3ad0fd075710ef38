"""The sandbox as a server: started, ready, stopped. For a process of its own, or inside a test."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.app import SandboxApp
from sandbox.settings import SandboxSettings
from sandbox.wire import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sandbox.world import World

__all__ = ["RunningSandbox", "SandboxSettings", "running_sandbox", "serve"]

_BACKLOG: Final = 1024
_STOPS: Final = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that answers: its address without a slash at the end, and the world it tells of."""

    url: str
    world: World
    settings: SandboxSettings


@asynccontextmanager
async def running_sandbox(settings: SandboxSettings | None = None) -> AsyncIterator[RunningSandbox]:
    """A sandbox in this process and event loop, for as long as the block lasts.

    >>> async def example() -> bool:
    ...     async with running_sandbox(SandboxSettings(seed=7)) as sandbox:
    ...         return sandbox.url.startswith("http://127.0.0.1:")
    >>> asyncio.run(example())
    True

    Raises:
        OSError: the address cannot be listened on.
    """
    settings = settings or SandboxSettings()
    app = SandboxApp(settings)
    open_ones: set[Connection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(app.handle, settings.time, open_ones),
        settings.host,
        settings.port,
        backlog=_BACKLOG,
    )
    try:
        yield RunningSandbox(_url(server), app.world, settings)
    finally:
        server.close()
        for connection in tuple(open_ones):
            connection.close()
        await asyncio.sleep(0)  # the aborted transports let go of their sockets in the loop's next turn
        await server.wait_closed()


async def serve(settings: SandboxSettings, on_ready: Callable[[str], None]) -> None:
    """Run a sandbox until SIGTERM or SIGINT; ``on_ready`` gets its address as soon as it answers.

    Connections that are open when it stops are dropped at once.

    Raises:
        OSError: the address cannot be listened on.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in _STOPS:
        loop.add_signal_handler(number, stop.set)
    try:
        async with running_sandbox(settings) as sandbox:
            on_ready(sandbox.url)
            await stop.wait()
    finally:
        for number in _STOPS:
            loop.remove_signal_handler(number)


def _url(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

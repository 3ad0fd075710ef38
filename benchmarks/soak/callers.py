"""Who looks at a worker all the time: pages that connect, follow, and leave or vanish; programs that poll."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

STREAMS: Final = 20
_LONGEST: Final = 10.0
_PATHS: Final = (
    "/",
    "/api/leaderboards",
    "/api/leaderboards/all/favorites",
    "/api/leaderboards/spring/retweets?limit=5",
    "/api/leaderboards/nobody/favorites",
    "/api/posts/1991468206332170240",
    "/metrics",
    "/readyz",
)
_STREAMS: Final = (
    "",
    "?campaign=all",
    "?campaign=spring&metric=retweets",
    f"?campaign={quote('campaign 3')}",
)
_BETWEEN_POLLS: Final = 0.5
_TIMEOUT: Final = 5.0
_PIECE: Final = 65_536


class Callers:
    """Calls these workers from a thread of its own until it is closed. ``calls`` counts, by kind."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._places = [(of.hostname or "", of.port or 0) for of in map(urlsplit, urls)]
        self._chance = random.Random(1)  # noqa: S311 -- not a secret
        self._ends = threading.Event()
        self.calls: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="callers", daemon=True)

    def start(self) -> None:
        """Begin to call."""
        self._thread.start()

    def close(self) -> None:
        """Hang up everywhere."""
        self._ends.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._call())

    async def _call(self) -> None:
        tasks = [
            asyncio.create_task(call(place))
            for place in self._places
            for call in (*[self._follow] * STREAMS, self._poll)
        ]
        while not self._ends.is_set():
            await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, place: tuple[str, int]) -> None:
        """Follow streams, one after the other: some are read, some are not, some end without a word."""
        while True:
            seconds = self._chance.uniform(0, _LONGEST)
            reads, vanishes = self._chance.random() < 0.8, self._chance.random() < 0.5
            with suppress(OSError, TimeoutError):
                reader, writer = await self._ask(
                    place, f"/api/stream{self._chance.choice(_STREAMS)}", "keep-alive"
                )
                self.calls["stream"] += 1
                try:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(seconds):
                            while reads and await reader.read(_PIECE):
                                pass
                            await asyncio.sleep(seconds)
                finally:
                    writer.transport.abort() if vanishes else writer.close()
            await asyncio.sleep(self._chance.uniform(0.05, 1))

    async def _poll(self, place: tuple[str, int]) -> None:
        """Ask for this and that, each over a connection of its own."""
        while True:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_TIMEOUT):
                    reader, writer = await self._ask(place, self._chance.choice(_PATHS), "close")
                    try:
                        while await reader.read(_PIECE):
                            pass
                        self.calls["poll"] += 1
                    finally:
                        writer.close()
            await asyncio.sleep(_BETWEEN_POLLS)

    async def _ask(
        self, place: tuple[str, int], path: str, connection: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*place)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {place[0]}\r\nConnection: {connection}\r\n\r\n".encode())
        return reader, writer

"""Leaderboards to show, and the true server in a thread of its own for tests that are its clients."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from worker.model import (
    PUBLIC_METRICS,
    Campaign,
    Entry,
    HandlesUsed,
    Leaderboard,
    MetricName,
    PostId,
    Seconds,
    Timestamp,
)
from worker.publish.http import (
    Elsewhere,
    Health,
    HttpPublisher,
    HttpServer,
    OutlookView,
    PostView,
    create_app,
)
from worker.publish.http.connections import Room
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from starlette.types import ASGIApp

    from worker.publish.http.live import Key

NOON = Timestamp(1795176000.0)
"""2026-11-20T12:00:00Z."""

PATIENCE = 10.0
"""Seconds that a test waits for what must come."""


def entry(rank: int = 1, post_id: int = 1234567890123456789, value: float = 10, **other: object) -> Entry:
    """A place on a board."""
    facts: dict[str, object] = {"measured_at": NOON, "change": 0, "author": None, "text": None, **other}
    return Entry(rank=rank, post_id=PostId(post_id), value=value, **facts)  # type: ignore[arg-type]


def leaderboard(
    campaign: str = "all",
    metric: str = "retweets",
    entries: Sequence[Entry] = (),
    as_of: float = NOON,
    tracked_posts: int = 42,
) -> Leaderboard:
    """A board, with nobody on it unless told."""
    return Leaderboard(
        Campaign(campaign), MetricName(metric), Timestamp(as_of), tracked_posts, tuple(entries)
    )


def key(campaign: str, metric: str = "retweets") -> Key:
    """What names a board."""
    return Campaign(campaign), MetricName(metric)


@dataclass
class Worker:
    """What the runtime gives to the app, for a test to set."""

    max_streams: int = 5
    heartbeat: float = 15.0
    change_window: float = 3600.0
    handles: HandlesUsed = field(default_factory=lambda: HandlesUsed("2026-11", (), None, warning=False))
    outlook: OutlookView = field(default_factory=lambda: OutlookView(None, "it is being simulated"))
    posts: dict[int, PostView | Elsewhere] = field(default_factory=dict)
    health: Health = field(default_factory=lambda: Health(ok=True, checks={"poller": "progressed 1 s ago"}))
    ready: Health = field(default_factory=lambda: Health(ok=False, checks={"kafka": "no partitions yet"}))

    def __post_init__(self) -> None:
        self.telemetry = Telemetry(CollectorRegistry())
        self.publisher = HttpPublisher(max_streams=self.max_streams, telemetry=self.telemetry)

    def app(self) -> ASGIApp:
        """The app over all of it."""
        return create_app(
            self.publisher.boards,
            handles=lambda: self.handles,
            outlook=lambda: self.outlook,
            post=self.posts.get,
            health=lambda: self.health,
            ready=lambda: self.ready,
            registry=self.telemetry.registry,
            version="1.2.3",
            metrics=[*PUBLIC_METRICS, *(MetricName(f"{name}_per_hour") for name in PUBLIC_METRICS)],
            change_window=Seconds(self.change_window),
            heartbeat=Seconds(self.heartbeat),
        )

    def streams(self) -> float:
        """Streams connected, as exported."""
        return self.telemetry.registry.get_sample_value("toptweets_streams") or 0.0


class Served:
    """A worker's HTTP side that runs. Its methods may be called from any thread."""

    def __init__(self, worker: Worker, loop: asyncio.AbstractEventLoop, server: HttpServer) -> None:
        self.worker = worker
        self.server = server
        self.url = server.url
        self._loop = loop

    def publish(self, *leaderboards: Leaderboard) -> None:
        """As the runtime does."""
        self._call(self.worker.publisher.publish(leaderboards))

    def withdraw(self, *keys: Key) -> None:
        """As the runtime does."""
        self._call(self.worker.publisher.withdraw(keys))

    def stop(self, *, close_first: bool = True) -> None:
        """As the runtime does; a second time changes nothing."""
        if close_first:
            self._call(self.worker.publisher.close())
        self._call(self.server.stop())

    def wait_for_streams(self, number: int) -> None:
        """Until so many streams are connected."""
        self._call(self._streams(number))

    async def _streams(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.worker.streams() != number:  # noqa: ASYNC110 -- a gauge cannot be waited for
                await asyncio.sleep(0.01)

    def _call(self, coroutine: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)


def room(limit: int = 100) -> Room:
    """For so many connections, on a registry of its own."""
    return Room(limit, Telemetry(CollectorRegistry()))


@contextmanager
def serving(
    worker: Worker,
    *,
    port: int = 0,
    grace: float = 0.5,
    reader_stalled: float = 60,
    max_connections: int = 100,
) -> Iterator[Served]:
    """The worker's HTTP side on a free port, stopped at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = HttpServer(
        worker.app(),
        host="127.0.0.1",
        port=port,
        room=Room(max_connections, worker.telemetry),
        grace=Seconds(grace),
        reader_stalled=Seconds(reader_stalled),
    )
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(PATIENCE)
        served = Served(worker, loop, server)
        try:
            yield served
        finally:
            served.stop()
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()

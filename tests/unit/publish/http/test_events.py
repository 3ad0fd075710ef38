"""A stream hands events over one by one, and everybody else has a turn between two of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from tests.unit.publish.http.serving import PATIENCE, entry, leaderboard
from worker.model import Seconds
from worker.publish.http.events import EventStream
from worker.publish.http.live import Filter, LiveBoards
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from starlette.types import Message

BOARDS = 50


def test_a_page_that_vanishes_is_noticed_before_all_is_sent() -> None:
    live = LiveBoards(max_streams=1, telemetry=Telemetry(CollectorRegistry()))
    for number in range(BOARDS):
        live.put(leaderboard(f"campaign {number}", entries=[entry()]))
    sent = asyncio.run(_followed_by_who_vanishes(live))
    assert sent, "nothing was sent at all"
    assert len(sent) < BOARDS // 2


async def _followed_by_who_vanishes(live: LiveBoards) -> list[Message]:
    """What is sent to a page that is gone after the first leaderboard, as uvicorn says so: a turn later."""
    subscription = live.subscribe(Filter())
    sent: list[Message] = []
    gone = asyncio.Event()

    async def send(message: Message) -> None:  # never waits: the socket takes all of it
        sent.append(message)
        if message.get("body", b"").startswith(b"event: "):
            asyncio.get_running_loop().call_soon(gone.set)

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    stream = EventStream(subscription, heartbeat=Seconds(15), on_end=lambda: live.unsubscribe(subscription))
    scope: dict[str, Any] = {"type": "http"}
    async with asyncio.timeout(PATIENCE):
        await stream(scope, receive, send)
    return sent

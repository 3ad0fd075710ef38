"""The stream of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from worker.publish.leaderboard_json import to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from worker.model import Seconds
    from worker.publish.http.live import Change, Subscription

MEDIA_TYPE: Final = "text/event-stream"
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The second one tells nginx to pass events on at once."""

RETRY: Final = b"retry: 2000\n\n"
"""How long a client waits before it connects again, in milliseconds."""

HEARTBEAT: Final = b": heartbeat\n\n"
"""A comment: no client sees it, and no proxy thinks the connection dead."""


def event(change: Change) -> bytes:
    """One change as the client reads it. JSON has no line breaks, so it is one line of data."""
    if change.version is not None:
        return b"event: leaderboard\ndata: " + change.version.json + b"\n\n"
    campaign, metric = change.key
    gone = to_json({"campaign": campaign, "metric": metric})
    return b"event: withdrawn\ndata: " + gone + b"\n\n"


class EventStream(Response):
    """Sends what a subscription has to tell until the client leaves or the subscription is closed.

    It hands the next event over only when the connection has taken the one before; meanwhile newer versions
    replace older ones in the subscription. Between two events everybody else has a turn.
    """

    def __init__(self, subscription: Subscription, *, heartbeat: Seconds, on_end: Callable[[], None]) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers=HEADERS)
        del self.headers["content-length"]
        self._subscription = subscription
        self._heartbeat = heartbeat
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI's signature
        """Run the stream to its end."""
        watcher = asyncio.create_task(self._close_when_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _send(send, RETRY)
            while not self._subscription.closed:
                change = self._subscription.take()
                if change is not None:
                    await _send(send, event(change))
                    # A send to a socket that takes all never waits: without a turn for the loop, hundreds of
                    # leaderboards would hold everybody up, and go on being sent to a reader who has left.
                    await asyncio.sleep(0)
                elif not await self._subscription.wait(self._heartbeat):
                    await _send(send, HEARTBEAT)
            await _send(send, b"", more=False)
        finally:
            self._on_end()
            watcher.cancel()

    async def _close_when_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._subscription.close()


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})

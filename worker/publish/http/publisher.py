"""The HTTP destination: what is published here can be read and followed over HTTP at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.publish.http.live import LiveBoards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import Campaign, Leaderboard, MetricName
    from worker.telemetry import Telemetry


class HttpPublisher:
    """Owns the ``boards`` that the app serves. It never waits for a reader and never fails.

    Call it in the event loop that serves the app.
    """

    name = "http"

    def __init__(self, *, max_streams: int, telemetry: Telemetry) -> None:
        self.boards = LiveBoards(max_streams=max_streams, telemetry=telemetry)

    async def publish(self, leaderboards: Sequence[Leaderboard]) -> None:
        """Show these in the place of the ones before. The same again changes nothing and tells nobody."""
        for leaderboard in leaderboards:
            self.boards.put(leaderboard)

    async def withdraw(self, keys: Sequence[tuple[Campaign, MetricName]]) -> None:
        """Show these no more."""
        for key in keys:
            self.boards.remove(key)

    async def close(self) -> None:
        """End every stream. Close the publisher before the server stops: its streams then end in order."""
        self.boards.close()

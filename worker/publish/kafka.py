"""Leaderboards on the topic ``<group>.leaderboards``: JSON, keyed ``campaign/metric``, compacted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.publish.leaderboard_json import leaderboard_json
from worker.publish.sending import Sending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import Campaign, Leaderboard, MetricName, Seconds
    from worker.publish.sending import Producer


def record_key(campaign: Campaign, metric: MetricName) -> bytes:
    """The record's key. A metric's name has no slash, so the last one parts the two."""
    return f"{campaign}/{metric}".encode(errors="replace")


class KafkaPublisher:
    """Sends each leaderboard as a record, a withdrawn one as a tombstone, and waits until all are there."""

    name: Final = "kafka"

    def __init__(self, producer: Producer, topic: str, timeout: Seconds) -> None:
        self._sending = Sending(producer, topic, timeout)

    async def publish(self, leaderboards: Sequence[Leaderboard]) -> None:
        """See ``Publisher.publish``."""
        await self._sending.send(
            [(record_key(*board.key), leaderboard_json(board)) for board in leaderboards]
        )

    async def withdraw(self, keys: Sequence[tuple[Campaign, MetricName]]) -> None:
        """See ``Publisher.withdraw``."""
        await self._sending.send([(record_key(*key), None) for key in keys])

    async def close(self) -> None:
        """See ``Publisher.close``. The producer is closed by whoever made it."""

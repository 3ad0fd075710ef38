"""Publishers that take over, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.publish.kafka import KafkaPublisher


async def taken_over(publisher: KafkaPublisher) -> None:
    """Have it take over, and wait until it has, as far as its own timeout allows."""
    publisher.take_over()
    await publisher.taken_over()

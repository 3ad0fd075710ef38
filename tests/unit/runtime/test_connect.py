"""Which clients a start makes, and which of them wait for more than one record."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from worker import clients, parts
from worker.settings import load
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    import pytest


class Made:
    """Stands for kafka-python's clients; ``how`` says how it was asked for."""

    def __init__(self, kind: str, **how: Any) -> None:
        self.kind, self.how = kind, how

    def close(self, **_: object) -> None: ...

    def partitions_for(self, _: str) -> None: ...


class Kafka:
    """Makes clients that reach nobody."""

    def consumer(self, group: str, *, start: str) -> Made:
        return Made("member", group=group, start=start)

    def reader(self, **how: bool) -> Made:
        return Made("reader", **how)


def test_of_the_readers_only_that_of_partials_waits_for_more_than_one_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "_ensure_topics", lambda *_: None)
    monkeypatch.setattr(parts, "make_producer", lambda *_: Made("producer"))
    settings = load(None, {"kafka": {"topic": "posts", "group": "g"}, "engagement": {"bearer_token": "t"}})

    async def check() -> None:
        async with contextlib.AsyncExitStack() as stack:
            made = await clients.connect(
                settings,
                Kafka(),  # type: ignore[arg-type]  # as much of it as is used
                stack,
                Telemetry(CollectorRegistry()),
                handles=True,
            )
            assert made.sharing.how == {"follows": True}
            assert made.handles is not None
            assert made.restoring.how == made.handles.how == {}
            assert made.reading.how["group"] == "g"
            assert made.owning.how == {"group": "g.owners", "start": "earliest"}

    asyncio.run(check())

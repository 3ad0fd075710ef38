"""Reading what the others tell: in order, in bounded parts, and knowing when all was read."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from kafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from worker import partials_topic, topic_reader
from worker.model import Campaign, MetricName, PartialKey, Seconds
from worker.partials_topic import PartialsTopic
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from worker.model import Partial

PATIENCE = 5.0


@dataclass
class FakeRecord:
    key: bytes
    value: bytes | None = None
    offset: int = 0


@dataclass
class FakeConsumer:
    """Gives batches one by one; ``end`` is what the brokers call the end of the topic."""

    batches: list[list[FakeRecord]] = field(default_factory=list)
    end: int = 0
    at: int = 0
    errors: int = 0
    given: threading.Event = field(default_factory=threading.Event)

    def assign(self, _: object) -> None:
        pass

    def seek_to_beginning(self, _: object) -> None:
        self.at = 0

    def poll(self, timeout_ms: int) -> dict[str, list[FakeRecord]]:
        assert timeout_ms > 0
        if self.errors:
            self.errors -= 1
            raise KafkaConnectionError("away")
        if not self.batches:
            self.given.set()
            threading.Event().wait(0.001)
            return {}
        batch = self.batches.pop(0)
        self.at += len(batch)
        return {"partition": batch}

    def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, self.end)

    def position(self, _: object) -> int:
        return self.at


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_reader, "ERROR_WAIT", 0.001)
    monkeypatch.setattr(partials_topic, "_BATCH", 2)


class Reading:
    def __init__(self) -> None:
        self.heard: list[Partial | PartialKey | str] = []
        self.failures: list[BaseException] = []
        self.telemetry = Telemetry(CollectorRegistry())
        self.topic = PartialsTopic(
            "g.partials",
            self.heard.append,
            lambda: self.heard.append("all is read"),
            failed=self.failures.append,
            loop=asyncio.get_running_loop(),
            telemetry=self.telemetry,
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 -- filled from a thread
                await asyncio.sleep(0.001)


def run(consumer: FakeConsumer, check: Callable[[Reading], Coroutine[None, None, None]]) -> Reading:
    async def bounded() -> Reading:
        reading = Reading()
        reading.topic.start(consumer)
        try:
            await check(reading)
        finally:
            reading.topic.ask_to_stop()
            assert await asyncio.to_thread(reading.topic.join, Seconds(PATIENCE))
        return reading

    return asyncio.run(bounded())


def key(number: int) -> PartialKey:
    return PartialKey(Campaign("all"), MetricName("favorites"), number)


def record(number: int) -> FakeRecord:
    return FakeRecord(f"all/favorites/{number}".encode())


def test_all_that_stood_there_is_heard_in_order_before_it_is_told_that_all_is_read() -> None:
    consumer = FakeConsumer([[record(0), record(1), record(2)], [record(3)], [record(4)]], end=4)

    async def check(reading: Reading) -> None:
        await reading.until(lambda: len(reading.heard) == 6)
        assert reading.heard == [key(0), key(1), key(2), key(3), "all is read", key(4)]

    run(consumer, check)


def test_an_empty_topic_is_read_at_once() -> None:
    async def check(reading: Reading) -> None:
        await reading.until(lambda: reading.heard == ["all is read"])

    run(FakeConsumer(), check)


def test_a_trouble_is_told_once_and_overcome() -> None:
    async def check(reading: Reading) -> None:
        await reading.until(lambda: len(reading.heard) == 2)

    with capture_logs() as logs:
        reading = run(FakeConsumer([[record(0)]], end=1, errors=3), check)
    assert [log["event"] for log in logs] == ["partials_not_read"]
    assert reading.failures == []


def test_what_cannot_be_read_is_counted_told_once_a_reason_and_passed_over() -> None:
    broken = [FakeRecord(b"nonsense"), FakeRecord(b"more/nonsense"), FakeRecord(b"a/b/1", b'{"v":9}')]

    async def check(reading: Reading) -> None:
        await reading.until(lambda: key(1) in reading.heard)

    with capture_logs() as logs:
        reading = run(FakeConsumer([[*broken, record(1)]], end=4), check)
    assert [log["reason"] for log in logs] == ["partial_malformed", "partial_version"]
    assert reading.telemetry.registry.get_sample_value("toptweets_partials_refused_total") == 3


def test_a_loop_that_is_slow_is_not_given_more_than_it_took() -> None:
    consumer = FakeConsumer([[record(number) for number in range(6)]], end=6)
    waiting, most = 0, 0

    class CountingLoop:
        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()

        def call_soon_threadsafe(self, call: Callable[[], None]) -> None:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            self.loop.call_soon_threadsafe(self.run, call)

        def run(self, call: Callable[[], None]) -> None:
            nonlocal waiting
            threading.Event().wait(0.005)
            waiting -= 1
            call()

    async def check() -> None:
        heard: list[object] = []
        topic = PartialsTopic(
            "g.partials",
            heard.append,
            lambda: None,
            failed=heard.append,
            loop=CountingLoop(),  # type: ignore[arg-type]  # a fake
            telemetry=Telemetry(CollectorRegistry()),
        )
        topic.start(consumer)
        async with asyncio.timeout(PATIENCE):
            while len(heard) < 6:  # noqa: ASYNC110 -- filled from a thread
                await asyncio.sleep(0.001)
        topic.ask_to_stop()
        assert await asyncio.to_thread(topic.join, Seconds(PATIENCE))
        assert most == 1

    asyncio.run(check())


def test_a_fault_of_ours_is_told() -> None:
    class Broken(FakeConsumer):
        def position(self, _: object) -> int:
            raise ValueError("ours")

    async def check(reading: Reading) -> None:
        await reading.until(lambda: bool(reading.failures))
        assert isinstance(reading.failures[0], ValueError)

    run(Broken(), check)
